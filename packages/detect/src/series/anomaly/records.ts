// The largest number of about the last half day (11.5 to 12 hours), kept per half hour: 24 numbers whatever the rate.

const bucketMs = 1_800_000;
const buckets = 24;

export interface RecordsSnapshot {
  readonly largest: readonly number[];
  readonly bucket: number | null;
}

export class Records {
  readonly #largest: Float64Array;
  #bucket: number | null;

  constructor(from?: RecordsSnapshot) {
    this.#largest = from === undefined ? new Float64Array(buckets) : Float64Array.from(from.largest);
    this.#bucket = from?.bucket ?? null;
  }

  /** True when `value` (0 or more) exceeds everything of the last half day, and 0. Remembers it. */
  observe(at: number, value: number): boolean {
    const bucket = Math.floor(at / bucketMs);
    const passed = this.#bucket === null ? buckets : Math.min(buckets, bucket - this.#bucket);
    for (let i = 0; i < passed; i++) this.#largest[slotOf(bucket - i)] = 0;
    this.#bucket = bucket;
    let largest = 0;
    for (let i = 0; i < buckets; i++) largest = Math.max(largest, this.#largest[i]!);
    const slot = slotOf(bucket);
    this.#largest[slot] = Math.max(this.#largest[slot]!, value);
    return value > largest;
  }

  snapshot(): RecordsSnapshot {
    return { largest: Array.from(this.#largest), bucket: this.#bucket };
  }
}

function slotOf(bucket: number): number {
  return ((bucket % buckets) + buckets) % buckets;
}
