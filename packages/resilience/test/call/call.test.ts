// What the one executor of a whole policy owes to its caller, its parts and whoever watches it, beyond what the parts owe alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortedError,
  breaker,
  countWindow,
  fallback,
  pipeline,
  retry,
  timeout,
  TimeoutError,
  type CallContext,
  type GuardEvent,
} from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { boom, deferred, fine, never, settle, watch } from "./helpers.ts";

test("calls under way with one bound share a timer, whatever their number", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: 1000, totalTimeoutMs: 3000, system });
  const calls = Array.from({ length: 100 }, () => watch(policy.execute(never)));
  assert.equal(system.pending, 2);
  await system.advance(5000);
  assert.ok(calls.every(({ error }) => error instanceof TimeoutError));
  assert.equal(system.pending, 0);
});

test("timeouts are counted and said, those of an attempt apart from those of the whole", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: 100, totalTimeoutMs: 250, retry: { delayMs: 0, attemptsMax: 9 }, system });
  const heard: GuardEvent["detail"][] = [];
  policy.listen(({ detail }) => heard.push(detail));
  const call = watch(policy.execute(never));
  await system.advance(1000);
  assert.ok(call.error instanceof TimeoutError && call.error.timeoutMs === 250);
  const attempt = { timeoutMs: 100, total: false };
  assert.deepEqual(heard, [attempt, attempt, { timeoutMs: 250, total: true }]);
  assert.deepEqual(policy.snapshot().counts, { calls: 1, failed: 1, refused: 0, timedOut: 3, late: 0, trips: 3 });
});

test("its counts are exact, and tell what became of every call", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: 100, breaker: { failures: 2 }, system });
  const counted = (): unknown => {
    const { calls, failed, refused, timedOut, late } = policy.snapshot().counts;
    return [calls, failed, refused, timedOut, late];
  };
  await policy.execute(fine);
  assert.deepEqual(counted(), [1, 0, 0, 0, 0]);
  await policy.tryExecute(boom);
  assert.deepEqual(counted(), [2, 1, 0, 0, 0]);
  await policy.tryExecute(fine, AbortSignal.abort());
  assert.deepEqual(counted(), [3, 1, 1, 0, 0]);
  const late = [deferred(), deferred()];
  for (const { promise } of late) void policy.tryExecute(() => promise);
  await system.advance(110);
  assert.deepEqual(counted(), [5, 3, 1, 2, 0]);
  late[0]?.resolve("late");
  late[1]?.reject(new Error("late"));
  await settle();
  assert.deepEqual(counted(), [5, 3, 1, 2, 2]);
  await policy.tryExecute(fine);
  assert.deepEqual(counted(), [6, 3, 2, 2, 2]);
});

test("a policy's breaker is told how long each attempt took", async () => {
  const system = manualSystem();
  await system.advance(1000);
  const window = countWindow({ calls: 4, callsMin: 2, slowRate: 0.5, slowMs: 100 });
  const policy = pipeline({ breaker: { window }, system });
  const call = async (ms: number): Promise<string | undefined> => {
    void watch(policy.execute(() => new Promise<void>((resolve) => void system.setTimer(resolve, ms))));
    await system.advance(ms);
    return policy.breaker?.state;
  };
  assert.deepEqual([await call(99), await call(99), await call(100)], ["closed", "closed", "closed"]);
  assert.equal(await call(100), "open");
});

test("who is refused instead of queued, because the breaker is open, is counted by the breaker", async () => {
  const policy = pipeline({ breaker: {}, bulkhead: { concurrentMax: 1, queueMax: 5 }, system: manualSystem() });
  void policy.execute(never);
  policy.breaker?.open();
  await policy.tryExecute(fine);
  assert.equal(policy.breaker?.snapshot().counts["refused"], 1);
});

