// The JSON of the HTTP API, as schemas from which the types, the validation and the OpenAPI document all come. Times are
// RFC 3339 with milliseconds, durations are numbers with the unit in their name, absent facts are null. These are not core's
// types: translate.ts of the server converts by hand, so either side can change.
import { Type, type Static, type TSchema } from "typebox";
import { Acknowledgement } from "./alerts.ts";

const Time = Type.String({ format: "date-time", description: "RFC 3339 with milliseconds, UTC" });
const nullable = <T extends TSchema>(of: T) => Type.Union([of, Type.Null()]);
const words = <const T extends readonly string[]>(...values: T) =>
  Type.Union(values.map((value) => Type.Literal(value))) as unknown as TWords<T>;
type TWords<T extends readonly string[]> = ReturnType<typeof Type.Unsafe<T[number]>>;

export const Severity = words("critical", "medium", "low");
export const IssueStatus = words("pending", "in-progress", "fixed", "ignored", "snoozed");
export const SelfHealing = words("none", "planned", "active", "suspended");

export const Evidence = Type.Object({
  at: Time,
  what: Type.String({
    description: "exit, error, stack, heap, log, check, sample, owner, change, dependency, stall, note",
  }),
  summary: Type.String(),
  text: nullable(Type.String({ description: "Longer text as it came; untrusted, to be shown and never interpreted" })),
  data: Type.Unknown({ description: "Structured detail, or null" }),
});
export type Evidence = Static<typeof Evidence>;

export const Issue = Type.Object({
  id: Type.String({ examples: ["CRIT-001"] }),
  severity: Severity,
  class: words("fault", "performance"),
  title: Type.String(),
  status: IssueStatus,
  regressed: Type.Boolean({ description: "It came back after it had been fixed" }),
  target: Type.String(),
  kind: Type.String(),
  distinguisher: Type.String(),
  selfHealing: SelfHealing,
  needsPerson: nullable(Type.String({ description: "Why a person is asked for" })),
  rootCause: nullable(Type.String()),
  solution: nullable(Type.String()),
  assignee: nullable(Type.String()),
  occurrences: Type.Integer(),
  firstSeen: Time,
  lastSeen: Time,
  fixedAt: nullable(Time),
  snoozedUntil: nullable(Type.String({ description: "A time, or what it waits for, in words" })),
  incident: nullable(Type.String({ description: "The open incident, or the last one" })),
  mergedInto: nullable(Type.String()),
  origin: words("found", "imported"),
  grouping: nullable(
    Type.Object({
      basis: Type.String({ description: "fingerprint, stack, type-and-value, message" }),
      why: Type.Array(Type.String(), { description: "Sentences: what counted and what was left out" }),
    }),
  ),
  acknowledged: nullable(Acknowledgement),
  escalationStep: nullable(Type.Integer({ description: "Step of its escalation taken last, from 1" })),
});
export type Issue = Static<typeof Issue>;

export const Incident = Type.Object({
  id: Type.String({ examples: ["INC-12"] }),
  issue: Type.String(),
  target: Type.String(),
  kind: Type.String(),
  severity: Severity,
  summary: Type.String(),
  state: words("open", "handed-over", "ended"),
  beganAt: Time,
  detectedAt: Time,
  diagnosedAt: nullable(Time),
  repairStartedAt: nullable(Time),
  recoveredAt: nullable(Time),
  endedAt: nullable(Time),
  outcome: nullable(words("recovered", "escalated", "dismissed")),
  recoveredBy: nullable(words("repair", "itself", "person", "cause")),
  firing: Type.Boolean(),
  causedBy: nullable(Type.String()),
  remedy: nullable(Type.String()),
  attempts: Type.Integer(),
  rootCause: nullable(Type.String()),
  evidence: Type.Array(Evidence),
  escalation: nullable(Type.String()),
  blockedBy: nullable(Type.String({ description: "The guard that holds a repair back, and why" })),
  drill: Type.Boolean(),
  verdict: nullable(words("real", "noise")),
  detectionMs: Type.Number({ description: "detectedAt - beganAt: an upper bound unless a drill set beganAt" }),
  repairMs: nullable(Type.Number({ description: "recoveredAt - detectedAt" })),
});
export type Incident = Static<typeof Incident>;

