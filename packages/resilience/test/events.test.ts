// Whoever watches the events alone must know every state: each change of a snapshot's `state` is said, and every trip is
// counted, whether anybody listens or not.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  adaptiveLimit,
  autotune,
  boundedQueue,
  breaker,
  bulkhead,
  cache,
  callBudget,
  degrade,
  dualLoop,
  healthMonitor,
  lazy,
  loader,
  loop,
  pool,
  rateLimiter,
  ringLog,
  setListenerErrorHook,
  sharedQuota,
  type GuardEvent,
  type Reporting,
} from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";

type Steps = readonly (() => unknown)[];

/** Runs the steps one by one; `expected` lists the states that were passed through, each with the event that said so. */
async function check(
  make: (system: ManualSystem) => { readonly guard: Reporting; readonly steps: Steps },
  expected: string,
): Promise<void> {
  const system = manualSystem();
  const { guard, steps } = make(system);
  const heard: GuardEvent[] = [];
  guard.listen((event) => heard.push(event));
  const passed: string[] = [];
  let { state } = guard.snapshot();
  let seen = 0;
  for (const step of steps) {
    await step();
    await system.advance(0);
    const now = guard.snapshot().state;
    const since = heard.slice(seen).map(({ event }) => event);
    seen = heard.length;
    if (now === state) continue;
    assert.ok(since.length > 0, `${state} became ${now} and nothing was said`);
    passed.push(`${state}-[${since.join(" ")}]->${now}`);
    state = now;
  }
  assert.equal(passed.join(" "), expected);
  assert.equal(guard.snapshot().counts["trips"], heard.filter(({ level }) => level === "trip").length);
  for (const { guard: kind, name } of heard) assert.deepEqual([kind, name], [guard.guard, guard.name]);
}

const fails = (): never => {
  throw new Error("boom");
};
const swallow = (work: Promise<unknown>): Promise<unknown> => work.catch(() => {});
const never = (): Promise<never> => new Promise(() => {});

test("breaker", () =>
  check((system) => {
    const guard = breaker({ failures: 1, openMs: 1000, trialMsMax: 100, system });
    return {
      guard,
      steps: [
        () => swallow(guard.execute(fails)),
        () => swallow(guard.execute(fails)),
        () => system.advance(1000),
        () => void guard.tryAcquire(),
        () => guard.isolate(),
        () => guard.close(),
        () => guard.importState({ ...guard.exportState(), state: "open", openMsLeft: 50 }),
      ],
    };
  }, "closed-[opened]->open open-[half-opened]->half-open half-open-[isolated]->isolated isolated-[closed]->closed closed-[imported]->open"));

test("bulkhead with a queue", () =>
  check((system) => {
    const guard = bulkhead({ concurrentMax: 1, queueMax: 2, system });
    const call = (): void => void swallow(guard.acquire());
    return { guard, steps: [call, call, call, call, call, ...Array.from({ length: 3 }, () => () => guard.release())] };
  }, "ok-[high-water]->high high-[refused]->full full-[relieved]->ok"));

test("bulkhead without a queue", () =>
  check((system) => {
    const guard = bulkhead({ concurrentMax: 2, system });
    const call = (): void => void swallow(guard.acquire());
    return { guard, steps: [call, call, call, call, () => guard.release(), () => guard.release()] };
  }, "ok-[refused]->full full-[relieved]->ok"));

test("budget", () =>
  check((system) => {
    const guard = callBudget({ burst: 2, ratio: 0.5, system });
    const take = (): void => void guard.tryWithdraw();
    return { guard, steps: [take, take, take, take, () => guard.deposit(), () => guard.deposit(), take] };
  }, "ok-[spent]->spent spent-[relieved]->ok"));

test("degrade", () =>
  check((system) => {
    const guard = degrade({ levels: ["full", "half", "least"], system });
    return {
      guard,
      steps: [
        () => guard.hold("a", "least", 100),
        () => guard.hold("b", "half"),
        () => system.advance(100),
        () => guard.letGo("b"),
      ],
    };
  }, "full-[degraded]->least least-[restored]->half half-[restored]->full"));

test("queue", () =>
  check((system) => {
    const guard = boundedQueue<number>({ capacity: 4, policy: "drop-newest", highWater: 0.75, system });
    const put = (): void => void guard.offer(1);
    const take = (): void => void guard.tryTake();
    return { guard, steps: [put, put, put, put, put, take, take, take, () => guard.close()] };
  }, "ok-[high-water]->high high-[overflow]->full full-[relieved]->ok ok-[closed]->closed"));

test("rate limiter", () =>
  check((system) => {
    const guard = rateLimiter({ limit: 1, periodMs: 1000, system });
    const take = (): void => void guard.tryTake();
    return { guard, steps: [take, take, take, () => system.advance(999), take, () => system.advance(2000), take] };
  }, "ok-[limited]->limiting limiting-[relieved]->ok"));

test("adaptive limit", () =>
  check((system) => {
    const guard = adaptiveLimit({ min: 2, max: 2, initial: 2, system });
    const permits: ReturnType<typeof guard.tryAcquire>[] = [];
    const take = (): void => void permits.push(guard.tryAcquire());
    return { guard, steps: [take, take, take, take, () => permits[0]?.ignore(), () => permits[1]?.ignore()] };
  }, "ok-[limiting]->limiting limiting-[relieved]->ok"));

