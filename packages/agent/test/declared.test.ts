// Declared files: what is kept as good, what is restored, which lock is removed, what a folder loses; and above all what is never
// touched.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { DeclaredPlan, FolderPlan } from "@prunella/adapters";
import { onFiles } from "../src/actions/files.ts";
import { difference } from "../src/declared/difference.ts";
import { filesIn, prune } from "../src/declared/folders.ts";
import { firstGoodMs, goodFiles, provenMs, provenUnstartedMs } from "../src/declared/good-files.ts";
import { ownerOf, unlock } from "../src/declared/locks.ts";
import type { Declared } from "../src/declared/watch.ts";
import type { Service } from "../src/service.ts";

const root = mkdtempSync(path.join(tmpdir(), "prunella-declared-"));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
function scratch(): string {
  const folder = path.join(root, String((folders += 1)));
  mkdirSync(folder);
  return folder;
}
const dead = 2 ** 22 - 3;

test("a file is good once the service has run well with it, and what differs from then is told without its secrets", () => {
  const folder = scratch();
  const file = path.join(folder, "app.json");
  writeFileSync(file, '{\n "port": 1,\n "password": "hunter22"\n}');
  const kept = goodFiles(path.join(folder, "good"));
  assert.equal(kept.look(file, "config", 0).state, "unknown");
  kept.prove(file, "config", 0, 0, firstGoodMs - 1);
  assert.equal(kept.look(file, "config", 0).state, "unknown");
  kept.prove(file, "config", 0, 0, Date.now() + firstGoodMs);
  assert.equal(kept.look(file, "config", 0).state, "good");
  writeFileSync(file, '{\n "port": 9,\n "password": "hunter23"\n}');
  const facts = kept.look(file, "config", 50_000);
  assert.equal(facts.state, "changed");
  assert.equal(facts.changedAt, 50_000);
  assert.match(facts.difference, /- "port": 1,\n/);
  assert.match(facts.difference, /\+ "port": 9,\n/);
  assert.doesNotMatch(facts.difference, /hunter/);
});

test("a change becomes the good one when the service was started with it, later when it was not, never with bad syntax", () => {
  const folder = scratch();
  const file = path.join(folder, "app.json");
  const kept = goodFiles(path.join(folder, "good"));
  const state = (at: number): string => kept.look(file, "config", at).state;
  const now = Date.now() + 10_000;
  writeFileSync(file, "{}");
  kept.look(file, "config", now);
  kept.prove(file, "config", now, now, now + firstGoodMs);
  writeFileSync(file, '{ "a": 1 }');
  kept.look(file, "config", now + 10_000);
  // Running since before the change: it may not even have read it.
  kept.prove(file, "config", now, now, now + 10_000 + provenMs);
  assert.equal(state(now), "changed");
  kept.prove(file, "config", now, now, now + 10_000 + provenUnstartedMs);
  assert.equal(state(now), "good");
  writeFileSync(file, '{ "a": 2 }');
  kept.look(file, "config", now + 20_000);
  kept.prove(file, "config", now + 20_000, now + 21_000, now + 20_000 + provenMs);
  assert.equal(state(now), "good");
  writeFileSync(file, '{ "a": ');
  kept.look(file, "config", now + 30_000);
  kept.prove(file, "config", now + 30_000, now + 31_000, now + 30_000 + provenUnstartedMs);
  assert.equal(kept.look(file, "config", now).syntax?.startsWith("it is not JSON"), true);
  assert.equal(state(now), "changed");
});

test("a restored file is as it was, the bad one lies beside it, and a new agent still knows the good one", () => {
  const folder = scratch();
  const file = path.join(folder, "app.json");
  writeFileSync(file, '{ "good": true }', { mode: 0o640 });
  const place = path.join(folder, "good");
  const first = goodFiles(place);
  first.look(file, "config", 0);
  first.prove(file, "config", 0, 0, Date.now() + provenMs);
  writeFileSync(file, "broken");
  const next = goodFiles(place);
  assert.equal(next.look(file, "config", 0).state, "changed");
  next.restore(file, "config", 0);
  assert.equal(readFileSync(file, "utf8"), '{ "good": true }');
  assert.equal(readFileSync(`${file}.bad.1`, "utf8"), "broken");
  rmSync(file);
  assert.equal(next.look(file, "config", 0).state, "missing");
  next.restore(file, "config", 0);
  assert.equal(readFileSync(file, "utf8"), '{ "good": true }');
});

