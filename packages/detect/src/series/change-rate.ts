// How fast a value moves: its change over a window, per second or as a share of where it was.
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
import { type Sample, requireOption } from "./sample.ts";

export interface ChangeRateOptions extends Bounds, HoldOptions {
  /** The change is measured from the newest sample at least this old, ms. */
  readonly windowMs: number;
  /** `per-second` (default): units per second. `share`: change divided by the older value's size; 0.5 is half more. */
  readonly measure?: "per-second" | "share";
}

export interface ChangeRateSnapshot {
  readonly samples: readonly Sample[];
  readonly hold: HoldState;
}

export interface ChangeRateVerdict extends AlarmVerdict {
  /** The change as `measure` says; null until a sample is `windowMs` old. */
  readonly rate: number | null;
}

export interface ChangeRate {
  /** Samples that are not finite or not later than the last accepted one change nothing. */
  update(sample: Sample): ChangeRateVerdict;
  snapshot(): ChangeRateSnapshot;
}

/** Samples kept per window; of those that come faster, the first of each sixty-fourth is kept. */
const samplesPerWindow = 64;

/** Throws a RangeError for bad options. State: at most 66 samples. */
export function changeRate(options: ChangeRateOptions, from?: ChangeRateSnapshot): ChangeRate {
  const { windowMs, measure = "per-second" } = options;
  requireOption(windowMs > 0 && Number.isFinite(windowMs), "windowMs", "more than 0", windowMs);
  requireBounds(options);
  requireHold(options);
  const samples: Sample[] = [...(from?.samples ?? [])];
  let hold = from?.hold ?? initialHold;

  const unchanged = (why: string): ChangeRateVerdict => ({ ...alarmVerdict(hold, hold, why), rate: null });

  return {
    update({ at, value }) {
      if (!Number.isFinite(value) || !Number.isFinite(at)) return unchanged("no number to compare");
      const last = samples.at(-1);
      if (last !== undefined && at <= last.at) return unchanged("not later than the sample before it");
      while (samples.length > 1 && samples[1]!.at <= at - windowMs) samples.shift();
      const then = samples[0];
      // The newest sample is always last, so that time cannot go backwards; it gives way if its slice is already kept.
      const kept = samples.at(-2);
      if (kept !== undefined && last !== undefined && last.at - kept.at < windowMs / samplesPerWindow) samples.pop();
      samples.push({ at, value });
      if (then === undefined || then.at > at - windowMs) return unchanged("no sample is a window old yet");
      const rate = measure === "share" ? share(then.value, value) : ((value - then.value) * 1000) / (at - then.at);
      const before = hold;
      hold = advanceHold(hold, at, compare(rate, options), options);
      const unit = measure === "share" ? "change as a share " : "change per second ";
      return { ...alarmVerdict(before, hold, describe(rate, options, unit)), rate };
    },
    snapshot: () => ({ samples: [...samples], hold }),
  };
}

/** From zero any change is a whole one (or several): it is measured against the new value. */
function share(then: number, now: number): number {
  if (then === now) return 0;
  return (now - then) / (Math.abs(then) || Math.abs(now));
}
