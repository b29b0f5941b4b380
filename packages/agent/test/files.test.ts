// Files the agent keeps, in a temporary folder: state, log tails, rotation. No process, no clock.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  appendFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { recover, rotate, type Writers } from "../src/log-file.ts";
import { tail } from "../src/log-tail.ts";
import { emptyState, readState, stateFileOf } from "../src/state.ts";

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), "prunella-files-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
const still: Writers = { pause: async () => true, resume: () => {} };

test("state is read back as it was saved; the last of many quick changes is on disk", async (t) => {
  const at = folder(t);
  assert.deepEqual(await readState(at), { state: null, reason: null });
  const state = emptyState("boot");
  const file = stateFileOf(at, state, (reason) => assert.fail(String(reason)));
  const saves = [];
  for (let fence = 1; fence <= 20; fence += 1) {
    state.fence = fence;
    saves.push(file.save());
  }
  await Promise.all(saves);
  assert.deepEqual((await readState(at)).state, { ...state, fence: 20 });
  assert.deepEqual(readdirSync(at), ["agent-state.json"]);
  assert.equal(statSync(path.join(at, "agent-state.json")).mode & 0o777, 0o600);
});

test("a damaged state is said to be so and not believed", async (t) => {
  const at = folder(t);
  for (const [text, reason] of [
    ["{", "is not JSON"],
    ["null", "not a state"],
    ['{"version":2}', "not a state"],
  ] as const) {
    writeFileSync(path.join(at, "agent-state.json"), text);
    const read = await readState(at);
    assert.equal(read.state, null);
    assert.match(read.reason ?? "", new RegExp(reason));
  }
});

test("a disk that refuses is reported once, and once again when it takes", async (t) => {
  const at = path.join(folder(t), "absent");
  const said: (string | null)[] = [];
  const file = stateFileOf(at, emptyState("boot"), (reason) => said.push(reason === null ? null : "trouble"));
  await file.save();
  await file.save();
  assert.deepEqual(said, ["trouble"]);
  const { mkdirSync } = await import("node:fs");
  mkdirSync(at);
  await file.save();
  assert.deepEqual(said, ["trouble", null]);
});

test("rotation shifts the older files and keeps only so many", async (t) => {
  const file = path.join(folder(t), "a.log");
  for (let round = 1; round <= 5; round += 1) {
    appendFileSync(file, `round ${round}\n`);
    assert.equal((await rotate(file, 3, still)).kind, "rotated");
    assert.equal(statSync(file).size, 0);
  }
  const names = readdirSync(path.dirname(file)).sort();
  assert.deepEqual(names, ["a.log", "a.log.1", "a.log.2", "a.log.3"]);
  assert.deepEqual(
    [1, 2, 3].map((n) => readFileSync(`${file}.${n}`, "utf8")),
    ["round 5\n", "round 4\n", "round 3\n"],
  );
});

test("what is written while the copy is made is copied too", async (t) => {
  const file = path.join(folder(t), "a.log");
  writeFileSync(file, "before\n");
  let resumed = 0;
  const writers: Writers = {
    async pause() {
      appendFileSync(file, "during\n");
      return true;
    },
    resume: () => void (resumed += 1),
  };
  await rotate(file, 3, writers);
  assert.equal(readFileSync(`${file}.1`, "utf8"), "before\nduring\n");
  assert.equal(resumed, 1);
});

test("a rotation is put off, and nothing is changed, when the writers do not stand still", async (t) => {
  const file = path.join(folder(t), "a.log");
  writeFileSync(file, "text\n");
  const done = await rotate(file, 3, { pause: async () => false, resume: () => assert.fail("nothing was stopped") });
  assert.equal(done.kind, "put-off");
  assert.deepEqual(readdirSync(path.dirname(file)), ["a.log"]);
  assert.equal(readFileSync(file, "utf8"), "text\n");
});

test("a rotation cut short before the truncation is undone, after it completed", async (t) => {
  const file = path.join(folder(t), "a.log");
  assert.equal(recover(file, 3), false);
  writeFileSync(file, "whole\n");
  writeFileSync(`${file}.new`, "who");
  assert.equal(recover(file, 3), true);
  assert.equal(existsSync(`${file}.new`), false);
  assert.equal(readFileSync(file, "utf8"), "whole\n");
  writeFileSync(file, "");
  writeFileSync(`${file}.new`, "whole\n");
  writeFileSync(`${file}.1`, "older\n");
  assert.equal(recover(file, 3), true);
  assert.deepEqual([readFileSync(`${file}.1`, "utf8"), readFileSync(`${file}.2`, "utf8")], ["whole\n", "older\n"]);
});

test("the tail of a log: bounds, filter, offsets, the rotated file, half a line", (t) => {
  const file = path.join(folder(t), "a.log");
  const texts = (options: Partial<Parameters<typeof tail>[1]> = {}): string[] =>
    tail(file, { lines: 3, containing: null, from: 0, bytesMax: 10_000, ...options }).map((line) => line.text);
  assert.deepEqual(texts(), []);
  writeFileSync(file, "");
  assert.deepEqual(texts(), []);
  writeFileSync(file, "one\ntwo\r\n\nfour ä\nhalf");
  assert.deepEqual(texts({ lines: 9 }), ["one", "two", "", "four ä", "half"]);
  assert.deepEqual(texts({ lines: 2 }), ["four ä", "half"]);
  assert.deepEqual(texts({ containing: "o" }), ["one", "two", "four ä"]);
  assert.deepEqual(texts({ from: 4 }), ["", "four ä", "half"].slice(-3));
  assert.deepEqual(texts({ lines: 9, from: 4 }), ["two", "", "four ä", "half"]);
  assert.deepEqual(texts({ lines: 9, bytesMax: 10 }), ["half"]);
  writeFileSync(`${file}.1`, "older\nold\n");
  assert.deepEqual(texts({ lines: 6 }), ["old", "one", "two", "", "four ä", "half"]);
  assert.deepEqual(tail(file, { lines: 1, containing: "two", from: 0, bytesMax: 100 }), [
    { text: "two", offset: 4, rotated: false },
  ]);
  writeFileSync(file, `${"x".repeat(5_000)}\n`);
  assert.equal(texts({ lines: 1 })[0]?.length, 2_000);
});
