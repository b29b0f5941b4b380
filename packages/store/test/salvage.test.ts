import assert from "node:assert/strict";
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { sampleIssue, sampleSettings, sampleSignal, sampleTransition } from "@prunella/core/suites";
import { place, writing, type Place } from "./place.ts";

const pageBytes = 16_384;

/** A closed file with 400 issues of several kB each and 400 transitions. */
async function filled(context: TestContext): Promise<Place> {
  const here = place(context);
  const store = here.store();
  const { commit } = await writing(store);
  for (let at = 1; at <= 400; at += 1)
    await commit({
      at,
      issues: [sampleIssue(`LOW-${at}`, { lastSeen: at, rootCause: `cause ${at} `.repeat(200) })],
      transitions: [sampleTransition(`T${at}`, { at })],
      signals: [sampleSignal(`s-${at}`, { at })],
      numbers: { LOW: at, T: at },
      settings: sampleSettings,
    });
  await store.close();
  return here;
}

function damage(file: string, page: number, bytes = pageBytes): void {
  const handle = openSync(file, "r+");
  writeSync(handle, Buffer.alloc(bytes, 0xa5), 0, bytes, page * pageBytes);
  closeSync(handle);
}

/** Opens the damaged file and checks what every salvage must keep to. */
async function recovered(here: Place, original: Buffer): Promise<{ issues: number; transitions: number }> {
  const store = here.store();
  const { opened, commit } = await writing(store);
  assert.ok(readFileSync(`${here.file}.corrupt-1`).equals(original), "the evidence is the damaged file, byte for byte");
  assert.deepEqual(
    here.warnings.map((warning) => warning.code),
    ["salvaged"],
  );
  assert.ok((opened.numbers["LOW"] ?? 0) >= 400, "no id is given twice");
  await commit({ at: 9_000, issues: [sampleIssue("LOW-5000")] });
  for (const issue of opened.issues) assert.equal(issue.rootCause, `cause ${issue.lastSeen} `.repeat(200));
  const { rows } = await store.stats();
  assert.equal(statSync(here.file).mode & 0o777, 0o600);
  await store.close();
  await here.store().open();
  assert.equal(here.warnings.length, 1, "the new file is sound");
  return { issues: (rows["issues"] ?? 0) - 1, transitions: rows["transitions"] ?? 0 };
}

test("a damaged last page costs at most the rows on it", async (context) => {
  const here = await filled(context);
  damage(here.file, statSync(here.file).size / pageBytes - 1);
  const saved = await recovered(here, readFileSync(here.file));
  assert.ok(saved.issues >= 395 && saved.transitions >= 380, JSON.stringify(saved));
});

test("any single damaged page but the first costs at most the rows it leads to", async (context) => {
  const pristine = await filled(context);
  const pages = statSync(pristine.file).size / pageBytes;
  for (let page = 2; page < pages; page += Math.ceil(pages / 25)) {
    const here = place(context);
    copyFileSync(pristine.file, here.file);
    damage(here.file, page);
    const damaged = readFileSync(here.file);
    const store = here.store();
    const opened = await store.open();
    const { rows } = await store.stats();
    await store.close();
    if (here.warnings.length === 0) continue;
    assert.ok(readFileSync(`${here.file}.corrupt-1`).equals(damaged));
    const lost = 800 - (rows["issues"] ?? 0) - (rows["transitions"] ?? 0);
    const named = Object.keys(here.warnings[0]?.salvage?.damaged ?? {});
    assert.ok(lost === 0 || named.length > 0, `page ${page}: ${lost} rows lost without a word`);
    assert.ok((opened.numbers["LOW"] ?? 0) >= 400, `page ${page}: numbers fell back`);
    assert.ok(opened.epoch >= 2, `page ${page}: the epoch fell back`);
  }
});

test("the list of tables lies on the first page alone", async (context) => {
  const here = place(context);
  await writing(here.store());
  const database = new DatabaseSync(here.file, { readOnly: true });
  const pages = database.prepare("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'").all();
  database.close();
  assert.deepEqual(
    pages.map((row) => row["pageno"]),
    [1],
  );
});

test("a file that is no database is moved aside, and a new store begins", async (context) => {
  const here = place(context);
  writeFileSync(here.file, "this was never a database ".repeat(1_000));
  const { opened } = await writing(here.store());
  assert.deepEqual([opened.issues, opened.sequence], [[], 0]);
  assert.ok(opened.epoch > 1_000_000, "an epoch above all that may have been given");
  assert.match(readFileSync(`${here.file}.corrupt-1`, "utf8"), /^this was never/);
  assert.match(here.warnings[0]?.message ?? "", /issues \(1\)/);
});

test("a record that is no JSON any more is met as corrupt, and the next open saves the others", async (context) => {
  const here = await filled(context);
  const raw = new DatabaseSync(here.file);
  raw.exec("UPDATE issues SET status = 'fixed', body = '{\"id\":\"LOW-7' WHERE id = 'LOW-7'");
  raw.close();
  const store = here.store();
  await store.open();
  await assert.rejects(store.issue("LOW-7"), { code: "corrupt" });
  const opened = await store.open();
  assert.equal(opened.issues.length, 399);
  assert.deepEqual(here.warnings[0]?.salvage?.damaged, { issues: 1 });
  assert.equal((await store.issue("LOW-8"))?.id, "LOW-8");
});

test("evidence is never overwritten", async (context) => {
  const here = await filled(context);
  writeFileSync(`${here.file}.corrupt-1`, "older evidence");
  damage(here.file, statSync(here.file).size / pageBytes - 1);
  await here.store().open();
  assert.equal(readFileSync(`${here.file}.corrupt-1`, "utf8"), "older evidence");
  assert.ok(existsSync(`${here.file}.corrupt-2`));
});

test("a salvage that a crash cut off is ended by the next open", async (context) => {
  const here = await filled(context);
  // As it stands when the crash came between moving the damaged file away and naming the new one.
  copyFileSync(here.file, `${here.file}.salvaged`);
  renameSync(here.file, `${here.file}.corrupt-1`);
  const opened = await here.store().open();
  assert.equal(opened.issues.length, 400);
  assert.ok(!existsSync(`${here.file}.salvaged`) && existsSync(`${here.file}.corrupt-1`));
});
