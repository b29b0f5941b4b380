import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { memoryQuotaStore, RateLimitedError, rateLimiter, retryAfterSeconds, sharedQuota } from "@prunella/resilience";
import type { SharedQuota } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

test("MED-004: one tenant floods at 50 times its quota; without limits it gets 98 %, with quotas the others keep theirs", async () => {
  const system = manualSystem();
  const capacityPerTick = 20;
  const without = { flood: 0, calm: 0 };
  const withLimit = { flood: 0, calm: 0 };
  const limiter = rateLimiter({ system, limit: 100, periodMs: 1000, burst: 10 });
  for (let tick = 0; tick < 100; tick += 1) {
    const requests = [...Array.from({ length: 50 }, () => "flood" as const), "calm" as const];
    let left = capacityPerTick;
    for (const tenant of requests) if (left-- > 0) without[tenant] += 1;
    left = capacityPerTick;
    for (const tenant of requests) if (limiter.tryTake(tenant) && left-- > 0) withLimit[tenant] += 1;
    await system.advance(10);
  }
  assert.equal(without.calm, 0);
  assert.ok(withLimit.calm >= 95, String(withLimit.calm));
  assert.ok(withLimit.flood <= 110);
});

test("a quota of 1 per 30 days refuses the second request 20 ms later and says when to come back", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 1, periodMs: 30 * 86_400_000 });
  assert.equal(limiter.check("a").allowed, true);
  await system.advance(20);
  const refused = limiter.check("a");
  assert.equal(refused.allowed, false);
  assert.equal(refused.retryAfterMs, 30 * 86_400_000 - 20);
  assert.equal(retryAfterSeconds(refused), String(30 * 86_400));
  assert.equal(system.pending, 0, "no timer");
  await system.advance(refused.retryAfterMs);
  assert.equal(limiter.check("a").allowed, true);
});

test("a weight above the burst can never pass and says so", () => {
  const limiter = rateLimiter({ system: manualSystem(), limit: 5, periodMs: 1000 });
  const decision = limiter.check("a", 6);
  assert.equal(decision.retryAfterMs, Infinity);
  assert.equal(retryAfterSeconds(decision), undefined);
  assert.equal(limiter.check("a", 5).remaining, 0);
});

test("keys have their own buckets and may have their own quotas", () => {
  const limiter = rateLimiter({
    system: manualSystem(),
    limit: 1,
    periodMs: 1000,
    quotaOf: (key) => (key === "vip" ? { limit: 3, periodMs: 1000 } : undefined),
  });
  const passed = (key: string): number => Array.from({ length: 5 }, () => limiter.tryTake(key)).filter(Boolean).length;
  assert.deepEqual([passed("a"), passed("b"), passed("vip")], [1, 1, 3]);
});

test("tracked keys are bounded, idle ones are swept, and a flood of new keys shares one bucket", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 1, periodMs: 100, keysMax: 50 });
  const first = Array.from({ length: 500 }, (_, at) => limiter.tryTake(`key ${at}`)).filter(Boolean).length;
  assert.equal(first, 51, "50 own buckets and the shared one");
  assert.ok(limiter.keys <= 51);
  assert.equal(limiter.tryTake("key 3"), false, "nobody is forgotten while in debt");
  await system.advance(1000);
  const later = Array.from({ length: 20 }, (_, at) => limiter.tryTake(`new ${at}`)).filter(Boolean).length;
  assert.equal(later, 20);
  assert.ok((limiter.snapshot().counts["swept"] ?? 0) > 0);
});

test("a key that comes in the place of a forgotten one shares nobody's debt, and lends it none", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 1, periodMs: 1000 });
  const take = (...keys: string[]): boolean[] => keys.map((key) => limiter.tryTake(key));
  take("long ago");
  await system.advance(900);
  assert.deepEqual(take("a", "b"), [true, true]);
  await system.advance(100);
  assert.deepEqual(take("newcomer"), [true]);
  assert.equal(limiter.snapshot().counts["swept"], 1);
  await system.advance(900);
  assert.deepEqual(take("a", "b", "newcomer"), [true, true, false]);
});

