// A drill's run, as evidence: what was broken, when it was found, repaired and over, and every condition with the value that
// was measured beside the one that was demanded. Written once it has begun and again when it has ended.
import type { Evidence, Json } from "./detection/index.ts";
import type { TimeMs } from "./signal/index.ts";
import type { Draft } from "./world.ts";

export interface DrillRun {
  readonly id: string;
  /** Id of the catalogue's row, or the title of a user's experiment. */
  readonly drill: string;
  readonly state: "running" | "passed" | "failed" | "aborted";
  /** Run with guards and remedies off: it passes only by being meant to fail. */
  readonly withoutHealing: boolean;
  readonly startedAt: TimeMs;
  readonly endedAt: TimeMs | null;
  readonly beganAt: TimeMs | null;
  readonly detectedAt: TimeMs | null;
  readonly repairedAt: TimeMs | null;
  readonly recoveredAt: TimeMs | null;
  readonly rootCause: string | null;
  readonly conditions: readonly DrillCondition[];
  readonly evidence: readonly Evidence[];
  /** The incident that the times are from. */
  readonly incident: string | null;
  readonly error: string | null;
}

export interface DrillCondition {
  readonly name: string;
  readonly demanded: string;
  /** Null: nothing was measured, which is not met. */
  readonly measured: Json;
  readonly met: boolean;
  /** The layer that it shows at work when it is met; null: it is about the run itself. */
  readonly layer: DrillLayer | null;
}

export const drillLayers = ["detection", "prevention", "repair", "monitoring"] as const;
export type DrillLayer = (typeof drillLayers)[number];

/** Layers that a run showed at work: it passed with healing, and every condition of the layer was met. */
export function layersShown(run: Pick<DrillRun, "state" | "withoutHealing" | "conditions">): DrillLayer[] {
  if (run.state !== "passed" || run.withoutHealing) return [];
  return drillLayers.filter((layer) => {
    const own = run.conditions.filter((condition) => condition.layer === layer);
    return own.length > 0 && own.every((condition) => condition.met);
  });
}

/** Conditions and pieces of evidence kept of one run. */
export const drillConditionsMax = 100;
export const drillEvidenceMax = 30;
/** A drill that was last passed longer ago than this proves nothing any more, ms (30 days). */
export const drillStaleMs = 30 * 24 * 3_600_000;

/** Whether the proof of a drill has grown too old, or was never there. */
export function isStale(passedAt: TimeMs | null, now: TimeMs, staleMs = drillStaleMs): boolean {
  return passedAt === null || now - passedAt > staleMs;
}

/** A run as it is kept: bounded, whatever a program that was drilled has said. */
export function boundedRun(run: DrillRun): DrillRun {
  return {
    ...run,
    conditions: run.conditions.slice(0, drillConditionsMax),
    evidence: run.evidence.slice(0, drillEvidenceMax),
  };
}

/** What the last runs of a scheduled drill say of a remedy; null: it stands. */
export interface RemedyProof {
  readonly remedy: string;
  readonly against: string | null;
}

const byDrill = "its drill ";

/**
 * What scheduled drills say of the remedies that they prove: one whose last run failed, or whose last pass is too old, no
 * longer acts by itself. `runs` are newest first; those without healing and those not ended say nothing.
 */
export function remedyProofs(
  scheduled: readonly {
    readonly drill: string;
    readonly remedies: readonly string[];
    readonly staleMs: number;
    readonly since: TimeMs;
  }[],
  runs: readonly Pick<DrillRun, "drill" | "state" | "withoutHealing" | "endedAt">[],
  now: TimeMs,
): RemedyProof[] {
  return scheduled.flatMap(({ drill, remedies, staleMs, since }) => {
    const own = runs.filter((run) => run.drill === drill && !run.withoutHealing && run.endedAt !== null);
    const last = own.find((run) => run.state === "passed" || run.state === "failed");
    const passedAt = own.find((run) => run.state === "passed")?.endedAt ?? null;
    // A drill that has just been put on the schedule gets its time to run for the first time.
    const old = isStale(passedAt ?? since, now, staleMs);
    const against =
      last?.state === "failed"
        ? `${byDrill}${drill} failed`
        : old
          ? `${byDrill}${drill} ${passedAt === null ? "has never passed here" : `last passed ${Math.floor((now - passedAt) / 86_400_000)} days ago`}`
          : null;
    return remedies.map((remedy) => ({ remedy, against }));
  });
}

/** Demotes and, when a drill passes again, lets act again; what was demoted for another reason stays so. */
export function bookDrills(
  draft: Draft,
  proofs: readonly RemedyProof[],
): { id: string; changed: boolean; message: string } {
  const changed: string[] = [];
  for (const { remedy, against } of proofs) {
    const standing = draft.standing(remedy);
    const demotedByDrill = standing.demotedTo !== null && standing.why?.startsWith(byDrill) === true;
    const demote = against !== null && (standing.demotedTo === null || (demotedByDrill && standing.why !== against));
    if (!demote && !(against === null && demotedByDrill)) continue;
    draft.putStanding({
      ...standing,
      demotedTo: demote ? "suggest" : null,
      why: demote ? against : null,
      at: draft.now,
    });
    draft.transition({
      subject: "system",
      subjectId: remedy,
      issue: null,
      incident: null,
      target: null,
      from: demote ? "configured mode" : "demoted to suggest",
      to: demote ? "demoted to suggest" : "configured mode",
      by: "drill",
      why: against ?? `${byDrill}passed again`,
    });
    changed.push(remedy);
  }
  return {
    id: "",
    changed: changed.length > 0,
    message: changed.length === 0 ? "every remedy stands as before" : `changed: ${changed.join(", ")}`,
  };
}
