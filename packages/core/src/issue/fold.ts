// From findings to issues and incidents: the set of findings that hold for a target is laid against what is on file.
// Firing and not on file: filed, or its issue reopened. On file and not firing: marked cleared. Everything else folds in.
import { causeIn, factsOfKind, fingerprintOf, type Evidence, type Finding, type Severity } from "../detection/index.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import type { Incident, Issue } from "./issue.ts";
import { judgeRegression } from "@prunella/detect";
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
  whyGone: (incident: Incident) => string = () => "the fault is no longer seen",
): void {
  const firing = new Set<string>();
  for (const finding of findings) {
    const issue = fileIssue(draft, finding);
    firing.add(issue.id);
    if (!isLateReport(draft, issue, finding)) foldIncident(draft, woken(draft, issue, finding), finding, drill);
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
      why: whyGone(incident),
    });
  }
}

/**
 * Is this a report of what happened before the issue was fixed, or in a release that cannot carry the fix? It is counted
 * and speaks against nothing.
 */
function isLateReport(draft: Draft, issue: Issue, finding: Finding): boolean {
  if (issue.status !== "fixed" || finding.lastAt === undefined || issue.fixedAt === null) return false;
  const open = issue.incident === null ? undefined : draft.incident(issue.incident);
  if (open !== undefined && open.state !== "ended") return false;
  const event = { at: finding.lastAt, ...(finding.release === undefined ? {} : { release: finding.release }) };
  const resolution = { ...(issue.resolution ?? { mode: "now" as const }), at: issue.fixedAt };
  return !judgeRegression(event, resolution).isRegression;
}

/** An ignored failure that has come to occur far more often is looked at again. */
function woken(draft: Draft, issue: Issue, finding: Finding): Issue {
  return issue.status === "ignored" && finding.escalating !== undefined
    ? move(draft, issue, "in-progress", "detection", `escalating: ${finding.escalating}`)
    : issue;
}

/** The issue on file for a finding, followed to the one it was merged into. */
function issueFor(draft: Draft, finding: Finding): Issue | undefined {
  let known = draft.issueByFingerprint(fingerprintOf(finding));
  for (let hops = 0; known?.mergedInto != null && hops < 10; hops += 1) known = draft.issue(known.mergedInto);
  return known;
}

function fileIssue(draft: Draft, finding: Finding): Issue {
  const known = issueFor(draft, finding);
  if (known !== undefined) return refresh(draft, known, finding);
  const prefix = prefixOf(finding);
  const issue: Issue = {
    id: issueId(prefix, draft.nextNumber(prefix)),
    fingerprint: fingerprintOf(finding),
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
    ...(finding.grouping === undefined ? {} : { grouping: finding.grouping }),
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
  return finding.events > 0 && factsOfKind(finding.kind).counted;
}

function foldIncident(draft: Draft, issue: Issue, finding: Finding, drill: DrillMark | null): void {
  const known = issue.incident === null ? undefined : draft.incident(issue.incident);
  if (known !== undefined && known.state !== "ended") {
    const reopened = !known.firing;
    // A guard that recovers tells so without a new occurrence; that belongs to the incident all the same.
    const counted = countsEvents(finding) || (finding.kind === "guard-tripped" && finding.evidence.length > 0);
    const same =
      known.ripe === finding.ripe && known.down === finding.down && rank(finding.severity) <= rank(known.severity);
    // What has become ripe has more to show than when it was first seen.
    const renewed = reopened || counted || (finding.ripe && !known.ripe);
    if (!renewed && same) return;
    draft.putIncident({
      ...known,
      firing: true,
      clearedAt: null,
      ripe: finding.ripe,
      down: finding.down,
      ...(finding.deadlineAt === undefined ? {} : { deadlineAt: finding.deadlineAt }),
      severity: rank(finding.severity) > rank(known.severity) ? finding.severity : known.severity,
      evidence: renewed ? withEvidence(known.evidence, finding.evidence) : known.evidence,
      // New evidence of another cause asks for another diagnosis.
      diagnosedAt: renewed && namesMore(known.evidence, finding.evidence) ? null : known.diagnosedAt,
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
    ...(finding.deadlineAt === undefined ? {} : { deadlineAt: finding.deadlineAt }),
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
      if (issue.snooze !== null && !snoozeOver(issue, draft.now))
        move(draft, issue, "snoozed", "detection", "it came back while its snooze holds", { fixedAt: null });
      else
        move(draft, issue, "in-progress", "detection", `it came back: ${finding.summary}`, {
          regressed: true,
          fixedAt: null,
          snooze: null,
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

function namesMore(known: readonly Evidence[], more: readonly Evidence[]): boolean {
  const before = new Set(known.map(causeIn));
  return more.some((evidence) => !before.has(causeIn(evidence)));
}

export function rank(severity: Severity): number {
  return { low: 0, medium: 1, critical: 2 }[severity];
}

export function withEvidence(known: readonly Evidence[], more: readonly Evidence[]): readonly Evidence[] {
  if (more.length === 0) return known;
  const all = [...known, ...more];
  return all.length <= evidenceMax ? all : [...all.slice(0, evidenceMax / 2), ...all.slice(-evidenceMax / 2)];
}
