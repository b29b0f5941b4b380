// A process that is down: how it ended, what it said last, and what of that names a cause (a taken port, a lock whose owner is
// dead, the same record again and again, a file that changed since it last ran well).
import type { TimeMs } from "../signal/index.ts";
import { changesBefore } from "./changes.ts";
import type { Evidence, Finding } from "./finding.ts";
import type { PastExit } from "./gathered.ts";
import { errorOfLines, groupError } from "./learned/errors.ts";
import { deadLocks, lockEvidence } from "./locks.ts";
import { establishes, finding, seconds } from "./make.ts";
import type { LastExit, TargetView } from "./view.ts";

/** An exit whose circumstances are not known after this long is filed without them. */
export const exitKnownMs = 750;
/** This many like ends within the window, the last one soon after its start, are a crash loop. */
export const loopExits = 2;
export const loopUptimeMs = 30_000;
export const loopWindowMs = 600_000;

export function processDown(view: TargetView, now: TimeMs): Finding[] {
  if (view.spec.kind !== "service") return [];
  const down = view.process !== null && !view.process.running && view.process.wanted;
  if (view.startFailed !== null && view.process?.running !== true) {
    const { at, reason, lastLines, events } = view.startFailed;
    return [
      finding(view, now, {
        kind: "start-failed",
        severity: "critical",
        summary: `${view.spec.key} cannot be started: ${reason}`,
        beganAt: view.goodAt ?? at,
        certainty: "witnessed",
        down: true,
        events,
        evidence: [...causesIn(reason, at), ...changesBefore(view, at), ...lines(at, lastLines)],
      }),
    ];
  }
  if (!down) return [];
  const exit = view.lastExit;
  if (exit === null) {
    // How it ended is told by an event of its own, which may be on its way.
    if (now - (view.process?.since ?? now) < exitKnownMs) return [];
    return [
      finding(view, now, {
        kind: "crash",
        severity: "critical",
        summary: `${view.spec.key} is not running`,
        certainty: "witnessed",
        down: true,
        evidence: changesBefore(view, now),
      }),
    ];
  }
  const port = portTaken(exit);
  const common = { beganAt: exit.at, certainty: "witnessed", down: true, events: exit.events } as const;
  if (port !== null) {
    return [
      finding(view, now, {
        ...common,
        kind: "port-taken",
        distinguisher: port,
        severity: "medium",
        summary: `port ${port} that ${view.spec.key} needs is taken`,
        evidence: exitEvidence(exit),
      }),
    ];
  }
  const killedBy = killer(exit);
  if (killedBy !== null) {
    return [
      finding(view, now, {
        ...common,
        kind: "killed",
        distinguisher: killedBy.distinguisher,
        severity: "critical",
        summary: `${view.spec.key} ${killedBy.how}`,
        evidence: [...exitEvidence(exit), ...loopEvidence(view, exit)],
      }),
    ];
  }
  return [
    finding(view, now, {
      ...common,
      kind: "crash",
      ...crashGroup(exit),
      severity: "critical",
      summary: crashSummary(view.spec.key, exit),
      evidence: crashEvidence(view, exit),
    }),
  ];
}

/** Whoever killed it from outside; null when it died of itself. */
/** Crashes of one stack are one failure; without a stack they are told apart by the error's name, if there is one. */
function crashGroup(exit: LastExit): Pick<Finding, "distinguisher" | "grouping"> {
  const error = exit.error?.stack == null ? (errorOfLines(exit.lastLines) ?? exit.error) : exit.error;
  if (error === null) return { distinguisher: "" };
  if (error.stack === null) return { distinguisher: error.name };
  const { fingerprint, basis, why } = groupError(error);
  return { distinguisher: fingerprint, grouping: { basis, why } };
}

function killer(exit: LastExit): { readonly distinguisher: string; readonly how: string } | null {
  if (exit.exit.outOfMemory) {
    const { memoryLimitBytes } = exit.exit;
    const whose =
      memoryLimitBytes === undefined ? "" : `, at its own limit of ${Math.round(memoryLimitBytes / 1e6)} MB`;
    return { distinguisher: "out-of-memory", how: `was killed by the kernel: out of memory${whose}` };
  }
  const { signal } = exit.exit;
  return signal === null || crashSignals.has(signal) ? null : { distinguisher: signal, how: `was killed by ${signal}` };
}

