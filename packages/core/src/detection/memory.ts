// Memory leak: growth that will reach the limit soon and does not give back. Judged on the lowest value of each slice of
// time, so that garbage collection's sawtooth and a batch that returns its memory are not mistaken for a leak.
// Slope after Theil and Sen (median of pairwise slopes), robust against single outliers.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import type { TargetView } from "./view.ts";

/** Slices looked at, each the lowest of that many ms. */
const sliceMs = 2_000;
const slicesMin = 6;
const slicesMax = 60;
/** Growth below this share of the limit over the stretch is no leak yet. */
const growthMin = 0.1;
/** A forecast further away than this is not worth a finding. */
const horizonMs = 600_000;
/** Acting is warranted from this share of the limit, or this close to it. */
const ripeShare = 0.7;
const ripeMs = 20_000;

export interface Growth {
  readonly metric: "rssBytes" | "heapUsedBytes";
  readonly now: number;
  readonly limit: number;
  readonly bytesPerSecond: number;
  readonly untilLimitMs: number;
  /** Last moment at which it was not yet growing. */
  readonly since: TimeMs;
}

export function memoryLeak(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const growth = [
    growthOf(view, "rssBytes", view.spec.memoryBytesMax),
    growthOf(view, "heapUsedBytes", lastValue(view, "heapLimitBytes")),
  ]
    .filter((each) => each !== null)
    .sort((a, b) => a.untilLimitMs - b.untilLimitMs)[0];
  if (growth === undefined) return [];
  const share = growth.now / growth.limit;
  const ripe = share >= ripeShare || growth.untilLimitMs <= ripeMs;
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const which = growth.metric === "rssBytes" ? "memory" : "heap";
  return [
    {
      target: view.spec.key,
      kind: "memory-leak",
      distinguisher: "",
      severity: "medium",
      class: "fault",
      summary: `the ${which} of ${view.spec.key} grows by ${megabytes(growth.bytesPerSecond)} MB/s and reaches its limit of ${megabytes(growth.limit)} MB in ${Math.round(growth.untilLimitMs / 1000)} s`,
      beganAt: growth.since,
      detectedAt: now,
      certainty: "inferred",
      down: false,
      ripe,
      deadlineAt: now + growth.untilLimitMs,
      events: 1,
      evidence: [
        {
          at: now,
          what: "sample",
          summary: `${which} ${megabytes(growth.now)} MB, ${Math.round(share * 100)} % of the limit, +${megabytes(growth.bytesPerSecond)} MB/s`,
        },
      ],
    },
  ];
}

/** Steady growth towards a limit, or null. Exported for tests. */
export function growthOf(view: TargetView, metric: Growth["metric"], limit: number | undefined): Growth | null {
  if (limit === undefined || limit <= 0) return null;
  const lows = sliceLows(view, metric);
  const last = lows.at(-1);
  const first = lows[0];
  if (lows.length < slicesMin || first === undefined || last === undefined) return null;
  if (last.low - first.low < growthMin * limit) return null;
  // A leak does not give back: nearly every slice is at least as high as the one before, the newest is the highest.
  let rises = 0;
  for (let at = 1; at < lows.length; at += 1) if (lows[at]!.low >= lows[at - 1]!.low) rises += 1;
  if (rises < 0.8 * (lows.length - 1) || last.low < Math.max(...lows.map((slice) => slice.low))) return null;
  const slopes: number[] = [];
  for (let a = 0; a < lows.length; a += 1)
    for (let b = a + 1; b < lows.length; b += 1)
      slopes.push((lows[b]!.low - lows[a]!.low) / (lows[b]!.at - lows[a]!.at));
  slopes.sort((x, y) => x - y);
  const perMs = slopes[slopes.length >> 1] ?? 0;
  if (perMs <= 0) return null;
  const untilLimitMs = Math.max(0, (limit - last.low) / perMs);
  if (untilLimitMs > horizonMs) return null;
  const since = lows.findLast((slice) => slice.low <= first.low + 0.05 * (last.low - first.low))?.at ?? first.at;
  return { metric, now: last.low, limit, bytesPerSecond: perMs * 1000, untilLimitMs, since };
}

function sliceLows(view: TargetView, metric: string): { at: number; low: number }[] {
  const lows: { at: number; low: number }[] = [];
  for (const sample of view.samples) {
    const value = sample.values[metric];
    if (value === undefined || !Number.isFinite(value)) continue;
    const at = Math.floor(sample.at / sliceMs) * sliceMs;
    const slice = lows.at(-1);
    if (slice?.at === at) slice.low = Math.min(slice.low, value);
    else lows.push({ at, low: value });
  }
  return lows.slice(-slicesMax);
}

function lastValue(view: TargetView, metric: string): number | undefined {
  for (let at = view.samples.length - 1; at >= 0; at -= 1) {
    const value = view.samples[at]?.values[metric];
    if (value !== undefined) return value;
  }
  return undefined;
}
