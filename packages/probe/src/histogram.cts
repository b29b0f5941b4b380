// Latency histogram with the fixed buckets of wire.ts (`latencyBoundsMs`): 0.25 ms, then four per doubling.

/** Same number as in wire.ts; a test compares the two. */
const latencyBuckets = 74;

/** Bucket of a latency in ms. */
function bucketOf(latencyMs: number): number {
  if (!(latencyMs > 0.25)) return 0;
  return Math.min(latencyBuckets - 1, Math.ceil(Math.log2(latencyMs * 4) * 4));
}

/** Counts as sent: trailing zeros left out. */
function countsOf(counts: Uint32Array): number[] {
  let length = counts.length;
  while (length > 0 && counts[length - 1] === 0) length -= 1;
  return Array.from(counts.subarray(0, length));
}

export type HistogramModule = {
  readonly latencyBuckets: number;
  readonly bucketOf: typeof bucketOf;
  readonly countsOf: typeof countsOf;
};
module.exports = { latencyBuckets, bucketOf, countsOf } satisfies HistogramModule;
