// What holds for every primitive that keeps its callers waiting, or that calls listeners: the behaviours that peers get wrong
// (cancellation while queued, listeners left on a signal, a listener that throws, clocks that jump, a lost async context).
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import {
  AbortedError,
  adaptiveLimit,
  autotune,
  batch,
  boundedQueue,
  cache,
  classifier,
  healthMonitor,
  isRefusal,
  lazy,
  loader,
  lockHierarchy,
  pool,
  rateLimiter,
  ringLog,
  sharedQuota,
  sqlTransaction,
  transaction,
  validate,
} from "@prunella/resilience";
import type { Reporting, System } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import type { ManualSystem } from "@prunella/resilience/testing";

/** Every promise job has run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = (): Promise<never> => new Promise(() => {});

/** Makes a primitive at its bound; `wait` waits for it, `free` lets the next waiter through. */
type Busy = (system: System) => Promise<{
  readonly wait: (signal?: AbortSignal) => Promise<unknown>;
  readonly free: () => unknown;
}>;

const own = (signal?: AbortSignal): { signal?: AbortSignal } => (signal === undefined ? {} : { signal });

const waits: Readonly<Record<string, Busy>> = {
  "a resource of a pool": async (system) => {
    const one = pool({ system, max: 1, leakMs: Infinity, create: () => "connection" });
    const lease = await one.acquire();
    return { wait: (signal) => one.acquire(own(signal)), free: () => lease.release() };
  },
  "a lock": async (system) => {
    const one = lockHierarchy({ system });
    const release = await one.owner("first").acquire("page");
    return { wait: (signal) => one.owner("other").acquire("page", own(signal)), free: release };
  },
  "an item of a queue": async (system) => {
    const one = boundedQueue<number>({ system });
    return { wait: (signal) => one.take(own(signal)), free: () => one.offer(1) };
  },
  "room in a queue": async (system) => {
    const one = boundedQueue<number>({ system, capacity: 1 });
    one.offer(0);
    return { wait: (signal) => one.put(1, own(signal)), free: () => one.tryTake() };
  },
  "a slot of a batch": async (system) => {
    const one = batch({ system, limit: 1 });
    let free = (): void => {};
    void one.map([1], () => new Promise<void>((resolve) => (free = resolve)));
    await turn();
    const wait = async (signal?: AbortSignal): Promise<unknown> => {
      const [outcome] = await one.map([2], () => "done", own(signal));
      if (outcome?.status === "skipped") throw new AbortedError("batch", signal?.reason);
      return outcome;
    };
    return { wait, free: () => free() };
  },
};

for (const [what, busy] of Object.entries(waits)) {
  test(`an abort while waiting for ${what} refuses at once with the caller's reason, and the next one is served`, async () => {
    const system = manualSystem();
    const { wait, free } = await busy(system);
    const caller = new AbortController();
    const aborted = wait(caller.signal).catch((error: unknown) => error);
    const next = wait();
    await system.advance(0);
    caller.abort("enough");
    const error = await aborted;
    assert.ok(error instanceof AbortedError);
    assert.deepEqual([error.name, error.cause, isRefusal(error)], ["AbortError", "enough", true]);
    free();
    await next;
  });

  test(`who has given up before waiting for ${what} is refused and takes no place`, async () => {
    const { wait, free } = await busy(manualSystem());
    await assert.rejects(wait(AbortSignal.abort("gone")), { name: "AbortError", cause: "gone" });
    const next = wait();
    free();
    await next;
  });

  test(`a signal that 100 waits for ${what} shared keeps no listener, however they ended`, async () => {
    const system = manualSystem();
    const { wait, free } = await busy(system);
    const caller = new AbortController();
    const ended = Promise.allSettled(Array.from({ length: 100 }, () => wait(caller.signal)));
    await system.advance(0);
    assert.ok(getEventListeners(caller.signal, "abort").length <= 1, "and one at most while they wait");
    free();
    await system.advance(0);
    caller.abort();
    await ended;
    assert.equal(getEventListeners(caller.signal, "abort").length, 0);
  });

  test(`who waits for ${what} goes on in its own async context`, async () => {
    const storage = new AsyncLocalStorage<string>();
    const { wait, free } = await busy(manualSystem());
    const seen = storage.run("caller", async () => {
      await wait();
      return storage.getStore();
    });
    storage.run("somebody else", free);
    assert.equal(await seen, "caller");
  });
}

