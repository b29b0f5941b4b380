// Random sequences against a cache written down as one list, and what a cache does at each of its bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AbortedError, BadOptionError, cache, QueueFullError } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

interface Value {
  readonly id: number;
  readonly size: number;
}

interface Entry {
  readonly key: number;
  readonly value: Value;
  readonly freshUntil: number;
  visited: boolean;
}

const [entriesMax, sizeMax, ttlMs, staleMs] = [5, 15, 100, 50];

/** SIEVE over a list, oldest first. The hand is the place that it looks at next; at the end it begins anew. */
class Sieve {
  entries: Entry[] = [];
  hand = 0;
  readonly counts = {
    ...{ hits: 0, misses: 0, evictions: 0, staleHits: 0, sets: 0, expired: 0, tooBig: 0 },
    ...{ loads: 0, loadFailures: 0 },
  };

  get size(): number {
    return this.entries.reduce((sum, { value }) => sum + value.size, 0);
  }

  find = (key: number): Entry | undefined => this.entries.find((entry) => entry.key === key);

  remove(entry: Entry | undefined): void {
    if (entry === undefined) return;
    const at = this.entries.indexOf(entry);
    this.entries.splice(at, 1);
    if (at < this.hand) this.hand -= 1;
  }

  evict(): void {
    for (;;) {
      if (this.hand >= this.entries.length) this.hand = 0;
      const entry = this.entries[this.hand] as Entry;
      if (!entry.visited) {
        this.remove(entry);
        this.counts.evictions += 1;
        return;
      }
      entry.visited = false;
      this.hand += 1;
    }
  }

  set(key: number, value: Value, freshUntil: number): void {
    this.counts.sets += 1;
    const before = this.find(key);
    this.remove(before);
    if (value.size > sizeMax) {
      this.counts.tooBig += 1;
      return;
    }
    // A hand that has passed the newest begins anew at the oldest, not at what comes next.
    while (this.size + value.size > sizeMax || this.entries.length >= entriesMax) this.evict();
    if (this.hand >= this.entries.length) this.hand = 0;
    this.entries.push({ key, value, freshUntil, visited: before?.visited ?? false });
  }

  get(key: number, now: number): Value | undefined {
    const entry = this.find(key);
    if (entry !== undefined && now < entry.freshUntil) {
      entry.visited = true;
      this.counts.hits += 1;
      return entry.value;
    }
    this.counts.misses += 1;
    if (entry !== undefined && now >= entry.freshUntil + staleMs) {
      this.remove(entry);
      this.counts.expired += 1;
    }
    return undefined;
  }
}

