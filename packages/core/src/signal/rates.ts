// Totals that only grow, as rates per second: the difference since the last time a series was seen. A total that fell has
// been restarted from nothing, as in Prometheus; the first sight of a series gives no rate.
import type { TimeMs } from "./signal.ts";

export interface Rates {
  /** Growth per second since the last call for this series; null when that is not known. */
  perSecond(series: string, total: number, at: TimeMs): number | null;
  /** Growth since the last call, not divided by time. */
  growth(series: string, total: number, at: TimeMs): number | null;
  readonly size: number;
}

/** `seriesMax`: series remembered; beyond it the longest untouched is forgotten and begins anew. */
export function rates(seriesMax: number): Rates {
  const seen = new Map<string, { readonly total: number; readonly at: TimeMs }>();
  const step = (series: string, total: number, at: TimeMs): { growth: number; ms: number } | null => {
    const last = seen.get(series);
    // A point that is not newer than the last tells nothing new; repeats are legal.
    if (last !== undefined && at <= last.at) return null;
    seen.delete(series);
    seen.set(series, { total, at });
    if (seen.size > seriesMax) seen.delete(seen.keys().next().value ?? "");
    return last === undefined ? null : { growth: total >= last.total ? total - last.total : total, ms: at - last.at };
  };
  return {
    perSecond(series, total, at) {
      const found = step(series, total, at);
      return found === null ? null : (found.growth * 1000) / found.ms;
    },
    growth: (series, total, at) => step(series, total, at)?.growth ?? null,
    get size() {
      return seen.size;
    },
  };
}