test("block answers a 429: nothing passes before the time, one unit at it", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 10, periodMs: 1000 });
  limiter.block("api", 5000);
  assert.equal(limiter.check("api").retryAfterMs, 5000);
  await system.advance(4999);
  assert.equal(limiter.tryTake("api"), false);
  await system.advance(1);
  assert.equal(limiter.tryTake("api"), true);
  assert.equal(limiter.tryTake("api"), false);
});

test("limits follow the observed capacity at once, both ways", () => {
  let now = 0;
  const limiter = rateLimiter({ system: { ...manualSystem(), now: () => now }, limit: 100, periodMs: 1000, burst: 10 });
  const passedIn = (ms: number): number => {
    let passed = 0;
    for (const until = now + ms; now < until; now += 1) while (limiter.tryTake("a")) passed += 1;
    return passed;
  };
  passedIn(1000);
  limiter.controls?.["set-scale"]?.(0.5);
  passedIn(500);
  assert.ok(Math.abs(passedIn(1000) - 50) <= 1);
  limiter.scale = 1;
  passedIn(500);
  assert.ok(Math.abs(passedIn(1000) - 100) <= 1);
});

test("acquire waits for its turn in order, gives an aborted turn back, and refuses a wait that is too long", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 10, periodMs: 1000, burst: 1, waitMsMax: 300 });
  const at: number[] = [];
  const go = async (signal?: AbortSignal): Promise<void> => {
    await limiter.acquire("a", signal === undefined ? {} : { signal });
    at.push(system.now());
  };
  await go();
  const second = go();
  const caller = new AbortController();
  const third = assert.rejects(go(caller.signal), { name: "AbortError", cause: new Error("enough") });
  const fourth = go();
  await assert.rejects(go(), (error) => error instanceof RateLimitedError && error.retryAfterMs === 400);
  caller.abort(new Error("enough"));
  await third;
  await system.advance(1000);
  await Promise.all([second, fourth]);
  assert.deepEqual(at, [0, 100, 300]);
  assert.equal(system.pending, 0);
});

test("over any span no more than burst + rate x span passes, and a waiting client always gets in when told", async () => {
  const request = fc.record({
    waitMs: fc.integer({ min: 0, max: 400 }),
    key: fc.constantFrom("a", "b"),
    weight: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 10 }),
      fc.array(request, { maxLength: 80 }),
      async (limit, burst, requests) => {
        const system = manualSystem();
        const limiter = rateLimiter({ system, limit, periodMs: 1000, burst });
        const passed: { key: string; at: number; weight: number }[] = [];
        for (const { waitMs, key, weight } of requests) {
          await system.advance(waitMs);
          const decision = limiter.check(key, weight);
          assert.equal(decision.allowed, decision.retryAfterMs === 0);
          if (decision.allowed) passed.push({ key, at: system.now(), weight });
          else if (decision.retryAfterMs !== Infinity) {
            assert.ok(decision.remaining < weight);
            await system.advance(decision.retryAfterMs);
            assert.equal(limiter.tryTake(key, weight), true, "told to come back now");
            passed.push({ key, at: system.now(), weight });
          } else assert.ok(weight > burst);
        }
        for (const key of ["a", "b"]) {
          const own = passed.filter((each) => each.key === key);
          own.forEach((first, from) => {
            let sum = 0;
            for (const each of own.slice(from)) {
              sum += each.weight;
              assert.ok(sum <= burst + (limit * (each.at - first.at)) / 1000 + 1e-3);
            }
          });
        }
      },
    ),
  );
});

