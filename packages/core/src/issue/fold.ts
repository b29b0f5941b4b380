// From findings to issues and incidents: the set of findings that hold for a target is laid against what is on file.
// Firing and not on file: filed, or its issue reopened. On file and not firing: marked cleared. Everything else folds in.
import { fingerprintOf, type Evidence, type Finding, type Severity } from "../detection/index.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import type { Incident, Issue } from "./issue.ts";
import { issueId, move, prefixOf } from "./status.ts";

/** Evidence kept per incident; the first entries stay, the newest of the rest replace the oldest. */
export const evidenceMax = 20;
/** Incidents open at once, over all targets; above it new ones only count on their issue, and Prunella files that of itself. */
export const incidentsOpenMax = 2_000;

/** A drill is under way on the target; `beganAt` is the moment it broke something, when it announced one. */
export interface DrillMark {
  readonly beganAt: TimeMs | null;
}

/** Brings issues and incidents of one target up to date with the findings that hold for it now. */
export function fold(
  draft: Draft,
  target: TargetKey,
  findings: readonly Finding[],
  drill: DrillMark | null = null,
): void {
  const firing = new Set<string>();
  for (const finding of findings) {
    const issue = fileIssue(draft, finding);
    firing.add(issue.id);
    foldIncident(draft, issue, finding, drill);
  }
  for (const incident of draft.incidentsOf(target)) {
    if (!incident.firing || firing.has(incident.issue)) continue;
    draft.putIncident({ ...incident, firing: false, clearedAt: draft.now });
    draft.transition({
      subject: "incident",
      subjectId: incident.id,
      issue: incident.issue,
      incident: incident.id,
      target,
      from: "firing",
      to: "cleared",
      by: "detection",
      why: "the fault is no longer seen",
    });
  }
}

function fileIssue(draft: Draft, finding: Finding): Issue {
  const fingerprint = fingerprintOf(finding);
  let known = draft.issueByFingerprint(fingerprint);
  for (let hops = 0; known?.mergedInto != null && hops < 10; hops += 1) known = draft.issue(known.mergedInto);
  if (known !== undefined) return refresh(draft, known, finding);
  const prefix = prefixOf(finding);
  const issue: Issue = {
    id: issueId(prefix, draft.nextNumber(prefix)),
    fingerprint,
    target: finding.target,
    kind: finding.kind,
    distinguisher: finding.distinguisher,
    severity: finding.severity,
    class: finding.class,
    title: finding.summary,
    status: "pending",
    regressed: false,
    snooze: null,
    selfHealing: "none",
    needsPerson: null,
    rootCause: null,
    solution: null,
    assignee: null,
    occurrences: Math.max(1, finding.events),
    firstSeen: finding.detectedAt,
    lastSeen: finding.detectedAt,
    fixedAt: null,
    incident: null,
    mergedInto: null,
    origin: "found",
    sections: {},
  };
  draft.putIssue(issue);
  draft.transition({
    subject: "issue",
    subjectId: issue.id,
    issue: issue.id,
    incident: null,
    target: issue.target,
    from: null,
    to: "pending",
    by: "detection",
    why: finding.summary,
  });
  return issue;
}

function refresh(draft: Draft, issue: Issue, finding: Finding): Issue {
  const open = issue.incident === null ? undefined : draft.incident(issue.incident);
  const again = open === undefined || open.state === "ended" || (!open.firing && finding.events > 0);
  // A level that merely goes on holding is no new occurrence; events that came with it are.
  const events = again ? Math.max(1, finding.events) : countsEvents(finding) ? finding.events : 0;
  const worse = rank(finding.severity) > rank(issue.severity);
  if (events === 0 && !worse) return issue;
  const next: Issue = {
    ...issue,
    occurrences: issue.occurrences + events,
    lastSeen: finding.detectedAt,
    ...(worse ? { severity: finding.severity } : {}),
  };
  if (worse) {
    draft.transition({
      subject: "issue",
      subjectId: issue.id,
      issue: issue.id,
      incident: issue.incident,
      target: issue.target,
      from: `severity ${issue.severity}`,
      to: `severity ${finding.severity}`,
      by: "detection",
      why: finding.summary,
    });
  }
  draft.putIssue(next);
  return next;
}

/** Kinds whose findings carry counts of separate events, as opposed to one level that holds. */
function countsEvents(finding: Finding): boolean {
  return (
    finding.events > 0 &&
    ["error", "crash", "killed", "start-failed", "guard-tripped", "signals-lost", "port-taken"].includes(finding.kind)
  );
}

