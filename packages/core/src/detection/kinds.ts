// The kinds of fault that the shipped detectors find, with the facts about each that other stages need, stated once.
// A kind that is not listed (an alert's, a plugin's) is treated as a fault of its own that explains nothing.
import type { FaultKind } from "./finding.ts";
import { learnedKinds } from "./learned/kinds.ts";

export interface KindFacts {
  /** It speaks of the target as a whole: while it holds the target is not healthy, and health decides when it is over. */
  readonly whole: boolean;
  /** Its findings carry counts of separate events, as opposed to one level that holds. */
  readonly counted: boolean;
  /** What it explains in targets that need this one: "all" they can suffer, only their "requests", or nothing. */
  readonly disabling: "all" | "requests" | "nothing";
  /** A broken dependency can bring it about in a target that is itself sound: only one that is of no use ("gone"), or any. */
  readonly sufferable: "gone" | "any" | "no";
  /**
   * On one target the more fundamental fault explains the others (a process that is down also misses its heartbeat). Lower
   * comes first; null: it is explained by nothing and explains nothing (an expiring certificate has no part in a crash).
   */
  readonly rank: number | null;
}

const down = { whole: true, counted: true, disabling: "all", sufferable: "no" } as const;
const level = { whole: true, counted: false, disabling: "nothing", sufferable: "no" } as const;
const requests = { whole: false, counted: false, disabling: "requests", sufferable: "any" } as const;
const apart = { whole: false, counted: false, disabling: "nothing", sufferable: "no", rank: null } as const;

export const kindFacts: Readonly<Record<string, KindFacts>> = {
  "port-taken": { ...down, rank: 0 },
  "start-failed": { ...down, sufferable: "gone", rank: 1 },
  killed: { ...down, rank: 2 },
  crash: { ...down, sufferable: "gone", rank: 3 },
  "event-loop-blocked": { ...level, disabling: "all", rank: 4 },
  "config-bad": { ...level, disabling: "all", rank: 5 },
  "disk-full": { ...level, rank: 6 },
  "inodes-exhausted": { ...level, rank: 7 },
  "stale-lock": { ...level, rank: 8 },
  "memory-leak": { ...level, rank: 9 },
  "descriptor-leak": { ...level, rank: 10 },
  "name-resolution": { ...level, rank: 11 },
  "dependency-failing": { ...requests, rank: 12 },
  "dependency-slow": { ...requests, rank: 13 },
  "pool-exhausted": { ...level, sufferable: "any", rank: 14 },
  "heartbeat-missed": { ...level, disabling: "all", sufferable: "gone", rank: 15 },
  "dependency-down": { ...level, disabling: "all", rank: 16 },
  unhealthy: { ...level, disabling: "all", sufferable: "gone", rank: 17 },
  "error-rate": { ...requests, rank: 18 },
  "high-latency": { ...requests, rank: 19 },
  "queue-growth": { ...requests, disabling: "nothing", rank: 20 },
  error: { ...requests, disabling: "nothing", counted: true, rank: 21 },
  "guard-tripped": { ...requests, disabling: "nothing", counted: true, rank: 21 },
  "disk-filling": apart,
  "certificate-expiring": apart,
  "token-expiring": apart,
  "clock-skew": apart,
  "slo-burn": apart,
  "zombie-children": apart,
  "too-many-threads": apart,
  "gc-pressure": { ...apart, rank: 22 },
  "log-flood": { ...apart, rank: 22 },
  // What is learned is worth a look and no more; whatever is more fundamental explains it, on the target or below it.
  ...Object.fromEntries(learnedKinds.map((kind) => [kind, { ...apart, counted: true, sufferable: "any", rank: 22 }])),
  "signals-lost": { ...apart, counted: true },
  "loop-stalled": apart,
  "store-failing": apart,
};

export const knownKinds: readonly FaultKind[] = Object.keys(kindFacts);

const unlisted: KindFacts = { whole: false, counted: false, disabling: "nothing", sufferable: "no", rank: 100 };

export function factsOfKind(kind: FaultKind): KindFacts {
  return Object.hasOwn(kindFacts, kind) ? (kindFacts[kind] ?? unlisted) : unlisted;
}

/** While a fault of this kind holds, nobody would call its target healthy. A fault of a kind not known here counts as one. */
export function speaksAgainstHealth(kind: FaultKind): boolean {
  return !Object.hasOwn(kindFacts, kind) || factsOfKind(kind).whole || ofRequests.has(kind);
}

const ofRequests = new Set<FaultKind>(["error-rate", "high-latency", "queue-growth"]);
