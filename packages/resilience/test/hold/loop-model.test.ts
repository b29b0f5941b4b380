// When a loop's iterations begin, against a plain calendar; and what is told when it stalls, stops and starts again.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { loop, TimeoutError, type Iteration } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

interface Cost {
  readonly ms: number;
  readonly fails: boolean;
}

interface Times {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly wakeGapMs: number;
}

const abandonedMax = 2;

/** What should happen, written down event by event. */
class Calendar {
  readonly times: Times;
  readonly costs: readonly Cost[];
  readonly starts: number[] = [];
  readonly counts = { started: 0, completed: 0, failed: 0, stalled: 0, skipped: 0, woken: 0 };
  /** Ends of the iterations that were given up. */
  deaf: number[] = [];
  now = 0;
  due = 0;
  woken = false;
  current: { readonly at: number; readonly cost: Cost; readonly endsAt: number } | undefined;
  lastMs = 0;
  lateMs = 0;

  constructor(times: Times, costs: readonly Cost[]) {
    this.times = times;
    this.costs = costs;
  }

  plan(from: number): void {
    const { intervalMs, wakeGapMs } = this.times;
    const next = (Math.floor(from / intervalMs) + 1) * intervalMs;
    this.due = this.woken ? Math.min(this.now + wakeGapMs, next) : next;
  }

  wake(): void {
    if (this.woken) return;
    this.woken = true;
    if (this.current === undefined) this.plan(this.now);
  }

  end({ at, cost }: NonNullable<Calendar["current"]>): void {
    const { intervalMs, timeoutMs } = this.times;
    this.current = undefined;
    this.lastMs = this.now - at;
    if (cost.ms < timeoutMs) {
      this.counts[cost.fails ? "failed" : "completed"] += 1;
      this.plan(this.now);
    } else {
      this.counts.stalled += 1;
      this.deaf.push(at + cost.ms);
      // A period that begins about where the stall ends is not lost.
      this.plan(at + timeoutMs - intervalMs / 10);
    }
  }

  begin(): void {
    this.deaf = this.deaf.filter((endsAt) => endsAt > this.now);
    if (this.deaf.length >= abandonedMax) {
      this.counts.skipped += 1;
      this.woken = false;
      this.plan(this.now);
      return;
    }
    this.lateMs = this.now - this.due;
    if (this.woken) this.counts.woken += 1;
    this.woken = false;
    this.starts.push(this.now);
    this.counts.started += 1;
    const cost = this.costs[this.counts.started % this.costs.length] as Cost;
    this.current = { at: this.now, cost, endsAt: this.now + Math.min(cost.ms, this.times.timeoutMs) };
  }

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const at = this.current?.endsAt ?? Math.max(this.now, this.due);
      if (at > until) break;
      this.now = at;
      if (this.current === undefined) this.begin();
      else this.end(this.current);
    }
    this.now = until;
    this.deaf = this.deaf.filter((endsAt) => endsAt > until);
  }
}

test("iterations begin when a plain calendar says, whatever they cost and whoever wakes the loop", async () => {
  const command = fc.oneof(fc.constant("wake" as const), fc.integer({ min: 1, max: 250 }));
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        intervalMs: fc.constantFrom(40, 100),
        timeoutMs: fc.constantFrom(40, 100, 104, 255),
        wakeGapMs: fc.constantFrom(0, 30, 500),
      }),
      fc.array(fc.record({ ms: fc.constantFrom(0, 0, 1, 10, 60, 150, 600), fails: fc.boolean() }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.array(command, { maxLength: 30, size: "max" }),
      async (times, costs, commands) => {
        const system = manualSystem();
        const calendar = new Calendar(times, costs);
        const starts: number[] = [];
        const own = loop({
          system,
          ...times,
          abandonedMax,
          run: async ({ number, deadline }) => {
            starts.push(system.now());
            assert.equal(deadline, system.now() + times.timeoutMs);
            const { ms, fails } = costs[number % costs.length] as Cost;
            if (ms > 0) await new Promise<void>((resolve) => void system.setTimer(resolve, ms));
            if (fails) throw new Error("no");
          },
        });
        own.start();
        for (const each of [0, ...commands]) {
          if (each === "wake") {
            own.wake();
            calendar.wake();
          }
          const ms = each === "wake" ? 0 : each;
          await system.advance(ms);
          calendar.advance(ms);
          assert.deepEqual(starts, calendar.starts);
          const { state, values, counts } = own.snapshot();
          const { failed, stalled, skipped } = calendar.counts;
          assert.deepEqual(counts, { ...calendar.counts, trips: failed + stalled + skipped });
          const { deaf, lastMs, lateMs, current } = calendar;
          assert.deepEqual(values, {
            intervalMs: times.intervalMs,
            inFlight: current === undefined ? 0 : 1,
            abandoned: deaf.length,
            lastMs,
            lateMs,
          });
          assert.equal(state, deaf.length > 0 ? "stalled" : "ok");
        }
        void own.stop();
        await system.advance(1000);
        assert.equal(system.pending, 0);
        assert.equal(own.snapshot().counts["started"], starts.length);
      },
    ),
    { numRuns: 60 },
  );
});

/** A loop whose iterations end when the test says; `heard` has its events with their levels. */
function manual(options: Partial<Parameters<typeof loop>[0]> = {}) {
  const system = manualSystem();
  const iterations: (Iteration & { end(): void })[] = [];
  const own = loop({
    system,
    intervalMs: 100,
    run: (iteration) => new Promise<void>((end) => void iterations.push({ ...iteration, end })),
    ...options,
  });
  const heard: string[] = [];
  own.listen(({ event, level, detail }) => heard.push(`${event}:${level} ${JSON.stringify(detail)}`));
  return { system, own, iterations, heard };
}

