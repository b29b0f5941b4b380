// The behaviours that other libraries get wrong (each was probed against them), one test per behaviour.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortedError,
  breaker,
  BreakerOpenError,
  bulkhead,
  BulkheadFullError,
  pipeline,
  retry,
  timeout,
  timeWindow,
  TimeoutError,
} from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { boom, deferred, fine, never, settle, watch } from "./helpers.ts";

test("a queued call is never refused because two others arrive in the turn in which a slot frees", async () => {
  const system = manualSystem();
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, system });
  const first = deferred();
  const started: string[] = [];
  void slots.execute(() => first.promise);
  const queued = watch(slots.execute(() => (started.push("queued"), never())));
  first.resolve("done");
  // The slot frees within this turn; the newcomers ask at every microtask of it.
  const newcomers = [];
  for (let turn = 0; turn < 6; turn += 1) {
    newcomers.push(watch(slots.execute(() => (started.push("newcomer"), never()))));
    await Promise.resolve();
  }
  await settle();
  assert.equal(queued.state, "pending");
  assert.equal(started[0], "queued");
  assert.equal(slots.active, 1);
  assert.ok(newcomers.some((each) => each.error instanceof BulkheadFullError));
});

test("a call that is aborted while queued is refused at once and its place is free", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 2, system: manualSystem() });
  const first = deferred();
  void slots.execute(() => first.promise);
  const controller = new AbortController();
  const aborted = watch(slots.execute(() => assert.fail("was called"), controller.signal));
  const next = watch(slots.execute(fine));
  controller.abort("changed my mind");
  await settle();
  assert.ok(aborted.error instanceof AbortedError);
  assert.equal(aborted.error.cause, "changed my mind");
  assert.equal(slots.queued, 1);
  first.resolve("done");
  await settle();
  assert.equal(next.value, "fine");
  assert.equal(slots.active, 0);
});

test("failures from before a long pause are not counted after it", async () => {
  const system = manualSystem();
  const guard = breaker({ window: timeWindow({ windowMs: 10_000, callsMin: 3, failureRate: 0.9 }), system });
  for (let call = 0; call < 2; call += 1) await guard.execute(boom).catch(() => {});
  await system.advance(3_600_000);
  for (let call = 0; call < 3; call += 1) await guard.execute(fine);
  await guard.execute(boom).catch(() => {});
  assert.equal(guard.state, "closed", "3 of 6 would open at 0.5, the window holds 1 of 4");
  for (let call = 0; call < 40; call += 1) await guard.execute(boom).catch(() => {});
  assert.equal(guard.state, "open");
});

test("an abort during back-off ends the call at once and the work is not called again", async () => {
  const system = manualSystem();
  for (const policy of [
    retry({ delayMs: 300, jitter: "none", system }),
    pipeline({ retry: { delayMs: 300, jitter: "none" }, system }),
  ]) {
    const controller = new AbortController();
    let calls = 0;
    const call = watch(policy.execute(() => ((calls += 1), boom()), controller.signal));
    await settle();
    controller.abort("stop");
    await settle();
    assert.ok(call.error instanceof AbortedError);
    assert.equal(system.pending, 0);
    await system.advance(1000);
    assert.equal(calls, 1);
  }
});

test("a late failure of the closed era is ignored while half-open", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, openMs: 1000, system });
  const late = deferred();
  const old = watch(guard.execute(() => late.promise));
  await guard.execute(boom).catch(() => {});
  await system.advance(1000);
  const trial = deferred();
  void guard.execute(() => trial.promise);
  assert.equal(guard.state, "half-open");
  late.reject(new Error("late"));
  await settle();
  assert.equal(old.state, "rejected");
  assert.equal(guard.state, "half-open");
  assert.equal(guard.snapshot().counts["late"], 1);
  trial.resolve("ok");
  await settle();
  assert.equal(guard.state, "closed");
});

test("a local refusal never counts against the dependency", async () => {
  const system = manualSystem();
  const policy = pipeline({ breaker: { failures: 1 }, bulkhead: { concurrentMax: 1 }, system });
  void policy.execute(never);
  for (let call = 0; call < 3; call += 1) await assert.rejects(policy.execute(fine), BulkheadFullError);
  assert.equal(policy.breaker?.state, "closed");
  // The same when nested by hand, where the refusal comes out of the work.
  const guard = breaker({ failures: 1, system });
  const full = bulkhead({ concurrentMax: 1, system });
  void full.execute(never);
  await assert.rejects(
    guard.execute((context) => full.execute(fine, context)),
    BulkheadFullError,
  );
  assert.equal(guard.state, "closed");
});

