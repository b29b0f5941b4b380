// Series with labelled anomaly windows in NAB's form (CSV with timestamp,value; a JSON of windows per file), read from
// the folder PRUNELLA_BENCH_DATA names (default ../shared/data beside the repository). Nothing of it is kept here.
import { readFileSync } from "node:fs";
import path from "node:path";
import { dataSet } from "./data.ts";

export interface LabelledSeries {
  readonly name: string;
  readonly category: string;
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** First and last row of each anomaly window. */
  readonly windows: readonly (readonly [first: number, last: number])[];
}

/** The labelled sets by name, each with its file of windows. */
export const sources = {
  nab: "combined_windows.json",
  "cloud-monitoring": "windows.json",
} as const;

/** Why a set is not at hand; undefined when it is. */
export function missing(source: keyof typeof sources): string | undefined {
  const found = dataSet(source);
  return "missing" in found ? found.missing : undefined;
}

export function loadSeries(source: keyof typeof sources): LabelledSeries[] {
  const found = dataSet(source);
  if ("missing" in found) throw new Error(found.missing);
  const windows = path.join(found.at, sources[source]);
  const labels = JSON.parse(readFileSync(windows, "utf8")) as Record<string, [string, string][]>;
  return Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spans]) => {
      const lines = readFileSync(path.join(found.at, "data", name), "utf8")
        .split(/\r?\n/)
        .filter(Boolean)
        .slice(1);
      const rows = lines.map((line) => line.split(","));
      const stamps = rows.map((row) => stamp(row[0] ?? ""));
      return {
        name,
        category: name.split("/")[0] ?? "",
        times: Float64Array.from(stamps, (each) => Date.parse(`${each.replace(" ", "T")}Z`)),
        values: Float64Array.from(rows, (row) => Number(row[1])),
        windows: spans.map(([first, last]) => [stamps.indexOf(stamp(first)), stamps.indexOf(stamp(last))] as const),
      };
    });
}

function stamp(text: string): string {
  return text.trim().replace("T", " ").slice(0, 19);
}
