// Did the repair hold? Judged on what was watched of the target since, never on "the step exited 0". Invariant 9: nothing
// is called recovered until it was seen healthy for the whole window; silence is not health.
import { factsOfKind, speaksAgainstHealth, staleMs, type TargetView } from "../detection/index.ts";
import type { Incident } from "../issue/index.ts";
import type { Objective, Repair } from "../repair/index.ts";
import type { TimeMs } from "../signal/index.ts";

export type Judgement =
  | { readonly verdict: "verified"; readonly recoveredAt: TimeMs }
  | { readonly verdict: "watching" }
  | { readonly verdict: "failed"; readonly why: string }
  | { readonly verdict: "unverified"; readonly why: string };

/** After a step, what was known before it needs this long to be replaced by fresh observations, ms. */
export const settleMs = 3_000;

/** Judges a repair in verification. `incidents` are those of its target that have not ended. */
export function judge(
  repair: Repair,
  view: TargetView | undefined,
  incidents: readonly Incident[],
  now: TimeMs,
): Judgement {
  if (repair.state.name !== "verifying") return { verdict: "watching" };
  const { since, deadlineAt } = repair.state;
  // What was meant to stop is judged by its absence.
  if (repair.remedy.steps.at(-1)?.action.type === "stop" && view?.process?.running === false)
    return { verdict: "verified", recoveredAt: view.process.since };
  const silent = view === undefined || view.seenAt === null || view.seenAt < since || now - view.seenAt > staleMs(view);
  if (!silent) {
    if (view.lastExit !== null && view.lastExit.at >= since && view.process?.running !== true)
      return { verdict: "failed", why: "it went down again while being watched" };
    const firing = incidents.find(
      (incident) => incident.firing && incident.causedBy === null && incident.ripe && isOfTheWhole(incident),
    );
    if (firing !== undefined && now - since >= settleMs)
      return { verdict: "failed", why: `the fault still holds: ${firing.summary}` };
    // The level that raised the incident must be gone too (rule 24), also where it does not speak against the target's health.
    const own = incidents.find(
      (incident) => incident.id === repair.incident && incident.firing && !factsOfKind(incident.kind).counted,
    );
    if (view.healthySince !== null && firing === undefined && own === undefined) {
      const recoveredAt = Math.max(view.healthySince, repair.startedAt ?? since);
      if (now - recoveredAt >= repair.remedy.verify.windowMs) {
        const worse = shortOf(repair.remedy.verify.objective, view, Math.max(recoveredAt, since));
        return worse === null ? { verdict: "verified", recoveredAt } : { verdict: "failed", why: worse };
      }
    }
  }
  if (now < deadlineAt) return { verdict: "watching" };
  if (silent) return { verdict: "unverified", why: "nothing was heard of the target, so nothing is known" };
  // Healthy, but not yet for the whole window: let the window finish, once.
  if (view.healthySince !== null && now < deadlineAt + repair.remedy.verify.windowMs) return { verdict: "watching" };
  return { verdict: "failed", why: "it did not become healthy in time" };
}

/** Faults of single requests, and what stands beside the target's work, do not speak against a repair of the process. */
function isOfTheWhole(incident: Incident): boolean {
  return speaksAgainstHealth(incident.kind);
}

/** Why an objective was not reached; null when it was, or none was set. No data is not better. */
function shortOf(objective: Objective | undefined, view: TargetView, from: TimeMs): string | null {
  if (objective === undefined) return null;
  const { metric, goal, baseline, marginShare } = objective;
  const value = valueOf(view, metric, from);
  if (value === null) return `${metric} was not measured`;
  const better = goal === "lower" ? baseline - value : value - baseline;
  return better > marginShare * Math.abs(baseline)
    ? null
    : `${metric} went from ${baseline.toPrecision(3)} to ${value.toPrecision(3)}, which is not ${goal} by ${Math.round(marginShare * 100)} %`;
}

/** Median of a metric since a time; null with fewer than ten values. */
export function valueOf(view: TargetView, metric: string, from: TimeMs): number | null {
  const values = view.samples
    .filter((sample) => sample.at >= from)
    .map((sample) => sample.values[metric])
    .filter((value): value is number => value !== undefined && Number.isFinite(value))
    .toSorted((a, b) => a - b);
  return values.length < 10 ? null : (values[values.length >> 1] ?? null);
}
