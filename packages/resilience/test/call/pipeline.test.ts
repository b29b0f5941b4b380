import assert from "node:assert/strict";
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  AbortedError,
  breaker,
  BreakerOpenError,
  bulkhead,
  BulkheadFullError,
  callBudget,
  defaultRegistry,
  degrade,
  fallback,
  hedge,
  pipeline,
  RateLimitedError,
  retry,
  timeout,
  TimeoutError,
  type CallContext,
  type Reporting,
  type System,
} from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";
import { boom, countedSignal, deferred, events, fine, never, settle, watch } from "./helpers.ts";

test("an attempt that times out counts against the dependency and is tried again", async () => {
  const system = manualSystem();
  const policy = pipeline({
    timeout: 100,
    retry: { delayMs: 50, jitter: "none" },
    breaker: { failures: 2 },
    bulkhead: { concurrentMax: 1 },
    system,
  });
  const heard = events(policy);
  const attempts: CallContext[] = [];
  const call = watch(policy.execute((context) => (attempts.push(context), never())));
  await system.advance(1000);
  assert.deepEqual(
    attempts.map((context) => [context.attempt, context.aborted]),
    [
      [1, true],
      [2, true],
    ],
  );
  assert.ok(call.error instanceof BreakerOpenError, "the third attempt meets the open breaker");
  assert.ok(call.error.cause instanceof TimeoutError);
  assert.equal(policy.bulkhead?.active, 0);
  assert.deepEqual(heard, ["timed-out", "timed-out"]);
});

test("the total timeout ends the call wherever it is: waiting, queued or running", async () => {
  const system = manualSystem();
  const waiting = watch(
    pipeline({ totalTimeoutMs: 200, retry: { delayMs: 500, jitter: "none" }, system }).execute(boom),
  );
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, waitMsMax: Infinity, system });
  slots.tryAcquire();
  const queued = watch(pipeline({ totalTimeoutMs: 200, bulkhead: slots, system }).execute(fine));
  const guard = breaker({ failures: 1, system });
  const running = watch(pipeline({ totalTimeoutMs: 200, breaker: guard, system }).execute(never));
  await system.advance(199);
  assert.deepEqual([waiting.state, queued.state, running.state], ["pending", "pending", "pending"]);
  await system.advance(11);
  for (const { error } of [waiting, queued, running]) assert.ok(error instanceof TimeoutError);
  assert.match(String((waiting.error as TimeoutError).cause), /boom/);
  assert.equal(guard.state, "open", "without a bound per attempt, the total one is the judgement");
  assert.equal(slots.queued, 0);
  assert.equal(system.pending, 0);
});

test("a call that waits between attempts holds no slot", async () => {
  const system = manualSystem();
  const policy = pipeline({ retry: { delayMs: 500, jitter: "none" }, bulkhead: { concurrentMax: 1 }, system });
  void watch(policy.execute(boom));
  await settle();
  assert.equal(await policy.execute(fine), "fine");
});

test("nobody queues for a slot behind an open breaker", async () => {
  const system = manualSystem();
  const policy = pipeline({ breaker: {}, bulkhead: { concurrentMax: 1, queueMax: 5 }, system });
  void policy.execute(never);
  policy.breaker?.open();
  const call = watch(policy.execute(fine));
  await settle();
  assert.ok(call.error instanceof BreakerOpenError);
});

test("a rate limit refuses without touching slot or breaker, and says when to come again", async () => {
  const policy = pipeline({
    limiter: { tryTake: () => false, check: () => ({ allowed: false, retryAfterMs: 750 }) },
    breaker: { failures: 1 },
    bulkhead: {},
    system: manualSystem(),
  });
  const error: unknown = await policy.execute(fine).catch((refusal: unknown) => refusal);
  assert.ok(error instanceof RateLimitedError);
  assert.equal(error.retryAfterMs, 750);
  assert.deepEqual([policy.breaker?.state, policy.bulkhead?.active], ["closed", 0]);
  assert.equal(policy.snapshot().counts["refused"], 1);
});

