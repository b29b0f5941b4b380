// reconcile(target): looks at the state of one target as it is, asks the stages what should hold now, and answers with a
// draft of changes and at most one effect. Level-triggered: run twice, or after a lost event, it comes to the same.
// Pure: the engine commits the draft first and only then performs the effect.
import { factsOfKind, type LearnedEdges, type TargetView } from "../detection/index.ts";
import { causeOf, causesOf, dependenciesOf, ownerIsOurs, questionFor, rootCause } from "../diagnosis/index.ts";
import {
  callPerson,
  escalate,
  notification,
  rank,
  recover,
  snoozeOver,
  move,
  withEvidence,
  type Incident,
} from "../issue/index.ts";
import type { Order, Question } from "../ports.ts";
import {
  attemptOf,
  begin,
  bookReturn,
  chooseRemedy,
  decline,
  declinedFor,
  createRepair,
  describe,
  endRepair,
  heldBack,
  isRepeatable,
  judgeShadow,
  mayRepair,
  modeOf,
  orderAgain,
  record,
  resolve,
  returnsOf,
  startAt,
  undoFrom,
  type Case,
  type Remedy,
  type Repair,
  type Safety,
  type StepOutcome,
  type Verdict,
} from "../repair/index.ts";
import type { TargetKey, TargetSpec, TimeMs } from "../signal/index.ts";
import { judge } from "../verification/index.ts";
import type { Draft } from "../world.ts";

/** Everything a reconciliation may know besides the draft. */
export interface Context {
  readonly remedies: readonly Remedy[];
  readonly safety: Safety;
  readonly views: ReadonlyMap<TargetKey, TargetView>;
  /** Keys of effects that are under way in this process. */
  readonly inFlight: ReadonlySet<string>;
  readonly fence: number;
  readonly random: () => number;
  /** Dependencies learned from outgoing calls, beside the declared ones. */
  readonly edges?: LearnedEdges;
  /** What the learned state adds to an incident that is being diagnosed. */
  readonly investigate?: (incident: Incident) => Incident["evidence"];
}

export type Effect =
  | { readonly type: "order"; readonly key: string; readonly repair: string; readonly order: Order }
  | { readonly type: "outcome-of"; readonly key: string; readonly repair: string }
  | { readonly type: "question"; readonly key: string; readonly incident: string; readonly question: Question };

export interface Next {
  readonly effect: Effect | null;
  /** When to look again although nothing happened; null: only when something does. */
  readonly lookAt: TimeMs | null;
}

/** A fault that nobody repaired must have been gone this long, with the target seen healthy, to count as over, ms. */
export const selfClearMs = 5_000;
/** A dependency that is failing but not yet past its threshold holds the dependent's repair back at most this long, ms. */
export const suspicionMs = 10_000;
/** A ripe fault whose repair a guard has held back this long is handed to a person, ms. */
export const heldBackMsMax = 300_000;
/** Called back at least this often while anything is open, ms. */
const tickMs = 1_000;

const nothing: Next = { effect: null, lookAt: null };

export function reconcile(draft: Draft, context: Context, target: TargetSpec): Next {
  settle(draft, context, target);
  // What needs no evidence is understood at once, also when something else on the target is being handled first.
  for (const incident of draft.incidentsOf(target.key))
    if (selfExplained.has(incident.kind) && incident.state === "open" && incident.diagnosedAt === null)
      diagnose(draft, incident, context);
  const repair = draft.liveRepairOf(target.key);
  if (repair !== undefined) return advance(draft, context, target, repair);
  let next: Next = draft.incidentsOf(target.key).length > 0 ? later(draft, tickMs) : nothing;
  for (const incident of standing(draft, target.key)) {
    next = sooner(next, handle(draft, context, target, incident));
    // One effect, and one run, at a time; an incident for which nothing can be done now stands in no other's way.
    if (next.effect !== null || draft.liveRepairOf(target.key) !== undefined) return next;
  }
  return next;
}

/** Kinds that the application itself witnessed and named: there is nothing to ask. */
const selfExplained = new Set(["guard-tripped", "error"]);

