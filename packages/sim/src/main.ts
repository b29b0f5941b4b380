// `npm run sim`: seeds, swarm faults, crash walks, harm pairs, shrinking. Exit status 0: no invariant broke; 1: one did;
// 2: bad usage. The last line sums up.
import { shippedRemedies } from "@prunella/core";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { BugName } from "./bugs.ts";
import { bugs } from "./bugs.ts";
import { noFaults } from "./faults.ts";
import { configuredRemedies } from "./remedies.ts";
import { run, type RunOptions, type RunResult } from "./run.ts";
import { scenarios, walk } from "./walk.ts";

const { values } = parseArgs({
  options: {
    smoke: { type: "boolean" },
    seeds: { type: "string" },
    seed: { type: "string" },
    minutes: { type: "string" },
    shrink: { type: "boolean" },
    log: { type: "boolean" },
    bug: { type: "string" },
    walk: { type: "boolean" },
    harm: { type: "string" },
    help: { type: "boolean" },
  },
});

const usage = `npm run sim -- [--seeds N | --seed S | --minutes M] [--shrink] [--log] [--bug NAME] [--walk] [--harm N] [--smoke]
  --seeds N     runs seeds 1..N (default 200)         --minutes M   runs new seeds for M minutes
  --seed S      replays one seed; --log prints its trace, --shrink finds the faults that matter
  --walk        crashes at every port call of each scenario, before and after
  --harm N      N pairs with healing off and on
  --bug NAME    plants a bug: ${Object.keys(bugs).join(", ")}
  --smoke       what npm test runs: fixed seeds, the corpus, walks, teeth, and that a seed repeats itself`;

const totals = { runs: 0, hours: 0, events: 0, crashes: 0, walked: 0, opened: 0, recovered: 0, escalated: 0 };
const marks = new Map<string, number>();
const failures: RunResult[] = [];

function book(result: RunResult): RunResult {
  totals.runs += 1;
  totals.hours += result.nowMs / 3_600_000;
  totals.events += result.events;
  totals.crashes += result.crashes;
  totals.opened += result.opened;
  totals.recovered += result.recovered;
  totals.escalated += result.escalated;
  for (const mark of result.marks) marks.set(mark, (marks.get(mark) ?? 0) + 1);
  if (result.failure !== null) {
    failures.push(result);
    console.error(
      `seed ${result.seed}: ${result.failure} (at ${result.nowMs} ms, ${result.faults.length} faults fired)\n  replay: npm run sim -- --seed ${result.seed} --log\n  shrink: npm run sim -- --seed ${result.seed} --shrink`,
    );
  }
  return result;
}

/** Every third seed also meets a takeover or a pause; every fifth has configured remedies and a person who answers. */
export function optionsOf(seed: number, more: Partial<RunOptions> = {}): RunOptions {
  return {
    seed,
    ...(seed % 6 === 1 ? { takeoverAt: 60_000 } : {}),
    ...(seed % 6 === 4 ? { pause: { from: 40_000, to: 120_000 } } : {}),
    ...(seed % 5 === 2 ? { remedies: [...configuredRemedies, ...shippedRemedies], person: true } : {}),
    ...more,
  };
}

async function teeth(seedsMax: number): Promise<boolean> {
  let all = true;
  for (const name of Object.keys(bugs) as BugName[]) {
    if (name === "real-time") continue;
    let caught: RunResult | null = null;
    for (let seed = 1; seed <= seedsMax && caught === null; seed += 1) {
      const result = await run({ ...optionsOf(seed), bug: name });
      if (result.failure !== null) caught = result;
    }
    console.log(
      caught === null
        ? `teeth: ${name} was NOT caught in ${seedsMax} seeds`
        : `teeth: ${name} caught at seed ${caught.seed}: ${caught.failure}`,
    );
    all &&= caught !== null;
  }
  return all;
}

async function repeats(seeds: number): Promise<boolean> {
  let same = true;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const [first, second] = [await run(optionsOf(seed)), await run(optionsOf(seed))];
    if (first.traceHash === second.traceHash) continue;
    console.error(`seed ${seed} takes another path the second time`);
    same = false;
  }
  const drifting = await run({ ...optionsOf(3), bug: "real-time" });
  const straight = await run(optionsOf(3));
  if (drifting.traceHash === straight.traceHash)
    console.error("the repeat test has no teeth: a real clock went unnoticed");
  return same && drifting.traceHash !== straight.traceHash;
}

async function walks(): Promise<void> {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const { points, failed } = await walk(scenario, book);
    totals.walked += points;
    console.log(`walk: ${name}: ${points} crash points, ${failed} failed`);
  }
}

