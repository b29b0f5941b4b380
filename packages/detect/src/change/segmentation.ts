// Where a finished series changed: exact penalised segmentation into straight stretches, each with its own level, slope
// and spread (optimal partitioning, Jackson 2005, with the pruning of Killick 2012). One default setting for every series.
// Batch: it sees the whole series. For streams see online.ts.

/** One change: a new stretch begins at `index`. */
export interface ChangePoint {
  readonly index: number;
  /** What moved most, seen from the change: the level, the slope, or the spread around it. */
  readonly kind: "level" | "trend" | "spread";
  /** Value just before and just after the change by the two fitted lines, of the first series. */
  readonly before: number;
  readonly after: number;
  /** How many times its price the change earned in log-likelihood; above 1, higher is surer. */
  readonly strength: number;
}

export interface SegmentationOptions {
  /** Price of a change, times the default. Default 1; higher finds fewer. */
  readonly penalty?: number;
  /** Longer series are averaged down to at most this many points first. Default 4,000: work grows up to its square. */
  readonly pointsMax?: number;
}

// Deviations below this share of the whole series' own are not worth a change: nobody would see them in a picture of it.
const DEVIATION_FLOOR = 0.15;
// The price of a change grows like n^(3/4), between ln n (independent noise) and n (the same picture sampled more
// often), and never falls below 4 ln n, the Bayesian price of a level, a slope, a spread and a place.
const PRICE_SCALE = 0.83;
const PRICE_POWER = 0.75;
const PRICE_PARAMETERS = 4;

/**
 * Change points of one series, or of several observed together (equal lengths), in order. Values that are null or not
 * finite repeat the last good one. Fewer than 8 points, or a constant series, have none.
 */
export function changePoints(
  series: readonly (number | null)[] | readonly (readonly (number | null)[])[],
  options: SegmentationOptions = {},
): ChangePoint[] {
  const { penalty = 1, pointsMax = 4_000 } = options;
  if (!(penalty > 0)) throw new RangeError(`penalty must be above 0, not ${penalty}`);
  if (!(pointsMax >= 8)) throw new RangeError(`pointsMax must be at least 8, not ${pointsMax}`);
  const several = isSeveral(series) ? series : [series];
  const length = several[0]?.length ?? 0;
  if (several.some((one) => one.length !== length)) throw new RangeError("all series must have the same length");
  const width = Math.max(1, Math.ceil(length / pointsMax));
  const values = several.map((one) => thinned(filled(one), width));
  const sums = values.map((one) => prefixSums(standardised(one)));
  const points = values[0]?.length ?? 0;
  const shortest = Math.max(3, Math.min(5, Math.floor(points / 12)));
  const price = penalty * Math.max(PRICE_SCALE * points ** PRICE_POWER, PRICE_PARAMETERS * Math.log(points));
  const cuts = partition(sums, points, shortest, price);
  const bounds = [0, ...cuts, points];
  return cuts.map((cut, at) => {
    const [from, to] = [bounds[at] as number, bounds[at + 2] as number];
    const saved = cost(sums, from, to) - cost(sums, from, cut) - cost(sums, cut, to);
    const [left, right] = [line(values[0] as Float64Array, from, cut), line(values[0] as Float64Array, cut, to)];
    return {
      index: cut * width,
      kind: kindOf(left, right),
      before: left.end,
      after: right.start,
      strength: saved / price,
    };
  });
}

function isSeveral<T>(series: readonly T[] | readonly (readonly T[])[]): series is readonly (readonly T[])[] {
  return Array.isArray(series[0]);
}

