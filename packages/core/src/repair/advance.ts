// A repair's life up to verification: proposed, scheduled, acting step by step. The intent of a step is in the record (and
// committed) before its order leaves; only then may the effect happen. Invariant 2 is kept here.
import { assert } from "../errors.ts";
import { notification, type Incident } from "../issue/index.ts";
import type { Order } from "../ports.ts";
import type { TargetSpec } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import { backoffMs } from "./check.ts";
import { describe } from "./describe.ts";
import { actionFacts, type Action, type Remedy } from "./remedy.ts";
import type { Repair, RepairOutcome, RepairState, StepOutcome } from "./repair.ts";
import { bookRun } from "./standing.ts";

/** An executor gets this much longer than a step's own timeout to answer, ms; after that the outcome is unknown. */
export const answerGraceMs = 5_000;

/** Creates a run: the remedy is copied onto it, whole. */
export function createRepair(
  draft: Draft,
  target: TargetSpec,
  incident: Incident | null,
  remedy: Remedy,
  state: RepairState,
  more: Pick<Repair, "attempt" | "disruptive" | "approvedBy" | "why">,
): Repair {
  assert(draft.liveRepairOf(target.key) === undefined, `one live repair per target (${target.key})`);
  const repair: Repair = {
    id: `REP-${draft.nextNumber("REP")}`,
    incident: incident?.id ?? null,
    issue: incident?.issue ?? null,
    target: target.key,
    group: target.group,
    remedy,
    createdAt: draft.now,
    startedAt: null,
    state,
    steps: [],
    recurredAt: null,
    ...more,
  };
  draft.putRepair(repair);
  transition(draft, repair, null, repair.why);
  if (incident !== null)
    draft.putIncident({ ...(draft.incident(incident.id) ?? incident), remedy: remedy.name, blockedBy: null });
  return repair;
}

