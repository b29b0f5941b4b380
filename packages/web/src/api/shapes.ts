// Shapes of answers that the contract does not name yet, as this client reads them. Every one is checked by use: what is
// absent is shown as absent.
import type {
  Comment,
  Coverage,
  Incident,
  Issue,
  Kpis,
  LogLine,
  LogTemplate,
  Slo,
  Page,
  Repair,
  Remedy,
  Status,
  Target,
  Transition,
} from "@prunella/contract";

export interface SeriesPoint {
  readonly metric: string;
  readonly at: string;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly last: number;
  readonly count: number;
}
export interface Guard {
  readonly guard: string;
  readonly name: string;
  readonly state: string;
  readonly values?: Readonly<Record<string, number>>;
  readonly counts?: Readonly<Record<string, number>>;
}
export const layerNames = ["detection", "prevention", "repair", "monitoring"] as const;
export type LayerName = (typeof layerNames)[number];
export interface Layer {
  readonly proved: boolean;
  readonly by: string | null;
  readonly at: string | null;
}
export interface DrillRun {
  readonly id: string;
  readonly drill: string;
  readonly state: "running" | "passed" | "failed" | "aborted";
  readonly withoutHealing: boolean;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly beganAt: string | null;
  readonly detectedAt: string | null;
  readonly repairedAt: string | null;
  readonly recoveredAt: string | null;
  readonly detectionMs: number | null;
  readonly repairMs: number | null;
  readonly rootCause: string | null;
  readonly conditions: readonly {
    readonly name: string;
    readonly demanded: string | number;
    readonly measured: string | number | null;
    readonly met: boolean;
  }[];
  readonly evidence: Incident["evidence"];
  readonly incident: string | null;
  readonly error: string | null;
}
export interface Drill {
  readonly id: string;
  readonly severity: Issue["severity"];
  readonly title: string;
  readonly fault: string;
  readonly rootCause: string;
  readonly guard: string;
  readonly remedy: string;
  readonly metric: string;
  readonly layers: Readonly<Record<LayerName, Layer>>;
  readonly lastRun: DrillRun | null;
  readonly stale: boolean;
  readonly schedule: string | null;
}

export type {
  Comment,
  Incident,
  Issue,
  Kpis,
  Page,
  Repair,
  Remedy,
  Status,
  Target,
  Transition,
  Coverage,
  LogLine,
  LogTemplate,
  Slo,
};
