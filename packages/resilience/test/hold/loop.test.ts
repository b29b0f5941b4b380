import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { loop, TimeoutError } from "@prunella/resilience";
import type { GuardEvent } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

const never = (): Promise<never> => new Promise(() => {});

test("CRIT-001: an unbounded loop stops for ever at an iteration that never ends; a bounded one goes on", async () => {
  const system = manualSystem();
  let naive = 0;
  const unbounded = async (): Promise<void> => {
    naive += 1;
    await (naive === 3 ? never() : undefined);
    system.setTimer(() => void unbounded(), 100);
  };
  void unbounded();

  const starts: number[] = [];
  const bounded = loop({
    system,
    intervalMs: 100,
    run: ({ number }) => {
      starts.push(system.now());
      return number === 3 ? never() : undefined;
    },
  });
  bounded.start();
  await system.advance(1000);
  assert.equal(naive, 3);
  assert.deepEqual(starts, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  assert.equal(bounded.snapshot().counts["stalled"], 1);
  await bounded.stop();
});

test("a stalled iteration hears it through its signal, and the stall is told", async () => {
  const system = manualSystem();
  const events: GuardEvent[] = [];
  let reason: unknown;
  const own = loop({
    name: "detection",
    system,
    intervalMs: 50,
    run: ({ signal, number }) =>
      number > 1
        ? undefined
        : new Promise((resolve) => signal.addEventListener("abort", () => resolve((reason = signal.reason)))),
  });
  own.listen((event) => events.push(event));
  own.start();
  await system.advance(60);
  assert.ok(reason instanceof TimeoutError);
  assert.deepEqual(
    events.map(({ event, level }) => `${event}:${level}`),
    ["started:info", "stalled:trip", "recovered:info"],
  );
  assert.equal(own.snapshot().values["abandoned"], 0, "it obeyed");
  await own.stop();
});

test("what was given up and never ends: that the loop goes on all the same is told, once", async () => {
  const system = manualSystem();
  const events: string[] = [];
  const own = loop({
    system,
    intervalMs: 50,
    run: ({ number }) => (number > 1 ? undefined : new Promise(() => {})),
  });
  own.listen(({ event }) => events.push(event));
  own.start();
  await system.advance(300);
  assert.deepEqual(events, ["started", "stalled", "resumed"]);
  assert.equal(own.snapshot().values["abandoned"], 1);
  await own.stop();
});

test("periods are kept, not caught up, after a slow iteration", async () => {
  const system = manualSystem();
  const starts: number[] = [];
  const own = loop({
    system,
    intervalMs: 100,
    timeoutMs: 1000,
    run: ({ number }) => {
      starts.push(system.now());
      return number === 1 ? new Promise<void>((resolve) => void system.setTimer(resolve, 250)) : undefined;
    },
  });
  own.start();
  await system.advance(500);
  assert.deepEqual(starts, [0, 300, 400, 500]);
  await own.stop();
});

test("wake is level-triggered: many wakes during an iteration make one more", async () => {
  const system = manualSystem();
  const starts: number[] = [];
  const own = loop({
    system,
    intervalMs: 1000,
    run: ({ number }) => {
      starts.push(system.now());
      if (number === 1) for (let at = 0; at < 50; at += 1) own.wake();
    },
  });
  own.start();
  await system.advance(10);
  assert.deepEqual(starts, [0, 0]);
  own.wake();
  await system.advance(10);
  assert.equal(starts.length, 3);
  await system.advance(990);
  assert.deepEqual(starts, [0, 0, 10, 1000], "the period is kept");
  await own.stop();
});

test("an error is counted and the loop goes on", async () => {
  const system = manualSystem();
  const errors: unknown[] = [];
  const own = loop({
    system,
    intervalMs: 10,
    run: () => {
      throw new Error("bad day");
    },
    onError: (error) => {
      errors.push(error);
      throw new Error("worse hook");
    },
  });
  own.start();
  await system.advance(25);
  assert.equal(errors.length, 3);
  assert.equal(own.snapshot().counts["failed"], 3);
  await own.stop();
});

test("stop waits for an obedient iteration, starts no other, and leaves no timer", async () => {
  const system = manualSystem();
  let ended = false;
  const own = loop({
    system,
    intervalMs: 100,
    run: ({ signal }) =>
      new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => void system.setTimer(() => ((ended = true), resolve()), 20)),
      ),
  });
  own.start();
  await system.advance(10);
  const stopping = own.stop();
  assert.equal(ended, false);
  await system.advance(20);
  await stopping;
  assert.equal(ended, true);
  assert.equal(system.pending, 0);
  await system.advance(1000);
  assert.equal(own.snapshot().counts["started"], 1);
});