test("a trial whose caller leaves gives its permit back: as it starts, and while it runs", async () => {
  for (const when of ["start", "run"]) {
    const system = manualSystem();
    const guard = breaker({ openMs: 100, trialMsMax: Infinity, system });
    const policy = pipeline({ breaker: guard, system });
    const controller = new AbortController();
    guard.open();
    guard.listen(({ event }) => {
      if (event === "half-opened" && when === "start") controller.abort();
    });
    await system.advance(100);
    const call = watch(policy.execute(never, controller.signal));
    controller.abort();
    await settle();
    assert.ok(call.error instanceof AbortedError);
    assert.equal(guard.state, "half-open");
    assert.equal(await policy.execute(fine), "fine");
  }
});

test("cooperative work in a policy is told why to stop, and what it answers is the cause", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: { timeoutMs: 100, mode: "cooperative" }, system });
  const contexts: CallContext[] = [];
  const stopped = new Error("stopped");
  const call = watch(
    policy.execute((context) => {
      contexts.push(context);
      return new Promise((_resolve, reject) => void context.onAbort(() => reject(stopped)));
    }),
  );
  await system.advance(110);
  assert.ok(call.error instanceof TimeoutError);
  assert.equal(call.error.cause, stopped);
  assert.equal(contexts[0]?.reason, call.error);
});

test("the last failed result is what the caller of a policy gets", async () => {
  const discarded: unknown[] = [];
  const policy = pipeline({
    retry: { attemptsMax: 3, delayMs: 0, isFailedResult: () => true, discard: (value) => discarded.push(value) },
    system: manualSystem(),
  });
  assert.equal(await policy.execute(({ attempt }) => `503 no. ${attempt}`), "503 no. 3");
  assert.deepEqual(discarded, ["503 no. 1", "503 no. 2"]);
  assert.equal(policy.snapshot().counts["failed"], 0);
});

test("a policy waits as its retry does alone, call after call", async () => {
  const starts: number[][] = [];
  for (const fused of [true, false]) {
    const system = manualSystem(7);
    const options = { attemptsMax: 4, delayMs: 100, jitter: "decorrelated", system } as const;
    const policy = fused ? pipeline({ retry: options, system }) : retry(options);
    const own: number[] = [];
    starts.push(own);
    for (let call = 0; call < 5; call += 1) {
      void watch(policy.execute(() => (own.push(system.now()), boom())));
      await system.advance(100_000);
    }
  }
  assert.deepEqual(starts[0], starts[1]);
  assert.equal(new Set(starts[0]).size, 20);
});

test("a call after one whose whole time was over is tried again as any other", async () => {
  const system = manualSystem();
  const policy = pipeline({ totalTimeoutMs: 100, retry: { delayMs: 0 }, system });
  const over = watch(policy.execute(never));
  await system.advance(110);
  assert.ok(over.error instanceof TimeoutError);
  assert.equal(await policy.execute(({ attempt }) => (attempt === 1 ? boom() : fine())), "fine");
});

test("an abort in any turn around a refused attempt ends the call once, and its record serves the next one", async () => {
  for (let turns = 0; turns < 8; turns += 1) {
    const policy = pipeline({
      limiter: { tryTake: () => calls < 1 },
      retry: { delayMs: 0, attemptsMax: 3, retryIf: () => true },
      system: manualSystem(),
    });
    let calls = 0;
    const controller = new AbortController();
    const call = watch(policy.execute(() => ((calls += 1), boom()), controller.signal));
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    controller.abort();
    await settle();
    assert.equal(call.state, "rejected");
    const { failed, refused } = policy.snapshot().counts;
    assert.deepEqual([failed, refused, calls], [0, 1, 1], `after ${turns} turns`);
    calls = 0;
    const gates = [deferred(), deferred()];
    const next = gates.map((gate) => watch(policy.execute(() => gate.promise)));
    gates[1]?.resolve("second");
    gates[0]?.resolve("first");
    await settle();
    assert.deepEqual(
      next.map(({ value }) => value),
      ["first", "second"],
    );
  }
});

