// A repair is one run of a remedy for one incident. Its record is the journal: the intent is stored before each effect,
// the outcome after it. Invariants: at most one live repair per target; a step's key never changes once stored.
import type { IncidentId, IssueId, RepairId } from "../issue/index.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";
import type { Action, Remedy } from "./remedy.ts";

export type RepairState =
  /** A proposal (suggest) or a request (approve) that waits for a person until it expires. */
  | {
      readonly name: "proposed";
      readonly expiresAt: TimeMs;
      readonly asks: boolean;
      /** The step to go on with, where a step before it asks; absent: the first. */
      readonly step?: number;
    }
  /** Allowed, and to be started at `at` (back-off). */
  | { readonly name: "scheduled"; readonly at: TimeMs; readonly step?: number }
  /** The intent of step `step` is stored; its effect may or may not have happened. */
  | {
      readonly name: "acting";
      readonly step: number;
      readonly key: string;
      readonly since: TimeMs;
      readonly deadlineAt: TimeMs;
    }
  /** All steps done; watching. */
  | { readonly name: "verifying"; readonly since: TimeMs; readonly deadlineAt: TimeMs }
  | {
      readonly name: "undoing";
      /** What the run ends as once all is undone; absent: failed. */
      readonly ends?: "refused" | "expired" | "cancelled";
      readonly step: number;
      readonly key: string;
      readonly since: TimeMs;
      readonly deadlineAt: TimeMs;
    }
  | {
      readonly name: "ended";
      readonly at: TimeMs;
      readonly outcome: RepairOutcome;
      /** A person said no, or did not answer: this remedy is not tried again for the same incident. */
      readonly declined?: true;
    };

/**
 * verified: watched healthy for its window. failed: a step failed, or the fault stayed or returned during verification.
 * unverified: nothing was seen to judge by. unknown: nobody can say whether a step happened. cancelled: the fault was
 * gone, a pause or a person came first. refused: a person said no. expired: nobody answered.
 */
export type RepairOutcome = "verified" | "failed" | "unverified" | "unknown" | "cancelled" | "refused" | "expired";

export interface Repair {
  readonly id: RepairId;
  /** Null for an action a person asked for with no fault behind it. */
  readonly incident: IncidentId | null;
  readonly issue: IssueId | null;
  readonly target: TargetKey;
  readonly group: string;
  /** The remedy as it was when this run was created. */
  readonly remedy: Remedy;
  /** Which run in a row on this target this is, from 1. */
  readonly attempt: number;
  /** It touched something that was running, as opposed to starting what was down. */
  readonly disruptive: boolean;
  readonly createdAt: TimeMs;
  readonly startedAt: TimeMs | null;
  readonly state: RepairState;
  readonly steps: readonly StepRecord[];
  /** Who let it go ahead: "policy" for auto, or a person. */
  readonly approvedBy: string | null;
  /** The fault came back within the recurrence window after this run had been verified. */
  readonly recurredAt: TimeMs | null;
  readonly why: string;
}

export interface StepRecord {
  readonly key: string;
  readonly action: Action;
  readonly undo: boolean;
  readonly intendedAt: TimeMs;
  readonly doneAt: TimeMs | null;
  readonly outcome: StepOutcome | null;
}

/** What came of an effect. `unknown` is an outcome of its own: it may or may not have happened. */
export type StepOutcome =
  | { readonly kind: "succeeded"; readonly detail: string }
  /** `effect: "none"`: failed before anything happened, so it may be tried again; "some": it may have left traces. */
  | { readonly kind: "failed"; readonly reason: string; readonly effect: "none" | "some" }
  | { readonly kind: "unknown"; readonly reason: string };
