// What work is handed by policies that abort nothing themselves: its caller's cancellation, whatever that is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortedError, breaker, bulkhead, fallback, retry, timeout, type CallContext } from "@prunella/resilience";
import type { Cancel, Work } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { boom, never, watch } from "./helpers.ts";

interface Policy {
  execute(work: Work<unknown>, cancel?: Cancel): Promise<unknown>;
}
const system = manualSystem();
const policies: Readonly<Record<string, Policy>> = {
  retry: retry({ attemptsMax: 2, delayMs: 0, system }),
  breaker: breaker({ failures: 1000, system }),
  bulkhead: bulkhead({ concurrentMax: 1000, system }),
  fallback: fallback<unknown>({ system }),
};

/** The context that work gets, while the work goes on. */
function contextOf(policy: Policy, cancel?: Cancel): CallContext {
  let context: CallContext | undefined;
  void watch(policy.execute((given) => ((context = given), never()), cancel));
  return context as unknown as CallContext;
}

for (const [name, policy] of Object.entries(policies)) {
  test(`${name}: without a caller who can leave, nothing is ever aborted`, () => {
    const context = contextOf(policy);
    assert.deepEqual([context.attempt, context.aborted, context.reason], [1, false, undefined]);
    assert.equal(context.signal.aborted, false);
    context.throwIfAborted();
    context.onAbort(() => assert.fail("was aborted"))();
  });

  test(`${name}: the caller's signal is handed on as it is, and its abort is seen and heard`, () => {
    const controller = new AbortController();
    const context = contextOf(policy, controller.signal);
    assert.equal(context.signal, controller.signal);
    assert.equal(context.aborted, false);
    context.throwIfAborted();
    const heard: unknown[] = [];
    context.onAbort((reason) => heard.push(reason));
    context.onAbort(() => heard.push("stopped listening"))();
    const reason = new Error("left");
    controller.abort(reason);
    context.onAbort((late) => heard.push(late));
    assert.deepEqual(heard, [reason, reason]);
    assert.deepEqual([context.aborted, context.reason], [true, reason]);
    assert.throws(() => context.throwIfAborted(), reason);
  });

  test(`${name}: the context of an outer policy is handed on, its signal too`, async () => {
    const limit = timeout({ timeoutMs: 100, system });
    let outer!: CallContext;
    let inner!: CallContext;
    const call = watch(limit.execute((given) => ((outer = given), (inner = contextOf(policy, given)), never())));
    assert.equal(inner.signal, outer.signal);
    const heard: unknown[] = [];
    inner.onAbort((reason) => heard.push(reason));
    await system.advance(110);
    assert.deepEqual(heard, [call.error]);
    assert.equal(inner.aborted, true);
    assert.equal(inner.reason, call.error);
  });
}

test("each attempt of a retry knows its number, with a caller who can leave and without", async () => {
  for (const cancel of [undefined, new AbortController().signal]) {
    const attempts: number[] = [];
    const again = retry({ attemptsMax: 3, delayMs: 0, system });
    await again.execute(({ attempt }) => (attempts.push(attempt), boom()), cancel).catch(() => {});
    assert.deepEqual(attempts, [1, 2, 3]);
  }
});

test("a slot that is asked for by a caller who has left is not given", async () => {
  const slots = bulkhead({ concurrentMax: 1, system });
  await assert.rejects(slots.acquire(AbortSignal.abort("left")), AbortedError);
  assert.equal(slots.active, 0);
  (await slots.acquire(new AbortController().signal))();
  assert.equal(slots.active, 0);
});