/** The incidents to act on: those on this target that no other explains; worst first. */
function standing(draft: Draft, target: TargetKey): Incident[] {
  return draft
    .incidentsOf(target)
    .filter((incident) => incident.state === "open" && incident.firing && incident.causedBy === null)
    .sort((a, b) => rank(b.severity) - rank(a.severity) || a.detectedAt - b.detectedAt);
}

function sooner(a: Next, b: Next): Next {
  const lookAt = a.lookAt === null || b.lookAt === null ? (a.lookAt ?? b.lookAt) : Math.min(a.lookAt, b.lookAt);
  return { effect: b.effect ?? a.effect, lookAt };
}

/** Brings causes up to date, ends what is over, wakes what was snoozed. */
function settle(draft: Draft, context: Context, target: TargetSpec): void {
  const live = draft.liveRepairOf(target.key);
  for (const incident of draft.incidentsOf(target.key)) {
    const cause = incident.firing ? causeOf(incident, draft.incidents(), draft.targets, context.edges) : null;
    const causedBy = incident.firing ? (cause?.id ?? null) : incident.causedBy;
    if (causedBy !== incident.causedBy) {
      draft.putIncident({ ...incident, causedBy, standsSince: causedBy === null ? draft.now : incident.standsSince });
      draft.transition({
        subject: "incident",
        subjectId: incident.id,
        issue: incident.issue,
        incident: incident.id,
        target: target.key,
        from: incident.causedBy === null ? "own cause" : `caused by ${incident.causedBy}`,
        to: causedBy === null ? "own cause" : `caused by ${causedBy}`,
        by: "healing",
        why: cause?.summary ?? "its cause is gone",
      });
    }
    const now = draft.incident(incident.id) ?? incident;
    const occupied = live !== undefined && live.state.name !== "proposed" && live.state.name !== "scheduled";
    if (!occupied) followCause(draft, now);
    const after = draft.incident(incident.id) ?? now;
    if (!after.firing && !occupied) clearIfOver(draft, context, after);
  }
  const issueIds = new Set(draft.incidentsOf(target.key).map((incident) => incident.issue));
  for (const id of issueIds) {
    const issue = draft.issue(id);
    if (issue?.status === "snoozed" && snoozeOver(issue, draft.now))
      move(draft, issue, "in-progress", "detection", "its snooze is over", { snooze: null });
  }
}

/**
 * What is explained by an incident that a person was called for is in that person's hands with it, without a page of its
 * own; when the cause goes and the fault stays, it is the machine's again. So nothing stays open behind a closed door.
 */
function followCause(draft: Draft, incident: Incident): void {
  const handed = draft
    .incidents()
    .filter((other) => other.state === "handed-over" && other.firing && other.id !== incident.id);
  const cause =
    handed.find((other) => other.id === incident.causedBy) ??
    (incident.firing ? undefined : handed.find((other) => other.target === incident.target));
  const followed = incident.escalation?.startsWith(withCause) === true;
  if (incident.state === "open" && cause !== undefined) {
    draft.putIncident({
      ...incident,
      state: "handed-over",
      outcome: "escalated",
      endedAt: draft.now,
      escalation: `${withCause}${cause.id}`,
      blockedBy: null,
    });
    note(draft, incident, "handed-over", `it is explained by ${cause.id}, which a person was called for`);
  } else if (incident.state === "handed-over" && followed && incident.firing && incident.causedBy === null) {
    draft.putIncident({
      ...incident,
      state: "open",
      outcome: null,
      endedAt: null,
      escalation: null,
      standsSince: draft.now,
    });
    note(draft, incident, "open", "its cause is gone and it still holds");
  }
}

const withCause = "with ";

function note(draft: Draft, incident: Incident, to: string, why: string): void {
  draft.transition({
    subject: "incident",
    subjectId: incident.id,
    issue: incident.issue,
    incident: incident.id,
    target: incident.target,
    from: incident.state,
    to,
    by: "healing",
    why,
  });
}

