// How calls through a policy end: what is counted and told, what a part is told of them, and what they leave behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortedError,
  breaker,
  BreakerOpenError,
  countWindow,
  pipeline,
  TimeoutError,
  type PipelineOptions,
} from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";
import { boom, deferred, events, fine, never, settle, watch } from "./helpers.ts";

test("every call is counted by how it ended, and each deadline is told as its own", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: 100, totalTimeoutMs: 150, retry: { delayMs: 0, attemptsMax: 2 }, system });
  const told: unknown[] = [];
  policy.listen(({ event, detail }) => told.push([event, detail["timeoutMs"], detail["total"]]));
  await policy.execute(fine);
  await policy.execute(boom).catch(() => {});
  await policy.execute(fine, AbortSignal.abort()).catch(() => {});
  const late = watch(policy.execute(never));
  await system.advance(200);
  assert.ok(late.error instanceof TimeoutError);
  assert.equal(late.error.timeoutMs, 150);
  assert.deepEqual(told, [
    ["timed-out", 100, false],
    ["timed-out", 150, true],
  ]);
  const { calls, failed, refused, timedOut } = policy.snapshot().counts;
  assert.deepEqual([calls, failed, refused, timedOut], [4, 2, 1, 2]);
});

test("calls under way share the timers of their deadlines", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: 1000, totalTimeoutMs: 5000, system });
  const gate = deferred();
  const calls = Array.from({ length: 50 }, () => policy.execute(() => gate.promise));
  assert.equal(system.pending, 2);
  gate.resolve("");
  await Promise.all(calls);
});

test("the time of all attempts is counted from the call's own beginning", async () => {
  const system = manualSystem();
  await system.advance(700);
  const policy = pipeline({ retry: { delayMs: 100, jitter: "none", attemptsMax: 9, totalMsMax: 250 }, system });
  for (let call = 0; call < 2; call += 1) {
    const startedAt = system.now();
    const times: number[] = [];
    const result = watch(policy.execute(() => (times.push(system.now() - startedAt), boom())));
    await system.advance(1000);
    assert.deepEqual([times, result.state], [[0, 100], "rejected"]);
  }
});

test("each wait of decorrelated jitter grows from the one before, and a new call begins anew", async () => {
  const system = manualSystem();
  const policy = pipeline({
    retry: { jitter: "decorrelated", delayMs: 100, delayMsMax: 10_000, attemptsMax: 4 },
    system: { ...system, random: () => 0.5 },
  });
  for (let call = 0; call < 2; call += 1) {
    const startedAt = system.now();
    const times: number[] = [];
    void watch(policy.execute(() => (times.push(system.now() - startedAt), boom())));
    await system.advance(5000);
    // The middles of 100 to 300, to 600 and to 1050.
    assert.deepEqual(times, [0, 200, 550, 1125]);
  }
});

test("a failed result is tried again and thrown away, the last one is given to the caller", async () => {
  const discarded: unknown[] = [];
  const policy = pipeline({
    retry: { delayMs: 0, isFailedResult: (value) => value !== 202, discard: (value) => discarded.push(value) },
    system: manualSystem(),
  });
  let next = 200;
  assert.equal(await policy.execute(() => next++), 202);
  assert.deepEqual(discarded, [200, 201]);
  next = 500;
  assert.equal(await policy.execute(() => next++), 502);
  assert.deepEqual(discarded, [200, 201, 500, 501]);
  assert.equal(policy.snapshot().counts["failed"], 0);
});

test("a failed result that comes after a cooperative deadline is not tried again", async () => {
  const system = manualSystem();
  const policy = pipeline({
    timeout: { timeoutMs: 100, mode: "cooperative" },
    retry: { delayMs: 0, isFailedResult: () => true },
    system,
  });
  const gate = deferred();
  let attempts = 0;
  const call = watch(policy.execute(() => ((attempts += 1), gate.promise)));
  await system.advance(120);
  gate.resolve("bad, and late");
  await settle();
  assert.deepEqual([call.value, attempts], ["bad, and late", 1]);
});

test("of two deadlines that cooperative work has overrun the first is named", async () => {
  const system = manualSystem();
  const policy = pipeline({ timeout: { timeoutMs: 100, mode: "cooperative" }, totalTimeoutMs: 150, system });
  const gate = deferred();
  const call = watch(policy.execute(() => gate.promise));
  await system.advance(200);
  gate.reject(new Error("noticed"));
  await settle();
  assert.ok(call.error instanceof TimeoutError);
  assert.equal(call.error.timeoutMs, 100);
  assert.equal(policy.snapshot().counts["timedOut"], 2);
});

