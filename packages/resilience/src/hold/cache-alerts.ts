// Watches a cache's work in windows of a fixed number of operations (no clock, no timer) and tells two troubles:
// an eviction storm, and a hit rate that falls below its own long average. Both end with hysteresis.
import type { OpenGuard } from "./guard.ts";

export interface CacheAlertOptions {
  /** Operations in a window. */
  readonly window: number;
  readonly stormShare: number;
  readonly hitRateDrop: number;
}

/** Weight of the newest window in the long average of the hit rate. */
const longWeight = 0.1;

export interface CacheAlerts {
  hit(): void;
  miss(): void;
  evicted(): void;
  /** Counts a store. */
  operation(): void;
  state(): string;
  values(): Record<string, number>;
  counts(): Record<string, number>;
}

export function cacheAlerts(guard: OpenGuard, options: CacheAlertOptions): CacheAlerts {
  const { window, stormShare, hitRateDrop } = options;
  /** Of windows that are over. */
  const past = { hits: 0, misses: 0, evictions: 0 };
  let hits = 0;
  let misses = 0;
  let evictions = 0;
  let storms = 0;
  /** Hits at which the window is over: a hit, which is most of a cache's work, moves one counter. */
  let hitsDue = window;
  let longRate: number | undefined;
  let storming = false;
  let falling = false;

  function operation(): void {
    hitsDue -= 1;
    if (hits >= hitsDue) judge();
  }

  function judge(): void {
    const over = { hits, misses, evictions };
    past.hits += hits;
    past.misses += misses;
    past.evictions += evictions;
    // Before anybody is told: who hears of it may ask the cache.
    hits = misses = evictions = 0;
    hitsDue = window;
    const evictionShare = over.evictions / window;
    if (!storming && evictionShare >= stormShare) {
      storming = true;
      storms += 1;
      guard.trip("eviction-storm", { evictions: over.evictions, operations: window, hitRate: rate() });
    } else if (storming && evictionShare < stormShare / 2) {
      storming = false;
      guard.tell("eviction-storm-over", { evictions: over.evictions, operations: window });
    }
    const lookups = over.hits + over.misses;
    if (lookups > 0) judgeHitRate(over.hits / lookups);
  }

  function judgeHitRate(hitRate: number): void {
    const before = longRate ?? hitRate;
    if (!falling && hitRate < before - hitRateDrop) {
      falling = true;
      guard.trip("hit-rate-falling", { hitRate, before });
    } else if (falling && hitRate >= before - hitRateDrop / 2) {
      falling = false;
      guard.tell("hit-rate-recovered", { hitRate });
    }
    // While it is low the average follows ten times slower, so that the trouble does not at once become the norm.
    longRate = before + (hitRate - before) * (falling ? longWeight / 10 : longWeight);
  }

  const total = (): Record<keyof typeof past, number> => ({
    hits: past.hits + hits,
    misses: past.misses + misses,
    evictions: past.evictions + evictions,
  });
  const rate = (): number => {
    const all = total();
    return all.hits / (all.hits + all.misses || 1);
  };

  return {
    hit() {
      hits += 1;
      if (hits >= hitsDue) judge();
    },
    miss() {
      misses += 1;
      operation();
    },
    evicted() {
      evictions += 1;
    },
    operation,
    state: () => (storming ? "storm" : falling ? "falling" : "ok"),
    values: () => ({ hitRate: rate(), hitRateLong: longRate ?? rate() }),
    counts: () => ({ ...total(), storms }),
  };
}
