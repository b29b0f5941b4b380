// Reads log samples with true templates and scores a parser on them: grouping accuracy (GA), parsing accuracy (PA), F1 of
// grouping (FGA) and of templates (FTA), after Zhu et al. 2019, Liu et al. 2022 and Jiang et al. 2024. The data stays
// outside the repository: SYSTEM_2k.csv files in a folder that the environment names.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { dataSet } from "./data.ts";

export interface LogSample {
  readonly name: string;
  readonly lines: readonly string[];
  /** True template of each line. */
  readonly original: readonly string[];
  readonly corrected: readonly string[];
}

export interface LogScore {
  readonly GA: number;
  readonly PA: number;
  readonly FGA: number;
  readonly FTA: number;
}

/** The samples, or the reason why there are none. */
export function readLogSamples(): readonly LogSample[] | string {
  const found = dataSet("loghub");
  if ("missing" in found) return found.missing;
  return readdirSync(found.at)
    .filter((name) => name.endsWith("_2k.csv"))
    .toSorted()
    .map((name) => {
      const rows = readTable(readFileSync(path.join(found.at, name), "utf8")).slice(1);
      return {
        name: name.replace("_2k.csv", ""),
        lines: rows.map((row) => row[1]!),
        original: rows.map((row) => row[3]!),
        corrected: rows.map((row) => row[5]!),
      };
    });
}

/** `ids` as given at arrival, `templates` as read after the last line. */
export function scoreLines(truth: readonly string[], ids: readonly string[], templates: readonly string[]): LogScore {
  const real = linesBy(truth);
  const mine = linesBy(ids);
  let linesRight = 0;
  let groupsRight = 0;
  let templatesRight = 0;
  for (const members of mine.values()) {
    const template = truth[members[0]!]!;
    if (real.get(template)!.length !== members.length || !members.every((line) => truth[line] === template)) continue;
    linesRight += members.length;
    groupsRight += 1;
    if (tidy(template) === tidy(templates[members[0]!]!)) templatesRight += 1;
  }
  const parsed = truth.filter((template, line) => tidy(template) === tidy(templates[line]!)).length;
  const groups = mine.size + real.size;
  return {
    GA: linesRight / truth.length,
    PA: parsed / truth.length,
    FGA: (2 * groupsRight) / groups,
    FTA: (2 * templatesRight) / groups,
  };
}

function linesBy(keys: readonly string[]): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  keys.forEach((key, line) => {
    const known = lines.get(key);
    if (known === undefined) lines.set(key, [line]);
    else known.push(line);
  });
  return lines;
}

export function meanScore(scores: readonly LogScore[]): LogScore {
  const mean = (pick: (score: LogScore) => number): number =>
    scores.reduce((sum, score) => sum + pick(score), 0) / scores.length;
  return {
    GA: mean((each) => each.GA),
    PA: mean((each) => each.PA),
    FGA: mean((each) => each.FGA),
    FTA: mean((each) => each.FTA),
  };
}

const tidy = (template: string): string =>
  template
    .replaceAll(/<[A-Z_:]+>/g, "<*>")
    .split(/\s+/)
    .filter((word) => word !== "")
    .join(" ");

/** RFC 4180: quoted fields, doubled quotation marks. */
function readTable(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted === undefined ? bare! : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}
