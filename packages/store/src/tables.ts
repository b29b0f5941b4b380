// The tables as the queries see them. Records are JSON in `body`; the other columns are copies that filters and sorts
// need. `ord` is core's idOrder. Every table has a rowid, `seq`, so that salvage can step over a damaged page.
import type { Generated } from "kysely";

interface Row {
  seq: Generated<number>;
}
interface Stored extends Row {
  id: string;
  ord: string;
  body: string;
}
export interface Tables {
  /** One row: the fence, the order, the clock and the settings. */
  meta: Row & { epoch: number; sequence: number; lastAt: number; settings: string | null };
  issues: Stored & {
    fingerprint: string;
    target: string;
    kind: string;
    /** core's severityRank. */
    severity: number;
    status: string;
    selfHealing: string;
    needsPerson: number;
    regressed: number;
    assignee: string | null;
    occurrences: number;
    firstSeen: number;
    lastSeen: number;
    /** core's searchText. */
    words: string;
  };
  incidents: Stored & { issue: string; target: string; state: string; detectedAt: number };
  repairs: Stored & {
    issue: string;
    incident: string;
    target: string;
    remedy: string;
    state: string;
    createdAt: number;
    endedAt: number | null;
  };
  transitions: Stored & { issue: string | null; incident: string | null; target: string | null; at: number };
  signals: Stored & { target: string; type: string; at: number };
  /** A metric of a target, named once. */
  seriesNames: Row & { target: string; metric: string };
  series: Row & {
    name: number;
    at: number;
    min: number;
    mean: number;
    max: number;
    last: number;
    count: number;
  };
  tallies: Row & {
    target: string;
    hour: number;
    watchedMs: number;
    goodMs: number;
    requests: number;
    errors: number;
    /** Counts per bucket, JSON. */
    latency: string;
  };
  standings: Row & { id: string; body: string };
  notifications: Stored & {
    at: number;
    issue: string | null;
    receiver: string | null;
    dueAt: number;
    deliveredAt: number | null;
  };
  alerts: Stored & { at: number; resolvedAt: number | null };
  silences: Stored & { endsAt: number };
  /** Alerts from outside. */
  outside: Row & { id: string; overAt: number | null; body: string };
  tokens: Stored & { endsAt: number | null };
  comments: Stored & { issue: string; at: number };
  learned: Row & { id: string; at: number; body: string };
  drillRuns: Stored & { drill: string; startedAt: number };
  numbers: Row & { id: string; number: number };
}

/** Tables whose rows `stats` counts. */
export const countedTables = [
  "issues",
  "incidents",
  "repairs",
  "transitions",
  "signals",
  "series",
  "tallies",
  "standings",
  "notifications",
  "comments",
  "learned",
  "drillRuns",
  "alerts",
  "silences",
  "outside",
  "tokens",
  "numbers",
] as const satisfies readonly (keyof Tables)[];
