import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  AbortedError,
  backoffMs,
  breaker,
  BreakerOpenError,
  callBudget,
  parseRetryAfter,
  retry,
  type RetryOptions,
} from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { boom, deferred, events, fine, settle, watch } from "./helpers.ts";

/** Runs work that fails `failures` times, and lists when each call was made (ms) and how it ended. */
async function check(options: RetryOptions, failures: number, expected: string): Promise<void> {
  const system = manualSystem();
  const startedAt = 700;
  await system.advance(startedAt);
  const calls: number[] = [];
  const result = watch(
    retry({ delayMs: 100, jitter: "none", ...options, system }).execute((context) => {
      calls.push(system.now() - startedAt);
      assert.equal(context.attempt, calls.length);
      return calls.length <= failures ? boom() : "fine";
    }),
  );
  await system.advance(10_000_000);
  assert.equal(`${calls.join(" ")} ${result.state}`, expected);
  assert.equal(system.pending, 0);
}

test("no retry after success", () => check({}, 0, "0 fulfilled"));
test("waits grow by the factor", () => check({ attemptsMax: 5 }, 9, "0 100 300 700 1500 rejected"));
test("waits are bounded", () => check({ attemptsMax: 5, delayMsMax: 250 }, 3, "0 100 300 550 fulfilled"));
test("a wait that would end beyond the total time is not begun", () =>
  check({ attemptsMax: 9, totalMsMax: 300 }, 9, "0 100 300 rejected"));
test("a wait of zero needs no timer", async () => {
  const system = manualSystem();
  let calls = 0;
  await retry({ delayMs: 0, system }).execute(() => ((calls += 1), calls < 3 ? boom() : fine()));
  assert.equal(calls, 3);
});

test("full jitter is uniform from nothing to the bound, decorrelated from the base to three times the last", () => {
  const { random } = manualSystem(3);
  for (let turn = 0; turn < 1000; turn += 1) {
    const full = backoffMs({ delayMs: 100 }, 3, 0, random);
    assert.ok(full >= 0 && full < 400);
    const next = backoffMs({ delayMs: 100, jitter: "decorrelated", delayMsMax: 1000 }, 3, 200, random);
    assert.ok(next >= 100 && next < 600);
  }
  const mean = (jitter: "full"): number =>
    Array.from({ length: 5000 }, () => backoffMs({ delayMs: 100, jitter }, 1, 0, random)).reduce((a, b) => a + b) /
    5000;
  assert.ok(Math.abs(mean("full") - 50) < 3);
});

test("decorrelated: from the base, and from three times the base at first, within the bound", () => {
  const waits = (lastMs: number, delayMsMax = 1000): number[] =>
    [0, 0.5].map((chance) => backoffMs({ delayMs: 100, jitter: "decorrelated", delayMsMax }, 1, lastMs, () => chance));
  assert.deepEqual(waits(0), [100, 200], "uniform from 100 to 300");
  assert.deepEqual(waits(200), [100, 350], "uniform from 100 to 600");
  assert.deepEqual(waits(900), [100, 550], "uniform from 100 to 1000");
  assert.deepEqual(waits(10), [100, 100], "never below the base");
  assert.deepEqual(waits(200, 50), [50, 50], "never above the bound");
});

test("no number of attempts makes the wait overflow, negative or not a number", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e12, noNaN: true }),
      fc.double({ min: 1, max: 1000, noNaN: true }),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom("full" as const, "decorrelated" as const, "none" as const),
      fc.double({ min: 0, max: 1e15, noNaN: true }),
      (delayMs, factor, attempt, jitter, lastMs) => {
        const wait = backoffMs({ delayMs, factor, jitter, delayMsMax: 60_000 }, attempt, lastMs, () => 0.999);
        assert.ok(wait >= 0 && wait <= 60_000);
      },
    ),
  );
});

