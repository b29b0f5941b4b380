// How far is a value from every value seen before? Answered from at most `capacity` sorted representatives: when there
// are too many, the closest two become one, so that gaps and extremes, which decide what is novel, are the last to go.

export class NoveltySet {
  readonly #values: Float64Array;
  #size = 0;

  /** `from` is an earlier `snapshot()`. */
  constructor(capacity: number, from: readonly number[] = []) {
    this.#values = new Float64Array(capacity + 1);
    this.#values.set(from);
    this.#size = from.length;
  }

  /** The distance from `value` to the nearest representative (0 for the very first); remembers `value`. */
  observe(value: number): number {
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
    if (above === 0 || below === 0) return 0;
    values.copyWithin(low + 1, low, size);
    values[low] = value;
    this.#size = size + 1;
    if (this.#size === values.length) this.#size = mergeClosest(values, this.#size);
    return size === 0 ? 0 : Math.min(above, below);
  }

  snapshot(): number[] {
    return Array.from(this.#values.subarray(0, this.#size));
  }
}

/** Makes one of the closest two of `size` sorted values; the smallest and the largest keep their place. Returns `size - 1`. */
export function mergeClosest(values: Float64Array | Float32Array, size: number, offset = 0): number {
  let at = 1;
  let least = Infinity;
  for (let i = 1; i < size; i++) {
    const gap = values[offset + i]! - values[offset + i - 1]!;
    if (gap < least) {
      least = gap;
      at = i;
    }
  }
  const left = values[offset + at - 1]!;
  const right = values[offset + at]!;
  if (at === size - 1) values[offset + at - 1] = right;
  else if (at > 1) values[offset + at - 1] = (left + right) / 2;
  values.copyWithin(offset + at, offset + at + 1, offset + size);
  return size - 1;
}
