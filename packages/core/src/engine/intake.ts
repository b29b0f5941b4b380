// What of the findings of a target is taken in, and whether a drill is at work on it.
import type { Finding, TargetView } from "../detection/index.ts";
import type { DrillMark } from "../issue/index.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";

/** That a target is down while our own repair is restarting it is no fault; if it stays down the next look says so. */
export function unexplained(draft: Draft, target: TargetKey, findings: readonly Finding[]): readonly Finding[] {
  if (findings.length === 0) return findings;
  const state = draft.liveRepairOf(target)?.state.name;
  return state === "acting" || state === "undoing"
    ? findings.filter(
        (finding) =>
          !finding.down ||
          draft.incidentsOf(target).some((incident) => incident.kind === finding.kind && incident.firing),
      )
    : findings;
}

/** Whether a drill is at work on a target: announced for this time, or the target is there for nothing else. */
export function drillMark(view: TargetView | undefined, now: TimeMs): DrillMark | null {
  const drill = view?.drill ?? null;
  if (drill !== null && drill.beganAt <= now && now <= drill.untilAt) return { beganAt: drill.beganAt };
  return view?.spec.labels["prunella.drill"] === "true" ? { beganAt: null } : null;
}
