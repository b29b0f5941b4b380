// A series remembered in bounded space: recent history fine, older history coarse, nothing ever re-read.
// Each level holds bins twice as wide as the level before (an exponential histogram), so that a trend of any age is
// seen through about the same number of bins. Time is whatever unit the caller counts in; it never goes backwards.

/** A stretch of the series: mean time, mean value, highest base bin inside, number of samples. */
export interface Bin {
  readonly time: number;
  readonly mean: number;
  readonly peak: number;
  readonly count: number;
}

export interface TimelineOptions {
  /** Width of the finest bin, in the caller's unit of time. */
  readonly resolution: number;
  /** A level holds at most twice as many bins as this before its two oldest become one of the next level. Default 12. */
  readonly binsPerLevel?: number;
  /** Number of levels. Default 14: 12 x 2^14 resolutions of history; the oldest bin is dropped beyond that. */
  readonly levels?: number;
}

export interface TimelineSnapshot {
  readonly levels: readonly (readonly Bin[])[];
  readonly open: { readonly began: number; readonly bin: Bin } | null;
}

export interface Timeline {
  /** Adds a sample; true when that closed a base bin, that is, when `bins` has something new. */
  add(time: number, value: number): boolean;
  /** Closed bins, oldest first. At most 2 x binsPerLevel x levels. */
  bins(): Bin[];
  snapshot(): TimelineSnapshot;
}

export function timeline(options: TimelineOptions, from?: TimelineSnapshot): Timeline {
  const { resolution, binsPerLevel = 12, levels: levelsMax = 14 } = options;
  const levels: Bin[][] = from === undefined ? [] : from.levels.map((level) => [...level]);
  let open = from?.open ?? null;

  function close(bin: Bin): void {
    let carried = { ...bin, peak: bin.mean };
    for (let at = 0; at < levelsMax; at++) {
      const level = (levels[at] ??= []);
      level.push(carried);
      if (level.length < 2 * binsPerLevel) return;
      const [first, second] = level.splice(0, 2) as [Bin, Bin];
      carried = merged(first, second);
    }
  }

  return {
    add(time, value) {
      const sample: Bin = { time, mean: value, peak: value, count: 1 };
      if (open === null) {
        open = { began: time, bin: sample };
        return false;
      }
      if (time < open.began + resolution) {
        open = { began: open.began, bin: merged(open.bin, sample) };
        return false;
      }
      close(open.bin);
      open = { began: time, bin: sample };
      return true;
    },
    bins: () => levels.toReversed().flat(),
    snapshot: () => ({ levels: levels.map((level) => [...level]), open }),
  };
}

function merged(a: Bin, b: Bin): Bin {
  const count = a.count + b.count;
  return {
    time: a.time + ((b.time - a.time) * b.count) / count,
    mean: a.mean + ((b.mean - a.mean) * b.count) / count,
    peak: Math.max(a.peak, b.peak),
    count,
  };
}
