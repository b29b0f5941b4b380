// A check that fails again and again and never often enough in a row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpCheck, world, type TestWorld } from "./harness.ts";

/** Whether the check passes, by the second. */
async function checked(passes: (second: number) => boolean, heals = true): Promise<TestWorld> {
  const test = await world({ targets: [{ key: "api", checks: [httpCheck] }] });
  const api = test.services.get("api")!;
  const { pid } = api;
  // Taken at the end of each round of observations, for the next one.
  api.values = (second) => {
    api.healthy = (heals && api.pid !== pid) || passes(second + 1);
    return {};
  };
  return test;
}
const kinds = (test: TestWorld): string[] => [...test.disk.incidents.values()].map(({ kind }) => kind);
const repairs = (test: TestWorld): string[] => [...test.disk.repairs.values()].map(({ remedy }) => remedy.name);

test("a service that answers every second time is found, and restarted once when that helps", async () => {
  const test = await checked((second) => second < 10 || second % 2 === 0);
  await test.run("90s");
  assert.deepEqual([kinds(test), repairs(test)], [["unhealthy"], ["restart-stalled"]]);
  const [incident] = [...test.disk.incidents.values()];
  assert.match(incident?.summary ?? "", /fails its check http again and again: refused/);
  assert.equal(incident?.outcome, "recovered");
  await test.stop();
});

test("a service that flaps for ever is handed to a person, within the budget of its restarts", async () => {
  const test = await checked((second) => second < 10 || second % 5 < 3, false);
  await test.run("900s");
  assert.ok(kinds(test).every((kind) => kind === "unhealthy"));
  assert.ok(repairs(test).length <= 6, repairs(test).join());
  assert.ok(test.notifications.some((each) => each.kind === "escalation"));
  await test.stop();
});

test("one outage that ends, a check that is slow now and then, and a start that takes long are no flapping", async () => {
  const fine: readonly ((second: number) => boolean)[] = [
    // Shorter than three in a row, four times a minute.
    (second) => second % 15 > 1,
    (second) => second % 10 !== 0,
    (second) => second < 20 || second > 21,
  ];
  for (const passes of fine) {
    const test = await checked(passes, false);
    await test.run("300s");
    assert.deepEqual([kinds(test), repairs(test)], [[], []]);
    await test.stop();
  }
});