test("nothing is restored of which nothing good is known", () => {
  const folder = scratch();
  const file = path.join(folder, "app.json");
  writeFileSync(file, "x");
  assert.throws(() => goodFiles(path.join(folder, "good")).restore(file, "config", 0), /has not run well with it yet/);
  assert.equal(readFileSync(file, "utf8"), "x");
});

test("a release link is pointed back", () => {
  const folder = scratch();
  const link = path.join(folder, "current");
  symlinkSync("releases/1", link);
  const kept = goodFiles(path.join(folder, "good"));
  kept.look(link, "release", 0);
  kept.prove(link, "release", 0, 0, Date.now() + provenMs);
  rmSync(link);
  symlinkSync("releases/2", link);
  const facts = kept.look(link, "release", 5);
  assert.equal(facts.state, "changed");
  assert.equal(facts.difference, "-releases/1\n+releases/2");
  kept.restore(link, "release", 0);
  assert.equal(readlinkSync(link), "releases/1");
});

test("only a lock whose owner is dead is removed", () => {
  const folder = scratch();
  const lock = path.join(folder, "a.lock");
  assert.equal(ownerOf(lock), null);
  writeFileSync(lock, `${dead}\n`);
  assert.deepEqual(ownerOf(lock), { pid: dead, alive: false });
  writeFileSync(lock, JSON.stringify({ pid: process.pid }));
  assert.deepEqual(ownerOf(lock), { pid: process.pid, alive: true });
  assert.throws(() => unlock(lock), /lives/);
  // A process of that number that began long after the lock was written is another one.
  utimesSync(lock, 1, 1);
  assert.equal(ownerOf(lock)?.alive, false);
  unlock(lock);
  assert.equal(existsSync(lock), false);
  writeFileSync(lock, "mine");
  assert.throws(() => unlock(lock), /names no process/);
});

function fill(folder: string, count: number, bytes: number): void {
  for (let each = 0; each < count; each += 1) {
    const file = path.join(folder, `f${each}`);
    writeFileSync(file, Buffer.alloc(bytes, 1));
    utimesSync(file, 1_000 + each, 1_000 + each);
  }
}

test("a cache loses its oldest files until it is as full as it may be", async () => {
  const folder = scratch();
  fill(folder, 10, 8_192);
  const plan: FolderPlan = { path: folder, use: "cache", bytesMax: 81_920 };
  const done = await prune(plan, { keepShare: 0.5, olderThanMs: 0, nowMs: Date.now() });
  assert.deepEqual(done, { files: 5, bytes: 40_960, cut: 0 });
  assert.deepEqual((await filesIn(folder))?.map((file) => path.basename(file.path)).sort(), [
    "f5",
    "f6",
    "f7",
    "f8",
    "f9",
  ]);
});

test("data is never cleared, and links lead nowhere", async () => {
  const folder = scratch();
  const elsewhere = scratch();
  fill(elsewhere, 3, 8_192);
  fill(folder, 1, 8_192);
  symlinkSync(elsewhere, path.join(folder, "link"));
  symlinkSync(path.join(elsewhere, "f0"), path.join(folder, "file-link"));
  const plan = { path: folder, use: "cache", bytesMax: 1 } as const;
  await prune(plan, { keepShare: 0, olderThanMs: 0, nowMs: Date.now() });
  assert.equal((await filesIn(elsewhere))?.length, 3);
  assert.equal((await filesIn(folder))?.length, 0);
  await assert.rejects(
    prune({ ...plan, use: "data" }, { keepShare: 0, olderThanMs: 0, nowMs: Date.now() }),
    /never cleared/,
  );
});

test("a log in use is cut short, not taken from its writer", async () => {
  const folder = scratch();
  const log = path.join(folder, "app.log");
  writeFileSync(log, Buffer.alloc(81_920, 1));
  const done = await prune(
    { path: folder, use: "log", bytesMax: 81_920 },
    { keepShare: 0.5, olderThanMs: 0, nowMs: Date.now() },
  );
  assert.deepEqual(done, { files: 0, bytes: 81_920, cut: 1 });
  assert.equal(readFileSync(log).length, 0);
});

// ---- the actions: only what is declared