test("a hedge inside a policy: each attempt has its own timeout, the loser's slot is free", async () => {
  const system = manualSystem();
  const policy = pipeline({
    totalTimeoutMs: 5000,
    retry: { delayMs: 0 },
    hedge: { delayMs: 100 },
    bulkhead: { concurrentMax: 2 },
    breaker: { failures: 1 },
    timeout: 1000,
    system,
  });
  const second = deferred();
  let attempts = 0;
  const call = watch(policy.execute(() => ((attempts += 1), attempts === 1 ? never() : second.promise)));
  await system.advance(150);
  assert.equal(attempts, 2);
  second.resolve("hedged");
  await settle();
  assert.equal(call.value, "hedged");
  assert.deepEqual([policy.bulkhead?.active, policy.breaker?.state], [0, "closed"]);
  await system.advance(10_000);
  assert.equal(system.pending, 0);
});

test("time-outs of hedged attempts, and what comes of them later, are counted with the policy's own", async () => {
  const system = manualSystem();
  const policy = pipeline({ hedge: { delayMs: 30, attemptsMax: 2 }, timeout: 50, system });
  const gates = [deferred(), deferred()];
  let attempts = 0;
  const call = watch(policy.execute(() => (gates[attempts++] as ReturnType<typeof deferred>).promise));
  await system.advance(100);
  assert.ok(call.error instanceof TimeoutError);
  for (const gate of gates) gate.resolve("late");
  await settle();
  const { counts } = policy.snapshot();
  assert.deepEqual([attempts, counts["calls"], counts["timedOut"], counts["late"]], [2, 1, 2, 2]);
});

test("a fallback covers the whole policy", async () => {
  const policy = pipeline<string>({
    fallback: fallback({ chain: [() => "instead"] }),
    breaker: {},
    system: manualSystem(),
  });
  policy.breaker?.open();
  assert.equal(await policy.execute(fine), "instead");
  assert.deepEqual(await policy.tryExecute(boom), { ok: true, value: "instead" });
});

test("tryExecute tells a refusal from a failure", async () => {
  const policy = pipeline({ breaker: { failures: 1 }, system: manualSystem() });
  const failed = await policy.tryExecute(boom);
  const refused = await policy.tryExecute(fine);
  assert.deepEqual([failed.ok, failed.ok || failed.refused], [false, false]);
  assert.deepEqual([refused.ok, refused.ok || refused.refused], [false, true]);
});

test("cooperative attempts are waited for, after the deadline, the total deadline and an abort alike", async () => {
  const system = manualSystem();
  const policy = pipeline({
    timeout: { timeoutMs: 100, mode: "cooperative" },
    totalTimeoutMs: 150,
    retry: { delayMs: 0 },
    breaker: { failures: 100 },
    system,
  });
  const gates = [deferred(), deferred()];
  let calls = 0;
  const slow = watch(policy.execute(() => (gates[calls++] as ReturnType<typeof deferred>).promise));
  await system.advance(120);
  assert.equal(slow.state, "pending");
  gates[0]?.reject(new Error("noticed"));
  await settle();
  assert.equal(calls, 2, "tried again");
  await system.advance(50);
  gates[1]?.reject(new Error("noticed too"));
  await settle();
  assert.ok(slow.error instanceof TimeoutError);
  assert.equal(calls, 2, "the total time is over");
  const controller = new AbortController();
  const gate = deferred();
  const aborted = watch(policy.execute(() => gate.promise, controller.signal));
  controller.abort("mine");
  await settle();
  assert.equal(aborted.state, "pending");
  gate.reject(new Error("stopped"));
  await settle();
  assert.ok(aborted.error instanceof AbortedError);
  assert.equal(
    policy.breaker?.snapshot().counts["failed"],
    1,
    "only the timed-out attempt counts: the total one does not judge",
  );
});

