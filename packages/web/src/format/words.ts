// How the API's words look: a label, a tone and an icon for each, so that colour never is the only sign. No rule is decided
// here; a word that is not known is shown as it is.
import type { Incident, Issue, Repair, Status, Target } from "@prunella/contract";
import type { IconName } from "../ui/icon.tsx";

export type Tone = "ok" | "warn" | "bad" | "heal" | "quiet";
export interface Look {
  readonly label: string;
  readonly tone: Tone;
  readonly icon: IconName;
}
const look = (label: string, tone: Tone, icon: IconName): Look => ({ label, tone, icon });

export const verdicts: Readonly<Record<Status["verdict"], Look>> = {
  "all-right": look("All right", "ok", "check-circle"),
  healing: look("Healing", "heal", "heal"),
  "needs-person": look("Needs you", "warn", "person"),
  paused: look("Paused", "warn", "pause"),
  degraded: look("Prunella is not whole", "bad", "alert"),
};
export const targetStates: Readonly<Record<Target["state"], Look>> = {
  healthy: look("healthy", "ok", "check-circle"),
  starting: look("starting", "quiet", "start"),
  failing: look("failing", "bad", "cross-circle"),
  down: look("down", "bad", "down"),
  stopped: look("stopped", "quiet", "stop"),
  healing: look("healing", "heal", "heal"),
  "needs-person": look("needs a person", "warn", "person"),
  unknown: look("unknown", "quiet", "unknown"),
};
export const severities: Readonly<Record<Issue["severity"], Look>> = {
  critical: look("critical", "bad", "alert"),
  medium: look("medium", "warn", "up"),
  low: look("low", "quiet", "minus"),
};
export const issueStatuses: Readonly<Record<Issue["status"], Look>> = {
  pending: look("pending", "warn", "clock"),
  "in-progress": look("in progress", "heal", "heal"),
  fixed: look("fixed", "ok", "check"),
  ignored: look("ignored", "quiet", "mute"),
  snoozed: look("snoozed", "quiet", "moon"),
};
export const healings: Readonly<Record<Issue["selfHealing"], Look>> = {
  none: look("none", "quiet", "minus"),
  planned: look("planned", "quiet", "clock"),
  active: look("active", "heal", "heal"),
  suspended: look("suspended", "warn", "pause"),
};
export const outcomes: Readonly<Record<string, Look>> = {
  verified: look("verified", "ok", "check-circle"),
  recovered: look("recovered", "ok", "check-circle"),
  succeeded: look("succeeded", "ok", "check"),
  passed: look("passed", "ok", "check"),
  failed: look("failed", "bad", "cross"),
  unverified: look("unverified", "warn", "unknown"),
  unknown: look("outcome unknown", "warn", "unknown"),
  cancelled: look("cancelled", "quiet", "minus"),
  refused: look("refused", "quiet", "cross"),
  expired: look("expired", "quiet", "clock"),
  escalated: look("a person was called", "warn", "person"),
  dismissed: look("dismissed", "quiet", "minus"),
  aborted: look("aborted", "quiet", "stop"),
  running: look("running", "heal", "heal"),
};
export const repairStates: Readonly<Record<Repair["state"], Look>> = {
  proposed: look("waits for a decision", "warn", "person"),
  scheduled: look("scheduled", "heal", "clock"),
  acting: look("acting", "heal", "heal"),
  verifying: look("verifying", "heal", "heal"),
  undoing: look("undoing", "warn", "undo"),
  ended: look("ended", "quiet", "check"),
};
export const incidentStates: Readonly<Record<Incident["state"], Look>> = {
  open: look("open", "bad", "cross-circle"),
  "handed-over": look("handed over to a person", "warn", "person"),
  ended: look("ended", "quiet", "check"),
};
export const modes: Readonly<Record<string, string>> = {
  observe: "observe: records what it would do",
  suggest: "suggest: proposes it to a person",
  approve: "approve: waits for a person's yes",
  auto: "auto: runs by itself",
};

export function lookOf(of: Readonly<Record<string, Look>>, word: string): Look {
  return of[word] ?? look(word, "quiet", "unknown");
}

/** "person:anna" is Anna's; "healing" and "detection" are Prunella's loops. */
export function actor(by: string): string {
  return by.startsWith("person:") ? by.slice("person:".length) : by;
}

/** What an incident came to; while it is open, its state. */
export function lookOfIncident({ outcome, state }: { readonly outcome: string | null; readonly state: string }): Look {
  return outcome === null ? lookOf(incidentStates, state) : lookOf(outcomes, outcome);
}
