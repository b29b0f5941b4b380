// An issue is a failure mode of a target, tracked until it is gone; an incident is one occurrence of it.
// Invariants: one live issue per fingerprint; every change of status is a stored transition with who, when and why.
import type { Evidence, FaultKind, Severity } from "../detection/index.ts";
import type { Resolution } from "@prunella/detect";
import type { Acknowledgement } from "../alerting/alert.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";

/** "CRIT-001", "MED-002", "LOW-003", "PERF-004": prefix by severity or class, numbered on per prefix. */
export type IssueId = string;
export type IncidentId = string;
export type RepairId = string;

export type IssueStatus = "pending" | "in-progress" | "fixed" | "ignored" | "snoozed";
export type SelfHealing = "none" | "planned" | "active" | "suspended";

/** Who did something: "detection", "healing", "retention", or a person by name ("person:anna"). */
export type Actor = string;

export interface Issue {
  readonly id: IssueId;
  readonly fingerprint: string;
  readonly target: TargetKey;
  readonly kind: FaultKind;
  readonly distinguisher: string;
  readonly severity: Severity;
  readonly class: "fault" | "performance";
  readonly title: string;
  readonly status: IssueStatus;
  /** It came back after it had been fixed. */
  readonly regressed: boolean;
  readonly snooze: Snooze | null;
  readonly selfHealing: SelfHealing;
  /** A person is asked for; cleared when someone acts or the fault is gone. */
  readonly needsPerson: string | null;
  readonly rootCause: string | null;
  readonly solution: string | null;
  readonly assignee: string | null;
  readonly occurrences: number;
  readonly firstSeen: TimeMs;
  readonly lastSeen: TimeMs;
  readonly fixedAt: TimeMs | null;
  /** The incident that is open or was the last one. */
  readonly incident: IncidentId | null;
  /** Another issue that this one was merged into; findings for this fingerprint go there. */
  readonly mergedInto: IssueId | null;
  readonly origin: "found" | "imported";
  /** Imported text kept word for word, by heading; empty for issues that were found. */
  readonly sections: Readonly<Record<string, string>>;
  /** For errors: what they were grouped by, in sentences. */
  readonly grouping?: { readonly basis: string; readonly why: readonly string[] };
  /** How it was resolved, when a release was named; without one it is resolved now, in every release. */
  readonly resolution?: Resolution;
  /** Somebody has taken it on: nobody else is called for it. Absent or null: nobody has. */
  readonly acknowledged?: Acknowledgement | null;
  /** Step of its escalation chain that was taken last, from 1. Absent or null: none. */
  readonly escalationStep?: number | null;
}

export type Snooze =
  | { readonly until: "time"; readonly at: TimeMs }
  | { readonly until: "occurrences"; readonly occurrences: number }
  | { readonly until: "worse"; readonly severity: Severity; readonly perHourMax: number };

/**
 * "open": being handled. "handed-over": a person was called and the fault still holds; it has ended for the machine.
 * "ended": over.
 */
export type IncidentState = "open" | "handed-over" | "ended";
export type IncidentOutcome = "recovered" | "escalated" | "dismissed";

export interface Incident {
  readonly id: IncidentId;
  readonly issue: IssueId;
  readonly target: TargetKey;
  readonly kind: FaultKind;
  readonly severity: Severity;
  readonly summary: string;
  readonly certainty: "witnessed" | "inferred";
  readonly down: boolean;
  /** The detector says that acting is warranted. */
  readonly ripe: boolean;
  readonly state: IncidentState;
  readonly beganAt: TimeMs;
  readonly detectedAt: TimeMs;
  readonly diagnosedAt: TimeMs | null;
  readonly repairStartedAt: TimeMs | null;
  /** Start of the healthy stretch that verification watched to its end. */
  readonly recoveredAt: TimeMs | null;
  readonly endedAt: TimeMs | null;
  readonly outcome: IncidentOutcome | null;
  /** Who brought it back: a repair, nobody (it cleared by itself), a person, or the repair of its cause. */
  readonly recoveredBy: "repair" | "itself" | "person" | "cause" | null;
  /** The fault holds as of the last look. */
  readonly firing: boolean;
  readonly clearedAt: TimeMs | null;
  /** The incident that explains this one; while it is open nothing is done here. */
  readonly causedBy: IncidentId | null;
  /** Since when it stands for itself: its detection, or the end of its cause. */
  readonly standsSince: TimeMs;
  /** Name of the remedy last tried. */
  readonly remedy: string | null;
  readonly attempts: number;
  readonly rootCause: string | null;
  readonly evidence: readonly Evidence[];
  /** Why a person was called; null when none was. */
  readonly escalation: string | null;
  /** The guard that holds a repair back at the moment, and why; null when none does. */
  readonly blockedBy: string | null;
  /** What an observing remedy would have done, to be scored when it is over; absent: none observed. */
  readonly shadow?: {
    readonly remedy: string;
    readonly actions: readonly string[];
    readonly at: TimeMs;
    readonly withinMs: number;
    readonly scored: boolean;
  };
  /** When a forecast says that the limit is reached; acting may wait for a quieter moment until shortly before. */
  readonly deadlineAt?: TimeMs;
  /** A drill caused it: kept out of production KPIs. */
  readonly drill: boolean;
  /** A person's verdict: was it real? */
  readonly verdict: "real" | "noise" | null;
}

/** One stored change: of an issue's status, an incident's state or a repair's state. */
export interface Transition {
  readonly id: string;
  readonly at: TimeMs;
  readonly subject: "issue" | "incident" | "repair" | "target" | "system";
  readonly subjectId: string;
  readonly issue: IssueId | null;
  readonly incident: IncidentId | null;
  readonly target: TargetKey | null;
  readonly from: string | null;
  readonly to: string;
  readonly by: Actor;
  readonly why: string;
}
