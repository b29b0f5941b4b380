import assert from "node:assert/strict";
import { chmodSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { sampleIssue, sampleSeriesPoint, sampleSignal } from "@prunella/core/suites";
import { sqliteStore } from "@prunella/store";
import { place, writing } from "./place.ts";

const dayMs = 24 * 3_600_000;

test("the file and its log are readable by their owner only, also when they were not", async (context) => {
  const { file, store } = place(context);
  const first = store();
  const { commit } = await writing(first);
  await commit({ at: 1, issues: [sampleIssue("LOW-1")] });
  for (const name of [file, `${file}-wal`, `${file}-shm`]) assert.equal(statSync(name).mode & 0o777, 0o600, name);
  await first.close();
  assert.equal(existsSync(`${file}-wal`), false, "a clean close leaves no log");
  chmodSync(file, 0o644);
  await store().open();
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("a commit that breaks a rule fails alone, and the others of its turn keep theirs", async (context) => {
  const store = place(context).store();
  const { epoch } = await store.open();
  const commit = (sequence: number, lastSeen: number) =>
    store.commit(
      { epoch, sequence },
      {
        at: 1,
        issues: [sampleIssue(`LOW-${sequence}-${lastSeen}`, { lastSeen })],
        series: [sampleSeriesPoint({ at: lastSeen })],
      },
    );
  const answers = await Promise.allSettled([commit(1, 1), commit(2, Number.NaN), commit(2, 2), commit(3, 3)]);
  assert.deepEqual(
    answers.map((answer) => answer.status),
    ["fulfilled", "rejected", "fulfilled", "fulfilled"],
  );
  assert.equal(await store.issue("LOW-2-NaN"), null);
  const points = await store.series({ target: "api", from: 0, to: 10 });
  assert.deepEqual(
    points.map((point) => point.at),
    [1, 2, 3],
  );
});

test("commits beyond the queue's bound are refused at once as unavailable", async (context) => {
  const store = place(context).store();
  const { epoch } = await store.open();
  const answers = await Promise.allSettled(
    Array.from({ length: 8_200 }, (_, at) => store.commit({ epoch, sequence: at + 1 }, { at: 1 })),
  );
  const refused = answers.filter((answer) => answer.status === "rejected");
  assert.equal(refused.length, 8);
  assert.ok(refused.every((answer) => answer.reason.code === "unavailable"));
});

test("a file deleted while in use is noticed: no commit goes nowhere, and open starts anew", async (context) => {
  const { file, store } = place(context);
  const only = store();
  const { commit } = await writing(only);
  await commit({ at: 1, issues: [sampleIssue("LOW-1")] });
  rmSync(file);
  await assert.rejects(commit({ at: 2 }), { code: "out-of-order" });
  const again = await writing(only);
  assert.deepEqual(again.opened.issues, []);
  await again.commit({ at: 3 });
});

test("a writer whose file was replaced is fenced", async (context) => {
  const { file, store } = place(context);
  const old = await writing(store());
  await old.commit({ at: 1 });
  renameSync(file, `${file}.moved`);
  writeFileSync(file, "");
  await assert.rejects(old.commit({ at: 2 }), { code: "fenced" });
});

test("a file that a newer version wrote is refused and left as it is", async (context) => {
  const { file, store, warnings } = place(context);
  const first = store();
  await first.open();
  await first.close();
  const raw = new DatabaseSync(file);
  raw.exec("INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-future', '2099-01-01')");
  raw.close();
  await assert.rejects(store().open(), { code: "unavailable", message: /newer Prunella/ });
  assert.deepEqual(warnings, []);
});

test("bad options are refused by name", () => {
  const base = { file: "unused", onWarning: () => undefined };
  assert.throws(() => sqliteStore({ ...base, lockTimeoutMs: -1 }), { field: "lockTimeoutMs" });
  assert.throws(() => sqliteStore({ ...base, retention: { signalsMs: 0 } }), { field: "retention.signalsMs" });
  assert.throws(() => sqliteStore({ ...base, retention: { bytesMax: Number.NaN } }), { field: "retention.bytesMax" });
});

test("above its size the oldest signals and series go, records stay, and the file shrinks", async (context) => {
  const { file, store, warnings } = place(context);
  const limited = store({ retention: { bytesMax: 2_000_000 } });
  const { commit } = await writing(limited);
  const now = 1_000 * dayMs;
  await commit({ at: now, issues: [sampleIssue("LOW-1")] });
  for (let batch = 0; batch < 10; batch += 1) {
    const signals = Array.from({ length: 2_000 }, (_, at) =>
      sampleSignal(`s-${batch}-${at}`, { at: now - 20 + batch }),
    );
    const series = Array.from({ length: 500 }, (_, at) =>
      sampleSeriesPoint({ metric: `m${at}`, at: now - 20 + batch }),
    );
    await commit({ at: now, signals, series });
  }
  const before = (await limited.stats()).rows;
  const { deleted, bytes } = await limited.prune(now);
  const after = (await limited.stats()).rows;
  assert.ok(deleted >= 2_000 && bytes > 500_000, `${deleted} rows, ${bytes} bytes`);
  assert.equal(
    (before["signals"] ?? 0) + (before["series"] ?? 0) - deleted,
    (after["signals"] ?? 0) + (after["series"] ?? 0),
  );
  assert.equal((await limited.signals({ limit: 1 })).items[0]?.at, now - 11, "the newest are still there");
  await commit({ at: now + 1, series: [sampleSeriesPoint({ metric: "m1", at: now })] });
  assert.equal((await limited.series({ target: "api", metric: "m1", from: now, to: now + 1 })).length, 1);
  assert.deepEqual(warnings, []);
  await limited.close();
  assert.ok(statSync(file).size <= 2_000_000, `${statSync(file).size} bytes`);
});

test("records alone above the size limit are kept, with a warning", async (context) => {
  const { store, warnings } = place(context);
  const limited = store({ retention: { bytesMax: 100_000 } });
  const { commit } = await writing(limited);
  const issues = Array.from({ length: 500 }, (_, at) => sampleIssue(`LOW-${at}`));
  await commit({ at: 1, issues, signals: [sampleSignal("s1")] });
  assert.equal((await limited.prune(2)).deleted, 1);
  assert.equal((await limited.stats()).rows["issues"], 500);
  assert.deepEqual(
    warnings.map((warning) => warning.code),
    ["above-size-limit"],
  );
});

test("closing waits for a prune that is still at it, and commits go through between its slices", async (context) => {
  const store = place(context).store();
  const { commit } = await writing(store);
  const now = 1_000 * dayMs;
  await commit({ at: now, signals: Array.from({ length: 9_000 }, (_, at) => sampleSignal(`s-${at}`, { at })) });
  const order: string[] = [];
  const pruned = store.prune(now).then((result) => {
    order.push("pruned");
    return result.deleted;
  });
  const second = store.prune(now);
  await commit({ at: now, issues: [sampleIssue("LOW-1")] });
  order.push("committed");
  await store.close();
  order.push("closed");
  assert.deepEqual([await pruned, (await second).deleted, order], [9_000, 0, ["committed", "pruned", "closed"]]);
});
