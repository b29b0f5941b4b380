// The ports: everything the core needs from outside. Each has a real implementation, a simulated one, and (where two
// exist) a suite in suites/ that both pass. All awaiting in the core ends at one of these.
import type { System } from "@prunella/resilience";
import type { Evidence, Json } from "./detection/index.ts";
import type { DrillRun } from "./drill.ts";
import type { Incident, IncidentState, Issue, IssueStatus, Transition } from "./issue/index.ts";
import type { Action, Repair, StepOutcome } from "./repair/index.ts";
import type { Alert, OutsideAlert, Silence } from "./alerting/index.ts";
import type { EventSignal, LatencyCounts, TargetKey, TimeMs } from "./signal/index.ts";
import type { Token } from "./token.ts";
import type { Knob } from "./tuning/index.ts";

export interface Ports {
  readonly clock: Clock;
  /** Timers and chance. Its `now()` is not used for records; `clock.now()` is. */
  readonly system: System;
  readonly store: Store;
  readonly actuator: Actuator;
  readonly examiner: Examiner;
  readonly notifier: Notifier;
  readonly log: Log;
}

/**
 * Record time: milliseconds since 1970 that never go backwards and never jump while the process lives (wall time read
 * once, then the monotonic clock), so that budgets and windows survive a change of the wall clock.
 */
export interface Clock {
  now(): TimeMs;
  /** Called once after the store was opened: time starts no earlier than what was recorded last. */
  notBefore?(at: TimeMs): void;
}

/** Durable state. One writer at a time: whoever opened it last; the one before is fenced off. */
export interface Store {
  /**
   * Takes over: raises the epoch and returns everything the engine keeps in memory. Whoever opens again to learn what
   * became of a commit names the epoch it held: throws StoreError "fenced" when another writer has taken over since.
   */
  open(heldEpoch?: number): Promise<Opened>;
  /**
   * Applies all changes or none, durably, before it resolves.
   * Throws StoreError: "fenced" (another writer took over), "out-of-order" (sequence is not the next one: reopen),
   * "unavailable" (disk full, locked, I/O error: nothing was applied), "unknown" (it may have been applied: reopen).
   */
  commit(at: Position, changes: Changes): Promise<void>;
  issue(id: string): Promise<Issue | null>;
  issueByFingerprint(fingerprint: string): Promise<Issue | null>;
  incident(id: string): Promise<Incident | null>;
  repair(id: string): Promise<Repair | null>;
  issues(query: IssueQuery): Promise<Page<Issue>>;
  /** How many issues the filters of a query let through, counted up to `most` and no further. */
  countIssues(query: IssueQuery, most: number): Promise<number>;
  incidents(query: IncidentQuery): Promise<Page<Incident>>;
  repairs(query: RepairQuery): Promise<Page<Repair>>;
  transitions(query: TransitionQuery): Promise<Page<Transition>>;
  signals(query: SignalQuery): Promise<Page<EventSignal>>;
  series(query: SeriesQuery): Promise<readonly SeriesPoint[]>;
  tallies(query: {
    readonly target?: TargetKey;
    readonly from: TimeMs;
    readonly to: TimeMs;
  }): Promise<readonly Tally[]>;
  comments(issue: string): Promise<readonly Comment[]>;
  /** Everything that detectors saved, by id; read once, at the start. */
  learned(): Promise<readonly Learned[]>;
  drillRun(id: string): Promise<DrillRun | null>;
  drillRuns(query: DrillRunQuery): Promise<Page<DrillRun>>;
  /** What was put into the outbox for receivers, newest first. */
  notifications(query: NotificationQuery): Promise<Page<Notification>>;
  /** Deletes what retention no longer keeps, oldest first, in slices; an issue's record stays when its raw signals go. */
  prune(now: TimeMs): Promise<{ readonly deleted: number; readonly bytes: number }>;
  stats(): Promise<StoreStats>;
  close(): Promise<void>;
}

/** Fencing and order of a commit: the epoch of the last open, and one more than the last sequence. */
export interface Position {
  readonly epoch: number;
  readonly sequence: number;
}

export interface Opened {
  readonly epoch: number;
  readonly sequence: number;
  /** Issues that are not fixed or ignored, at most 10,000, newest first; others are looked up by fingerprint. */
  readonly issues: readonly Issue[];
  /** Incidents that are open or handed over. */
  readonly incidents: readonly Incident[];
  /** Repairs that are live, and those that ended within the last 24 hours (budgets count them). */
  readonly repairs: readonly Repair[];
  readonly settings: Settings;
  /** Last number given per issue prefix: { CRIT: 3, MED: 1 }. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly standings: readonly Standing[];
  /** Notifications not yet delivered. */
  readonly outbox: readonly Notification[];
  /** Alerts that hold. */
  readonly alerts: readonly Alert[];
  /** Silences that are not over for longer than a day. */
  readonly silences: readonly Silence[];
  /** Alerts from outside that hold, and those that ended within the last ten minutes. */
  readonly outside: readonly OutsideAlert[];
  /** Those that hold, and those that ended within a day. */
  readonly tokens: readonly Token[];
  /** Highest record time ever committed; the clock starts no earlier. */
  readonly lastAt: TimeMs;
}

