// F1 (margin 5, several annotators) and covering of change points, after van den Burg and Williams 2020
// (arXiv 2003.06222), and the series of the Turing Change Point Dataset.
import { readFileSync } from "node:fs";
import path from "node:path";

export type Annotations = Readonly<Record<string, readonly number[]>>;

export interface AnnotatedSeries {
  readonly name: string;
  readonly length: number;
  readonly series: readonly (readonly (number | null)[])[];
  readonly annotations: Annotations;
}

export function loadAnnotated(folder: string): AnnotatedSeries[] {
  const read = (file: string): unknown => JSON.parse(readFileSync(path.join(folder, file), "utf8"));
  const annotations = read("annotations.json") as Readonly<Record<string, Annotations>>;
  return Object.entries(annotations).map(([name, truth]) => {
    const { n_obs, series } = read(`${name}.json`) as { n_obs: number; series: { raw: (number | null)[] }[] };
    return { name, length: n_obs, series: series.map((one) => one.raw), annotations: truth };
  });
}

export function f1(annotations: Annotations, predicted: readonly number[], margin = 5): number {
  const found = new Set([0, ...predicted]);
  const truths = Object.values(annotations).map((points) => new Set([0, ...points]));
  const precision = matched(new Set(truths.flatMap((truth) => [...truth])), found, margin) / found.size;
  const recall = truths.reduce((sum, truth) => sum + matched(truth, found, margin) / truth.size, 0) / truths.length;
  return (2 * precision * recall) / (precision + recall);
}

export function covering(annotations: Annotations, predicted: readonly number[], length: number): number {
  const mine = segments(predicted, length);
  const shares = Object.values(annotations).map((truth) =>
    segments(truth, length).reduce((sum, [from, to]) => {
      const overlaps = mine.map(([begin, end]) => {
        const common = Math.max(0, Math.min(to, end) - Math.max(from, begin));
        return common / (to - from + (end - begin) - common);
      });
      return sum + ((to - from) / length) * Math.max(0, ...overlaps);
    }, 0),
  );
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Greedy matching: each true point takes the nearest free predicted one within the margin. */
function matched(truth: ReadonlySet<number>, found: ReadonlySet<number>, margin: number): number {
  const free = new Set(found);
  let hits = 0;
  for (const point of truth) {
    const near = [...free].filter((one) => Math.abs(one - point) <= margin);
    const nearest = near.toSorted((a, b) => Math.abs(a - point) - Math.abs(b - point) || a - b)[0];
    if (nearest === undefined) continue;
    hits++;
    free.delete(nearest);
  }
  return hits;
}

function segments(points: readonly number[], length: number): [number, number][] {
  const cuts = [...new Set([0, ...points])].filter((point) => point < length).toSorted((a, b) => a - b);
  return cuts.map((from, at) => [from, cuts[at + 1] ?? length]);
}
