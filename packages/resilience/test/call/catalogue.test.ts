// The failure modes of the catalogue that these policies answer: each is shown without the policy, then gone with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { breaker, BreakerOpenError, callBudget, isRefusal, pipeline, retry, timeout } from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";
import { boom, deferred, fine, never, settle, watch } from "./helpers.ts";

test("CRIT-002: handled alike, a dead upstream is asked for ever and a programming error is retried; told apart, neither", async () => {
  const system = manualSystem();
  let asked = 0;
  const upstream = (): Promise<string> => ((asked += 1), boom());
  const swallowAll = async (): Promise<void> => {
    try {
      await upstream();
    } catch {
      // The seed's mistake: every error is treated alike.
    }
  };
  for (let call = 0; call < 50; call += 1) await swallowAll();
  assert.equal(asked, 50);

  asked = 0;
  const transient = (error: unknown): boolean => !(error instanceof TypeError);
  const policy = pipeline({
    retry: { attemptsMax: 3, delayMs: 0, retryIf: (error) => transient(error) && !isRefusal(error) },
    breaker: {},
    system,
  });
  for (let call = 0; call < 50; call += 1) await policy.execute(upstream).catch(() => {});
  assert.equal(asked, 5, "the breaker opens on the fifth failure");
  policy.breaker?.close();
  let bugs = 0;
  await assert.rejects(
    policy.execute(() => {
      bugs += 1;
      throw new TypeError("programming error");
    }),
    TypeError,
  );
  assert.equal(bugs, 1, "surfaces at once");
});

/** A dependency that hangs for 30 s from second 0 to 600 and then answers. */
function sickDependency(system: ManualSystem): () => Promise<string> {
  return () =>
    new Promise((resolve, reject) => {
      if (system.now() >= 600_000) resolve("fine");
      else system.setTimer(() => reject(new Error("gateway timeout")), 30_000);
    });
}

test("MED-002: without a breaker every caller waits 30 s; with one they fail at once, one probe finds the recovery", async () => {
  for (const guarded of [false, true]) {
    const system = manualSystem();
    const dependency = sickDependency(system);
    const guard = breaker({ system });
    let waitedMs = 0;
    let asked = 0;
    let succeeded = 0;
    for (let at = 0; at < 100; at += 1) {
      const startedAt = system.now();
      const work = (): Promise<string> => ((asked += 1), dependency());
      void (guarded ? guard.execute(work) : work()).then(
        () => (succeeded += 1),
        () => (waitedMs += system.now() - startedAt),
      );
      await system.advance(10_000);
    }
    await system.advance(60_000);
    if (!guarded) {
      assert.equal(waitedMs, 60 * 30_000);
      assert.equal(asked, 100);
    } else {
      // Five failures and those already under way, one failed probe after 300 s, one good one after another 300 s.
      assert.ok(waitedMs <= 9 * 30_000, `${waitedMs}`);
      assert.ok(asked - succeeded <= 9);
      assert.equal(guard.state, "closed");
      assert.ok(succeeded >= 30);
    }
  }
});

test("MED-002: exactly one probe while half-open", async () => {
  const system = manualSystem();
  const guard = breaker({ system });
  for (let call = 0; call < 5; call += 1) await guard.execute(boom).catch(() => {});
  await system.advance(300_000);
  const probe = deferred();
  let asked = 0;
  const calls = Array.from({ length: 100 }, () => watch(guard.execute(() => ((asked += 1), probe.promise))));
  await settle();
  assert.equal(asked, 1);
  assert.equal(calls.filter((call) => call.error instanceof BreakerOpenError).length, 99);
});

test("MED-007: a single attempt fails 70 % of the time; with jittered retries at least 99 % succeed", async () => {
  const system = manualSystem(11);
  const flaky = (): Promise<string> => (system.random() < 0.7 ? boom() : fine());
  let alone = 0;
  for (let call = 0; call < 2000; call += 1)
    alone += await flaky()
      .then(() => 1)
      .catch(() => 0);
  assert.ok(alone / 2000 < 0.35);
  const policy = retry({ attemptsMax: 16, delayMs: 10, system });
  const calls = Array.from({ length: 2000 }, () => watch(policy.execute(flaky)));
  await system.advance(3_600_000);
  const succeeded = calls.filter((call) => call.state === "fulfilled").length;
  assert.ok(succeeded / 2000 >= 0.99, `${succeeded / 2000}`);
});

test("MED-007: when everything is down, retries triple the load; with a budget they add at most 10 %", async () => {
  for (const paid of [false, true]) {
    const system = manualSystem();
    let load = 0;
    const down = (): Promise<string> => ((load += 1), boom());
    const policy = retry({ delayMs: 10, system, ...(paid ? { budget: callBudget({ system }) } : {}) });
    const calls = Array.from({ length: 1000 }, () => watch(policy.execute(down)));
    await system.advance(60_000);
    assert.ok(calls.every((call) => call.state === "rejected"));
    if (paid) assert.ok(load <= 1100, `${load}`);
    else assert.equal(load, 3000);
  }
});

test("MED-007: without jitter a thousand callers come back in the same instant; with it they are spread out", async () => {
  for (const jitter of ["none", "full"] as const) {
    const system = manualSystem(5);
    const second = new Map<number, number>();
    const policy = retry({ attemptsMax: 2, delayMs: 1000, jitter, system });
    for (let call = 0; call < 1000; call += 1) {
      void watch(
        policy.execute((context) => {
          const slot = Math.floor(system.now() / 10);
          if (context.attempt === 2) second.set(slot, (second.get(slot) ?? 0) + 1);
          return boom();
        }),
      );
    }
    await system.advance(2000);
    const most = Math.max(...second.values());
    if (jitter === "none") assert.equal(most, 1000);
    else assert.ok(most < 40, `${most}`);
  }
});

test("MED-009: without a bound the caller waits for ever; with one it is freed, the work aborted, nothing left", async () => {
  const system = manualSystem();
  const unbounded = watch(never());
  await system.advance(86_400_000);
  assert.equal(unbounded.state, "pending");

  let sockets = 0;
  const fetchLike = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => {
      sockets += 1;
      signal.addEventListener("abort", () => {
        sockets -= 1;
        reject(signal.reason as Error);
      });
    });
  const limit = timeout({ timeoutMs: 3000, system });
  const bounded = Array.from({ length: 50 }, () => watch(limit.execute((context) => fetchLike(context.signal))));
  await system.advance(3010);
  assert.ok(bounded.every((call) => call.state === "rejected"));
  assert.equal(sockets, 0);
  assert.equal(system.pending, 0);
});
