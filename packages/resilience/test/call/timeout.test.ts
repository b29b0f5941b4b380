import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { AbortedError, setListenerErrorHook, timeout, TimeoutError, type CallContext } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { countedSignal, deferred, events, fine, never, settle, watch } from "./helpers.ts";

test("early: the caller is answered at the deadline, never before, at most 10 ms after", async () => {
  for (const [precise, lateMs] of [
    [true, 0],
    [false, 10],
  ] as const) {
    const system = manualSystem();
    const limit = timeout({ timeoutMs: 1000, precise, system });
    await system.advance(3);
    const call = watch(limit.execute(never));
    await system.advance(999);
    assert.equal(call.state, "pending");
    await system.advance(1 + lateMs);
    assert.ok(call.error instanceof TimeoutError);
    assert.equal(call.error.timeoutMs, 1000);
    assert.equal(call.error.code, "PRUNELLA_TIMEOUT");
  }
});

test("a short timeout is exact without being asked", async () => {
  const system = manualSystem();
  const call = watch(timeout({ timeoutMs: 20, system }).execute(never));
  await system.advance(20);
  assert.equal(call.state, "rejected");
});

test("early: a value that comes late is discarded, an error that comes late disturbs nobody", async () => {
  const system = manualSystem();
  const discarded: unknown[] = [];
  const limit = timeout({ timeoutMs: 100, system, discard: (value) => discarded.push(value) });
  const value = deferred();
  const failure = deferred();
  const calls = [watch(limit.execute(() => value.promise)), watch(limit.execute(() => failure.promise))];
  await system.advance(120);
  value.resolve("connection");
  failure.reject(new Error("late"));
  await settle();
  assert.ok(calls.every((call) => call.error instanceof TimeoutError));
  assert.deepEqual(discarded, ["connection"]);
  assert.equal(limit.snapshot().counts["late"], 2);
});

test("cooperative: the caller hears when the work has ended; a value still counts", async () => {
  const system = manualSystem();
  const limit = timeout({ timeoutMs: 100, mode: "cooperative", system });
  const answer = deferred();
  const stubborn = watch(limit.execute(() => answer.promise));
  const obedient = watch(limit.execute((context) => new Promise((_yes, no) => void context.onAbort(no))));
  await system.advance(120);
  assert.ok(obedient.error instanceof TimeoutError);
  assert.equal(stubborn.state, "pending");
  answer.resolve("after all");
  await settle();
  assert.equal(stubborn.value, "after all");
  const controller = new AbortController();
  const aborted = watch(
    limit.execute((context) => new Promise((_yes, no) => void context.onAbort(no)), controller.signal),
  );
  controller.abort("mine");
  await settle();
  assert.ok(aborted.error instanceof AbortedError);
  assert.equal(aborted.error.cause, "mine");
  await system.advance(20);
  assert.equal(system.pending, 0);
});

test("the context tells the work why to stop, by signal, by listener and by throwing", async () => {
  const system = manualSystem();
  let context!: CallContext;
  const heard: unknown[] = [];
  const call = watch(
    timeout({ timeoutMs: 100, system }).execute((given) => {
      context = given;
      given.onAbort((reason) => heard.push(reason));
      given.onAbort(() => {
        throw new Error("a listener's own trouble");
      });
      given.onAbort(() => heard.push("stopped listening"))();
      given.signal.addEventListener("abort", () => heard.push("signal"));
      return never();
    }),
  );
  assert.equal(context.aborted, false);
  context.throwIfAborted();
  await system.advance(120);
  assert.deepEqual(heard, [call.error, "signal"]);
  assert.equal(context.signal.reason, call.error);
  assert.throws(() => context.throwIfAborted(), TimeoutError);
  const late: unknown[] = [];
  context.onAbort((reason) => late.push(reason));
  assert.deepEqual(late, [call.error]);
});

test("nothing is aborted after success, and a signal first read after the deadline is aborted", async () => {
  const system = manualSystem();
  const limit = timeout({ timeoutMs: 100, system });
  const contexts: CallContext[] = [];
  await limit.execute((context) => (contexts.push(context), context.signal, fine()));
  void watch(limit.execute((context) => (contexts.push(context), never())));
  await system.advance(1000);
  assert.deepEqual(
    contexts.map((context) => context.signal.aborted),
    [false, true],
  );
});

test("calls that share a signal share one listener, and none is left", async () => {
  const { signal, listeners } = countedSignal();
  const limit = timeout({ timeoutMs: 100, system: manualSystem() });
  const gates = Array.from({ length: 50 }, () => deferred());
  const calls = gates.map((gate) => limit.execute(() => gate.promise, signal));
  for (const gate of gates) gate.resolve("x");
  await Promise.all(calls);
  assert.deepEqual([listeners.most, listeners.now], [1, 0]);
});

