import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { cache, TimeoutError, QueueFullError } from "@prunella/resilience";
import type { Cache } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

test("LOW-001: a scan through a plain map is invisible; the cache tells an eviction storm and its end", () => {
  const map = new Map<number, number>();
  for (let key = 0; key < 5000; key += 1) map.set(key, key);
  assert.equal(map.size, 5000, "nobody was told");

  const events: string[] = [];
  const own = cache<number, number>({ entriesMax: 100, system: manualSystem() });
  own.listen(({ event, level }) => events.push(`${event}:${level}`));
  const read = (key: number): void => {
    if (own.get(key) === undefined) own.set(key, key);
  };
  for (let round = 0; round < 20; round += 1) for (let key = 0; key < 50; key += 1) read(key);
  assert.deepEqual(events, []);
  for (let key = 1000; key < 2000; key += 1) read(key);
  assert.deepEqual(events.toSorted(), ["eviction-storm:trip", "hit-rate-falling:trip"]);
  assert.equal(own.size, 100);
  assert.equal(own.snapshot().state, "storm");
  for (let round = 0; round < 30; round += 1) for (let key = 0; key < 50; key += 1) read(key);
  assert.deepEqual(events.slice(2).toSorted(), ["eviction-storm-over:info", "hit-rate-recovered:info"]);
});

test("a scan does not push out what is used (SIEVE)", () => {
  const own = cache<string, number>({ entriesMax: 100, system: manualSystem() });
  for (let at = 0; at < 50; at += 1) own.set(`hot ${at}`, at);
  for (let at = 0; at < 50; at += 1) own.get(`hot ${at}`);
  for (let at = 0; at < 100; at += 1) own.set(`scan ${at}`, at);
  const hot = Array.from({ length: 50 }, (_, at) => own.has(`hot ${at}`)).filter(Boolean).length;
  assert.equal(hot, 50);
});

test("many callers of one missing key share one load", async () => {
  let loads = 0;
  const system = manualSystem();
  const own = cache<string, string>({
    system,
    load: async (key) => {
      loads += 1;
      await new Promise<void>((resolve) => void system.setTimer(resolve, 10));
      return key.toUpperCase();
    },
  });
  const asked = Promise.all(Array.from({ length: 50 }, () => own.fetch("a")));
  await system.advance(10);
  assert.deepEqual(new Set(await asked), new Set(["A"]));
  assert.equal(loads, 1);
  assert.equal(own.get("a"), "A");
});

