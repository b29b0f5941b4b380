// Remedies with the mode in force and what is left of their budgets, and the explanation of what would run for an issue now.
import type { Explanation, Remedy as RemedyJson } from "@prunella/contract";
import {
  caseOf,
  chooseRemedy,
  describe,
  Draft,
  mayRepair,
  modeOf,
  NotFoundError,
  remediesFor,
  type Issue,
  type Remedy,
  type Verdict,
} from "@prunella/core";
import type { EngineFace } from "../host.ts";
import { timeOrNull } from "./records.ts";

export function remedyJson(engine: EngineFace, remedy: Remedy, now: number): RemedyJson {
  const draft = new Draft(engine.world, now);
  const { mode, why } = modeOf(remedy, draft);
  const standing = draft.standing(remedy.name);
  return {
    name: remedy.name,
    kinds: [...remedy.when.kinds],
    target: remedy.when.target,
    plan: remedy.steps.map((step) => describe(step.action)),
    mode: remedy.mode,
    modeInForce: mode,
    modeWhy: why,
    budgets: remedy.budgets.map((budget) => ({ ...budget, left: budgetLeft(draft, remedy, budget) })),
    verifyMs: remedy.verify.windowMs,
    recurrenceMs: remedy.recurrence.windowMs,
    next: remedy.next,
    source: remedy.source,
    verified: standing.verified,
    failed: standing.failed,
    recurred: standing.recurred,
    misfired: standing.misfired,
    streak: standing.streak,
    shadow: standing.shadow,
    earns: remedy.earns?.verified ?? null,
    solution: remedy.solution,
  };
}

/** Runs left in the window; for scope target, of the target with fewest left. */
function budgetLeft(draft: Draft, remedy: Remedy, budget: Remedy["budgets"][number]): number {
  const runs = draft
    .repairs()
    .filter(
      (repair) =>
        repair.remedy.name === remedy.name &&
        repair.startedAt !== null &&
        repair.startedAt > draft.now - budget.windowMs,
    );
  if (budget.scope === "remedy") return Math.max(0, budget.runs - runs.length);
  const perTarget = new Map<string, number>();
  for (const run of runs) perTarget.set(run.target, (perTarget.get(run.target) ?? 0) + 1);
  return Math.max(0, budget.runs - Math.max(0, ...perTarget.values()));
}

/** Decides on a draft that is thrown away: the same functions as the healing loop, with no effect. */
export function explain(engine: EngineFace, issue: Issue, now: number): Explanation {
  const draft = new Draft(engine.world, now);
  const context = engine.context();
  const target = engine.world.targets.get(issue.target);
  const nothing = {
    issue: issue.id,
    remedy: null,
    plan: [],
    mode: null,
    allowed: false,
    guard: null,
    reason: null,
    until: null,
    alternatives: [],
  };
  if (target === undefined)
    return { ...nothing, answer: `${issue.target} is not in the configuration any more, so nothing would run.` };
  const fitting = remediesFor(issue, target, context.remedies);
  const alternatives = fitting.map((remedy) => remedy.name);
  const incident = issue.incident === null ? undefined : engine.world.incidents.get(issue.incident);
  if (incident === undefined || incident.state !== "open") {
    const first = fitting[0];
    const why =
      incident === undefined
        ? "There is no open incident"
        : `A person was called (${incident.escalation ?? "handed over"})`;
    if (first === undefined)
      return { ...nothing, answer: `${why}, and no remedy fits ${issue.kind} on ${issue.target}.` };
    const { mode } = modeOf(first, draft);
    return {
      ...nothing,
      answer: `${why}, so nothing runs now; when it next occurs, ${first.name} comes first (mode ${mode}).`,
      remedy: first.name,
      plan: first.steps.map((step) => describe(step.action)),
      mode,
      alternatives: alternatives.slice(1),
    };
  }
  const remedy = chooseRemedy(draft, incident, target, context.remedies);
  if (remedy === null)
    return {
      ...nothing,
      answer: `No remedy is left for ${issue.kind} on ${issue.target}: a person must act.`,
      alternatives,
    };
  const { mode } = modeOf(remedy, draft);
  const live = draft.liveRepairOf(target.key);
  const verdict: Verdict = mayRepair(draft, caseOf(draft, context, target, incident, remedy));
  const plan = remedy.steps.map((step) => describe(step.action));
  const doing = `${remedy.name} (${plan.join(", then ")})`;
  return {
    issue: issue.id,
    answer: verdict.allowed
      ? mode === "auto"
        ? `${doing} runs by itself.`
        : `${doing} fits; its mode is ${mode}, so a person decides.`
      : live !== undefined && verdict.guard === "busy"
        ? `${live.id} (${live.remedy.name}) is ${live.state.name} on ${target.key} already.`
        : `${doing} is held back by the guard ${verdict.guard}: ${verdict.reason}.`,
    remedy: remedy.name,
    plan,
    mode,
    allowed: verdict.allowed,
    guard: verdict.allowed ? null : verdict.guard,
    reason: verdict.allowed ? null : verdict.reason,
    until: verdict.allowed ? null : timeOrNull(verdict.until),
    alternatives: alternatives.filter((name) => name !== remedy.name),
  };
}

/** What one remedy of a person's choice would do for an issue now, and which guard would stop it. Nothing is done. */
export function dryRun(engine: EngineFace, issue: Issue, name: string, now: number): Explanation {
  const draft = new Draft(engine.world, now);
  const context = engine.context();
  const remedy = context.remedies.find((each) => each.name === name);
  if (remedy === undefined) throw new NotFoundError("remedy", name);
  const target = engine.world.targets.get(issue.target);
  const plan = remedy.steps.map((step) => describe(step.action));
  const { mode } = modeOf(remedy, draft);
  const answer = {
    issue: issue.id,
    remedy: name,
    plan,
    mode,
    guard: null,
    reason: null,
    until: null,
    alternatives: [],
  };
  if (target === undefined)
    return {
      ...answer,
      allowed: false,
      answer: `${issue.target} is not in the configuration any more, so nothing would run.`,
    };
  const doing = `${name} (${plan.join(", then ")})`;
  if (!remediesFor(issue, target, context.remedies).includes(remedy))
    return {
      ...answer,
      allowed: false,
      answer: `${name} does not fit: it is for ${remedy.when.kinds.join(", ")}${remedy.when.target === null ? "" : ` on ${remedy.when.target}`}, and ${issue.id} is ${issue.kind} on ${issue.target}.`,
    };
  const incident = issue.incident === null ? undefined : engine.world.incidents.get(issue.incident);
  if (incident === undefined || incident.state !== "open")
    return {
      ...answer,
      allowed: false,
      answer: `${doing} fits. There is no open incident, so nothing runs now; the guards are asked when it next occurs.`,
    };
  const verdict = mayRepair(draft, caseOf(draft, context, target, incident, remedy));
  if (verdict.allowed)
    return {
      ...answer,
      allowed: true,
      answer:
        mode === "auto" ? `${doing} would run by itself.` : `${doing} fits; its mode is ${mode}, so a person decides.`,
    };
  return {
    ...answer,
    allowed: false,
    guard: verdict.guard,
    reason: verdict.reason,
    until: timeOrNull(verdict.until),
    answer: `${doing} would be held back by the guard ${verdict.guard}: ${verdict.reason}.`,
  };
}
