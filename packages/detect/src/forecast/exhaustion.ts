// Says when a growing quantity will meet its limit, early, and stays quiet on ramps that level off, step or reset.
// Streaming, bounded memory (see timeline.ts), no clock: time comes with each sample. It forecasts a value; what the
// value measures, and what to do about it, is the caller's business.
import { timeline, type Bin, type TimelineSnapshot } from "./timeline.ts";
import { trends, type Trend } from "./trend.ts";

export interface ExhaustionOptions {
  /** The value that must not be met. Finite. */
  readonly limit: number;
  /** "rising" meets the limit from below (memory used), "falling" from above (budget left). Default "rising". */
  readonly direction?: "rising" | "falling";
  /**
   * Width of the finest bin, ms. Default 300,000. The shortest trend that can be reported lasts 12 of these, and a
   * trend is reported after it has held for 4 of them: five times the sampling interval is a good choice.
   */
  readonly resolutionMs?: number;
}

export interface TrendEvidence {
  /** When the trend began, ms; how much it rose since; share of its variance that the curve explains. */
  readonly startMs: number;
  readonly rise: number;
  readonly fit: number;
  /** The highest level seen before the trend began: the trend is already above it. */
  readonly previousPeak: number | null;
}

export type ExhaustionVerdict =
  | { readonly firing: false; readonly reason: "warming-up" | "no-trend" }
  | {
      readonly firing: true;
      /** Seconds until the limit; 0 when it is met. Counts down between two analyses. */
      readonly secondsToLimit: number;
      /** 0 to 1, higher is surer: fit of the curve times nearness of the limit. A rank, not a probability. */
      readonly confidence: number;
      /** null when the limit is met without a trend. */
      readonly trend: TrendEvidence | null;
    };

export interface ExhaustionSnapshot {
  readonly version: 1;
  readonly timeline: TimelineSnapshot;
  readonly lastMs: number | null;
  readonly firstMs: number | null;
  readonly streak: number;
  readonly warning: Warning | null;
  readonly ignored: number;
}

export interface Exhaustion {
  /** Adds a sample (time in ms, any epoch). Samples that are not finite or not newer than the last are counted and ignored. */
  update(timeMs: number, value: number): ExhaustionVerdict;
  /** Samples turned away: not finite, duplicated or out of order. */
  ignored(): number;
  snapshot(): ExhaustionSnapshot;
}

interface Warning {
  readonly startMs: number;
  readonly timeToLimit: number;
  readonly saidMs: number;
  readonly confidence: number;
  readonly trend: TrendEvidence;
  /** Nearly the whole rise below the level: under it the ramp was reset, and the warning ends at once. */
  readonly floor: number;
  /** Analyses in a row that no longer support the warning. */
  readonly doubts: number;
}

// How far ahead a trend may be believed, as a share of its own age. Not longer than what was seen of it.
const REACH = 0.85;
// A trend whose beginning was not seen may be the tooth of a saw: believe it only when the limit is near.
const REACH_UNSEEN = 0.12;
const UNSEEN_SHARE = 0.15;
const UNSEEN_FIT = 0.98;
// A warning, once given, is kept while the limit stays within this multiple of the reach.
const REACH_KEPT = 2.5;
const DOUBTS_MAX = 6;
// A fall by most of the rise, and far out of the noise, is a reset: no need to wait for doubts.
const RESET_SHARE = 0.9;
const RESET_DEVIATIONS = 8;
const STREAK_MIN = 4;
const AGE_MIN_BINS = 12;
const FIT_MIN = 0.82;
const RISE_DEVIATIONS_MIN = 4;
// The trend must pass the old peak by this share of the room that was left above it.
const PEAK_MARGIN = 0.1;
const ENVELOPE_DEVIATIONS = 1.8;
// A rise is part of a rhythm when so many rises of at least this share of it were seen before, each followed by a fall of
// at least that share; then stretches that rise more by this factor are looked at instead, a few times.
const RHYTHM_WAVES_MIN = 2;
const RHYTHM_RISE_SHARE = 0.7;
const RHYTHM_FALL_SHARE = 0.5;
const RHYTHM_STEP = 1.1;
const RHYTHM_TRIES_MAX = 12;
// Among stretches that fit about as well as the best, the longest is taken.
const FIT_SLACK = 0.0005;

