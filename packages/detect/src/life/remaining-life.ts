// How many cycles a machine, a disk or a certificate's key has left, learned from units that were watched until they
// failed. Features say where a unit stands (its last cycles) and how it got there (its whole life); extra trees map them
// to the cycles left. Batch and pure: chance is an argument, the model is plain JSON.
import { growForest, valueOf, type Forest, type ForestOptions, type Random } from "./extra-trees.ts";

/** One cycle of one unit: an hour, a start, a flight. Rows of a unit come in order; cycles need not be consecutive. */
export interface LifeRow {
  readonly unit: string | number;
  readonly cycle: number;
  /** Readings of that cycle; every row has the same number of them. Not finite ones repeat the unit's last good one. */
  readonly values: readonly number[];
}

export interface LifeOptions extends ForestOptions {
  /** Lives longer than this are all the same: nothing wears yet. Default 125 cycles. */
  readonly cyclesMax?: number;
  /** Rows used at most; more are thinned evenly. Default 10,000: training time grows with it. */
  readonly samplesMax?: number;
}

export interface LifeModel {
  readonly version: 1;
  readonly cyclesMax: number;
  /** Number of readings in a row. */
  readonly readings: number;
  /** Features that the forest uses, of those that `featuresOf` makes. */
  readonly features: readonly number[];
  readonly forest: Forest;
}

export interface RemainingLife {
  readonly unit: string | number;
  /** Cycles left after the unit's last row, 0 to cyclesMax. */
  readonly cycles: number;
  /** Nine of ten trees say at least, and at most, so many. */
  readonly low: number;
  readonly high: number;
}

const RECENT = 30;
const CORRELATION_MIN = 0.05;

/** Learns from units watched until they failed: the last row of each is its last cycle. */
export function trainLife(rows: readonly LifeRow[], random: Random, options: LifeOptions = {}): LifeModel {
  const { cyclesMax = 125, samplesMax = 10_000, trees = 150, leafMin = 3, featureShare = 0.7, ...rest } = options;
  if (rows.length < 2) throw new RangeError("rows must hold at least two cycles of a unit that failed");
  const readings = rows[0]?.values.length ?? 0;
  const every = Math.ceil(rows.length / samplesMax);
  const samples: number[][] = [];
  const targets: number[] = [];
  for (const unit of unitsOf(rows, readings).values()) {
    const history = cumulated(unit);
    const last = unit.cycles.at(-1) as number;
    for (let at = 0; at < unit.cycles.length; at += every) {
      samples.push(featuresOf(history, at));
      targets.push(Math.min(cyclesMax, last - (unit.cycles[at] as number)));
    }
  }
  const correlated = (samples[0] as number[]).flatMap((_, feature) => {
    const column = samples.map((sample) => sample[feature] as number);
    return Math.abs(correlation(column, targets)) >= CORRELATION_MIN ? [feature] : [];
  });
  const features = correlated.length > 0 ? correlated : [0];
  const chosen = samples.map((sample) => features.map((feature) => sample[feature] as number));
  const forest = growForest(chosen, targets, random, { trees, leafMin, featureShare, ...rest });
  return { version: 1, cyclesMax, readings, features, forest };
}

/** What is left of each unit after its last row; units in the order of their first row. */
export function remainingLife(model: LifeModel, rows: readonly LifeRow[]): RemainingLife[] {
  return [...unitsOf(rows, model.readings)].map(([unit, series]) => {
    const all = featuresOf(cumulated(series), series.cycles.length - 1);
    const sample = model.features.map((feature) => all[feature] as number);
    const votes = model.forest.trees
      .map((tree) => valueOf({ features: sample.length, trees: [tree] }, sample))
      .toSorted((a, b) => a - b);
    const vote = (share: number): number => votes[Math.round(share * (votes.length - 1))] as number;
    return { unit, cycles: valueOf(model.forest, sample), low: vote(0.1), high: vote(0.9) };
  });
}

interface Unit {
  readonly cycles: number[];
  readonly values: number[][];
}

function unitsOf(rows: readonly LifeRow[], readings: number): Map<string | number, Unit> {
  const units = new Map<string | number, Unit>();
  for (const { unit, cycle, values } of rows) {
    if (values.length !== readings)
      throw new RangeError(`values of unit ${unit}, cycle ${cycle} must be ${readings}, not ${values.length}`);
    const series = units.get(unit) ?? { cycles: [], values: [] };
    const before = series.cycles.at(-1);
    if (!Number.isFinite(cycle) || (before !== undefined && cycle <= before))
      throw new RangeError(`cycle of unit ${unit} must rise from row to row; ${cycle} follows ${before}`);
    const previous = series.values.at(-1);
    series.cycles.push(cycle);
    series.values.push(values.map((value, at) => (Number.isFinite(value) ? value : (previous?.[at] ?? 0))));
    units.set(unit, series);
  }
  return units;
}

/** Running sums of each reading and of reading times position, so that the line of any stretch costs nothing. */
interface History {
  readonly cycles: readonly number[];
  readonly sums: readonly Float64Array[];
  readonly moments: readonly Float64Array[];
}

function cumulated({ cycles, values }: Unit): History {
  const readings = values[0]?.length ?? 0;
  const zeros = (): Float64Array[] => Array.from({ length: readings }, () => new Float64Array(values.length + 1));
  const [sums, moments] = [zeros(), zeros()];
  values.forEach((row, at) => {
    row.forEach((value, reading) => {
      const [sum, moment] = [sums[reading] as Float64Array, moments[reading] as Float64Array];
      sum[at + 1] = (sum[at] as number) + value;
      moment[at + 1] = (moment[at] as number) + at * value;
    });
  });
  return { cycles, sums, moments };
}

/** Age; and per reading: level and slope lately, level and slope over the whole life, and how far lately is from it. */
function featuresOf({ cycles, sums, moments }: History, at: number): number[] {
  const to = at + 1;
  const perReading = sums.flatMap((sum, reading) => {
    const lately = lineOf(sum, moments[reading] as Float64Array, Math.max(0, to - RECENT), to);
    const whole = lineOf(sum, moments[reading] as Float64Array, 0, to);
    return [lately.level, lately.slope, whole.level, whole.slope, lately.level - whole.level];
  });
  return [cycles[at] as number, ...perReading];
}

function lineOf(sums: Float64Array, moments: Float64Array, from: number, to: number): { level: number; slope: number } {
  const count = to - from;
  const sum = (sums[to] as number) - (sums[from] as number);
  const moment = (moments[to] as number) - (moments[from] as number) - ((from + to - 1) / 2) * sum;
  return { level: sum / count, slope: count < 2 ? 0 : (12 * moment) / (count * (count * count - 1)) };
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [product, squareA, squareB] = [0, 0, 0];
  a.forEach((value, at) => {
    const [x, y] = [value - meanA, (b[at] as number) - meanB];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  });
  return squareA > 1e-18 * meanA * meanA * a.length && squareB > 0 ? product / Math.sqrt(squareA * squareB) : 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
