// Which remedy an incident calls for next. The most specific definition wins; one that has failed this incident gives way to
// the one it names as next; after the last, a person.
import type { Incident } from "../issue/index.ts";
import type { TargetSpec } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import { actionFacts, type Remedy } from "./remedy.ts";

/** Remedies whose `when` fits, most specific first: named target, then labels, then configuration before shipped. */
export function remediesFor(
  incident: Pick<Incident, "kind">,
  target: TargetSpec,
  remedies: readonly Remedy[],
): Remedy[] {
  return (
    remedies
      .filter((remedy) => remedy.when.kinds.includes(incident.kind))
      .filter(
        (remedy) =>
          remedy.when.target === null || remedy.when.target === target.key || remedy.when.target === target.group,
      )
      .filter((remedy) => Object.entries(remedy.when.labels).every(([label, value]) => target.labels[label] === value))
      // What only works on a process of ours is no remedy for anything else.
      .filter(
        (remedy) =>
          target.kind === "service" ||
          !remedy.steps.some((step) => step.action.type !== "wait" && actionFacts[step.action.type].ownProcessOnly),
      )
      .map((remedy, at) => ({ remedy, at }))
      .sort((a, b) => specificity(b.remedy) - specificity(a.remedy) || a.at - b.at)
      .map(({ remedy }) => remedy)
  );
}

/** The remedy to try now, or null when none is left. A remedy is tried again (within its budgets) before its `next`. */
export function chooseRemedy(
  draft: Draft,
  incident: Incident,
  target: TargetSpec,
  remedies: readonly Remedy[],
): Remedy | null {
  const fitting = remediesFor(incident, target, remedies);
  const first = fitting[0] ?? null;
  const last = draft
    .repairs()
    .filter((repair) => repair.incident === incident.id && repair.state.name === "ended")
    .at(-1);
  if (last === undefined || last.state.name !== "ended") return first;
  if (last.state.outcome === "cancelled") return remedies.find((remedy) => remedy.name === last.remedy.name) ?? first;
  const following =
    last.remedy.next === null ? null : (remedies.find((remedy) => remedy.name === last.remedy.next) ?? null);
  return following ?? remedies.find((remedy) => remedy.name === last.remedy.name) ?? null;
}

function specificity(remedy: Remedy): number {
  return (
    (remedy.when.target === null ? 0 : 4) +
    (Object.keys(remedy.when.labels).length > 0 ? 2 : 0) +
    (remedy.source === "shipped" ? 0 : 1)
  );
}
