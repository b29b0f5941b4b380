// Series with labelled anomaly windows in NAB's form (CSV with timestamp,value; a JSON of windows per file), read from
// the folder PRUNELLA_BENCH_DATA names (default ../shared/data beside the repository). Nothing of it is kept here.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

export interface LabelledSeries {
  readonly name: string;
  readonly category: string;
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** First and last row of each anomaly window. */
  readonly windows: readonly (readonly [first: number, last: number])[];
}

const root = path.resolve(import.meta.dirname, "../../..");
export const dataFolder = path.resolve(root, process.env["PRUNELLA_BENCH_DATA"] ?? "../shared/data");

/** The labelled sets by name; or, when the data is absent, the reason to print. */
export const sources = {
  nab: { data: "nab/data", windows: "nab/combined_windows.json" },
  "cloud-monitoring": { data: "cloud-monitoring/data", windows: "cloud-monitoring/windows.json" },
} as const;

export function missing(source: keyof typeof sources): string | undefined {
  const file = path.join(dataFolder, sources[source].windows);
  return existsSync(file) ? undefined : `${file} is absent: name the data folder with PRUNELLA_BENCH_DATA`;
}

export function loadSeries(source: keyof typeof sources): LabelledSeries[] {
  const { data, windows } = sources[source];
  const labels = JSON.parse(readFileSync(path.join(dataFolder, windows), "utf8")) as Record<string, [string, string][]>;
  return Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spans]) => {
      const lines = readFileSync(path.join(dataFolder, data, name), "utf8")
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