test("the wait before a retry of a policy keeps the process alive, as the call does", async () => {
  const system = manualSystem();
  const kept: unknown[] = [];
  const policy = pipeline({
    retry: { delayMs: 50 },
    system: { ...system, setTimer: (fire, ms, keepAlive) => (kept.push(keepAlive), system.setTimer(fire, ms)) },
  });
  void watch(policy.execute(boom));
  await settle();
  assert.deepEqual(kept, [true]);
});

test("a record that served many calls at once serves no two of the next at the same time", async () => {
  const system = manualSystem();
  const limit = timeout({ timeoutMs: 100, system });
  for (let round = 0; round < 3; round += 1) {
    const gates = Array.from({ length: 300 }, () => deferred<number>());
    const calls = gates.map(({ promise }) => watch(limit.execute(() => promise)));
    for (const [at, gate] of gates.entries()) if (at % 3 !== 0) gate.resolve(at);
    await system.advance(110);
    for (const [at, { value, error }] of calls.entries())
      assert.ok(at % 3 === 0 ? error instanceof TimeoutError : value === at);
  }
});

test("no attempt of a policy starts beyond the total time of its retry", async () => {
  const system = manualSystem();
  await system.advance(5000);
  const again = { attemptsMax: 9, delayMs: 100, factor: 1, jitter: "none", totalMsMax: 250 } as const;
  const starts: number[] = [];
  void watch(pipeline({ retry: again, system }).execute(() => (starts.push(system.now()), boom())));
  await system.advance(1000);
  assert.deepEqual(starts, [5000, 5100, 5200]);
});

test("a call that waited for its slot is made when one is free, and gives it back", async () => {
  const system = manualSystem();
  const policy = pipeline({ bulkhead: { concurrentMax: 1, queueMax: 5 }, breaker: {}, system });
  const gates = [deferred(), deferred(), deferred()];
  const started: number[] = [];
  const calls = gates.map((gate, at) => watch(policy.execute(() => (started.push(at), gate.promise))));
  for (const [at, gate] of gates.entries()) {
    assert.deepEqual([started.length, policy.bulkhead?.queued], [at + 1, 2 - at]);
    if (at === 1) gate.reject(new Error("boom"));
    else gate.resolve("done");
    await settle();
  }
  assert.deepEqual(
    calls.map(({ state }) => state),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual([policy.bulkhead?.active, policy.bulkhead?.queued, system.pending], [0, 0, 0]);
});

test("who leaves in the turn in which a slot was granted gives it to the next", async () => {
  const policy = pipeline({ bulkhead: { concurrentMax: 1, queueMax: 5 }, system: manualSystem() });
  const controller = new AbortController();
  policy.bulkhead?.tryAcquire();
  const left = watch(policy.execute(() => assert.fail("was called"), controller.signal));
  const next = watch(policy.execute(fine));
  policy.bulkhead?.release();
  controller.abort();
  await settle();
  assert.ok(left.error instanceof AbortedError);
  assert.equal(next.value, "fine");
  assert.equal(policy.bulkhead?.active, 0);
});

test("ten thousand policies that have nothing to do have no timer, used or not", async () => {
  const system = manualSystem();
  for (let number = 0; number < 10_000; number += 1) {
    const policy = pipeline({
      retry: { delayMs: 10 },
      hedge: { delayMs: 10 },
      breaker: { failures: 1 },
      bulkhead: { queueMax: 5 },
      timeout: 1000 + number,
      totalTimeoutMs: 60_000,
      fallback: fallback({ staleMsMax: 1000, chain: [() => "instead"], system }),
      system,
    });
    if (number % 100 === 0) void policy.tryExecute(number % 200 === 0 ? fine : boom);
  }
  await system.advance(100);
  assert.equal(system.pending, 0);
});
