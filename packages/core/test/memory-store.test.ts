import assert from "node:assert/strict";
import { test } from "node:test";
import { manualSystem } from "@prunella/resilience/testing";
import { StoreError } from "@prunella/core";
import { sampleIssue, storeSuite } from "@prunella/core/suites";
import { memoryDisk, memoryStore } from "@prunella/core/testing";

for (const { name, run } of storeSuite) {
  test(`memory store: ${name}`, () => {
    const disk = memoryDisk();
    const open = async () => ({
      store: memoryStore(disk),
      reopen: async () => memoryStore(disk),
      close: async () => undefined,
    });
    return run(open, manualSystem(1).random);
  });
}

test("the memory store fails as told, once each, and then works", async () => {
  const store = memoryStore();
  const { epoch } = await store.open();
  const commit = (sequence: number) =>
    store.commit({ epoch, sequence }, { at: 1, issues: [sampleIssue(`LOW-${sequence}`)] });
  store.fail("refuse", "vanish", "lose", "none");
  await assert.rejects(commit(1), (error: StoreError) => error.code === "unavailable");
  await assert.rejects(commit(1), (error: StoreError) => error.code === "unknown");
  assert.equal(await store.issue("LOW-1"), null);
  await assert.rejects(commit(1), (error: StoreError) => error.code === "unknown");
  assert.equal((await store.issue("LOW-1"))?.id, "LOW-1");
  await commit(2);
  await commit(3);
});

test("a hanging commit holds back those behind it until it is released", async () => {
  const store = memoryStore();
  const { epoch } = await store.open();
  store.fail("hang");
  const done: number[] = [];
  const first = store.commit({ epoch, sequence: 1 }, { at: 1 }).then(() => done.push(1));
  const second = store.commit({ epoch, sequence: 2 }, { at: 1 }).then(() => done.push(2));
  for (let turn = 0; turn < 9; turn += 1) await Promise.resolve();
  assert.deepEqual([store.hanging, done], [true, []]);
  store.release("none");
  await Promise.all([first, second]);
  assert.deepEqual([store.hanging, done], [false, [1, 2]]);
});

test("a committed record that is changed in place is found out", async () => {
  const store = memoryStore();
  const { epoch } = await store.open();
  const issue = sampleIssue("LOW-1");
  await store.commit({ epoch, sequence: 1 }, { at: 1, issues: [issue] });
  assert.throws(() => Object.assign(issue, { title: "changed" }), TypeError);
});