test("a dependency that names a wait is not called sooner; one that asks for too much is not called again", async () => {
  const asks = (retryAfterMs: number) => () => Promise.reject(Object.assign(new Error("429"), { retryAfterMs }));
  for (const [asked, calls] of [
    [5000, 2],
    [60_000, 2],
    [60_001, 1],
  ] as const) {
    const system = manualSystem();
    const times: number[] = [];
    const result = watch(
      retry({ attemptsMax: 2, system }).execute(() => {
        times.push(system.now());
        return asks(asked)();
      }),
    );
    await system.advance(100_000);
    assert.equal(result.state, "rejected");
    assert.equal(times.length, calls);
    if (calls === 2) assert.ok((times[1] ?? 0) >= asked);
  }
});

test("an error that names no wait, or none that makes sense, is waited for as any other", async () => {
  for (const error of [
    null,
    undefined,
    "text",
    {},
    ...["5000", -1, Number.NaN].map((retryAfterMs) => ({ retryAfterMs })),
  ]) {
    const system = manualSystem();
    const times: number[] = [];
    const result = watch(
      retry({ attemptsMax: 2, delayMs: 100, jitter: "none", system }).execute(() => {
        times.push(system.now());
        return Promise.reject(error);
      }),
    );
    await system.advance(100_000);
    assert.deepEqual([times, result.error], [[0, 100], error]);
  }
});

test("Retry-After is read as seconds or as a date, and as nothing else", () => {
  const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT");
  assert.equal(parseRetryAfter("120", now), 120_000);
  assert.equal(parseRetryAfter("Wed, 21 Oct 2026 07:28:30 GMT", now), 30_000);
  assert.equal(parseRetryAfter("Wed, 21 Oct 2026 07:00:00 GMT", now), 0);
  for (const bad of [undefined, null, "", "-1", "1.5", "soon", "1e9"]) {
    assert.equal(parseRetryAfter(bad, now), undefined, String(bad));
  }
  const unknown = parseRetryAfter("Wed, 21 Oct 2026 07:28:30 GMT", Number.NaN);
  assert.equal(unknown, undefined, "a date says nothing to whoever does not know the time");
});

test("every retry and every end of trying is counted and told, with its reason", async () => {
  const system = manualSystem();
  const told: string[] = [];
  const give = async (options: RetryOptions, work: () => Promise<unknown>): Promise<unknown> => {
    const policy = retry({ delayMs: 10, jitter: "none", ...options, system });
    policy.listen(({ event, level, detail }) => told.push(`${event}:${level} ${Object.values(detail).join(" ")}`));
    const result = watch(policy.execute(work));
    await system.advance(1000);
    assert.equal(result.state, "rejected");
    return policy.snapshot();
  };
  const values = { attemptsMax: 3 };
  const look = { guard: "retry", name: "retry", state: "ok", values };
  assert.deepEqual(await give({}, boom), { ...look, counts: { retried: 2, exhausted: 1, unpaid: 0, trips: 1 } });
  const budget = callBudget({ burst: 1, system });
  assert.deepEqual(await give({ budget }, boom), {
    ...look,
    counts: { retried: 1, exhausted: 1, unpaid: 1, trips: 1 },
  });
  await give({ totalMsMax: 25 }, boom);
  await give({ retryAfterMsMax: 99 }, () => Promise.reject(Object.assign(new Error("429"), { retryAfterMs: 100 })));
  assert.deepEqual(await give({ retryIf: () => false }, boom), {
    ...look,
    counts: { retried: 0, exhausted: 0, unpaid: 0, trips: 0 },
  });
  assert.deepEqual(told, [
    ...["retrying:info 1 10", "retrying:info 2 20", "gave-up:trip attempts 3"],
    ...["retrying:info 1 10", "gave-up:trip budget 2"],
    ...["retrying:info 1 10", "gave-up:trip total-time 2"],
    "gave-up:trip asked-too-long 1",
  ]);
});

test("the wait for the next attempt keeps the process alive", async () => {
  const system = manualSystem();
  const asked: unknown[] = [];
  const setTimer = (fire: () => void, ms: number, alive?: boolean) => (asked.push(alive), system.setTimer(fire, ms));
  void watch(retry({ system: { ...system, setTimer } }).execute(boom));
  await settle();
  assert.deepEqual(asked, [true]);
});

