// Complete records for suites and tests: every field set, so that a test names only the fields it is about.
import type { DrillRun } from "../drill.ts";
import type { Incident, Issue, Transition } from "../issue/index.ts";
import type { Alert, OutsideAlert, Silence } from "../alerting/index.ts";
import type { Comment, Learned, Notification, SeriesPoint, Settings, Standing, Tally } from "../ports.ts";
import type { Remedy, Repair } from "../repair/index.ts";
import type { EventSignal } from "../signal/index.ts";
import type { Token } from "../token.ts";

export function sampleIssue(id: string, over: Partial<Issue> = {}): Issue {
  return {
    id,
    fingerprint: `api crash ${id}`,
    target: "api",
    kind: "crash",
    distinguisher: "",
    severity: "critical",
    class: "fault",
    title: "api ended with exit code 1",
    status: "pending",
    regressed: false,
    snooze: null,
    selfHealing: "none",
    needsPerson: null,
    rootCause: null,
    solution: null,
    assignee: null,
    occurrences: 1,
    firstSeen: 1_000,
    lastSeen: 1_000,
    fixedAt: null,
    incident: null,
    mergedInto: null,
    origin: "found",
    sections: {},
    ...over,
  };
}

export function sampleIncident(id: string, over: Partial<Incident> = {}): Incident {
  return {
    id,
    issue: "CRIT-001",
    target: "api",
    kind: "crash",
    severity: "critical",
    summary: "api ended with exit code 1",
    certainty: "witnessed",
    down: true,
    state: "open",
    beganAt: 900,
    detectedAt: 1_000,
    diagnosedAt: null,
    repairStartedAt: null,
    recoveredAt: null,
    endedAt: null,
    outcome: null,
    recoveredBy: null,
    firing: true,
    clearedAt: null,
    causedBy: null,
    standsSince: 0,
    ripe: true,
    blockedBy: null,
    remedy: null,
    attempts: 0,
    rootCause: null,
    evidence: [{ at: 1_000, what: "exit", summary: "exit code 1", data: { code: 1, frames: ["a", "b"] } }],
    escalation: null,
    drill: false,
    verdict: null,
    ...over,
  };
}

export function sampleRemedy(name: string): Remedy {
  return {
    name,
    when: { kinds: ["crash"], target: null, labels: {} },
    steps: [{ action: { type: "restart", graceful: true }, timeoutMs: 30_000, undo: null }],
    mode: "auto",
    budgets: [{ scope: "target", runs: 5, windowMs: 600_000 }],
    backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
    verify: { windowMs: 10_000, withinMs: 60_000 },
    recurrence: { windowMs: 600_000, max: 3, then: "stop" },
    next: null,
    source: "shipped",
    solution: "start it again",
  };
}

export function sampleRepair(id: string, over: Partial<Repair> = {}): Repair {
  return {
    id,
    incident: "INC-1",
    issue: "CRIT-001",
    target: "api",
    group: "api",
    remedy: sampleRemedy("restart"),
    attempt: 1,
    disruptive: false,
    createdAt: 1_000,
    startedAt: null,
    state: { name: "scheduled", at: 1_000 },
    steps: [],
    approvedBy: "policy",
    recurredAt: null,
    why: "api is down",
    ...over,
  };
}

export function sampleTransition(id: string, over: Partial<Transition> = {}): Transition {
  return {
    id,
    at: 1_000,
    subject: "issue",
    subjectId: "CRIT-001",
    issue: "CRIT-001",
    incident: null,
    target: "api",
    from: null,
    to: "pending",
    by: "detection",
    why: "found",
    ...over,
  };
}

export function sampleSignal(id: string, over: { readonly at?: number; readonly target?: string } = {}): EventSignal {
  return { id, type: "started", pid: 42, adopted: false, target: "api", at: 1_000, ...over };
}

export function sampleSeriesPoint(over: Partial<SeriesPoint> = {}): SeriesPoint {
  return { target: "api", metric: "rssBytes", at: 60_000, min: 1, mean: 2.5, max: 4, last: 3, count: 12, ...over };
}

