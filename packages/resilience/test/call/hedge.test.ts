import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { AbortedError, callBudget, hedge, type CallContext } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { deferred, never, settle, watch, type Deferred } from "./helpers.ts";

function hedged(options: Parameters<typeof hedge>[0] = {}, signal?: AbortSignal) {
  const system = manualSystem();
  const policy = hedge({ delayMs: 100, system, ...options });
  const attempts: Deferred<string>[] = [];
  const contexts: CallContext[] = [];
  const call = watch(
    policy.execute((context) => {
      contexts.push(context);
      attempts.push(deferred());
      return (attempts.at(-1) as Deferred<string>).promise;
    }, signal),
  );
  return { system, policy, attempts, contexts, call };
}

test("a quick answer needs no second attempt and leaves no timer", async () => {
  const { system, attempts, call } = hedged();
  attempts[0]?.resolve("first");
  await settle();
  assert.equal(call.value, "first");
  assert.equal(system.pending, 0);
  await system.advance(1000);
  assert.equal(attempts.length, 1);
});

test("the wait for a further attempt keeps the process alive", () => {
  const system = manualSystem();
  const asked: unknown[] = [];
  const watched = {
    ...system,
    setTimer: (fire: () => void, ms: number, alive?: boolean) => (asked.push(alive), system.setTimer(fire, ms)),
  };
  hedged({ system: watched });
  assert.deepEqual(asked, [true]);
});

test("a slow one gets company; the first success wins, the loser is aborted and its value discarded", async () => {
  const discarded: unknown[] = [];
  const { system, policy, attempts, contexts, call } = hedged({ discard: (value) => discarded.push(value) });
  await system.advance(100);
  assert.equal(attempts.length, 2);
  assert.deepEqual(
    contexts.map((context) => context.attempt),
    [1, 2],
  );
  attempts[1]?.resolve("second");
  await settle();
  assert.equal(call.value, "second");
  assert.deepEqual(
    contexts.map((context) => context.aborted),
    [true, false],
  );
  attempts[0]?.resolve("too late");
  await settle();
  assert.deepEqual(discarded, ["too late"]);
  assert.equal(policy.snapshot().counts["wonByHedge"], 1);
});

test("if all fail, the error is that of the first attempt, however slow it was", async () => {
  const { system, attempts, call } = hedged();
  await system.advance(100);
  attempts[1]?.reject(new Error("hedge"));
  await settle();
  assert.equal(call.state, "pending");
  attempts[0]?.reject(new Error("primary"));
  await settle();
  assert.match(String(call.error), /primary/);
});

test("a failure before the delay is the answer: hedging is not retrying", async () => {
  const { system, attempts, call } = hedged();
  attempts[0]?.reject(new Error("fast failure"));
  await system.advance(1000);
  assert.match(String(call.error), /fast failure/);
  assert.equal(attempts.length, 1);
});

test("an exhausted budget starts nothing more and ends nothing that runs", async () => {
  const budget = callBudget({ burst: 1, ratio: 0 });
  const { system, policy, attempts, contexts, call } = hedged({ attemptsMax: 5, budget });
  await system.advance(1000);
  assert.equal(attempts.length, 2);
  assert.equal(policy.snapshot().counts["unpaid"], 1);
  assert.ok(contexts.every((context) => !context.aborted));
  attempts[0]?.resolve("fine");
  await settle();
  assert.equal(call.value, "fine");
});

test("an abort by the caller ends every attempt at once", async () => {
  const controller = new AbortController();
  const { system, contexts, call } = hedged({}, controller.signal);
  await system.advance(100);
  controller.abort("enough");
  await settle();
  assert.ok(call.error instanceof AbortedError);
  assert.ok(contexts.every((context) => context.reason === "enough"));
  assert.equal(system.pending, 0);
});

test("the delay may be a function, and a hedge runs in its caller's async context", async () => {
  const storage = new AsyncLocalStorage<string>();
  const system = manualSystem();
  const policy = hedge({ delayMs: () => 30, system });
  const stores: unknown[] = [];
  void storage.run("caller", () => policy.execute(() => (stores.push(storage.getStore()), new Promise(() => {}))));
  await system.advance(30);
  assert.deepEqual(stores, ["caller", "caller"]);
  assert.throws(() => hedge({ attemptsMax: 11 }), /attemptsMax is 11/);
});

