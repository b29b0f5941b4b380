// A floor under the detection quality, on series made here and, where it is at hand, on the development data.
import assert from "node:assert/strict";
import { test } from "node:test";
import { anomaly } from "@prunella/detect";
import { loadSeries, missing } from "../../bench/nab-data.ts";
import { nabScore, profiles } from "../../bench/nab-score.ts";
import { madeSeries } from "./synthetic.ts";

test("made faults are found and made noise stays quiet", () => {
  let [found, falseAlarms, days] = [0, 0, 0];
  const all = madeSeries(2024);
  const missed: string[] = [];
  for (const { name, intervalMs, values, windows } of all) {
    const detector = anomaly();
    const alarms = values.flatMap((value, i) => (detector.update({ at: i * intervalMs, value }).anomalous ? [i] : []));
    const isInside = (row: number): boolean => windows.some(([first, last]) => row >= first && row <= last);
    if (alarms.some(isInside)) found++;
    else missed.push(name);
    falseAlarms += alarms.filter((row) => !isInside(row)).length;
    days += (values.length * intervalMs) / 86_400_000;
  }
  assert.ok(found >= 44, `found ${found} of ${all.length}; missed ${missed.join(", ")}`);
  assert.ok(falseAlarms / days < 0.3, `${falseAlarms} false alarms in ${Math.round(days)} days`);
});

for (const [source, floor] of [
  ["nab", 73],
  ["cloud-monitoring", 58],
] as const) {
  const skip = missing(source);
  test(`the development half of ${source} scores at least ${floor} at threshold 0.5`, { skip: skip ?? false }, () => {
    const scored = loadSeries(source).map((series) => {
      const detector = anomaly();
      const scores = series.values.map((value, i) => detector.update({ at: series.times[i]!, value }).score);
      return { series, scores };
    });
    const { fixed } = nabScore(scored, profiles.standard);
    assert.ok(fixed.score >= floor, `score ${fixed.score}`);
  });
}
