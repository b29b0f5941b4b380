// A level that must not be passed for longer than a while, with hysteresis. The rule people write by hand; for series
// whose ordinary range is not known beforehand see anomaly.ts.
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
import type { Sample } from "./sample.ts";

export interface ThresholdOptions extends Bounds, HoldOptions {
  /**
   * Longest time between two samples, ms, over which the condition counts as held. After a longer gap a pending or
   * clearing alarm starts its waiting anew. Default: no limit.
   */
  readonly gapMsMax?: number;
}

export interface ThresholdSnapshot {
  readonly lastAt: number | null;
  readonly hold: HoldState;
}

export interface Threshold {
  /** Samples that are not finite or not later than the last accepted one change nothing. */
  update(sample: Sample): AlarmVerdict;
  snapshot(): ThresholdSnapshot;
}

/** Throws a RangeError for levels that contradict each other. State: a few numbers. */
export function threshold(options: ThresholdOptions, from?: ThresholdSnapshot): Threshold {
  requireBounds(options);
  requireHold(options);
  const { gapMsMax = Infinity } = options;
  let hold = from?.hold ?? initialHold;
  let lastAt = from?.lastAt ?? null;
  return {
    update({ at, value }) {
      const before = hold;
      if (!Number.isFinite(value) || !Number.isFinite(at)) return alarmVerdict(before, before, "no number to compare");
      if (lastAt !== null && at <= lastAt) return alarmVerdict(before, before, "not later than the sample before it");
      if (lastAt !== null && at - lastAt > gapMsMax) hold = { ...hold, turningAt: null };
      lastAt = at;
      hold = advanceHold(hold, at, compare(value, options), options);
      return alarmVerdict(before, hold, describe(value, options));
    },
    snapshot: () => ({ lastAt, hold }),
  };
}