test("shared quota", () =>
  check((system) => {
    let up = false;
    const store = {
      take: () => (up ? Promise.resolve({ taken: true, arrival: 0 }) : Promise.reject(new Error("down"))),
    };
    const guard = sharedQuota({ limit: 10, periodMs: 1000, store, system });
    return { guard, steps: [() => guard.check("a"), () => (up = true), () => guard.check("a")] };
  }, "ok-[store-lost]->alone alone-[store-back]->ok"));

test("loop", () =>
  check((system) => {
    let end = (): void => {};
    const guard = loop({ intervalMs: 100, run: () => new Promise<void>((resolve) => (end = resolve)), system });
    return {
      guard,
      steps: [
        () => guard.start(),
        () => system.advance(100),
        () => {
          const stalled = end;
          stalled();
        },
        () => void guard.stop(),
      ],
    };
  }, "stopped-[started]->ok ok-[stalled]->stalled stalled-[stopped]->stopped"));

test("dual loop", () =>
  check((system) => {
    const guard = dualLoop({
      first: { name: "detection", intervalMs: 100, run: never },
      second: { name: "healing", intervalMs: 100, run: () => {} },
      system,
    });
    return { guard, steps: [() => guard.start(), () => system.advance(100)] };
  }, "stopped-[started started]->ok ok-[stalled]->stalled"));

test("health monitor", () =>
  check((system) => {
    let healthy = true;
    const guard = healthMonitor({ intervalMs: 100, checks: [{ name: "db", check: () => healthy }], system });
    return {
      guard,
      steps: [
        () => guard.start(),
        () => (healthy = false),
        () => system.advance(100),
        () => guard.remove("db"),
        () => guard.stop(),
      ],
    };
  }, "stopped-[started]->ok ok-[became-unhealthy]->unhealthy unhealthy-[removed]->ok ok-[stopped]->stopped"));

test("pool", () =>
  check((system) => {
    const guard = pool({ create: () => ({}), max: 1, system });
    const leases: { release(): void }[] = [];
    const take = (): void => void guard.acquire().then((lease) => leases.push(lease));
    return { guard, steps: [take, take, () => leases[0]?.release(), () => leases[1]?.release(), () => guard.close()] };
  }, "ok-[exhausted]->exhausted exhausted-[relieved]->ok ok-[closed]->closed"));

test("lazy", () =>
  check((system) => {
    const guard = lazy(() => 1, { system });
    return { guard, steps: [() => guard.get(), () => guard.reset()] };
  }, "empty-[made]->ready ready-[reset]->empty"));

test("loader", () =>
  check((system) => {
    const guard = loader<number, number>({ load: async (keys) => [...keys], keysMax: 1, windowMs: 10, system });
    const ask = (key: number) => (): void => void swallow(guard.load(key));
    return { guard, steps: [ask(1), ask(2), () => system.advance(10), () => guard.close()] };
  }, "ok-[refused]->full full-[relieved]->ok ok-[closed]->closed"));

test("cache", () =>
  check((system) => {
    const guard = cache<number, number>({ entriesMax: 10, alertWindow: 10, system });
    const scan = (from: number) => (): void => {
      for (let key = from; key < from + 20; key += 1) guard.set(key, key);
    };
    const hits = (): void => {
      for (let turn = 0; turn < 30; turn += 1) guard.get(39);
    };
    return { guard, steps: [scan(0), scan(20), hits] };
  }, "ok-[eviction-storm]->storm storm-[eviction-storm-over]->ok"));

test("ring log", () =>
  check((system) => {
    const guard = ringLog({ capacity: 1, system });
    return { guard, steps: [() => guard.log("info", "a"), () => guard.log("info", "b"), () => guard.clear()] };
  }, "ok-[full]->full full-[cleared]->ok"));

test("autotune", () =>
  check((system) => {
    const guard = autotune({ min: 1, max: 9, apply: () => {}, system });
    return { guard, steps: [() => guard.pause(), () => guard.resume()] };
  }, "ok-[paused]->paused paused-[resumed]->ok"));

test("each listener hears each event; one that throws is told to the hook, with the event, and harms nobody", () => {
  const guard = breaker({ name: "payments", system: manualSystem() });
  const heard: string[] = [];
  const hooked: [unknown, GuardEvent][] = [];
  const broken = new Error("broken listener");
  guard.listen(({ event }) => heard.push(`first ${event}`));
  guard.listen(() => {
    throw broken;
  });
  const stop = guard.listen(({ event }) => heard.push(`last ${event}`));
  guard.open();
  setListenerErrorHook((error, event) => hooked.push([error, event]));
  guard.close();
  setListenerErrorHook(() => {});
  stop();
  guard.open();
  assert.deepEqual(heard, ["first opened", "last opened", "first closed", "last closed", "first opened"]);
  assert.deepEqual(
    hooked.map(([error, { event, name }]) => [error, event, name]),
    [[broken, "closed", "payments"]],
  );
});
