// Where the public data sets are: the folder named by PRUNELLA_BENCH_DATA, by default ../shared/data beside the
// repository. They are never part of the repository; whoever needs one asks here and skips with the reason when absent.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const repository = path.resolve(import.meta.dirname, "../../..");
const folder = process.env["PRUNELLA_BENCH_DATA"] ?? path.join(repository, "../shared/data");

/** The folder of a data set, or why it is not there. */
export function dataSet(name: string): { readonly at: string } | { readonly missing: string } {
  const at = path.resolve(repository, folder, name);
  return existsSync(at) ? { at } : { missing: `no data set ${name} in ${path.dirname(at)} (PRUNELLA_BENCH_DATA)` };
}

/** Runs a part of a benchmark on a data set, or prints why it is skipped. */
export function withDataSet(name: string, run: (at: string) => void): void {
  const found = dataSet(name);
  if ("at" in found) run(found.at);
  else console.log(`skipped: ${found.missing}`);
}

/** Lines of a text file, without the empty last one. */
export function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").trim().split(/\r?\n/);
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** What a figure must reach, and what it aims at; `goal` below `floor` means that less is better. */
export interface Target {
  readonly floor: number;
  readonly goal: number;
}

/** Begins every line that `main.ts` gathers into the closing table. */
export const judgedMark = "= ";

/** One figure against its floor and its goal, as a line that `main.ts` gathers. */
export function judged(name: string, value: number, { floor, goal }: Target): void {
  const reaches = (bound: number): boolean => (goal < floor ? value <= bound : value >= bound);
  const verdict = reaches(goal) ? "goal reached" : reaches(floor) ? "floor reached" : "BELOW THE FLOOR";
  const shown = [value, floor, goal].map((each) =>
    Math.abs(each) >= 1_000 ? each.toFixed(0) : String(Number(each.toPrecision(3))),
  );
  console.log(`${judgedMark}${[name, ...shown, verdict].join(" | ")}`);
}

/** One row of a table: a name and its figures, aligned. */
export function row(name: string, figures: Readonly<Record<string, string | number>>): void {
  const cells = Object.entries(figures).map(
    ([what, figure]) => `${what} ${typeof figure === "number" ? figure.toFixed(3) : figure}`,
  );
  console.log(`${name.padEnd(44)} ${cells.join("   ")}`);
}
