// Counts of service level objectives as minutes of metrics, so that burn rates survive a restart: "slo.errors.good" and
// "slo.errors.bad" of a target, each minute one point whose value is the sum of that minute.
import { sloMemoryMs, type SloCount, type TargetView } from "../detection/index.ts";
import type { SeriesPoint, Store } from "../ports.ts";
import type { SloObjective, TargetKey, TimeMs } from "../signal/index.ts";

export function sloMetric(objective: SloObjective, part: "good" | "bad"): string {
  return `slo.${objective}.${part}`;
}

export function sloPoints(target: TargetKey, count: SloCount): SeriesPoint[] {
  return (["good", "bad"] as const).map((part) => ({
    target,
    metric: sloMetric(count.objective, part),
    at: count.at,
    min: count[part],
    mean: count[part],
    max: count[part],
    last: count[part],
    count: 1,
  }));
}

/** Minute by minute, from what was written; a minute that was written twice (around a restart) counts as it stands last. */
export async function sloCounts(
  store: Pick<Store, "series">,
  target: TargetKey,
  objective: SloObjective,
  from: TimeMs,
  to: TimeMs,
): Promise<SloCount[]> {
  const minutes = new Map<TimeMs, { objective: SloObjective; at: TimeMs; good: number; bad: number }>();
  for (const part of ["good", "bad"] as const)
    for (const point of await store.series({ target, metric: sloMetric(objective, part), from, to })) {
      const minute = minutes.get(point.at) ?? { objective, at: point.at, good: 0, bad: 0 };
      minute[part] = point.last;
      minutes.set(point.at, minute);
    }
  return [...minutes.values()];
}

/** Fills the windows of a view with what was counted before a restart. */
export async function recallSlos(store: Pick<Store, "series">, view: TargetView, now: TimeMs): Promise<void> {
  for (const { objective } of view.slos.specs)
    view.slos.restore(await sloCounts(store, view.spec.key, objective, now - sloMemoryMs, now + 60_000));
}