/** The next run in a row on this target: earlier runs count until one was verified. */
export function attemptOf(draft: Draft, target: string, remedy: Remedy): number {
  const earlier = draft
    .repairs()
    .filter(
      (repair) =>
        repair.target === target &&
        repair.remedy.name === remedy.name &&
        repair.startedAt !== null &&
        repair.startedAt > draft.now - longestWindowMs(remedy),
    )
    .sort((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
  const verifiedAt = earlier.findIndex(
    (repair) => repair.state.name === "ended" && repair.state.outcome === "verified",
  );
  return (verifiedAt < 0 ? earlier.length : verifiedAt) + 1;
}

function longestWindowMs(remedy: Remedy): number {
  return Math.min(3_600_000, Math.max(...remedy.budgets.map((budget) => budget.windowMs)));
}

/** When the run may start: at once for the first in a row, later ones after their back-off. */
export function startAt(draft: Draft, remedy: Remedy, attempt: number, random: () => number): number {
  return draft.now + Math.round(backoffMs(remedy, attempt, random()));
}

/** Stores the intent of the first step and returns the order that may leave once it is committed. */
export function begin(draft: Draft, repair: Repair, fence: number): Order | null {
  assert(repair.state.name === "scheduled", `${repair.id} begins from scheduled, not ${repair.state.name}`);
  if (repair.incident !== null) {
    const incident = draft.incident(repair.incident);
    if (incident !== undefined)
      draft.putIncident({
        ...incident,
        attempts: incident.attempts + 1,
        repairStartedAt: incident.repairStartedAt ?? draft.now,
        remedy: repair.remedy.name,
        blockedBy: null,
      });
  }
  const from = repair.state.step ?? 0;
  const running = { ...repair, startedAt: repair.startedAt ?? draft.now };
  return from < repair.remedy.steps.length ? intend(draft, running, from, false, fence) : watch(draft, running);
}

function intend(
  draft: Draft,
  repair: Repair,
  step: number,
  undo: boolean,
  fence: number,
  ends?: Undoing["ends"],
): Order | null {
  const planned = repair.remedy.steps[step];
  assert(planned !== undefined, `${repair.id} has a step ${step}`);
  const action: Action = undo ? (planned.undo ?? { type: "wait", forMs: 0 }) : planned.action;
  if (action.type === "approve") return ask(draft, repair, step, action.text, planned.timeoutMs);
  const key = `${repair.id}.${undo ? "undo" : "step"}${step}`;
  assert(!repair.steps.some((record) => record.key === key), `step ${key} is intended once`);
  const next: Repair = {
    ...repair,
    state: {
      name: undo ? "undoing" : "acting",
      step,
      key,
      since: draft.now,
      deadlineAt: draft.now + planned.timeoutMs + answerGraceMs,
      ...(undo && ends !== undefined ? { ends } : {}),
    },
    steps: [...repair.steps, { key, action, undo, intendedAt: draft.now, doneAt: null, outcome: null }],
  };
  draft.putRepair(next);
  transition(draft, next, repair.state.name, describe(action));
  if (action.type === "notify") tell(draft, next, key, "notice", action.text);
  return { key, fence, target: repair.target, action, timeoutMs: planned.timeoutMs };
}

/** A run stops here until a person lets it go on. */
function ask(draft: Draft, repair: Repair, step: number, text: string, timeoutMs: number): null {
  const next: Repair = {
    ...repair,
    state: { name: "proposed", expiresAt: draft.now + timeoutMs, asks: true, step: step + 1 },
  };
  draft.putRepair(next);
  transition(draft, next, repair.state.name, text);
  tell(draft, next, `${repair.id}.step${step}`, "approval", text);
  return null;
}

function tell(draft: Draft, repair: Repair, key: string, kind: "notice" | "approval", text: string): void {
  const incident = repair.incident === null ? undefined : draft.incident(repair.incident);
  const about = { severity: "medium", issue: repair.issue, id: repair.incident, target: repair.target } as const;
  draft.notify(notification(draft.now, `${kind}:${key}`, kind, `${repair.id}: ${text}`, repair.why, incident ?? about));
}

/**
 * A person said no, or nobody answered. What the run has done by then is undone, last step first (the orders leave when the
 * target is looked at next, as after a crash); a run that has done nothing ends at once.
 */
export function decline(draft: Draft, repair: Repair, outcome: NonNullable<Undoing["ends"]>, why: string): void {
  assert(repair.state.name === "proposed" || repair.state.name === "scheduled", `${repair.id} waits`);
  undoFrom(draft, repair, (repair.state.step ?? 0) - 1, why, 0, outcome);
}

type Undoing = Extract<RepairState, { name: "undoing" }>;

/** The same order again, after a crash, when the executor never heard of its key. */
export function orderAgain(repair: Repair, fence: number): Order | null {
  if (repair.state.name !== "acting" && repair.state.name !== "undoing") return null;
  const { key, step } = repair.state;
  const record = repair.steps.find((each) => each.key === key);
  const planned = repair.remedy.steps[step];
  return record === undefined || planned === undefined
    ? null
    : { key, fence, target: repair.target, action: record.action, timeoutMs: planned.timeoutMs };
}

export type Recorded = { readonly order: Order | null; readonly repair: Repair };

/** Books what came of the step under way and goes on: next step, verification, undo, or the end. */
export function record(draft: Draft, repair: Repair, key: string, outcome: StepOutcome, fence: number): Recorded {
  const state = repair.state;
  if ((state.name !== "acting" && state.name !== "undoing") || state.key !== key) return { order: null, repair };
  const booked: Repair = {
    ...repair,
    steps: repair.steps.map((step) => (step.key === key ? { ...step, doneAt: draft.now, outcome } : step)),
  };
  draft.putRepair(booked);
  if (state.name === "undoing") return undone(draft, booked, state.step, outcome, fence);
  switch (outcome.kind) {
    case "succeeded":
      return {
        order:
          state.step + 1 < repair.remedy.steps.length
            ? intend(draft, booked, state.step + 1, false, fence)
            : watch(draft, booked),
        repair: current(draft, booked),
      };
    case "unknown":
      // It may have happened. What is safe to repeat is judged by looking at the world; the rest goes to a person.
      if (isRepeatable(booked)) return { order: watch(draft, booked), repair: current(draft, booked) };
      return { order: null, repair: endRepair(draft, booked, "unknown", outcome.reason) };
    case "failed":
      return { order: undoFrom(draft, booked, state.step - 1, outcome.reason, fence), repair: current(draft, booked) };
    default:
      return outcome satisfies never;
  }
}

/** Verification failed, a step did, or a person said no: undo what can be undone, last step first, then end as `ends`. */
export function undoFrom(
  draft: Draft,
  repair: Repair,
  from: number,
  why: string,
  fence: number,
  ends?: Undoing["ends"],
): Order | null {
  for (let step = from; step >= 0; step -= 1) {
    if (repair.remedy.steps[step]?.undo != null) return intend(draft, { ...repair, why }, step, true, fence, ends);
  }
  endRepair(draft, repair, ends ?? "failed", why, ends !== undefined);
  return null;
}

function undone(draft: Draft, repair: Repair, step: number, outcome: StepOutcome, fence: number): Recorded {
  const ends = repair.state.name === "undoing" ? repair.state.ends : undefined;
  if (outcome.kind === "succeeded")
    return { order: undoFrom(draft, repair, step - 1, repair.why, fence, ends), repair: current(draft, repair) };
  const reason = outcome.reason;
  return {
    order: null,
    repair: endRepair(
      draft,
      repair,
      outcome.kind === "unknown" ? "unknown" : "failed",
      `${repair.why}; undo of step ${step + 1} ${outcome.kind}: ${reason}`,
    ),
  };
}

function watch(draft: Draft, repair: Repair): null {
  const next: Repair = {
    ...repair,
    state: { name: "verifying", since: draft.now, deadlineAt: draft.now + repair.remedy.verify.withinMs },
  };
  draft.putRepair(next);
  transition(draft, next, repair.state.name, `watching for ${Math.round(repair.remedy.verify.windowMs / 1000)} s`);
  return null;
}

/** Ends a run and books it on the remedy's record. Runs that never started cost the remedy nothing. */
export function endRepair(
  draft: Draft,
  repair: Repair,
  outcome: RepairOutcome,
  why: string,
  declined = repair.state.name === "undoing" && repair.state.ends !== undefined,
): Repair {
  assert(repair.state.name !== "ended", `${repair.id} ends once`);
  const state = { name: "ended", at: draft.now, outcome, ...(declined ? { declined } : {}) } as const;
  const next: Repair = { ...repair, state, why };
  draft.putRepair(next);
  transition(draft, next, repair.state.name, why);
  // What people did not want says nothing of what the remedy can do.
  if (repair.startedAt !== null && outcome !== "cancelled" && !declined) bookRun(draft, next, outcome === "verified");
  return next;
}

/** Every step of this run may be repeated without harm and touches only a process of ours. */
export function isRepeatable(repair: Repair): boolean {
  return repair.remedy.steps.every(
    (step) => actionFacts[step.action.type].idempotent && actionFacts[step.action.type].ownProcessOnly,
  );
}

export function transition(draft: Draft, repair: Repair, from: string | null, why: string): void {
  const to = repair.state.name === "ended" ? repair.state.outcome : repair.state.name;
  draft.transition({
    subject: "repair",
    subjectId: repair.id,
    issue: repair.issue,
    incident: repair.incident,
    target: repair.target,
    from,
    to,
    by: "healing",
    why,
  });
}

function current(draft: Draft, repair: Repair): Repair {
  return draft.repair(repair.id) ?? repair;
}
