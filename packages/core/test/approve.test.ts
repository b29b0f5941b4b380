// A person's word on a run: at its beginning and in its middle. No is no: what was done is undone, last step first, and the same
// is not asked again for this incident.
import { type Remedy, type StepOutcome } from "@prunella/core";
import { memoryDisk } from "@prunella/core/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { remedy, world, type TestWorld } from "./harness.ts";

const minute = 60_000;
const exec = (name: string) => ({ type: "exec", argv: [name], cwd: null }) as const;

/** Two steps that can be undone, a question, and what heals. */
function failOver(of: Partial<Remedy> = {}): Remedy {
  const timeoutMs = 5_000;
  return remedy({
    name: "fail-over",
    steps: [
      { action: exec("drain"), timeoutMs, undo: exec("undrain") },
      { action: exec("stage"), timeoutMs, undo: exec("unstage") },
      { action: { type: "approve", text: "fail over?" }, timeoutMs: minute, undo: null },
      { action: exec("switch"), timeoutMs, undo: exec("switch back") },
    ],
    solution: "failed over",
    ...of,
  });
}

async function asked(of: Partial<Remedy> = {}, disk = memoryDisk(), healthy = true): Promise<TestWorld> {
  const test = await world({ remedies: [failOver(of)], disk, services: { healthy } });
  test.answers.perform = async (order): Promise<StepOutcome> => {
    if (order.action.type === "exec" && order.action.argv[0] === "switch") test.services.get("api")!.healthy = true;
    return { kind: "succeeded", detail: "done" };
  };
  return test;
}
const did = (test: TestWorld): string[] =>
  test.orders.map((order) => (order.action.type === "exec" ? (order.action.argv[0] ?? "") : order.action.type));
const outcomes = (test: TestWorld): string[] =>
  [...test.disk.repairs.values()].map(({ state }) => (state.name === "ended" ? state.outcome : state.name));
const say = (test: TestWorld, type: "approve" | "refuse" | "cancel") =>
  test.engine.command({ type, repair: "REP-1", by: "person:a", why: "not now" });
const pages = (test: TestWorld): number => test.notifications.filter((each) => each.kind === "escalation").length;

test("a run waits in its middle for a person, and goes on where it stopped", async () => {
  const test = await asked();
  await test.run("10s sick api | 30s");
  assert.deepEqual([did(test), outcomes(test)], [["drain", "stage"], ["proposed"]]);
  void say(test, "approve");
  await test.run("60s");
  assert.deepEqual([did(test), outcomes(test)], [["drain", "stage", "switch"], ["verified"]]);
  await test.stop();
});

test("the question survives a restart of the control plane, and so does what was done before it", async () => {
  const disk = memoryDisk();
  const first = await asked({}, disk);
  await first.run("10s sick api | 30s");
  await first.stop();
  const second = await asked({}, disk, false);
  await second.run("10s");
  assert.deepEqual([did(second), outcomes(second)], [[], ["proposed"]]);
  void say(second, "approve");
  await second.run("40s");
  assert.deepEqual([did(second), outcomes(second)], [["switch"], ["verified"]]);
  await second.stop();
});

for (const type of ["refuse", "cancel"] as const)
  test(`${type} in the middle of a run undoes what was done, last step first, and calls a person`, async () => {
    const test = await asked();
    await test.run("10s sick api | 30s");
    void say(test, type);
    await test.run("300s");
    assert.deepEqual(did(test), ["drain", "stage", "unstage", "undrain"]);
    assert.deepEqual(outcomes(test), [type === "refuse" ? "refused" : "cancelled"]);
    const why = test.transitions().findLast((each) => each.subject === "repair")?.why ?? "";
    assert.match(why, /person:a: not now/);
    assert.equal(pages(test), 1);
    await test.stop();
  });

test("silence in the middle of a run is a no as well", async () => {
  const test = await asked();
  await test.run("10s sick api | 300s");
  assert.deepEqual(did(test), ["drain", "stage", "unstage", "undrain"]);
  assert.deepEqual(outcomes(test), ["expired"]);
  assert.equal(pages(test), 1);
  await test.stop();
});

test("an undo that fails after a no ends the run as failed, with both reasons", async () => {
  const test = await asked();
  const before = test.answers.perform!;
  test.answers.perform = (order) =>
    order.action.type === "exec" && order.action.argv[0] === "unstage"
      ? Promise.resolve({ kind: "failed", reason: "it is gone", effect: "some" })
      : before(order);
  await test.run("10s sick api | 30s");
  void say(test, "refuse");
  await test.run("60s");
  assert.deepEqual(outcomes(test), ["failed"]);
  assert.match([...test.disk.repairs.values()][0]?.why ?? "", /not now; undo of step 2 failed: it is gone/);
  assert.ok(pages(test) >= 1);
  await test.stop();
});

test("a fault that goes while a person is asked is not undone: what was done may be what helped", async () => {
  const test = await asked();
  await test.run("10s sick api | 30s well api | 60s");
  assert.deepEqual([did(test), outcomes(test)], [["drain", "stage"], ["cancelled"]]);
  await test.stop();
});

test("who refuses a proposal is not asked the same again for the same incident; the next remedy is", async () => {
  const alone = await asked({ mode: "approve" });
  await alone.run("10s sick api | 30s");
  void say(alone, "refuse");
  await alone.run("600s");
  assert.deepEqual([outcomes(alone), did(alone), pages(alone)], [["refused"], [], 1]);
  await alone.stop();
  const other = failOver({ name: "other", steps: [{ action: exec("switch"), timeoutMs: 5_000, undo: null }] });
  const test = await world({ remedies: [failOver({ mode: "approve", next: "other" }), other] });
  await test.run("10s sick api | 30s");
  void say(test, "refuse");
  await test.run("31s well api | 60s");
  assert.deepEqual([did(test), outcomes(test)], [["switch"], ["refused", "verified"]]);
  await test.stop();
});
