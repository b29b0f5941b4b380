// Contexts and signals as work sees them: who can be aborted, who hears of it, and what is left behind.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { AbortedError } from "../src/errors.ts";
import { manualSystem } from "@prunella/resilience/testing";
import { abortable, attemptContext, contextOf, onCancel, refuseAborted, Scope, sleep, started } from "../src/cancel.ts";
import { settle, watch } from "./call/helpers.ts";

test("a context of a policy is aborted once, and tells it by signal, by listener and by throwing", () => {
  const scope = new Scope(3);
  const heard: unknown[] = [];
  const hear = (name: string) => (reason: unknown) => heard.push(`${name} ${String(reason)}`);
  assert.deepEqual([scope.attempt, scope.aborted, scope.reason], [3, false, undefined]);
  scope.throwIfAborted();
  scope.onAbort(hear("first"));
  const stop = scope.onAbort(hear("stopped"));
  scope.onAbort(() => {
    throw new Error("its own trouble");
  });
  scope.onAbort(hear("last"));
  stop();
  stop();
  const { signal } = scope;
  assert.equal(scope.signal, signal);
  scope.abort("why");
  scope.abort("why else");
  assert.deepEqual(heard, ["first why", "last why"]);
  assert.deepEqual([scope.aborted, scope.reason, signal.aborted, signal.reason], [true, "why", true, "why"]);
  assert.throws(
    () => scope.throwIfAborted(),
    (error) => error === "why",
  );
  scope.onAbort(hear("late"))();
  assert.equal(heard.at(-1), "late why", "at once");
  const unread = new Scope(1);
  unread.abort("before anybody read it");
  assert.equal(unread.signal.reason, "before anybody read it");
});

test("a call that nobody can abort shares one context, which hands on nothing", () => {
  const first = contextOf(undefined);
  assert.equal(attemptContext(undefined, 1), first);
  assert.deepEqual([first.attempt, first.aborted, first.reason, first.signal.aborted], [1, false, undefined, false]);
  assert.equal(abortable(first), undefined);
  first.onAbort(() => assert.fail("was told"))();
  first.throwIfAborted();
  const second = attemptContext(undefined, 2);
  assert.deepEqual([second.attempt, abortable(second)], [2, undefined]);
});

test("a caller's signal, or its own context, is what the work sees", () => {
  const caller = new AbortController();
  const passed = contextOf(caller.signal);
  assert.deepEqual([passed.attempt, passed.signal, abortable(passed)], [1, caller.signal, passed]);
  const again = attemptContext(caller.signal, 2);
  assert.deepEqual([again.attempt, again.signal], [2, caller.signal]);
  const outer = new Scope(4);
  assert.equal(contextOf(outer), outer);
  const nested = attemptContext(outer, 1);
  assert.deepEqual([nested.attempt, nested.signal, abortable(nested)], [1, outer.signal, nested]);
  const heard: unknown[] = [];
  for (const context of [passed, again, nested]) {
    context.throwIfAborted();
    context.onAbort((reason) => heard.push(reason));
  }
  caller.abort("signal");
  outer.abort("context");
  assert.deepEqual(heard, ["signal", "signal", "context"]);
  for (const [context, reason] of [
    [passed, "signal"],
    [again, "signal"],
    [nested, "context"],
  ] as const) {
    assert.deepEqual([context.aborted, context.reason, context.signal.aborted], [true, reason, true]);
    assert.throws(
      () => context.throwIfAborted(),
      (error) => error === reason,
    );
  }
});

test("one listener per signal serves all who listen, in order, each once; one that throws harms nobody", () => {
  const caller = new AbortController();
  const listeners = (): number => getEventListeners(caller.signal, "abort").length;
  const heard: string[] = [];
  const hear = (name: string) => () => void heard.push(name);
  const stops = ["a", "b", "c"].map((name) => onCancel(caller.signal, hear(name)));
  assert.equal(listeners(), 1);
  stops[1]?.();
  stops[1]?.();
  assert.equal(listeners(), 1);
  stops[0]?.();
  stops[2]?.();
  assert.equal(listeners(), 0, "nobody listens any more");
  onCancel(caller.signal, hear("d"));
  onCancel(caller.signal, () => {
    throw new Error("its own trouble");
  });
  const stopLast = onCancel(caller.signal, hear("e"));
  assert.equal(listeners(), 1);
  caller.abort();
  caller.signal.dispatchEvent(new Event("abort"));
  stopLast();
  assert.deepEqual([heard, listeners()], [["d", "e"], 0]);
  const reasons: unknown[] = [];
  onCancel(AbortSignal.abort("before"), (reason) => reasons.push(reason))();
  onCancel(undefined, () => assert.fail("was told"))();
  assert.deepEqual(reasons, ["before"]);
});

test("who begins to listen while the others hear of the abort is told at once", () => {
  const caller = new AbortController();
  const heard: string[] = [];
  onCancel(caller.signal, () => {
    heard.push("first");
    onCancel(caller.signal, () => heard.push("newcomer"));
  });
  onCancel(caller.signal, () => heard.push("second"));
  caller.abort();
  assert.deepEqual(heard, ["first", "newcomer", "second"]);
});

test("work that throws at once rejects, and a caller that gave up is refused with its reason", async () => {
  const boom = new Error("boom");
  await assert.rejects(
    started(() => {
      throw boom;
    }, contextOf(undefined)),
    boom,
  );
  assert.equal(await started(() => 1, contextOf(undefined)), 1);
  assert.throws(
    () => refuseAborted(AbortSignal.abort("why"), "the guard"),
    (error) => error instanceof AbortedError && error.cause === "why" && error.guardName === "the guard",
  );
  refuseAborted(new AbortController().signal, "the guard");
  refuseAborted(undefined, "the guard");
});

test("a sleep ends at its time or at the abort, and leaves neither timer nor listener", async () => {
  const system = manualSystem();
  const caller = new AbortController();
  const listeners = (): number => getEventListeners(caller.signal, "abort").length;
  const slept = watch(sleep(system, 100, "the guard", caller.signal));
  await system.advance(99);
  assert.equal(slept.state, "pending");
  await system.advance(1);
  assert.deepEqual([slept.state, listeners()], ["fulfilled", 0]);
  const aborted = watch(sleep(system, 100, "the guard", caller.signal));
  assert.equal(listeners(), 1);
  caller.abort("why");
  await settle();
  assert.ok(aborted.error instanceof AbortedError);
  assert.deepEqual([aborted.error.cause, aborted.error.guardName], ["why", "the guard"]);
  assert.deepEqual([system.pending, listeners()], [0, 0]);
});