test("a cooperative deadline tells why the work ended; the whole call's tells of the attempt before", async () => {
  const system = manualSystem();
  const slow = (totalTimeoutMs: number) =>
    pipeline({
      timeout: { timeoutMs: 100, mode: "cooperative" },
      totalTimeoutMs,
      retry: { delayMs: 0, attemptsMax: 2 },
      system,
    });
  const obedient = (word: string) => (context: { onAbort(stop: () => void): unknown }) =>
    new Promise<never>((_, reject) => void context.onAbort(() => reject(new Error(word))));
  const attempt = watch(slow(5000).execute(obedient("noticed")));
  await system.advance(250);
  assert.ok(attempt.error instanceof TimeoutError);
  assert.deepEqual([attempt.error.timeoutMs, String(attempt.error.cause)], [100, "Error: noticed"]);
  let calls = 0;
  const whole = watch(
    slow(50).execute((context) => ((calls += 1), calls === 1 ? boom() : obedient("too late")(context))),
  );
  await system.advance(100);
  assert.ok(whole.error instanceof TimeoutError);
  assert.deepEqual([whole.error.timeoutMs, String(whole.error.cause)], [50, "Error: boom"]);
});

test("attempts are timed for a breaker that judges slow ones, each from its own start", async () => {
  const system = manualSystem();
  await system.advance(500);
  const guard = breaker({
    window: countWindow({ calls: 4, callsMin: 4, failureRate: 1, slowMs: 100, slowRate: 0.5 }),
    system,
  });
  const policy = pipeline({ breaker: guard, system });
  const takes = async (ms: number, fails = false): Promise<string> => {
    const call = watch(
      policy.execute(
        () =>
          new Promise(
            (resolve, reject) => void system.setTimer(fails ? () => reject(new Error("down")) : () => resolve(""), ms),
          ),
      ),
    );
    await system.advance(ms);
    assert.notEqual(call.state, "pending");
    return guard.state;
  };
  assert.deepEqual([await takes(99), await takes(99, true), await takes(99), await takes(99)], Array(4).fill("closed"));
  assert.equal(await takes(100, true), "closed", "one of four is slow");
  assert.equal(await takes(100), "open", "two of four are");
});

test("behind an open breaker a call that finds no slot is one that the breaker refused", async () => {
  const policy = pipeline({
    breaker: {},
    bulkhead: { concurrentMax: 1, queueMax: 5 },
    system: manualSystem(),
  });
  void policy.execute(never);
  policy.breaker?.open();
  await assert.rejects(policy.execute(fine), BreakerOpenError);
  assert.equal(policy.breaker?.snapshot().counts["refused"], 1);
  assert.equal(policy.bulkhead?.queued, 0);
});

test("a queued call gets the next slot; one granted in the turn of its abort goes on to the next in line", async () => {
  const policy = pipeline({ bulkhead: { concurrentMax: 1, queueMax: 5 }, system: manualSystem() });
  const slots = policy.bulkhead;
  slots?.tryAcquire();
  const caller = new AbortController();
  const first = watch(policy.execute(fine, caller.signal));
  const second = watch(policy.execute(fine));
  slots?.release();
  caller.abort("now");
  await settle();
  assert.ok(first.error instanceof AbortedError);
  assert.deepEqual([second.value, slots?.active, slots?.queued], ["fine", 0, 0]);
});

test("a trial that its caller gives up, or that a listener does, is given back to the breaker", async () => {
  for (const by of ["caller", "listener"]) {
    const system = manualSystem();
    const policy = pipeline({ breaker: { failures: 1, openMs: 1000 }, bulkhead: { concurrentMax: 1 }, system });
    await policy.execute(boom).catch(() => {});
    await system.advance(1000);
    const caller = new AbortController();
    if (by === "listener") policy.breaker?.listen(({ event }) => event === "half-opened" && caller.abort());
    const trial = watch(policy.execute(never, caller.signal));
    caller.abort();
    await settle();
    assert.ok(trial.error instanceof AbortedError);
    const { state } = policy.breaker ?? {};
    assert.deepEqual([state, policy.breaker?.wouldPass(), policy.bulkhead?.active], ["half-open", true, 0]);
    assert.equal(policy.breaker?.snapshot().counts["ignored"], 1);
  }
});

test("an abort by the caller is never held against the dependency, whatever counts as a failure", async () => {
  const policy = pipeline({ breaker: { failures: 1, isFailure: () => true }, system: manualSystem() });
  const caller = new AbortController();
  const call = watch(policy.execute(never, caller.signal));
  caller.abort();
  await settle();
  assert.ok(call.error instanceof AbortedError);
  assert.deepEqual([policy.breaker?.state, policy.breaker?.snapshot().counts["ignored"]], ["closed", 1]);
});

test("an abort between a failure and the attempt that would follow at once ends the call there", async () => {
  const policy = pipeline({ retry: { delayMs: 0, attemptsMax: 5 }, system: manualSystem() });
  const caller = new AbortController();
  const gate = deferred();
  let attempts = 0;
  const call = watch(policy.execute(() => ((attempts += 1), gate.promise), caller.signal));
  gate.reject(new Error("down"));
  void Promise.resolve().then(() => caller.abort());
  await settle();
  assert.ok(call.error instanceof AbortedError);
  assert.deepEqual([attempts, policy.retry?.snapshot().counts["retried"]], [1, 1]);
});

