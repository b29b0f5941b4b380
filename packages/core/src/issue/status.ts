// The issue's state machine. Every change goes through `move`, which refuses edges that do not exist and stores who did it,
// when and why.
import { assert } from "../errors.ts";
import type { Draft } from "../world.ts";
import type { Actor, Issue, IssueStatus } from "./issue.ts";

/** Edges that exist. fixed -> snoozed: it came back while a snooze still held. Regression is the edge fixed -> in-progress (or pending) with the mark `regressed`. */
export const statusEdges: Readonly<Record<IssueStatus, readonly IssueStatus[]>> = {
  pending: ["in-progress", "fixed", "ignored", "snoozed"],
  "in-progress": ["fixed", "pending", "ignored", "snoozed"],
  fixed: ["in-progress", "pending", "ignored", "snoozed"],
  ignored: ["pending", "in-progress", "fixed"],
  snoozed: ["pending", "in-progress", "fixed", "ignored"],
};

/** Live: a finding for its fingerprint folds into it. */
export function isLive(issue: Issue): boolean {
  return issue.mergedInto === null;
}

/** Moves an issue to a status and stores the transition; returns the issue as it is now. */
export function move(
  draft: Draft,
  issue: Issue,
  to: IssueStatus,
  by: Actor,
  why: string,
  more: Partial<Issue> = {},
): Issue {
  if (issue.status !== to)
    assert(statusEdges[issue.status].includes(to), `issue ${issue.id}: no edge from ${issue.status} to ${to}`);
  const next: Issue = { ...issue, ...more, status: to };
  if (issue.status !== to || (more.regressed === true && !issue.regressed)) {
    draft.transition({
      subject: "issue",
      subjectId: issue.id,
      issue: issue.id,
      incident: next.incident,
      target: issue.target,
      from: issue.status,
      to: next.regressed && to !== "fixed" && issue.status === "fixed" ? "regressed" : to,
      by,
      why,
    });
  }
  draft.putIssue(next);
  return next;
}

/** "CRIT", "MED", "LOW" by severity; "PERF" for the performance class. */
export function prefixOf(of: Pick<Issue, "severity" | "class">): string {
  if (of.class === "performance") return "PERF";
  return { critical: "CRIT", medium: "MED", low: "LOW" }[of.severity];
}

/** CRIT-001: three digits at least. */
export function issueId(prefix: string, number: number): string {
  return `${prefix}-${String(number).padStart(3, "0")}`;
}
