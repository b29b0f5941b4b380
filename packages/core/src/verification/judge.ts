// Did the repair hold? Judged on what was watched of the target since, never on "the step exited 0". Invariant 9: nothing
// is called recovered until it was seen healthy for the whole window; silence is not health.
import { isLearned, staleMs, type TargetView } from "../detection/index.ts";
import type { Incident } from "../issue/index.ts";
import type { Repair } from "../repair/index.ts";
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
    if (view.healthySince !== null && firing === undefined) {
      const recoveredAt = Math.max(view.healthySince, repair.startedAt ?? since);
      if (now - recoveredAt >= repair.remedy.verify.windowMs) return { verdict: "verified", recoveredAt };
    }
  }
  if (now < deadlineAt) return { verdict: "watching" };
  if (silent) return { verdict: "unverified", why: "nothing was heard of the target, so nothing is known" };
  // Healthy, but not yet for the whole window: let the window finish, once.
  if (view.healthySince !== null && now < deadlineAt + repair.remedy.verify.windowMs) return { verdict: "watching" };
  return { verdict: "failed", why: "it did not become healthy in time" };
}

/** Single errors and guard trips do not speak against a repair of the process. */
function isOfTheWhole(incident: Incident): boolean {
  return (
    incident.kind !== "error" &&
    incident.kind !== "guard-tripped" &&
    incident.kind !== "signals-lost" &&
    !isLearned(incident.kind)
  );
}
