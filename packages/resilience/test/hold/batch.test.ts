import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { batch, ClosedError, lazy, loader, TimeoutError, QueueFullError } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import type { ManualSystem } from "@prunella/resilience/testing";

const after = (system: ManualSystem, ms: number): Promise<void> =>
  new Promise((resolve) => void system.setTimer(resolve, ms));

/** Every promise job has run. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("PERF-001: 1,000 items of 10 ms take 10 s one after another and 200 ms with a limit of 50; one failure loses nothing", async () => {
  const system = manualSystem();
  const items = Array.from({ length: 1000 }, (_, at) => at);
  let sequentialDone = false;
  const sequential = (async () => {
    for (const _ of items) await after(system, 10);
    sequentialDone = true;
  })();
  let live = 0;
  let most = 0;
  const own = batch({ system, limit: 50 });
  const mapping = own.map(items, async (item) => {
    live += 1;
    most = Math.max(most, live);
    await after(system, 10);
    live -= 1;
    if (item === 500) throw new Error("bad item");
    return item * 2;
  });
  await drained();
  for (let ms = 0; ms < 200; ms += 10) {
    await system.advance(10);
    await drained();
  }
  const outcomes = await mapping;
  assert.equal(sequentialDone, false);
  assert.equal(most, 50);
  assert.equal(outcomes.length, 1000);
  assert.deepEqual(outcomes[999], { status: "fulfilled", value: 1998 });
  assert.equal(outcomes[500]?.status, "rejected");
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 999);
  await system.advance(10_000);
  await sequential;
});

test("one limit holds over several calls, and can be moved while they run", async () => {
  const system = manualSystem();
  const own = batch({ system, limit: 2 });
  let live = 0;
  const most: number[] = [];
  const work = async (): Promise<void> => {
    live += 1;
    most.push(live);
    await after(system, 10);
    live -= 1;
  };
  const both = Promise.all([own.map([1, 2, 3, 4], work), own.map([1, 2, 3, 4], work)]);
  await system.advance(15);
  assert.equal(Math.max(...most), 2);
  own.controls?.["set-limit"]?.(4);
  await system.advance(20);
  assert.equal(Math.max(...most), 4);
  await system.advance(50);
  await both;
  for (const limit of [0, 2.5, Number.NaN]) assert.throws(() => (own.limit = limit), /limit is/);
});

test("items are drawn only as they are started; an item that overruns and a cancelled batch have their outcomes", async () => {
  const system = manualSystem();
  let drawn = 0;
  function* endless(): Generator<number> {
    for (;;) yield drawn++;
  }
  const caller = new AbortController();
  const own = batch({ system, limit: 3, itemMs: 50 });
  const mapping = own.map(endless(), () => new Promise(() => {}), { signal: caller.signal });
  await system.advance(10);
  assert.ok(drawn <= 4, String(drawn));
  await system.advance(40);
  caller.abort(new Error("stop"));
  const outcomes = await mapping;
  const statuses = outcomes.map((each) =>
    each.status === "rejected" ? (each.reason instanceof TimeoutError ? "overrun" : "cancelled") : each.status,
  );
  assert.deepEqual(statuses, ["overrun", "overrun", "overrun", "cancelled", "cancelled", "cancelled", "skipped"]);
  assert.equal(drawn, 7, "an endless source ends with the batch");
  assert.equal(system.pending, 0);
  assert.equal(own.snapshot().values["running"], 0);
  assert.deepEqual(own.snapshot().counts, { items: 7, fulfilled: 0, rejected: 6, skipped: 1, trips: 0 });
});

test("any mix of items keeps order and limit, and every item has exactly one outcome", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 30 }),
      async (limit, costs) => {
        const system = manualSystem();
        const own = batch({ system, limit, itemMs: 25 });
        let live = 0;
        const mapping = own.map(costs, async (ms) => {
          live += 1;
          assert.ok(live <= limit || costs.some((cost) => cost >= 25));
          await after(system, ms);
          live -= 1;
          if (ms % 5 === 4) throw new Error("four");
          return ms;
        });
        // A copy of the moment in which it resolves: nothing may come later.
        const ended = mapping.then((outcomes) => [...outcomes]);
        await system.advance(2000);
        const expected = costs.map((ms) => (ms >= 25 || ms % 5 === 4 ? "rejected" : ms));
        assert.deepEqual(
          (await ended).map((each) => (each.status === "fulfilled" ? each.value : each.status)),
          expected,
        );
        const rejected = expected.filter((each) => each === "rejected").length;
        assert.deepEqual(own.snapshot().counts, {
          items: costs.length,
          fulfilled: costs.length - rejected,
          rejected,
          skipped: 0,
          trips: 0,
        });
      },
    ),
  );
});

test("look-ups of one moment travel together, double keys once, and each key has its own answer", async () => {
  const batches: number[][] = [];
  const own = loader<number, string>({
    system: manualSystem(),
    load: async (keys) => {
      batches.push([...keys]);
      return keys.map((key) => (key === 2 ? new Error("no 2") : `value ${key}`));
    },
  });
  const answers = await Promise.allSettled([
    own.load(1),
    own.load(2),
    own.load(1),
    Promise.resolve().then(() => own.load(3)),
  ]);
  assert.deepEqual(batches, [[1, 2, 3]]);
  assert.deepEqual(
    answers.map((each) => (each.status === "fulfilled" ? each.value : String(each.reason))),
    ["value 1", "Error: no 2", "value 1", "value 3"],
  );
});

test("a full batch leaves at once, the rest when the window closes", async () => {
  const system = manualSystem();
  const batches: number[] = [];
  const own = loader<number, number>({
    system,
    windowMs: 20,
    sizeMax: 3,
    load: async (keys) => {
      batches.push(keys.length);
      return [...keys];
    },
  });
  const all = Promise.all([1, 2, 3, 4].map((key) => own.load(key)));
  await system.advance(0);
  assert.deepEqual(batches, [3]);
  await system.advance(20);
  assert.deepEqual(batches, [3, 1]);
  assert.deepEqual(await all, [1, 2, 3, 4]);
});

test("an answer of the wrong length, a throw and an overrun refuse the keys of that batch and name the reason", async () => {
  const system = manualSystem();
  const make = (load: (keys: readonly number[]) => Promise<number[]>) =>
    loader<number, number>({ system, batchMs: 50, load });
  await assert.rejects(make(async () => [1, 2]).load(1), /one value per key: 1 keys, 2 values/);
  await assert.rejects(make(() => Promise.reject(new Error("down"))).load(1), /down/);
  const slow = assert.rejects(make(() => new Promise(() => {})).load(1), TimeoutError);
  await system.advance(50);
  await slow;
});

test("batches at the source and keys are bounded; close refuses what is not sent", async () => {
  const system = manualSystem();
  let live = 0;
  let most = 0;
  const own = loader<number, number>({
    system,
    sizeMax: 1,
    batchesMax: 2,
    keysMax: 4,
    load: async (keys) => {
      live += 1;
      most = Math.max(most, live);
      await after(system, 10);
      live -= 1;
      return [...keys];
    },
  });
  const loads = [1, 2, 3, 4].map((key) => own.load(key).catch((error: unknown) => error));
  await assert.rejects(own.load(5), QueueFullError);
  await system.advance(5);
  own.close();
  await system.advance(20);
  const answers = await Promise.all(loads);
  assert.deepEqual(answers.slice(0, 2), [1, 2]);
  assert.ok(answers[2] instanceof ClosedError && answers[3] instanceof ClosedError);
  assert.equal(most, 2);
  await assert.rejects(own.load(6), ClosedError);
});

test("PERF-003: eager loading makes the start wait and pays twice; lazy makes it once for 50 callers, at first use", async () => {
  const system = manualSystem();
  let made = 0;
  const make = async (): Promise<string> => {
    made += 1;
    await after(system, 500);
    return "ready";
  };
  let eagerStarted = false;
  void make().then(() => (eagerStarted = true));
  await system.advance(0);
  assert.equal(eagerStarted, false, "an eager start still waits");

  made = 0;
  const own = lazy(make, { system });
  assert.equal(made, 0);
  assert.equal(own.peek(), undefined);
  const callers = Promise.all(Array.from({ length: 50 }, () => own.get()));
  await system.advance(500);
  assert.deepEqual(new Set(await callers), new Set(["ready"]));
  assert.equal(made, 1);
  assert.equal(own.peek(), "ready");
});

test("PERF-003: a failed first try does not poison the next; within the gap it is not hammered", async () => {
  const system = manualSystem();
  let tries = 0;
  const own = lazy(
    async () => {
      tries += 1;
      if (tries === 1) throw new Error("not yet");
      return tries;
    },
    { system, failureGapMs: 100 },
  );
  await assert.rejects(own.get(), /not yet/);
  await assert.rejects(own.get(), /not yet/);
  assert.equal(tries, 1);
  await system.advance(100);
  assert.equal(await own.get(), 2);
});

test("reset makes a new one; one being made then is answered and not kept; making is bounded", async () => {
  const system = manualSystem();
  let made = 0;
  const own = lazy(
    async () => {
      const id = (made += 1);
      await after(system, 10);
      return id;
    },
    { system, timeoutMs: 50 },
  );
  const first = own.get();
  own.reset();
  const second = own.get();
  await system.advance(10);
  assert.deepEqual([await first, await second, own.peek()], [1, 2, 2]);
  own.controls?.["reset"]?.();
  assert.equal(own.peek(), undefined);
  const hanging = lazy(() => new Promise(() => {}), { system, timeoutMs: 50 });
  const rejected = assert.rejects(hanging.get(), TimeoutError);
  await system.advance(50);
  await rejected;
});

test("lazy tells how often it was made, joined and given up, and a failure that a reset gave up is nobody's later", async () => {
  const system = manualSystem();
  const events: string[] = [];
  let fail = true;
  const own = lazy(
    async () => {
      await after(system, 10);
      if (fail) throw new Error("not yet");
      return "ready";
    },
    { system, failureGapMs: 1000 },
  );
  own.listen(({ event, level, detail }) =>
    events.push(`${event}:${level} ${detail["why"] ?? detail["ms"] ?? ""}`.trim()),
  );
  const given = Promise.allSettled([own.get(), own.get()]);
  assert.equal(own.snapshot().values["making"], 1);
  own.reset();
  await system.advance(10);
  assert.deepEqual(
    (await given).map(({ status }) => status),
    ["rejected", "rejected"],
  );
  fail = false;
  const second = own.get();
  await system.advance(10);
  assert.equal(await second, "ready", "no gap for it");
  const { values, counts } = own.snapshot();
  assert.equal(values["making"], 0);
  assert.deepEqual(counts, { made: 1, failed: 1, joined: 1, resets: 1, trips: 1 });
  assert.deepEqual(events, ["reset:info", "failed:trip Error: not yet", "made:info 10"]);
});

test("a raised limit starts waiting items at once", async () => {
  const system = manualSystem();
  const own = batch({ system, limit: 1 });
  let started = 0;
  void own.map([1, 2, 3], () => {
    started += 1;
    return new Promise(() => {});
  });
  await system.advance(0);
  assert.equal(started, 1);
  own.limit = 3;
  await system.advance(0);
  assert.equal(started, 3);
  assert.deepEqual(own.snapshot().values, { running: 3, limit: 3, waiting: 0 });
});

test("a batch that is aborted while another one holds all slots ends at once; each item of an array has its outcome", async () => {
  const system = manualSystem();
  const own = batch({ system, limit: 1 });
  void own.map(["other"], () => new Promise(() => {}));
  for (const items of [["a", "b", "c"], new Set(["a", "b", "c"])]) {
    const caller = new AbortController();
    const mapping = own.map(items, () => assert.fail("started"), { signal: caller.signal });
    await system.advance(0);
    caller.abort();
    assert.deepEqual(
      (await mapping).map(({ status }) => status),
      ["skipped", "skipped", "skipped"],
    );
  }
  assert.deepEqual(own.snapshot().values, { running: 1, limit: 1, waiting: 0 });
});

test("a refused key is told once, also when whoever hears of it asks for another", async () => {
  const own = loader<number, number>({ system: manualSystem(), keysMax: 1, load: () => new Promise(() => {}) });
  let told = 0;
  own.listen(({ event }) => {
    if (event !== "refused") return;
    told += 1;
    own.load(100 + told).catch(() => {});
  });
  own.load(1).catch(() => {});
  await assert.rejects(own.load(2), QueueFullError);
  assert.deepEqual([told, own.snapshot().counts["refused"]], [1, 2]);
});

test("what is lazy and asks for itself is made once and waits no longer than its bound", async () => {
  const system = manualSystem();
  let made = 0;
  const own = lazy(
    (): Promise<number> => {
      made += 1;
      return own.get();
    },
    { system, timeoutMs: 100 },
  );
  const asked = assert.rejects(own.get(), TimeoutError);
  await system.advance(100);
  await asked;
  assert.equal(made, 1);
});
