// A remedy's record, and what it earns it: a mode must be earned by runs that were verified, and is lost by itself after
// returns, misfires and failures. In observe mode the record says what a run would have come to (shadow scoring).
import type { Incident } from "../issue/index.ts";
import type { Standing } from "../ports.ts";
import type { TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import type { Mode, Remedy } from "./remedy.ts";
import type { Repair } from "./repair.ts";

/** Runs that failed in a row, after having begun, before a remedy that stops on failure is demoted to suggest. */
export const failuresToDemote = 2;

/** The mode in force: the configured one, unless the remedy's record cost it that, or earned it the next. */
export function modeOf(remedy: Remedy, draft: Draft): { readonly mode: Mode; readonly why: string | null } {
  const standing = draft.standing(remedy.name);
  if (standing.demotedTo !== null && (remedy.mode === "auto" || remedy.mode === "approve"))
    return { mode: standing.demotedTo, why: standing.why };
  const earned = remedy.earns?.verified;
  if (earned !== undefined && standing.streak >= earned && standing.demotedTo === null) {
    const mode = ({ suggest: "approve", approve: "auto" } as const)[remedy.mode as "suggest" | "approve"] ?? null;
    if (mode !== null) return { mode, why: `earned by ${standing.streak} runs verified in a row` };
  }
  return { mode: remedy.mode, why: null };
}

/** Books the end of a run that had begun. */
export function bookRun(draft: Draft, repair: Repair, verified: boolean): void {
  const standing = draft.standing(repair.remedy.name);
  const streak = verified ? Math.max(0, standing.streak) + 1 : Math.min(0, standing.streak) - 1;
  put(draft, repair.remedy, {
    ...standing,
    verified: standing.verified + (verified ? 1 : 0),
    failed: standing.failed + (verified ? 0 : 1),
    streak,
    ...(!verified && hadEffect(repair) && -streak >= failuresToDemote
      ? demotion(repair.remedy, `${-streak} runs in a row did not help`)
      : {}),
  });
}

/** Books that the fault came back after a verified run; `tooMany`: so often that the remedy may not go on. */
export function bookReturn(draft: Draft, repair: Repair, returns: number, tooMany: boolean): void {
  const standing = draft.standing(repair.remedy.name);
  put(draft, repair.remedy, {
    ...standing,
    recurred: standing.recurred + 1,
    streak: Math.min(0, standing.streak),
    ...(tooMany ? demotion(repair.remedy, `${returns} returns within its recurrence window`) : {}),
  });
}

/** A person judged what was repaired to be noise, or takes that judgement back. */
export function bookVerdict(draft: Draft, incident: Incident, verdict: Incident["verdict"]): void {
  if ((incident.verdict === "noise") === (verdict === "noise")) return;
  const sign = verdict === "noise" ? 1 : -1;
  const shadow = incident.shadow ?? null;
  if (shadow !== null) {
    if (sign > 0) scoreShadow(draft, incident, "wouldMisfire");
    return;
  }
  const run = draft.repairs().findLast((repair) => repair.incident === incident.id && repair.startedAt !== null);
  if (run === undefined) return;
  const standing = draft.standing(run.remedy.name);
  put(draft, run.remedy, {
    ...standing,
    misfired: Math.max(0, standing.misfired + sign),
    streak: sign > 0 ? Math.min(0, standing.streak) : standing.streak,
    ...(sign > 0 ? demotion(run.remedy, `it acted on ${incident.id}, which was noise`) : {}),
  });
}

/**
 * Scores what an observing remedy would have done, once its incident is over. Misfire: the fault passed by itself within
 * the time the remedy has for verification. Fix: a run that did the same was verified meanwhile. Else: undecided.
 */
export function judgeShadow(draft: Draft, incident: Incident, clearedAt: TimeMs): void {
  const shadow = incident.shadow ?? null;
  if (shadow === null || shadow.scored) return;
  const since = draft
    .repairs()
    .filter(
      (repair) => repair.target === incident.target && repair.startedAt !== null && repair.startedAt >= shadow.at,
    );
  if (since.length === 0) {
    if (clearedAt - shadow.at <= shadow.withinMs) scoreShadow(draft, incident, "wouldMisfire");
    return;
  }
  const same = since.some(
    (repair) =>
      repair.state.name === "ended" &&
      repair.state.outcome === "verified" &&
      repair.remedy.steps.some((step) => shadow.actions.includes(step.action.type)),
  );
  if (same) scoreShadow(draft, incident, "wouldFix");
}

function scoreShadow(draft: Draft, incident: Incident, score: keyof Standing["shadow"]): void {
  const shadow = incident.shadow ?? null;
  if (shadow === null || shadow.scored) return;
  const known = draft.incident(incident.id) ?? incident;
  draft.putIncident({ ...known, shadow: { ...shadow, scored: true } });
  const standing = draft.standing(shadow.remedy);
  draft.putStanding({
    ...standing,
    at: draft.now,
    shadow: { ...standing.shadow, [score]: standing.shadow[score] + 1 },
  });
}

/** Restarting what Prunella runs goes on keeping it alive; everything else is only suggested from now on. */
function demotion(remedy: Remedy, why: string): Partial<Standing> {
  return remedy.recurrence.then === "stop" ? { demotedTo: "suggest", why, streak: 0 } : {};
}

function put(draft: Draft, remedy: Remedy, standing: Standing): void {
  const before = draft.standing(remedy.name);
  draft.putStanding({ ...standing, at: draft.now });
  if (before.demotedTo === standing.demotedTo) return;
  draft.transition({
    subject: "system",
    subjectId: remedy.name,
    issue: null,
    incident: null,
    target: null,
    from: remedy.mode,
    to: `demoted to ${standing.demotedTo}`,
    by: "healing",
    why: standing.why ?? "",
  });
}

function hadEffect(repair: Repair): boolean {
  return repair.steps.some(
    ({ outcome }) =>
      outcome !== null &&
      (outcome.kind === "succeeded" ||
        outcome.kind === "unknown" ||
        (outcome.kind === "failed" && outcome.effect === "some")),
  );
}