test("latencies are kept when asked for", async () => {
  const system = manualSystem();
  const policy = pipeline({ measure: true, system });
  for (const ms of [10, 10, 10, 10, 10, 10, 10, 10, 10, 1000]) {
    const call = policy.execute(() => new Promise<void>((resolve) => void system.setTimer(resolve, ms)));
    await system.advance(ms);
    await call;
  }
  const { latencyMsP50 = 0, latencyMsP99 = 0 } = policy.snapshot().values;
  assert.ok(latencyMsP50 >= 10 && latencyMsP50 < 15);
  assert.ok(latencyMsP99 >= 1000 && latencyMsP99 < 1500);
});

test("parts can be shared, and a name is handed down to those made here", () => {
  const shared = breaker({ name: "database" });
  const one = pipeline({ name: "orders", breaker: shared, retry: {}, bulkhead: {} });
  const two = pipeline({ breaker: shared });
  assert.equal(one.breaker, two.breaker);
  assert.deepEqual([one.retry?.name, one.bulkhead?.name, one.breaker?.name], ["orders", "orders", "database"]);
  assert.throws(() => pipeline({ name: "orders", totalTimeoutMs: -5 }), /"orders": totalTimeoutMs is -5/);
  assert.throws(() => pipeline({ name: "orders", timeout: -5 }), /"orders": timeout is -5/);
  assert.throws(() => pipeline({ timeout: { timeoutMs: Number.NaN } }), /timeout is NaN/);
  const all = defaultRegistry().list();
  const listed = (each: Reporting | undefined): boolean => each !== undefined && all.includes(each);
  assert.deepEqual([listed(one), listed(one.retry), listed(one.bulkhead)], [true, true, true]);
});

test("a part's own name is its name, and what has no name is not listed", () => {
  const named = pipeline({ name: "orders", breaker: { name: "its own" }, system: manualSystem() });
  const unnamed = pipeline({ breaker: { name: "the breaker's" }, bulkhead: {}, system: manualSystem() });
  assert.deepEqual(
    [named.breaker?.name, unnamed.breaker?.name, unnamed.bulkhead?.name],
    ["its own", "the breaker's", "bulkhead"],
  );
  const all = defaultRegistry().list();
  assert.deepEqual(
    [named.breaker, unnamed.breaker, unnamed.bulkhead, unnamed].map((each) => each !== undefined && all.includes(each)),
    [true, true, false, false],
  );
});

test("a value that comes after its call was answered is handed to whoever puts it away", async () => {
  const system = manualSystem();
  const discarded: unknown[] = [];
  const policy = pipeline({ timeout: 50, discard: (value) => discarded.push(value), system });
  const gate = deferred();
  const call = watch(policy.execute(() => gate.promise));
  await system.advance(100);
  assert.ok(call.error instanceof TimeoutError);
  gate.resolve("a connection");
  await settle();
  assert.deepEqual([discarded, policy.snapshot().counts["late"]], [["a connection"], 1]);
});

interface Script {
  readonly at: number;
  readonly attempts: readonly { readonly ms: number; readonly ok: boolean; readonly throws: boolean }[];
  readonly abortAt: number | null;
}
const scripts: fc.Arbitrary<Script[]> = fc.array(
  fc.record({
    at: fc.nat(500),
    attempts: fc.array(fc.record({ ms: fc.nat(300), ok: fc.boolean(), throws: fc.boolean() }), {
      minLength: 1,
      maxLength: 4,
    }),
    abortAt: fc.option(fc.nat(800), { freq: 5 }),
  }),
  { maxLength: 12 },
);

type Execute = (work: (context: CallContext) => Promise<string>, signal: AbortSignal) => Promise<string>;