test("what a loop tells of a stall, of what it gave up, and of its end", async () => {
  const errors: [unknown, number][] = [];
  const { system, own, iterations, heard } = manual({ onError: (error, number) => errors.push([error, number]) });
  own.start();
  await system.advance(100);
  iterations[1]?.end();
  await system.advance(50);
  iterations[0]?.end();
  await system.advance(0);
  const stopped = own.stop();
  await stopped;
  assert.deepEqual(heard, [
    'started:info {"intervalMs":100}',
    'stalled:trip {"iteration":1,"timeoutMs":100,"abandoned":1}',
    'resumed:info {"iteration":2}',
    "recovered:info {}",
    'stopped:info {"leftRunning":false}',
  ]);
  assert.deepEqual(
    errors.map(([error, number]) => [error instanceof TimeoutError, number]),
    [[true, 1]],
  );
});

test("a stall whose iteration ends before the next has done its work is not told as resumed", async () => {
  const { system, own, iterations, heard } = manual();
  own.start();
  await system.advance(120);
  iterations[0]?.end();
  await system.advance(0);
  iterations[1]?.end();
  await system.advance(0);
  assert.deepEqual(
    heard.slice(1).map((each) => each.split(" ")[0]),
    ["stalled:trip", "recovered:info"],
  );
  await own.stop();
});

test("an iteration that a stop gives up is told as left running, and is heard of no more when it ends", async () => {
  const { system, own, iterations, heard } = manual();
  own.start();
  await system.advance(10);
  let ended = false;
  void own.stop().then(() => (ended = true));
  assert.equal(iterations[0]?.signal.aborted, true);
  await system.advance(89);
  assert.equal(ended, false);
  await system.advance(1);
  assert.equal(ended, true);
  assert.equal(own.snapshot().values["abandoned"], 1);
  iterations[0]?.end();
  await system.advance(0);
  assert.equal(own.snapshot().values["abandoned"], 0);
  assert.deepEqual(heard, ['started:info {"intervalMs":100}', 'stopped:trip {"leftRunning":true}']);
});

test("a loop that begins anew while a stop's last iteration runs on has not resumed: it never stalled", async () => {
  const { system, own, iterations, heard } = manual();
  own.start();
  const stopped = own.stop();
  await system.advance(100);
  await stopped;
  own.start();
  iterations[1]?.end();
  await system.advance(0);
  assert.equal(own.snapshot().state, "stalled", "the first one still runs");
  iterations[0]?.end();
  await system.advance(0);
  await own.stop();
  assert.deepEqual(
    heard.map((each) => each.split(":")[0]),
    ["started", "stopped", "started", "recovered", "stopped"],
  );
});

test("a loop that is started and stopped while it stops sets no timer when it has", async () => {
  const { system, own, iterations } = manual();
  own.start();
  const stopped = own.stop();
  own.start();
  void own.stop();
  iterations[0]?.end();
  await stopped;
  await Promise.resolve();
  assert.equal(system.pending, 0);
});

test("skipped periods are told and counted, and a wake among them is not remembered", async () => {
  const { system, own, iterations, heard } = manual({ abandonedMax: 1 });
  own.start();
  await system.advance(100);
  assert.equal(heard.at(-1), 'skipped:trip {"abandoned":1,"abandonedMax":1}');
  own.wake();
  await system.advance(0);
  iterations[0]?.end();
  await system.advance(50);
  assert.equal(iterations.length, 1);
  await system.advance(50);
  assert.equal(iterations.length, 2);
  assert.deepEqual([own.snapshot().counts["skipped"], own.snapshot().counts["woken"]], [2, 0]);
  void own.stop();
  await system.advance(100);
});

test("a loop that is stopped and started several times while it stops begins once", async () => {
  const { system, own, iterations, heard } = manual();
  own.start();
  await system.advance(10);
  const stops = [own.stop()];
  for (let again = 0; again < 3; again += 1) {
    own.start();
    own.wake();
    if (again < 2) stops.push(own.stop());
  }
  assert.equal(own.running, true);
  await system.advance(10);
  assert.equal(iterations.length, 1);
  iterations[0]?.end();
  await system.advance(0);
  await Promise.all(stops);
  assert.equal(iterations.length, 2);
  assert.equal(heard.filter((each) => each.startsWith("stopped")).length, 1);
  assert.equal(system.pending, 1, "its own bound");
  void own.stop();
  await system.advance(100);
  assert.equal(system.pending, 0);
});

test("a stop takes the wake with it, and one while nothing runs ends at once", async () => {
  const { system, own, iterations, heard } = manual({ wakeGapMs: 20 });
  own.start();
  await system.advance(0);
  iterations[0]?.end();
  await system.advance(0);
  own.wake();
  await own.stop();
  assert.equal(system.pending, 0);
  own.start();
  iterations[1]?.end();
  await system.advance(50);
  assert.deepEqual([iterations.length, own.snapshot().counts["woken"]], [2, 0]);
  await own.stop();
  assert.equal(heard.length, 4);
});

test("a loop keeps the process alive while it waits when it is asked to, and not otherwise", async () => {
  for (const keepAlive of [undefined, true, false]) {
    const system = manualSystem();
    const asked: unknown[] = [];
    const own = loop({
      system: { ...system, setTimer: (fire, ms, alive) => (asked.push(alive), system.setTimer(fire, ms)) },
      intervalMs: 100,
      run: () => {},
      ...(keepAlive === undefined ? {} : { keepAlive }),
    });
    own.start();
    await system.advance(0);
    assert.equal(asked.at(-1), keepAlive ?? false);
    await own.stop();
  }
});
