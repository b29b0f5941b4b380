// Storm mode: many targets gone bad at once means that the observer may be wrong, so repairs of what is only inferred hold and a
// person is told; it ends when it has been calm for long enough (invariant 6).
import { causeOf } from "../diagnosis/index.ts";
import { notification, type Incident } from "../issue/index.ts";
import type { Draft } from "../world.ts";
import type { Context } from "./reconcile.ts";

/** Storm mode (invariant 6): many targets gone bad by inference at once means that the observer may be wrong. */
export function watchWeather(draft: Draft, context: Context): void {
  const storm = draft.settings.storm;
  const recent = draft
    .incidents()
    .filter(
      (incident) =>
        incident.certainty === "inferred" &&
        causeOf(incident, draft.incidents(), draft.targets, context.edges) === null &&
        incident.firing &&
        ripeOrExternal(incident) &&
        incident.detectedAt > draft.now - context.safety.stormWindowMs &&
        incident.target !== "prunella",
    );
  const targets = new Set(recent.map((incident) => incident.target));
  const atOnce = new Set(
    recent.filter((incident) => incident.detectedAt > draft.now - 10_000).map((incident) => incident.target),
  );
  const watched = [...context.views.values()].filter((view) => view.checks.size > 0).length;
  const everything = watched >= 4 && atOnce.size >= 3 && atOnce.size >= 0.8 * watched;
  if (storm === null) {
    if (targets.size <= context.safety.stormTargets && !everything) return;
    const why = everything
      ? `${atOnce.size} of ${watched} watched targets went bad at the same instant: the observer is suspected first`
      : `${targets.size} targets went bad within ${Math.round(context.safety.stormWindowMs / 60_000)} min: this is wider than repairs can mend`;
    draft.putSettings({ ...draft.settings, storm: { since: draft.now, why, calmSince: null } });
    draft.transition({
      subject: "system",
      subjectId: "storm",
      issue: null,
      incident: null,
      target: null,
      from: "calm",
      to: "storm",
      by: "healing",
      why,
    });
    draft.notify(
      notification(draft.now, `storm:${draft.now}`, "storm", "Storm mode: repairs hold", why, {
        severity: "critical",
        issue: null,
        id: null,
        target: null,
      }),
    );
    return;
  }
  const calm = targets.size <= context.safety.stormTargets && atOnce.size === 0;
  if (!calm) {
    if (storm.calmSince !== null) draft.putSettings({ ...draft.settings, storm: { ...storm, calmSince: null } });
  } else if (storm.calmSince === null)
    draft.putSettings({ ...draft.settings, storm: { ...storm, calmSince: draft.now } });
  else if (draft.now - storm.calmSince >= context.safety.stormWindowMs) {
    draft.putSettings({ ...draft.settings, storm: null });
    draft.transition({
      subject: "system",
      subjectId: "storm",
      issue: null,
      incident: null,
      target: null,
      from: "storm",
      to: "calm",
      by: "healing",
      why: "no further target went bad",
    });
  }
}

function ripeOrExternal(incident: Incident): boolean {
  return incident.ripe || incident.kind === "dependency-down";
}
