// Steady growth of a measured value towards a limit. Judged on the lowest value of each slice of time, so that garbage
// collection's sawtooth and a batch that gives back are not mistaken for growth. Slope after Theil and Sen (median of
// pairwise slopes), robust against single outliers.
import type { TimeMs } from "../signal/index.ts";
import { median } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Slices looked at, each the lowest of that many ms. */
const slicesMax = 60;

export interface GrowthRule {
  readonly sliceMs: number;
  readonly slicesMin: number;
  /** Growth below this share of the limit over the stretch does not count. */
  readonly growthMin: number;
  /** Share of slices that must be at least as high as the one before. */
  readonly risesMin: number;
  /** A forecast further away than this does not count, ms. */
  readonly horizonMs: number;
}

/** Slow and sure: two seconds a slice, a tenth of the limit. */
export const steadyGrowth: GrowthRule = {
  sliceMs: 2_000,
  slicesMin: 6,
  growthMin: 0.1,
  risesMin: 0.8,
  horizonMs: 600_000,
};
/** Fast growth shows sooner: five seconds, each higher than the one before, a fifth of the limit together. */
export const steepGrowth: GrowthRule = {
  sliceMs: 1_000,
  slicesMin: 6,
  growthMin: 0.2,
  risesMin: 1,
  horizonMs: 60_000,
};

export interface Growth {
  readonly now: number;
  readonly limit: number;
  readonly perSecond: number;
  readonly untilLimitMs: number;
  /** Last moment at which it was not yet growing. */
  readonly since: TimeMs;
  /** Only the steep rule saw it yet: it may still be a batch. */
  readonly early: boolean;
  /** 0 to 1: a rank, not a probability. */
  readonly confidence: number;
}

type Point = { readonly at: TimeMs; readonly value: number };

/** Growth by the steady rule, else by the steep one; null when there is none. Points are in order of time. */
export function growthTowards(points: readonly Point[], limit: number | undefined): Growth | null {
  if (limit === undefined || !(limit > 0)) return null;
  return grows(points, limit, steadyGrowth, false) ?? grows(points, limit, steepGrowth, true);
}

/** The points of one metric of the running process. */
export function pointsOf(view: TargetView, metric: string): { at: TimeMs; value: number }[] {
  const points: { at: TimeMs; value: number }[] = [];
  for (const { at, values } of view.samples) {
    const value = values[metric];
    if (value !== undefined) points.push({ at, value });
  }
  return points;
}

/** Growth of one metric towards a limit, or null. */
export function growthOf(view: TargetView, metric: string, limit: number | undefined): Growth | null {
  return limit === undefined || !(limit > 0) ? null : growthTowards(pointsOf(view, metric), limit);
}

/** The newest value of a metric; undefined when the newest samples do not carry it. */
export function lastValue(view: TargetView, metric: string): number | undefined {
  for (let at = view.samples.length - 1; at >= Math.max(0, view.samples.length - lastValueSamples); at -= 1) {
    const value = view.samples[at]?.values[metric];
    if (value !== undefined) return value;
  }
  return undefined;
}
/** A metric that was absent from this many samples is no longer reported. */
const lastValueSamples = 30;

export function grows(points: readonly Point[], limit: number, rule: GrowthRule, early: boolean): Growth | null {
  const lows = sliceLows(points, rule.sliceMs);
  const used = early ? lows.slice(-rule.slicesMin) : lows;
  const first = used[0];
  const last = used.at(-1);
  if (used.length < rule.slicesMin || first === undefined || last === undefined) return null;
  if (last.low - first.low < rule.growthMin * limit) return null;
  // What leaks is not given back: nearly every slice is at least as high as the one before, the newest is the highest.
  let rises = 0;
  for (let at = 1; at < used.length; at += 1)
    if (early ? used[at]!.low > used[at - 1]!.low : used[at]!.low >= used[at - 1]!.low) rises += 1;
  if (rises < rule.risesMin * (used.length - 1) || last.low < Math.max(...used.map((slice) => slice.low))) return null;
  const slopes: number[] = [];
  for (let a = 0; a < used.length; a += 1)
    for (let b = a + 1; b < used.length; b += 1)
      slopes.push((used[b]!.low - used[a]!.low) / (used[b]!.at - used[a]!.at));
  const perMs = median(slopes);
  if (perMs <= 0) return null;
  const untilLimitMs = Math.max(0, (limit - last.low) / perMs);
  if (untilLimitMs > rule.horizonMs) return null;
  const since = used.findLast((slice) => slice.low <= first.low + 0.05 * (last.low - first.low))?.at ?? first.at;
  const confidence = Math.min(0.99, (rises / (used.length - 1)) * Math.min(1, used.length / 15));
  return { now: last.low, limit, perSecond: perMs * 1_000, untilLimitMs, since, early, confidence };
}

function sliceLows(points: readonly Point[], sliceMs: number): { at: number; low: number }[] {
  const lows: { at: number; low: number }[] = [];
  for (const { at: time, value } of points) {
    if (!Number.isFinite(value)) continue;
    const at = Math.floor(time / sliceMs) * sliceMs;
    const slice = lows.at(-1);
    if (slice?.at === at) slice.low = Math.min(slice.low, value);
    else lows.push({ at, low: value });
  }
  return lows.slice(-slicesMax);
}
