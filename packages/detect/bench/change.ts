// Change points against the textbook defaults: `node packages/detect/bench/change.ts`. Peers in the same run: binary
// segmentation and PELT, both for a change of mean with the MBIC penalty: the defaults of R's changepoint package.
import { changePoints, streamChanges } from "@prunella/detect";
import { covering, f1, loadAnnotated } from "./change-score.ts";
import { judged, row, seeded, withDataSet } from "./data.ts";
import { realNoise } from "./exhaustion-cases.ts";

// The modified Bayesian criterion: 3 ln n a change, and the logarithm of each stretch's length (in its cost).
const PARAMETERS = 3;

type Detector = (series: readonly (readonly (number | null)[])[]) => number[];

const detectors: Readonly<Record<string, Detector>> = {
  "changePoints (default)": (series) => changePoints(series).map((change) => change.index),
  "binary segmentation, mean, MBIC": (series) => binarySegmentation(valuesOf(series)),
  "PELT, mean, MBIC": (series) => pelt(valuesOf(series)),
  "no change points at all": () => [],
};

withDataSet("tcpd", (at) => {
  const all = loadAnnotated(at);
  const univariate = all.filter((one) => one.series.length === 1);
  const groups = { [`univariate ${univariate.length}`]: univariate, [`all ${all.length}`]: all };
  for (const [group, members] of Object.entries(groups)) {
    console.log(`\n${group}`);
    for (const [name, detect] of Object.entries(detectors)) {
      const scores = members.map((one) => {
        const found = detect(one.series);
        return [f1(one.annotations, found), covering(one.annotations, found, one.length)] as const;
      });
      const F1 = mean(scores.map(([score]) => score));
      row(name, { F1, covering: mean(scores.map(([, share]) => share)) });
      if (members === univariate && detect === detectors["changePoints (default)"])
        judged("TCPD univariate, F1", F1, { floor: 0.74, goal: 0.8 });
    }
  }
  // The same pictures sampled less often: the setting must not lean on one length of series.
  console.log("\naveraged down, univariate, margin shrunk with the square root: F1");
  for (const width of [2, 4, 8, 16]) {
    const thin = univariate.flatMap((one) => {
      const length = Math.floor(one.length / width);
      if (length < 15) return [];
      const values = valuesOf(one.series);
      const series = [Array.from({ length }, (_, i) => mean(values.slice(i * width, (i + 1) * width)))];
      const truth = Object.entries(one.annotations).map(([who, points]): [string, number[]] => [
        who,
        [...new Set(points.map((point) => Math.floor(point / width)))].filter((point) => point > 0 && point < length),
      ]);
      return [{ series, annotations: Object.fromEntries(truth) }];
    });
    const margin = Math.max(2, Math.round(5 / Math.sqrt(width)));
    const figures = Object.entries(detectors).map(([name, detect]) => [
      name,
      mean(thin.map((one) => f1(one.annotations, detect(one.series), margin))),
    ]);
    row(`every ${width}, ${thin.length} series`, Object.fromEntries(figures) as Record<string, number>);
  }
  const random = seeded(1);
  const long = Array.from({ length: 4_000 }, (_, i) => random() + Math.floor(i / 500));
  const began = performance.now();
  changePoints(long);
  console.log(`\n4,000 points, 7 changes: ${Math.round(performance.now() - began)} ms`);
});

withDataSet("nab", (at) => {
  const noise = realNoise(`${at}/data`);
  let [told, points] = [0, 0];
  const began = performance.now();
  for (const series of noise) {
    const detector = streamChanges();
    for (const [i, value] of series.entries()) if (detector.update(i * 300_000, value) !== null) told++;
    points += series.length;
  }
  const seconds = (performance.now() - began) / 1_000;
  console.log("\non a stream");
  row("real series as they are", {
    "changes per 1,000 points": (1_000 * told) / points,
    "points/s": String(Math.round(points / seconds)),
  });
  for (const memory of [0, 0.5])
    for (const size of [2, 3, 5, 10]) row(`step of ${size} deviations, correlation ${memory}`, steps(size, memory));
});

/** A hundred steps in noise of deviation 1: share found, median error of the place, median samples until told. */
function steps(size: number, memory: number): Record<string, number> {
  const random = seeded(7);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const [errors, delays]: [number[], number[]] = [[], []];
  for (let trial = 0; trial < 100; trial++) {
    const detector = streamChanges();
    let sound = 0;
    for (let at = 0; at < 400; at++) {
      sound = memory * sound + Math.sqrt(1 - memory ** 2) * normal();
      const change = detector.update(at, 100 + sound + (at >= 200 ? size : 0));
      if (change === null || at < 200) continue;
      errors.push(Math.abs(change.atMs - 200));
      delays.push(at - 200);
      break;
    }
  }
  const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  return { found: errors.length / 100, "place off by": median(errors), "told after": median(delays) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function valuesOf(series: readonly (readonly (number | null)[])[]): number[] {
  let last = 0;
  return (series[0] ?? []).map((value) => (last = value ?? last));
}

/** Twice the negative log-likelihood, less a constant, of a stretch of a standardised series with a mean of its own. */
function stretchCost(values: readonly number[]): (from: number, to: number) => number {
  const level = mean(values);
  const deviation = Math.sqrt(mean(values.map((value) => (value - level) ** 2))) || 1;
  const [sums, squares] = [[0], [0]];
  values.forEach((value, i) => {
    const standard = (value - level) / deviation;
    sums.push((sums[i] as number) + standard);
    squares.push((squares[i] as number) + standard ** 2);
  });
  return (from, to) => {
    const sum = (sums[to] as number) - (sums[from] as number);
    return (squares[to] as number) - (squares[from] as number) - (sum * sum) / (to - from) + Math.log(to - from);
  };
}

function binarySegmentation(values: readonly number[], changesMax = 5): number[] {
  const cost = stretchCost(values);
  const price = PARAMETERS * Math.log(values.length);
  const cuts: number[] = [];
  while (cuts.length < changesMax) {
    const bounds = [0, ...cuts.toSorted((a, b) => a - b), values.length];
    let [best, gain] = [-1, price];
    for (const [at, from] of bounds.slice(0, -1).entries()) {
      const to = bounds[at + 1] as number;
      for (let cut = from + 2; cut <= to - 2; cut++) {
        const saved = cost(from, to) - cost(from, cut) - cost(cut, to);
        if (saved > gain) [best, gain] = [cut, saved];
      }
    }
    if (best < 0) break;
    cuts.push(best);
  }
  return cuts;
}

function pelt(values: readonly number[]): number[] {
  const cost = stretchCost(values);
  const price = PARAMETERS * Math.log(values.length);
  const best = [-price];
  const cameFrom = [0];
  for (let end = 1; end <= values.length; end++) {
    best.push(Infinity);
    for (let begin = 0; begin <= end - 2; begin++) {
      const total = (best[begin] as number) + cost(begin, end) + price;
      if (total < (best[end] as number)) [best[end], cameFrom[end]] = [total, begin];
    }
  }
  const cuts: number[] = [];
  for (let at = cameFrom[values.length] ?? 0; at > 0; at = cameFrom[at] ?? 0) cuts.push(at);
  return cuts;
}
