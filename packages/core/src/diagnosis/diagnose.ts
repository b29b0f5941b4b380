// From an incident to its root cause: which evidence to gather first, and what all of it says. The evidence is gathered
// outside; nothing here waits. A question that is not answered never holds a repair back for longer than its timeout.
import { causeIn, type Evidence, type Json } from "../detection/index.ts";
import type { Incident } from "../issue/index.ts";
import type { Question } from "../ports.ts";
import { guardCause } from "./guard-cause.ts";

/** Longest wait for evidence, ms. The heap profile samples for a while; the others answer at once or not at all. */
export const questionTimeoutMs = { stack: 2_500, heap: 6_000, "port-owner": 1_500, recheck: 3_000 } as const;

/** What should be asked before the incident is diagnosed; null when what is known is enough. */
export function questionFor(incident: Incident): Question | null {
  const has = (what: Evidence["what"]): boolean => incident.evidence.some((evidence) => evidence.what === what);
  const ask = (want: Question["want"], detail = ""): Question => ({
    target: incident.target,
    want,
    detail,
    timeoutMs: questionTimeoutMs[want],
  });
  switch (incident.kind) {
    case "event-loop-blocked":
      return has("stack") ? null : ask("stack");
    case "heartbeat-missed":
      return has("stack") ? null : ask("stack");
    case "memory-leak":
      return has("heap") ? null : ask("heap", "3");
    case "port-taken":
      return has("owner") ? null : ask("port-owner", portOf(incident) ?? "");
    default:
      return null;
  }
}

/** The root cause in one sentence, from the evidence at hand. */
export function rootCause(incident: Incident): string {
  const found = (what: Evidence["what"]): Evidence | undefined =>
    incident.evidence.findLast((evidence) => evidence.what === what);
  const error = found("error");
  const exit = found("exit");
  const stack = found("stack");
  switch (incident.kind) {
    case "event-loop-blocked":
      return stack === undefined ? `${incident.summary}; no stack could be had` : `event loop ${stack.summary}`;
    case "memory-leak": {
      const heap = found("heap");
      return heap === undefined ? incident.summary : `memory leak: ${heap.summary}`;
    }
    case "port-taken":
      return `${incident.summary}${suffix(found("owner")?.summary)}`;
    case "killed":
      return `${incident.summary}${suffix(exit?.summary)}`;
    case "crash":
    case "start-failed": {
      const how =
        error === undefined
          ? `${incident.summary}${suffix(lastErrorLine(found("log")?.text))}`
          : `${error.summary}${suffix(firstFrame(error.text))}`;
      return causedBy(incident, how);
    }
    case "heartbeat-missed":
      return causedBy(
        incident,
        `${incident.summary}${suffix(stack === undefined ? undefined : `main thread in ${stack.summary}`)}`,
      );
    case "error":
      return `${incident.summary}${suffix(firstFrame(error?.text))}`;
    case "descriptor-leak":
    case "pool-exhausted":
    case "queue-growth":
    case "disk-filling":
    case "disk-full":
    case "inodes-exhausted":
    case "certificate-expiring":
    case "token-expiring":
    case "clock-skew":
    case "zombie-children":
    case "too-many-threads":
      return `${incident.summary}${suffix(measured(incident)?.summary)}`;
    case "guard-tripped":
      return guardCause(incident);
    case "stale-lock":
      return incident.summary;
    default:
      return causedBy(incident, incident.summary);
  }
}

/** What the fault was measured by, as it was seen last: with the first look a summary renewed since would not agree. */
function measured({ evidence }: Incident): Evidence | undefined {
  const first = evidence.find((each) => each.what !== "note");
  return evidence.findLast((each) => each.what === first?.what);
}

/** The words of the causes that evidence establishes, the most fundamental first; remedies ask for them. */
export function causesOf(incident: Pick<Incident, "evidence">): string[] {
  return [...new Set(incident.evidence.map(causeIn).filter((cause) => cause !== null))];
}

/** Evidence of the first cause that has any, or undefined. */
export function establishing(incident: Pick<Incident, "evidence">, causes: readonly string[]): Evidence | undefined {
  return incident.evidence.find((evidence) => causes.includes(causeIn(evidence) ?? ""));
}

/** What makes a sentence of its own before how it showed; loops and exceptions only add to it. */
const leading: readonly string[] = [
  "config-syntax",
  "config-changed",
  "release-changed",
  "poison-record",
  "stale-lock",
  "disk-full",
  "descriptors",
  "memory",
  "name-resolution",
  "certificate",
  "dependency",
  "permission",
  "recent-change",
];

function causedBy(incident: Incident, how: string): string {
  const cause = incident.evidence
    .filter((evidence) => leading.includes(causeIn(evidence) ?? ""))
    .sort((a, b) => leading.indexOf(causeIn(a) ?? "") - leading.indexOf(causeIn(b) ?? ""))[0];
  const loop = incident.evidence.find((evidence) => causeIn(evidence) === "crash-loop");
  const exception = cause === undefined ? incident.evidence.find((each) => causeIn(each) === "exception") : undefined;
  const shown = `${how}${exception === undefined ? "" : suffix(`${exception.summary}${suffix(firstFrame(exception.text))}`)}`;
  return `${cause === undefined ? shown : `${cause.summary}; shown by: ${shown}`}${suffix(loop?.summary)}`.slice(
    0,
    1_000,
  );
}

/** Whether the owner of a taken port is a process that Prunella started and lost track of. */
export function ownerIsOurs(incident: Incident): boolean {
  const data: Json | undefined = incident.evidence.findLast((evidence) => evidence.what === "owner")?.data;
  return (
    typeof data === "object" &&
    data !== null &&
    !Array.isArray(data) &&
    (data as { readonly [key: string]: Json })["ours"] === true
  );
}

/** The port a "port-taken" incident is about, as text; null when its message named none. */
export function portOf(incident: Pick<Incident, "summary">): string | null {
  return /port (\d+)/.exec(incident.summary)?.[1] ?? null;
}

function suffix(text: string | undefined | null): string {
  return text === undefined || text === null || text === "" ? "" : ` (${text})`;
}

function firstFrame(stack: string | undefined): string | undefined {
  const frames = stack?.split("\n").filter((line) => /^\s*at /.test(line)) ?? [];
  return (frames.find((line) => !line.includes("node:") && !line.includes("node_modules")) ?? frames[0])?.trim();
}

function lastErrorLine(text: string | undefined): string | undefined {
  const all = text?.split("\n").map((line) => line.trim()) ?? [];
  return (
    all.findLast((line) => /error|exception|fatal|panic|cannot|refused|denied/i.test(line)) ??
    all.findLast((line) => line !== "")
  )?.slice(0, 300);
}