test("impossible options are refused by name", () => {
  const cases: RetryOptions[] = [
    ...[0, 1.5].map((attemptsMax) => ({ attemptsMax })),
    ...[-1, Number.NaN].flatMap((ms) => [
      { totalMsMax: ms },
      { delayMs: ms },
      { delayMsMax: ms },
      { retryAfterMsMax: ms },
    ]),
    ...[0.5, 1001].map((factor) => ({ factor })),
  ];
  for (const options of cases) {
    const [[field, value] = []] = Object.entries(options);
    assert.throws(() => retry(options), new RegExp(`${field} is ${value}, but must be`));
  }
});

test("an open breaker is not retried unless asked", async () => {
  const system = manualSystem();
  const guard = breaker({ system });
  guard.open(1000);
  let asked = 0;
  const work = (): Promise<string> => ((asked += 1), guard.execute(fine));
  await assert.rejects(retry({ system }).execute(work), BreakerOpenError);
  assert.equal(asked, 1);
  const patient = watch(retry({ retryIf: () => true, system }).execute(work));
  await system.advance(40_000);
  assert.equal(patient.value, "fine");
});

test("only errors worth it are retried, and the classifier sees the attempt", async () => {
  const seen: number[] = [];
  const policy = retry({
    delayMs: 0,
    attemptsMax: 9,
    retryIf: (_error, attempt) => (seen.push(attempt), attempt < 3),
    system: manualSystem(),
  });
  await assert.rejects(policy.execute(boom), /boom/);
  assert.deepEqual(seen, [1, 2, 3]);
});

test("a failed result is retried, those thrown away are discarded, the last one is returned", async () => {
  const discarded: unknown[] = [];
  let next = 500;
  const policy = retry({
    delayMs: 0,
    isFailedResult: (value) => Number(value) >= 500,
    discard: (value) => discarded.push(value),
    system: manualSystem(),
  });
  assert.equal(await policy.execute(() => next++), 502);
  assert.deepEqual(discarded, [500, 501]);
});

test("no call after an abort before or during an attempt", async () => {
  const policy = retry({ delayMs: 0, system: manualSystem() });
  const aborted = AbortSignal.abort("before");
  await assert.rejects(
    policy.execute(() => assert.fail("was called"), aborted),
    { name: "AbortError", cause: "before" },
  );
  const controller = new AbortController();
  let calls = 0;
  const during = policy.execute(() => {
    calls += 1;
    controller.abort();
    return boom();
  }, controller.signal);
  await assert.rejects(during, AbortedError);
  assert.equal(calls, 1);
});

test("a budget pays for retries, from what successes earn", async () => {
  const system = manualSystem();
  const budget = callBudget({ ratio: 0.5, burst: 2, system });
  const policy = retry({ delayMs: 0, attemptsMax: 2, budget, system });
  const heard = events(budget);
  let calls = 0;
  const fail = (): Promise<never> => ((calls += 1), boom());
  for (let call = 0; call < 10; call += 1) await policy.execute(fail).catch(() => {});
  assert.equal(calls, 12);
  assert.equal(budget.snapshot().state, "spent");
  await policy.execute(fine);
  await policy.execute(fine);
  await policy.execute(fail).catch(() => {});
  assert.equal(calls, 14);
  assert.deepEqual(heard, ["spent", "relieved"]);
  assert.deepEqual(budget.snapshot().counts, { granted: 3, refused: 8, trips: 1 });
  await settle();
});

test("whatever happens, extra calls never exceed burst + ratio x successes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 500 }),
      fc.double({ min: 0, max: 2, noNaN: true }),
      fc.integer({ min: 1, max: 20 }),
      (history, ratio, burst) => {
        const budget = callBudget({ ratio, burst });
        let successes = 0;
        let extra = 0;
        for (const deposits of history) {
          if (deposits) {
            budget.deposit();
            successes += 1;
          } else if (budget.tryWithdraw()) extra += 1;
          assert.ok(extra <= burst + ratio * successes + 1e-6);
        }
      },
    ),
  );
});

test("a classifier of results that throws ends the call, at the first attempt as at a later one", async () => {
  for (const good of [1, 2]) {
    let calls = 0;
    const again = retry({
      attemptsMax: 5,
      delayMs: 0,
      isFailedResult: () => {
        if (calls === good) throw new Error("broken");
        return true;
      },
      system: manualSystem(),
    });
    await assert.rejects(
      again.execute(() => (calls += 1)),
      /broken/,
    );
    assert.equal(calls, good);
  }
});

