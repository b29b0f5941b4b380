// What part of a total, over a sliding window: failed of all requests, misses of all lookups. Says nothing on too few
// events, so that one failure of one request alarms nobody.
import { type Bounds, compare, describe, requireBounds } from "./bounds.ts";
import {
  type AlarmVerdict,
  type HoldOptions,
  type HoldState,
  advanceHold,
  alarmVerdict,
  initialHold,
  requireHold,
} from "./hold.ts";
import { requireOption } from "./sample.ts";
import { WindowSum, type WindowSumSnapshot } from "./window-sum.ts";

export interface RatioOptions extends Bounds, HoldOptions {
  /** Events older than this are forgotten, ms; exact to one sixtieth of it. */
  readonly windowMs: number;
  /** Below this total in the window there is no verdict and the alarm stays as it is. Default 20. */
  readonly totalMin?: number;
}

/** Counts since the last sample, not running totals. */
export interface RatioSample {
  readonly at: number;
  readonly part: number;
  readonly total: number;
}

export interface RatioSnapshot {
  readonly window: WindowSumSnapshot;
  readonly hold: HoldState;
}

export interface RatioVerdict extends AlarmVerdict {
  /** part / total in the window; null on fewer than `totalMin` events. */
  readonly ratio: number | null;
  readonly total: number;
}

export interface Ratio {
  /** Counts that are not finite or negative change nothing; late ones are added where they belong. */
  update(sample: RatioSample): RatioVerdict;
  snapshot(): RatioSnapshot;
}

/** Throws a RangeError for bad options. State: 120 numbers. */
export function ratio(options: RatioOptions, from?: RatioSnapshot): Ratio {
  const { windowMs, totalMin = 20 } = options;
  requireOption(windowMs > 0 && Number.isFinite(windowMs), "windowMs", "more than 0", windowMs);
  requireOption(totalMin > 0, "totalMin", "more than 0", totalMin);
  requireBounds(options);
  requireHold(options);
  const window = new WindowSum(windowMs, from?.window);
  let hold = from?.hold ?? initialHold;

  return {
    update({ at, part, total }) {
      const before = hold;
      // What cannot be counted exactly is no count; sums of counts then stay finite.
      const usable = Number.isFinite(at) && part >= 0 && total >= 0 && part + total <= Number.MAX_SAFE_INTEGER;
      if (usable) window.add(at, part, total);
      const [parts, totals] = window.sums();
      if (!usable || totals < totalMin) {
        const why = usable ? `${totals} events in the window, fewer than ${totalMin}` : "no counts to compare";
        return { ...alarmVerdict(before, before, why), ratio: null, total: totals };
      }
      const value = parts / totals;
      hold = advanceHold(hold, at, compare(value, options), options);
      return { ...alarmVerdict(before, hold, describe(value, options, "ratio ")), ratio: value, total: totals };
    },
    snapshot: () => ({ window: window.snapshot(), hold }),
  };
}
