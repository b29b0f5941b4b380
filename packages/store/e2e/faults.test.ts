// What the store promises when the world around it breaks (docs/store.md): killed writers, a full disk, damage, locks.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { Store, StoreError } from "@prunella/core";
import { sampleIssue, sampleSignal } from "@prunella/core/suites";
import { sqliteStore, type StoreWarning } from "@prunella/store";

const kills = 20;

function folder(context: TestContext): string {
  const name = mkdtempSync(path.join(tmpdir(), "prunella-store-"));
  context.after(() => rmSync(name, { recursive: true, force: true }));
  return name;
}

function smallDisk(context: TestContext, size: string): string | null {
  const name = mkdtempSync(path.join(tmpdir(), "prunella-store-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", name]).status === 0;
  context.after(() => {
    if (mounted) spawnSync("umount", ["-l", name]);
    rmSync(name, { recursive: true });
  });
  return mounted ? name : null;
}

function openable(context: TestContext, file: string, warnings: StoreWarning[], lockTimeoutMs = 1_000): Store {
  const store = sqliteStore({ file, lockTimeoutMs, onWarning: (warning) => void warnings.push(warning) });
  context.after(() => store.close());
  return store;
}

/** Lets a child write for a while, kills it, and returns the highest sequence it was told is stored. */
async function writeAndKill(file: string, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "writing-child.ts"), file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs);
  });
  await once(child, "close");
  clearTimeout(timer);
  assert.doesNotMatch(output, /warning/);
  const last = /(\d+)\n[^\n]*$/.exec(output)?.[1];
  assert.ok(last !== undefined, `the child said ${JSON.stringify(output)}`);
  return Number(last);
}

test(`kill -9 of the writer at ${kills} random moments loses no acknowledged commit and leaves the file intact`, async (context) => {
  const file = path.join(folder(context), "prunella.db");
  const warnings: StoreWarning[] = [];
  const seed = Date.now() % 1_000_000;
  let state = seed;
  let total = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const acknowledged = await writeAndKill(file, state % 250);
    const store = openable(context, file, warnings);
    const opened = await store.open();
    const what = `seed ${seed}, kill ${kill}`;
    assert.ok(opened.sequence >= acknowledged, `${what}: acknowledged ${acknowledged}, stored ${opened.sequence}`);
    const { rows } = await store.stats();
    for (const table of ["incidents", "transitions", "signals"])
      assert.equal(rows[table], opened.sequence, `${what}: ${table} are those of the commits, all or none of each`);
    assert.equal((await store.issues({ limit: 1 })).items[0]?.occurrences, opened.sequence);
    assert.equal((await store.incident(`INC-${acknowledged}`))?.id, `INC-${acknowledged}`);
    await store.close();
    total = opened.sequence;
  }
  const raw = new DatabaseSync(file);
  assert.equal(raw.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
  raw.close();
  assert.deepEqual(warnings, []);
  context.diagnostic(`${total} commits over ${kills} kills, seed ${seed}`);
});

test("a full disk refuses commits as unavailable, loses nothing, and goes on when there is space again", async (context) => {
  const mount = smallDisk(context, "12m");
  if (mount === null) return context.skip("mounting a small file system is not permitted here");
  const file = path.join(mount, "prunella.db");
  const warnings: StoreWarning[] = [];
  const store = openable(context, file, warnings);
  const { epoch } = await store.open();
  writeFileSync(path.join(mount, "ballast"), Buffer.alloc(4_000_000));
  let sequence = 0;
  let refused: StoreError | null = null;
  while (refused === null) {
    await store
      .commit(
        { epoch, sequence: sequence + 1 },
        {
          at: sequence,
          issues: [sampleIssue(`LOW-${sequence + 1}`, { rootCause: "x".repeat(20_000) })],
        },
      )
      .then(
        () => void (sequence += 1),
        (error: StoreError) => void (refused = error),
      );
  }
  const { code, message } = refused as StoreError;
  assert.equal(code, "unavailable");
  assert.match(message, /no space left .* free space/);
  assert.equal((await store.stats()).rows["issues"], sequence, "reads go on");
  const group = await Promise.allSettled(
    [1, 2, 3].map((next) =>
      store.commit(
        { epoch, sequence: sequence + next },
        { at: 1, issues: [sampleIssue(`LOW-${sequence + next}`, { rootCause: "x".repeat(20_000) })] },
      ),
    ),
  );
  assert.ok(group.every((answer) => answer.status === "rejected"));
  rmSync(path.join(mount, "ballast"));
  await store.commit({ epoch, sequence: sequence + 1 }, { at: 1, issues: [sampleIssue("LOW-9999")] });
  await store.close();
  const again = openable(context, file, warnings);
  assert.equal((await again.open()).issues.length, sequence + 1);
  await again.close();
  assert.deepEqual(warnings, []);
  context.diagnostic(`${sequence} commits fitted`);
});