/** A fault that is no longer seen is over once its target has been watched healthy for a while. */
function clearIfOver(draft: Draft, context: Context, incident: Incident): void {
  const view = context.views.get(incident.target);
  const clearedAt = incident.clearedAt ?? draft.now;
  // Requests' own faults and Prunella's own end with their silence; a target must be seen healthy.
  const judgedByHealth = factsOfKind(incident.kind).whole;
  const since = judgedByHealth ? (view?.healthySince ?? null) : clearedAt;
  if (since === null || draft.now - Math.max(since, clearedAt) < selfClearMs) return;
  const by = incident.state === "handed-over" ? "person" : incident.causedBy !== null ? "cause" : "itself";
  const why = {
    person: "the fault is gone after a person was called",
    cause: `its cause ${incident.causedBy ?? ""} is gone`,
    itself: "it cleared by itself",
  }[by];
  recover(draft, incident, Math.max(since, clearedAt), by, why);
  judgeShadow(draft, incident, Math.max(since, clearedAt));
}

function handle(draft: Draft, context: Context, target: TargetSpec, incident: Incident): Next {
  const question = incident.diagnosedAt === null ? questionFor(incident) : null;
  if (question !== null) {
    const key = `ask:${incident.id}:${question.want}`;
    return context.inFlight.has(key)
      ? later(draft, tickMs)
      : { effect: { type: "question", key, incident: incident.id, question }, lookAt: draft.now + tickMs };
  }
  const diagnosed = incident.diagnosedAt === null ? diagnose(draft, incident, context) : incident;
  noteRecurrence(draft, context, target, diagnosed);
  const suspect = suspiciousDependency(draft, context, target, diagnosed);
  if (suspect !== null) return hold(draft, diagnosed, `cause: ${suspect} is being looked at first`, draft.now + 250);
  const quietAt = quieterMoment(context.views.get(target.key), diagnosed, draft.now);
  if (quietAt !== null) return hold(draft, diagnosed, "ripeness: it waits for a quieter moment", quietAt);
  const chosen = chooseRemedy(draft, diagnosed, target, context.remedies);
  const remedy = chosen === null ? null : resolve(chosen, diagnosed);
  if (remedy === null) return withoutRemedy(draft, target, diagnosed);
  if (diagnosed.kind === "port-taken" && !ownerIsOurs(diagnosed) && remedy.source === "shipped") {
    escalate(draft, diagnosed, `the port belongs to somebody else: ${diagnosed.rootCause ?? diagnosed.summary}`);
    return nothing;
  }
  const { mode, why } = modeOf(remedy, draft);
  const verdict = mayRepair(draft, caseOf(draft, context, target, diagnosed, remedy));
  if (!verdict.allowed) return refused(draft, diagnosed, verdict);
  if (mode === "observe") {
    const shadow = {
      remedy: remedy.name,
      actions: remedy.steps.map((step) => step.action.type),
      at: draft.now,
      withinMs: remedy.verify.withinMs,
      scored: false,
    };
    const watched = { ...diagnosed, shadow: diagnosed.shadow ?? shadow };
    draft.putIncident(watched);
    escalate(draft, watched, `${remedy.name} only observes; it would have done: ${steps(remedy)}`);
    return nothing;
  }
  const attempt = attemptOf(draft, target.key, remedy);
  const base = { attempt, disruptive: !diagnosed.down, why: `${diagnosed.summary}${why === null ? "" : `; ${why}`}` };
  if (mode === "auto") {
    planned(draft, diagnosed, remedy, "active");
    const repair = createRepair(
      draft,
      target,
      diagnosed,
      remedy,
      { name: "scheduled", at: startAt(draft, remedy, attempt, context.random) },
      { ...base, approvedBy: "policy" },
    );
    return advance(draft, context, target, repair);
  }
  planned(draft, diagnosed, remedy, "planned");
  const asks = mode === "approve";
  const repair = createRepair(
    draft,
    target,
    diagnosed,
    remedy,
    { name: "proposed", expiresAt: draft.now + context.safety.approvalTimeoutMs, asks },
    { ...base, approvedBy: null },
  );
  if (asks)
    draft.notify(
      notification(
        draft.now,
        `approval:${repair.id}`,
        "approval",
        `${repair.id} asks for approval: ${steps(remedy)} on ${target.key}`,
        diagnosed.summary,
        diagnosed,
      ),
    );
  return later(draft, context.safety.approvalTimeoutMs);
}

