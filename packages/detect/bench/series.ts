// Scores, speed and memory of the anomaly detector on the labelled data that is at hand, beside two peers measured in
// the same run: `node packages/detect/bench/series.ts`. Says why it skips when the data is absent.
import process from "node:process";
import { anomaly, type AnomalyDetector } from "@prunella/detect";
import { judged, type Target } from "./data.ts";
import { loadSeries, missing, sources, type LabelledSeries } from "./nab-data.ts";
import { nabScore, profiles, type Scored } from "./nab-score.ts";
import { ewmaPeer, kMeansPeer, type Peer } from "./peer-detectors.ts";

function ours(): Peer {
  const detector = anomaly();
  return { update: (at, value) => detector.update({ at, value }).score };
}

const candidates = { anomaly: ours, "EWMA z-score": ewmaPeer, "k-means consensus": kMeansPeer } as const;

/** [data set, profile, at the best threshold or at 0.5] to what must be reached and what is aimed at. */
const targets: readonly (readonly [keyof typeof sources, keyof typeof profiles, "best" | "fixed", Target])[] = [
  ["nab", "standard", "best", { floor: 70.2, goal: 76 }],
  ["nab", "low false positives", "best", { floor: 63.3, goal: 70 }],
  ["nab", "low false negatives", "best", { floor: 74.4, goal: 82 }],
  ["nab", "standard", "fixed", { floor: 66, goal: 73 }],
  ["cloud-monitoring", "standard", "fixed", { floor: 44, goal: 52 }],
];
const speedTarget = { floor: 5_000, goal: 50_000 } as const;

export function run(all: readonly LabelledSeries[], create: () => Peer): { scored: Scored[]; pointsPerSecond: number } {
  let points = 0;
  const began = process.hrtime.bigint();
  const scored = all.map((series) => {
    const detector = create();
    points += series.values.length;
    return { series, scores: series.values.map((value, i) => detector.update(series.times[i]!, value)) };
  });
  return { scored, pointsPerSecond: points / (Number(process.hrtime.bigint() - began) / 1e9) };
}

/** Measured before anything else runs, so that nothing else is freed meanwhile. */
function bytesPerSeries(): number | undefined {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return undefined;
  const grow = (count: number): AnomalyDetector[] => {
    const detectors = Array.from({ length: count }, () => anomaly());
    for (const detector of detectors)
      for (let i = 0; i < 1200; i++) detector.update({ at: i * 300_000, value: Math.sin(i) * (i % 17) });
    return detectors;
  };
  const used = (): number => {
    collect();
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  grow(20);
  const before = used();
  const kept = grow(500);
  return Math.round((used() - before) / kept.length);
}

/** Many series in turn, as a control plane sees them: no series stays in the processor's cache. Points per second. */
function manySeries(count: number, rounds: number): number {
  const detectors = Array.from({ length: count }, () => anomaly());
  const update = (from: number, to: number): void => {
    for (let i = from; i < to; i++)
      for (const [which, detector] of detectors.entries())
        detector.update({ at: i * 1000, value: Math.sin(i * which) + (i % 7) });
  };
  update(0, 400);
  const began = process.hrtime.bigint();
  update(400, 400 + rounds);
  return Math.round((count * rounds) / (Number(process.hrtime.bigint() - began) / 1e9));
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) console.log(row.map((cell, i) => cell.padEnd(widths[i]!)).join("  "));
  console.log("");
}

function main(): void {
  const bytes = bytesPerSeries();
  for (const source of Object.keys(sources) as (keyof typeof sources)[]) {
    const reason = missing(source);
    if (reason !== undefined) {
      console.log(`${source}: skipped, ${reason}\n`);
      continue;
    }
    const all = loadSeries(source);
    const rows = [["detector", "profile", "optimised", "at 0.5", "windows found", "false alarms", "points/s"]];
    for (const [name, create] of Object.entries(candidates)) {
      const { scored, pointsPerSecond } = run(all, create);
      for (const [profile, weights] of Object.entries(profiles)) {
        const { best, fixed, windows } = nabScore(scored, weights);
        const found = `${fixed.found} of ${windows}`;
        const speed = profile === "standard" ? String(Math.round(pointsPerSecond)) : "";
        rows.push([
          name,
          profile,
          best.score.toFixed(2),
          fixed.score.toFixed(2),
          found,
          String(fixed.falseAlarms),
          speed,
        ]);
      }
      if (name !== "anomaly") continue;
      printCategories(scored);
      for (const [of, profile, threshold, target] of targets) {
        if (of !== source) continue;
        const { score } = nabScore(scored, profiles[profile])[threshold];
        judged(`${source}, ${profile}, ${threshold === "best" ? "best threshold" : "at 0.5"}`, score, target);
      }
      judged(`${source}, points/s, one series after the other`, pointsPerSecond, speedTarget);
      console.log("");
    }
    console.log(`${source}: ${all.length} series`);
    print(rows);
  }
  // One point a second for each is 10,000 points/s; what is beyond that is left for everything else.
  const inTurn = manySeries(10_000, 40);
  judged("points/s, 10,000 series in turn", inTurn, { floor: 10_000, goal: 50_000 });
  console.log(`10,000 series at one point a second take ${(1_000_000 / inTurn).toFixed(1)} % of one core`);
  console.log(`bytes per series: ${bytes ?? "not measured, run with --expose-gc"}`);
}

function printCategories(scored: readonly Scored[]): void {
  const rows = [["category", "series", "at 0.5, standard", "windows found", "false alarms"]];
  for (const category of new Set(scored.map(({ series }) => series.category))) {
    const group = scored.filter(({ series }) => series.category === category);
    const { fixed, windows } = nabScore(group, profiles.standard);
    const score = windows === 0 ? "no windows" : fixed.score.toFixed(1);
    rows.push([category, String(group.length), score, `${fixed.found} of ${windows}`, String(fixed.falseAlarms)]);
  }
  print(rows);
}

if (import.meta.main) main();
