import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import * as fc from "fast-check";
import { AbortedError, bulkhead, BulkheadFullError, pipeline, type BulkheadOptions } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { countedSignal, deferred, events, fine, never, settle, type Deferred, watch } from "./helpers.ts";

/** Fills one slot, queues the given calls ("name:priority"), and lists the order in which they are served. */
async function check(options: BulkheadOptions, arrivals: string, expected: string): Promise<void> {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 10, system: manualSystem(), ...options });
  const gate = deferred();
  const served: string[] = [];
  void slots.execute(() => gate.promise);
  const calls = arrivals.split(" ").map((arrival) => {
    const [name = "", priority = "0"] = arrival.split(":");
    return watch(slots.execute(() => void served.push(name), undefined, Number(priority)));
  });
  gate.resolve("open");
  await settle();
  const refused = calls.filter((call) => call.error instanceof BulkheadFullError).length;
  assert.equal(`${served.join(" ")}${refused > 0 ? ` refused ${refused}` : ""}`, expected);
}

test("first come, first served", () => check({}, "a b c", "a b c"));
test("last come, first served when so ordered", () => check({ order: "lifo" }, "a b c", "c b a"));
test("the more urgent first", () => check({ priorities: 3 }, "a:2 b:0 c:1 d:0", "b d c a"));
test("a full queue refuses the newcomer", () => check({ queueMax: 2 }, "a b c", "a b refused 1"));
test("a full queue drops the oldest when so configured", () =>
  check({ queueMax: 2, overflow: "drop-oldest" }, "a b c", "b c refused 1"));
test("at a full queue the more urgent displaces the newest of the least urgent", () =>
  check({ queueMax: 2, priorities: 2 }, "a:1 b:1 c:0", "c a refused 1"));
test("the least urgent that waits is displaced, where nobody waits below it", () =>
  check({ queueMax: 2, priorities: 3 }, "a:1 b:1 c:0", "c a refused 1"));
test("at a full queue the less urgent is refused itself", () =>
  check({ queueMax: 2, priorities: 2 }, "a:0 b:0 c:1", "a b refused 1"));

test("a wait has a bound, and the one who waited it out is told so", async () => {
  const system = manualSystem();
  const slots = bulkhead({ concurrentMax: 1, queueMax: 5, waitMsMax: 1000, system });
  const gate = deferred();
  void slots.execute(() => gate.promise);
  const heard = events(slots);
  const waiting = watch(slots.execute(fine));
  await system.advance(999);
  assert.equal(waiting.state, "pending");
  await system.advance(12);
  assert.ok(waiting.error instanceof BulkheadFullError);
  assert.match(waiting.error.message, /no slot within 1000 ms/);
  assert.deepEqual(heard, ["waited-out"]);
  gate.resolve("open");
  await system.advance(10);
  assert.equal(system.pending, 0);
  assert.equal(slots.active, 0);
});

test("a slot granted in the turn of the abort goes to the next waiter", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 5, system: manualSystem() });
  const controller = new AbortController();
  slots.tryAcquire();
  const first = watch(slots.execute(fine, controller.signal));
  const second = watch(slots.execute(fine));
  slots.release();
  controller.abort("now");
  await settle();
  assert.ok(first.error instanceof AbortedError);
  assert.equal(second.value, "fine");
  assert.equal(slots.active, 0);
});

test("the queue says when it is 80 % full and when it is half empty again, once each", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 10, system: manualSystem() });
  const heard = events(slots);
  slots.tryAcquire();
  for (let call = 0; call < 7; call += 1) void slots.execute(fine);
  assert.deepEqual(heard, []);
  void slots.execute(fine);
  assert.deepEqual(heard, ["high-water"]);
  for (let call = 0; call < 2; call += 1) void slots.execute(fine);
  assert.deepEqual(heard, ["high-water"]);
  slots.release();
  await settle();
  assert.deepEqual(heard, ["high-water", "relieved"]);
});

test("waiters that give up relieve it as well, when half of the queue is empty", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 4, system: manualSystem() });
  const heard = events(slots);
  slots.tryAcquire();
  const callers = Array.from({ length: 4 }, () => new AbortController());
  for (const { signal } of callers) void watch(slots.execute(fine, signal));
  const after = callers.map((caller) => {
    caller.abort();
    return `${slots.queued} ${heard.at(-1)}`;
  });
  assert.deepEqual(after, ["3 high-water", "2 relieved", "1 relieved", "0 relieved"]);
});

test("a wait in the queue keeps the process alive", async () => {
  const system = manualSystem();
  const asked: unknown[] = [];
  const setTimer = (fire: () => void, ms: number, alive?: boolean) => (asked.push(alive), system.setTimer(fire, ms));
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, system: { ...system, setTimer } });
  slots.tryAcquire();
  void slots.execute(fine);
  assert.deepEqual(asked, [true]);
});