/** Whole records replace older versions by id; appended rows are written once. Order within a commit does not matter. */
export interface Changes {
  readonly at: TimeMs;
  readonly issues?: readonly Issue[];
  readonly incidents?: readonly Incident[];
  readonly repairs?: readonly Repair[];
  readonly transitions?: readonly Transition[];
  /** Ignored when a signal of that id is stored already. */
  readonly signals?: readonly EventSignal[];
  readonly series?: readonly SeriesPoint[];
  readonly tallies?: readonly Tally[];
  readonly settings?: Settings;
  readonly numbers?: Readonly<Record<string, number>>;
  readonly standings?: readonly Standing[];
  readonly notifications?: readonly Notification[];
  readonly comments?: readonly Comment[];
  readonly learned?: readonly Learned[];
  readonly drillRuns?: readonly DrillRun[];
  readonly alerts?: readonly Alert[];
  readonly silences?: readonly Silence[];
  readonly outside?: readonly OutsideAlert[];
  readonly tokens?: readonly Token[];
}

/** What people have switched; survives restart. */
export interface Settings {
  /** Null: not paused. */
  readonly paused: { readonly at: TimeMs; readonly by: string; readonly why: string } | null;
  readonly pausedTargets: Readonly<
    Record<TargetKey, { readonly at: TimeMs; readonly by: string; readonly why: string; readonly until: TimeMs | null }>
  >;
  readonly maintenance: readonly {
    readonly id: string;
    readonly target: TargetKey | null;
    readonly from: TimeMs;
    readonly to: TimeMs;
    readonly by: string;
    readonly why: string;
  }[];
  /** What tuning has found out about each knob, by its name. */
  readonly tuning?: Readonly<Record<string, Knob>>;
  /** Storm mode: since when and why; ends after a calm spell or by a person. */
  readonly storm: { readonly since: TimeMs; readonly why: string; readonly calmSince: TimeMs | null } | null;
}

/** A remedy's record: what its runs came to, and the mode that this earned or cost it. */
export interface Standing {
  readonly remedy: string;
  readonly verified: number;
  readonly failed: number;
  readonly recurred: number;
  /** Runs on what a person judged to be noise. */
  readonly misfired: number;
  /** Runs verified in a row since the last failure, return or misfire; below zero: runs that failed in a row. */
  readonly streak: number;
  /** While it only observed: faults that its action mended when somebody else did it, and faults that passed by themselves. */
  readonly shadow: { readonly wouldFix: number; readonly wouldMisfire: number };
  /** Set by automatic demotion; null: the configured mode holds. */
  readonly demotedTo: "suggest" | null;
  readonly why: string | null;
  readonly at: TimeMs;
}

/** One minute of one metric of one target. */
export interface SeriesPoint {
  readonly target: TargetKey;
  readonly metric: string;
  readonly at: TimeMs;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly last: number;
  readonly count: number;
}

/** One hour of one target: how long it was watched and how long it was good, and what its requests came to. */
export interface Tally {
  readonly target: TargetKey;
  readonly hour: TimeMs;
  readonly watchedMs: number;
  readonly goodMs: number;
  readonly requests: number;
  readonly errors: number;
  /** How long those requests took, mergeable. */
  readonly latency: LatencyCounts;
}

/**
 * What one detector has learned, so that a restart does not begin from nothing. Opaque to everybody but the detector that
 * wrote it; replaced whole; deleted when it was not written again for as long as series are kept.
 */
export interface Learned {
  /** "metric api latencyMsP95": what it is about. */
  readonly id: string;
  readonly at: TimeMs;
  /** At most `savedBytesMax` of JSON (detection/learned/saving.ts), kept by the writer. */
  readonly state: Json;
}

export interface Comment {
  readonly id: string;
  readonly issue: string;
  readonly at: TimeMs;
  readonly by: string;
  readonly text: string;
}

