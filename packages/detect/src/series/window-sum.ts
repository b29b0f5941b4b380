// Sums of two counts over a sliding window in constant memory: sixty buckets, so the window is exact to one sixtieth.

const buckets = 60;

export interface WindowSumSnapshot {
  readonly bucket: number | null;
  readonly first: readonly number[];
  readonly second: readonly number[];
}

export class WindowSum {
  readonly #bucketMs: number;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  #bucket: number | null;

  constructor(windowMs: number, from?: WindowSumSnapshot) {
    this.#bucketMs = windowMs / buckets;
    this.#first = from === undefined ? new Float64Array(buckets) : Float64Array.from(from.first);
    this.#second = from === undefined ? new Float64Array(buckets) : Float64Array.from(from.second);
    this.#bucket = from?.bucket ?? null;
  }

  /** Adds counts at `at` (ms); late ones within the window go where they belong, older ones are left out. */
  add(at: number, first: number, second: number): void {
    this.moveTo(at);
    const bucket = Math.floor(at / this.#bucketMs);
    if (bucket <= this.#bucket! - buckets) return;
    this.#first[slotOf(bucket)]! += first;
    this.#second[slotOf(bucket)]! += second;
  }

  /** Lets everything older than a window before `now` go; `now` before the newest time changes nothing. */
  moveTo(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    const before = this.#bucket;
    if (before !== null && bucket <= before) return;
    const passed = before === null ? buckets : Math.min(buckets, bucket - before);
    for (let i = 0; i < passed; i++) {
      this.#first[slotOf(bucket - i)] = 0;
      this.#second[slotOf(bucket - i)] = 0;
    }
    this.#bucket = bucket;
  }

  sums(): readonly [first: number, second: number] {
    const add = (sum: number, each: number): number => sum + each;
    return [this.#first.reduce(add, 0), this.#second.reduce(add, 0)];
  }

  snapshot(): WindowSumSnapshot {
    return { bucket: this.#bucket, first: Array.from(this.#first), second: Array.from(this.#second) };
  }
}

function slotOf(bucket: number): number {
  return ((bucket % buckets) + buckets) % buckets;
}