/** Books the root cause as far as it is known. */
function diagnose(draft: Draft, incident: Incident, context: Pick<Context, "investigate">): Incident {
  const cause = rootCause(incident);
  const next: Incident = {
    ...incident,
    diagnosedAt: draft.now,
    rootCause: cause,
    evidence: withEvidence(incident.evidence, context.investigate?.(incident) ?? []),
  };
  draft.putIncident(next);
  draft.transition({
    subject: "incident",
    subjectId: incident.id,
    issue: incident.issue,
    incident: incident.id,
    target: incident.target,
    from: "open",
    to: "diagnosed",
    by: "healing",
    why: cause,
  });
  const issue = draft.issue(incident.issue);
  if (issue !== undefined) draft.putIssue({ ...issue, rootCause: cause });
  return next;
}

function planned(draft: Draft, incident: Incident, remedy: Remedy, selfHealing: "active" | "planned"): void {
  const issue = draft.issue(incident.issue);
  if (issue !== undefined && (issue.selfHealing !== selfHealing || issue.solution !== remedy.solution))
    draft.putIssue({ ...issue, selfHealing, solution: remedy.solution });
}

/** A verified repair whose fault returned within its recurrence window is booked as having failed after all (rule 26). */
function noteRecurrence(draft: Draft, _context: Context, target: TargetSpec, incident: Incident): void {
  if (incident.attempts > 0) return;
  const last = draft
    .repairs()
    .filter(
      (repair) =>
        repair.issue === incident.issue && repair.state.name === "ended" && repair.state.outcome === "verified",
    )
    .at(-1);
  if (last === undefined || last.recurredAt !== null || last.state.name !== "ended" || last.incident === incident.id)
    return;
  if (draft.now - last.state.at > last.remedy.recurrence.windowMs) return;
  draft.putRepair({ ...last, recurredAt: draft.now });
  const returns = returnsOf(draft, target, last.remedy);
  const tooMany = returns >= last.remedy.recurrence.max;
  bookReturn(draft, last, returns, tooMany);
  draft.transition({
    subject: "repair",
    subjectId: last.id,
    issue: last.issue,
    incident: last.incident,
    target: last.target,
    from: "verified",
    to: "recurred",
    by: "healing",
    why: `the fault came back as ${incident.id}`,
  });
  if (tooMany)
    callPerson(
      draft,
      draft.incident(incident.id) ?? incident,
      `it has come back ${returns} times after ${last.remedy.name} had been verified`,
    );
}

/** A dependency with failures that are not yet past its threshold, or not looked at since: the dependent waits for the answer. */
function suspiciousDependency(
  draft: Draft,
  context: Context,
  target: TargetSpec,
  incident: Incident,
): TargetKey | null {
  if (incident.certainty === "witnessed" && incident.kind !== "crash" && incident.kind !== "start-failed") return null;
  if (draft.now - incident.detectedAt >= suspicionMs) return null;
  for (const key of dependenciesOf(target.key, draft.targets, context.edges)) {
    const view = context.views.get(key);
    if (view === undefined) continue;
    const checks = [...view.checks.values()];
    if (checks.some((check) => !check.failing && check.failuresInRow > 0)) return key;
    // Only a fault inferred from outside needs a look at the dependency that is newer than the fault.
    if (
      incident.certainty === "inferred" &&
      checks.length > 0 &&
      !checks.some((check) => check.at >= incident.detectedAt)
    )
      return key;
  }
  return null;
}

/** Traffic above this share of its median of the last ten minutes is a busy moment. */
const busyShare = 0.7;
/** A limit that is this near is not waited for, ms. */
const deadlineMarginMs = 60_000;

