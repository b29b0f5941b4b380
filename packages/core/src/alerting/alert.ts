// The records of the alert manager. An alert is something that people are told of for as long as it holds: an incident that
// was handed over, a repair that waits for approval, a storm. Suppression hides what is sent, never these records.
import type { Notification } from "../ports.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";

/** Alerts that hold at once. At the bound a new one waits in the outbox until there is room; nothing is dropped. */
export const alertsMax = 5_000;
/** Silences that are not over; one more is refused. */
export const silencesMax = 500;
/** An ended silence is listed for this long, ms. */
export const silenceMemoryMs = 24 * 3_600_000;

export interface Alert {
  /** Key of the notification that the stage filed: "escalation:INC-1", "approval:REP-3", "storm:…". */
  readonly key: string;
  readonly kind: Notification["kind"];
  readonly at: TimeMs;
  readonly title: string;
  readonly text: string;
  readonly severity: Notification["severity"];
  readonly issue: string | null;
  readonly incident: string | null;
  readonly target: TargetKey | null;
  /** What matchers look at: severity, kind, occasion, target, group, issue, incident and the target's own labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Null while it holds. */
  readonly resolvedAt: TimeMs | null;
  /** Why nobody is told at the moment: "silence:S1", "inhibited:KEY", "snoozed", "ignored", "acknowledged"; null: told. */
  readonly suppressedBy: string | null;
  /** Receivers for whom something was put into the outbox: when last, and how often. */
  readonly told: Readonly<Record<string, { readonly at: TimeMs; readonly times: number }>>;
  /** Steps of its escalation chain taken so far, repeats counted on, and when the last was. */
  readonly steps: number;
  readonly steppedAt: TimeMs | null;
}

export interface Silence {
  readonly id: string;
  /** All of them must match; at least one must not match everything. */
  readonly matchers: readonly Matcher[];
  readonly startsAt: TimeMs;
  readonly endsAt: TimeMs;
  readonly createdBy: string;
  readonly comment: string;
}

/** Alertmanager's: a regular expression is anchored, and a missing label equals an empty one. */
export interface Matcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

export interface Acknowledgement {
  readonly by: string;
  readonly at: TimeMs;
  /** Null: until it is resolved. */
  readonly until: TimeMs | null;
}

export function silenceState(silence: Silence, now: TimeMs): "pending" | "active" | "expired" {
  if (now >= silence.endsAt) return "expired";
  return now >= silence.startsAt ? "active" : "pending";
}
