// What is known about one target at this moment, kept from its signals. It lives in memory only: signals repeat, so a
// restarted control plane sees the same again within a second. Every collection in it is bounded.
import type { ErrorContext, ErrorFacts, Exit, ReportedFinding, Signal, TargetSpec, TimeMs } from "../signal/index.ts";
import { observeGuard, observeGuardStates, type TripView } from "./guards.ts";
import { forgetProcess, gather, newGathered, type Gathered } from "./gathered.ts";
import { groupError, type ErrorGroup } from "./learned/errors.ts";
import type { Forecast, Resource } from "./learned/forecast.ts";
import { sloTrackers, type SloTrackers } from "./slo.ts";

/** Samples kept for slopes: ten minutes at one a second; the oldest goes. */
export const samplesMax = 600;
/** Distinct errors kept per target; the longest quiet one goes. */
export const errorGroupsMax = 100;
/** Addresses of outgoing calls kept per target; the longest quiet one goes. */
export const addressesMax = 50;

/** The agent speaks of each service once a second; a silence longer than this is a gap in what is known, ms. */
export const gapMs = 5_000;

export interface TargetView {
  readonly spec: TargetSpec;
  /** Counts for its service level objectives. */
  readonly slos: SloTrackers;
  process: ProcessView | null;
  readonly checks: Map<string, CheckView>;
  stall: { readonly since: TimeMs; readonly at: TimeMs; readonly blockedMs: number; readonly cpuShare: number } | null;
  heartbeatAt: TimeMs | null;
  readonly samples: { readonly at: TimeMs; readonly values: Readonly<Record<string, number>> }[];
  readonly errors: Map<string, ErrorView>;
  /** What will run out, as the patient forecasts say; kept by the learner. */
  readonly forecasts: Map<Resource, Forecast>;
  readonly outgoing: Map<string, { at: TimeMs; errorAt: TimeMs | null; lastError: string | null }>;
  /** Requests, calls, gauges, files, locks, folders, past ends. */
  readonly gathered: Gathered;
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
  /** End of the last silence about the target (the machine slept, the agent was away): what was due meanwhile starts anew. */
  gapEndedAt: TimeMs | null;
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
  /** The newest outcomes, oldest first, at most `recentMax`; true: passed. */
  recent: boolean[];
  /** It fails again and again without ever failing often enough in a row; since when. */
  flappingSince: TimeMs | null;
  /** What the newest failure said. */
  failure: string;
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
  readonly context: ErrorContext | null;
  readonly group: ErrorGroup;
  readonly since: TimeMs;
  at: TimeMs;
  events: number;
  total: number;
}

export function newView(spec: TargetSpec): TargetView {
  return {
    spec,
    slos: sloTrackers(spec.slos ?? []),
    process: null,
    checks: new Map(),
    stall: null,
    heartbeatAt: null,
    samples: [],
    errors: new Map(),
    forecasts: new Map(),
    outgoing: new Map(),
    gathered: newGathered(),
    reported: new Map(),
    trips: new Map(),
    drill: null,
    lastExit: null,
    startFailed: null,
    seenAt: null,
    gapEndedAt: null,
    healthySince: null,
    goodAt: null,
    changes: [],
  };
}

/** Takes one signal in. Late ones (older than what is known) do not turn a level back. */
export function observe(view: TargetView, signal: Signal): void {
  // What was due before anybody listened is not held against the target: not after a silence, nor after a start of ours.
  if (view.seenAt === null || signal.at - view.seenAt > gapMs) view.gapEndedAt = signal.at;
  view.seenAt = Math.max(view.seenAt ?? signal.at, signal.at);
  gather(view.gathered, signal);
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
        // What was due while it was blocked starts anew.
        view.gapEndedAt = signal.at;
        // Failures while it was blocked were the block's; the checks are counted anew.
        for (const check of view.checks.values())
          Object.assign(check, {
            failing: false,
            failuresInRow: 0,
            failingSince: null,
            recent: [],
            flappingSince: null,
          });
      }
      return;
    case "heartbeat":
      view.heartbeatAt = Math.max(view.heartbeatAt ?? signal.at, signal.at);
      return;
    case "sample":
      view.slos.sample(signal.at, signal.values);
      view.samples.push({ at: signal.at, values: signal.values });
      if (view.samples.length > samplesMax) view.samples.shift();
      return;
    case "traffic":
      view.slos.traffic(signal);
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
      observeError(view, signal.at, signal.origin, signal.error, signal.context ?? null);
      return;
    case "guard":
      observeGuard(view, signal);
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
    case "gauges":
      observeGuardStates(view, signal.at, signal.gauges);
      return;
    case "routes":
    case "files":
    case "locks":
    case "folders":
      // Taken in above.
      return;
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
    forgetProcess(view.gathered);
  }
}

/** Outcomes of a check that are kept. */
const recentMax = 20;
/** It flaps from this many failures among them, in this many stretches; one outage, however long, is one stretch… */
const flapsFailures = 8;
const flapsStretches = 4;
/** …and until no more than this many are left. */
const flapsUntil = 2;

function flaps({ recent, flappingSince }: CheckView): boolean {
  const failures = recent.filter((ok) => !ok).length;
  if (flappingSince !== null) return failures > flapsUntil;
  const stretches = recent.filter((ok, at) => !ok && recent[at - 1] !== false).length;
  return recent.length === recentMax && failures >= flapsFailures && stretches >= flapsStretches;
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
    recent: [],
    flappingSince: null,
    failure: "",
  };
  view.checks.set(signal.check, check);
  if (signal.at < check.at) return;
  if (!signal.ok) check.failure = signal.message;
  // Before it has passed once it starts up.
  if (check.okAt !== null || signal.ok) check.recent = [...check.recent, signal.ok].slice(-recentMax);
  check.flappingSince = flaps(check) ? (check.flappingSince ?? signal.at) : null;
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

/** One failure reported twice (a probe sees what is also printed) counts once when the reports come within this, ms. */
const sameReportMs = 5_000;

function observeError(
  view: TargetView,
  at: TimeMs,
  origin: string,
  error: ErrorFacts,
  context: ErrorContext | null,
): void {
  const group = groupError(error, context ?? {});
  const known = view.errors.get(group.fingerprint);
  const repeated = known !== undefined && known.origin !== origin && Math.abs(at - known.at) <= sameReportMs;
  if (repeated && origin === "log") return;
  view.errors.delete(group.fingerprint);
  view.errors.set(group.fingerprint, {
    error,
    origin,
    context,
    group,
    since: Math.min(known?.since ?? at, at),
    // A late one is counted, and does not make the newest older.
    at: Math.max(known?.at ?? at, at),
    events: (known?.events ?? 0) + 1,
    total: (known?.total ?? 0) + 1,
  });
  dropOldest(view.errors, errorGroupsMax);
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
