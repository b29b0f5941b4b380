import assert from "node:assert/strict";
import { test } from "node:test";
import {
  batch,
  boundedQueue,
  cache,
  dualLoop,
  healthMonitor,
  lazy,
  loader,
  lockHierarchy,
  loop,
  pool,
  rateLimiter,
  realSystem,
  sqlTransaction,
  transaction,
} from "@prunella/resilience";
import type { System } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

test("manual time fires timers in the order in which they are due", async () => {
  const system = manualSystem();
  const fired: string[] = [];
  system.setTimer(() => fired.push("second"), 20);
  system.setTimer(() => fired.push("first"), 10);
  await system.advance(15);
  assert.deepEqual(fired, ["first"]);
  await system.advance(5);
  assert.deepEqual(fired, ["first", "second"]);
  assert.equal(system.pending, 0);
});

test("a cancelled timer never fires", async () => {
  const system = manualSystem();
  const timer = system.setTimer(() => assert.fail("fired"), 10);
  timer.cancel();
  timer.cancel();
  await system.advance(20);
});

test("a real timer set for a month does not fire at once", async () => {
  let fired = false;
  const timer = realSystem.setTimer(() => (fired = true), 30 * 86_400_000);
  await new Promise((resolve) => setImmediate(resolve));
  timer.cancel();
  assert.equal(fired, false);
});

/** Manual time that knows how many of the timers set would keep a process alive. */
function watched(): { readonly system: System; readonly advance: (ms: number) => Promise<void>; alive: () => number } {
  const manual = manualSystem();
  const alive = new Set<object>();
  const system: System = {
    now: manual.now,
    wallNow: manual.wallNow,
    random: () => 0.5,
    setTimer(fire, delayMs, keepAlive = false) {
      const own = {};
      if (keepAlive) alive.add(own);
      const timer = manual.setTimer(() => {
        alive.delete(own);
        fire();
      }, delayMs);
      return {
        cancel() {
          alive.delete(own);
          timer.cancel();
        },
      };
    },
  };
  return { system, advance: (ms) => manual.advance(ms), alive: () => alive.size };
}

const never = (): Promise<never> => new Promise(() => {});
const deadlock = Object.assign(new Error("deadlock detected"), { code: "40P01" });

const waits: Readonly<Record<string, (system: System) => Promise<unknown>>> = {
  "a turn of a rate limiter": async (system) => {
    const own = rateLimiter({ system, limit: 1, periodMs: 1000 });
    await own.acquire();
    await own.acquire();
  },
  "the next attempt of a transaction": (system) => transaction({ system }).run(() => Promise.reject(deadlock)),
  "a transaction": (system) => transaction({ system }).run(never),
  "an SQL transaction": (system) => sqlTransaction({ system }).run({ execute: () => "done" }, never),
  "a resource": async (system) => {
    const own = pool({ system, max: 1, leakMs: Infinity, create: () => "connection" });
    await own.acquire();
    await own.acquire();
  },
  "the end of a pool": async (system) => {
    const own = pool({ system, leakMs: Infinity, create: () => "connection" });
    await own.acquire();
    await own.close();
  },
  "a lock": async (system) => {
    const own = lockHierarchy({ system });
    await own.owner("a").acquire("lock");
    await own.owner("b").acquire("lock");
  },
  "an item of a queue": (system) => boundedQueue({ system }).take({ timeoutMs: 1000 }),
  "room in a queue, when its turn comes later": async (system) => {
    const own = boundedQueue<number>({ system, capacity: 1000 });
    const puts = Array.from({ length: 1600 }, (_, at) => own.put(at));
    own.takeAll();
    await Promise.all(puts);
  },
  "a load of a cache": (system) => cache({ system, load: never }).fetch(1),
  "a batch of look-ups": (system) => loader({ system, windowMs: 1000, load: never }).load(1),
  "something lazy": (system) => lazy(never, { system }).get(),
  "an item of a batch": (system) => batch({ system, itemMs: 1000 }).map([1], never),
  "the end of a loop": (system) => {
    const own = loop({ system, intervalMs: 1000, run: never });
    own.start();
    return own.stop();
  },
  "an iteration of a loop that keeps the process alive": async (system) =>
    loop({ system, intervalMs: 1000, keepAlive: true, run: never }).start(),
};

for (const [what, wait] of Object.entries(waits)) {
  test(`the process lives while a caller waits for ${what}`, async () => {
    const { system, alive } = watched();
    wait(system).catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(alive(), 1);
  });
}

test("what goes on in the background keeps no process alive", async () => {
  const { system, advance, alive } = watched();
  loop({ system, intervalMs: 1000, run: never }).start();
  healthMonitor({ system, checks: [{ name: "deaf", check: never }] }).start();
  const ask = async (_: unknown, link: { ask: (update: string) => Promise<void> }): Promise<void> => link.ask("look");
  dualLoop<string, string>({
    system,
    first: { name: "first", intervalMs: 1000, run: ask },
    second: { name: "second", intervalMs: 1000, run: never },
  }).start();
  const own = pool({ system, min: 1, create: () => "connection" });
  await own.use(() => "borrowed, kept and watched");
  await advance(100);
  assert.equal(alive(), 0);
});
