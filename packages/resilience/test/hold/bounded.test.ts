import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { AbortedError, TimeoutError } from "../../src/errors.ts";
import { manualSystem } from "@prunella/resilience/testing";
import { bounded, valueOf } from "../../src/hold/bounded.ts";
import { openGuard } from "../../src/hold/guard.ts";
import { deferred, settle, watch } from "../call/helpers.ts";

/** Work of 100 ms at most, whose clock may be ahead of its timers, as after a thread that was blocked. */
function started(caller?: AbortSignal) {
  const system = manualSystem();
  const clock = { aheadMs: 0 };
  const guard = openGuard("test", { system: { ...system, now: () => system.now() + clock.aheadMs } });
  const answer = deferred();
  let signal: AbortSignal | undefined;
  const work = (own: AbortSignal): Promise<string> => {
    signal = own;
    return answer.promise;
  };
  const run = bounded(guard, "work", 100, work, caller);
  return { system, clock, answer, run, signal: signal as AbortSignal | undefined, outcome: watch(run.outcome) };
}

test("work that is done is not told to stop afterwards, and leaves neither timer nor listener", async () => {
  const caller = new AbortController();
  const { system, answer, run, signal, outcome } = started(caller.signal);
  answer.resolve("done");
  await settle();
  assert.deepEqual(outcome.value, { kind: "done", value: "done" });
  run.cancel("too late");
  assert.equal(signal?.aborted, false);
  assert.equal(getEventListeners(caller.signal, "abort").length, 0);
  assert.equal(system.pending, 0);
});

test("the first to end it decides: its bound, its caller, or the one who gives it up; the work hears of it", async () => {
  const late = started();
  await late.system.advance(100);
  assert.equal(late.outcome.value?.kind, "overrun");
  assert.ok(late.signal?.reason instanceof TimeoutError);
  late.run.cancel("too late");
  assert.throws(() => valueOf(late.outcome.value as never), TimeoutError);

  const caller = new AbortController();
  const aborted = started(caller.signal);
  caller.abort("not wanted");
  await settle();
  assert.equal(aborted.outcome.value?.kind, "cancelled");
  assert.equal(aborted.signal?.reason, "not wanted");
  assert.throws(() => valueOf(aborted.outcome.value as never), AbortedError);
  assert.equal(aborted.system.pending, 0);

  const never = started(AbortSignal.abort("before"));
  await settle();
  assert.equal(never.outcome.value?.kind, "cancelled");
  assert.equal(never.signal, undefined, "it never began");
});

test("after a blocked thread an answer that was on its way gets one turn, and only one", async () => {
  const inTime = started();
  inTime.clock.aheadMs = 21;
  await inTime.system.advance(100);
  assert.equal(inTime.outcome.state, "pending");
  inTime.answer.resolve("was there");
  await settle();
  assert.equal(inTime.outcome.value?.kind, "done");
  assert.equal(inTime.system.pending, 0);

  const still = started();
  still.clock.aheadMs = 1000;
  await still.system.advance(100);
  assert.equal(still.outcome.state, "pending");
  await still.system.advance(1);
  assert.equal(still.outcome.value?.kind, "overrun");

  const hardly = started();
  hardly.clock.aheadMs = 20;
  await hardly.system.advance(100);
  assert.equal(hardly.outcome.value?.kind, "overrun", "a timer is always a little late");
});