export function sampleTally(over: Partial<Tally> = {}): Tally {
  return {
    target: "api",
    hour: 0,
    watchedMs: 3_600_000,
    goodMs: 3_590_000,
    requests: 1_000,
    errors: 3,
    latency: [0, 990, 10],
    ...over,
  };
}

export function sampleStanding(remedy: string, over: Partial<Standing> = {}): Standing {
  return {
    remedy,
    verified: 1,
    failed: 0,
    recurred: 0,
    misfired: 0,
    streak: 1,
    shadow: { wouldFix: 0, wouldMisfire: 0 },
    demotedTo: null,
    why: null,
    at: 1_000,
    ...over,
  };
}

export function sampleNotification(key: string, over: Partial<Notification> = {}): Notification {
  return {
    key,
    at: 1_000,
    kind: "escalation",
    title: "api needs a person",
    text: "the restart budget is spent",
    severity: "critical",
    issue: "CRIT-001",
    incident: "INC-1",
    target: "api",
    attempts: 0,
    dueAt: 1_000,
    deliveredAt: null,
    ...over,
  };
}

export function sampleAlert(key: string, over: Partial<Alert> = {}): Alert {
  return {
    key,
    kind: "escalation",
    at: 1_000,
    title: "api needs a person",
    text: "the restart budget is spent",
    severity: "critical",
    issue: "CRIT-001",
    incident: "INC-1",
    target: "api",
    labels: { target: "api", severity: "critical" },
    resolvedAt: null,
    suppressedBy: null,
    told: { oncall: { at: 1_000, times: 1 } },
    steps: 0,
    steppedAt: null,
    ...over,
  };
}

export function sampleSilence(id: string, over: Partial<Silence> = {}): Silence {
  const matchers = [{ name: "target", value: "api|web", isRegex: true, isEqual: true }];
  return { id, matchers, startsAt: 1_000, endsAt: 9_000, createdBy: "person:anna", comment: "upgrade", ...over };
}

export function sampleToken(id: string, over: Partial<Token> = {}): Token {
  return {
    id,
    name: `anna ${id}`,
    scope: "operate",
    digest: "0".repeat(64),
    createdAt: 1_000,
    createdBy: "person:local",
    endsAt: null,
    revokedBy: null,
    usedAt: null,
    ...over,
  };
}

export function sampleOutside(key: string, over: Partial<OutsideAlert> = {}): OutsideAlert {
  return {
    key,
    source: "alertmanager",
    target: "api",
    kind: "high-latency",
    distinguisher: "",
    severity: "medium",
    summary: "p95 above 1 s",
    text: "",
    startsAt: 1_000,
    endsAt: 9_000,
    seenAt: 1_000,
    incident: null,
    incidentOverAt: null,
    overAt: null,
    ...over,
  };
}

export function sampleComment(id: string, over: Partial<Comment> = {}): Comment {
  return { id, issue: "CRIT-001", at: 1_000, by: "person:anna", text: "looking at it", ...over };
}

export function sampleDrillRun(id: string, over: Partial<DrillRun> = {}): DrillRun {
  return {
    id,
    drill: "MED-003",
    state: "passed",
    withoutHealing: false,
    startedAt: 1_000,
    endedAt: 9_000,
    beganAt: 2_000,
    detectedAt: 2_400,
    repairedAt: 3_000,
    recoveredAt: 4_000,
    rootCause: "producers are faster than consumers",
    conditions: [
      { name: "never above capacity", demanded: "at most 1000", measured: 1_000, met: true, layer: "prevention" },
    ],
    evidence: [{ at: 2_400, what: "note", summary: "queue orders: high-water" }],
    incident: "INC-1",
    error: null,
    ...over,
  };
}

export function sampleLearned(id: string, over: Partial<Learned> = {}): Learned {
  return { id, at: 1_000, state: { version: 1, mean: 0.25, seen: [1, null, "\u{1f33f}"] }, ...over };
}

export const sampleSettings: Settings = {
  paused: { at: 5, by: "person:anna", why: "moving house" },
  pausedTargets: { "api/1": { at: 6, by: "person:ben", why: "debugging", until: 9_000 } },
  maintenance: [{ id: "M1", target: null, from: 1, to: 2, by: "person:anna", why: "upgrade" }],
  storm: { since: 7, why: "9 targets at once", calmSince: null },
};