test("a call is tried again also after one whose whole time was over", async () => {
  const system = manualSystem();
  const policy = pipeline({ totalTimeoutMs: 100, retry: { delayMs: 0 }, system });
  const late = watch(policy.execute(never));
  await system.advance(120);
  assert.ok(late.error instanceof TimeoutError);
  let attempts = 0;
  assert.equal(await policy.execute(() => ((attempts += 1), attempts === 1 ? boom() : fine())), "fine");
});

/** Makes a call whose caller's signal is aborted by some part of the policy at its second attempt; it must end there. */
async function abortedAgain(
  make: (abort: () => void) => PipelineOptions,
  arrange?: (policy: ReturnType<typeof pipeline>, system: ManualSystem) => void,
) {
  const system = manualSystem();
  const caller = new AbortController();
  const policy = pipeline({
    ...make(() => caller.abort("by a part")),
    retry: { delayMs: 100, jitter: "none", attemptsMax: 5, retryIf: () => true },
    system,
  });
  policy.breaker?.listen(({ event }) => event === "half-opened" && caller.abort("by a part"));
  let attempts = 0;
  const call = watch(policy.execute(() => ((attempts += 1), boom()), caller.signal));
  await system.advance(50);
  arrange?.(policy, system);
  await system.advance(1000);
  assert.ok(call.error instanceof AbortedError);
  assert.equal(call.error.cause, "by a part");
  assert.equal(attempts, 1);
  const { retried } = policy.retry?.snapshot().counts ?? {};
  const { calls, failed, refused } = policy.snapshot().counts;
  assert.deepEqual([retried, calls, failed, refused, system.pending], [1, 1, 0, 1, 0]);
  assert.equal(policy.breaker?.wouldPass() ?? true, true);
  assert.equal(policy.bulkhead?.active ?? 0, 0);
  assert.equal(await policy.execute(fine), "fine", "its record is free for the next call");
}

test("a limiter that aborts a call at a further attempt ends it there: nothing goes on behind the caller's back", async () => {
  for (const passes of [true, false]) {
    let asked = 0;
    await abortedAgain((abort) => ({
      limiter: {
        tryTake: () => {
          asked += 1;
          if (asked === 2) abort();
          return asked !== 2 || passes;
        },
      },
    }));
  }
});

test("a listener that aborts a call as its breaker tries again ends it there, with a slot at once or after a queue", async () => {
  await abortedAgain(() => ({ breaker: { failures: 1, openMs: 100 } }));
  await abortedAgain(
    () => ({ breaker: { failures: 1, openMs: 100 }, bulkhead: { concurrentMax: 1, queueMax: 1 } }),
    (policy, system) => {
      policy.bulkhead?.tryAcquire();
      system.setTimer(() => policy.bulkhead?.release(), 100);
    },
  );
});

test("a call that is refused and aborted in the same turn is answered once, with the abort", async () => {
  const policy = pipeline({ breaker: {}, retry: { delayMs: 0 }, system: manualSystem() });
  policy.breaker?.open();
  const heard = events(policy);
  const caller = new AbortController();
  const call = watch(policy.execute(fine, caller.signal));
  caller.abort("at once");
  await settle();
  assert.ok(call.error instanceof AbortedError);
  const { calls, refused } = policy.snapshot().counts;
  assert.deepEqual([calls, refused, heard], [1, 1, []]);
});

test("the wait for a further attempt keeps the process alive, a deadline as it was asked to", async () => {
  const asked = async (options: PipelineOptions): Promise<unknown> => {
    const system = manualSystem();
    const alive: unknown[] = [];
    const setTimer = (fire: () => void, ms: number, keeps?: boolean) => (alive.push(keeps), system.setTimer(fire, ms));
    void watch(pipeline({ ...options, system: { ...system, setTimer } }).execute(options.retry ? boom : never));
    await settle();
    return alive[0];
  };
  assert.equal(await asked({ retry: {} }), true);
  // Shorter than 50 ms a deadline has a timer of its own.
  for (const timeoutMs of [20, 2000]) {
    assert.equal(await asked({ timeout: { timeoutMs } }), true);
    assert.equal(await asked({ totalTimeoutMs: timeoutMs }), true);
    for (const keepAlive of [true, false]) {
      assert.equal(await asked({ timeout: { timeoutMs, keepAlive } }), keepAlive);
      assert.equal(await asked({ timeout: { timeoutMs, keepAlive, precise: true } }), keepAlive);
      assert.equal(await asked({ timeout: { timeoutMs, keepAlive, mode: "cooperative" } }), keepAlive);
    }
  }
});