test("a disk that is full at the start: open says unavailable and what to do, and leaves nothing broken", async (context) => {
  const mount = smallDisk(context, "8m");
  if (mount === null) return context.skip("mounting a small file system is not permitted here");
  const file = path.join(mount, "prunella.db");
  writeFileSync(path.join(mount, "ballast"), Buffer.alloc(8_000_000));
  const warnings: StoreWarning[] = [];
  const store = openable(context, file, warnings);
  await assert.rejects(store.open(), { code: "unavailable" });
  rmSync(path.join(mount, "ballast"));
  assert.equal((await store.open()).sequence, 0);
  assert.deepEqual(warnings, []);
});

test("a file limit or an I/O error before the commit is unavailable, never half applied", async (context) => {
  const file = path.join(folder(context), "prunella.db");
  // The child's writes past the limit fail with EFBIG; it prints what the store made of it.
  const script = `
    import { sampleIssue } from "@prunella/core/suites";
    import { sqliteStore } from "@prunella/store";
    process.on("SIGXFSZ", () => {});
    const store = sqliteStore({ file: ${JSON.stringify(file)}, onWarning: console.log });
    const { epoch } = await store.open();
    for (let sequence = 1; ; sequence += 1) {
      try {
        await store.commit({ epoch, sequence }, { at: 1, issues: [sampleIssue("LOW-" + sequence, { rootCause: "x".repeat(50000) })] });
      } catch (error) {
        console.log(JSON.stringify({ code: error.code, stored: sequence - 1, rows: (await store.stats()).rows.issues }));
        process.exit(0);
      }
    }`;
  const child = spawnSync(
    "prlimit",
    ["--fsize=6000000", process.execPath, "--input-type=module-typescript", "--eval", script],
    { cwd: import.meta.dirname, encoding: "utf8", timeout: 30_000 },
  );
  if (child.error !== undefined) return context.skip("prlimit is not installed here");
  const said = JSON.parse(child.stdout) as { code: string; stored: number; rows: number };
  assert.ok(said.code === "unavailable" || said.code === "unknown", child.stdout);
  const store = openable(context, file, []);
  const { sequence } = await store.open();
  if (said.code === "unavailable") assert.equal(sequence, said.stored);
  assert.equal((await store.stats()).rows["issues"], sequence);
  context.diagnostic(child.stdout.trim());
});

test("a last page damaged while the writer was killed: the rest is saved, the damaged file kept", async (context) => {
  const file = path.join(folder(context), "prunella.db");
  await writeAndKill(file, 400);
  const warnings: StoreWarning[] = [];
  const first = openable(context, file, warnings);
  const before = await first.open();
  await first.close();
  const handle = openSync(file, "r+");
  writeSync(handle, Buffer.alloc(16_384, 0x5a), 0, 16_384, statSync(file).size - 16_384);
  closeSync(handle);
  const store = openable(context, file, warnings);
  const opened = await store.open();
  assert.equal(opened.sequence, before.sequence);
  assert.equal(warnings[0]?.code, "salvaged");
  assert.ok(statSync(`${file}.corrupt-1`).size > 0);
  const { rows } = await store.stats();
  const total = before.sequence * 3;
  const saved = (rows["incidents"] ?? 0) + (rows["transitions"] ?? 0) + (rows["signals"] ?? 0);
  assert.ok(saved >= total - 60, `${saved} of ${total} rows`);
  await store.commit({ epoch: opened.epoch, sequence: opened.sequence + 1 }, { at: 1 });
  context.diagnostic(`${total - saved} of ${total} rows lost: ${warnings[0]?.message}`);
});

test("a file locked by another process is unavailable after the timeout, and works again once it is free", async (context) => {
  const file = path.join(folder(context), "prunella.db");
  const store = openable(context, file, [], 200);
  const { epoch } = await store.open();
  await store.commit({ epoch, sequence: 1 }, { at: 1, signals: [sampleSignal("s1")] });
  const script = `
    const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(process.argv[1]);
    database.exec("BEGIN IMMEDIATE");
    process.stdout.write("locked");
    process.stdin.on("end", () => process.exit(0)).resume();`;
  const child = spawn(process.execPath, ["--eval", script, file], { stdio: ["pipe", "pipe", "inherit"] });
  context.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await assert.rejects(store.commit({ epoch, sequence: 2 }, { at: 2 }), {
    code: "unavailable",
    message: /locked by another process/,
  });
  assert.equal((await store.signals({})).items.length, 1, "reads go on");
  await assert.rejects(openable(context, file, [], 200).open(), { code: "unavailable" });
  child.stdin.end();
  await once(child, "close");
  await store.commit({ epoch, sequence: 2 }, { at: 2 });
  assert.equal((await store.open()).sequence, 2);
});

test("two processes at one file: the later one takes over, the earlier one is fenced", async (context) => {
  const file = path.join(folder(context), "prunella.db");
  const store = openable(context, file, []);
  const { epoch } = await store.open();
  await store.commit({ epoch, sequence: 1 }, { at: 1 });
  await writeAndKill(file, 50);
  await assert.rejects(store.commit({ epoch, sequence: 2 }, { at: 2 }), { code: "fenced" });
});