/** Signals that a process brings upon itself; others come from outside. */
const crashSignals = new Set(["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP"]);

function crashSummary(target: string, { exit, error }: LastExit): string {
  const how =
    exit.signal !== null
      ? `died of ${exit.signal}`
      : exit.code === null
        ? "ended (its status is unknown)"
        : `exited with ${exit.code}`;
  return error === null ? `${target} ${how}` : `${target} ${how}: ${error.name}: ${error.message}`.slice(0, 300);
}

/** The evidence that names a cause comes first, the raw facts after it. */
function crashEvidence(view: TargetView, exit: LastExit): Evidence[] {
  const text = textOf(exit);
  const abandoned = /\block/i.test(text) ? deadLocks(view).map(lockEvidence) : [];
  const onset = firstOfRow(view, exit)?.at ?? exit.at;
  return [
    ...changesBefore(view, onset),
    ...recordEvidence(view, exit),
    ...abandoned,
    ...causesIn(text, exit.at),
    ...loopEvidence(view, exit),
    ...exitEvidence(exit),
  ];
}

/** What a message itself says of the cause. */
export function causesIn(text: string, at: TimeMs): Evidence[] {
  const found = (summary: string): Omit<Evidence, "data"> => ({ at, what: "note", summary });
  const match = (rule: RegExp): string | null => rule.exec(text)?.[0]?.trim().slice(0, 200) ?? null;
  const evidence: Evidence[] = [];
  const memory = match(/[^\n]*(?:heap out of memory|Cannot allocate memory|ENOMEM|MemoryError)[^\n]*/i);
  if (memory !== null) evidence.push(establishes("memory", found(`it ran out of memory: ${memory}`)));
  const disk = match(/[^\n]*(?:ENOSPC|No space left on device)[^\n]*/i);
  if (disk !== null) evidence.push(establishes("disk-full", found(`no space was left on the disk: ${disk}`)));
  const descriptors = match(/[^\n]*(?:EMFILE|ENFILE|too many open files)[^\n]*/i);
  if (descriptors !== null) evidence.push(establishes("descriptors", found(`no descriptor was free: ${descriptors}`)));
  const name = match(/[^\n]*(?:ENOTFOUND|EAI_AGAIN|Name or service not known)[^\n]*/i);
  if (name !== null) evidence.push(establishes("name-resolution", found(`a name could not be resolved: ${name}`)));
  const certificate = match(/[^\n]*(?:CERT_HAS_EXPIRED|certificate has expired|CERT_NOT_YET_VALID)[^\n]*/i);
  if (certificate !== null) evidence.push(establishes("certificate", found(certificate)));
  const dependency = match(/[^\n]*(?:ECONNREFUSED|EHOSTUNREACH|ETIMEDOUT|ECONNRESET)[^\n]*/i);
  if (dependency !== null)
    evidence.push(establishes("dependency", found(`something it needs did not answer: ${dependency}`)));
  const permission = match(/[^\n]*(?:EACCES|EPERM|Permission denied)[^\n]*/i);
  if (permission !== null) evidence.push(establishes("permission", found(`it may not: ${permission}`)));
  return evidence;
}

/** The same record in this end and the one before it: the record is what it cannot digest. */
function recordEvidence(view: TargetView, exit: LastExit): Evidence[] {
  const folders = view.spec.recordFolders ?? [];
  if (folders.length === 0) return [];
  const ends = likeEnds(view, exit);
  if (ends.length < 2) return [];
  const recent = ends.slice(-3).map((end) => recordsNamed(textOf(end), folders));
  const record = recent.at(-1)?.find((each) => recent.every((named) => named.includes(each)));
  return record === undefined
    ? []
    : [
        establishes(
          "poison-record",
          {
            at: exit.at,
            what: "note",
            summary: `it died ${ends.length} times in a row while it worked on the record ${record}`,
          },
          { path: record },
        ),
      ];
}

