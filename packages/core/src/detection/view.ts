// What is known about one target at this moment, kept from its signals. It lives in memory only: signals repeat, so a
// restarted control plane sees the same again within a second. Every collection in it is bounded.
import type { ErrorFacts, Exit, ReportedFinding, Signal, TargetSpec, TimeMs } from "../signal/index.ts";
import { observeGuard, observeGuardStates, type TripView } from "./guards.ts";

/** Samples kept for slopes: ten minutes at one a second; the oldest goes. */
export const samplesMax = 600;
/** Distinct errors kept per target; the longest quiet one goes. */
export const errorGroupsMax = 100;
/** Addresses of outgoing calls kept per target; the longest quiet one goes. */
export const addressesMax = 50;

export interface TargetView {
  readonly spec: TargetSpec;
  process: ProcessView | null;
  readonly checks: Map<string, CheckView>;
  stall: { readonly since: TimeMs; readonly at: TimeMs; readonly blockedMs: number; readonly cpuShare: number } | null;
  heartbeatAt: TimeMs | null;
  readonly samples: { readonly at: TimeMs; readonly values: Readonly<Record<string, number>> }[];
  readonly errors: Map<string, ErrorView>;
  readonly outgoing: Map<string, { at: TimeMs; errorAt: TimeMs | null; lastError: string | null }>;
  readonly reported: Map<
    string,
    { readonly finding: ReportedFinding; readonly at: TimeMs; readonly since: TimeMs; events: number }
  >;
  readonly trips: Map<string, TripView>;
  /** The drill announced last: what goes bad within its time is its doing. */
  drill: { readonly drill: string; readonly beganAt: TimeMs; readonly untilAt: TimeMs } | null;
  lastExit: LastExit | null;
  startFailed: {
    readonly at: TimeMs;
    readonly reason: string;
    readonly lastLines: readonly string[];
    events: number;
  } | null;
  /** Last time anything was heard of the target. */
  seenAt: TimeMs | null;
  /** Start of the present stretch without a fault; null while a fault holds. Kept by detect(). */
  healthySince: TimeMs | null;
  /** Last moment at which it was seen good. */
  goodAt: TimeMs | null;
  changes: { readonly at: TimeMs; readonly what: string; readonly summary: string }[];
}

export interface ProcessView {
  readonly running: boolean;
  readonly pid: number | null;
  /** Start of the run, or of the absence. */
  readonly since: TimeMs;
  /** It ought to be running. */
  readonly wanted: boolean;
}

export interface CheckView {
  readonly name: string;
  failing: boolean;
  failuresInRow: number;
  successesInRow: number;
  /** When the row of failures began. */
  failingSince: TimeMs | null;
  okAt: TimeMs | null;
  at: TimeMs;
  latencyMs: number;
  message: string;
}

export interface LastExit {
  readonly at: TimeMs;
  readonly pid: number;
  readonly exit: Exit;
  readonly uptimeMs: number;
  readonly lastLines: readonly string[];
  readonly error: ErrorFacts | null;
  /** Unexpected exits since the findings were last taken. */
  events: number;
}

export interface ErrorView {
  readonly error: ErrorFacts;
  readonly origin: string;
  readonly since: TimeMs;
  at: TimeMs;
  events: number;
  total: number;
}

export function newView(spec: TargetSpec): TargetView {
  return {
    spec,
    process: null,
    checks: new Map(),
    stall: null,
    heartbeatAt: null,
    samples: [],
    errors: new Map(),
    outgoing: new Map(),
    reported: new Map(),
    trips: new Map(),
    drill: null,
    lastExit: null,
    startFailed: null,
    seenAt: null,
    healthySince: null,
    goodAt: null,
    changes: [],
  };
}

