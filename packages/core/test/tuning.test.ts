// Scaling and tuning: numbers that follow what is measured, by the same journaled, verified and undoable runs as any repair.
import { wantedOf, type ScalingRule, type StepOutcome, type TuningRule } from "@prunella/core";
import { memoryDisk } from "@prunella/core/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpCheck, startAt, world, type TestWorld } from "./harness.ts";

const rule: ScalingRule = {
  service: "web",
  min: 1,
  max: 4,
  metric: "requestsInFlight",
  target: 10,
  upAfterMs: 15_000,
  downAfterMs: 60_000,
  coolDownMs: 30_000,
};

/** Four possible instances, the first of which runs; `work` is shared out among those that run. */
async function fleet(work: (second: number) => number, of: Partial<ScalingRule> = {}): Promise<TestWorld> {
  const targets = [0, 1, 2, 3].map((at) => ({ key: `web/${at}`, group: "web", checks: [httpCheck] }));
  const test = await world({ targets, scaling: [{ ...rule, ...of }] });
  const all = [...test.services.values()];
  const setTo = (count: number): void =>
    all.forEach((service, at) =>
      Object.assign(service, { running: at < count, wanted: at < count, pid: 500 + at, startedAt: test.system.now() }),
    );
  setTo(1);
  for (const service of all)
    service.values = (second) => ({ requestsInFlight: work(second) / all.filter((each) => each.running).length });
  test.answers.perform = async (order): Promise<StepOutcome> => {
    assert.ok(order.action.type === "scale" && order.action.to !== null);
    setTo(order.action.to);
    return { kind: "succeeded", detail: `${order.action.to} instances` };
  };
  await test.advance(1_000);
  return test;
}
const counts = (test: TestWorld): number[] =>
  test.orders.flatMap((order) => (order.action.type === "scale" ? [order.action.to ?? -1] : []));

test("as many instances are wanted as the load asks for, within bounds, and none for a tenth more or less", () => {
  const wanted = (instances: number, load: number): number => wantedOf(rule, instances, load);
  assert.deepEqual([wanted(2, 10), wanted(2, 11), wanted(2, 9)], [2, 2, 2]);
  assert.deepEqual([wanted(1, 25), wanted(2, 15), wanted(3, 1_000)], [3, 3, 4]);
  assert.deepEqual([wanted(3, 4), wanted(4, 0)], [2, 1]);
});

test("instances follow the load up after it has lasted, and down one by one after a longer calm", async () => {
  const test = await fleet((second) => (second < 200 ? 30 : 5));
  await test.run("600s");
  assert.deepEqual(counts(test), [2, 3, 2, 1]);
  const [up] = [...test.disk.repairs.values()];
  const said = test.transitions().find((each) => each.subjectId === up?.id && each.from === null);
  assert.match(said?.why ?? "", /requestsInFlight is 30 an instance, 10 is wanted: 1 -> 2 instances of web/);
  assert.equal(up?.approvedBy, "policy");
  assert.ok(
    [...test.disk.repairs.values()].every((run) => run.state.name === "ended" && run.state.outcome === "verified"),
  );
  assert.equal(test.disk.incidents.size, 0);
  await test.stop();
});

test("a spike shorter than the stretch changes nothing, and no flapping load makes it flap", async () => {
  const test = await fleet((second) => (second % 20 < 10 ? 60 : 2));
  await test.run("600s");
  assert.deepEqual(counts(test), []);
  await test.stop();
});

test("a pause and a storm hold scaling as they hold repairs", async () => {
  const test = await fleet(() => 30);
  await test.engine.command({ type: "pause", target: null, why: "test", forMs: null, by: "person:a" });
  await test.run("100s");
  assert.deepEqual(counts(test), []);
  await test.stop();
});

test("a change of number that makes the service ill is undone", async () => {
  const test = await fleet(() => 15);
  const perform = test.answers.perform!;
  test.answers.perform = async (order) => {
    const outcome = await perform(order);
    for (const service of test.services.values())
      service.healthy = order.action.type === "scale" && order.action.to === 1;
    return outcome;
  };
  await test.run("40s");
  assert.deepEqual(counts(test), [2, 1]);
  assert.equal([...test.disk.repairs.values()][0]?.state.name, "ended");
  await test.stop();
});

const knob: TuningRule = {
  name: "pool-size",
  target: "api",
  set: { guard: "db", control: "set-max" },
  min: 1,
  max: 20,
  step: 2,
  start: 5,
  metric: "latencyMsP95",
  goal: "lower",
  windowMs: 30_000,
  marginShare: 0.05,
};

/** A service whose latency is best at a pool of 11. */
async function tunable(disk = memoryDisk(), best = 11, start = 5): Promise<TestWorld & { value: () => number }> {
  let value = start;
  const test = await world({ disk, tuning: [{ ...knob, start }] });
  test.services.get("api")!.values = () => ({ latencyMsP95: 20 + 3 * Math.abs(value - best) });
  test.answers.perform = async (order): Promise<StepOutcome> => {
    assert.ok(order.action.type === "guard");
    value = Number(order.action.argument);
    return { kind: "succeeded", detail: `set to ${value}` };
  };
  return { ...test, value: () => value };
}

test("a knob climbs to where the objective is best, and what made it worse is taken back", async () => {
  const test = await tunable();
  await test.run("1500s");
  assert.equal(test.value(), 11);
  const outcomes = [...test.disk.repairs.values()].map((run) =>
    run.state.name === "ended" ? run.state.outcome : "live",
  );
  assert.deepEqual(outcomes.slice(0, 3), ["verified", "verified", "verified"]);
  assert.ok(outcomes.includes("failed"), "it tried beyond the best and came back");
  assert.equal(test.disk.settings.tuning?.["pool-size"]?.value, 11);
  await test.stop();
});

test("a knob never leaves its bounds, and turns round at them", async () => {
  const test = await tunable(memoryDisk(), 40, 15);
  await test.run("1500s");
  const values = test.orders.map((order) => (order.action.type === "guard" ? Number(order.action.argument) : -1));
  assert.ok(
    values.every((value) => value >= 1 && value <= 20),
    values.join(" "),
  );
  assert.ok(test.value() >= 19, `${test.value()}`);
  await test.stop();
});

test("a pool that is merely busy is what its size is tuned for: its incident holds nothing back", async () => {
  const test = await tunable();
  for (let second = 0; second < 150; second += 1) {
    const gauge = {
      guard: "pool",
      name: "db",
      state: "ok",
      values: { max: 5, lent: 5, waiting: 3 },
      counts: { released: second },
    };
    const gauges = { type: "gauges", target: "api", at: startAt + test.system.now(), gauges: [gauge] } as const;
    await test.engine.ingest([gauges]);
    await test.advance(1_000);
  }
  assert.deepEqual(
    [...test.disk.incidents.values()].map(({ kind, ripe, firing }) => [kind, ripe, firing]),
    [["pool-exhausted", false, true]],
  );
  assert.ok(test.value() > 5, `${test.value()}`);
  await test.stop();
});

test("what tuning has found out survives a restart, and nothing is tried on a target that is ill", async () => {
  const disk = memoryDisk();
  const first = await tunable(disk);
  await first.run("300s");
  const found = disk.settings.tuning?.["pool-size"]?.value ?? 0;
  assert.ok(found > 5);
  await first.stop();
  const second = await tunable(disk, 11, found);
  await second.run("5s sick api | 300s");
  assert.equal(second.orders.filter((order) => order.action.type === "guard").length, 0);
  assert.equal(disk.settings.tuning?.["pool-size"]?.value, found);
  await second.stop();
});
