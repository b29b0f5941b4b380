// `npm run bench detect`: every bench of this package, one process each so that none warms up another's code, and at the
// end one table of all figures against what must be reached (floor) and what is aimed at (goal).
import { spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { judgedMark } from "./data.ts";

const parts = ["series", "logs", "forecast", "change", "cause", "life"] as const;

/** Shows what a bench prints and answers with its judged figures. */
async function run(part: (typeof parts)[number]): Promise<string[]> {
  console.log(`\n== ${part}`);
  const file = path.join(import.meta.dirname, `${part}.ts`);
  const child = spawn(process.execPath, ["--expose-gc", file], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const figures: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    if (line.startsWith(judgedMark)) figures.push(line.slice(judgedMark.length));
  }
  if ((await ended) !== 0) process.exitCode = 1;
  return figures;
}

const figures: string[] = [];
for (const part of parts) figures.push(...(await run(part)));
const rows = [["score", "ours", "floor", "goal", ""], ...figures.map((figure) => figure.split(" | "))];
const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
console.log("\nDevelopment halves; less is better where the goal lies below the floor");
for (const row of rows)
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
if (figures.some((figure) => figure.endsWith("BELOW THE FLOOR"))) process.exitCode = 1;
