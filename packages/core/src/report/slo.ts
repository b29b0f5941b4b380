// Service level objectives over their whole window: what was achieved, how much of the error budget is left, how fast it is
// being spent. Availability, errors and latency come from the hourly tallies, memory and CPU from their minutes.
import type { SloCount, SloState } from "../detection/index.ts";
import type { Tally } from "../ports.ts";
import { slowerThan, type SloSpec, type TargetKey, type TimeMs } from "../signal/index.ts";

export interface SloStanding {
  readonly target: TargetKey;
  readonly spec: SloSpec;
  /** Share that was good; null without data. */
  readonly current: number | null;
  /** Good, of all: seconds for availability, requests for errors and p95, samples for memory and cpu. */
  readonly count: number;
  readonly of: number;
  /** Share of the error budget that is left; negative when more than all of it is spent; null without data. */
  readonly budgetLeft: number | null;
  readonly burnRates: readonly { readonly windowMs: number; readonly rate: number | null }[];
  readonly state: "ok" | "burning" | "exhausted" | "no-data";
}

export interface SloInput {
  readonly now: TimeMs;
  readonly target: TargetKey;
  readonly spec: SloSpec;
  /** Tallies of this target within the window. */
  readonly tallies: readonly Tally[];
  /** Minutes of this objective within the window; used for memory and cpu. */
  readonly counts: readonly SloCount[];
  /** What the windows say now; null when nobody watches (no control plane runs). */
  readonly live: SloState | null;
}

export function sloStanding({ now, target, spec, tallies, counts, live }: SloInput): SloStanding {
  const [good, of] = goodOf(
    spec,
    tallies.filter((tally) => tally.hour > now - spec.windowMs),
    counts,
  );
  const current = of <= 0 ? null : good / of;
  const budgetLeft = of <= 0 ? null : 1 - (of - good) / (of * (1 - spec.goal));
  const rates = new Map<number, number | null>();
  for (const burn of live?.burns ?? []) {
    rates.set(burn.rule.longMs, live?.seenAt === null ? null : burn.longBurn);
    rates.set(burn.rule.shortMs, live?.seenAt === null ? null : burn.shortBurn);
  }
  return {
    target,
    spec,
    current,
    count: round(good),
    of: round(of),
    budgetLeft,
    burnRates: [...rates].sort(([a], [b]) => a - b).map(([windowMs, rate]) => ({ windowMs, rate })),
    state: budgetLeft === null ? "no-data" : budgetLeft <= 0 ? "exhausted" : live?.firing === true ? "burning" : "ok",
  };
}

function goodOf(spec: SloSpec, tallies: readonly Tally[], counts: readonly SloCount[]): readonly [number, number] {
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
  switch (spec.objective) {
    case "availability":
      return [sum((tally) => tally.goodMs) / 1_000, sum((tally) => tally.watchedMs) / 1_000];
    case "errors": {
      const requests = sum((tally) => tally.requests);
      return [
        requests -
          Math.min(
            requests,
            sum((tally) => tally.errors),
          ),
        requests,
      ];
    }
    case "p95": {
      const requests = sum((tally) => tally.latency.reduce((a, b) => a + b, 0));
      return [requests - sum((tally) => slowerThan(tally.latency, spec.limit ?? Infinity)), requests];
    }
    case "memory":
    case "cpu": {
      const good = counts.reduce((total, count) => total + count.good, 0);
      return [good, good + counts.reduce((total, count) => total + count.bad, 0)];
    }
    default:
      return spec.objective satisfies never;
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