test("more slots start waiters at once, fewer take effect as calls end", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 10, system: manualSystem() });
  const gates = Array.from({ length: 6 }, () => deferred());
  for (const gate of gates) void slots.execute(() => gate.promise);
  slots.concurrentMax = 3;
  assert.equal(slots.active, 3);
  slots.controls["set-concurrent-max"]?.(2);
  gates[0]?.resolve("");
  await settle();
  assert.equal(slots.active, 2);
  assert.equal(slots.queued, 3);
});

test("acquire gives a slot that can be given back twice without harm", async () => {
  const slots = bulkhead({ concurrentMax: 1, system: manualSystem() });
  const release = await slots.acquire();
  assert.equal(slots.active, 1);
  release();
  assert.equal(slots.active, 0);
  release();
  assert.equal(slots.active, 0);
});

test("queued work runs in the async context of whoever submitted it", async () => {
  const storage = new AsyncLocalStorage<string>();
  for (const policy of [
    bulkhead({ concurrentMax: 1, queueMax: 5, system: manualSystem() }),
    pipeline({ bulkhead: { concurrentMax: 1, queueMax: 5 }, system: manualSystem() }),
  ]) {
    const gate = deferred();
    const first = storage.run("first", () => policy.execute(() => gate.promise));
    const second = storage.run("second", () => policy.execute(() => storage.getStore()));
    gate.resolve("");
    await first;
    assert.equal(await second, "second");
  }
});

test("an aborted waiter leaves no listener on the signal, however often it is reused", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, system: manualSystem() });
  const { signal, listeners } = countedSignal();
  for (let call = 0; call < 100; call += 1) {
    slots.tryAcquire();
    const queued = slots.execute(fine, signal);
    slots.release();
    await queued;
  }
  assert.equal(listeners.now, 0);
});

test("under any sequence: never more than the bounds, nobody lost, nobody refused while there is room", async () => {
  type Step = { do: "call" | "end" | "abort" | "wait" | "resize"; pick: number; priority: number };
  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom("call", "call", "end", "abort", "wait", "resize"),
    pick: fc.nat(100),
    priority: fc.nat(1),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom("fifo", "lifo"), async (steps, order) => {
      const system = manualSystem();
      const slots = bulkhead({ concurrentMax: 2, queueMax: 3, priorities: 2, waitMsMax: 1000, order, system });
      const running: Deferred<string>[] = [];
      const calls: { controller: AbortController; seen: ReturnType<typeof watch<string>> }[] = [];
      let ended = 0;
      for (const each of steps) {
        if (each.do === "call") {
          const room = slots.active < slots.concurrentMax || slots.queued < 3;
          const controller = new AbortController();
          const gate = deferred();
          const work = (): Promise<string> => (running.push(gate), gate.promise);
          const seen = watch(slots.execute(work, controller.signal, each.priority));
          calls.push({ controller, seen });
          await settle();
          if (room) assert.notEqual(seen.state, "rejected");
        } else if (each.do === "end") {
          const [gate] = running.length > 0 ? running.splice(each.pick % running.length, 1) : [];
          if (gate !== undefined) ended += 1;
          gate?.resolve("done");
        } else if (each.do === "abort") calls[each.pick % Math.max(1, calls.length)]?.controller.abort();
        else if (each.do === "wait") await system.advance(each.pick * 20);
        else slots.concurrentMax = 1 + (each.pick % 3);
        await settle();
        assert.equal(slots.active, running.length, "a slot is held by whoever runs, and by nobody else");
        assert.ok(slots.queued <= 3);
        assert.ok(slots.queued === 0 || slots.active >= slots.concurrentMax, "nobody waits beside a free slot");
      }
      while (running.length > 0) {
        running.pop()?.resolve("done");
        ended += 1;
        await settle();
      }
      const pending = calls.filter((call) => call.seen.state === "pending").length;
      assert.deepEqual([slots.active, slots.queued, pending], [0, 0, 0]);
      assert.equal(calls.filter((call) => call.seen.state === "fulfilled").length, ended);
      await system.advance(20);
      assert.equal(system.pending, 0);
    }),
    { numRuns: 200 },
  );
});

