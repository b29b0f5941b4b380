// Shares of the machine by need: raised step by step while that helps, taken back when the need is gone or a neighbour falls ill.
import { ownTarget, type ShareRule, type StepOutcome } from "@prunella/core";
import { memoryDisk } from "@prunella/core/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpCheck, startAt, world, type TestWorld } from "./harness.ts";

const rule: ShareRule = {
  service: "web",
  resource: "cpu",
  base: 100,
  most: 800,
  metric: "cpuWaitShare",
  target: 0.2,
  upAfterMs: 15_000,
  downAfterMs: 60_000,
  coolDownMs: 30_000,
  neighbours: ["batch"],
};

/** web waits for a processor as long as batch is at work, and the less the more weight it has. */
async function pair(
  busy: (second: number) => boolean,
  of: Partial<ShareRule> = {},
  helps = true,
  disk = memoryDisk(),
): Promise<TestWorld & { weight: () => number }> {
  let weight = 100;
  const targets = [
    { key: "web", checks: [httpCheck] },
    { key: "batch", group: "batch", checks: [httpCheck] },
  ];
  const test = await world({ targets, disk, shares: [{ ...rule, ...of }] });
  test.services.get("web")!.values = (second) => ({
    cpuWeight: weight,
    cpuWaitShare: !busy(second) ? 0.01 : helps ? 100 / (weight + 100) : 0.5,
  });
  test.answers.perform = async (order): Promise<StepOutcome> => {
    assert.ok(order.action.type === "share");
    weight = order.action.to;
    return { kind: "succeeded", detail: `weight ${weight}` };
  };
  return { ...test, weight: () => weight };
}
const weights = (test: TestWorld): number[] =>
  test.orders.flatMap((order) => (order.action.type === "share" ? [order.action.to] : []));

test("a service in need gets more until the need is met, and gives it back when the need has been gone for long", async () => {
  const test = await pair((second) => second < 300);
  await test.run("290s");
  assert.deepEqual(weights(test), [200, 400], "100/(400+100) is 0.2: no more need");
  const said = test.transitions().find((each) => each.from === null && each.subject === "repair");
  assert.match(said?.why ?? "", /cpuWaitShare is 0\.500, above 0\.200: CPU weight 100 -> CPU weight 200 for web/);
  await test.run("700s");
  assert.deepEqual(weights(test), [200, 400, 200, 100]);
  assert.ok(
    [...test.disk.repairs.values()].every((run) => run.state.name === "ended" && run.state.outcome === "verified"),
  );
  assert.equal(test.disk.incidents.size, 0);
  await test.stop();
});

test("a spike shorter than the stretch changes nothing, nor does a pause let anything be changed", async () => {
  const spiky = await pair((second) => second % 20 < 10);
  await spiky.run("300s");
  assert.deepEqual(weights(spiky), []);
  await spiky.stop();
  const paused = await pair(() => true);
  await paused.engine.command({ type: "pause", target: null, why: "test", forMs: null, by: "person:a" });
  await paused.run("100s");
  assert.deepEqual(weights(paused), []);
  await paused.stop();
});

test("more that does not help is taken back, and tried ever more rarely", async () => {
  const test = await pair(() => true, {}, false);
  await test.run("600s");
  const all = weights(test);
  assert.ok(
    all.every((weight, at) => weight === (at % 2 === 0 ? 200 : 100)),
    all.join(),
  );
  const raises = [...test.disk.repairs.values()].map((run) => run.createdAt);
  const waits = raises.slice(1).map((at, index) => at - raises[index]!);
  assert.ok(waits.length >= 2 && waits.every((wait, at) => at === 0 || wait > 1.4 * waits[at - 1]!), waits.join());
  assert.equal(test.weight(), 100);
  await test.stop();
});

test("what one got is taken back when a neighbour falls ill of it", async () => {
  const test = await pair(() => true, { most: 200 });
  await test.run("70s");
  assert.equal(test.weight(), 200);
  await test.run("70s sick batch | 130s");
  assert.equal(test.weight(), 100);
  const why = test.transitions().findLast((each) => each.from === null && each.why.includes("CPU weight"))?.why ?? "";
  assert.match(why, /batch has fallen ill since web got more/);
  await test.stop();
});

test("the highest weight is never exceeded, and a service without a control group is left alone", async () => {
  const test = await pair(() => true, { most: 300, target: 0.05 });
  await test.run("400s");
  assert.deepEqual(weights(test), [200, 300]);
  await test.stop();
  const without = await pair(() => true);
  without.services.get("web")!.values = () => ({ cpuWaitShare: 0.5 });
  await without.run("100s");
  assert.deepEqual(weights(without), []);
  await without.stop();
});

test("a memory limit is raised only while the machine has room, and what is in use decides when it goes back", async () => {
  const megabyte = 1e6;
  const memory = { resource: "memory", base: 100 * megabyte, most: 200 * megabyte } as const;
  let free = 0.5;
  let used = 95 * megabyte;
  let limit = 100 * megabyte;
  const test = await world({
    targets: [{ key: "web", checks: [httpCheck] }],
    shares: [{ ...rule, ...memory, metric: "memoryUsedShare", target: 0.9, neighbours: [] }],
  });
  test.services.get("web")!.values = () => ({ memoryLimitBytes: limit, memoryUsedShare: used / limit });
  test.answers.perform = async (order): Promise<StepOutcome> => {
    assert.ok(order.action.type === "share" && order.action.resource === "memory");
    limit = order.action.to;
    return { kind: "succeeded", detail: "" };
  };
  const machine = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      const values = { machineMemoryBytes: 1_000 * megabyte, machineMemoryFreeBytes: free * 1_000 * megabyte };
      await test.engine.ingest([{ type: "sample", target: ownTarget, at: startAt + test.system.now(), values }]);
      await test.advance(1_000);
    }
  };
  free = 0.11;
  await machine(60);
  assert.equal(limit, 100 * megabyte, "25 MB more would leave less than a tenth free");
  free = 0.5;
  await machine(60);
  assert.equal(limit, 125 * megabyte);
  used = 60 * megabyte;
  await machine(120);
  assert.equal(limit, 100 * megabyte);
  await test.stop();
});
