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

/** The newest slices must grow at least at this share of the pace of the whole stretch. */
const stillShare = 0.3;

/** What was given back on the way, as a share of what was taken for good. */
const fallenShareMax = 0.25;

/** Slow and sure: two seconds a slice, a tenth of the limit. */
export const steadyGrowth: GrowthRule = {
  sliceMs: 2_000,
  slicesMin: 6,
  growthMin: 0.1,
  risesMin: 0.8,
  horizonMs: 600_000,
};
/** Fast growth shows sooner: five seconds, each slice higher than the one before, a fifth of the limit together. */
export const steepGrowth: GrowthRule = {
  sliceMs: 1_000,
  slicesMin: 6,
  growthMin: 0.2,
  risesMin: 1,
  horizonMs: 60_000,
};

/** Files do not come and go by themselves as memory does: three seconds and a twentieth of the room say something. */
export const folderGrowth: GrowthRule = { ...steepGrowth, slicesMin: 4, growthMin: 0.05, horizonMs: 600_000 };

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
export function growthTowards(
  points: readonly Point[],
  limit: number | undefined,
  steep: GrowthRule = steepGrowth,
): Growth | null {
  if (limit === undefined || !(limit > 0)) return null;
  return grows(points, limit, steadyGrowth, false) ?? grows(points, limit, steep, true);
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
  if (limit === undefined || !(limit > 0) || !moves(view, metric, limit)) return null;
  return growthTowards(pointsOf(view, metric), limit);
}

/** Whether it moved enough for either rule at all. Asked of everything every second, and the answer is nearly always no. */
function moves(view: TargetView, metric: string, limit: number): boolean {
  const enough = Math.min(steadyGrowth.growthMin, steepGrowth.growthMin) * limit;
  let [least, most] = [Infinity, -Infinity];
  for (const { values } of view.samples) {
    const value = values[metric];
    if (value === undefined || !Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return most - least >= enough;
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

/** Threads that a pool of workers starts beyond those Node.js starts on demand for files and names (four). */
const threadsMin = 5;
/** A pool is filled within this long; growth that goes on is a leak, whatever it is a leak of, ms. */
const fillingMs = 60_000;

/**
 * Threads started since a growth began, when they account for it: each new one brings a heap, a loop and descriptors of its
 * own, up to `perThread` of what grows. A pool of them stops growing when it is full, so that nothing has leaked yet.
 */
export function threadsBehind(view: TargetView, now: TimeMs, growth: Growth, perThread: number): number | null {
  if (now - growth.since >= fillingMs) return null;
  const threads = pointsOf(view, "threads");
  const before = threads.findLast((point) => point.at <= growth.since) ?? threads[0];
  const last = threads.at(-1);
  if (before === undefined || last === undefined) return null;
  const more = last.value - before.value;
  const grown = (growth.perSecond * (last.at - before.at)) / 1_000;
  return more >= threadsMin && grown <= more * perThread ? more : null;
}

export function grows(points: readonly Point[], limit: number, rule: GrowthRule, early: boolean): Growth | null {
  const lows = sliceLows(points, rule.sliceMs);
  const used = early ? lows.slice(-rule.slicesMin) : sinceItGrows(lows);
  const first = used[0];
  const last = used.at(-1);
  if (used.length < rule.slicesMin || first === undefined || last === undefined) return null;
  if (last.low - first.low < rule.growthMin * limit) return null;
  // What leaks is not given back: nearly every slice is at least as high as the one before, the newest is the highest.
  let rises = 0;
  for (let at = 1; at < used.length; at += 1)
    if (early ? used[at]!.low > used[at - 1]!.low : used[at]!.low >= used[at - 1]!.low) rises += 1;
  if (rises < rule.risesMin * (used.length - 1) || last.low < Math.max(...used.map((slice) => slice.low))) return null;
  const fallen = used.reduce((sum, slice, at) => sum + Math.max(0, (used[at - 1]?.low ?? 0) - slice.low), 0);
  if (fallen > fallenShareMax * (last.low - first.low)) return null;
  // A batch that has taken what it needs, and a sawtooth on its way up, grow no more, or no further than before.
  if (early && last.low <= Math.max(...points.filter((point) => point.at < first.at).map((point) => point.value), 0))
    return null;
  const slopes: number[] = [];
  for (let a = 0; a < used.length; a += 1)
    for (let b = a + 1; b < used.length; b += 1)
      slopes.push((used[b]!.low - used[a]!.low) / (used[b]!.at - used[a]!.at));
  const perMs = median(slopes);
  if (perMs <= 0) return null;
  const before = used.at(-3) ?? first;
  if ((last.low - before.low) / (last.at - before.at) < stillShare * perMs) return null;
  const untilLimitMs = Math.max(0, (limit - last.low) / perMs);
  if (untilLimitMs > rule.horizonMs) return null;
  const since = used.findLast((slice) => slice.low <= first.low + 0.05 * (last.low - first.low))?.at ?? first.at;
  const confidence = Math.min(0.99, (rises / (used.length - 1)) * Math.min(1, used.length / 15));
  return { now: last.low, limit, perSecond: perMs * 1_000, untilLimitMs, since, early, confidence };
}

/** The slices from the last one that was as low as the first, within a twentieth of the growth: what was flat before is no growth. */
function sinceItGrows<S extends { readonly low: number }>(lows: readonly S[]): readonly S[] {
  const [first] = lows;
  const last = lows.at(-1);
  if (first === undefined || last === undefined) return lows;
  const from = lows.findLastIndex((slice) => slice.low <= first.low + 0.05 * (last.low - first.low));
  return lows.slice(Math.max(0, from));
}

/** The lowest of each slice, oldest first: of the newest slices, as points are many and the newest tell. */
function sliceLows(points: readonly Point[], sliceMs: number): { at: number; low: number }[] {
  const lows: { at: number; low: number }[] = [];
  for (let index = points.length - 1; index >= 0; index -= 1) {
    const { at: time, value } = points[index]!;
    if (!Number.isFinite(value)) continue;
    const at = Math.floor(time / sliceMs) * sliceMs;
    const slice = lows.at(-1);
    if (slice?.at === at) slice.low = Math.min(slice.low, value);
    else if (lows.length === slicesMax) break;
    else lows.push({ at, low: value });
  }
  return lows.reverse();
}