function act(declared: Partial<DeclaredPlan>, action: Parameters<typeof onFiles>[0], files = goodFiles(scratch())) {
  const plan: DeclaredPlan = { configs: [], release: null, locks: [], folders: [], records: [], ...declared };
  const watch = { files, look() {}, lookAtFiles() {}, lookAtFolders() {}, level: () => [] } as Declared;
  const service = { plan: { declared: plan }, rotateNow: () => Promise.resolve("rotated") } as unknown as Service;
  return onFiles(action, service, watch, () => 0);
}

test("what is not declared is refused before anything happens", async () => {
  const folder = scratch();
  const file = path.join(folder, "x");
  writeFileSync(file, `${dead}`);
  const refused = [
    await act({ configs: ["/elsewhere"] }, { type: "restore", what: "config", path: file }),
    await act({}, { type: "restore", what: "release", path: null }),
    await act({ locks: ["/elsewhere"] }, { type: "unlock", path: file }),
    await act({ records: [{ from: "/elsewhere", to: "/to" }] }, { type: "quarantine", path: file }),
    await act({}, { type: "quarantine", path: null }),
    await act(
      { folders: [{ path: folder, use: "data", bytesMax: null }] },
      { type: "prune", path: folder, keepShare: 0, olderThanMs: 0 },
    ),
    await act({}, { type: "prune", path: folder, keepShare: 0, olderThanMs: 0 }),
    await act({ folders: [{ path: folder, use: "cache", bytesMax: null }] }, { type: "rotate", path: file, files: 1 }),
    // A sibling whose name only begins like the folder's.
    await act(
      { folders: [{ path: folder.slice(0, -1), use: "log", bytesMax: null }] },
      { type: "rotate", path: file, files: 1 },
    ),
  ];
  for (const outcome of refused)
    assert.equal(outcome.kind === "failed" && outcome.effect, "none", JSON.stringify(outcome));
  assert.equal(readFileSync(file, "utf8"), `${dead}`);
});

test("a record is put aside once, and is not overwritten by its namesake", async () => {
  const folder = scratch();
  const [from, to] = [path.join(folder, "inbox"), path.join(folder, "bad")];
  mkdirSync(from);
  const rule = { records: [{ from, to }] };
  for (const text of ["one", "two"]) {
    writeFileSync(path.join(from, "r.json"), text);
    assert.equal((await act(rule, { type: "quarantine", path: path.join(from, "r.json") })).kind, "succeeded");
  }
  assert.equal(readFileSync(path.join(to, "r.json"), "utf8"), "one");
  assert.equal(readFileSync(path.join(to, "r.json.1"), "utf8"), "two");
  assert.match(
    JSON.stringify(await act(rule, { type: "quarantine", path: path.join(from, "r.json") })),
    /gone already/,
  );
});

test("a record that is a link, or a way out of the folder, stays where it is", async () => {
  const folder = scratch();
  const [from, to] = [path.join(folder, "inbox"), path.join(folder, "bad")];
  mkdirSync(from);
  const secret = path.join(folder, "secret");
  writeFileSync(secret, "s");
  symlinkSync(secret, path.join(from, "link"));
  const rule = { records: [{ from, to }] };
  for (const name of ["link", "../secret"]) {
    const outcome = await act(rule, { type: "quarantine", path: `${from}/${name}` });
    assert.equal(outcome.kind, "failed", name);
  }
  assert.equal(readFileSync(secret, "utf8"), "s");
});

test("a declared log is rotated, keeping as many as asked", async () => {
  const folder = scratch();
  const log = path.join(folder, "app.log");
  const plan = { folders: [{ path: folder, use: "log", bytesMax: null } as const] };
  for (const text of ["one", "two", "three"]) {
    writeFileSync(log, text);
    assert.equal((await act(plan, { type: "rotate", path: log, files: 2 })).kind, "succeeded");
  }
  assert.equal(readFileSync(log, "utf8"), "");
  assert.equal(readFileSync(`${log}.1`, "utf8"), "three");
  assert.equal(readFileSync(`${log}.2`, "utf8"), "two");
  assert.equal(existsSync(`${log}.3`), false);
});

test("a difference names the lines that changed, and is bounded", () => {
  assert.equal(difference("a\nb\nc", "a\nx\nc"), "-b\n+x");
  assert.equal(difference("a", "a"), "");
  assert.equal(difference("", Array.from({ length: 9_000 }, (_, at) => `line ${at}`).join("\n")).length, 2_000);
});
