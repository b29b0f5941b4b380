// Quantiles of any number of values in bounded memory, mergeable: DDSketch (Masson, Rim, Lee, "DDSketch: a fast and
// fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019). Every answer is within `relativeError` of
// the true quantile, as long as the values of one sign span less than `binsMax` bins; then the values nearest to zero
// lose their precision first and are counted in `collapsed`.
import { requireOption } from "./sample.ts";

export interface QuantileSketchOptions {
  /** Largest error of an answer as a share of the true value. Default 0.01. */
  readonly relativeError?: number;
  /** Bins per sign, 8 bytes each, allocated as needed. Default 2048: values from 1 to 6e17 at 1 % error. */
  readonly binsMax?: number;
}

export interface BinsSnapshot {
  readonly lowest: number;
  readonly counts: readonly number[];
}

export interface QuantileSketchSnapshot {
  readonly version: 1;
  readonly relativeError: number;
  readonly binsMax: number;
  readonly zeros: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly collapsed: number;
  readonly ignored: number;
  readonly positive: BinsSnapshot;
  readonly negative: BinsSnapshot;
}

export interface QuantileSketch {
  /** Adds `value`, `times` over (default 1). What is not finite, or not a positive count, is counted as ignored. */
  add(value: number, times?: number): void;
  /** The value below which the share `q` (0 to 1) lies; NaN while the sketch is empty. Throws on `q` outside 0 to 1. */
  quantile(q: number): number;
  /** Adds all of `other`'s values. Throws a RangeError if its relative error differs. */
  merge(other: QuantileSketchSnapshot): void;
  readonly count: number;
  snapshot(): QuantileSketchSnapshot;
}

/** Values nearer to zero than this count as zero. */
const zeroBelow = 1e-300;

export function quantileSketch(options: QuantileSketchOptions = {}, from?: QuantileSketchSnapshot): QuantileSketch {
  const { relativeError = from?.relativeError ?? 0.01, binsMax = from?.binsMax ?? 2048 } = options;
  requireOption(relativeError > 0 && relativeError < 1, "relativeError", "between 0 and 1", relativeError);
  requireOption(Number.isInteger(binsMax) && binsMax >= 16, "binsMax", "a whole number from 16", binsMax);
  const gamma = (1 + relativeError) / (1 - relativeError);
  const perUnit = 1 / Math.log(gamma);
  const positive = new Bins(binsMax);
  const negative = new Bins(binsMax);
  let [zeros, count, sum, min, max, collapsed, ignored] = [0, 0, 0, Infinity, -Infinity, 0, 0];

  const binOf = (size: number): number => Math.ceil(Math.log(size) * perUnit);
  const middleOf = (bin: number): number => (2 * gamma ** bin) / (gamma + 1);

  function merge(other: QuantileSketchSnapshot): void {
    requireOption(
      other.relativeError === relativeError,
      "other.relativeError",
      String(relativeError),
      other.relativeError,
    );
    collapsed += positive.merge(other.positive) + negative.merge(other.negative) + other.collapsed;
    zeros += other.zeros;
    count += other.count;
    sum = Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, sum + other.sum));
    ignored += other.ignored;
    min = Math.min(min, other.min ?? Infinity);
    max = Math.max(max, other.max ?? -Infinity);
  }
  if (from !== undefined) merge(from);

  return {
    add(value, times = 1) {
      if (!Number.isFinite(value) || !(times > 0) || !Number.isFinite(times)) {
        ignored++;
        return;
      }
      if (Math.abs(value) < zeroBelow) zeros += times;
      else collapsed += (value > 0 ? positive : negative).add(binOf(Math.abs(value)), times);
      count += times;
      sum = Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, sum + value * times));
      min = Math.min(min, value);
      max = Math.max(max, value);
    },
    quantile(q) {
      requireOption(q >= 0 && q <= 1, "q", "from 0 to 1", q);
      if (count === 0) return NaN;
      const rank = q * (count - 1);
      const bounded = (value: number): number => Math.min(max, Math.max(min, value));
      const below = negative.total;
      if (rank < below) return bounded(-middleOf(negative.binAt(below - 1 - Math.floor(rank))));
      if (rank < below + zeros) return bounded(0);
      return bounded(middleOf(positive.binAt(rank - below - zeros)));
    },
    merge,
    get count() {
      return count;
    },
    snapshot: () => ({
      version: 1,
      relativeError,
      binsMax,
      zeros,
      count,
      sum,
      min: count === 0 ? null : min,
      max: count === 0 ? null : max,
      collapsed,
      ignored,
      positive: positive.snapshot(),
      negative: negative.snapshot(),
    }),
  };
}

/** Counts by bin number, at most `binsMax` neighbouring bins; what would fall below them is counted in the lowest. */
class Bins {
  readonly #binsMax: number;
  #lowest = 0;
  #counts: number[] = [];
  total = 0;

  constructor(binsMax: number) {
    this.#binsMax = binsMax;
  }

  /** Returns how much of the weight went, now or by making room, to a bin that is not its own. */
  add(bin: number, times: number): number {
    this.total += times;
    if (this.#counts.length === 0) this.#lowest = bin;
    let moved = 0;
    const top = Math.max(bin, this.#lowest + this.#counts.length - 1);
    const floor = top - this.#binsMax + 1;
    if (this.#lowest < floor) moved += this.#raiseTo(floor);
    if (bin < floor) moved += times;
    const target = Math.max(bin, floor);
    if (target < this.#lowest) {
      this.#counts.unshift(...Array.from({ length: this.#lowest - target }, () => 0));
      this.#lowest = target;
    }
    while (this.#counts.length <= target - this.#lowest) this.#counts.push(0);
    this.#counts[target - this.#lowest]! += times;
    return moved;
  }

  #raiseTo(floor: number): number {
    const gone = this.#counts.splice(0, floor - this.#lowest).reduce((sum, each) => sum + each, 0);
    this.#lowest = floor;
    if (this.#counts.length === 0) this.#counts.push(0);
    this.#counts[0]! += gone;
    return gone;
  }

  merge(other: BinsSnapshot): number {
    let moved = 0;
    for (const [i, times] of other.counts.entries()) if (times > 0) moved += this.add(other.lowest + i, times);
    return moved;
  }

  /** The bin that holds the value of this rank, counted from the smallest size. */
  binAt(rank: number): number {
    let seen = 0;
    for (const [i, times] of this.#counts.entries()) {
      seen += times;
      if (seen > rank) return this.#lowest + i;
    }
    return this.#lowest + this.#counts.length - 1;
  }

  snapshot(): BinsSnapshot {
    return { lowest: this.#lowest, counts: [...this.#counts] };
  }
}
