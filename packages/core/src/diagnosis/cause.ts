// Cause suppresses effect: an incident that another one explains waits for it and is not repaired itself. Computed afresh
// from the real state at each look, so nothing stays suppressed by something that is over (safety rule 30).
import type { FaultKind, LearnedEdges } from "../detection/index.ts";
import type { Incident } from "../issue/index.ts";
import type { TargetKey, TargetSpec } from "../signal/index.ts";

/**
 * On one target the more fundamental fault explains the others (a process that is down also misses its heartbeat).
 * Lower comes first; kinds not listed are explained by everything above them and explain nothing.
 */
const precedence: readonly FaultKind[] = [
  "port-taken",
  "start-failed",
  "killed",
  "crash",
  "event-loop-blocked",
  "memory-leak",
  "heartbeat-missed",
  "dependency-down",
  "unhealthy",
];

/** Kinds by which a target is of no use to those that need it. */
const disabling = new Set<FaultKind>([
  "port-taken",
  "start-failed",
  "killed",
  "crash",
  "event-loop-blocked",
  "heartbeat-missed",
  "unhealthy",
  "dependency-down",
]);

/** Kinds that a broken dependency can bring about in a target that is itself sound. */
const sufferable = new Set<FaultKind>([
  "unhealthy",
  "heartbeat-missed",
  "crash",
  "start-failed",
  "error",
  "guard-tripped",
]);

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
        order(other.kind) < order(incident.kind),
    )
    .sort((a, b) => order(a.kind) - order(b.kind))[0];
  if (onSameTarget !== undefined) return onSameTarget;
  if (!sufferable.has(incident.kind)) return null;
  const needed = dependenciesOf(incident.target, targets, learned);
  return (
    incidents
      .filter((other) => needed.has(other.target) && other.firing && disabling.has(other.kind))
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

function order(kind: FaultKind): number {
  const at = precedence.indexOf(kind);
  return at < 0 ? precedence.length : at;
}
