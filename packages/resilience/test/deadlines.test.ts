import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { manualSystem } from "@prunella/resilience/testing";
import { coarseMsMin, Deadline, grainMs, Lane, laneOf } from "../src/deadlines.ts";

const lengths = fc.oneof(fc.nat(100), fc.nat(6000), fc.nat(3_000_000), fc.nat(15 * 86_400_000));

class Alarm extends Deadline {
  readonly fire: () => void;
  constructor(fire: () => void) {
    super();
    this.fire = fire;
  }
  onDue(): void {
    this.fire();
  }
}

test("deadlines are never early and at most two grains late, whatever is added and removed when", async () => {
  await fc.assert(
    fc.asyncProperty(
      lengths,
      fc.array(fc.record({ after: fc.nat(40), removeAfter: fc.option(lengths) }), { maxLength: 40 }),
      async (length, plans) => {
        const system = manualSystem();
        const timers = manualSystem();
        const fired: { planned: number; at: number }[] = [];
        let left = 0;
        // The lane's timers are counted apart from those of this test.
        const lane = new Lane(
          {
            ...system,
            setTimer(fire, ms) {
              const counted = timers.setTimer(() => {}, ms);
              const timer = system.setTimer(() => (counted.cancel(), fire()), ms);
              return { cancel: () => (counted.cancel(), timer.cancel()) };
            },
          },
          length,
          false,
        );
        for (const plan of plans) {
          await system.advance(plan.after);
          assert.ok(timers.pending <= 1, `${timers.pending} timers at a time`);
          const planned = system.now() + length;
          const alarm = new Alarm(() => {
            left -= 1;
            fired.push({ planned, at: system.now() });
          });
          left += 1;
          lane.add(alarm);
          if (plan.removeAfter !== null) {
            system.setTimer(() => {
              if (alarm.next === undefined) return;
              lane.remove(alarm);
              left -= 1;
            }, plan.removeAfter);
          }
        }
        await system.advance(20 * 86_400_000);
        assert.equal(left, 0);
        for (const { planned, at } of fired) {
          assert.ok(at >= planned, `early by ${planned - at}`);
          assert.ok(at <= planned + 2 * grainMs, `late by ${at - planned}`);
        }
        assert.equal(system.pending, 0, "an empty lane leaves no timer");
      },
    ),
    { numRuns: 200 },
  );
});

test("a lane that waits for something far away sleeps instead of ticking", async () => {
  const system = manualSystem();
  let timers = 0;
  const counted = { ...system, setTimer: (fire: () => void, ms: number) => ((timers += 1), system.setTimer(fire, ms)) };
  const lane = new Lane(counted, 3_600_000, false);
  let fired = false;
  lane.add(new Alarm(() => (fired = true)));
  await system.advance(3_600_010);
  assert.equal(fired, true);
  assert.ok(timers <= 3, `${timers} timers for an hour`);
});

test("a deadline that is alone is late by the one grain in which it was dated", async () => {
  for (const gapMs of [0, 3]) {
    const system = manualSystem();
    const lane = new Lane(system, 1000, false);
    let at = 0;
    await system.advance(gapMs);
    lane.add(new Alarm(() => (at = system.now())));
    await system.advance(2000);
    assert.equal(at, gapMs + 1000 + grainMs);
  }
});

test("a lane keeps the process alive when its owner asks for it, and not otherwise", async () => {
  for (const keepAlive of [true, false]) {
    const system = manualSystem();
    const asked = new Set<boolean | undefined>();
    const heard = {
      ...system,
      setTimer: (fire: () => void, ms: number, alive?: boolean) => (asked.add(alive), system.setTimer(fire, ms)),
    };
    laneOf(heard, 1000, keepAlive)?.add(new Alarm(() => {}));
    await system.advance(2000);
    assert.deepEqual([...asked], [keepAlive]);
  }
});

test("what is out of its lane holds on to nobody who was beside it", () => {
  const lane = new Lane(manualSystem(), 1000, false);
  const alarms = [1, 2, 3].map(() => new Alarm(() => {}));
  for (const alarm of alarms) lane.add(alarm);
  for (const alarm of alarms) lane.remove(alarm);
  for (const { next, previous } of alarms) assert.deepEqual([next, previous], [undefined, undefined]);
});

