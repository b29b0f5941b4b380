// Sums up what is watched between two commits: an hour's tally per target and a minute's point per metric. Bounded by the
// number of targets and metricsMax.
import type { TargetView } from "../detection/index.ts";
import type { SeriesPoint, Tally } from "../ports.ts";
import { addLatency, noLatency, type TargetKey, type TimeMs } from "../signal/index.ts";

export interface Books {
  sample(target: TargetKey, at: TimeMs, values: Readonly<Record<string, number>>): void;
  /** Requests that were answered, into the hour in which they were. */
  traffic(target: TargetKey, at: TimeMs, of: Pick<Tally, "requests" | "errors" | "latency">): void;
  watch(view: TargetView, now: TimeMs, passedMs: number): void;
  /** The hours being summed, whole: writing them again replaces what was written before. Hours that are over are let go. */
  tallies(now: TimeMs): Tally[];
  takeSeries(now: TimeMs): SeriesPoint[];
}

/** Metrics kept per target; further names are not recorded (they are still detected on). */
const metricsMax = 60;
const minuteMs = 60_000;
export const hourMs = 3_600_000;

type Summed = { -readonly [Field in keyof SeriesPoint]: SeriesPoint[Field] };

/** @param known tallies of the running hour that were written before a restart; they are summed on. */
export function newBooks(known: readonly Tally[] = []): Books {
  const tallies = new Map<string, Tally>(known.map((tally) => [`${tally.target} ${tally.hour}`, tally]));
  /** Points being summed, by minute, target and metric: the running minute, and those that have not been taken yet. */
  const minutes = new Map<TimeMs, Map<TargetKey, Map<string, Summed>>>();
  const metrics = new Map<TargetKey, Set<string>>();

  function tallyOf(target: TargetKey, at: TimeMs): { readonly key: string; readonly tally: Tally } {
    const hour = Math.floor(at / hourMs) * hourMs;
    const key = `${target} ${hour}`;
    const empty: Tally = { target, hour, watchedMs: 0, goodMs: 0, requests: 0, errors: 0, latency: noLatency };
    return { key, tally: tallies.get(key) ?? empty };
  }

  return {
    sample(target, at, values) {
      const names = metrics.get(target) ?? new Set<string>();
      metrics.set(target, names);
      const minute = Math.floor(at / minuteMs) * minuteMs;
      const own = entry(
        entry(minutes, minute, () => new Map<TargetKey, Map<string, Summed>>()),
        target,
        () => new Map<string, Summed>(),
      );
      for (const [metric, value] of Object.entries(values)) {
        if (!Number.isFinite(value)) continue;
        if (!names.has(metric) && names.size >= metricsMax) continue;
        names.add(metric);
        const point = own.get(metric);
        if (point === undefined) {
          own.set(metric, { target, metric, at: minute, min: value, mean: value, max: value, last: value, count: 1 });
          continue;
        }
        point.min = Math.min(point.min, value);
        point.max = Math.max(point.max, value);
        point.count += 1;
        point.mean += (value - point.mean) / point.count;
        point.last = value;
      }
    },
    traffic(target, at, { requests, errors, latency }) {
      const { key, tally } = tallyOf(target, at);
      tallies.set(key, {
        ...tally,
        requests: tally.requests + requests,
        errors: tally.errors + errors,
        latency: addLatency(tally.latency, latency),
      });
    },
    watch(view, now, passedMs) {
      const { key, tally } = tallyOf(view.spec.key, now);
      tallies.set(key, {
        ...tally,
        watchedMs: tally.watchedMs + passedMs,
        goodMs: tally.goodMs + (view.healthySince === null ? 0 : passedMs),
      });
    },
    tallies(now) {
      const all = [...tallies.values()];
      for (const [key, tally] of tallies) if (tally.hour + hourMs <= now) tallies.delete(key);
      return all;
    },
    takeSeries(now) {
      // Only whole minutes leave; the running one is still being summed.
      const points: SeriesPoint[] = [];
      for (const [minute, targets] of minutes) {
        if (minute + minuteMs > now) continue;
        minutes.delete(minute);
        for (const own of targets.values()) points.push(...own.values());
      }
      return points;
    },
  };
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