/** Plays the scripts against a policy and lists how each call ended and when. */
async function play(system: ManualSystem, execute: Execute, calls: readonly Script[]): Promise<string[]> {
  const ends: string[] = calls.map(() => "pending");
  for (const [index, script] of calls.entries()) {
    const controller = new AbortController();
    system.setTimer(() => {
      let attempt = 0;
      const work = (context: CallContext): Promise<string> => {
        const plan = script.attempts[Math.min(attempt, script.attempts.length - 1)];
        attempt += 1;
        if (plan === undefined) return fine();
        if (plan.throws) throw new Error(`threw ${attempt}`);
        return new Promise((resolve, reject) => {
          const timer = system.setTimer(() => {
            if (plan.ok) resolve(`value ${attempt}`);
            else reject(new Error(`failed ${attempt}`));
          }, plan.ms);
          context.onAbort((reason) => {
            timer.cancel();
            reject(reason);
          });
        });
      };
      execute(work, controller.signal).then(
        (value) => (ends[index] = `${value} at ${system.now()}`),
        (error: Error) => (ends[index] = `${error.name} ${error.message} at ${system.now()}`),
      );
    }, script.at);
    if (script.abortAt !== null) system.setTimer(() => controller.abort("script"), script.abortAt);
  }
  await system.advance(60_000);
  return ends;
}

const parts = {
  retry: { attemptsMax: 3, delayMs: 40, jitter: "none" },
  breaker: { failures: 3, openMs: 200, trialMsMax: 1000 },
  bulkhead: { concurrentMax: 2, queueMax: 2, waitMsMax: 10_000 },
  timeoutMs: 120,
} as const;

test("whatever the work does: every call ends, and no slot, timer or listener is left", async () => {
  await fc.assert(
    fc.asyncProperty(scripts, fc.boolean(), fc.boolean(), async (calls, early, hedged) => {
      const system = manualSystem();
      const policy = pipeline({
        retry: { ...parts.retry, budget: callBudget({ system }) },
        breaker: parts.breaker,
        bulkhead: parts.bulkhead,
        timeout: { timeoutMs: parts.timeoutMs, mode: early ? "early" : "cooperative" },
        totalTimeoutMs: 700,
        ...(hedged ? { hedge: { delayMs: 60 } } : {}),
        system,
      });
      const ends = await play(system, (work, signal) => policy.execute(work, signal), calls);
      assert.ok(!ends.includes("pending"), ends.join("; "));
      assert.deepEqual([policy.bulkhead?.active, policy.bulkhead?.queued], [0, 0]);
      assert.equal(system.pending, 0);
      const { counts } = policy.snapshot();
      assert.equal(counts["calls"], calls.length);
    }),
    { numRuns: 200 },
  );
});

test("the fused policy answers as the same policies nested by hand", async () => {
  // Nested, a refusal passes through one promise more per level, so calls that meet within one millisecond may swap:
  // the calls are kept apart, and aborts are left to the test above.
  await fc.assert(
    fc.asyncProperty(scripts, async (calls) => {
      const apart = calls.map((script, index) => ({ ...script, at: index * 2000, abortAt: null }));
      const fusedSystem = manualSystem();
      const fused = pipeline({
        retry: parts.retry,
        breaker: parts.breaker,
        bulkhead: parts.bulkhead,
        timeout: { timeoutMs: parts.timeoutMs, precise: true },
        system: fusedSystem,
      });
      const nestedSystem = manualSystem();
      const again = retry({ ...parts.retry, system: nestedSystem });
      const guard = breaker({ ...parts.breaker, system: nestedSystem });
      const slots = bulkhead({ ...parts.bulkhead, system: nestedSystem });
      const limit = timeout({ timeoutMs: parts.timeoutMs, precise: true, system: nestedSystem });
      const nested: Execute = (work, signal) =>
        again.execute(
          (outer) =>
            slots.execute(
              (c) => guard.execute((d) => limit.execute((inner) => work(Object.assign(inner, {})), d), c),
              outer,
            ),
          signal,
        );
      const strip = (end: string): string => end.replaceAll(/"(timeout|pipeline|breaker)"/g, "it");
      const one = await play(fusedSystem, (work, signal) => fused.execute(work, signal), apart);
      const two = await play(nestedSystem, nested, apart);
      assert.deepEqual(one.map(strip), two.map(strip));
      assert.equal(fused.breaker?.state, guard.state);
    }),
    { numRuns: 150 },
  );
});

