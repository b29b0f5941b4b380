// A cache bounded by count and size, with single-flight loading and stale-while-revalidate (RFC 5861), that says how
// well it works. Eviction is SIEVE (Zhang et al., NSDI 2024): a hit sets one mark, a scan evicts itself first.
import type { Reporting } from "../report.ts";
import { bounded, valueOf } from "./bounded.ts";
import type { Outcome } from "./bounded.ts";
import { cacheAlerts } from "./cache-alerts.ts";
import { BadOptionError, QueueFullError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { refuseAborted } from "../cancel.ts";
import type { Cancel, CancelSignal } from "../cancel.ts";

export interface CacheOptions<Key, Value> extends GuardOptions {
  /** Most entries (default 1,000); the one that SIEVE finds least wanted is evicted. */
  readonly entriesMax?: number;
  /** Largest sum of sizes (default: unlimited; needs `sizeOf`). An entry larger than that is not stored and counted. */
  readonly sizeMax?: number;
  /** Size of an entry in units of your choice, at least 0 (default: 1). */
  readonly sizeOf?: (value: Value, key: Key) => number;
  /** Time an entry is fresh, in ms (default: for ever). */
  readonly ttlMs?: number;
  /** Time after `ttlMs` in which `fetch` answers with the stale value while it loads a fresh one, in ms (default 0). */
  readonly staleMs?: number;
  /** Loads a missing value for `fetch`; calls for one key share one load. */
  readonly load?: (key: Key, signal: CancelSignal) => Value | PromiseLike<Value>;
  /** Bound of one load in ms (default 30,000), then TimeoutError. */
  readonly loadTimeoutMs?: number;
  /** Most loads in flight (default 1,000); `fetch` of one more missing key is refused with QueueFullError. */
  readonly loadsMax?: number;
  /** Operations in one alert window (default: `entriesMax`, within 100..10,000). */
  readonly alertWindow?: number;
  /** Evictions per operation in a window that make an eviction storm (default 0.4; a read-through scan reaches 0.5). */
  readonly stormShare?: number;
  /** Fall of a window's hit rate below its long average that raises the alert (default 0.2). */
  readonly hitRateDrop?: number;
}

export interface Cache<Key, Value> extends Reporting {
  readonly size: number;
  /** The fresh value, or undefined. Counts a hit or a miss. */
  get(key: Key): Value | undefined;
  /** Whether a fresh value is held; counts nothing. */
  has(key: Key): boolean;
  /** Stores; `ttlMs` overrides the cache's. A load in flight for the key will not overwrite it. */
  set(key: Key, value: Value, options?: { readonly ttlMs?: number }): void;
  /** Removes; a load in flight for the key is answered to its callers but not stored. */
  delete(key: Key): boolean;
  clear(): void;
  /**
   * The value: fresh from the cache, stale while a load runs behind, or from a load shared by all who ask.
   * A failed load is not cached. @throws what the load throws; TimeoutError; BadOptionError without `load`; AbortedError (the load goes on for the others).
   */
  fetch(key: Key, options?: { readonly signal?: Cancel }): Promise<Value>;
}

/** What a hit reads and writes stands first, in as few lines of the processor's cache as may be. */
interface Entry<Key, Value> {
  readonly value: Value;
  /** Monotonic ms at which it stops being fresh; undefined for never (an Infinity would be a number on the heap for each entry). */
  readonly freshUntil: number | undefined;
  /** SIEVE's mark: used since the hand last passed. */
  visited: boolean;
  readonly key: Key;
  readonly size: number;
}

/** A bounded cache that loads once for all who ask. @throws BadOptionError for an option out of its range. */
export function cache<Key, Value>(options: CacheOptions<Key, Value> = {}): Cache<Key, Value> {
  const guard = openGuard("cache", options);
  const { system } = guard;
  const entriesMax = guard.integer(options, "entriesMax", 1000, 1);
  const sizeMax = guard.number(options, "sizeMax", Infinity, 0, Infinity);
  const sizeOf = options.sizeOf ?? (() => 1);
  const ttlMs = guard.number(options, "ttlMs", Infinity, 0, Infinity);
  const staleMs = guard.number(options, "staleMs", 0, 0, Infinity);
  const loadTimeoutMs = guard.number(options, "loadTimeoutMs", 30_000, 0, Infinity);
  const loadsMax = guard.integer(options, "loadsMax", 1000, 1);
  const alerts = cacheAlerts(guard, {
    window: guard.integer(options, "alertWindow", Math.min(10_000, Math.max(100, entriesMax)), 1),
    stormShare: guard.number(options, "stormShare", 0.4, 0, 1),
    hitRateDrop: guard.number(options, "hitRateDrop", 0.2, 0, 1),
  });
  /** Oldest first. */
  const entries = new Map<Key, Entry<Key, Value>>();
  /** SIEVE's hand, from the oldest towards the newest (a map's iterator stays right when entries come and go), and what it points at. */
  let hand = entries.values();
  let pointedAt: Entry<Key, Value> | undefined;
  const loads = new Map<Key, Promise<Outcome<Value>>>();
  const count = { staleHits: 0, sets: 0, expired: 0, tooBig: 0, loads: 0, loadFailures: 0, loadsJoined: 0 };
  let totalSize = 0;

  const isFresh = ({ freshUntil }: Entry<Key, Value>, graceMs = 0): boolean =>
    freshUntil === undefined || system.now() < freshUntil + graceMs;

  function remove(entry: Entry<Key, Value> | undefined): void {
    if (entry === undefined || !entries.delete(entry.key)) return;
    if (entry === pointedAt) pointedAt = hand.next().value;
    // An empty cache holds exactly nothing: what rounding leaves of fractions would keep out an entry as large as the bound, for ever.
    totalSize = entries.size === 0 ? 0 : totalSize - entry.size;
  }

  /**
   * SIEVE: the hand clears marks on its way and evicts the first entry without one. Past the newest it begins anew at the oldest,
   * also when something newer has come meanwhile. Asked only while there is an entry.
   */
  function evict(): void {
    for (;;) {
      pointedAt ??= (hand = entries.values()).next().value as Entry<Key, Value>;
      if (!pointedAt.visited) break;
      pointedAt.visited = false;
      pointedAt = hand.next().value;
    }
    remove(pointedAt);
    alerts.evicted();
  }

  function store(key: Key, value: Value, lifeMs: number): void {
    count.sets += 1;
    const size = Math.max(0, sizeOf(value, key));
    const before = entries.get(key);
    remove(before);
    if (!(size <= sizeMax)) {
      count.tooBig += 1;
      return;
    }
    while (totalSize + size > sizeMax || entries.size >= entriesMax) evict();
    const freshUntil = lifeMs === Infinity ? undefined : system.now() + lifeMs;
    const entry: Entry<Key, Value> = { value, freshUntil, visited: before?.visited ?? false, key, size };
    entries.set(key, entry);
    totalSize += size;
    alerts.operation();
  }

  function get(key: Key): Value | undefined {
    const entry = entries.get(key);
    if (entry !== undefined) {
      if (isFresh(entry)) {
        // Written once only: a line that is not changed need not be written back.
        if (!entry.visited) entry.visited = true;
        alerts.hit();
        return entry.value;
      }
      if (!isFresh(entry, staleMs)) {
        remove(entry);
        count.expired += 1;
      }
    }
    alerts.miss();
    return undefined;
  }

  function startLoad(key: Key): Promise<Outcome<Value>> {
    const running = loads.get(key);
    if (running !== undefined) {
      count.loadsJoined += 1;
      return running;
    }
    if (loads.size >= loadsMax) throw new QueueFullError(guard.name, loadsMax, "loads in flight");
    count.loads += 1;
    const { load } = options;
    // On the list before it starts: a load that fetches something itself is bounded by `loadsMax` like any other.
    let answer!: (outcome: Outcome<Value>) => void;
    const loading = new Promise<Outcome<Value>>((resolve) => (answer = resolve));
    loads.set(key, loading);
    const run = bounded(guard, "a load", loadTimeoutMs, async (signal): Promise<Value> =>
      (load as NonNullable<typeof load>)(key, signal),
    );
    void run.outcome.then((loaded) => {
      let outcome = loaded;
      // Only the load that is still wanted may store: `set`, `delete` and `clear` take it off the list.
      const wanted = loads.get(key) === loading;
      if (wanted) loads.delete(key);
      try {
        if (wanted && outcome.kind === "done") store(key, outcome.value, ttlMs);
      } catch (error) {
        // `sizeOf` threw. Behind a stale value nobody waits to hear it, and an unhandled rejection would end the process.
        outcome = { kind: "failed", error };
      }
      if (outcome.kind !== "done") count.loadFailures += 1;
      answer(outcome);
    });
    return loading;
  }

  function clear(): void {
    loads.clear();
    entries.clear();
    pointedAt = undefined;
    totalSize = 0;
  }

  return guard.complete<Cache<Key, Value>>(
    {
      get size() {
        return entries.size;
      },
      get,
      has(key) {
        const entry = entries.get(key);
        return entry !== undefined && isFresh(entry);
      },
      set(key, value, own = {}) {
        loads.delete(key);
        store(key, value, guard.check("ttlMs", own.ttlMs ?? ttlMs, 0, Infinity));
      },
      delete(key) {
        loads.delete(key);
        const entry = entries.get(key);
        remove(entry);
        return entry !== undefined;
      },
      clear,
      async fetch(key, { signal } = {}) {
        if (options.load === undefined)
          throw new BadOptionError(guard.name, "load", undefined, "a function for `fetch` to call");
        const entry = entries.get(key);
        const value = get(key);
        if (value !== undefined || (entry !== undefined && isFresh(entry))) return value as Value;
        if (entry !== undefined && isFresh(entry, staleMs)) {
          count.staleHits += 1;
          entry.visited = true;
          if (loads.size < loadsMax) void startLoad(key);
          return entry.value;
        }
        refuseAborted(signal, guard.name);
        const loading = startLoad(key);
        if (signal === undefined) return valueOf(await loading);
        return valueOf(valueOf(await bounded(guard, "a load", Infinity, () => loading, signal).outcome));
      },
      controls: { clear },
    },
    () => ({
      state: alerts.state(),
      values: { entries: entries.size, entriesMax, size: totalSize, loading: loads.size, ...alerts.values() },
      counts: { ...alerts.counts(), ...count },
    }),
  );
}
