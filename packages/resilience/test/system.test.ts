import assert from "node:assert/strict";
import { test } from "node:test";
import { realSystem } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

test("manual time fires timers in the order in which they are due", async () => {
  const system = manualSystem();
  const fired: string[] = [];
  system.setTimer(() => fired.push("second"), 20);
  system.setTimer(() => fired.push("first"), 10);
  await system.advance(15);
  assert.deepEqual(fired, ["first"]);
  await system.advance(5);
  assert.deepEqual(fired, ["first", "second"]);
  assert.equal(system.pending, 0);
});

test("a cancelled timer never fires", async () => {
  const system = manualSystem();
  const timer = system.setTimer(() => assert.fail("fired"), 10);
  timer.cancel();
  timer.cancel();
  await system.advance(20);
});

test("a real timer set for a month does not fire at once", async () => {
  let fired = false;
  const timer = realSystem.setTimer(() => (fired = true), 30 * 86_400_000);
  await new Promise((resolve) => setImmediate(resolve));
  timer.cancel();
  assert.equal(fired, false);
});