test("a delay function that throws ends the call with its error, at the first attempt as at a later one", async () => {
  for (const failsAt of [1, 2]) {
    let asked = 0;
    const { system, contexts, call } = hedged({
      attemptsMax: 3,
      delayMs: () => {
        asked += 1;
        if (asked === failsAt) throw new Error("no latency known");
        return 30;
      },
    });
    await system.advance(100);
    assert.match(String(call.error), /no latency known/);
    assert.equal(contexts.length, failsAt);
    assert.ok(contexts.every((context) => context.aborted));
    assert.equal(system.pending, 0);
  }
});

test("hedges are counted and told; a hedge that is never due is none, and one more than the most is not made", async () => {
  const { system, policy, attempts, call } = hedged({ attemptsMax: 3, delayMs: 10 });
  const told: string[] = [];
  policy.listen(({ event, level, detail }) => told.push(`${event}:${level} ${detail["attempt"]}`));
  await system.advance(1000);
  assert.equal(attempts.length, 3);
  assert.deepEqual(told, ["hedged:info 2", "hedged:info 3"]);
  attempts[0]?.resolve("first");
  await settle();
  assert.equal(call.value, "first");
  assert.deepEqual(policy.snapshot().counts, { calls: 1, hedged: 2, wonByHedge: 0, unpaid: 0, late: 0, trips: 0 });
  attempts[1]?.resolve("late");
  attempts[2]?.reject(new Error("late"));
  await settle();
  assert.equal(policy.snapshot().counts["late"], 1);
  for (const delayMs of [Infinity, () => Infinity]) {
    const alone = hedged({ delayMs });
    assert.equal(alone.system.pending, 0);
  }
  assert.throws(() => hedge({ delayMs: -1 }), /delayMs is -1/);
});

test("a success of any attempt earns for the budget, a caller that gave up before starts nothing", async () => {
  const budget = callBudget({ burst: 1, ratio: 1 });
  assert.equal(budget.tryWithdraw(), true);
  const { attempts, call } = hedged({ budget });
  attempts[0]?.resolve("fine");
  await settle();
  assert.equal(call.state, "fulfilled");
  assert.equal(budget.tryWithdraw(), true);
  const gone = hedged({}, AbortSignal.abort("enough"));
  await settle();
  assert.ok(gone.call.error instanceof AbortedError);
  assert.deepEqual([gone.attempts.length, gone.policy.snapshot().counts["calls"]], [0, 1]);
});

test("a hedged call that has ended listens to its caller's signal no more", async () => {
  const { signal } = new AbortController();
  let listening = 0;
  const counted = Object.assign(signal, {
    addEventListener: () => void (listening += 1),
    removeEventListener: () => void (listening -= 1),
  });
  const won = hedged({}, counted);
  assert.equal(listening, 1);
  won.attempts[0]?.resolve("fine");
  await settle();
  assert.equal(listening, 0);
});

test("whoever hears of a hedge, or names its delay, may abort the call: nothing more is started, no timer left", async () => {
  for (const where of ["listener", "delay"]) {
    const system = manualSystem();
    const controller = new AbortController();
    const delayMs = (): number => {
      if (where === "delay") controller.abort(where);
      return 10;
    };
    const twice = hedge({ delayMs, attemptsMax: 5, system });
    twice.listen(() => controller.abort(where));
    const contexts: CallContext[] = [];
    const call = watch(twice.execute((context) => (contexts.push(context), never()), controller.signal));
    await system.advance(10);
    assert.equal(call.error instanceof AbortedError && call.error.cause, where);
    assert.deepEqual(
      contexts.map(({ aborted }) => aborted),
      [true],
    );
    assert.equal(system.pending, 0);
  }
});

test("a delay that is no number, as a percentile of nothing is, starts no hedge and leaves no timer", async () => {
  for (const delayMs of [Number.NaN, Infinity]) {
    const system = manualSystem();
    let calls = 0;
    void watch(hedge({ delayMs: () => delayMs, system }).execute(() => ((calls += 1), never())));
    await settle();
    assert.equal(system.pending, 0);
    await system.advance(1000);
    assert.equal(calls, 1);
  }
});