test("impossible options and priorities are refused", async () => {
  assert.throws(() => bulkhead({ concurrentMax: 0 }), /concurrentMax is 0/);
  assert.throws(() => bulkhead({ priorities: 11 }), /priorities is 11/);
  assert.throws(() => bulkhead({ order: "loud" as never }), /order is "loud", but must be one of fifo, lifo/);
  assert.throws(() => bulkhead({ overflow: "loud" as never }), /overflow is "loud", .* one of refuse, drop-oldest/);
  const slots = bulkhead({ concurrentMax: 1, system: manualSystem() });
  void slots.execute(never);
  for (const priority of [1, -1, 0.5, 3])
    await assert.rejects(slots.acquire(undefined, priority), new RegExp(`priority is ${priority}`));
  const graded = bulkhead({ concurrentMax: 1, priorities: 2, system: manualSystem() });
  graded.tryAcquire();
  await assert.rejects(graded.acquire(undefined, 0.5), /priority is 0.5/);
  for (const max of [0, 1.5, Number.NaN, Infinity]) {
    assert.throws(() => (slots.concurrentMax = max), /concurrentMax is/);
    assert.throws(() => slots.controls["set-concurrent-max"]?.(max), /concurrentMax is/);
  }
  assert.equal(slots.concurrentMax, 1);
});

test("its counts are exact, and tell what became of every call", async () => {
  const system = manualSystem();
  const slots = bulkhead({ concurrentMax: 1, queueMax: 2, priorities: 2, waitMsMax: 100, system });
  const heard = events(slots);
  slots.tryAcquire();
  const calls = [1, 1, 0, 1].map((priority) => watch(slots.execute(fine, undefined, priority)));
  await settle();
  assert.deepEqual(slots.snapshot(), {
    guard: "bulkhead",
    name: "bulkhead",
    state: "full",
    values: { active: 1, concurrentMax: 1, queued: 2, queueMax: 2 },
    counts: { passed: 1, refused: 1, displaced: 1, waitedOut: 0, trips: 3 },
  });
  assert.deepEqual(heard, ["high-water", "displaced", "refused"]);
  slots.release();
  await settle();
  assert.equal(slots.snapshot().counts["passed"], 3);
  assert.deepEqual(
    calls.map(({ state }) => state),
    ["fulfilled", "rejected", "fulfilled", "rejected"],
  );
  slots.tryAcquire();
  const waited = watch(slots.execute(fine));
  await system.advance(100);
  assert.equal(waited.state, "rejected");
  assert.equal(slots.snapshot().counts["waitedOut"], 1);
  assert.equal(slots.snapshot().state, "ok");
});

test("without a queue it is relieved when half of its slots are free, not sooner", () => {
  const slots = bulkhead({ concurrentMax: 4, system: manualSystem() });
  const heard = events(slots);
  for (let call = 0; call < 4; call += 1) assert.ok(slots.tryAcquire());
  assert.equal(slots.wait(0), undefined);
  assert.equal(slots.wait(0), undefined);
  slots.release();
  assert.deepEqual(heard, ["refused"], "said once");
  assert.equal(slots.snapshot().counts["refused"], 2);
  slots.release();
  assert.deepEqual(heard, ["refused", "relieved"]);
});

test("a call that is aborted before it comes is not let in", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, system: manualSystem() });
  await assert.rejects(
    slots.execute(() => assert.fail("was called"), AbortSignal.abort("early")),
    { name: "AbortError", cause: "early" },
  );
  await assert.rejects(slots.acquire(AbortSignal.abort("early")), { name: "AbortError" });
  assert.equal(slots.active, 0);
});

test("a listener of high-water may add slots: each waiter gets one, the newcomer too, and none is lost", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 2, system: manualSystem() });
  slots.listen(({ event }) => {
    if (event === "high-water") slots.concurrentMax = 5;
  });
  const gate = deferred();
  const calls = [1, 2, 3].map(() => watch(slots.execute(() => gate.promise)));
  await settle();
  assert.deepEqual([slots.active, slots.queued], [3, 0]);
  gate.resolve("done");
  await settle();
  assert.equal(slots.active, 0);
  assert.ok(calls.every(({ state }) => state === "fulfilled"));
});

test("a listener of displaced that comes with a call of its own does not push the queue beyond its bound", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, priorities: 2, system: manualSystem() });
  slots.tryAcquire();
  const late = deferred<unknown>();
  slots.listen(({ event }) => {
    if (event === "displaced") late.resolve(slots.execute(fine, undefined, 1).catch((error: unknown) => error));
  });
  void watch(slots.execute(fine, undefined, 1));
  const urgent = watch(slots.execute(fine));
  assert.equal(slots.queued, 1);
  assert.ok((await late.promise) instanceof BulkheadFullError);
  slots.release();
  await settle();
  assert.equal(urgent.value, "fine");
  assert.equal(slots.active, 0);
});

test("very many waiters that are aborted at once are all told so, and the next comes through", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 20_001, system: manualSystem() });
  const controller = new AbortController();
  slots.tryAcquire();
  const calls = Array.from({ length: 20_000 }, () => watch(slots.execute(fine, controller.signal)));
  const last = watch(slots.execute(fine));
  controller.abort();
  slots.release();
  await settle();
  assert.ok(calls.every(({ error }) => error instanceof AbortedError));
  assert.equal(last.value, "fine");
  assert.deepEqual([slots.active, slots.queued], [0, 0]);
});