/** When to look again because a limit is still far and the traffic is dense now; null: there is nothing to wait for. */
function quieterMoment(view: TargetView | undefined, incident: Incident, now: TimeMs): TimeMs | null {
  if (incident.deadlineAt === undefined || incident.deadlineAt - now <= deadlineMarginMs) return null;
  const rates = (view?.samples ?? [])
    .map((sample) => sample.values["requestsPerSecond"])
    .filter((rate) => rate !== undefined);
  if (rates.length < 60) return null;
  const sorted = rates.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? 0;
  const recent = rates.slice(-5).reduce((sum, rate) => sum + rate, 0) / 5;
  // Even traffic has no quieter moment to wait for.
  const quiet = (sorted[Math.floor(sorted.length / 5)] ?? 0) <= busyShare * median;
  return quiet && recent > busyShare * median ? now + tickMs : null;
}

function withoutRemedy(draft: Draft, target: TargetSpec, incident: Incident): Next {
  const declined = [...declinedFor(draft, incident)];
  if (declined.length > 0) {
    escalate(draft, incident, `${declined.join(", ")} was declined by a person, and no other remedy is left`);
    return nothing;
  }
  if (incident.severity === "critical" && incident.ripe) {
    const tried = draft.repairs().some((repair) => repair.incident === incident.id && repair.startedAt !== null);
    const none = causesOf(incident).includes("data")
      ? "what is declared as data is never cleared by itself: a person must make room"
      : `there is no remedy for ${incident.kind} on ${target.key}`;
    escalate(draft, incident, tried ? "no remedy is left" : none);
    return nothing;
  }
  return later(draft, tickMs);
}

function refused(draft: Draft, incident: Incident, verdict: Verdict & { allowed: false }): Next {
  if (verdict.final || (incident.ripe && isHeldForGood(draft, verdict, incident.standsSince))) {
    escalate(draft, incident, `${verdict.guard}: ${verdict.reason}`);
    return nothing;
  }
  return hold(draft, incident, `${verdict.guard}: ${verdict.reason}`, verdict.until ?? draft.now + tickMs);
}

/** A guard that goes on saying no is as good as final: nothing hangs for ever (invariant 7). What people hold back they may. */
function isHeldForGood(draft: Draft, { guard }: Verdict & { allowed: false }, since: TimeMs): boolean {
  const byPeople = guard === "pause" || guard === "target-pause" || guard === "maintenance";
  return !byPeople && draft.now - since >= heldBackMsMax;
}

/** Notes which guard holds the repair back, once per change of answer. */
function hold(draft: Draft, incident: Incident, blockedBy: string, lookAt: TimeMs): Next {
  if (incident.blockedBy !== blockedBy) draft.putIncident({ ...(draft.incident(incident.id) ?? incident), blockedBy });
  return { effect: null, lookAt: Math.min(lookAt, draft.now + 10_000) };
}

/** A run waits this long for a fault that is neither seen nor known to be gone, ms. */
const unseenMsMax = 10_000;