test("work begins in the async context of whoever asked for it, also when its place came free in another one", async () => {
  const storage = new AsyncLocalStorage<string>();
  const system = manualSystem();
  const one = pool({ system, max: 1, leakMs: Infinity, create: () => "connection" });
  const slots = batch({ system, limit: 1 });
  const locks = lockHierarchy({ system });
  const lease = await one.acquire();
  const release = await locks.owner("first").acquire("page");
  let free = (): void => {};
  void slots.map([1], () => new Promise<void>((resolve) => (free = resolve)));
  await turn();
  const seen: (string | undefined)[] = [];
  const look = (): void => void seen.push(storage.getStore());
  const asked = storage.run("caller", () =>
    Promise.all([one.use(look), slots.map([2], look), locks.withLocks(["page"], look)]),
  );
  storage.run("somebody else", () => {
    lease.release();
    free();
    release();
  });
  await asked;
  assert.deepEqual(seen, ["caller", "caller", "caller"]);
});

/** Each brings its primitive to where it tells something, and answers what its caller got. */
const telling: Readonly<Record<string, (system: ManualSystem) => readonly [Reporting, () => unknown, unknown]>> = {
  queue: (system) => {
    const one = boundedQueue<number>({ system, capacity: 1, policy: "drop-oldest" });
    return [one, () => [one.offer(1), one.offer(2), one.tryTake()], ["accepted", "accepted", 2]];
  },
  pool: (system) => {
    const one = pool({ system, create: () => Promise.reject(new Error("refused")) });
    return [one, () => one.acquire().catch(String), "Error: refused"];
  },
  cache: (system) => {
    const one = cache<number, number>({ system, entriesMax: 1, alertWindow: 1, load: (key) => key });
    return [one, async () => [await one.fetch(1), await one.fetch(2), one.get(1)], [1, 2, undefined]];
  },
  lazy: (system) => {
    const one = lazy(() => "value", { system });
    return [one, () => one.get(), "value"];
  },
  loader: (system) => {
    const one = loader<number, number>({ system, load: () => Promise.reject(new Error("down")) });
    return [one, () => one.load(1).catch(String), "Error: down"];
  },
  "rate limiter": (system) => {
    const one = rateLimiter({ system, limit: 1, periodMs: 1000 });
    return [one, () => [one.tryTake(), one.tryTake()], [true, false]];
  },
  "adaptive limit": (system) => {
    const one = adaptiveLimit({ system, algorithm: "aimd", initial: 1, min: 1, max: 1 });
    return [one, () => [one.tryAcquire("a") !== undefined, one.tryAcquire("a")], [true, undefined]];
  },
  "shared quota": (system) => {
    const store = { take: () => Promise.reject(new Error("lost")) };
    const one = sharedQuota({ system, store, limit: 10, periodMs: 1000 });
    return [one, async () => (await one.check("a")).allowed, true];
  },
  transaction: (system) => {
    const one = transaction({ system });
    return [one, () => one.run(() => Promise.reject(new Error("of the work"))).catch(String), "Error: of the work"];
  },
  "SQL transaction": (system) => {
    const one = sqlTransaction({ system });
    const work = (): Promise<never> => Promise.reject(new Error("of the work"));
    return [one, () => one.run({ execute: () => {} }, work).catch(String), "Error: of the work"];
  },
  "lock hierarchy": (system) => {
    const one = lockHierarchy({ system, order: ["a", "b"] });
    const owner = one.owner("job");
    const both = async (): Promise<unknown> => {
      await owner.acquire("b");
      return owner.acquire("a").catch((error: Error) => error.name);
    };
    return [one, both, "LockOrderError"];
  },
  "ring log": (system) => {
    const one = ringLog({ system, capacity: 1 });
    const two = (): unknown => ["one", "two"].map((text) => (one.log("info", text), one.lines().at(-1)?.message));
    return [one, two, ["one", "two"]];
  },
  classifier: (system) => {
    const one = classifier({ system });
    return [one, () => one.classify(new RangeError("odd")).kind, "unexpected"];
  },
  validate: (system) => {
    const one = validate({ system });
    const refused = (): unknown => {
      try {
        return one.sourceId("a b");
      } catch (error) {
        return (error as Error).name;
      }
    };
    return [one, refused, "InvalidInputError"];
  },
  autotune: (system) => {
    const one = autotune({ system, min: 1, max: 10, samples: 1, apply: () => {} });
    return [one, () => (one.observe(1), one.value), 2];
  },
  "health monitor": (system) => {
    const one = healthMonitor({ system, checks: [{ name: "db", check: () => false }] });
    const round = async (): Promise<unknown> => {
      one.start();
      await system.advance(0);
      return one.results().map(({ status }) => status);
    };
    return [one, round, ["unhealthy"]];
  },
};