test("two processes with one store share one quota; one that loses the store falls back to its share and comes back", async () => {
  const system = manualSystem();
  const store = memoryQuotaStore();
  let lost = false;
  const flaky = {
    take: (...args: Parameters<typeof store.take>) => (lost ? new Promise<never>(() => {}) : store.take(...args)),
  };
  const quota = { system, limit: 10, periodMs: 1000, storeMs: 50 };
  const one = sharedQuota({ ...quota, store });
  const two = sharedQuota({ ...quota, store: flaky, fallbackShare: 0.2 });
  const events: string[] = [];
  two.listen(({ event }) => events.push(event));
  let passed = 0;
  for (let at = 0; at < 10; at += 1) {
    if ((await one.check("a")).allowed) passed += 1;
    if ((await two.check("a")).allowed) passed += 1;
  }
  assert.equal(passed, 10);
  const refused = await one.check("a");
  assert.equal(Math.round(refused.retryAfterMs), 100);
  lost = true;
  const alone: boolean[] = [];
  for (let at = 0; at < 4; at += 1) {
    const asked = two.check("b");
    await system.advance(50);
    alone.push((await asked).allowed);
  }
  assert.deepEqual(alone, [true, true, false, false]);
  lost = false;
  assert.equal((await two.check("c")).allowed, true);
  assert.deepEqual(events, ["store-lost", "store-back"]);
  assert.deepEqual(two.snapshot().counts, { allowed: 8, refused: 7, storeFailures: 4, trips: 1 });
});

test("without a share of its own a process that has lost the store lets nobody pass, and asks to come back at its bound", async () => {
  const store = { take: () => Promise.reject(new Error("down")) };
  const alone = sharedQuota({
    system: manualSystem(),
    limit: 10,
    periodMs: 1000,
    store,
    storeMs: 70,
    fallbackShare: 0,
  });
  assert.deepEqual(await alone.check("a"), { allowed: false, retryAfterMs: 70, remaining: 0, limit: 0 });
});

test("over a store a quota decides, waits and counts as a limiter of one process does", async () => {
  const step = fc.record({
    key: fc.constantFrom("a", "b"),
    weight: fc.nat(4),
    waitMs: fc.constantFrom(0, 0, 50, 100, 700),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 2, 5, 10),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 40, size: "max" }),
      async (limit, burst, steps) => {
        const system = manualSystem();
        const quota = { system, limit, periodMs: 1000, burst };
        const shared = sharedQuota({ ...quota, store: memoryQuotaStore() });
        const local = rateLimiter(quota);
        for (const { key, weight, waitMs } of steps) {
          await system.advance(waitMs);
          const [decision, expected] = [await shared.check(key, weight), local.check(key, weight)];
          assert.deepEqual(decision, expected);
        }
        const { allowed, refused } = local.snapshot().counts;
        const counted = shared.snapshot().counts;
        assert.deepEqual([counted["allowed"], counted["refused"]], [allowed, refused]);
        assert.equal(system.pending, 0);
      },
    ),
  );
});

test("the reference store is bounded: keys that are not in debt go first, then those that took longest ago", async () => {
  const own = memoryQuotaStore(2);
  const takes = async (key: string): Promise<boolean> => (await own.take(key, 10, 20, 1000)).taken;
  assert.deepEqual([await takes("a"), await takes("b"), await takes("a"), await takes("c")], [true, true, true, true]);
  assert.equal(await takes("a"), false, "it took after b, which was forgotten");
  const store = memoryQuotaStore(2);
  for (const key of ["a", "b", "c"]) await store.take(key, 10, 10, 1000);
  assert.equal((await store.take("a", 10, 10, 1000)).taken, true, "the oldest was forgotten");
  assert.equal((await store.take("c", 10, 10, 1000)).taken, false);
});

test("units of a turn that was given up are given back only if nobody stands behind it: the burst holds at every moment", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 10, periodMs: 1000, burst: 1 });
  const passed: number[] = [];
  const caller = new AbortController();
  const go = (signal?: AbortSignal): Promise<void> =>
    limiter.acquire("a", signal === undefined ? {} : { signal }).then(() => void passed.push(system.now()));
  await go();
  const givenUp = assert.rejects(go(caller.signal), { name: "AbortError" });
  const behind = go();
  caller.abort();
  await givenUp;
  const newcomer = go();
  await system.advance(1000);
  await Promise.all([behind, newcomer]);
  assert.deepEqual(passed, [0, 200, 300], "never two in one moment");
});

test("who gives up its turn does not shorten a block that came meanwhile", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 10, periodMs: 1000, burst: 1 });
  const caller = new AbortController();
  await limiter.acquire("a");
  const givenUp = assert.rejects(limiter.acquire("a", { signal: caller.signal }), { name: "AbortError" });
  limiter.block("a", 150);
  caller.abort();
  await givenUp;
  await system.advance(149);
  assert.equal(limiter.tryTake("a"), false);
  await system.advance(51);
  assert.equal(limiter.tryTake("a"), true);
});