export function exhaustion(options: ExhaustionOptions, from?: ExhaustionSnapshot): Exhaustion {
  const { limit: limitGiven, direction = "rising", resolutionMs = 300_000 } = options;
  if (!Number.isFinite(limitGiven)) throw new RangeError(`limit must be a finite number, not ${limitGiven}`);
  if (!(resolutionMs > 0)) throw new RangeError(`resolutionMs must be above 0, not ${resolutionMs}`);
  // A falling quantity is a rising one upside down.
  const sign = direction === "rising" ? 1 : -1;
  const limit = sign * limitGiven;
  const history = timeline({ resolution: resolutionMs }, from?.timeline);
  let { lastMs, firstMs, streak, warning, ignored } = from ?? {
    lastMs: null,
    firstMs: null,
    streak: 0,
    warning: null,
    ignored: 0,
  };

  function analyse(nowMs: number): void {
    const bins = history.bins();
    const found = trends(bins, nowMs, {
      limit,
      ageMin: AGE_MIN_BINS * resolutionMs,
      envelope: ENVELOPE_DEVIATIONS,
    });
    const current = currentTrend(found, bins);
    const unseen = current !== null && isUnseen(current, found.at(-1), bins);
    const convincing = current !== null && isConvincing(current, unseen, bins, limit) ? current : null;
    streak = convincing === null ? 0 : streak + 1;
    if (warning === null) {
      if (convincing !== null && streak >= STREAK_MIN) warning = warningOf(convincing, convincing.start, bins, nowMs);
      return;
    }
    const { startMs, doubts, floor } = warning;
    if ((bins.at(-1)?.mean ?? floor) < floor) {
      warning = null;
      return;
    }
    const anchored = found.find((trend) => trend.start <= startMs) ?? found.at(-1);
    const kept = anchored !== undefined && anchored.timeToLimit <= REACH_KEPT * REACH * anchored.age;
    if (convincing === null && !kept) {
      warning = doubts + 1 >= DOUBTS_MAX ? null : { ...warning, doubts: doubts + 1 };
      return;
    }
    const base = convincing ?? anchored;
    warning =
      base !== undefined && Number.isFinite(base.timeToLimit)
        ? warningOf(base, startMs, bins, nowMs)
        : { ...warning, doubts: 0 };
  }

  function warningOf(trend: Trend, startMs: number, bins: readonly Bin[], nowMs: number): Warning {
    const peak = peakBefore(trend, bins);
    return {
      startMs,
      timeToLimit: trend.timeToLimit,
      saidMs: nowMs,
      confidence: confidenceOf(trend),
      trend: {
        startMs: trend.start,
        rise: trend.rise,
        fit: trend.bent,
        previousPeak: peak === -Infinity ? null : sign * peak,
      },
      floor: trend.level - Math.max(RESET_SHARE * trend.rise, RESET_DEVIATIONS * trend.deviation),
      doubts: 0,
    };
  }

  return {
    update(timeMs, value) {
      if (!Number.isFinite(timeMs) || !Number.isFinite(value) || (lastMs !== null && timeMs <= lastMs)) ignored++;
      else {
        lastMs = timeMs;
        firstMs ??= timeMs;
        if (history.add(timeMs, sign * value)) analyse(timeMs);
        if (sign * value >= limit)
          return { firing: true, secondsToLimit: 0, confidence: 1, trend: warning?.trend ?? null };
      }
      if (warning !== null) {
        const elapsed = (lastMs ?? warning.saidMs) - warning.saidMs;
        const { confidence, trend } = warning;
        return {
          firing: true,
          secondsToLimit: Math.max(0, warning.timeToLimit - elapsed) / 1000,
          confidence,
          trend,
        };
      }
      const seen = lastMs === null || firstMs === null ? 0 : lastMs - firstMs;
      return { firing: false, reason: seen < AGE_MIN_BINS * resolutionMs ? "warming-up" : "no-trend" };
    },
    ignored: () => ignored,
    snapshot: () => ({ version: 1, timeline: history.snapshot(), lastMs, firstMs, streak, warning, ignored }),
  };
}

/**
 * The stretch that a curve explains best; the longest of those about as good. Not one that rises no more than waves
 * before it did: on a leak with a rhythm, each rise of the rhythm would be taken for the leak.
 */
function currentTrend(found: readonly Trend[], bins: readonly Bin[]): Trend | null {
  let rising = found.filter((trend) => trend.rise > 0);
  for (let tries = 0; tries < RHYTHM_TRIES_MAX && rising.length > 0; tries++) {
    const best = Math.max(...rising.map((trend) => trend.bent));
    const current = rising.findLast((trend) => trend.bent >= best - FIT_SLACK) as Trend;
    if (!isRhythm(current, bins)) return current;
    rising = rising.filter((trend) => trend.rise > RHYTHM_STEP * current.rise);
  }
  return null;
}

/** Whether rises about as large were seen before the trend, twice or more, and receded. */
function isRhythm({ rise, before }: Trend, bins: readonly Bin[]): boolean {
  const fall = RHYTHM_FALL_SHARE * rise;
  let [waves, low, high, isRising] = [0, bins[0]?.mean ?? 0, bins[0]?.mean ?? 0, true];
  for (let at = 1; at < before; at++) {
    const { mean } = bins[at] as Bin;
    if (isRising) {
      high = Math.max(high, mean);
      if (high - mean < fall) continue;
      if (high - low >= RHYTHM_RISE_SHARE * rise) waves++;
      [low, isRising] = [mean, false];
    } else {
      low = Math.min(low, mean);
      if (mean - low >= fall) [high, isRising] = [mean, true];
    }
  }
  return waves >= RHYTHM_WAVES_MIN;
}

/** Whether the trend may have begun before the series did: it reaches back to its start, or all of it is one line. */
function isUnseen(trend: Trend, whole: Trend | undefined, bins: readonly Bin[]): boolean {
  const oldest = bins[0];
  if (oldest === undefined || whole === undefined) return true;
  return trend.start - oldest.time < UNSEEN_SHARE * trend.age || (whole.rise > 0 && whole.straight >= UNSEEN_FIT);
}

function isConvincing(trend: Trend, unseen: boolean, bins: readonly Bin[], limit: number): boolean {
  const peak = peakBefore(trend, bins);
  const isNew = peak === -Infinity || trend.level > peak + PEAK_MARGIN * (limit - peak);
  return (
    trend.straight >= FIT_MIN &&
    trend.timeToLimit <= (unseen ? REACH_UNSEEN : REACH) * trend.age &&
    trend.rise >= RISE_DEVIATIONS_MIN * trend.deviation &&
    isNew
  );
}

function peakBefore(trend: Trend, bins: readonly Bin[]): number {
  let peak = -Infinity;
  for (let at = 0; at < trend.before; at++) peak = Math.max(peak, (bins[at] as Bin).peak);
  return peak;
}

function confidenceOf(trend: Trend): number {
  const nearness = 1 - Math.min(1, trend.timeToLimit / (2 * REACH * trend.age));
  return Math.max(0, Math.min(1, trend.bent * nearness));
}
