// Which remedy an incident calls for next. The most specific definition wins; one that has failed this incident gives way to
// the one it names as next; after the last, a person.
import type { Incident } from "../issue/index.ts";
import { causesOf } from "../diagnosis/index.ts";
import type { TargetSpec, TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import { actionFacts, isHarmless, type Remedy } from "./remedy.ts";
import type { Repair } from "./repair.ts";
import { fits, specificity } from "./when.ts";

/** Remedies whose `when` fits, most specific first (when.ts). */
export function remediesFor(
  incident: Pick<Incident, "kind"> & Partial<Pick<Incident, "evidence">>,
  target: TargetSpec,
  remedies: readonly Remedy[],
  now: TimeMs = 0,
): Remedy[] {
  const causes = causesOf({ evidence: incident.evidence ?? [] });
  return (
    remedies
      .filter((remedy) => fits(remedy.when, { kind: incident.kind, causes, target, now }))
      // What only works on a process of ours is no remedy for anything else.
      .filter(
        (remedy) =>
          target.kind === "service" ||
          !remedy.steps.some((step) => !isHarmless(step.action) && actionFacts[step.action.type].ownProcessOnly),
      )
      .map((remedy, at) => ({ remedy, at }))
      .sort((a, b) => specificity(b.remedy) - specificity(a.remedy) || a.at - b.at)
      .map(({ remedy }) => remedy)
  );
}

/**
 * The remedy to try now, or null when none is left. A remedy is tried again (within its budgets) before its `next`, but not after
 * a person declined it for this incident.
 */
export function chooseRemedy(
  draft: Draft,
  incident: Incident,
  target: TargetSpec,
  remedies: readonly Remedy[],
): Remedy | null {
  const declined = declinedFor(draft, incident);
  const fitting = remediesFor(incident, target, remedies, draft.now).filter(({ name }) => !declined.has(name));
  const first = fitting[0] ?? null;
  const last = endedFor(draft, incident).at(-1);
  if (last === undefined || last.state.name !== "ended") return first;
  if (last.state.declined !== true && last.state.outcome === "cancelled")
    return remedies.find((remedy) => remedy.name === last.remedy.name) ?? first;
  // More is known now than when the last one was chosen: what fits the established cause comes first.
  const tried = new Set(endedFor(draft, incident).map((repair) => repair.remedy.name));
  const better = fitting.find((each) => !tried.has(each.name) && specificity(each) > specificity(last.remedy));
  if (better !== undefined) return better;
  const following =
    last.remedy.next === null ? null : (remedies.find((remedy) => remedy.name === last.remedy.next) ?? null);
  const left = following ?? remedies.find((remedy) => remedy.name === last.remedy.name) ?? null;
  return left === null || declined.has(left.name) ? null : left;
}

/** Names of the remedies that a person declined for this incident. */
export function declinedFor(draft: Draft, incident: Pick<Incident, "id">): ReadonlySet<string> {
  return new Set(
    endedFor(draft, incident)
      .filter(({ state }) => state.name === "ended" && state.declined === true)
      .map(({ remedy }) => remedy.name),
  );
}

function endedFor(draft: Draft, incident: Pick<Incident, "id">): Repair[] {
  return draft.repairs().filter((repair) => repair.incident === incident.id && repair.state.name === "ended");
}