export interface Notification {
  /** Stable: a receiver can drop a repeated one. */
  readonly key: string;
  readonly at: TimeMs;
  readonly kind: "escalation" | "approval" | "notice" | "recovered" | "storm" | "pause" | "self";
  readonly title: string;
  readonly text: string;
  readonly severity: "critical" | "medium" | "low";
  readonly issue: string | null;
  readonly incident: string | null;
  readonly target: TargetKey | null;
  /** Attempts so far and when the next is due. */
  readonly attempts: number;
  readonly dueAt: TimeMs;
  /** When it was done with, which takes it out of the outbox; `ended` says how. */
  readonly deliveredAt: TimeMs | null;
  /** "routed": the alert manager took it in and made others of it, one for each receiver. */
  readonly ended?: "delivered" | "suppressed" | "routed";
  /** Whom it is for; absent: as a stage filed it, for the alert manager to route. All below is set with it. */
  readonly receiver?: string;
  /** Key of the alert it speaks of: the same from its beginning to its end. */
  readonly alert?: string;
  readonly status?: "firing" | "resolved";
  /** When the alert began. */
  readonly startedAt?: TimeMs;
  readonly labels?: Readonly<Record<string, string>>;
  /** What is due together for one receiver and group is sent in one message; null: alone. */
  readonly group?: string | null;
  /** Why it is held back; null: it is not. */
  readonly suppressedBy?: string | null;
  /** Step of the escalation chain that it is, from 1. */
  readonly step?: number | null;
  readonly lastError?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; null when this was the last page. */
  readonly next: string | null;
}
interface Paging {
  /** At most this many items; default 50, at most 500. */
  readonly limit?: number;
  readonly after?: string | null;
}
export interface IssueQuery extends Paging {
  readonly status?: readonly IssueStatus[];
  readonly severity?: readonly string[];
  readonly target?: TargetKey;
  readonly kind?: string;
  readonly selfHealing?: readonly string[];
  readonly needsPerson?: boolean;
  readonly regressed?: boolean;
  /** Given to this person. */
  readonly assignee?: string;
  /** Given to anybody (true) or to nobody (false). */
  readonly assigned?: boolean;
  /** Words that must all occur in id, title, target or root cause, ignoring case. */
  readonly text?: string;
  /** Default "lastSeen" descending; ties by id. */
  readonly sort?: "lastSeen" | "firstSeen" | "severity" | "occurrences" | "id";
  readonly descending?: boolean;
}
export interface IncidentQuery extends Paging {
  readonly issue?: string;
  readonly target?: TargetKey;
  readonly state?: readonly IncidentState[];
  /** Detected at or after / before; newest first. */
  readonly from?: TimeMs;
  readonly to?: TimeMs;
}
export interface RepairQuery extends Paging {
  readonly issue?: string;
  readonly incident?: string;
  readonly target?: TargetKey;
  readonly remedy?: string;
  /** By state name. */
  readonly state?: readonly Repair["state"]["name"][];
  readonly from?: TimeMs;
}
export interface TransitionQuery extends Paging {
  readonly issue?: string;
  readonly incident?: string;
  readonly target?: TargetKey;
  readonly from?: TimeMs;
  readonly to?: TimeMs;
}
export interface SignalQuery extends Paging {
  readonly target?: TargetKey;
  readonly type?: string;
  readonly from?: TimeMs;
  readonly to?: TimeMs;
}
export interface DrillRunQuery extends Paging {
  readonly drill?: string;
  /** Started at or after / before; newest first. */
  readonly from?: TimeMs;
  readonly to?: TimeMs;
}
export interface NotificationQuery extends Paging {
  readonly issue?: string;
  readonly receiver?: string;
}
export interface SeriesQuery {
  readonly target: TargetKey;
  readonly metric?: string;
  readonly from: TimeMs;
  readonly to: TimeMs;
}
export interface StoreStats {
  readonly bytes: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly commits: number;
  readonly oldestSignalAt: TimeMs | null;
}

/** Performs effects. The key makes it safe to ask again: the same key never acts twice. */
export interface Actuator {
  /** Resolves with what came of it; a rejection is treated as `unknown`. */
  perform(order: Order): Promise<StepOutcome>;
  /** What became of a key given earlier, perhaps by a process that died: "running" when it is still at it, null when never heard of. */
  outcomeOf(key: string): Promise<StepOutcome | "running" | null>;
}

export interface Order {
  readonly key: string;
  /** Rises with each takeover; an executor refuses orders with a lower one than it has seen. */
  readonly fence: number;
  readonly target: TargetKey;
  readonly action: Action;
  readonly timeoutMs: number;
}

/** Gathers evidence for a diagnosis; disturbs the target as little as the question allows. */
export interface Examiner {
  /** Rejects or resolves null when nothing can be learned; the diagnosis then stands on what is known. */
  examine(question: Question): Promise<Evidence | null>;
}

export interface Question {
  readonly target: TargetKey;
  /**
   * stack: of the blocked main thread; heap: top allocators; port-owner: who listens on the port named in `detail`;
   * recheck: run the target's checks now and say what they saw (results also arrive as signals).
   */
  readonly want: "stack" | "heap" | "port-owner" | "recheck";
  readonly detail: string;
  readonly timeoutMs: number;
}

export interface Notifier {
  /**
   * Rejects when it could not be delivered; it is tried again later, with the same key. `together`: all that goes to the same
   * receiver in the same message, the first of them included.
   */
  send(notification: Notification, together: readonly Notification[]): Promise<void>;
}

/** Structured log; `event` is a stable word, `fields` are flat. */
export interface Log {
  write(
    level: "debug" | "info" | "warn" | "error",
    event: string,
    fields: Readonly<Record<string, string | number | boolean | null>>,
  ): void;
}
