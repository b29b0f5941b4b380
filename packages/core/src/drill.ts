// A drill's run, as evidence: what was broken, when it was found, repaired and over, and every condition with the value that
// was measured beside the one that was demanded. Written once it has begun and again when it has ended.
import type { Evidence, Json } from "./detection/index.ts";
import type { TimeMs } from "./signal/index.ts";

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
