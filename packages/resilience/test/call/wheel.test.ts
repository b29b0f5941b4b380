import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Wheel, WheelEntry, wheelGrainMs as grainMs, wheelOf } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

const delays = fc.oneof(fc.nat(100), fc.nat(6000), fc.nat(3_000_000), fc.nat(15 * 86_400_000));

class Alarm extends WheelEntry {
  readonly fire: () => void;
  constructor(fire: () => void) {
    super();
    this.fire = fire;
  }
  onDue(): void {
    this.fire();
  }
}

test("entries are never early and at most two grains late, whatever is added and removed when", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ after: fc.nat(40), delay: delays, removeAfter: fc.option(delays) }), {
        maxLength: 40,
      }),
      async (plans) => {
        const system = manualSystem();
        const wheel = new Wheel(system, false);
        const fired: { planned: number; at: number }[] = [];
        let left = 0;
        for (const plan of plans) {
          await system.advance(plan.after);
          const planned = system.now() + plan.delay;
          const alarm = new Alarm(() => {
            left -= 1;
            fired.push({ planned, at: system.now() });
          });
          left += 1;
          wheel.add(alarm, plan.delay);
          if (plan.removeAfter !== null) {
            system.setTimer(() => {
              if (alarm.next === undefined) return;
              wheel.remove(alarm);
              left -= 1;
            }, plan.removeAfter);
          }
        }
        await system.advance(20 * 86_400_000);
        assert.equal(left, 0);
        assert.equal(wheel.size, 0);
        for (const { planned, at } of fired) {
          assert.ok(at >= planned, `early by ${planned - at}`);
          assert.ok(at <= planned + 2 * grainMs, `late by ${at - planned}`);
        }
        assert.equal(system.pending, 0, "an empty wheel leaves no timer");
      },
    ),
    { numRuns: 200 },
  );
});

test("a wheel that waits for something far away sleeps instead of ticking", async () => {
  const system = manualSystem();
  let timers = 0;
  const counted = { ...system, setTimer: (fire: () => void, ms: number) => ((timers += 1), system.setTimer(fire, ms)) };
  const wheel = new Wheel(counted, false);
  let fired = false;
  wheel.add(new Alarm(() => (fired = true)), 3_600_000);
  await system.advance(3_600_010);
  assert.equal(fired, true);
  assert.ok(timers < 10, `${timers} timers for an hour`);
});

test("after a blocked event loop everything due fires once, in one turn", async () => {
  const system = manualSystem();
  let blockedMs = 0;
  const wheel = new Wheel({ ...system, now: () => system.now() + blockedMs }, false);
  let count = 0;
  for (let delay = 0; delay < 5000; delay += 7) wheel.add(new Alarm(() => (count += 1)), delay);
  await system.advance(5);
  // The loop is blocked for an hour: time has passed when the timer fires.
  blockedMs = 3_600_000;
  await system.advance(100);
  assert.equal(count, Math.ceil(5000 / 7));
});

test("an entry added or removed by another entry's alarm is treated as any other", async () => {
  const system = manualSystem();
  const wheel = new Wheel(system, false);
  const log: string[] = [];
  const victim = new Alarm(() => log.push("victim"));
  const again = new Alarm(() => log.push("again"));
  const first = new Alarm(() => {
    log.push("first");
    wheel.remove(victim);
    wheel.add(again, 0);
  });
  wheel.add(first, 100);
  wheel.add(victim, 100);
  await system.advance(200);
  assert.deepEqual(log, ["first", "again"]);
});

test("an alarm that throws does not cost the others theirs", async () => {
  const system = manualSystem();
  const wheel = new Wheel(system, false);
  const log: string[] = [];
  wheel.add(
    new Alarm(() => {
      throw new Error("bug");
    }),
    100,
  );
  wheel.add(new Alarm(() => log.push("second")), 100);
  await assert.rejects(system.advance(200), /bug/);
  await system.advance(200);
  assert.deepEqual(log, ["second"]);
  assert.equal(wheel.size, 0);
});

test("a system has one wheel that keeps the process alive and one that does not", () => {
  const system = manualSystem();
  assert.equal(wheelOf(system, true), wheelOf(system, true));
  assert.notEqual(wheelOf(system, true), wheelOf(system, false));
  assert.notEqual(wheelOf(system, true), wheelOf(manualSystem(), true));
});
