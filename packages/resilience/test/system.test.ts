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

test("manual time fires timers in the order in which they are due, those of one moment as they were set", async () => {
  const system = manualSystem();
  const fired: string[] = [];
  const at = (name: string) => () => fired.push(`${name} at ${system.now()}`);
  system.setTimer(at("third"), 20);
  system.setTimer(at("first"), 10);
  system.setTimer(at("second"), 10);
  system.setTimer(at("overdue"), -5);
  await system.advance(15);
  assert.deepEqual(fired, ["overdue at 0", "first at 10", "second at 10"]);
  assert.equal(system.now(), 15);
  await system.advance(5);
  assert.equal(fired.at(-1), "third at 20");
  assert.equal(system.pending, 0);
});

test("jobs that are ready run before manual time moves, between its timers and after them", async () => {
  const system = manualSystem();
  const log: string[] = [];
  const note = (what: string): void => void log.push(`${what} at ${system.now()}`);
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void system.setTimer(resolve, ms));
  void Promise.resolve().then(async () => {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    note("begun");
    await pause(10);
    note("waited");
    await pause(10);
    note("waited again");
  });
  system.setTimer(() => note("a timer of its own"), 15);
  await system.advance(20);
  assert.deepEqual(log, ["begun at 0", "waited at 10", "a timer of its own at 15", "waited again at 20"]);
});

test("the manual wall clock goes along, and may jump by itself", async () => {
  const system = manualSystem();
  const start = system.wallNow();
  await system.advance(10);
  system.jumpWall(1000);
  system.jumpWall(-300);
  assert.deepEqual([system.now(), system.wallNow() - start], [10, 710]);
  assert.equal(new Date(start).getUTCFullYear(), 2023);
});

test("manual chance is uniform in [0, 1), and the same for the same seed", () => {
  const numbers = (seed?: number): number[] => {
    const { random } = manualSystem(seed);
    return Array.from({ length: 10_000 }, random);
  };
  const [first, again, other] = [numbers(), numbers(1), numbers(2)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  // The first of mulberry32 with the seed 1.
  assert.deepEqual(
    first.slice(0, 3).map((each) => each.toFixed(6)),
    ["0.627074", "0.002736", "0.527447"],
  );
  const tenths = Array.from(
    { length: 10 },
    (_, tenth) => first.filter((each) => Math.floor(each * 10) === tenth).length,
  );
  assert.ok(
    tenths.every((count) => count > 850 && count < 1150),
    String(tenths),
  );
});

test("a cancelled timer never fires", async () => {
  const system = manualSystem();
  const timer = system.setTimer(() => assert.fail("fired"), 10);
  timer.cancel();
  timer.cancel();
  await system.advance(20);
});

/** Runs `use` with the host's clock and timers in our hands; those set are listed with what became of them. */
function withHost(
  handles: "objects" | "numbers",
  use: (host: {
    now: number;
    readonly timers: { fire(): void; ms: number; unref: number; cleared: boolean }[];
  }) => void,
): void {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const host: Parameters<typeof use>[0] = { now: 0, timers: [] };
  const fakes = {
    setTimeout: (fire: () => void, ms: number) => {
      const timer = { fire, ms, unref: 0, cleared: false };
      host.timers.push(timer);
      return handles === "numbers" ? host.timers.length - 1 : { timer, unref: () => (timer.unref += 1) };
    },
    clearTimeout: (handle: number | { timer: { cleared: boolean } }) => {
      const timer = typeof handle === "number" ? host.timers[handle] : handle.timer;
      if (timer !== undefined) timer.cleared = true;
    },
  };
  Object.assign(globalThis, fakes);
  Object.defineProperty(performance, "now", { value: () => host.now, configurable: true });
  try {
    use(host);
  } finally {
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    Reflect.deleteProperty(performance, "now");
  }
}

test("a real timer that the host fires early looks again, and fires once, when it is due", () =>
  withHost("objects", (host) => {
    let fired = 0;
    host.now = 1000;
    realSystem.setTimer(() => (fired += 1), 10.2);
    assert.equal(host.timers[0]?.ms, 11);
    host.now = 1009.9;
    host.timers[0]?.fire();
    assert.deepEqual([fired, host.timers.length, host.timers[1]?.ms], [0, 2, 1]);
    host.now = 1010.2;
    host.timers[1]?.fire();
    assert.deepEqual([fired, host.timers.length], [1, 2]);
    realSystem.setTimer(() => {}, -5);
    assert.equal(host.timers[2]?.ms, 0);
  }));

test("a real timer beyond 24.8 days is served in pieces that the host accepts, and cancelled in any of them", () =>
  withHost("objects", (host) => {
    let fired = 0;
    const longest = 2 ** 31 - 1;
    const timer = realSystem.setTimer(() => (fired += 1), longest + 1000);
    assert.equal(host.timers[0]?.ms, longest);
    host.now = longest;
    host.timers[0]?.fire();
    assert.deepEqual([fired, host.timers[1]?.ms], [0, 1000]);
    timer.cancel();
    assert.deepEqual(
      host.timers.map(({ cleared }) => cleared),
      [false, true],
    );
    assert.equal(fired, 0);
  }));

test("a real timer keeps the process alive only when it is asked to; where handles are numbers there is no choice", () => {
  withHost("objects", (host) => {
    for (const keepAlive of [undefined, false, true]) realSystem.setTimer(() => {}, 10, keepAlive);
    assert.deepEqual(
      host.timers.map(({ unref }) => unref),
      [1, 1, 0],
    );
  });
  withHost("numbers", (host) => {
    const timer = realSystem.setTimer(() => {}, 10);
    timer.cancel();
    assert.equal(host.timers[0]?.cleared, true);
  });
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
