// Latencies as counts per bucket, so that minutes, hours, processes and targets can be added up before a percentile is taken:
// a percentile of percentiles says nothing. The buckets are the probe's (packages/probe/src/wire.ts); a test compares them.

/** Number of buckets: 0.25 ms, then four per doubling (width 19 %), to 73 s; the last one holds all above. */
export const latencyBuckets = 74;
/** Upper bounds of the buckets in ms, inclusive; the last bucket has none (Infinity). */
export const latencyBoundsMs: readonly number[] = Array.from({ length: latencyBuckets }, (_, at) =>
  at === latencyBuckets - 1 ? Infinity : 0.25 * 2 ** (at / 4),
);

/** Counts per bucket; trailing zeros are left out, so "no requests" is the empty list. */
export type LatencyCounts = readonly number[];

export const noLatency: LatencyCounts = [];

/** Both together. What is no count (negative, not finite, beyond the last bucket) is left out. */
export function addLatency(a: LatencyCounts, b: LatencyCounts): LatencyCounts {
  const length = Math.min(latencyBuckets, Math.max(a.length, b.length));
  const sum = Array.from({ length }, (_, at) => countAt(a, at) + countAt(b, at));
  while (sum.length > 0 && sum.at(-1) === 0) sum.pop();
  return sum;
}

export function latencyTotal(counts: LatencyCounts): number {
  return counts.reduce((total, _, at) => total + countAt(counts, at), 0);
}

/** Upper bound of the bucket that holds the quantile, ms: never too low, at most 19 % too high. Null: no requests. */
export function latencyQuantile(counts: LatencyCounts, share: number): number | null {
  const total = latencyTotal(counts);
  if (total <= 0) return null;
  let seen = 0;
  for (let at = 0; at < counts.length; at += 1) {
    seen += countAt(counts, at);
    if (seen >= total * share && seen > 0) return finiteBound(at);
  }
  return finiteBound(counts.length - 1);
}

/** Requests that took longer than `limitMs`; of the bucket in which the limit lies, the part above it. */
export function slowerThan(counts: LatencyCounts, limitMs: number): number {
  return counts.reduce((slow, _, at) => {
    const lower = at === 0 ? 0 : (latencyBoundsMs[at - 1] ?? 0);
    const upper = latencyBoundsMs[at] ?? Infinity;
    if (upper <= limitMs) return slow;
    const above = lower >= limitMs || upper === Infinity ? 1 : (upper - limitMs) / (upper - lower);
    return slow + countAt(counts, at) * above;
  }, 0);
}

function countAt(counts: LatencyCounts, at: number): number {
  const count = counts[at] ?? 0;
  return Number.isFinite(count) && count > 0 ? count : 0;
}

/** The last bucket has no upper bound; it answers with its lower one. */
function finiteBound(at: number): number {
  const bound = latencyBoundsMs[at] ?? Infinity;
  return Number.isFinite(bound) ? bound : (latencyBoundsMs[latencyBuckets - 2] ?? 0);
}
