// The measurements of a target's probes as sample values. Rates are per second of the probe's own interval; of several
// probes rates add up, and the worst lag, latency and fill of the heap count.
import type { Stats } from "@prunella/probe";

/**
 * The probe's `latencyBoundsMs`, made here again by its rule (a test compares them): importing the probe's own index would
 * load its file-making code into the agent for nothing.
 */
export const boundsMs: readonly number[] = Array.from({ length: 74 }, (_, at) =>
  at === 73 ? Infinity : 0.25 * 2 ** (at / 4),
);

export function probeValues(all: readonly Stats[]): Record<string, number> {
  if (all.length === 0) return {};
  const sum = (value: (stats: Stats) => number): number => all.reduce((total, stats) => total + value(stats), 0);
  const max = (value: (stats: Stats) => number): number => all.reduce((most, stats) => Math.max(most, value(stats)), 0);
  const perSecond = (stats: Stats, count: number): number => (count * 1_000) / Math.max(1, stats.intervalMs);
  const requests = (stats: Stats): number => stats.http.routes.reduce((total, route) => total + route.count, 0);
  const errors = (stats: Stats): number => stats.http.routes.reduce((total, route) => total + route.errors, 0);
  const fullest = all.reduce((worst, stats) => (fill(stats) > fill(worst) ? stats : worst));
  const counts = mergedLatency(all);
  return {
    lagMsP50: max((stats) => stats.lagMs.p50),
    lagMsP99: max((stats) => stats.lagMs.p99),
    lagMsMax: max((stats) => stats.lagMs.max),
    loopUtilization: max((stats) => stats.utilization),
    heapUsedBytes: fullest.heap.used,
    heapTotalBytes: fullest.heap.total,
    heapLimitBytes: fullest.heap.limit,
    externalBytes: sum((stats) => stats.external),
    gcMsMax: max((stats) => stats.gc.maxMs),
    gcShare: max((stats) => stats.gc.totalMs / Math.max(1, stats.intervalMs)),
    requestsPerSecond: sum((stats) => perSecond(stats, requests(stats))),
    errorsPerSecond: sum((stats) => perSecond(stats, errors(stats))),
    requestsInFlight: sum((stats) => stats.http.inFlight),
    oldestRequestMs: max((stats) => stats.http.oldestMs),
    ...(counts.some((count) => count > 0)
      ? { latencyMsP50: quantile(counts, 0.5), latencyMsP95: quantile(counts, 0.95) }
      : {}),
  };
}

/** Upper bound of the bucket that holds the quantile; the last bucket, which has none, gives its lower bound. */
export function quantile(counts: readonly number[], share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (let at = 0; at < counts.length; at += 1) {
    seen += counts[at] ?? 0;
    if (seen >= total * share && seen > 0) {
      const bound = boundsMs[at] ?? Infinity;
      return Number.isFinite(bound) ? bound : (boundsMs[at - 1] ?? 0);
    }
  }
  return 0;
}

/** What one probe's interval says of the requests answered in it; null when there were none. */
export function trafficOf(
  stats: Stats,
): { readonly requests: number; readonly errors: number; readonly latency: number[] } | null {
  const requests = stats.http.routes.reduce((total, route) => total + route.count, 0);
  if (requests === 0) return null;
  return {
    requests,
    errors: stats.http.routes.reduce((total, route) => total + route.errors, 0),
    latency: mergedLatency([stats]),
  };
}

function fill(stats: Stats): number {
  return stats.heap.used / Math.max(1, stats.heap.limit);
}

function mergedLatency(all: readonly Stats[]): number[] {
  const merged: number[] = [];
  for (const stats of all) {
    for (const route of stats.http.routes)
      route.latency.counts.forEach((count, at) => (merged[at] = (merged[at] ?? 0) + count));
  }
  return Array.from(merged, (count) => count ?? 0);
}