/** Cheapest cuts: the best cost up to each point is the best over the last stretch's beginning. */
function partition(sums: readonly PrefixSums[], points: number, shortest: number, price: number): number[] {
  const best = new Float64Array(points + 1).fill(Infinity);
  const cameFrom = new Int32Array(points + 1);
  best[0] = -price;
  let beginnings = [0];
  for (let end = shortest; end <= points; end++) {
    const costs = beginnings.map((begin) => (best[begin] as number) + cost(sums, begin, end));
    costs.forEach((total, at) => {
      if (total + price < (best[end] as number)) {
        best[end] = total + price;
        cameFrom[end] = beginnings[at] as number;
      }
    });
    // A beginning that is already dearer than the best can never win again: a longer stretch only costs more.
    beginnings = beginnings.filter((_, at) => (costs[at] as number) <= (best[end] as number));
    if (best[end + 1 - shortest] !== Infinity && end + 1 - shortest > 0) beginnings.push(end + 1 - shortest);
  }
  const cuts: number[] = [];
  for (let at = cameFrom[points] as number; at > 0; at = cameFrom[at] as number) cuts.push(at);
  return cuts.toReversed();
}

/** Twice the negative log-likelihood of one straight stretch, its deviation not below the floor. */
function cost(sums: readonly PrefixSums[], from: number, to: number): number {
  const count = to - from;
  let total = 0;
  for (const { y, yy, ty } of sums) {
    const sum = at(y, to) - at(y, from);
    const middle = (from + to - 1) / 2;
    const tilt = at(ty, to) - at(ty, from) - middle * sum;
    const errors = at(yy, to) - at(yy, from) - (sum * sum) / count - (12 * tilt * tilt) / (count * (count * count - 1));
    const variance = Math.max(errors / count, DEVIATION_FLOOR ** 2);
    total += count * Math.log(variance) + Math.max(0, errors) / variance;
  }
  return total;
}

interface PrefixSums {
  readonly y: Float64Array;
  readonly yy: Float64Array;
  readonly ty: Float64Array;
}

function prefixSums(values: Float64Array): PrefixSums {
  const [y, yy, ty] = [0, 0, 0].map(() => new Float64Array(values.length + 1)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  values.forEach((value, i) => {
    y[i + 1] = at(y, i) + value;
    yy[i + 1] = at(yy, i) + value * value;
    ty[i + 1] = at(ty, i) + i * value;
  });
  return { y, yy, ty };
}

const at = (array: Float64Array, index: number): number => array[index] as number;

function filled(series: readonly (number | null)[]): Float64Array {
  const isGood = (value: number | null): value is number => value !== null && Number.isFinite(value);
  let last = series.find(isGood) ?? 0;
  return Float64Array.from(series, (value) => (isGood(value) ? (last = value) : last));
}

function thinned(values: Float64Array, width: number): Float64Array {
  if (width === 1) return values;
  return Float64Array.from({ length: Math.floor(values.length / width) }, (_, i) =>
    mean(values.subarray(i * width, (i + 1) * width)),
  );
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value / values.length, 0);
}

function standardised(values: Float64Array): Float64Array {
  const centre = mean(values);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value - centre)), 0);
  if (largest <= 1e-12 * Math.abs(centre)) return new Float64Array(values.length);
  const shares = values.map((value) => (value - centre) / largest);
  const deviation = Math.sqrt(shares.reduce((sum, share) => sum + share * share, 0) / values.length);
  return shares.map((share) => share / deviation);
}

interface Line {
  readonly start: number;
  readonly end: number;
  readonly slope: number;
  readonly deviation: number;
  readonly count: number;
}

function line(values: Float64Array, from: number, to: number): Line {
  const count = to - from;
  const part = values.subarray(from, to);
  const level = mean(part);
  const middle = (count - 1) / 2;
  const tilt = part.reduce((sum, value, i) => sum + (value - level) * (i - middle), 0);
  const slope = (12 * tilt) / (count * (count * count - 1));
  const errors = part.reduce((sum, value, i) => sum + (value - level - slope * (i - middle)) ** 2, 0);
  return {
    start: level - slope * middle,
    end: level + slope * middle,
    slope,
    deviation: Math.sqrt(errors / count),
    count,
  };
}

function kindOf(left: Line, right: Line): ChangePoint["kind"] {
  const noise = Math.max(left.deviation, right.deviation, Number.MIN_VALUE);
  const jump = Math.abs(right.start - left.end) / noise;
  const bend = (Math.abs(right.slope - left.slope) * Math.min(left.count, right.count)) / noise;
  if (Math.max(jump, bend) < 1) return "spread";
  return jump >= bend / 2 ? "level" : "trend";
}