function advance(draft: Draft, context: Context, target: TargetSpec, repair: Repair): Next {
  const state = repair.state;
  const view = context.views.get(target.key);
  const incident = repair.incident === null ? null : (draft.incident(repair.incident) ?? null);
  switch (state.name) {
    case "proposed":
      if (isMoot(repair, incident, view)) return cancel(draft, repair, "the fault is gone");
      if (draft.now < state.expiresAt) return later(draft, state.expiresAt - draft.now);
      decline(draft, repair, "expired", "nobody answered in time, which counts as no");
      if (incident !== null)
        escalate(
          draft,
          incident,
          `nobody answered ${repair.id} within ${Math.round(context.safety.approvalTimeoutMs / 60_000)} min`,
        );
      return nothing;
    case "scheduled": {
      if (isMoot(repair, incident, view)) return cancel(draft, repair, "the fault is gone");
      if (draft.now < state.at) return later(draft, state.at - draft.now);
      if (incident !== null && !incident.firing) {
        const unseenMs = draft.now - (incident.clearedAt ?? draft.now);
        if (unseenMs < unseenMsMax) return later(draft, tickMs);
        return cancel(draft, repair, "the fault is not seen any more");
      }
      if (incident === null && repair.approvedBy === "policy") {
        const held = heldBack(draft, target);
        if (held !== null) return cancel(draft, repair, `${held.guard}: ${held.reason}`);
      }
      if (incident !== null && incident.state === "handed-over" && repair.approvedBy === "policy")
        return cancel(draft, repair, "a person has been called for it meanwhile");
      if (incident !== null) {
        // Once more right before acting: everything may have changed while it waited.
        const verdict = mayRepair(draft, caseOf(draft, context, target, incident, repair.remedy, repair));
        if (!verdict.allowed && !(verdict.guard === "budget" && repair.approvedBy !== "policy")) {
          if (!verdict.final && verdict.guard !== "cause" && !isHeldForGood(draft, verdict, state.at))
            return hold(draft, incident, `${verdict.guard}: ${verdict.reason}`, verdict.until ?? draft.now + tickMs);
          endRepair(draft, repair, "cancelled", `${verdict.guard}: ${verdict.reason}`);
          if (verdict.guard !== "cause") escalate(draft, incident, `${verdict.guard}: ${verdict.reason}`);
          return later(draft, tickMs);
        }
      }
      const order = begin(draft, repair, context.fence);
      if (order === null) return later(draft, 0);
      return { effect: { type: "order", key: order.key, repair: repair.id, order }, lookAt: draft.now + tickMs };
    }
    case "acting":
    case "undoing":
      if (context.inFlight.has(state.key)) return later(draft, tickMs);
      if (draft.now < state.deadlineAt)
        return { effect: { type: "outcome-of", key: state.key, repair: repair.id }, lookAt: draft.now + tickMs };
      return take(draft, context, repair, state.key, { kind: "unknown", reason: "no answer within the step's time" });
    case "verifying":
      return verify(draft, context, target, repair, state);
    case "ended":
      return nothing;
    default:
      return state satisfies never;
  }
}

function verify(
  draft: Draft,
  context: Context,
  target: TargetSpec,
  repair: Repair,
  state: Extract<Repair["state"], { name: "verifying" }>,
): Next {
  const judgement = judge(repair, context.views.get(target.key), draft.incidentsOf(target.key), draft.now);
  switch (judgement.verdict) {
    case "watching":
      return later(draft, Math.min(tickMs, Math.max(50, state.deadlineAt - draft.now)));
    case "verified":
      endRepair(draft, repair, "verified", `healthy for ${Math.round(repair.remedy.verify.windowMs / 1000)} s`);
      for (const incident of draft.incidentsOf(target.key)) {
        if (!incident.firing) judgeShadow(draft, incident, judgement.recoveredAt);
        // Whatever else was wrong with the target and is gone now was gone by this repair too: one cause, one repair.
        if (!incident.firing)
          recover(
            draft,
            draft.incident(incident.id) ?? incident,
            judgement.recoveredAt,
            "repair",
            `${repair.id} (${repair.remedy.name}) held: ${steps(repair.remedy)}`,
            repair.remedy.solution,
          );
      }
      return later(draft, tickMs);
    case "unverified":
      endRepair(draft, repair, "unverified", judgement.why);
      escalateOf(draft, repair, `${repair.id} could not be verified: ${judgement.why}`);
      return later(draft, tickMs);
    case "failed": {
      const order = undoFrom(draft, repair, repair.remedy.steps.length - 1, judgement.why, context.fence);
      return order === null
        ? later(draft, 0)
        : { effect: { type: "order", key: order.key, repair: repair.id, order }, lookAt: draft.now + tickMs };
    }
    default:
      return judgement satisfies never;
  }
}

/** Books an outcome and says what comes next; the engine calls it when an effect has answered. */
export function take(
  draft: Draft,
  context: Pick<Context, "fence">,
  repair: Repair,
  key: string,
  outcome: StepOutcome,
): Next {
  const { order, repair: after } = record(draft, repair, key, outcome, context.fence);
  if (order !== null)
    return { effect: { type: "order", key: order.key, repair: repair.id, order }, lookAt: draft.now + tickMs };
  if (after.state.name === "ended" && after.state.outcome === "unknown")
    escalateOf(
      draft,
      after,
      `${after.id}: nobody can say whether its last step happened (${after.why}); it is not repeated blindly`,
    );
  // A step that cannot simply be repeated and failed after it had begun is not tried again by the machine (rule 21).
  else if (
    after.state.name === "ended" &&
    after.state.outcome === "failed" &&
    outcome.kind === "failed" &&
    outcome.effect === "some" &&
    !isRepeatable(after) &&
    after.remedy.next === null
  )
    escalateOf(draft, after, `${after.id} failed after it had begun: ${after.why}`);
  return later(draft, 0);
}

