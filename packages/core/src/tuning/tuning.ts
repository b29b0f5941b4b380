// Tuning: a declared number (pool size, batch size, concurrency) is moved step by step towards a better measured objective:
// hill climbing with bounds, one knob at a time over the whole machine. Each trial is a repair without an incident; when the
// objective did not get better, or the target got ill, it fails and its undo sets the old value again.
import { speaksAgainstHealth, type TargetView } from "../detection/index.ts";
import { createRepair, heldBack, type Action, type Objective, type Remedy } from "../repair/index.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";
import { valueOf } from "../verification/index.ts";
import type { Draft } from "../world.ts";

export interface TuningRule {
  /** Unique; the trials' remedy is "tune NAME". */
  readonly name: string;
  readonly target: TargetKey;
  /** How a value is set: a control of a guard inside the application, or a function that it registered. */
  readonly set: { readonly guard: string; readonly control: string } | { readonly call: string };
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** The value with which the application starts. */
  readonly start: number;
  readonly metric: string;
  readonly goal: Objective["goal"];
  /** How long each value is measured, ms (default 60,000). */
  readonly windowMs: number;
  /** A trial must better the objective by this share to be kept (default 0.05). */
  readonly marginShare: number;
}

export const tuningDefaults = { windowMs: 60_000, marginShare: 0.05 } as const;

/** What is known of a knob; kept in the settings, so it survives a restart. */
export interface Knob {
  readonly value: number;
  readonly direction: 1 | -1;
  /** Trials in a row that were not kept; each doubles the wait for the next, up to 64 windows. */
  readonly misses: number;
  readonly nextAt: TimeMs;
  readonly trial: { readonly repair: string; readonly value: number } | null;
}

/** Brings every knob up to date and starts at most one trial; returns its target. */
export function tune(
  draft: Draft,
  rules: readonly TuningRule[],
  views: ReadonlyMap<TargetKey, TargetView>,
): TargetKey | null {
  const before = draft.settings.tuning ?? {};
  const knobs: Record<string, Knob> = {};
  for (const rule of rules) knobs[rule.name] = settled(draft, rule, before[rule.name]);
  const underWay = Object.values(knobs).some((knob) => knob.trial !== null);
  const started = underWay ? null : rules.map((rule) => attempt(draft, rule, knobs, views)).find((key) => key !== null);
  if (JSON.stringify(before) !== JSON.stringify(knobs)) draft.putSettings({ ...draft.settings, tuning: knobs });
  return started ?? null;
}

/**
 * Something is wrong that speaks against its health. What is only worth a look, or may pass, holds nothing back: a pool that is
 * busy is what its size is tuned for.
 */
export function isIll(draft: Draft, target: TargetKey): boolean {
  return draft
    .incidentsOf(target)
    .some((incident) => incident.firing && incident.ripe && speaksAgainstHealth(incident.kind));
}

/** What a finished trial came to. */
function settled(draft: Draft, rule: TuningRule, known: Knob | undefined): Knob {
  const knob: Knob = known ?? {
    value: rule.start,
    direction: 1,
    misses: 0,
    nextAt: draft.now + rule.windowMs,
    trial: null,
  };
  if (knob.trial === null) return knob;
  const state = draft.repair(knob.trial.repair)?.state;
  if (state !== undefined && state.name !== "ended") return knob;
  if (state?.outcome === "verified")
    return { ...knob, value: knob.trial.value, misses: 0, nextAt: draft.now + rule.windowMs, trial: null };
  const misses = Math.min(6, knob.misses + 1);
  return {
    ...knob,
    direction: knob.direction === 1 ? -1 : 1,
    misses,
    nextAt: draft.now + rule.windowMs * 2 ** misses,
    trial: null,
  };
}

function attempt(
  draft: Draft,
  rule: TuningRule,
  knobs: Record<string, Knob>,
  views: ReadonlyMap<TargetKey, TargetView>,
): TargetKey | null {
  const knob = knobs[rule.name];
  const target = draft.targets.get(rule.target);
  const view = views.get(rule.target);
  if (knob === undefined || target === undefined || view === undefined || draft.now < knob.nextAt) return null;
  if (heldBack(draft, target) !== null || draft.settings.storm !== null) return null;
  if (draft.liveRepairOf(target.key) !== undefined || isIll(draft, target.key)) return null;
  if (view.healthySince === null || draft.now - view.healthySince < rule.windowMs) return null;
  const baseline = valueOf(view, rule.metric, draft.now - rule.windowMs);
  if (baseline === null) return null;
  const next = Math.min(rule.max, Math.max(rule.min, knob.value + knob.direction * rule.step));
  if (next === knob.value) {
    knobs[rule.name] = { ...knob, direction: knob.direction === 1 ? -1 : 1 };
    return null;
  }
  const objective: Objective = { metric: rule.metric, goal: rule.goal, baseline, marginShare: rule.marginShare };
  const repair = createRepair(
    draft,
    target,
    null,
    remedyOf(rule, next, knob.value, objective),
    { name: "scheduled", at: draft.now },
    {
      attempt: 1,
      disruptive: false,
      approvedBy: "policy",
      why: `tuning ${rule.name}: ${knob.value} -> ${next}, ${rule.metric} is ${baseline.toPrecision(3)} and should be ${rule.goal}`,
    },
  );
  knobs[rule.name] = { ...knob, trial: { repair: repair.id, value: next } };
  return target.key;
}

function remedyOf(rule: TuningRule, to: number, from: number, objective: Objective): Remedy {
  const action = (value: number): Action =>
    "call" in rule.set
      ? { type: "call", name: rule.set.call, argument: value }
      : { type: "guard", name: rule.set.guard, control: rule.set.control, argument: value };
  return {
    name: `tune ${rule.name}`,
    when: { kinds: ["tuning"], target: rule.target, labels: {} },
    steps: [{ action: action(to), timeoutMs: 10_000, undo: action(from) }],
    mode: "auto",
    budgets: [{ scope: "target", runs: 60, windowMs: 3_600_000 }],
    backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
    verify: { windowMs: rule.windowMs, withinMs: 2 * rule.windowMs, objective },
    recurrence: { windowMs: 3_600_000, max: 1_000, then: "continue" },
    next: null,
    source: "configuration",
    solution: `${rule.name} is kept where ${rule.metric} is best`,
  };
}