/** Paths of files in the given folders that a text names. */
export function recordsNamed(text: string, folders: readonly string[]): string[] {
  const named = new Set<string>();
  for (const [token] of text.slice(0, 20_000).matchAll(/[\w.@+-]*(?:\/[\w.@+-]+)+/g)) {
    for (const folder of folders) {
      const last = folder.split("/").filter(Boolean).at(-1) ?? "";
      const at = `/${token}`.lastIndexOf(`/${last}/`);
      if (at < 0) continue;
      const rest = `/${token}`.slice(at + last.length + 2);
      // A record lies in the folder itself; anything deeper, or a way out of it, is none.
      if (rest !== "" && !rest.includes("/") && rest !== "." && rest !== "..") named.add(`${folder}/${rest}`);
    }
  }
  return [...named];
}

function loopEvidence(view: TargetView, exit: LastExit): Evidence[] {
  const ends = likeEnds(view, exit);
  const [first] = ends;
  if (first === undefined || ends.length < loopExits || exit.uptimeMs > loopUptimeMs) return [];
  return [
    establishes(
      "crash-loop",
      {
        at: exit.at,
        what: "note",
        summary: `the same end ${ends.length} times in ${seconds(exit.at - first.at)}`,
      },
      { times: ends.length },
    ),
  ];
}

/** Ends like this one, in a row up to it, each soon after a start. */
function likeEnds(view: TargetView, exit: LastExit): PastExit[] {
  const mark = signatureOf(exit);
  const ends: PastExit[] = [];
  for (const past of view.gathered.exits.toReversed()) {
    if (past.at > exit.at) continue;
    if (past.at < exit.at - loopWindowMs || signatureOf(past) !== mark) break;
    ends.unshift(past);
    // One that came after a long good run begins the row.
    if (past.uptimeMs > 60_000) break;
  }
  return ends;
}

function firstOfRow(view: TargetView, exit: LastExit): PastExit | undefined {
  return likeEnds(view, exit)[0];
}

function signatureOf(exit: Pick<PastExit, "exit" | "error">): string {
  return [exit.exit.code, exit.exit.signal, exit.error?.name ?? "", exit.error?.code ?? ""].join(" ");
}

function textOf(exit: Pick<PastExit, "error" | "lastLines">): string {
  return [exit.error?.code, exit.error?.message, exit.error?.stack, ...exit.lastLines.slice(-20)].join("\n");
}

/** The port named by an EADDRINUSE in the error or the last lines; "unknown" when the message names none. */
export function portTaken(exit: Pick<LastExit, "error" | "lastLines">): string | null {
  const text = [exit.error?.code, exit.error?.message, ...exit.lastLines].join("\n");
  if (!/EADDRINUSE|address already in use/i.test(text)) return null;
  return (
    /(?:EADDRINUSE|already in use)[^\n]*?:(\d{2,5})\b/i.exec(text)?.[1] ??
    /\bport:?\s*(\d{2,5})\b/i.exec(text)?.[1] ??
    "unknown"
  );
}

export function exitEvidence(exit: LastExit): Evidence[] {
  const how = exit.exit.signal !== null ? `signal ${exit.exit.signal}` : `status ${exit.exit.code ?? "unknown"}`;
  const evidence: Evidence[] = [
    {
      at: exit.at,
      what: "exit",
      summary: `pid ${exit.pid} ended with ${how} after ${Math.round(exit.uptimeMs / 100) / 10} s`,
    },
  ];
  if (exit.error !== null) {
    evidence.push({
      at: exit.at,
      what: "error",
      summary: `${exit.error.name}: ${exit.error.message}`.slice(0, 300),
      ...(exit.error.stack === null ? {} : { text: exit.error.stack.slice(0, 8_000) }),
      ...(exit.error.fields === undefined ? {} : { data: { fields: exit.error.fields } }),
    });
  }
  return [...evidence, ...lines(exit.at, exit.lastLines)];
}

function lines(at: TimeMs, last: readonly string[]): Evidence[] {
  return last.length === 0
    ? []
    : [{ at, what: "log", summary: "last lines of its output", text: last.slice(-20).join("\n").slice(-8_000) }];
}