/** Asks again after a crash: an order that was never heard of leaves again with the same key, a known one is booked. */
export function resume(
  draft: Draft,
  context: Context,
  repair: Repair,
  key: string,
  known: StepOutcome | "running" | null,
): Next {
  if (repair.state.name !== "acting" && repair.state.name !== "undoing") return nothing;
  if (known === "running") return later(draft, 250);
  if (known !== null) return take(draft, context, repair, key, known);
  const target = draft.targets.get(repair.target);
  // A pause holds what is new; what is being undone is brought to its end.
  if (target !== undefined && draft.settings.paused !== null && repair.state.name === "acting")
    return take(draft, context, repair, key, {
      kind: "failed",
      reason: "repairs were paused before the step was given",
      effect: "none",
    });
  const order = orderAgain(repair, context.fence);
  return order === null
    ? nothing
    : { effect: { type: "order", key, repair: repair.id, order }, lookAt: draft.now + tickMs };
}

/** Evidence has come, or will not: the incident is diagnosed with what there is. */
export function learn(
  draft: Draft,
  incidentId: string,
  evidence: Incident["evidence"][number] | null,
  context: Pick<Context, "investigate"> = {},
): void {
  const incident = draft.incident(incidentId);
  if (incident === undefined || incident.diagnosedAt !== null) return;
  diagnose(
    draft,
    evidence === null ? incident : { ...incident, evidence: [...incident.evidence.slice(0, 19), evidence] },
    context,
  );
}

export function caseOf(
  draft: Draft,
  context: Pick<Context, "safety" | "views">,
  target: TargetSpec,
  incident: Incident,
  remedy: Remedy,
  self: Repair | null = null,
): Case {
  return {
    incident,
    target,
    remedy,
    disruptive: !incident.down,
    safety: context.safety,
    members: membersOf(draft, context, target.group),
    self: self?.id ?? null,
  };
}

/**
 * Who carries a group's work. An instance that waits to be scaled up, or was stopped on purpose, carries none of it: counted
 * as a member it would let all those that do be disturbed at once. Nor is one counted of which nothing has been heard yet.
 */
function membersOf(draft: Draft, { views }: Pick<Context, "views">, group: string): ReadonlySet<TargetKey> {
  const members = new Set<TargetKey>();
  for (const { key, kind, group: own } of draft.targets.values()) {
    if (own !== group) continue;
    const process = views.get(key)?.process ?? null;
    if (kind !== "service" || process?.running === true || process?.wanted === true) members.add(key);
  }
  return members;
}

/** The fault is gone. Of one that the target's health speaks of, health must have been seen: after a restart nothing is seen yet. */
function isMoot(repair: Repair, incident: Incident | null, view: TargetView | undefined): boolean {
  if (repair.incident === null) return false;
  if (incident === null || incident.state === "ended") return true;
  return !incident.firing && (!factsOfKind(incident.kind).whole || (view?.healthySince ?? null) !== null);
}

function cancel(draft: Draft, repair: Repair, why: string): Next {
  endRepair(draft, repair, "cancelled", why);
  return later(draft, 0);
}

function escalateOf(draft: Draft, repair: Repair, why: string): void {
  const incident = repair.incident === null ? undefined : draft.incident(repair.incident);
  if (incident !== undefined) escalate(draft, incident, why);
}

export function steps(remedy: Remedy): string {
  return remedy.steps.map((step) => describe(step.action)).join(", then ");
}

function later(draft: Draft, inMs: number): Next {
  return { effect: null, lookAt: draft.now + inMs };
}