test("a cache holds, evicts, forgets and counts what one list under the same rules would", async () => {
  const step = fc.record({
    op: fc.constantFrom("set", "set", "set", "get", "get", "get", "fetch", "fetch", "delete", "time", "clear"),
    key: fc.nat(8),
    size: fc.constantFrom(0, 1, 1, 2, 3, 5, 16),
    ms: fc.nat(60),
    own: fc.boolean(),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const system = manualSystem();
      const model = new Sieve();
      let id = 0;
      let loading: (typeof steps)[number] | undefined;
      const own = cache<number, Value>({
        ...{ system, entriesMax, sizeMax, ttlMs, staleMs },
        sizeOf: ({ size }) => size,
        load: async () => {
          if (loading?.fails === true) throw new Error("down");
          return { id: (id += 1), size: loading?.size ?? 0 };
        },
      });
      for (const each of steps) {
        const now = system.now();
        const { key, size, ms } = each;
        switch (each.op) {
          case "set": {
            const value = { id: (id += 1), size };
            own.set(key, value, each.own ? { ttlMs: ms } : {});
            model.set(key, value, now + (each.own ? ms : ttlMs));
            break;
          }
          case "get":
            assert.deepEqual(own.get(key), model.get(key, now));
            break;
          case "fetch": {
            loading = each;
            const before = model.find(key);
            let expected = model.get(key, now);
            if (expected === undefined) {
              const stale = before !== undefined && now < before.freshUntil + staleMs;
              if (stale) {
                model.counts.staleHits += 1;
                before.visited = true;
                expected = before.value;
              }
              model.counts.loads += 1;
              if (each.fails) model.counts.loadFailures += 1;
              else {
                model.set(key, { id: id + 1, size }, now + ttlMs);
                expected ??= { id: id + 1, size };
              }
            }
            if (expected === undefined) await assert.rejects(own.fetch(key), /down/);
            else assert.deepEqual(await own.fetch(key), expected);
            await system.advance(0);
            break;
          }
          case "delete":
            assert.equal(own.delete(key), model.find(key) !== undefined);
            model.remove(model.find(key));
            break;
          case "time":
            await system.advance(ms);
            break;
          case "clear":
            own.clear();
            model.entries = [];
            model.hand = 0;
            break;
        }
        for (let at = 0; at <= 8; at += 1) {
          const entry = model.find(at);
          assert.equal(own.has(at), entry !== undefined && system.now() < entry.freshUntil, `key ${at}`);
        }
        const { values, counts } = own.snapshot();
        assert.deepEqual([own.size, values["entries"]], [model.entries.length, model.entries.length]);
        assert.equal(values["size"], model.size);
        const { storms, loadsJoined, trips, ...told } = counts;
        assert.deepEqual(told, model.counts);
        assert.equal(loadsJoined, 0);
        assert.ok(Number(storms) <= Number(trips));
      }
    }),
  );
});

/** A cache whose loads end when the test says. */
function slow(options: Parameters<typeof cache<string, string>>[0] = {}) {
  const system = manualSystem();
  const ends = new Map<string, (value: string) => void>();
  const own = cache<string, string>({
    system,
    load: (key) => new Promise((resolve) => void ends.set(key, resolve)),
    ...options,
  });
  return { system, own, end: (key: string, value: string) => ends.get(key)?.(value) };
}

test("loads in flight are counted, joined, and shown until they end", async () => {
  const { own, end } = slow();
  const asked = [own.fetch("a"), own.fetch("a"), own.fetch("b")];
  assert.equal(own.snapshot().values["loading"], 2);
  end("a", "1");
  end("b", "2");
  assert.deepEqual(await Promise.all(asked), ["1", "1", "2"]);
  const { values, counts } = own.snapshot();
  assert.deepEqual([values["loading"], counts["loads"], counts["loadsJoined"]], [0, 2, 1]);
});

test("a stale value is answered also when no further load may begin", async () => {
  const { system, own, end } = slow({ ttlMs: 100, staleMs: 100, loadsMax: 1 });
  own.set("a", "old");
  await system.advance(100);
  void own.fetch("b");
  assert.equal(await own.fetch("a"), "old");
  assert.equal(own.snapshot().counts["loads"], 1);
  await assert.rejects(own.fetch("c"), QueueFullError);
  end("b", "1");
  await system.advance(0);
  assert.equal(await own.fetch("a"), "old");
  end("a", "new");
  await system.advance(0);
  assert.equal(await own.fetch("a"), "new");
});

test("a clear forgets what is being loaded, too; its callers are answered", async () => {
  const { own, end } = slow();
  const asked = own.fetch("a");
  own.controls?.["clear"]?.();
  assert.equal(own.snapshot().values["loading"], 0);
  end("a", "1");
  assert.equal(await asked, "1");
  assert.deepEqual([own.size, own.has("a")], [0, false]);
});

test("a caller with a signal gets the value, or the error, as any other", async () => {
  const { signal } = new AbortController();
  const { own, end } = slow();
  const asked = own.fetch("a", { signal });
  end("a", "1");
  assert.equal(await asked, "1");
  const failing = cache<string, string>({ system: manualSystem(), load: () => Promise.reject(new Error("down")) });
  await assert.rejects(failing.fetch("a", { signal }), /down/);
  await assert.rejects(own.fetch("b", { signal: AbortSignal.abort() }), AbortedError);
});

