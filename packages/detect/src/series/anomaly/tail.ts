// Turns one evidence's distances into surprise, -ln of the chance of so large a distance, so that evidences and series
// of any scale can be compared. Inside what was seen: the share of larger ones. Beyond the 90th percentile: a generalised
// Pareto tail through the mean excess (peaks over threshold; Siffer et al., "Anomaly detection in streams with extreme
// value theory", KDD 2017), with a fixed, moderately heavy shape because a few dozen exceedances cannot tell shapes apart.

/** Distances needed before anything is surprising. */
export const tailWarmUp = 30;
const bins = 64;
const binsPerDoubling = 4;
const tailShare = 0.1;
const shape = 0.3;
/** At this many distances all counts are halved, so that a series that changed for good is learned again. */
const countMax = 10_000;
const surpriseMax = 20;
const edges = Float64Array.from({ length: bins + 1 }, (_, i) => 2 ** (i / binsPerDoubling));
const middles = Float64Array.from({ length: bins }, (_, i) => 2 ** ((i + 0.5) / binsPerDoubling));

export interface TailSnapshot {
  readonly counts: readonly number[];
  readonly lowest: number | null;
  readonly zeros: number;
  readonly total: number;
}

export class Tail {
  /** A histogram of distances with equal ratios between its bins; bin 0 also takes everything smaller. */
  readonly #counts: Float32Array;
  /** log2(distance) * binsPerDoubling at the lower edge of bin 0; moves up when a distance exceeds the last bin. */
  #lowest: number | null;
  #zeros: number;
  #total: number;

  constructor(from?: TailSnapshot) {
    this.#counts = from === undefined ? new Float32Array(bins) : Float32Array.from(from.counts);
    this.#lowest = from?.lowest ?? null;
    this.#zeros = from?.zeros ?? 0;
    this.#total = from?.total ?? 0;
  }

  /** Surprise of `distance` in nats, 0 to 20, by the earlier ones only; 0 in the warm-up and for null. Then counts it. */
  observe(distance: number | null): number {
    if (distance === null) return 0;
    const surprise = this.#total < tailWarmUp || distance <= 0 ? 0 : Math.min(surpriseMax, this.#surprise(distance));
    this.#count(distance);
    return surprise;
  }

  #surprise(distance: number): number {
    if (this.#lowest === null) return surpriseMax;
    const counts = this.#counts;
    const wanted = Math.max(5, tailShare * this.#total);
    const unit = 2 ** (this.#lowest / binsPerDoubling);
    const bin = this.#bin(distance);
    let above = 0;
    let sum = 0;
    let threshold = 0;
    let i = bins - 1;
    for (; i >= 0; i--) {
      const count = counts[i]!;
      if (above + count >= wanted) {
        threshold = edges[i + 1]! - ((edges[i + 1]! - edges[i]!) * (wanted - above)) / count;
        sum += ((wanted - above) * (edges[i + 1]! + threshold)) / 2;
        break;
      }
      above += count;
      sum += count * middles[i]!;
    }
    const excess = distance / unit - threshold;
    if (excess > 0) {
      const scale = (sum / wanted - threshold) * (1 - shape) + Number.MIN_VALUE;
      return Math.log(this.#total / wanted) + Math.log1p((shape * excess) / scale) / shape;
    }
    for (; i >= bin && i >= 0; i--) above += counts[i]!;
    return Math.log(this.#total / Math.max(above, wanted));
  }

  #bin(distance: number): number {
    return Math.floor(Math.log2(distance) * binsPerDoubling) - this.#lowest!;
  }

  #count(distance: number): void {
    this.#total++;
    if (distance > 0) {
      this.#lowest ??= Math.floor(Math.log2(distance) * binsPerDoubling) - bins / 2;
      let bin = this.#bin(distance);
      if (bin >= bins) {
        this.#moveUp(bin - bins + 1);
        bin = bins - 1;
      }
      this.#counts[Math.max(0, bin)]! += 1;
    } else this.#zeros++;
    if (this.#total >= countMax) {
      this.#total /= 2;
      this.#zeros /= 2;
      for (let i = 0; i < bins; i++) this.#counts[i]! /= 2;
    }
  }

  #moveUp(by: number): void {
    const counts = this.#counts;
    let low = 0;
    for (let i = 0; i < Math.min(by, bins); i++) low += counts[i]!;
    counts.copyWithin(0, Math.min(by, bins));
    counts.fill(0, Math.max(0, bins - by));
    this.#lowest! += by;
    counts[0]! += low;
  }

  snapshot(): TailSnapshot {
    return { counts: Array.from(this.#counts), lowest: this.#lowest, zeros: this.#zeros, total: this.#total };
  }
}
