// How far is a value from every value seen in about the last month? Answered from at most `capacity` sorted
// representatives: when there are too many, the closest two become one, so that gaps and extremes, which decide what is
// novel, are the last to go. A representative that no value has met for 30 days is forgotten.
import { closestPair, mergePair } from "./representatives.ts";

const forgetDays = 30;

export interface NoveltySetSnapshot {
  readonly values: readonly number[];
  /** When each was last met, days since the epoch. */
  readonly days: readonly number[];
  readonly next: number;
}

export class NoveltySet {
  readonly #values: Float64Array;
  readonly #days: Float32Array;
  #size: number;
  /** The representative whose age is looked at next: one with every value. */
  #next: number;

  /** `from` is an earlier `snapshot()`. */
  constructor(capacity: number, from?: NoveltySetSnapshot) {
    this.#values = new Float64Array(capacity + 1);
    this.#days = new Float32Array(capacity + 1);
    this.#values.set(from?.values ?? []);
    this.#days.set(from?.days ?? []);
    this.#size = from?.values.length ?? 0;
    this.#next = from?.next ?? 0;
  }

  /** The distance from `value` to the nearest representative (0 for the very first); remembers `value`. */
  observe(value: number, day: number): number {
    const values = this.#values;
    const size = this.#size;
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle]! < value) low = middle + 1;
      else high = middle;
    }
    const above = low < size ? values[low]! - value : Infinity;
    const below = low > 0 ? value - values[low - 1]! : Infinity;
    if (above === 0) this.#days[low] = day;
    else this.#insert(low, value, day);
    this.#forgetOne(day - forgetDays);
    return size === 0 ? 0 : Math.min(above, below);
  }

  #insert(at: number, value: number, day: number): void {
    const size = this.#size;
    this.#values.copyWithin(at + 1, at, size);
    this.#days.copyWithin(at + 1, at, size);
    this.#values[at] = value;
    this.#days[at] = day;
    this.#size = size + 1;
    if (this.#size < this.#values.length) return;
    const right = closestPair(this.#values, 0, this.#size);
    mergePair(this.#values, 0, this.#size, right);
    this.#days[right - 1] = Math.max(this.#days[right - 1]!, this.#days[right]!);
    this.#days.copyWithin(right, right + 1, this.#size);
    this.#size--;
  }

  #forgetOne(before: number): void {
    this.#next = (this.#next + 1) % this.#size;
    const at = this.#next;
    if (this.#days[at]! >= before) return;
    this.#values.copyWithin(at, at + 1, this.#size);
    this.#days.copyWithin(at, at + 1, this.#size);
    this.#size--;
  }

  snapshot(): NoveltySetSnapshot {
    const values = Array.from(this.#values.subarray(0, this.#size));
    return { values, days: Array.from(this.#days.subarray(0, this.#size)), next: this.#next };
  }
}
