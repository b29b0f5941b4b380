// Crash walks: a scenario is run once without faults to count its port calls, then again with a crash exactly at each of
// them, before and after its effect. Exhaustive where random crashing is a lottery.
import { noFaults } from "./faults.ts";
import type { PlannedBreakage } from "./plant.ts";
import { run, type RunOptions, type RunResult } from "./run.ts";

const at = (
  ms: number,
  target: string,
  kind: PlannedBreakage["kind"],
  more: Partial<PlannedBreakage> = {},
): PlannedBreakage => ({ at: ms, target, kind, lastsMs: null, curable: true, ...more });

/** Short ones: a crash point costs one run. */
export const scenarios: Readonly<Record<string, RunOptions>> = {
  "one repair": { seed: 1, faults: noFaults, lengthMs: 20_000, breakages: [at(3_000, "api", "kill")] },
  "a repair that fails and escalates": {
    seed: 2,
    faults: noFaults,
    lengthMs: 40_000,
    breakages: [at(3_000, "worker", "loop")],
  },
  "two dependent targets": {
    seed: 3,
    faults: noFaults,
    lengthMs: 40_000,
    breakages: [at(3_000, "db", "down", { lastsMs: 15_000 }), at(4_000, "api", "kill")],
  },
  "a pause in the middle of a repair": {
    seed: 4,
    faults: noFaults,
    lengthMs: 40_000,
    breakages: [at(3_000, "api", "hang"), at(12_000, "web/0", "kill")],
    pause: { from: 9_000, to: 20_000 },
  },
};

/** At most this many port calls of a scenario are walked, evenly spread; scenarios are kept short enough for all. */
export const pointsMax = 150;

export async function walk(
  scenario: RunOptions,
  book: (result: RunResult) => RunResult,
): Promise<{ readonly points: number; readonly failed: number }> {
  const plain = book(await run(scenario));
  const stride = Math.max(1, Math.ceil(plain.ports / pointsMax));
  let points = 0;
  let failed = 0;
  for (let call = 0; call < plain.ports; call += stride) {
    for (const side of ["before", "after"] as const) {
      points += 1;
      if (book(await run({ ...scenario, crash: { at: call, side } })).failure !== null) failed += 1;
    }
  }
  return { points, failed };
}