test("a refused queue does not count and does not retry", async () => {
  const policy = pipeline({ retry: { delayMs: 0 }, bulkhead: { concurrentMax: 1 }, system: manualSystem() });
  void policy.execute(never);
  await assert.rejects(policy.execute(fine), BulkheadFullError);
  assert.equal(policy.retry?.snapshot().counts["retried"], 0);
});

test("a queued call that waits too long, or is displaced, is told so", async () => {
  const system = manualSystem();
  const policy = pipeline({
    bulkhead: { concurrentMax: 1, queueMax: 1, priorities: 2, waitMsMax: 100 },
    retry: { attemptsMax: 1 },
    system,
  });
  void policy.execute(never);
  const displaced = watch(policy.execute(fine, undefined, 1));
  const waiting = watch(policy.execute(fine, undefined, 0));
  await settle();
  assert.match(String(displaced.error), /displaced/);
  await system.advance(100);
  assert.match(String(waiting.error), /no slot within 100 ms/);
  assert.equal(policy.snapshot().counts["refused"], 2);
});

test("a record that is used again keeps nothing of the call before", async () => {
  const system = manualSystem();
  const policy = pipeline({
    retry: { attemptsMax: 2, delayMs: 0, isFailedResult: (value) => value === "bad" },
    totalTimeoutMs: 1000,
    system,
  });
  // A signal that aborts when its call is long over.
  const earlier = new AbortController();
  assert.equal(await policy.execute(fine, earlier.signal), "fine");
  earlier.abort();
  await assert.rejects(policy.execute(boom), /boom/);
  // The error of an attempt that was made good.
  let calls = 0;
  assert.equal(await policy.execute(() => ((calls += 1), calls === 1 ? boom() : fine())), "fine");
  const late = watch(policy.execute(never));
  await system.advance(1010);
  assert.ok(late.error instanceof TimeoutError);
  assert.equal(late.error.cause, undefined);
});

test("a cooperative attempt that succeeds after its deadline leaves the next call alone", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: { timeoutMs: 100, mode: "cooperative" }, retry: { attemptsMax: 1 }, system });
  const slow = deferred();
  const first = watch(policy.execute(() => slow.promise));
  await system.advance(150);
  slow.resolve("late but there");
  await settle();
  assert.equal(first.value, "late but there");
  await assert.rejects(policy.execute(boom), /boom/);
});

test("a listener that aborts the very call it hears of ends it once, and nothing is given back twice", async () => {
  const system = manualSystem();
  for (const event of ["opened", "retrying", "closed"]) {
    const controller = new AbortController();
    const policy = pipeline({
      breaker: { failures: 1, openMs: 0 },
      bulkhead: { concurrentMax: 1 },
      retry: { delayMs: 0, attemptsMax: 5 },
      system,
    });
    for (const part of [policy.breaker, policy.retry])
      part?.listen((said) => {
        if (said.event === event) controller.abort("heard it");
      });
    let calls = 0;
    const call = watch(policy.execute(() => ((calls += 1), calls === 1 ? boom() : fine()), controller.signal));
    await system.advance(10);
    if (event === "closed") assert.equal(call.value, "fine", "its value was there before the abort");
    else {
      assert.equal(call.error instanceof AbortedError && call.error.cause, "heard it");
      assert.equal(calls, 1);
    }
    assert.equal(policy.bulkhead?.active, 0);
    assert.deepEqual(
      [policy.bulkhead?.tryAcquire(), policy.bulkhead?.tryAcquire()],
      [true, false],
      "one slot, not two",
    );
    assert.equal(system.pending, 0);
  }
});

test("an abort between a failure and the next attempt, without any wait, prevents that attempt", async () => {
  const policy = pipeline({ retry: { delayMs: 0, attemptsMax: 5 }, system: manualSystem() });
  for (let turns = 0; turns < 6; turns += 1) {
    const controller = new AbortController();
    let calls = 0;
    let callsAtAbort = 0;
    const failing = policy.execute(() => ((calls += 1), boom()), controller.signal);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    controller.abort();
    callsAtAbort = calls;
    await assert.rejects(failing, AbortedError);
    await settle();
    assert.equal(calls, callsAtAbort);
  }
});

