// What a remedy's record earns it and costs it, and what an observing remedy learns.
import type { Incident, Remedy, Standing, StepOutcome } from "@prunella/core";
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpCheck, world, type TestWorld } from "./harness.ts";

const hour = 3_600_000;

function remedy(of: Partial<Remedy> = {}): Remedy {
  return {
    name: "fix",
    when: { kinds: ["unhealthy"], target: "api", labels: {} },
    steps: [{ action: { type: "restart", graceful: true }, timeoutMs: 5_000, undo: null }],
    mode: "auto",
    budgets: [{ scope: "target", runs: 20, windowMs: 24 * hour }],
    backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
    verify: { windowMs: 5_000, withinMs: 30_000 },
    recurrence: { windowMs: 1_000, max: 3, then: "stop" },
    next: null,
    source: "configuration",
    solution: "restarted by the script",
    ...of,
  };
}

/** A world whose repairs help, or do not. */
async function worldOf(of: Partial<Remedy>, helps = true): Promise<TestWorld> {
  const test = await world({ remedies: [remedy(of)] });
  test.answers.perform = async (order): Promise<StepOutcome> => {
    if (helps) test.services.get(order.target)!.healthy = true;
    return { kind: "succeeded", detail: "done" };
  };
  return test;
}
const standing = (test: TestWorld): Standing => test.disk.standings.get("fix")!;
const lastRepair = (test: TestWorld) => [...test.disk.repairs.values()].at(-1)!;
const lastIncident = (test: TestWorld): Incident => [...test.disk.incidents.values()].at(-1)!;
async function approve(test: TestWorld): Promise<void> {
  const done = test.engine.command({ type: "approve", repair: lastRepair(test).id, by: "person:a" });
  await test.advance(1_000);
  await done;
}

test("a remedy earns the next mode by runs verified in a row, and loses it by one that did not help", async () => {
  const test = await worldOf({ mode: "approve", earns: { verified: 2 } });
  for (const second of [10, 60]) {
    await test.run(`${second}s sick api | ${second + 10}s`);
    assert.equal(lastRepair(test).state.name, "proposed");
    await approve(test);
    await test.run(`${second + 40}s`);
  }
  assert.equal(standing(test).streak, 2);
  await test.run("120s sick api | 160s");
  assert.equal(lastRepair(test).approvedBy, "policy");
  assert.equal(standing(test).streak, 3);
  test.answers.perform = async () => ({ kind: "succeeded", detail: "done, and no better" });
  await test.run("200s sick api | 260s");
  assert.ok(standing(test).streak < 0);
  assert.equal(lastRepair(test).state.name, "proposed");
  await test.stop();
});

test("an automatic remedy that twice in a row did not help only suggests from then on, and says why", async () => {
  const test = await worldOf({}, false);
  await test.run("10s sick api | 300s");
  assert.equal(test.orders.length, 2);
  assert.equal(standing(test).demotedTo, "suggest");
  assert.match(standing(test).why ?? "", /2 runs in a row did not help/);
  assert.ok(test.transitions().some((each) => each.to === "demoted to suggest"));
  await test.stop();
});

test("a run on what a person calls noise is a misfire and costs the remedy its mode; taking it back is booked", async () => {
  const test = await worldOf({});
  await test.run("10s sick api | 40s");
  const incident = lastIncident(test);
  assert.equal(incident.outcome, "recovered");
  await test.engine.command({ type: "verdict", incident: incident.id, verdict: "noise", by: "person:a" });
  assert.equal(standing(test).misfired, 1);
  assert.equal(standing(test).demotedTo, "suggest");
  await test.engine.command({ type: "verdict", incident: incident.id, verdict: "real", by: "person:a" });
  assert.equal(standing(test).misfired, 0);
  await test.stop();
});

test("observing: a fault that passes by itself is a misfire that did not happen", async () => {
  const test = await worldOf({ mode: "observe" });
  await test.run("10s sick api | 20s well api | 60s");
  assert.equal(test.orders.length, 0);
  assert.deepEqual(standing(test).shadow, { wouldFix: 0, wouldMisfire: 1 });
  await test.stop();
});

test("observing: a fault that somebody mends by the same action is one that it would have fixed", async () => {
  const test = await worldOf({ mode: "observe" });
  await test.run("10s sick api | 30s");
  const done = test.engine.command({ type: "act", target: "api", action: "restart", why: "by hand", by: "person:a" });
  await test.run("80s");
  await done;
  assert.deepEqual(standing(test).shadow, { wouldFix: 1, wouldMisfire: 0 });
  await test.stop();
});

test("observing: a fault that stood for long and went without anybody is not held against it", async () => {
  const test = await worldOf({ mode: "observe" });
  await test.run("10s sick api | 100s well api | 150s");
  assert.equal(test.disk.standings.get("fix"), undefined);
  await test.stop();
});

const leaking = { targets: [{ key: "api", checks: [httpCheck], memoryBytesMax: 1e9 }] };

/** Second at which the leak was recycled. */
async function recycledAt(load: ((second: number) => number) | null): Promise<number> {
  const test = await world(leaking);
  test.services.get("api")!.load = load;
  await test.run("400s leak api 2 | 1000s");
  const repair = [...test.disk.repairs.values()][0];
  await test.stop();
  assert.ok(repair?.startedAt != null, "it was recycled");
  return (repair.startedAt - 1_700_000_000_000) / 1000;
}

test("a leak that is far from its limit is recycled at a quieter moment, and without one before the limit", async () => {
  const tide = (second: number): number => (second % 120 < 60 ? 100 : 5);
  const even = await recycledAt(() => 100);
  const waves = await recycledAt(tide);
  assert.equal(tide(even), 100, `even traffic has nothing to wait for (${even})`);
  assert.equal(tide(waves), 5, `it waited for the quieter moment (${waves})`);
  assert.ok(waves < 875, `and not beyond the limit (${waves})`);
});