function foldIncident(draft: Draft, issue: Issue, finding: Finding, drill: DrillMark | null): void {
  const known = issue.incident === null ? undefined : draft.incident(issue.incident);
  if (known !== undefined && known.state !== "ended") {
    const reopened = !known.firing;
    // A guard that recovers tells so without a new occurrence; that belongs to the incident all the same.
    const counted = countsEvents(finding) || (finding.kind === "guard-tripped" && finding.evidence.length > 0);
    const same =
      known.ripe === finding.ripe && known.down === finding.down && rank(finding.severity) <= rank(known.severity);
    if (!reopened && !counted && same) return;
    draft.putIncident({
      ...known,
      firing: true,
      clearedAt: null,
      ripe: finding.ripe,
      down: finding.down,
      severity: rank(finding.severity) > rank(known.severity) ? finding.severity : known.severity,
      evidence: reopened || counted ? withEvidence(known.evidence, finding.evidence) : known.evidence,
    });
    if (reopened) {
      draft.transition({
        subject: "incident",
        subjectId: known.id,
        issue: issue.id,
        incident: known.id,
        target: known.target,
        from: "cleared",
        to: "firing",
        by: "detection",
        why: finding.summary,
      });
    }
    return;
  }
  if (draft.incidents().length >= incidentsOpenMax) return;
  const incident: Incident = {
    id: `INC-${draft.nextNumber("INC")}`,
    issue: issue.id,
    target: finding.target,
    kind: finding.kind,
    severity: finding.severity,
    summary: finding.summary,
    certainty: finding.certainty,
    down: finding.down,
    ripe: finding.ripe,
    state: "open",
    beganAt: Math.min(drill?.beganAt ?? finding.beganAt, finding.detectedAt),
    detectedAt: finding.detectedAt,
    diagnosedAt: null,
    repairStartedAt: null,
    recoveredAt: null,
    endedAt: null,
    outcome: null,
    recoveredBy: null,
    firing: true,
    clearedAt: null,
    causedBy: null,
    standsSince: finding.detectedAt,
    remedy: null,
    attempts: 0,
    rootCause: null,
    evidence: finding.evidence.slice(0, evidenceMax),
    escalation: null,
    blockedBy: null,
    drill: drill !== null,
    verdict: null,
  };
  draft.putIncident(incident);
  draft.transition({
    subject: "incident",
    subjectId: incident.id,
    issue: issue.id,
    incident: incident.id,
    target: incident.target,
    from: null,
    to: "open",
    by: "detection",
    why: finding.summary,
  });
  reopenIssue(draft, { ...issue, incident: incident.id }, finding);
}

/** A new incident wakes its issue, unless a person ignored it or its snooze still holds. */
function reopenIssue(draft: Draft, issue: Issue, finding: Finding): void {
  switch (issue.status) {
    case "fixed":
      move(draft, issue, "in-progress", "detection", `it came back: ${finding.summary}`, {
        regressed: true,
        fixedAt: null,
      });
      return;
    case "snoozed":
      if (snoozeOver(issue, draft.now))
        move(draft, issue, "in-progress", "detection", "its snooze is over", { snooze: null });
      else draft.putIssue(issue);
      return;
    case "pending":
      move(draft, issue, "in-progress", "detection", finding.summary);
      return;
    case "ignored":
    case "in-progress":
      draft.putIssue(issue);
      return;
    default:
      issue.status satisfies never;
  }
}

/** Whether what a snooze waits for has come. */
export function snoozeOver(issue: Issue, now: number): boolean {
  const snooze = issue.snooze;
  if (snooze === null) return true;
  switch (snooze.until) {
    case "time":
      return now >= snooze.at;
    case "occurrences":
      return issue.occurrences >= snooze.occurrences;
    case "worse":
      return rank(issue.severity) > rank(snooze.severity) || ratePerHour(issue, now) > snooze.perHourMax;
    default:
      return snooze satisfies never;
  }
}

function ratePerHour(issue: Issue, now: number): number {
  return issue.occurrences / Math.max(1, (now - issue.firstSeen) / 3_600_000);
}

export function rank(severity: Severity): number {
  return { low: 0, medium: 1, critical: 2 }[severity];
}

export function withEvidence(known: readonly Evidence[], more: readonly Evidence[]): readonly Evidence[] {
  if (more.length === 0) return known;
  const all = [...known, ...more];
  return all.length <= evidenceMax ? all : [...all.slice(0, evidenceMax / 2), ...all.slice(-evidenceMax / 2)];
}
