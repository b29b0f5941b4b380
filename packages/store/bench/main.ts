// What the store costs on this disk: commits beside raw fdatasync in the same run, pages of 100,000 issues, bytes per
// issue, and the time to check and open. `node packages/store/bench/main.ts [folder]` (default: the temporary folder).
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import type { Changes, Store } from "@prunella/core";
import { sampleIncident, sampleIssue, sampleSeriesPoint, sampleSignal, sampleTransition } from "@prunella/core/suites";
import { sqliteStore } from "@prunella/store";

const folder = mkdtempSync(path.join(process.argv[2] ?? tmpdir(), "prunella-bench-"));
const file = path.join(folder, "prunella.db");
const onWarning = (warning: { message: string }): void => console.warn(warning.message);
const rounds = 5;
const issueCount = 100_000;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function millis(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function show(what: string, value: string): void {
  console.log(`${what.padEnd(58)}${value.padStart(14)}`);
}

/** A few records, as one decision of the engine writes them. */
function decision(number: number): Changes {
  return {
    at: number,
    issues: [sampleIssue(`CRIT-${number % 50}`, { lastSeen: number })],
    incidents: [sampleIncident(`INC-${number}`, { detectedAt: number })],
    transitions: [sampleTransition(`T${number}`, { at: number })],
    signals: [sampleSignal(`s-${number}`, { at: number })],
  };
}

async function commits(store: Store): Promise<void> {
  const { epoch } = await store.open();
  const raw = openSync(path.join(folder, "raw"), "w");
  // As much as one commit writes to the log: about 22 pages.
  const block = Buffer.alloc(22 * 4_096);
  let sequence = 0;
  const next = (): Promise<void> => store.commit({ epoch, sequence: ++sequence }, decision(sequence));
  const results = { sync: [] as number[], single: [] as number[], grouped: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    results.sync.push(
      (await millis(() => {
        for (let at = 0; at < 200; at += 1) {
          writeSync(raw, block);
          fdatasyncSync(raw);
        }
      })) / 200,
    );
    results.single.push(
      (await millis(async () => {
        for (let at = 0; at < 200; at += 1) await next();
      })) / 200,
    );
    results.grouped.push(
      (await millis(async () => {
        for (let at = 0; at < 10; at += 1) await Promise.all(Array.from({ length: 100 }, next));
      })) / 1_000,
    );
  }
  closeSync(raw);
  const [sync, single, grouped] = [median(results.sync), median(results.single), median(results.grouped)];
  show("raw 90 kB write + fdatasync", `${(sync * 1_000).toFixed(0)} us`);
  show("commit of 4 records, one at a time", `${(single * 1_000).toFixed(0)} us`);
  show("  commits/s against raw fdatasync/s", `${(1_000 / single).toFixed(0)} / ${(1_000 / sync).toFixed(0)}`);
  show("commit of 4 records, 100 in one turn, each", `${(grouped * 1_000).toFixed(0)} us`);
  show("  commits/s", (1_000 / grouped).toFixed(0));
  await store.close();
  const relaxed = sqliteStore({ file, onWarning, durability: "normal" });
  const opened = await relaxed.open();
  sequence = opened.sequence;
  const cpu = [];
  for (let round = 0; round < rounds; round += 1) {
    cpu.push(
      (await millis(async () => {
        for (let at = 0; at < 200; at += 1)
          await relaxed.commit({ epoch: opened.epoch, sequence: ++sequence }, decision(sequence));
      })) / 200,
    );
  }
  show("the same without waiting for the disk (normal)", `${(median(cpu) * 1_000).toFixed(0)} us`);
  await relaxed.close();
}

async function fill(store: Store): Promise<void> {
  let { epoch, sequence } = await store.open();
  const before = (await store.stats()).bytes;
  for (let at = 0; at < issueCount; at += 1_000) {
    const issues = Array.from({ length: 1_000 }, (_, offset) => {
      const number = at + offset;
      return sampleIssue(`LOW-${number}`, {
        lastSeen: (number * 7_919) % 1_000_003,
        firstSeen: (number * 104_729) % 1_000_003,
        occurrences: number % 97,
        target: `service-${number % 200}`,
        status: number % 10 === 0 ? "pending" : "fixed",
        severity: number % 3 === 0 ? "medium" : "low",
        kind: number === 50_000 ? "rare" : "crash",
        rootCause: number === 50_000 ? "needle in the stack" : "connect ECONNREFUSED 127.0.0.1:5432 in pool.js:12",
      });
    });
    sequence += 1;
    await store.commit({ epoch, sequence }, { at, issues });
  }
  show("bytes per issue", (((await store.stats()).bytes - before) / issueCount).toFixed(0));
}

async function pages(store: Store): Promise<void> {
  const time = async (what: string, ask: () => Promise<unknown>): Promise<void> => {
    const times: number[] = [];
    for (let round = 0; round < 9; round += 1) times.push(await millis(ask));
    show(what, `${median(times).toFixed(2)} ms`);
  };
  for (const sort of ["lastSeen", "firstSeen", "severity", "occurrences", "id"] as const) {
    let after: string | null = null;
    const times: number[] = [];
    for (let page = 0; page < 200; page += 1) {
      const start = performance.now();
      const answer = await store.issues({ sort, limit: 500, after });
      times.push(performance.now() - start);
      after = answer.next;
    }
    show(
      `page of 500, by ${sort}: median / worst of 200`,
      `${median(times).toFixed(1)} / ${Math.max(...times).toFixed(1)} ms`,
    );
    await time(`  kind "rare" (1 in 100,000), by ${sort}`, () => store.issues({ sort, kind: "rare" }));
    await time(`  50 pending, by ${sort}`, () => store.issues({ sort, status: ["pending"] }));
    await time(`  50 of one target, by ${sort}`, () => store.issues({ sort, target: "service-7" }));
  }
  await time("text that one issue holds", () => store.issues({ text: "needle" }));
  await time("text that many issues hold", () => store.issues({ text: "econnrefused" }));
  await time("stats", () => store.stats());
}

async function raws(store: Store): Promise<void> {
  let { epoch, sequence } = await store.open();
  const before = (await store.stats()).bytes;
  for (let at = 0; at < 200; at += 1) {
    const series = Array.from({ length: 500 }, (_, target) =>
      sampleSeriesPoint({ at: at * 60_000, target: `service-${target}`, mean: at / 3 }),
    );
    sequence += 1;
    await store.commit({ epoch, sequence }, { at, series });
  }
  show("bytes per series point", (((await store.stats()).bytes - before) / 100_000).toFixed(0));
  const pruned = { deleted: 0, bytes: 0 };
  const took = await millis(async () => Object.assign(pruned, await store.prune(400 * 24 * 3_600_000)));
  show(`prune of ${pruned.deleted} rows, ${pruned.bytes} bytes given back`, `${took.toFixed(0)} ms`);
}

try {
  await commits(sqliteStore({ file, onWarning }));
  const store = sqliteStore({ file, onWarning });
  await fill(store);
  await pages(store);
  await raws(store);
  await store.close();
  show("size of the file", `${(statSync(file).size / 1e6).toFixed(0)} MB`);
  const again = sqliteStore({ file, onWarning });
  show("open after a clean close", `${(await millis(() => again.open())).toFixed(0)} ms`);
  const unclean = sqliteStore({ file, onWarning });
  show("open when not closed cleanly (whole file checked)", `${(await millis(() => unclean.open())).toFixed(0)} ms`);
  await again.close();
  await unclean.close();
} finally {
  rmSync(folder, { recursive: true });
}
