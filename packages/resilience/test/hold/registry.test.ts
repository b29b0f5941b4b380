import assert from "node:assert/strict";
import { test } from "node:test";
import {
  adaptiveLimit,
  breaker,
  boundedQueue,
  defaultRegistry,
  degrade,
  lazy,
  openTelemetryBridge,
  pipeline,
  prometheusText,
  rateLimiter,
  registerAction,
  registry,
  registrySymbol,
} from "@prunella/resilience";
import type { GuardEvent, GuardSnapshot, Registry } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

const queue = (name?: string) =>
  boundedQueue<number>({ capacity: 2, system: manualSystem(), ...(name === undefined ? {} : { name }) });

test("a named primitive is found by other code under the global symbol, an unnamed one is not", () => {
  const own = queue("orders of registry test");
  const anonymous = queue();
  const found = (globalThis as { [registrySymbol]?: Registry })[registrySymbol];
  assert.equal(found, defaultRegistry());
  assert.equal(Symbol.keyFor(registrySymbol), "prunella.guards");
  assert.ok(found?.list().includes(own));
  assert.ok(!found?.list().includes(anonymous));
});

test("a listener hears primitives added before and after it, until it stops; a throwing one harms nobody", () => {
  const own = registry();
  const heard: GuardEvent[] = [];
  const before = queue();
  own.add(before);
  own.listen(() => {
    throw new Error("bad listener");
  });
  const stop = own.listen((event) => heard.push(event));
  const after = queue();
  own.add(after);
  own.add(after);
  for (const each of [before, after]) for (const item of [1, 2]) each.offer(item);
  assert.deepEqual(
    heard.map(({ event }) => event),
    ["high-water", "high-water"],
  );
  stop();
  before.drain();
  assert.equal(heard.length, 2);
});

test("removed primitives are silent, and the list is bounded", () => {
  const own = registry({ guardsMax: 1 });
  const heard: string[] = [];
  own.listen(({ event }) => heard.push(event));
  const first = queue();
  const second = queue();
  const remove = own.add(first);
  own.add(second);
  assert.deepEqual(own.list(), [first]);
  assert.equal(own.turnedAway, 1);
  remove();
  first.offer(1);
  first.offer(2);
  assert.deepEqual(heard, []);
  own.add(second);
  assert.deepEqual(
    own.snapshots().map(({ guard }) => guard),
    ["queue"],
  );
});

