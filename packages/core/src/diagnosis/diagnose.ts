// From an incident to its root cause: which evidence to gather first, and what all of it says. The evidence is gathered
// outside; nothing here waits. A question that is not answered never holds a repair back for longer than its timeout.
import type { Evidence, Json } from "../detection/index.ts";
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
    case "start-failed":
      if (error !== undefined) return `${error.summary}${suffix(firstFrame(error.text))}`;
      return `${incident.summary}${suffix(lastErrorLine(found("log")?.text))}`;
    case "heartbeat-missed":
      return `${incident.summary}${suffix(stack === undefined ? undefined : `main thread in ${stack.summary}`)}`;
    case "error":
      return `${incident.summary}${suffix(firstFrame(error?.text))}`;
    case "guard-tripped":
      return guardCause(incident);
    default:
      return incident.summary;
  }
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
