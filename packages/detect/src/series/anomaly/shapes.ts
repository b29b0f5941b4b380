// Has the recent course of the series been seen before? For each of the last `lagMax` points back, an exponentially
// forgetting mean of the squared differences between the course up to now and the course up to then; the smallest is the
// distance to the nearest neighbour (a left discord on raw values: Keogh et al., "HOT SAX", ICDM 2005; here with soft
// windows, which need one addition per lag and never accumulate rounding errors). Two memories: about 5 and 16 points.

/** Points looked back. */
export const lagMax = 384;
const shortKeep = 0.8;
const shortSkip = 6;
const longKeep = 0.94;
const longSkip = 12;

export interface ShapesSnapshot {
  readonly recent: readonly number[];
  readonly short: readonly number[];
  readonly long: readonly number[];
  readonly seen: number;
}

export class Shapes {
  readonly #recent: Float32Array;
  readonly #short: Float32Array;
  readonly #long: Float32Array;
  #seen: number;
  /** Distances of the last observed point. */
  short = 0;
  long = 0;

  constructor(from?: ShapesSnapshot) {
    this.#recent = from === undefined ? new Float32Array(lagMax) : Float32Array.from(from.recent);
    this.#short = from === undefined ? new Float32Array(lagMax + 1) : Float32Array.from(from.short);
    this.#long = from === undefined ? new Float32Array(lagMax + 1) : Float32Array.from(from.long);
    this.#seen = from?.seen ?? 0;
  }

  observe(value: number): void {
    const recent = this.#recent;
    const short = this.#short;
    const long = this.#long;
    const lags = Math.min(lagMax, this.#seen);
    let at = (this.#seen + lagMax - 1) % lagMax;
    let shortLeast = Infinity;
    let longLeast = Infinity;
    for (let lag = 1; lag <= lags; lag++) {
      const difference = value - recent[at]!;
      at = at === 0 ? lagMax - 1 : at - 1;
      const square = difference * difference;
      const nextShort = shortKeep * short[lag]! + (1 - shortKeep) * square;
      const nextLong = longKeep * long[lag]! + (1 - longKeep) * square;
      short[lag] = nextShort;
      long[lag] = nextLong;
      if (nextShort < shortLeast && lag >= shortSkip) shortLeast = nextShort;
      if (nextLong < longLeast && lag >= longSkip) longLeast = nextLong;
    }
    recent[this.#seen % lagMax] = value;
    this.#seen++;
    this.short = shortLeast === Infinity ? 0 : Math.sqrt(shortLeast);
    this.long = longLeast === Infinity ? 0 : Math.sqrt(longLeast);
  }

  snapshot(): ShapesSnapshot {
    return {
      recent: Array.from(this.#recent),
      short: Array.from(this.#short),
      long: Array.from(this.#long),
      seen: this.#seen,
    };
  }
}