export const Step = Type.Object({
  key: Type.String(),
  action: Type.String({ description: "What the step does, in words" }),
  undo: Type.Boolean(),
  intendedAt: Time,
  doneAt: nullable(Time),
  outcome: nullable(words("succeeded", "failed", "unknown")),
  detail: nullable(Type.String()),
});
export const Repair = Type.Object({
  id: Type.String({ examples: ["REP-3"] }),
  incident: nullable(Type.String()),
  issue: nullable(Type.String()),
  target: Type.String(),
  group: Type.String(),
  remedy: Type.String(),
  plan: Type.Array(Type.String(), { description: "Exactly what it does, step by step" }),
  undo: nullable(Type.String({ description: "How it would be undone; null: it cannot be" })),
  state: words("proposed", "scheduled", "acting", "verifying", "undoing", "ended"),
  outcome: nullable(words("verified", "failed", "unverified", "unknown", "cancelled", "refused", "expired")),
  attempt: Type.Integer(),
  disruptive: Type.Boolean(),
  createdAt: Time,
  startedAt: nullable(Time),
  dueAt: nullable(Time),
  expiresAt: nullable(Time),
  endedAt: nullable(Time),
  verifyMs: Type.Number({ description: "How long it must stay healthy" }),
  steps: Type.Array(Step),
  approvedBy: nullable(Type.String()),
  recurredAt: nullable(Time),
  why: Type.String(),
});
export type Repair = Static<typeof Repair>;

export const Check = Type.Object({
  name: Type.String(),
  role: words("liveness", "readiness"),
  state: words("passing", "failing", "unknown"),
  at: nullable(Time),
  latencyMs: nullable(Type.Number()),
  message: Type.String(),
  everyMs: Type.Number(),
});
export const Target = Type.Object({
  key: Type.String(),
  kind: words("service", "external", "self"),
  group: Type.String(),
  state: words("healthy", "starting", "failing", "down", "stopped", "healing", "needs-person", "unknown"),
  stateSince: nullable(Time),
  pid: nullable(Type.Integer()),
  startedAt: nullable(Time),
  dependsOn: Type.Array(Type.String()),
  checks: Type.Array(Check),
  values: Type.Record(Type.String(), Type.Number(), { description: "Latest sample: rssBytes, cpuShare, …" }),
  openIssues: Type.Array(Type.String()),
  repair: nullable(Type.String()),
  paused: nullable(Type.String()),
  maintenance: nullable(Type.String()),
  labels: Type.Record(Type.String(), Type.String()),
});
export type Target = Static<typeof Target>;

export const Remedy = Type.Object({
  name: Type.String(),
  kinds: Type.Array(Type.String()),
  target: nullable(Type.String()),
  plan: Type.Array(Type.String()),
  mode: words("observe", "suggest", "approve", "auto"),
  modeInForce: words("observe", "suggest", "approve", "auto"),
  modeWhy: nullable(Type.String()),
  budgets: Type.Array(
    Type.Object({
      scope: words("target", "remedy"),
      runs: Type.Integer(),
      windowMs: Type.Number(),
      left: Type.Integer({ description: "Runs left now; for scope target, of the target with fewest left" }),
    }),
  ),
  verifyMs: Type.Number(),
  recurrenceMs: Type.Number(),
  next: nullable(Type.String()),
  source: words("shipped", "configuration", "plugin"),
  verified: Type.Integer(),
  failed: Type.Integer(),
  recurred: Type.Integer(),
  misfired: Type.Integer({ description: "Runs on what a person judged to be noise" }),
  streak: Type.Integer({ description: "Runs verified in a row; below zero: failed in a row" }),
  shadow: Type.Object(
    { wouldFix: Type.Integer(), wouldMisfire: Type.Integer() },
    { description: "What it would have come to while it only observed" },
  ),
  earns: nullable(
    Type.Integer({ description: "Runs verified in a row after which it may do the next thing by itself" }),
  ),
  solution: Type.String(),
});
export type Remedy = Static<typeof Remedy>;

export const Transition = Type.Object({
  id: Type.String(),
  at: Time,
  stage: words("signal", "finding", "issue", "diagnosis", "repair", "verification", "report"),
  subject: words("issue", "incident", "repair", "target", "system"),
  subjectId: Type.String(),
  issue: nullable(Type.String()),
  incident: nullable(Type.String()),
  target: nullable(Type.String()),
  from: nullable(Type.String()),
  to: Type.String(),
  by: Type.String(),
  why: Type.String(),
});
export type Transition = Static<typeof Transition>;

export const Comment = Type.Object({
  id: Type.String(),
  issue: Type.String(),
  at: Time,
  by: Type.String(),
  text: Type.String(),
});
export type Comment = Static<typeof Comment>;