for (const [what, make] of Object.entries(telling)) {
  test(`${what}: a listener that throws changes nothing for the caller`, async () => {
    const [one, ask, answer] = make(manualSystem());
    let heard = 0;
    one.listen(() => {
      heard += 1;
      throw new Error("bad listener");
    });
    assert.deepEqual(await ask(), answer);
    assert.ok(heard > 0);
  });
}

test("a wall clock that jumps by an hour changes no quota, no age, no wait and no rest of a resource", async () => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const system = manualSystem();
    const limiter = rateLimiter({ system, limit: 1, periodMs: 1000 });
    const kept = cache<string, number>({ system, ttlMs: 1000 });
    const resources = pool({ system, idleMs: 1000, leakMs: Infinity, create: () => "connection" });
    limiter.tryTake("a");
    kept.set("a", 1);
    await resources.use(() => {});
    let waited = false;
    void limiter.acquire("a").then(() => (waited = true));
    system.jumpWall(jumpMs);
    await system.advance(999);
    assert.deepEqual([kept.get("a"), waited, resources.snapshot().values["idle"]], [1, false, 1]);
    await system.advance(1);
    assert.deepEqual([kept.get("a"), waited], [undefined, true]);
    await system.advance(1000);
    assert.equal(resources.snapshot().values["idle"], 0);
  }
});

test("a wait of 30 days is one: nothing ends after 1 ms, and nothing is left when it ends otherwise", async () => {
  const month = 30 * 86_400_000;
  const ended: string[] = [];
  const caller = new AbortController();
  const { signal } = caller;
  const one = pool({ max: 1, leakMs: month, idleMs: month, create: () => "connection" });
  const lease = await one.acquire();
  const locks = lockHierarchy();
  await locks.owner("first").acquire("page");
  const waiting = [
    one.acquire({ signal, timeoutMs: month }),
    locks.owner("other").acquire("page", { signal, timeoutMs: month }),
    boundedQueue().take({ signal, timeoutMs: month }),
    rateLimiter({ limit: 1, periodMs: month, waitMsMax: Infinity, burst: 0.5 }).acquire("a", { weight: 0.5, signal }),
  ];
  for (const each of waiting.slice(0, 3)) each.catch(() => ended.push("early"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(ended, []);
  caller.abort();
  await Promise.allSettled(waiting);
  lease.destroy();
  await one.close();
});

test("what is never answered is given up: no wait without a bound unless it was asked for", async () => {
  const system = manualSystem();
  const busy = pool({ system, max: 1, leakMs: Infinity, create: () => "connection" });
  const locks = lockHierarchy({ system });
  await busy.acquire();
  await locks.owner("first").acquire("page");
  const waiting = {
    "a resource": busy.acquire(),
    "a lock": locks.owner("other").acquire("page"),
    "a creation": pool({ system, create: never }).acquire(),
    "a load": cache({ system, load: never }).fetch(1),
    "a batch of look-ups": loader({ system, load: never }).load(1),
    "something lazy": lazy(never, { system }).get(),
    "a transaction": transaction({ system }).run(never),
    "an SQL transaction": sqlTransaction({ system }).run({ execute: () => {} }, never),
  };
  const ended = Object.entries(waiting).map(([what, wait]) => wait.catch(() => what));
  await system.advance(60_000);
  assert.deepEqual(await Promise.all(ended), Object.keys(waiting));
  assert.equal(system.pending, 0);
});