test("undefined may be cached: it is fresh, and is not loaded again", async () => {
  let loads = 0;
  const own = cache<string, undefined>({ system: manualSystem(), load: () => void (loads += 1) });
  await own.fetch("a");
  assert.equal(own.has("a"), true);
  assert.equal(await own.fetch("a"), undefined);
  assert.equal(loads, 1);
});

test("fetch without a way to load says which option is missing", async () => {
  await assert.rejects(cache({ system: manualSystem() }).fetch("a"), (error) => {
    assert.ok(error instanceof BadOptionError);
    assert.match(error.message, /load/);
    return true;
  });
});

test("a window of operations is judged at its end: a storm begins at its share and ends below half of it", () => {
  const own = cache<number, number>({
    ...{ system: manualSystem(), entriesMax: 1, alertWindow: 10, stormShare: 0.4 },
  });
  const events: unknown[] = [];
  own.listen(({ event, level, detail }) => events.push([event, level, detail]));
  let fresh = 0;
  /** One window with so many evictions, filled up with hits, and what was told at its end. */
  const window = (evictions: number): unknown[] => {
    for (let at = 0; at < evictions; at += 1) own.set((fresh += 1), 0);
    for (let at = evictions; at < 10; at += 1) {
      assert.deepEqual(events, [], "nothing before the end of the window");
      own.get(fresh);
    }
    return events.splice(0);
  };
  own.set(fresh, 0);
  for (let at = 1; at < 10; at += 1) own.get(fresh);
  assert.deepEqual(window(3), []);
  const hitRate = 1;
  assert.deepEqual(window(4), [["eviction-storm", "trip", { evictions: 4, operations: 10, hitRate }]]);
  assert.equal(own.snapshot().state, "storm");
  assert.deepEqual(window(9), []);
  assert.deepEqual(window(2), [], "half of the share is still a storm");
  assert.deepEqual(window(1), [["eviction-storm-over", "info", { evictions: 1, operations: 10 }]]);
  assert.deepEqual([own.snapshot().state, own.snapshot().counts["storms"]], ["ok", 1]);
  assert.equal(window(4).length, 1);
  assert.equal(own.snapshot().counts["storms"], 2);
});

test("a hit rate that falls below its long average is told, and its recovery; the average follows slowly meanwhile", () => {
  const own = cache<string, number>({ system: manualSystem(), alertWindow: 10, hitRateDrop: 0.2 });
  own.set("a", 1);
  const events: unknown[] = [];
  own.listen(({ event, level, detail }) => events.push([event, level, detail]));
  const window = (hits: number): unknown[] => {
    for (let at = 0; at < 10; at += 1) own.get(at < hits ? "a" : "b");
    return events.splice(0);
  };
  const long = (): number => Math.round(Number(own.snapshot().values["hitRateLong"]) * 10_000) / 10_000;
  assert.deepEqual([own.snapshot().values["hitRate"], long()], [0, 0], "nothing is known yet");
  for (let at = 0; at < 9; at += 1) own.get("a");
  assert.deepEqual([long(), own.snapshot().values["hitRate"]], [1, 1]);
  assert.deepEqual(window(8), [], "a fall by just the drop is none");
  assert.equal(long(), 0.98);
  assert.deepEqual(window(5), [["hit-rate-falling", "trip", { hitRate: 0.5, before: 0.98 }]]);
  assert.equal(own.snapshot().state, "falling");
  assert.equal(long(), 0.9752, "a tenth of the weight while it is low");
  assert.deepEqual(window(5), []);
  assert.deepEqual(window(8), [], "recovered is at most half of the drop below the average");
  assert.deepEqual(window(9), [["hit-rate-recovered", "info", { hitRate: 0.9 }]]);
  assert.equal(own.snapshot().state, "ok");
});
