// Work that is told to stop and waited for.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortedError,
  timeout,
  TimeoutError,
  type CallContext,
  type GuardEvent,
  type TimeoutOptions,
} from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { boom, countedSignal, deferred, fine, settle, watch } from "./helpers.ts";

function cooperative(options: Partial<TimeoutOptions> = {}) {
  const system = manualSystem();
  const kept: unknown[] = [];
  const limit = timeout({
    timeoutMs: 100,
    mode: "cooperative",
    system: { ...system, setTimer: (fire, ms, keepAlive) => (kept.push(keepAlive), system.setTimer(fire, ms)) },
    ...options,
  });
  const heard: GuardEvent[] = [];
  limit.listen((event) => heard.push(event));
  return { system, limit, heard, kept };
}

/** Work that ends badly as soon as it is told to stop. */
const obeys = (context: CallContext): Promise<never> =>
  new Promise((_resolve, reject) => void context.onAbort(() => reject(new Error("stopped"))));

test("its counts are exact, and each deadline that passed is said once", async () => {
  const { system, limit, heard } = cooperative();
  const counted = (): unknown[] => {
    const { calls, failed, timedOut, late, trips } = limit.snapshot().counts;
    return [calls, failed, timedOut, late, trips];
  };
  await limit.execute(fine);
  assert.deepEqual(counted(), [1, 0, 0, 0, 0]);
  await limit.execute(boom).catch(() => {});
  assert.deepEqual(counted(), [2, 1, 0, 0, 0]);
  const slow = watch(limit.execute(obeys));
  await system.advance(110);
  assert.ok(slow.error instanceof TimeoutError);
  assert.match(String(slow.error.cause), /stopped/);
  assert.deepEqual(counted(), [3, 2, 1, 0, 1]);
  const answer = deferred();
  const stubborn = watch(limit.execute(() => answer.promise));
  await system.advance(500);
  answer.resolve("after all");
  await settle();
  assert.equal(stubborn.value, "after all");
  assert.deepEqual(counted(), [4, 2, 2, 0, 2]);
  const told = { event: "timed-out", level: "trip", detail: { timeoutMs: 100, total: false } };
  assert.deepEqual(
    heard.map(({ event, level, detail }) => ({ event, level, detail })),
    [told, told],
  );
});

test("what came first is what the caller hears: the deadline or the abort", async () => {
  for (const first of ["deadline", "abort"]) {
    const { system, limit } = cooperative();
    const controller = new AbortController();
    const answer = deferred();
    let context!: CallContext;
    const call = watch(limit.execute((given) => ((context = given), answer.promise), controller.signal));
    if (first === "deadline") await system.advance(110);
    controller.abort("left");
    await system.advance(110);
    assert.equal(call.state, "pending");
    answer.reject(new Error("stopped"));
    await settle();
    assert.ok(call.error instanceof (first === "deadline" ? TimeoutError : AbortedError));
    assert.equal(context.reason, first === "deadline" ? call.error : "left");
    assert.match(String(call.error.cause), first === "deadline" ? /stopped/ : /left/);
  }
});

test("calls under way share a timer, precise ones have their own, and both keep the process alive unless told otherwise", async () => {
  for (const precise of [false, true])
    for (const keepAlive of [undefined, false]) {
      const { system, limit, kept } = cooperative({ precise, ...(keepAlive === undefined ? {} : { keepAlive }) });
      const calls = [1, 2, 3].map(() => watch(limit.execute(obeys)));
      assert.equal(system.pending, precise ? 3 : 1);
      assert.ok(kept.every((each) => each === (keepAlive ?? true)));
      await system.advance(precise ? 100 : 110);
      assert.ok(calls.every(({ error }) => error instanceof TimeoutError));
      assert.equal(system.pending, 0);
    }
});

test("nothing is left of a call: no timer, no listener, nothing that the next one meets", async () => {
  const { signal, listeners } = countedSignal();
  const { system, limit } = cooperative();
  for (const work of [fine, boom, fine]) await limit.execute<unknown>(work, signal).catch(() => {});
  assert.equal(listeners.now, 0);
  const late = watch(limit.execute(obeys));
  await system.advance(110);
  assert.ok(late.error instanceof TimeoutError);
  await assert.rejects(limit.execute(boom), /boom/, "not the error of the call before");
  const gates = Array.from({ length: 300 }, () => deferred<number>());
  const calls = gates.map(({ promise }) => watch(limit.execute(() => promise)));
  for (const [at, gate] of gates.entries()) gate.resolve(at);
  await settle();
  assert.ok(calls.every(({ value }, at) => value === at));
  await system.advance(110);
  assert.equal(system.pending, 0);
});
