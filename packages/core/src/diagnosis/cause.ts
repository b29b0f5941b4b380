// Cause suppresses effect: an incident that another one explains waits for it and is not repaired itself. Computed afresh
// from the real state at each look, so nothing stays suppressed by something that is over (safety rule 30).
import { factsOfKind, type FaultKind, type LearnedEdges } from "../detection/index.ts";
import type { Incident } from "../issue/index.ts";
import type { TargetKey, TargetSpec } from "../signal/index.ts";

/** What may still turn out to be nothing holds back no repair of what has already become a fault. */
const mayPass = new Set<FaultKind>(["memory-leak", "descriptor-leak", "pool-exhausted"]);

const noEdges: LearnedEdges = new Map();

/** The open incident that explains this one, or null when it stands for itself. `incidents` are those not ended. */
export function causeOf(
  incident: Incident,
  incidents: readonly Incident[],
  targets: ReadonlyMap<TargetKey, TargetSpec>,
  learned: LearnedEdges = noEdges,
): Incident | null {
  const onSameTarget = incidents
    .filter(
      (other) =>
        other.target === incident.target &&
        other.id !== incident.id &&
        other.firing &&
        isBefore(other.kind, incident.kind) &&
        (other.ripe || !incident.ripe || !mayPass.has(other.kind)),
    )
    .sort((a, b) => (factsOfKind(a.kind).rank ?? 0) - (factsOfKind(b.kind).rank ?? 0))[0];
  if (onSameTarget !== undefined) return onSameTarget;
  const { sufferable } = factsOfKind(incident.kind);
  if (sufferable === "no") return null;
  const needed = dependenciesOf(incident.target, targets, learned);
  return (
    incidents
      .filter((other) => needed.has(other.target) && other.firing && explains(other.kind, sufferable))
      // The deepest dependency first: what itself needs the others least is nearest to the root.
      .sort(
        (a, b) =>
          dependenciesOf(a.target, targets, learned).size - dependenciesOf(b.target, targets, learned).size ||
          a.detectedAt - b.detectedAt,
      )[0] ?? null
  );
}

/** Everything a target needs, as declared and as learned from its calls, directly or through others; never itself. */
export function dependenciesOf(
  target: TargetKey,
  targets: ReadonlyMap<TargetKey, TargetSpec>,
  learned: LearnedEdges = noEdges,
): Set<TargetKey> {
  const needed = new Set<TargetKey>();
  const needs = (key: TargetKey): TargetKey[] => [...(targets.get(key)?.dependsOn ?? []), ...(learned.get(key) ?? [])];
  const queue = needs(target);
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next === target || needed.has(next)) continue;
    needed.add(next);
    queue.push(...needs(next));
    // "api" stands for its instances "api/0", "api/1", … as well.
    for (const spec of targets.values()) if (spec.group === next && spec.key !== next) queue.push(spec.key);
  }
  return needed;
}

function isBefore(kind: FaultKind, other: FaultKind): boolean {
  const [mine, its] = [factsOfKind(kind).rank, factsOfKind(other).rank];
  return mine !== null && its !== null && mine < its;
}

function explains(kind: FaultKind, sufferable: "gone" | "any"): boolean {
  const { disabling } = factsOfKind(kind);
  return disabling === "all" || (disabling === "requests" && sufferable === "any");
}