test("a wish that is no number is none: the wait is that of the back-off", async () => {
  for (const wish of [Number.NaN, -5, "soon" as unknown as number]) {
    const system = manualSystem();
    const starts: number[] = [];
    const again = retry({ retryAfter: () => wish, delayMs: 100, jitter: "none", attemptsMax: 2, system });
    void watch(again.execute(() => (starts.push(system.now()), boom())));
    await system.advance(1000);
    assert.deepEqual(starts, [0, 100]);
  }
});

test("a failed result that comes from an attempt whose caller has left is discarded", async () => {
  const controller = new AbortController();
  const discarded: unknown[] = [];
  const again = retry({
    isFailedResult: () => true,
    discard: (value) => discarded.push(value),
    system: manualSystem(),
  });
  const answer = deferred();
  const call = watch(again.execute(() => answer.promise, controller.signal));
  controller.abort();
  answer.resolve("503");
  await settle();
  assert.ok(call.error instanceof AbortedError);
  assert.deepEqual(discarded, ["503"]);
});

test("a listener of a spent budget may ask again: it is refused, and not told a second time", () => {
  const budget = callBudget({ burst: 1, system: manualSystem() });
  let heard = 0;
  budget.listen(() => {
    heard += 1;
    assert.equal(budget.tryWithdraw(), false);
  });
  assert.deepEqual([budget.tryWithdraw(), budget.tryWithdraw(), heard], [true, false, 1]);
});

test("a kind of jitter that there is not is refused by name", () => {
  const jitter = "loud" as never;
  assert.throws(() => retry({ jitter }), /"retry": jitter is "loud", but must be one of full, decorrelated, none/);
});

test("why it gave up is said, and each bound may be met exactly", async () => {
  const asks = (retryAfterMs: number) => (): Promise<never> =>
    Promise.reject(Object.assign(new Error("busy"), { retryAfterMs }));
  const budget = callBudget({ burst: 1, ratio: 0 });
  budget.tryWithdraw();
  for (const [options, work, expected] of [
    [{ attemptsMax: 2 }, boom, "retrying gave-up:attempts:2"],
    [{ attemptsMax: 3, totalMsMax: 200 }, boom, "retrying retrying gave-up:attempts:3"],
    [{ attemptsMax: 3, totalMsMax: 199 }, boom, "retrying gave-up:total-time:2"],
    [{ attemptsMax: 2, retryAfterMsMax: 500 }, asks(500), "retrying gave-up:attempts:2"],
    [{ attemptsMax: 2, retryAfterMsMax: 499 }, asks(500), "gave-up:asked-too-long:1"],
    [{ attemptsMax: 2, budget }, boom, "gave-up:budget:1"],
  ] as const) {
    const system = manualSystem();
    const again = retry({ delayMs: 100, factor: 1, jitter: "none", ...options, system });
    const heard: string[] = [];
    again.listen(({ event, level, detail }) => {
      heard.push(level === "info" ? event : `${event}:${detail["why"]}:${detail["attempts"]}`);
    });
    const call = watch(again.execute(work));
    await system.advance(2000);
    assert.equal(call.state, "rejected");
    assert.equal(heard.join(" "), expected);
  }
});

test("time that a classifier or a listener takes counts towards the total", async () => {
  for (const slow of ["classifier", "listener"]) {
    const system = manualSystem();
    let blockedMs = 0;
    const block = (): boolean => {
      blockedMs += 1000;
      return true;
    };
    const again = retry({
      totalMsMax: 1500,
      attemptsMax: 9,
      delayMs: 0,
      ...(slow === "classifier" ? { retryIf: block } : {}),
      system: { ...system, now: () => system.now() + blockedMs },
    });
    if (slow === "listener") again.listen(block);
    let calls = 0;
    await again.execute(() => ((calls += 1), boom())).catch(() => {});
    assert.equal(calls, 3, "after 0, 1000 and 2000 ms, when the time was over");
  }
});
