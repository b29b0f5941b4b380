import assert from "node:assert/strict";
import { test } from "node:test";
import {
  boundedQueue,
  defaultRegistry,
  lazy,
  openTelemetryBridge,
  prometheusText,
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
  own.offer(1);
  assert.equal(found?.control("queue", "orders of registry test", "drain"), 1);
  assert.equal(own.size, 0);
  assert.equal(found?.control("queue", "orders of registry test", "no such command"), 0);
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
  assert.equal(lines.filter((line) => line.startsWith("# TYPE")).length, 3);
  assert.equal(text.endsWith("\n"), true);
});

test("OpenTelemetry: every primitive is observed when the meter collects, and no more after stopping", () => {
  type Callback = (result: { observe(value: number, attributes?: Record<string, string>): void }) => void;
  const instruments = new Map<string, Set<Callback>>();
  const make = (name: string) => {
    const callbacks = new Set<Callback>();
    instruments.set(name, callbacks);
    return {
      addCallback: (callback: Callback) => void callbacks.add(callback),
      removeCallback: (callback: Callback) => void callbacks.delete(callback),
    };
  };
  const own = registry();
  const held = queue();
  own.add(held);
  held.offer(1);
  const stop = openTelemetryBridge(own, { createObservableGauge: make, createObservableCounter: make });
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
