// Everything that is adjusted without a fault behind it, in one pass: instances, shares of the machine, knobs. Each rule makes
// at most one repair; what it has seen so far lives here, in memory, and is watched anew after a restart.
import type { TargetView } from "../detection/index.ts";
import type { TargetKey } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import { scale, type ScalingMemory, type ScalingRule } from "./scaling.ts";
import { share, type ShareMemory, type ShareRule } from "./shares.ts";
import { tune, type TuningRule } from "./tuning.ts";

export interface AdjustingRules {
  /** Services whose number of instances follows their load. */
  readonly scaling: readonly ScalingRule[];
  /** Services whose share of the machine follows their need. */
  readonly shares: readonly ShareRule[];
  /** Numbers that are moved towards a better measured objective. */
  readonly tuning: readonly TuningRule[];
}

/** Decides for all rules; gives the targets on which a repair was created. */
export type Adjusting = (
  draft: Draft,
  rules: AdjustingRules,
  views: ReadonlyMap<TargetKey, TargetView>,
) => readonly TargetKey[];

export function newAdjusting(): Adjusting {
  const scaling: ScalingMemory = new Map();
  const shares: ShareMemory = new Map();
  return (draft, rules, views) =>
    [
      ...rules.scaling.map((rule) => scale(draft, rule, views, scaling)),
      ...rules.shares.map((rule) => share(draft, rule, views, shares)),
      tune(draft, rules.tuning, views),
    ].filter((key) => key !== null);
}