test("a failed load is told to all who wait, and the next call tries again", async () => {
  let tries = 0;
  const own = cache<string, number>({
    system: manualSystem(),
    load: async () => {
      tries += 1;
      if (tries === 1) throw new Error("down");
      return tries;
    },
  });
  const both = await Promise.allSettled([own.fetch("a"), own.fetch("a")]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(await own.fetch("a"), 2);
  assert.equal(own.snapshot().counts["loadFailures"], 1);
});

test("a stale value is served while a fresh one loads, and for no longer than allowed", async () => {
  const system = manualSystem();
  let version = 0;
  const own = cache<string, number>({ system, ttlMs: 100, staleMs: 50, load: async () => (version += 1) });
  assert.equal(await own.fetch("a"), 1);
  await system.advance(100);
  assert.equal(own.get("a"), undefined, "get never answers stale");
  assert.equal(await own.fetch("a"), 1, "stale");
  await system.advance(0);
  assert.equal(await own.fetch("a"), 2, "fresh behind it");
  await system.advance(151);
  assert.equal(await own.fetch("a"), 3, "too old to serve");
});

test("a value whose size cannot be told is a failed load, also behind a stale value where nobody waits for it", async () => {
  const system = manualSystem();
  let version = 0;
  const own = cache<string, number>({
    system,
    ttlMs: 100,
    staleMs: 100,
    load: async () => (version += 1),
    sizeOf: (value) => {
      if (value > 1) throw new Error("no size");
      return 1;
    },
  });
  await own.fetch("a");
  await system.advance(100);
  assert.equal(await own.fetch("a"), 1, "stale");
  await system.advance(0);
  assert.equal(own.snapshot().counts["loadFailures"], 1);
  await system.advance(100);
  await assert.rejects(own.fetch("a"), /no size/);
});

test("a value set or deleted during a load is not overwritten by it", async () => {
  const system = manualSystem();
  const own = cache<string, string>({
    system,
    load: () => new Promise((resolve) => void system.setTimer(() => resolve("old"), 10)),
  });
  const loading = own.fetch("a");
  own.set("a", "new");
  const deleted = own.fetch("b");
  own.delete("b");
  await system.advance(10);
  assert.equal(await loading, "old");
  assert.equal(await deleted, "old");
  assert.equal(own.get("a"), "new");
  assert.equal(own.has("b"), false);
});

test("a load that never ends is given up at its bound, and one caller's abort leaves the others waiting", async () => {
  const system = manualSystem();
  const own = cache<string, string>({ system, loadTimeoutMs: 100, load: () => new Promise(() => {}) });
  const caller = new AbortController();
  const impatient = own.fetch("a", { signal: caller.signal });
  const patient = assert.rejects(own.fetch("a"), TimeoutError);
  caller.abort(new Error("gone"));
  await assert.rejects(impatient, { name: "AbortError" });
  await system.advance(100);
  await patient;
  assert.equal(system.pending, 0);
});

test("loads in flight are bounded", async () => {
  const own = cache<string, string>({ system: manualSystem(), loadsMax: 1, load: () => new Promise(() => {}) });
  void own.fetch("a").catch(() => {});
  await assert.rejects(own.fetch("b"), QueueFullError);
});

test("what is larger than the cache is not stored and pushes nothing out", () => {
  const own = cache<string, string>({ sizeMax: 10, sizeOf: (value) => value.length, system: manualSystem() });
  own.set("a", "12345");
  own.set("b", "x".repeat(11));
  assert.equal(own.get("a"), "12345");
  assert.equal(own.get("b"), undefined);
  assert.equal(own.snapshot().counts["tooBig"], 1);
});

test("sizes that are fractions leave no rest: an entry as large as the bound still fits an emptied cache", () => {
  const own = cache<string, number>({ sizeMax: 0.3, sizeOf: (value) => value, system: manualSystem() });
  for (const [at, size] of [0.2, 0.15, 0.07, 0.05, 0.07, 0.1].entries()) own.set(`${at}`, size);
  for (let at = 0; at < 6; at += 1) own.delete(`${at}`);
  assert.equal(own.snapshot().values["size"], 0);
  own.set("whole", 0.3);
  assert.equal(own.get("whole"), 0.3);
});

test("any sequence keeps both bounds, answers only what was set last, and forgets at the right time", async () => {
  const step = fc.oneof(
    fc.record({
      op: fc.constant("set" as const),
      key: fc.integer({ min: 0, max: 8 }),
      size: fc.integer({ min: 0, max: 6 }),
    }),
    fc.record({ op: fc.constantFrom("get" as const, "delete" as const), key: fc.integer({ min: 0, max: 8 }) }),
    fc.record({ op: fc.constant("time" as const), ms: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ op: fc.constant("clear" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
      const system = manualSystem();
      const own = cache<number, { id: number; size: number }>({
        system,
        entriesMax: 5,
        sizeMax: 15,
        sizeOf: (value) => value.size,
        ttlMs: 100,
      });
      const model = new Map<number, { id: number; until: number }>();
      let id = 0;
      let gets = 0;
      for (const each of steps) {
        switch (each.op) {
          case "set":
            id += 1;
            own.set(each.key, { id, size: each.size });
            model.set(each.key, { id, until: system.now() + 100 });
            assert.equal(own.has(each.key), true, "what was just set is there");
            break;
          case "get": {
            gets += 1;
            const got = own.get(each.key);
            const known = model.get(each.key);
            if (got !== undefined) {
              assert.equal(got.id, known?.id);
              assert.ok(system.now() < (known?.until ?? 0));
            }
            break;
          }
          case "delete":
            own.delete(each.key);
            model.delete(each.key);
            break;
          case "time":
            await system.advance(each.ms);
            break;
          case "clear":
            own.clear();
            model.clear();
            break;
        }
        const { values, counts } = own.snapshot();
        assert.ok(own.size <= 5 && (values["size"] ?? 99) <= 15);
        assert.equal((counts["hits"] ?? 0) + (counts["misses"] ?? 0), gets);
      }
    }),
  );
});

test("when every entry was used since the hand passed, the oldest goes and the others get a second chance", () => {
  const own = cache<number, number>({ entriesMax: 3, system: manualSystem() });
  for (const key of [1, 2, 3]) own.set(key, key);
  for (const key of [1, 2, 3]) own.get(key);
  own.set(4, 4);
  assert.deepEqual(
    [1, 2, 3, 4].map((key) => own.has(key)),
    [false, true, true, true],
  );
  own.set(5, 5);
  assert.deepEqual(
    [2, 3, 4, 5].map((key) => own.has(key)),
    [false, true, true, true],
    "their marks are cleared",
  );
});

test("a time to live of one entry overrides the cache's, and expired entries are counted", async () => {
  const system = manualSystem();
  const own = cache<string, number>({ system, ttlMs: 100 });
  own.set("short", 1, { ttlMs: 10 });
  own.set("long", 2);
  await system.advance(10);
  assert.deepEqual([own.get("short"), own.get("long")], [undefined, 2]);
  assert.equal(own.snapshot().counts["expired"], 1);
  assert.equal(own.size, 1);
  assert.throws(() => own.set("bad", 1, { ttlMs: -1 }), /ttlMs/);
});

test("who hears of an eviction storm may use the cache: the next window counts it", () => {
  const held = cache<number, number>({ entriesMax: 2, alertWindow: 4 });
  const heard: string[] = [];
  held.listen(({ event }) => {
    heard.push(event);
    for (let key = 0; key < 3; key += 1) held.get(key);
  });
  for (let key = 0; key < 8; key += 1) held.set(key, key);
  assert.deepEqual(heard, ["eviction-storm"]);
  const { hits, misses, evictions } = held.snapshot().counts;
  assert.deepEqual({ hits, misses, evictions }, { hits: 1, misses: 2, evictions: 6 });
});

test("loads that fetch something themselves are bounded like any other; one that fetches its own key waits for its bound", async () => {
  const system = manualSystem();
  let loads = 0;
  const deep: Cache<number, number> = cache<number, number>({
    system,
    loadsMax: 50,
    load: async (key) => {
      loads += 1;
      return deep.fetch(key + 1);
    },
  });
  await assert.rejects(deep.fetch(0), QueueFullError);
  assert.equal(loads, 50);

  let own = 0;
  const self: Cache<string, string> = cache<string, string>({
    system,
    loadTimeoutMs: 100,
    load: async (key) => {
      own += 1;
      return self.fetch(key);
    },
  });
  const asked = assert.rejects(self.fetch("a"), TimeoutError);
  await system.advance(100);
  await asked;
  assert.equal(own, 1);
});

test("a caller who has given up already starts no load, but gets what is there", async () => {
  let loads = 0;
  const own = cache<number, string>({ system: manualSystem(), load: () => `value ${(loads += 1)}` });
  const signal = AbortSignal.abort("gone");
  await assert.rejects(own.fetch(1, { signal }), { name: "AbortError", cause: "gone" });
  own.set(1, "one");
  assert.equal(await own.fetch(1, { signal }), "one");
  assert.equal(loads, 0);
});