test("an abort by the caller rejects at once with its reason as the cause; one before the call prevents it", async () => {
  const limit = timeout({ timeoutMs: 100, system: manualSystem() });
  const controller = new AbortController();
  const call = watch(limit.execute(never, controller.signal));
  const reason = new Error("user closed the page");
  controller.abort(reason);
  await settle();
  assert.ok(call.error instanceof AbortedError);
  assert.equal(call.error.cause, reason);
  assert.equal(call.error.name, "AbortError");
  await assert.rejects(
    limit.execute(() => assert.fail("was called"), controller.signal),
    AbortedError,
  );
});

test("nothing is left after a call: no timer, whatever its end", async () => {
  const system = manualSystem();
  for (const precise of [true, false]) {
    const limit = timeout({ timeoutMs: 60_000, precise, system });
    const controller = new AbortController();
    await limit.execute(fine);
    await limit.execute(() => Promise.reject(new Error("x"))).catch(() => {});
    const aborted = limit.execute(never, controller.signal);
    controller.abort();
    await aborted.catch(() => {});
    await system.advance(10);
    assert.equal(system.pending, 0);
  }
});

test("a record is not confused by results of the call that used it before", async () => {
  const system = manualSystem();
  const limit = timeout({ timeoutMs: 100, system });
  const old = deferred();
  const first = watch(limit.execute(() => old.promise));
  await system.advance(120);
  const now = deferred();
  const second = watch(limit.execute(() => now.promise));
  old.resolve("of the first call");
  await settle();
  assert.equal(second.state, "pending");
  now.resolve("of the second call");
  await settle();
  assert.equal(second.value, "of the second call");
  assert.ok(first.error instanceof TimeoutError);
});

test("work that aborts its own caller while being started ends in one answer", async () => {
  const limit = timeout({ timeoutMs: 100, system: manualSystem() });
  const controller = new AbortController();
  const call = watch(
    limit.execute(() => {
      controller.abort("from within");
      return "value";
    }, controller.signal),
  );
  const other = limit.execute(fine);
  await settle();
  assert.ok(call.error instanceof AbortedError);
  assert.equal(await other, "fine");
});

test("every timeout is said, and zero or a wrong number is dealt with", async () => {
  const system = manualSystem();
  const limit = timeout({ timeoutMs: 0, name: "now", system });
  const heard = events(limit);
  const call = watch(limit.execute(never));
  await system.advance(0);
  assert.ok(call.error instanceof TimeoutError);
  assert.deepEqual(heard, ["timed-out"]);
  assert.throws(() => timeout(-1), /timeoutMs is -1/);
  assert.throws(() => timeout(Number.NaN), /timeoutMs is NaN/);
  assert.throws(() => timeout({ timeoutMs: 1, mode: "loud" as never }), /mode is "loud", .* one of early, cooperative/);
  assert.equal(await timeout(Infinity).execute(fine), "fine");
});

test("thenables and plain values are taken as they are", async () => {
  const limit = timeout({ timeoutMs: 100, system: manualSystem() });
  assert.equal(await limit.execute(() => 1), 1);
  // oxlint-disable-next-line unicorn/no-thenable -- a foreign promise is the point of this test
  const twice = { then: (yes: (value: number) => void) => (yes(1), yes(2)) };
  assert.equal(await limit.execute(() => twice as PromiseLike<number>), 1);
});

test("a hook that fails by promise disturbs nobody: listeners' errors go to the hook for them, the others' nowhere", async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", note);
  const told: string[] = [];
  setListenerErrorHook((error, { event }) => {
    told.push(`${event}: ${String(error)}`);
    throw new Error("of the hook itself");
  });
  try {
    // Compilers let async functions pass where nothing is awaited.
    const fails = (what: string) => (): never => Promise.reject(new Error(what)) as never;
    const system = manualSystem();
    const limit = timeout({ timeoutMs: 100, discard: fails("discard"), system });
    limit.listen(fails("listener"));
    limit.listen(() => {
      throw new Error("at once");
    });
    const answer = deferred();
    const call = watch(limit.execute((context) => (context.onAbort(fails("onAbort")), answer.promise)));
    await system.advance(110);
    answer.resolve("late");
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(call.error instanceof TimeoutError);
    assert.deepEqual(told, ["timed-out: Error: at once", "timed-out: Error: listener"]);
    assert.deepEqual(unhandled, []);
  } finally {
    setListenerErrorHook(() => {});
    process.off("unhandledRejection", note);
  }
});

test("a deadline keeps the process alive until it is over unless it is asked not to", () => {
  for (const mode of ["early", "cooperative"] as const)
    for (const timeoutMs of [20, 2000])
      for (const keepAlive of [undefined, true, false]) {
        const system = manualSystem();
        const asked: unknown[] = [];
        const setTimer = (fire: () => void, ms: number, alive?: boolean) => (
          asked.push(alive),
          system.setTimer(fire, ms)
        );
        const own = keepAlive === undefined ? {} : { keepAlive };
        void timeout({ timeoutMs, mode, ...own, system: { ...system, setTimer } }).execute(never);
        assert.deepEqual(asked, [keepAlive ?? true]);
      }
});