test("calls that end before the next tick share one timer, and the last one leaves none", async () => {
  const system = manualSystem();
  let timers = 0;
  const counted = { ...system, setTimer: (fire: () => void, ms: number) => ((timers += 1), system.setTimer(fire, ms)) };
  const lane = new Lane(counted, 1000, false);
  for (let call = 0; call < 1000; call += 1) {
    const alarm = new Alarm(() => assert.fail("was removed"));
    lane.add(alarm);
    lane.remove(alarm);
    lane.remove(alarm);
  }
  assert.equal(timers, 1);
  await system.advance(grainMs);
  assert.equal(system.pending, 0);
});

test("the last deadline that is removed while its lane sleeps takes the timer with it", async () => {
  const system = manualSystem();
  const lane = new Lane(system, 60_000, false);
  const alarm = new Alarm(() => assert.fail("was removed"));
  lane.add(alarm);
  await system.advance(1000);
  assert.equal(system.pending, 1);
  lane.remove(alarm);
  assert.equal(system.pending, 0);
});

test("after a blocked event loop everything due fires once, in one turn, in the order of arrival", async () => {
  const system = manualSystem();
  let blockedMs = 0;
  const lane = new Lane({ ...system, now: () => system.now() + blockedMs }, 5000, false);
  const order: number[] = [];
  for (let at = 0; at < 700; at += 1) lane.add(new Alarm(() => order.push(at)));
  await system.advance(5);
  // The loop is blocked for an hour: time has passed when the timer fires.
  blockedMs = 3_600_000;
  await system.advance(5000);
  assert.deepEqual(
    order,
    Array.from({ length: 700 }, (_, at) => at),
  );
});

test("an entry added or removed by another entry's alarm is treated as any other", async () => {
  const system = manualSystem();
  const lane = new Lane(system, 100, false);
  const log: string[] = [];
  const victim = new Alarm(() => log.push("victim"));
  const again = new Alarm(() => log.push(`again ${system.now() >= 200}`));
  lane.add(
    new Alarm(() => {
      log.push("first");
      lane.remove(victim);
      lane.add(again);
    }),
  );
  lane.add(victim);
  await system.advance(199);
  assert.deepEqual(log, ["first"]);
  await system.advance(30);
  assert.deepEqual(log, ["first", "again true"]);
  assert.equal(system.pending, 0);
});

test("an alarm that throws does not cost the others theirs", async () => {
  const system = manualSystem();
  const lane = new Lane(system, 100, false);
  const log: string[] = [];
  lane.add(
    new Alarm(() => {
      throw new Error("bug");
    }),
  );
  lane.add(new Alarm(() => log.push("second")));
  await assert.rejects(system.advance(200), /bug/);
  await system.advance(200);
  assert.deepEqual(log, ["second"]);
  assert.equal(system.pending, 0);
});

test("owners of one length share a lane, short and endless ones have none, and the number of lanes is bounded", () => {
  const system = manualSystem();
  assert.equal(laneOf(system, 1000, true), laneOf(system, 1000, true));
  assert.notEqual(laneOf(system, 1000, true), laneOf(system, 1000, false));
  assert.notEqual(laneOf(system, 1000, true), laneOf(system, 2000, true));
  assert.notEqual(laneOf(system, 1000, true), laneOf(manualSystem(), 1000, true));
  assert.equal(laneOf(system, coarseMsMin - 1, true), undefined);
  assert.equal(laneOf(system, Infinity, true), undefined);
  assert.notEqual(laneOf(system, coarseMsMin, true), undefined);
  // Four are there.
  for (let length = 0; length < 995; length += 1) laneOf(system, 10_000 + length, true);
  assert.equal(laneOf(system, 88_888, true), laneOf(system, 88_888, true), "the last one within the bound");
  assert.notEqual(laneOf(system, 99_999, true), laneOf(system, 99_999, true), "beyond the bound: one to itself");
  assert.equal(laneOf(system, 1000, true), laneOf(system, 1000, true));
});
