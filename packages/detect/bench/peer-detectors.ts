// Two well-known detectors, written anew to be measured beside ours: an exponentially weighted z-score, and a k-means
// consensus after Netdata's description (k = 2 on smoothed differenced lags, several models, all must agree).

export interface Peer {
  update(at: number, value: number): number;
}

/** |value - mean| in standard deviations, both exponentially weighted; mapped to [0, 1) by z / (z + 3). */
export function ewmaPeer(): Peer {
  const weight = 0.02;
  let [seen, mean, variance] = [0, 0, 0];
  return {
    update(_at, value) {
      if (seen++ === 0) mean = value;
      const difference = value - mean;
      const z = seen <= 10 || variance === 0 ? 0 : Math.abs(difference) / Math.sqrt(variance);
      mean += weight * difference;
      variance = (1 - weight) * (variance + weight * difference * difference);
      return z / (z + 3);
    },
  };
}

const lags = 6;
const smoothed = 3;
const trainEvery = 72;
const trainOn = 288;
const modelsMax = 9;

interface Model {
  readonly centres: readonly (readonly number[])[];
  readonly low: number;
  readonly high: number;
}

/** Share of the models, trained on earlier stretches, to which the recent course is farther than 99 % of their training. */
export function kMeansPeer(): Peer {
  const values: number[] = [];
  const features: number[][] = [];
  const models: Model[] = [];
  const recent: number[] = [];
  let seen = 0;
  return {
    update(_at, value) {
      values.push(value);
      if (values.length > lags + smoothed + 1) values.shift();
      if (values.length <= lags + smoothed) return 0;
      const smooth = Array.from({ length: lags + 1 }, (_, i) =>
        values.slice(i, i + smoothed).reduce((sum, each) => sum + each / smoothed, 0),
      );
      const feature = smooth.slice(1).map((each, i) => each - smooth[i]!);
      const flags = models.map(({ centres, low, high }) => {
        const score = high > low ? (distanceTo(centres, feature) - low) / (high - low) : 0;
        return score > 0.99 ? 1 : 0;
      });
      features.push(feature);
      if (features.length > trainOn) features.shift();
      if (++seen % trainEvery === 0 && features.length === trainOn) {
        models.push(train(features));
        if (models.length > modelsMax) models.shift();
      }
      recent.push(flags.length > 0 && flags.every((flag) => flag === 1) ? 1 : 0);
      if (recent.length > 5) recent.shift();
      return recent.reduce((sum, each) => sum + each, 0) / 5;
    },
  };
}

function distanceTo(centres: readonly (readonly number[])[], feature: readonly number[]): number {
  let sum = 0;
  for (const centre of centres) {
    let square = 0;
    for (const [i, each] of feature.entries()) square += (each - centre[i]!) ** 2;
    sum += Math.sqrt(square);
  }
  return sum / centres.length;
}

function train(features: readonly (readonly number[])[]): Model {
  let centres: number[][] = [[...features[0]!], [...features[features.length >> 1]!]];
  for (let round = 0; round < 10; round++) {
    const sums = centres.map(() => ({ total: Array.from({ length: lags }, () => 0), count: 0 }));
    for (const feature of features) {
      const nearest = distanceTo([centres[0]!], feature) <= distanceTo([centres[1]!], feature) ? 0 : 1;
      const sum = sums[nearest]!;
      sum.count++;
      for (const [i, each] of feature.entries()) sum.total[i]! += each;
    }
    centres = sums.map(({ total, count }, which) =>
      count === 0 ? centres[which]! : total.map((each) => each / count),
    );
  }
  const distances = features.map((feature) => distanceTo(centres, feature)).toSorted((a, b) => a - b);
  return { centres, low: distances[0]!, high: distances.at(-1)! };
}