test("a store that answers texts is understood; one that answers nonsense is lost, and nothing is thrown", async () => {
  const answers: unknown[] = [{ taken: 1, arrival: "1700000001000" }, undefined, { taken: true }, { arrival: "soon" }];
  let asked = 0;
  const own = sharedQuota({
    system: manualSystem(),
    ...{ limit: 2, periodMs: 1000, burst: 10, fallbackShare: 0 },
    store: { take: async () => answers[asked++] as { taken: boolean; arrival: number } },
  });
  assert.deepEqual(await own.check("a"), { allowed: true, retryAfterMs: 0, remaining: 8, limit: 10 });
  for (const _ of answers.slice(1)) assert.equal((await own.check("a")).allowed, false);
  assert.deepEqual([own.snapshot().state, own.snapshot().counts["storeFailures"]], ["alone", 3]);
});

test("processes that share a store share one quota, whatever they ask when, and whoever comes back when told gets in", async () => {
  const request = fc.record({
    process: fc.nat(2),
    key: fc.constantFrom("a", "__proto__"),
    weight: fc.integer({ min: 1, max: 4 }),
    waitMs: fc.nat(400),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 10 }),
      fc.array(request, { maxLength: 60 }),
      async (limit, burst, requests) => {
        const system = manualSystem();
        const store = memoryQuotaStore();
        const each = [0, 1, 2].map(() => sharedQuota({ system, store, limit, periodMs: 1000, burst }));
        const passed: { key: string; at: number; weight: number }[] = [];
        const ask = async (process: number, key: string, weight: number): Promise<number> => {
          const decision = await (each[process] as SharedQuota).check(key, weight);
          assert.equal(decision.allowed, decision.retryAfterMs === 0);
          if (decision.allowed) passed.push({ key, at: system.now(), weight });
          return decision.retryAfterMs;
        };
        for (const { process, key, weight, waitMs } of requests) {
          await system.advance(waitMs);
          const retryAfterMs = await ask(process, key, weight);
          assert.equal(retryAfterMs === Infinity, weight > burst);
          if (retryAfterMs === 0 || retryAfterMs === Infinity) continue;
          await system.advance(retryAfterMs + 1e-3);
          assert.equal(await ask((process + 1) % 3, key, weight), 0, "at another process, told to come back now");
        }
        for (const key of ["a", "__proto__"]) {
          const own = passed.filter((one) => one.key === key);
          own.forEach((first, from) => {
            let sum = 0;
            for (const { at, weight } of own.slice(from)) {
              sum += weight;
              assert.ok(sum <= burst + (limit * (at - first.at)) / 1000 + 1e-3);
            }
          });
        }
      },
    ),
  );
});

test("a fresh key may take its whole burst, whatever the rate: times since 1970 round, and cost no unit", async () => {
  for (let limit = 1; limit <= 200; limit += 1) {
    for (const burst of [1, 7]) {
      const own = sharedQuota({ system: manualSystem(), store: memoryQuotaStore(), limit, periodMs: 1000, burst });
      for (let left = burst - 1; left >= 0; left -= 1)
        assert.deepEqual(await own.check("a"), { allowed: true, retryAfterMs: 0, remaining: left, limit: burst });
      assert.equal((await own.check("a")).allowed, false);
    }
  }
});

test("a fresh key may take its whole burst and no more, also when the process has run for a month", async () => {
  for (const days of [0, 1, 12, 30, 115]) {
    const system = manualSystem();
    await system.advance(days * 86_400_000);
    for (const limit of [1, 3, 7, 18, 60, 333, 1000, 3333, 10_000]) {
      for (const burst of [1, 7, limit]) {
        const own = rateLimiter({ system, limit, periodMs: 1000, burst });
        for (let left = burst - 1; left > 0; left -= 1) assert.equal(own.tryTake("a"), true);
        assert.deepEqual(own.check("a"), { allowed: true, retryAfterMs: 0, remaining: 0, limit: burst });
        assert.equal(own.tryTake("a"), false);
      }
    }
  }
});