test("a half-open trial that never settles is followed by a new trial after a bounded time", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, openMs: 1000, trialMsMax: 5000, system });
  await guard.execute(boom).catch(() => {});
  await system.advance(1000);
  void guard.execute(never);
  await assert.rejects(guard.execute(fine), BreakerOpenError);
  await system.advance(4999);
  await assert.rejects(guard.execute(fine), BreakerOpenError);
  await system.advance(1);
  assert.equal(await guard.execute(fine), "fine");
  assert.equal(guard.state, "closed");
});

test("calls beside a half-open trial are refused, they do not wait", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, openMs: 1000, system });
  await guard.execute(boom).catch(() => {});
  await system.advance(1000);
  void guard.execute(never);
  const beside = watch(guard.execute(() => assert.fail("was called")));
  await settle();
  assert.ok(beside.error instanceof BreakerOpenError);
  assert.ok(beside.error.cause instanceof Error && beside.error.cause.message === "boom");
});

test("a throwing listener changes nothing for the caller", async () => {
  const system = manualSystem();
  const policy = pipeline({ retry: { delayMs: 0 }, breaker: { failures: 1 }, timeout: 100, system });
  for (const guard of [policy, policy.breaker, policy.retry])
    guard?.listen(() => {
      throw new Error("listener");
    });
  let calls = 0;
  const value = await policy.execute(() => ((calls += 1), "fine"));
  assert.equal(value, "fine");
  assert.equal(calls, 1);
  await assert.rejects(policy.execute(boom), /boom|lets no call through/);
});

test("when one call times out the others go on", async () => {
  const system = manualSystem();
  const limit = timeout({ timeoutMs: 100, system });
  const aborted: string[] = [];
  const first = watch(limit.execute((context) => (context.onAbort(() => aborted.push("first")), never())));
  await system.advance(60);
  const answer = deferred();
  const second = watch(limit.execute((context) => (context.onAbort(() => aborted.push("second")), answer.promise)));
  await system.advance(60);
  assert.ok(first.error instanceof TimeoutError);
  answer.resolve("in time");
  await settle();
  assert.equal(second.value, "in time");
  assert.deepEqual(aborted, ["first"]);
});

test("queued work that throws synchronously rejects its caller and frees the slot", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 1, system: manualSystem() });
  const first = deferred();
  void slots.execute(() => first.promise);
  const queued = watch(
    slots.execute(() => {
      throw new Error("synchronous");
    }),
  );
  first.resolve("done");
  await settle();
  assert.match(String(queued.error), /synchronous/);
  assert.equal(slots.active, 0);
  assert.equal(await slots.execute(fine), "fine");
});

test("a timeout of 30 days does not fire at once", async () => {
  const day = 86_400_000;
  const system = manualSystem();
  for (const precise of [false, true]) {
    const limit = timeout({ timeoutMs: 30 * day, precise, system });
    const call = watch(limit.execute(never));
    await system.advance(29 * day);
    assert.equal(call.state, "pending");
    await system.advance(day + 10);
    assert.ok(call.error instanceof TimeoutError);
  }
  // And on the host's own timers, which take 31 bits only.
  const real = timeout({ timeoutMs: 30 * day, precise: true, keepAlive: false });
  const call = watch(real.execute(never));
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(call.state, "pending");
});

test("a wall clock that is set back does not keep a breaker open", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, openMs: 1000, system });
  await guard.execute(boom).catch(() => {});
  system.jumpWall(-3_600_000);
  await system.advance(1000);
  assert.equal(await guard.execute(fine), "fine");
});

test("three queued tasks that are aborted are removed and refused at once", async () => {
  const slots = bulkhead({ concurrentMax: 1, queueMax: 10, system: manualSystem() });
  void slots.execute(never);
  const controller = new AbortController();
  const tasks = [1, 2, 3].map(() => watch(slots.execute(fine, controller.signal)));
  controller.abort();
  await settle();
  assert.ok(tasks.every((task) => task.error instanceof AbortedError));
  assert.equal(slots.queued, 0);
});
