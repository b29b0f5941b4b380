// How an incident ends (invariant 7): recovered and verified, handed to a person, or dismissed. The issue follows.
import type { Severity } from "../detection/index.ts";
import type { Notification } from "../ports.ts";
import type { TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import type { Actor, Incident, Issue } from "./issue.ts";
import { move } from "./status.ts";

/** The incident is over: its target was watched healthy from `recoveredAt` on. */
export function recover(
  draft: Draft,
  incident: Incident,
  recoveredAt: TimeMs,
  recoveredBy: NonNullable<Incident["recoveredBy"]>,
  why: string,
  solution: string | null = null,
): void {
  const at = Math.max(recoveredAt, incident.beganAt);
  // One that had been handed over stays "escalated" in the books, whoever brought it back.
  const outcome = incident.outcome ?? "recovered";
  end(
    draft,
    {
      ...incident,
      firing: false,
      clearedAt: incident.clearedAt ?? draft.now,
      recoveredAt: at,
      recoveredBy,
      outcome,
      endedAt: incident.endedAt ?? draft.now,
      blockedBy: null,
    },
    outcome,
    recoveredBy === "person" ? "person" : "healing",
    why,
  );
  const issue = draft.issue(incident.issue);
  if (issue === undefined || issue.status === "ignored" || issue.status === "fixed") return;
  // A snooze silences, it never keeps a resolution away; it holds on for its time should the fault return.
  move(draft, issue, "fixed", recoveredBy === "person" ? "person" : "healing", why, {
    fixedAt: draft.now,
    needsPerson: stillAsks(draft, issue, incident),
    selfHealing: recoveredBy === "repair" ? "active" : issue.selfHealing === "suspended" ? "none" : issue.selfHealing,
    solution: solution ?? issue.solution,
  });
  if (incident.state === "handed-over" || incident.escalation !== null) {
    draft.notify(
      notification(draft.now, `recovered:${incident.id}`, "recovered", `${issue.id} recovered`, why, incident),
    );
  }
}

/** A fault that keeps coming back still wants a person, even while each occurrence is healed. */
function stillAsks(draft: Draft, issue: Issue, incident: Incident): string | null {
  return incident.outcome === "escalated" ? null : (draft.issue(issue.id)?.needsPerson ?? null);
}

/** Hands the incident to a person: for the machine it has ended. Paging goes out whatever the remedy says (rule 28). */
export function escalate(draft: Draft, incident: Incident, why: string): void {
  if (incident.state !== "open") return;
  const next: Incident = {
    ...incident,
    state: "handed-over",
    outcome: "escalated",
    endedAt: draft.now,
    escalation: why,
    blockedBy: null,
  };
  draft.putIncident(next);
  draft.transition({
    subject: "incident",
    subjectId: incident.id,
    issue: incident.issue,
    incident: incident.id,
    target: incident.target,
    from: "open",
    to: "handed-over",
    by: "healing",
    why,
  });
  callPerson(draft, next, why);
}

/**
 * Asks for a person and goes on. Somebody who was asked and has not been told that it is over is not asked again: forty
 * faults of one kind are one page. Ignored or snoozed issues are not paged for, only marked.
 */
export function callPerson(draft: Draft, incident: Incident, why: string): void {
  const issue = draft.issue(incident.issue);
  if (issue === undefined) return;
  const inProgress =
    issue.status === "pending" || issue.status === "fixed" ? move(draft, issue, "in-progress", "healing", why) : issue;
  draft.putIssue({
    ...inProgress,
    needsPerson: why,
    selfHealing: incident.state === "handed-over" ? "suspended" : inProgress.selfHealing,
  });
  if (issue.status === "ignored" || issue.status === "snoozed" || issue.needsPerson !== null) return;
  const text = [
    incident.summary,
    `Why a person: ${why}`,
    incident.rootCause === null ? null : `Root cause: ${incident.rootCause}`,
  ]
    .filter((line) => line !== null)
    .join("\n");
  draft.notify(
    notification(
      draft.now,
      `escalation:${incident.id}`,
      "escalation",
      `${issue.id} needs a person: ${issue.title}`,
      text,
      incident,
    ),
  );
}

/** A person says it was nothing, or a shutdown made it moot. */
export function dismiss(draft: Draft, incident: Incident, by: Actor, why: string): void {
  end(
    draft,
    { ...incident, outcome: incident.outcome ?? "dismissed", endedAt: incident.endedAt ?? draft.now, firing: false },
    "dismissed",
    by,
    why,
  );
}

function end(draft: Draft, incident: Incident, to: string, by: Actor, why: string): void {
  draft.putIncident({ ...incident, state: "ended" });
  draft.transition({
    subject: "incident",
    subjectId: incident.id,
    issue: incident.issue,
    incident: incident.id,
    target: incident.target,
    from: incident.state,
    to,
    by,
    why,
  });
}

export function notification(
  at: TimeMs,
  key: string,
  kind: Notification["kind"],
  title: string,
  text: string,
  about: {
    readonly severity: Severity;
    readonly issue: string | null;
    readonly id: string | null;
    readonly target: string | null;
  },
): Notification {
  return {
    key,
    at,
    kind,
    title,
    text,
    severity: about.severity,
    issue: about.issue,
    incident: about.id,
    target: about.target,
    attempts: 0,
    dueAt: at,
    deliveredAt: null,
  };
}
