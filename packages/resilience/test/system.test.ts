import assert from "node:assert/strict";
import { test } from "node:test";
import { realSystem } from "@prunella/resilience";
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
