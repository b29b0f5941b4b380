// What is known of a target beyond its process and checks: its requests and calls over the last minute, how full its pools and
// queues are, its declared files, locks and folders, and how it ended before. Part of the view; everything is bounded.
import type {
  CheckFacts,
  ErrorFacts,
  Exit,
  FileFacts,
  FolderFacts,
  LockFacts,
  RouteFacts,
  Signal,
  TimeMs,
} from "../signal/index.ts";

/** Intervals of requests, calls and gauges kept (one a second): ten minutes of requests, two of the rest. The oldest goes. */
export const routeIntervalsMax = 600;
export const intervalsMax = 120;
/** Routes, guards, locks and folders kept per target; later ones are not looked at. */
export const namesMax = 50;
/** Folder measurements kept per folder. */
export const folderSamplesMax = 120;
/** Unexpected ends kept per target. */
export const exitsMax = 20;

export interface RouteInterval {
  readonly at: TimeMs;
  readonly ms: number;
  readonly routes: readonly RouteFacts[];
}
export interface CallInterval {
  readonly at: TimeMs;
  readonly count: number;
  readonly errors: number;
  readonly lastError: string | null;
  readonly latencyMsP95: number | null;
}
export interface GaugeInterval {
  readonly at: TimeMs;
  readonly state: string;
  readonly values: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, number>>;
}
export interface PastExit {
  readonly at: TimeMs;
  readonly exit: Exit;
  readonly uptimeMs: number;
  readonly error: ErrorFacts | null;
  readonly lastLines: readonly string[];
}

export interface Gathered {
  readonly requests: RouteInterval[];
  readonly calls: Map<string, CallInterval[]>;
  readonly gauges: Map<string, { readonly guard: string; readonly name: string; readonly history: GaugeInterval[] }>;
  /** How long each check took, newest last. */
  readonly checkTimes: Map<string, { readonly at: TimeMs; readonly latencyMs: number }[]>;
  readonly checkFacts: Map<string, { readonly at: TimeMs; readonly facts: CheckFacts }>;
  files: { readonly at: TimeMs; readonly files: readonly FileFacts[] } | null;
  locks: { readonly at: TimeMs; readonly locks: readonly LockFacts[] } | null;
  readonly folders: Map<string, { readonly at: TimeMs; readonly facts: FolderFacts }[]>;
  /** Survive the process: what happens again and again is seen only across its lives. */
  readonly exits: PastExit[];
}

export function newGathered(): Gathered {
  return {
    requests: [],
    calls: new Map(),
    gauges: new Map(),
    checkTimes: new Map(),
    checkFacts: new Map(),
    files: null,
    locks: null,
    folders: new Map(),
    exits: [],
  };
}

/** Takes in what concerns this part of the view; everything else passes. Late signals turn nothing back. */
export function gather(gathered: Gathered, signal: Signal): void {
  switch (signal.type) {
    case "routes":
      push(gathered.requests, { at: signal.at, ms: signal.intervalMs, routes: signal.routes }, routeIntervalsMax);
      return;
    case "outgoing":
      push(historyOf(gathered.calls, signal.address), {
        at: signal.at,
        count: signal.count,
        errors: signal.errors,
        lastError: signal.lastError,
        latencyMsP95: signal.latencyMsP95 ?? null,
      });
      return;
    case "gauges":
      for (const { guard, name, state, values, counts } of signal.gauges.slice(0, namesMax)) {
        const key = `${guard} ${name}`;
        const known = gathered.gauges.get(key);
        if (known === undefined && gathered.gauges.size >= namesMax) continue;
        const entry = known ?? { guard, name, history: [] };
        gathered.gauges.set(key, entry);
        push(entry.history, { at: signal.at, state, values, counts });
      }
      return;
    case "files":
      if (signal.at >= (gathered.files?.at ?? 0)) gathered.files = { at: signal.at, files: signal.files };
      return;
    case "locks":
      if (signal.at >= (gathered.locks?.at ?? 0)) gathered.locks = { at: signal.at, locks: signal.locks };
      return;
    case "folders":
      for (const facts of signal.folders)
        push(historyOf(gathered.folders, facts.path), { at: signal.at, facts }, folderSamplesMax);
      return;
    case "check":
      if (signal.ok) push(historyOf(gathered.checkTimes, signal.check), { at: signal.at, latencyMs: signal.latencyMs });
      if (signal.facts !== undefined) gathered.checkFacts.set(signal.check, { at: signal.at, facts: signal.facts });
      return;
    case "exited":
      if (signal.expected) return;
      push(
        gathered.exits,
        {
          at: signal.at,
          exit: signal.exit,
          uptimeMs: signal.uptimeMs,
          error: signal.error ?? null,
          lastLines: signal.lastLines,
        },
        exitsMax,
      );
      return;
    default:
      return;
  }
}

/** A new process: what its predecessor did, asked and held says nothing about it. Files and folders outlive processes. */
export function forgetProcess(gathered: Gathered): void {
  gathered.requests.length = 0;
  gathered.calls.clear();
  gathered.gauges.clear();
}

function historyOf<V>(map: Map<string, V[]>, key: string): V[] {
  const known = map.get(key);
  if (known !== undefined) return known;
  const fresh: V[] = [];
  if (map.size < namesMax) map.set(key, fresh);
  return fresh;
}

function push<V extends { readonly at: TimeMs }>(history: V[], entry: V, max = intervalsMax): void {
  const last = history.at(-1);
  if (last !== undefined && entry.at < last.at) return;
  history.push(entry);
  if (history.length > max) history.shift();
}