async function shrink(seed: number): Promise<void> {
  const whole = await run(optionsOf(seed));
  if (whole.failure === null) {
    console.log(`seed ${seed} does not fail`);
    return;
  }
  let kept = whole.faults.map((fault) => fault.number);
  const fails = async (numbers: readonly number[]): Promise<boolean> =>
    (await run({ ...optionsOf(seed), allowed: new Set(numbers) })).failure !== null;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < kept.length;) {
      const without = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (await fails(without)) kept = without;
      else from += size;
    }
  }
  const last = await run({ ...optionsOf(seed), allowed: new Set(kept) });
  console.log(`seed ${seed}: ${last.failure ?? "?"}\n  ${whole.faults.length} faults shrink to ${kept.length}:`);
  for (const fault of whole.faults.filter((each) => kept.includes(each.number)))
    console.log(`    ${fault.at} ms ${fault.name}`);
}

async function harm(pairs: number): Promise<boolean> {
  const differences: number[] = [];
  let worse = 0;
  for (let seed = 1; seed <= pairs; seed += 1) {
    const base = { seed, faults: noFaults };
    const on = await run(base);
    const off = await run({ ...base, engineOff: true, lengthMs: 300_000 });
    // Both are looked at over the same stretch: the shorter run's end.
    differences.push((off.downtimeMs - on.downtimeMs) / 1000);
    if (on.downtimeMs > off.downtimeMs + 12_000) worse += 1;
  }
  differences.sort((a, b) => a - b);
  const at = (q: number): string =>
    (differences[Math.min(differences.length - 1, Math.floor(q * differences.length))] ?? 0).toFixed(0);
  console.log(
    `harm: ${pairs} pairs, downtime saved by healing in s: min ${at(0)}, p10 ${at(0.1)}, median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)}; worse beyond one probe cycle: ${worse}`,
  );
  return worse === 0;
}

function corpus(): number[] {
  return readFileSync(path.join(import.meta.dirname, "..", "corpus.txt"), "utf8")
    .split("\n")
    .map((line) => /^(\d+)/.exec(line)?.[1])
    .filter((seed) => seed !== undefined)
    .map(Number);
}

/** Seeds that differ per commit yet can be repeated from it. */
function fromCommit(count: number): number[] {
  try {
    const commit = execFileSync("git", ["rev-parse", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const base = Number.parseInt(commit.slice(0, 7), 16);
    return Array.from({ length: count }, (_, at) => base + at);
  } catch {
    return [];
  }
}

async function main(): Promise<number> {
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const startedAt = performance.now();
  let sound = true;
  if (values.seed !== undefined && values.shrink === true) await shrink(Number(values.seed));
  else if (values.seed !== undefined) {
    const bug = values.bug as BugName | undefined;
    const result = book(
      await run(
        optionsOf(Number(values.seed), {
          ...(bug === undefined ? {} : { bug }),
          ...(values.log === true ? { story: (line: string) => console.log(line) } : {}),
        }),
      ),
    );
    if (values.log === true) console.log(`\nlast events:\n${result.trace.slice(-60).join("\n")}`);
  } else if (values.smoke === true) {
    for (const seed of [...Array.from({ length: 40 }, (_, at) => at + 1), ...fromCommit(10), ...corpus()])
      book(await run(optionsOf(seed)));
    await walks();
    sound = (await repeats(3)) && sound;
    sound = (await teeth(60)) && sound;
  } else if (values.walk === true) await walks();
  else if (values.harm !== undefined) sound = await harm(Number(values.harm));
  else if (values.minutes !== undefined) {
    const until = performance.now() + Number(values.minutes) * 60_000;
    for (let seed = Date.now() % 1e9; performance.now() < until; seed += 1) book(await run(optionsOf(seed)));
  } else for (let seed = 1; seed <= Number(values.seeds ?? 200); seed += 1) book(await run(optionsOf(seed)));

  if (totals.runs >= 1_000) {
    for (const mark of [
      "verified recovery",
      "escalation",
      "lost acknowledgement of an order",
      "lost acknowledgement of a commit",
      "an outcome was asked for after a crash or a lost answer",
      "a repeated key did not act twice",
      "takeover by a second engine",
      "cause suppressed effect",
      "repair failed",
      "repair cancelled",
      "an issue regressed",
      "a person's approve was taken",
      "a person's refuse was taken",
      "a run was undone",
      "a remedy was demoted",
    ]) {
      if (marks.has(mark)) continue;
      console.error(`never reached: ${mark}; the simulation has lost its teeth`);
      sound = false;
    }
  }
  if (values.seeds !== undefined || values.minutes !== undefined)
    for (const [mark, count] of [...marks].sort()) console.log(`  ${String(count).padStart(6)} x ${mark}`);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `sim: ${totals.runs} runs, ${totals.hours.toFixed(1)} simulated hours, ${totals.events} events, ${totals.crashes} crashes, ${totals.walked} crash points, ${totals.opened} incidents (${totals.recovered} recovered, ${totals.escalated} escalated), ${failures.length} failures in ${seconds.toFixed(1)} s`,
  );
  return failures.length === 0 && sound ? 0 : 1;
}

process.exitCode = await main();