export const Rate = Type.Object({
  share: nullable(Type.Number()),
  count: Type.Integer(),
  of: Type.Integer(),
  low: nullable(Type.Number()),
  high: nullable(Type.Number()),
});
export const Durations = Type.Object({
  count: Type.Integer(),
  p50Ms: nullable(Type.Number()),
  p90Ms: nullable(Type.Number()),
  maxMs: nullable(Type.Number()),
});
export const KpiRow = Type.Object({
  name: Type.String(),
  target: Type.String(),
  value: Type.String(),
  met: nullable(Type.Boolean()),
  count: Type.Number(),
  of: Type.Number(),
  low: nullable(Type.Number()),
  high: nullable(Type.Number()),
});
export const Kpis = Type.Object({
  from: Time,
  to: Time,
  availability: Rate,
  errorRate: Rate,
  latencyMsP95: nullable(Type.Number()),
  memoryBytesMax: nullable(Type.Number()),
  cpuShareMean: nullable(Type.Number()),
  autoRecovery: Rate,
  clearedByThemselves: Type.Integer(),
  detection: Durations,
  repair: Durations,
  falsePositives: Rate,
  rows: Type.Array(KpiRow),
});
export type Kpis = Static<typeof Kpis>;

/** What holds repairs back everywhere, and what waits for whom: the answer to "is everything all right?". */
export const Status = Type.Object({
  at: Time,
  verdict: words("all-right", "healing", "needs-person", "paused", "degraded"),
  summary: Type.String({ description: "One sentence" }),
  paused: nullable(Type.Object({ by: Type.String(), why: Type.String(), since: Time })),
  storm: nullable(Type.Object({ since: Time, why: Type.String() })),
  maintenance: Type.Array(
    Type.Object({
      id: Type.String(),
      target: nullable(Type.String()),
      from: Time,
      to: Time,
      by: Type.String(),
      why: Type.String(),
    }),
  ),
  targets: Type.Record(Type.String(), Type.Integer(), { description: "Number of targets by state" }),
  stages: Type.Record(Type.String(), Type.Integer(), { description: "What is in each stage of the flow now" }),
  needsPerson: Type.Array(Issue),
  approvals: Type.Array(Repair),
  healing: Type.Array(Repair),
  openIssues: Type.Integer(),
  itself: Type.Object({
    version: Type.String(),
    pid: Type.Integer(),
    startedAt: Time,
    agentConnected: Type.Boolean(),
    detectionAgeMs: nullable(Type.Number()),
    healingAgeMs: nullable(Type.Number()),
    signalsWaiting: Type.Integer(),
    signalsTaken: Type.Integer(),
    signalsShed: Type.Integer(),
    effectsInFlight: Type.Integer(),
    storeFailures: Type.Integer(),
    storeBytes: Type.Integer(),
    rssBytes: Type.Integer(),
  }),
});
export type Status = Static<typeof Status>;

/** What would run for an issue now, and which guard would stop it. */
export const Explanation = Type.Object({
  issue: Type.String(),
  answer: Type.String({ description: "One sentence" }),
  remedy: nullable(Type.String()),
  plan: Type.Array(Type.String()),
  mode: nullable(words("observe", "suggest", "approve", "auto")),
  allowed: Type.Boolean(),
  guard: nullable(Type.String()),
  reason: nullable(Type.String()),
  until: nullable(Time),
  alternatives: Type.Array(Type.String(), { description: "Other remedies that fit, in order" }),
});
export type Explanation = Static<typeof Explanation>;

export const Done = Type.Object({ id: Type.String(), changed: Type.Boolean(), message: Type.String() });
export type Done = Static<typeof Done>;

/** RFC 9457. `field` names the part of the input that was refused. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  field: Type.Optional(Type.String()),
  scope: Type.Optional(Type.String({ description: "What a token must allow for this" })),
});
export type Problem = Static<typeof Problem>;

export const pageOf = <T extends TSchema>(of: T) =>
  Type.Object({
    items: Type.Array(of),
    next: nullable(Type.String({ description: "Pass as `after` for the next page" })),
  });
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Server-sent event: what changed; clients fetch what they show. Ids are resumable with Last-Event-ID. */
export const ChangeEvent = Type.Object({
  id: Type.Integer(),
  at: Time,
  targets: Type.Array(Type.String()),
  issues: Type.Array(Type.String()),
  repairs: Type.Array(Type.String()),
  status: Type.Boolean(),
});
export type ChangeEvent = Static<typeof ChangeEvent>;

/** A signal as anybody may send it. */
export const IncomingSignal = Type.Object({
  target: Type.String({ minLength: 1, maxLength: 128 }),
  kind: Type.String({ minLength: 1, maxLength: 64, pattern: "^[a-z0-9][a-z0-9-]*$" }),
  state: Type.Optional(words("firing", "cleared")),
  severity: Type.Optional(Severity),
  summary: Type.String({ minLength: 1, maxLength: 2000 }),
  distinguisher: Type.Optional(Type.String({ maxLength: 200 })),
});
export type IncomingSignal = Static<typeof IncomingSignal>;