test("an abort by whoever hears that a call is refused, queued, timed out or tried ends that call, and only once", async () => {
  for (const heard of ["high-water", "timed-out", "half-opened"]) {
    const system = manualSystem();
    const controller = new AbortController();
    const policy = pipeline({
      breaker: { failures: 1, openMs: 100 },
      bulkhead: { concurrentMax: 1, queueMax: 1 },
      retry: { delayMs: 0, attemptsMax: 3 },
      timeout: 100,
      system,
    });
    for (const part of [policy, policy.breaker, policy.bulkhead])
      part?.listen(({ event }) => {
        if (event === heard) controller.abort(event);
      });
    const gate = deferred();
    let called = 0;
    if (heard === "high-water") void policy.execute(() => gate.promise);
    if (heard === "half-opened") {
      policy.breaker?.open();
      await system.advance(100);
    }
    const call = watch(policy.execute(() => ((called += 1), never()), controller.signal));
    await system.advance(heard === "timed-out" ? 110 : 0);
    assert.equal(call.error instanceof AbortedError && call.error.cause, heard);
    assert.equal(called, heard === "timed-out" ? 1 : 0);
    gate.resolve("done");
    await system.advance(110);
    assert.deepEqual([policy.bulkhead?.active, policy.bulkhead?.queued, system.pending], [0, 0, 0], heard);
  }
});

test("a classifier, a limiter or a priority that is no good ends its own call and leaves nothing behind", async () => {
  const broken = (): never => {
    throw new Error("broken");
  };
  let taken = 0;
  const secondTime = (): boolean => ((taken += 1) < 2 ? true : broken());
  for (const [part, expected, work = fine] of [
    [{ breaker: { failures: 1, isFailedResult: broken } }, "fine"],
    [{ retry: { isFailedResult: broken } }, "Error: broken"],
    [{ limiter: { tryTake: broken } }, "Error: broken"],
    [{ limiter: { tryTake: () => false, check: broken } }, "Error: broken"],
    [{ limiter: { tryTake: secondTime }, retry: { attemptsMax: 2, delayMs: 0 } }, "Error: broken", boom],
  ] as const) {
    const system = manualSystem();
    const policy = pipeline({ ...part, bulkhead: { concurrentMax: 1 }, timeout: 100, totalTimeoutMs: 1000, system });
    const call = watch(policy.execute<unknown>(work, new AbortController().signal));
    await system.advance(0);
    assert.equal(String(call.value ?? call.error), expected);
    await system.advance(10);
    assert.deepEqual([policy.bulkhead?.active, system.pending], [0, 0]);
    if (policy.breaker !== undefined) assert.equal(policy.breaker.state, "open", "a broken classifier counts");
  }
  const policy = pipeline({ bulkhead: { concurrentMax: 1, queueMax: 1 }, system: manualSystem() });
  void policy.execute(never);
  await assert.rejects(policy.execute(fine, undefined, 7), /priority is 7/);
  assert.equal(policy.bulkhead?.queued, 0);
});

test("the value of a hedge that lost is discarded, also one that came in the same turn or was waited for", async () => {
  for (const mode of ["early", "cooperative"] as const) {
    const system = manualSystem();
    const discarded: unknown[] = [];
    const policy = pipeline({
      hedge: { delayMs: 10 },
      timeout: { timeoutMs: 100, mode },
      discard: (value) => discarded.push(value),
      system,
    });
    const gates = [deferred(), deferred()];
    const call = watch(policy.execute(({ attempt }) => gates[attempt - 1]?.promise));
    await system.advance(10);
    for (const [at, gate] of gates.entries()) gate.resolve(`value ${at + 1}`);
    await settle();
    assert.deepEqual([call.value, discarded], ["value 1", ["value 2"]], mode);
  }
});

