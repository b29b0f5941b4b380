// From core's records to the API's JSON, by hand, so that either side can change: times become RFC 3339, absent facts null.
import type * as Contract from "@prunella/contract";
import {
  describe,
  type Comment,
  type Incident,
  type Issue,
  type Page,
  type Repair,
  type Snooze,
  type Stage,
  type Transition,
} from "@prunella/core";

export function time(at: number): string {
  return new Date(at).toISOString();
}
export function timeOrNull(at: number | null): string | null {
  return at === null ? null : time(at);
}

export function pageOf<A, B>(page: Page<A>, of: (item: A) => B): Contract.Page<B> {
  return { items: page.items.map(of), next: page.next };
}

export function issueJson(issue: Issue): Contract.Issue {
  return {
    id: issue.id,
    severity: issue.severity,
    class: issue.class,
    title: issue.title,
    status: issue.status,
    regressed: issue.regressed,
    target: issue.target,
    kind: issue.kind,
    distinguisher: issue.distinguisher,
    selfHealing: issue.selfHealing,
    needsPerson: issue.needsPerson,
    rootCause: issue.rootCause,
    solution: issue.solution,
    assignee: issue.assignee,
    occurrences: issue.occurrences,
    firstSeen: time(issue.firstSeen),
    lastSeen: time(issue.lastSeen),
    fixedAt: timeOrNull(issue.fixedAt),
    snoozedUntil: issue.snooze === null ? null : snoozeText(issue.snooze),
    incident: issue.incident,
    mergedInto: issue.mergedInto,
    origin: issue.origin,
    grouping: issue.grouping === undefined ? null : { basis: issue.grouping.basis, why: [...issue.grouping.why] },
    acknowledged: acknowledgedJson(issue),
    escalationStep: issue.escalationStep ?? null,
  };
}

function acknowledgedJson({ acknowledged }: Issue): Contract.Acknowledgement | null {
  if (acknowledged === undefined || acknowledged === null) return null;
  return { by: acknowledged.by, at: time(acknowledged.at), until: timeOrNull(acknowledged.until) };
}

function snoozeText(snooze: Snooze): string {
  switch (snooze.until) {
    case "time":
      return time(snooze.at);
    case "occurrences":
      return `${snooze.occurrences} occurrences`;
    case "worse":
      return "it gets worse";
    default:
      return snooze satisfies never;
  }
}

export function incidentJson(incident: Incident): Contract.Incident {
  return {
    id: incident.id,
    issue: incident.issue,
    target: incident.target,
    kind: incident.kind,
    severity: incident.severity,
    summary: incident.summary,
    state: incident.state,
    beganAt: time(incident.beganAt),
    detectedAt: time(incident.detectedAt),
    diagnosedAt: timeOrNull(incident.diagnosedAt),
    repairStartedAt: timeOrNull(incident.repairStartedAt),
    recoveredAt: timeOrNull(incident.recoveredAt),
    endedAt: timeOrNull(incident.endedAt),
    outcome: incident.outcome,
    recoveredBy: incident.recoveredBy,
    firing: incident.firing,
    causedBy: incident.causedBy,
    remedy: incident.remedy,
    attempts: incident.attempts,
    rootCause: incident.rootCause,
    evidence: incident.evidence.map((evidence) => ({
      at: time(evidence.at),
      what: evidence.what,
      summary: evidence.summary,
      text: evidence.text ?? null,
      data: evidence.data ?? null,
    })),
    escalation: incident.escalation,
    blockedBy: incident.blockedBy,
    drill: incident.drill,
    verdict: incident.verdict,
    detectionMs: incident.detectedAt - incident.beganAt,
    repairMs: incident.recoveredAt === null ? null : Math.max(0, incident.recoveredAt - incident.detectedAt),
  };
}

export function repairJson(repair: Repair): Contract.Repair {
  const { state, remedy } = repair;
  const undo = remedy.steps.flatMap((step) => (step.undo === null ? [] : [describe(step.undo)]));
  return {
    id: repair.id,
    incident: repair.incident,
    issue: repair.issue,
    target: repair.target,
    group: repair.group,
    remedy: remedy.name,
    plan: remedy.steps.map((step) => describe(step.action)),
    undo: undo.length === 0 ? null : undo.toReversed().join(", then "),
    state: state.name,
    outcome: state.name === "ended" ? state.outcome : null,
    attempt: repair.attempt,
    disruptive: repair.disruptive,
    createdAt: time(repair.createdAt),
    startedAt: timeOrNull(repair.startedAt),
    dueAt: state.name === "scheduled" ? time(state.at) : null,
    expiresAt: state.name === "proposed" ? time(state.expiresAt) : null,
    endedAt: state.name === "ended" ? time(state.at) : null,
    verifyMs: remedy.verify.windowMs,
    steps: repair.steps.map((step) => ({
      key: step.key,
      action: describe(step.action),
      undo: step.undo,
      intendedAt: time(step.intendedAt),
      doneAt: timeOrNull(step.doneAt),
      outcome: step.outcome?.kind ?? null,
      detail:
        step.outcome === null ? null : step.outcome.kind === "succeeded" ? step.outcome.detail : step.outcome.reason,
    })),
    approvedBy: repair.approvedBy,
    recurredAt: timeOrNull(repair.recurredAt),
    why: repair.why,
  };
}

export function transitionJson(transition: Transition): Contract.Transition {
  return {
    id: transition.id,
    at: time(transition.at),
    stage: stageOf(transition),
    subject: transition.subject,
    subjectId: transition.subjectId,
    issue: transition.issue,
    incident: transition.incident,
    target: transition.target,
    from: transition.from,
    to: transition.to,
    by: transition.by,
    why: transition.why,
  };
}

/** The stage of the flow that a stored change belongs to. */
export function stageOf(transition: Transition): Stage {
  switch (transition.subject) {
    case "issue":
      return "issue";
    case "incident":
      if (["open", "firing", "cleared"].includes(transition.to)) return "finding";
      if (transition.to === "diagnosed" || transition.to === "own cause" || transition.to.startsWith("caused by"))
        return "diagnosis";
      return transition.to.startsWith("severity") ? "finding" : "report";
    case "repair":
      return ["verifying", "verified", "unverified", "recurred"].includes(transition.to) ? "verification" : "repair";
    case "target":
      return "signal";
    case "system":
      return "report";
    default:
      return transition.subject satisfies never;
  }
}

export function commentJson(comment: Comment): Contract.Comment {
  return { id: comment.id, issue: comment.issue, at: time(comment.at), by: comment.by, text: comment.text };
}