test("stop gives up a deaf iteration at its deadline", async () => {
  const system = manualSystem();
  const own = loop({ system, intervalMs: 100, run: never });
  own.start();
  await system.advance(30);
  let stopped = false;
  void own.stop().then(() => (stopped = true));
  await system.advance(69);
  assert.equal(stopped, false);
  await system.advance(1);
  assert.equal(stopped, true);
  assert.equal(system.pending, 0);
});

test("iterations that never end are bounded in number", async () => {
  const system = manualSystem();
  const own = loop({ system, intervalMs: 10, abandonedMax: 3, run: never });
  own.start();
  await system.advance(200);
  const { values, counts } = own.snapshot();
  assert.equal(values["abandoned"], 3);
  assert.equal(counts["started"], 3);
  assert.ok((counts["skipped"] ?? 0) > 10);
  await own.stop();
});

test("any mix of starting, waking, stopping and slow or failing work never overlaps within the bound", async () => {
  const step = fc.oneof(fc.constantFrom("start", "stop", "wake"), fc.integer({ min: 1, max: 150 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.integer({ min: 0, max: 250 })),
      async (steps, costs) => {
        const system = manualSystem();
        let live = 0;
        let overlaps = 0;
        const own = loop({
          system,
          intervalMs: 100,
          run: async ({ number, signal }) => {
            if (live > 0) overlaps += 1;
            live += 1;
            const ms = costs[number % Math.max(1, costs.length)] ?? 5;
            await new Promise<void>((resolve) => {
              const timer = system.setTimer(resolve, ms);
              signal.addEventListener("abort", () => {
                timer.cancel();
                resolve();
              });
            });
            live -= 1;
            if (ms % 7 === 0) throw new Error("seven");
          },
        });
        for (const each of steps) {
          if (typeof each === "number") await system.advance(each);
          else if (each === "stop") void own.stop();
          else own[each]();
        }
        const stopping = own.stop();
        await system.advance(300);
        await stopping;
        assert.equal(live, 0);
        assert.equal(overlaps, 0, "one at a time, also over stops and starts");
        assert.equal(system.pending, 0);
        const { counts } = own.snapshot();
        assert.ok(
          (counts["started"] ?? 0) >= (counts["completed"] ?? 0) + (counts["failed"] ?? 0) + (counts["stalled"] ?? 0),
        );
      },
    ),
  );
});

test("periods are counted from the start, whenever that was", async () => {
  const system = manualSystem();
  await system.advance(67);
  const starts: number[] = [];
  const own = loop({ system, intervalMs: 100, run: () => void starts.push(system.now()) });
  own.start();
  own.start();
  assert.equal(own.running, true);
  await system.advance(250);
  assert.deepEqual(starts, [67, 167, 267]);
  assert.equal(own.snapshot().state, "ok");
  await own.stop();
  assert.equal(own.snapshot().state, "stopped");
});

test("a woken iteration keeps its distance, and a loop that is stopped is not woken", async () => {
  const system = manualSystem();
  const starts: number[] = [];
  const own = loop({ system, intervalMs: 1000, wakeGapMs: 40, run: () => void starts.push(system.now()) });
  own.wake();
  own.start();
  await system.advance(10);
  own.wake();
  await system.advance(100);
  assert.deepEqual(starts, [0, 50]);
  assert.equal(own.snapshot().counts["woken"], 1);
  await own.stop();
  own.wake();
  await system.advance(5000);
  assert.equal(starts.length, 2);
});

test("a loop that is started again while it stops begins when the last iteration has ended", async () => {
  const system = manualSystem();
  const log: string[] = [];
  const own = loop({
    system,
    intervalMs: 100,
    run: ({ number, signal }) => {
      log.push(`${number} at ${system.now()}`);
      return new Promise<void>((resolve) =>
        signal.addEventListener(
          "abort",
          () => void system.setTimer(() => (log.push(`${number} ended`), resolve()), 20),
        ),
      );
    },
  });
  own.start();
  await system.advance(10);
  const stopping = own.stop();
  own.start();
  await system.advance(30);
  await stopping;
  assert.deepEqual(log, ["1 at 0", "1 ended", "2 at 30"]);
  assert.equal(own.snapshot().values["abandoned"], 0);
  const again = own.stop();
  await system.advance(100);
  await again;
  assert.equal(system.pending, 0);
});