test("ready-made parts of another copy of this package are used, not copied", async () => {
  // A copy's classes are not ours, what they do is.
  const foreign = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      getPrototypeOf: () => null,
      get: (target, key) => {
        const value = Reflect.get(target, key, target) as unknown;
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  const system = manualSystem();
  const guard = breaker({ failures: 1, system });
  const slots = bulkhead({ system });
  const again = retry({ attemptsMax: 2, delayMs: 0, system });
  const twice = hedge({ system });
  const policy = pipeline({
    breaker: foreign(guard),
    bulkhead: foreign(slots),
    retry: foreign(again),
    hedge: foreign(twice),
    system,
  });
  await assert.rejects(policy.execute(boom), BreakerOpenError);
  assert.equal(guard.state, "open");
  assert.deepEqual(
    [slots.snapshot().counts["passed"], again.snapshot().counts["retried"], twice.snapshot().counts["calls"]],
    [2, 1, 2],
  );
});

test("attempts are numbered through, over retries and hedges", async () => {
  const system = manualSystem();
  const policy = pipeline({ retry: { delayMs: 0, attemptsMax: 2 }, hedge: { delayMs: 10 }, timeout: 15, system });
  const attempts: number[] = [];
  void watch(policy.execute(({ attempt }) => (attempts.push(attempt), never())));
  await system.advance(1000);
  assert.deepEqual(attempts, [1, 2, 3, 4]);
});

test("a retry runs in its caller's async context: after an error, and after a timeout by a timer of its own", async () => {
  const storage = new AsyncLocalStorage<string>();
  const system = manualSystem();
  // As the host's timers do; those of manual time run where it is moved on.
  const setTimer: System["setTimer"] = (fire, ...rest) => system.setTimer(AsyncResource.bind(fire), ...rest);
  const policy = pipeline({
    retry: { delayMs: 50, attemptsMax: 2 },
    timeout: { timeoutMs: 100, precise: true },
    bulkhead: { concurrentMax: 10 },
    system: { ...system, setTimer },
  });
  const seen: unknown[] = [];
  const call = (caller: string, work: () => Promise<never>): void =>
    storage.run(
      caller,
      () => void watch(policy.execute(({ attempt }) => (seen.push(`${storage.getStore()} ${attempt}`), work()))),
    );
  call("fails", boom);
  call("hangs", never);
  call("hangs too", never);
  await system.advance(1000);
  assert.deepEqual(seen.toSorted(), ["fails 1", "fails 2", "hangs 1", "hangs 2", "hangs too 1", "hangs too 2"]);
});

test("a signal that is used for call after call has no listener of theirs, however they end", async () => {
  const { signal, listeners } = countedSignal();
  for (const hedged of [false, true]) {
    const system = manualSystem();
    const policy = pipeline({
      retry: { delayMs: 50, attemptsMax: 2 },
      breaker: { failures: 1000 },
      bulkhead: { concurrentMax: 2, queueMax: 2, waitMsMax: 300 },
      timeout: 100,
      totalTimeoutMs: 180,
      ...(hedged ? { hedge: { delayMs: 20 } } : {}),
      system,
    });
    const again = retry({ delayMs: 50, attemptsMax: 2, system });
    const calls = [fine, boom, never, fine, boom, never].map((work) => watch(policy.execute<unknown>(work, signal)));
    calls.push(watch(again.execute(boom, signal)));
    await system.advance(10_000);
    assert.ok(calls.every(({ state }) => state !== "pending"));
    assert.deepEqual([listeners.now, listeners.most, system.pending], [0, 1, 0]);
  }
});

test("whatever listeners do to the parts and to calls, every call ends and no slot or timer is left", async () => {
  const doings = ["nothing", "abort", "call", "open", "close", "isolate", "grow", "shrink", "throw"] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...doings), { minLength: 1, maxLength: 30 }),
      fc.array(fc.constantFrom("fine", "boom", "never"), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (script, works, hedged) => {
        const system = manualSystem();
        const policy = pipeline({
          retry: { delayMs: 40, budget: callBudget({ burst: 2, system }) },
          breaker: { failures: 2, openMs: 100 },
          bulkhead: { concurrentMax: 2, queueMax: 3, waitMsMax: 500, priorities: 2, overflow: "drop-oldest" },
          timeout: 120,
          totalTimeoutMs: 1000,
          ...(hedged ? { hedge: { delayMs: 30 } } : {}),
          system,
        });
        const guard = policy.breaker as NonNullable<typeof policy.breaker>;
        const slots = policy.bulkhead as NonNullable<typeof policy.bulkhead>;
        const controllers: AbortController[] = [];
        const calls: ReturnType<typeof watch>[] = [];
        const call = (work: () => Promise<string>, priority: number): void => {
          const controller = new AbortController();
          controllers.push(controller);
          calls.push(watch(policy.execute(work, controller.signal, priority)));
        };
        let at = 0;
        const react = (): void => {
          // So many deeds at most, or they would answer each other for ever.
          const doing = at < 60 ? script[at % script.length] : "nothing";
          at += 1;
          if (doing === "abort") controllers[at % controllers.length]?.abort(at);
          if (doing === "call") call(at % 2 === 0 ? fine : boom, at % 2);
          if (doing === "open") guard.open(50);
          if (doing === "close") guard.close();
          if (doing === "isolate") guard.isolate();
          if (doing === "grow") slots.concurrentMax = 4;
          if (doing === "shrink") slots.concurrentMax = 1;
          if (doing === "throw") throw new Error("a listener's own trouble");
        };
        for (const part of [policy, guard, slots, policy.retry, policy.hedge]) part?.listen(react);
        for (const [number, work] of works.entries()) {
          call({ fine, boom, never }[work], number % 2);
          assert.ok(slots.queued <= 3);
          await system.advance(number % 3 === 0 ? 70 : 0);
        }
        await system.advance(60_000);
        assert.ok(calls.every(({ state }) => state !== "pending"));
        assert.deepEqual([slots.active, slots.queued, system.pending], [0, 0, 0]);
        at = 60;
        guard.close();
        assert.equal(await policy.execute(fine), "fine");
      },
    ),
    { numRuns: 300 },
  );
});

