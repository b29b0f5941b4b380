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
  let hits = 0;
  let misses = 0;
  let evictions = 0;
  let storms = 0;
  let operations = 0;
  let windowHits = 0;
  let windowMisses = 0;
  let windowEvictions = 0;
  let longRate: number | undefined;
  let storming = false;
  let falling = false;

  function operation(): void {
    operations += 1;
    if (operations >= window) judge();
  }

  function judge(): void {
    const evictionShare = windowEvictions / operations;
    if (!storming && evictionShare >= stormShare) {
      storming = true;
      storms += 1;
      guard.trip("eviction-storm", { evictions: windowEvictions, operations, hitRate: rate() });
    } else if (storming && evictionShare < stormShare / 2) {
      storming = false;
      guard.tell("eviction-storm-over", { evictions: windowEvictions, operations });
    }
    const lookups = windowHits + windowMisses;
    if (lookups > 0) judgeHitRate(windowHits / lookups);
    operations = windowHits = windowMisses = windowEvictions = 0;
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

  const rate = (): number => (hits + misses === 0 ? 0 : hits / (hits + misses));

  return {
    hit() {
      hits += 1;
      windowHits += 1;
      operation();
    },
    miss() {
      misses += 1;
      windowMisses += 1;
      operation();
    },
    evicted() {
      evictions += 1;
      windowEvictions += 1;
    },
    operation,
    state: () => (storming ? "storm" : falling ? "falling" : "ok"),
    values: () => ({ hitRate: rate(), hitRateLong: longRate ?? rate() }),
    counts: () => ({ hits, misses, evictions, storms }),
  };
}
