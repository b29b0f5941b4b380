// Extremely randomised trees (Geurts, Ernst, Wehenkel 2006) for regression: the mean of many trees, each split the best
// of a few random cuts. Pure: chance is an argument, so that the same seed grows the same forest. A forest is plain JSON.

/** Uniform numbers in [0, 1). */
export type Random = () => number;

export interface ForestOptions {
  /** Number of trees. Default 200. */
  readonly trees?: number;
  /** Fewest samples in a leaf. Default 5. */
  readonly leafMin?: number;
  /** Share of the features tried at each split. Default 0.4. */
  readonly featureShare?: number;
  /** Most levels of a tree. Default 24: a bound, seldom met. */
  readonly depthMax?: number;
}

/**
 * One tree as parallel arrays: `feature[i]` < 0 marks a leaf whose value is `value[i]`; else samples below `value[i]` go
 * to node i + 1, the others to node `right[i]`.
 */
export interface Tree {
  readonly feature: readonly number[];
  readonly value: readonly number[];
  readonly right: readonly number[];
}

export interface Forest {
  readonly features: number;
  readonly trees: readonly Tree[];
}

/** Grows a forest on samples (all of the same length, finite) and their targets. */
export function growForest(
  samples: readonly (readonly number[])[],
  targets: readonly number[],
  random: Random,
  options: ForestOptions = {},
): Forest {
  const { trees = 200, leafMin = 5, featureShare = 0.4, depthMax = 24 } = options;
  const features = samples[0]?.length ?? 0;
  if (features === 0) throw new RangeError("samples must hold at least one sample with at least one feature");
  if (samples.length !== targets.length)
    throw new RangeError(`targets must be as many as samples: ${targets.length} are not ${samples.length}`);
  const columns = Array.from({ length: features }, (_, at) => Float64Array.from(samples, (row) => row[at] as number));
  const work: Work = {
    columns,
    targets: Float64Array.from(targets),
    order: Int32Array.from(targets.keys()),
    random,
    leafMin,
    depthMax,
    tries: Math.max(1, Math.round(featureShare * features)),
  };
  return { features, trees: Array.from({ length: trees }, () => growTree(work)) };
}

/** The forest's value for one sample: the mean of its trees. */
export function valueOf(forest: Forest, sample: readonly number[]): number {
  if (sample.length !== forest.features)
    throw new RangeError(`sample must have ${forest.features} features, not ${sample.length}`);
  return forest.trees.reduce((sum, tree) => sum + leafOf(tree, sample), 0) / forest.trees.length;
}

function leafOf({ feature, value, right }: Tree, sample: readonly number[]): number {
  let at = 0;
  for (let which = feature[0] as number; which >= 0; which = feature[at] as number)
    at = (sample[which] as number) < (value[at] as number) ? at + 1 : (right[at] as number);
  return value[at] as number;
}

interface Work {
  readonly columns: readonly Float64Array[];
  readonly targets: Float64Array;
  /** Sample numbers, rearranged so that each node's samples are neighbours. */
  readonly order: Int32Array;
  readonly random: Random;
  readonly leafMin: number;
  readonly depthMax: number;
  readonly tries: number;
}

function growTree(work: Work): Tree {
  const tree = { feature: [] as number[], value: [] as number[], right: [] as number[] };
  const grow = (from: number, to: number, depth: number): void => {
    const node = tree.feature.length;
    const split = depth < work.depthMax && to - from >= 2 * work.leafMin ? bestSplit(work, from, to) : null;
    tree.feature.push(split?.feature ?? -1);
    tree.value.push(split?.threshold ?? meanTarget(work, from, to));
    tree.right.push(0);
    if (split === null) return;
    const middle = arrange(work, from, to, split);
    grow(from, middle, depth + 1);
    tree.right[node] = tree.feature.length;
    grow(middle, to, depth + 1);
  };
  grow(0, work.order.length, 0);
  return tree;
}

interface Split {
  readonly feature: number;
  readonly threshold: number;
}

/** Of some random features, each cut at a random place, the one that leaves the least variance. */
function bestSplit(work: Work, from: number, to: number): Split | null {
  const { columns, targets, order, random, leafMin, tries } = work;
  let total = 0;
  for (let at = from; at < to; at++) total += targets[order[at] as number] as number;
  let [best, bestGain]: [Split | null, number] = [null, 1e-9];
  for (let attempt = 0; attempt < tries; attempt++) {
    const feature = Math.floor(random() * columns.length);
    const column = columns[feature] as Float64Array;
    let [low, high] = [Infinity, -Infinity];
    for (let at = from; at < to; at++) {
      const value = column[order[at] as number] as number;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!(low < high)) continue;
    const threshold = low + random() * (high - low);
    let [count, sum] = [0, 0];
    for (let at = from; at < to; at++) {
      const sample = order[at] as number;
      if ((column[sample] as number) >= threshold) continue;
      count++;
      sum += targets[sample] as number;
    }
    const others = to - from - count;
    if (count < leafMin || others < leafMin) continue;
    const gain = sum ** 2 / count + (total - sum) ** 2 / others - total ** 2 / (to - from);
    if (gain > bestGain) [best, bestGain] = [{ feature, threshold }, gain];
  }
  return best;
}

/** Moves the samples below the threshold to the front; returns where the others begin. */
function arrange({ columns, order }: Work, from: number, to: number, { feature, threshold }: Split): number {
  const column = columns[feature] as Float64Array;
  let middle = from;
  for (let at = from; at < to; at++) {
    const sample = order[at] as number;
    if ((column[sample] as number) >= threshold) continue;
    order[at] = order[middle] as number;
    order[middle] = sample;
    middle++;
  }
  return middle;
}

function meanTarget({ targets, order }: Work, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += targets[order[at] as number] as number;
  return sum / (to - from);
}