test("what is under way keeps the process alive, unless told otherwise; what only ends by itself does not", async () => {
  const kept: unknown[] = [];
  const system = manualSystem();
  const setTimer: System["setTimer"] = (fire, ms, keepAlive) => (kept.push(keepAlive), system.setTimer(fire, ms));
  const heard = { ...system, setTimer };
  const timers = async (run: () => unknown): Promise<unknown[]> => {
    kept.length = 0;
    run();
    await settle();
    return [...kept];
  };
  const call = (policy: { execute(work: () => Promise<unknown>): Promise<unknown> }, work = never): void =>
    void watch(policy.execute(work));
  for (const ms of [20, 1000]) {
    assert.deepEqual(await timers(() => call(timeout({ timeoutMs: ms, system: heard }))), [true]);
    const quiet = { keepAlive: false, system: heard };
    assert.deepEqual(await timers(() => call(timeout({ timeoutMs: ms + 1, ...quiet }))), [false]);
    assert.deepEqual(
      await timers(() => call(pipeline({ timeout: { timeoutMs: ms + 2, keepAlive: false }, system: heard }))),
      [false],
    );
  }
  assert.deepEqual(await timers(() => call(pipeline({ totalTimeoutMs: 20, system: heard }))), [true]);
  assert.deepEqual(await timers(() => call(retry({ system: heard }), boom)), [true]);
  assert.deepEqual(await timers(() => call(hedge({ system: heard }))), [true]);
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, system: heard });
  slots.tryAcquire();
  assert.deepEqual(await timers(() => call(slots)), [true]);
  const levels = degrade({ levels: ["full", "half"], system: heard });
  assert.deepEqual(await timers(() => levels.hold("a", "half", 1000)), [undefined]);
});

test("a timeout that is no number is refused, not left out", () => {
  for (const bad of ["1s", {}, { timeoutMs: "1s" }, Number.NaN, -1] as never[])
    assert.throws(() => pipeline({ timeout: bad }), /"pipeline": timeout is .* must be a number from 0/);
  assert.throws(() => pipeline({ timeout: { timeoutMs: 1, mode: "loud" as never } }), /timeout.mode is "loud"/);
});