test("a primitive that nobody holds any more leaves its place to another, and is not asked for again", () => {
  const collected = new Set<object>();
  let asked = 0;
  class Weak {
    readonly #target: object;
    constructor(target: object) {
      this.#target = target;
    }
    deref(): object | undefined {
      if (!collected.has(this.#target)) return this.#target;
      asked += 1;
      return undefined;
    }
  }
  const { WeakRef: real } = globalThis;
  globalThis.WeakRef = Weak as unknown as typeof WeakRef;
  try {
    const own = registry({ guardsMax: 2 });
    const [first, second, third, fourth] = [queue(), queue(), queue(), queue()];
    own.add(first);
    own.add(second);
    collected.add(first);
    own.add(third);
    assert.deepEqual(own.list(), [second, third]);
    assert.equal(asked, 1);
    own.add(fourth);
    assert.equal(own.turnedAway, 1);
  } finally {
    globalThis.WeakRef = real;
  }
});

test("Prometheus text: states, values and counts, added up by name, escaped", () => {
  const snapshot = (size: number): GuardSnapshot => ({
    guard: "queue",
    name: 'a "b"\n\\',
    state: "ok",
    values: { size, limit: Infinity },
    counts: { in: 1 },
  });
  const text = prometheusText([snapshot(1), snapshot(2), lazy(() => 1, { name: "l" }).snapshot()]);
  const lines = text.split("\n");
  assert.ok(lines.includes('prunella_guard_state{guard="queue",name="a \\"b\\"\\n\\\\",state="ok"} 2'));
  assert.ok(lines.includes('prunella_guard_value{guard="queue",name="a \\"b\\"\\n\\\\",value="size"} 3'));
  assert.ok(lines.includes('prunella_guard_value{guard="queue",name="a \\"b\\"\\n\\\\",value="limit"} +Inf'));
  assert.ok(lines.includes('prunella_guard_count_total{guard="queue",name="a \\"b\\"\\n\\\\",count="in"} 2'));
  assert.ok(lines.includes('prunella_guard_state{guard="lazy",name="l",state="empty"} 1'));
  assert.equal(lines.filter((line) => line.startsWith("# TYPE")).length, 4);
  assert.ok(lines.includes('prunella_guard_trips_total{guard="lazy",name="l"} 0'));
  assert.equal(text.endsWith("\n"), true);
});

test("OpenTelemetry: every primitive is observed when the meter collects, and no more after stopping", () => {
  type Callback = (result: { observe(value: number, attributes?: Record<string, string>): void }) => void;
  const instruments = new Map<string, Set<Callback>>();
  const kinds: string[] = [];
  const make = (kind: string) => (name: string) => {
    const callbacks = new Set<Callback>();
    instruments.set(name, callbacks);
    kinds.push(`${kind} ${name}`);
    return {
      addCallback: (callback: Callback) => void callbacks.add(callback),
      removeCallback: (callback: Callback) => void callbacks.delete(callback),
    };
  };
  const own = registry();
  const held = queue();
  own.add(held);
  held.offer(1);
  const stop = openTelemetryBridge(own, {
    createObservableGauge: make("gauge"),
    createObservableCounter: make("counter"),
  });
  assert.deepEqual(kinds, [
    "gauge prunella.guard.state",
    "gauge prunella.guard.value",
    "counter prunella.guard.count",
    "counter prunella.guard.trips",
  ]);
  const seen: string[] = [];
  for (const [name, callbacks] of instruments)
    for (const callback of callbacks)
      callback({
        observe: (value, { value: key = "", count = "", state = "" } = {}) =>
          seen.push(`${name} ${key}${count}${state} ${value}`),
      });
  assert.ok(seen.includes("prunella.guard.value size 1"));
  assert.ok(seen.includes("prunella.guard.count in 1"));
  assert.ok(seen.includes("prunella.guard.state ok 1"));
  stop();
  assert.ok([...instruments.values()].every((callbacks) => callbacks.size === 0));
});

test("one function drives everything: a breaker, a queue, a limiter, a level of service", async () => {
  const own = registry();
  const system = manualSystem();
  const payments = breaker({ name: "payments", system });
  const jobs = boundedQueue<number>({ name: "jobs", capacity: 2, system });
  const calls = rateLimiter({ name: "calls", limit: 10, periodMs: 1000, system });
  const flights = adaptiveLimit({ name: "flights", system });
  const service = degrade({ name: "shop", levels: ["full", "no-search", "read-only"], system });
  for (const guard of [payments, jobs, calls, flights, service]) own.add(guard);
  jobs.offer(1);
  assert.equal(await own.control({ name: "payments", control: "isolate" }), 1);
  assert.equal(payments.state, "isolated");
  await own.control({ name: "payments", control: "close" });
  await own.control({ name: "payments", control: "open", argument: 500 });
  assert.equal(payments.retryAfterMs, 500);
  await own.control({ name: "jobs", control: "drain" });
  assert.equal(jobs.size, 0);
  await own.control({ name: "calls", control: "set-scale", argument: 0.5 });
  assert.equal(calls.check("a").limit, 5);
  await own.control({ name: "flights", control: "set-limit-max", argument: 7 });
  assert.equal(flights.limit, 7);
  flights.tryAcquire()?.success();
  assert.equal(flights.limit, 7, "whatever is measured");
  await own.control({ name: "flights", control: "set-limit-max", argument: 1000 });
  assert.ok(flights.limit >= 20, "the algorithm's own again");
  await own.control({ name: "shop", control: "set-level", argument: "read-only" });
  assert.equal(service.level, "read-only");
});

test("parts of a policy share its name: a command goes to those that take it, or to the kind that is named", async () => {
  const own = registry();
  const policy = pipeline({ name: "db", breaker: {}, bulkhead: {}, system: manualSystem() });
  for (const guard of [policy, policy.breaker, policy.bulkhead]) if (guard !== undefined) own.add(guard);
  assert.equal(await own.control({ name: "db", control: "open" }), 1);
  assert.equal(policy.breaker?.state, "open");
  assert.equal(await own.control({ guard: "bulkhead", name: "db", control: "set-concurrent-max", argument: 3 }), 1);
  assert.equal(policy.bulkhead?.concurrentMax, 3);
  await assert.rejects(own.control({ guard: "bulkhead", name: "db", control: "open" }), /set-concurrent-max/);
});

test("a command that nothing fits is refused with what there is", async () => {
  const own = registry();
  const jobs = queue("jobs of refusal");
  own.add(jobs);
  await assert.rejects(own.control({ name: "job", control: "drain" }), /name is "job".*jobs of refusal/);
  await assert.rejects(own.control({ name: "jobs of refusal", control: "stop" }), /control is "stop".*drain/);
  await assert.rejects(own.control({ name: "jobs of refusal", control: "toString" }), /control is "toString"/);
  await assert.rejects(own.control({ action: "refill" }), /action is "refill".*\(none\)/);
  const limiter = rateLimiter({ name: "limiter", limit: 1, periodMs: 1, system: manualSystem() });
  own.add(limiter);
  await assert.rejects(own.control({ name: "limiter", control: "set-scale", argument: "half" }), /scale is NaN/);
});

test("an application's own repairs are run by name, replaced, taken back, and bounded in number", async () => {
  const takeBack = registerAction("warm up the cache", (argument) => Promise.resolve(`warm ${String(argument)}`));
  assert.equal(await defaultRegistry().control({ action: "warm up the cache", argument: 7 }), "warm 7");
  assert.deepEqual(defaultRegistry().actions(), ["warm up the cache"]);
  const takeNewBack = registerAction("warm up the cache", () => "new");
  takeBack();
  assert.equal(await defaultRegistry().control({ action: "warm up the cache" }), "new", "only its own is taken back");
  takeNewBack();
  assert.deepEqual(defaultRegistry().actions(), []);
  const own = registry();
  own.registerAction("broken", () => {
    throw new Error("this repair is broken");
  });
  await assert.rejects(own.control({ action: "broken" }), /this repair is broken/);
  for (let at = 1; at < 100; at += 1) own.registerAction(`repair ${at}`, () => {});
  assert.throws(() => own.registerAction("one more", () => {}), /at most 100/);
});

test("a primitive that cannot tell its state does not hide the others", () => {
  const own = registry();
  const broken = {
    guard: "own",
    name: "broken",
    snapshot: () => {
      throw new Error("bug");
    },
    listen: () => () => {},
  };
  const jobs = queue();
  own.add(broken);
  own.add(jobs);
  assert.deepEqual(own.snapshots(), [jobs.snapshot()]);
});

test("a primitive whose options are refused is never listed", () => {
  const before = defaultRegistry().list().length;
  assert.throws(() => breaker({ name: "never made", failures: 0 }));
  assert.throws(() => boundedQueue({ name: "never made", capacity: 0 }));
  assert.equal(defaultRegistry().list().length, before);
});