/** Takes one signal in. Late ones (older than what is known) do not turn a level back. */
export function observe(view: TargetView, signal: Signal): void {
  view.seenAt = Math.max(view.seenAt ?? signal.at, signal.at);
  switch (signal.type) {
    case "started":
      setProcess(view, { running: true, pid: signal.pid, since: signal.at, wanted: true });
      return;
    case "exited":
      if (!signal.expected) {
        view.lastExit = {
          at: signal.at,
          pid: signal.pid,
          exit: signal.exit,
          uptimeMs: signal.uptimeMs,
          lastLines: signal.lastLines,
          error: signal.error ?? null,
          events: (view.lastExit?.events ?? 0) + 1,
        };
      }
      if (view.process === null || view.process.pid === signal.pid || !view.process.running)
        setProcess(view, { running: false, pid: null, since: signal.at, wanted: !signal.expected });
      return;
    case "process":
      if (signal.running) setProcess(view, { running: true, pid: signal.pid, since: signal.startedAt, wanted: true });
      else setProcess(view, { running: false, pid: null, since: signal.since, wanted: signal.wanted });
      return;
    case "start-failed":
      view.startFailed = {
        at: signal.at,
        reason: signal.reason,
        lastLines: signal.lastLines,
        events: (view.startFailed?.events ?? 0) + 1,
      };
      return;
    case "check":
      observeCheck(view, signal);
      return;
    case "stall":
      if (signal.blockedMs > 0)
        view.stall = {
          since: signal.at - signal.blockedMs,
          at: signal.at,
          blockedMs: signal.blockedMs,
          cpuShare: signal.cpuShare,
        };
      else {
        view.stall = null;
        // Failures while it was blocked were the block's; the checks are counted anew.
        for (const check of view.checks.values())
          Object.assign(check, { failing: false, failuresInRow: 0, failingSince: null });
      }
      return;
    case "heartbeat":
      view.heartbeatAt = Math.max(view.heartbeatAt ?? signal.at, signal.at);
      return;
    case "sample":
      view.samples.push({ at: signal.at, values: signal.values });
      if (view.samples.length > samplesMax) view.samples.shift();
      return;
    case "outgoing":
      view.outgoing.delete(signal.address);
      view.outgoing.set(signal.address, {
        at: signal.at,
        errorAt: signal.errors > 0 ? signal.at : null,
        lastError: signal.lastError,
      });
      dropOldest(view.outgoing, addressesMax);
      return;
    case "error":
      observeError(view, signal.at, signal.origin, signal.error);
      return;
    case "guard":
      observeGuard(view, signal);
      return;
    case "guards":
      observeGuardStates(view, signal.at, signal.states);
      return;
    case "drill":
      view.drill = { drill: signal.drill, beganAt: signal.beganAt, untilAt: signal.untilAt };
      return;
    case "reported": {
      const key = `${signal.finding.kind} ${signal.finding.distinguisher}`;
      const known = view.reported.get(key);
      view.reported.delete(key);
      if (signal.finding.state === "firing")
        view.reported.set(key, {
          finding: signal.finding,
          at: signal.at,
          since: known?.since ?? signal.at,
          events: (known?.events ?? 0) + 1,
        });
      dropOldest(view.reported, errorGroupsMax);
      return;
    }
    case "change":
      view.changes = [...view.changes, { at: signal.at, what: signal.what, summary: signal.summary }].slice(-20);
      return;
    case "lost": {
      const known = view.reported.get("signals-lost ");
      view.reported.set("signals-lost ", {
        finding: {
          kind: "signals-lost",
          distinguisher: "",
          state: "firing",
          severity: "low",
          summary: `${signal.count} signals lost: ${signal.reason}`,
        },
        at: signal.at,
        since: known?.since ?? signal.at,
        events: (known?.events ?? 0) + signal.count,
      });
      return;
    }
    default:
      signal satisfies never;
  }
}

function setProcess(view: TargetView, next: ProcessView): void {
  const known = view.process;
  const fresh = next.running && (known === null || !known.running || known.pid !== next.pid);
  view.process =
    known !== null && known.running === next.running && known.pid === next.pid ? { ...next, since: known.since } : next;
  if (fresh) {
    // A new process starts with a clean slate: what was said of the old one no longer holds.
    view.stall = null;
    view.startFailed = null;
    view.lastExit = null;
    view.heartbeatAt = null;
    view.samples.length = 0;
    view.checks.clear();
    view.outgoing.clear();
    view.trips.clear();
  }
}

function observeCheck(view: TargetView, signal: Extract<Signal, { type: "check" }>): void {
  const role = view.spec.checks.find((check) => check.name === signal.check);
  if (role === undefined) return;
  const check = view.checks.get(signal.check) ?? {
    name: signal.check,
    failing: false,
    failuresInRow: 0,
    successesInRow: 0,
    failingSince: null,
    okAt: null,
    at: signal.at,
    latencyMs: 0,
    message: "",
  };
  view.checks.set(signal.check, check);
  if (signal.at < check.at) return;
  check.at = signal.at;
  check.latencyMs = signal.latencyMs;
  check.message = signal.message;
  if (signal.ok) {
    check.successesInRow += 1;
    check.failuresInRow = 0;
    if (!check.failing || check.successesInRow >= role.successes) {
      check.failing = false;
      check.failingSince = null;
      check.okAt = signal.at;
    }
    return;
  }
  check.failuresInRow += 1;
  check.successesInRow = 0;
  check.failingSince ??= signal.at;
  // While it starts up and has never answered, failing is expected; the detector of slow starts judges by startupMs.
  const starting =
    check.okAt === null && view.process?.running === true && signal.at - view.process.since < view.spec.startupMs;
  if (check.failuresInRow >= role.failures && !starting) check.failing = true;
}

function observeError(view: TargetView, at: TimeMs, origin: string, error: ErrorFacts): void {
  const key = errorGroup(error);
  const known = view.errors.get(key);
  view.errors.delete(key);
  view.errors.set(key, {
    error,
    origin,
    since: known?.since ?? at,
    at,
    events: (known?.events ?? 0) + 1,
    total: (known?.total ?? 0) + 1,
  });
  dropOldest(view.errors, errorGroupsMax);
}

/** Errors of one type from one place are one group: name, code and first frame, or the message with its numbers taken out. */
export function errorGroup(error: ErrorFacts): string {
  const frame = error.stack?.split("\n").find((line) => /^\s*at /.test(line) && !line.includes("node:internal"));
  const place =
    frame === undefined
      ? error.message.replace(/\d+/g, "0").slice(0, 120)
      : (/at (?:async )?([^ (]+)/.exec(frame)?.[1] ?? "");
  return [error.name, error.code, place].filter((part) => part !== null && part !== "").join(" ");
}

function dropOldest<V>(map: Map<string, V>, max: number): void {
  while (map.size > max) {
    const oldest = map.keys().next();
    if (oldest.done === true) return;
    map.delete(oldest.value);
  }
}

/** The event counts have been taken into a commit: start counting anew. */
export function eventsTaken(view: TargetView): void {
  if (view.lastExit !== null) view.lastExit.events = 0;
  if (view.startFailed !== null) view.startFailed.events = 0;
  for (const error of view.errors.values()) error.events = 0;
  for (const trip of view.trips.values()) Object.assign(trip, { events: 0, notes: [] });
  for (const reported of view.reported.values()) reported.events = 0;
}
