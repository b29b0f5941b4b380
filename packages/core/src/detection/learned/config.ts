// What people may say about learned detection: switch parts off, name targets that are left alone, and add plain rules.
// Without a word everything is on. Read from the `detect:` section of a configuration; frozen while it is in force.
import type { TargetKey } from "../../signal/index.ts";
import type { FaultKind, Severity } from "../finding.ts";

export interface Detection {
  /** Unusual values of every metric. Default true. */
  readonly anomalies: boolean;
  /** Templates of log lines: new error-like ones, changed rates, gone ones. Default true. */
  readonly logs: boolean;
  /** Instances unlike their siblings, in groups of three and more. Default true. */
  readonly peers: boolean;
  /** What will run out, and when. Default true. */
  readonly forecasts: boolean;
  /** A series is watched this long before it may be called unusual, ms. Default 900,000. */
  readonly learnMs: number;
  /** Targets or groups that nothing is learned of; rules and the plain detectors still hold for them. Default none. */
  readonly off: readonly TargetKey[];
  /** At most `rulesMax`. Default none. */
  readonly rules: readonly DetectRule[];
}

/** Rules of one configuration. */
export const rulesMax = 500;

/** A plain detector that a person wrote: one metric of one target (or of each member of a group). */
export interface DetectRule {
  /** Unique; the finding's distinguisher. */
  readonly name: string;
  /** A target's key or a group's name. */
  readonly target: TargetKey;
  readonly metric: string;
  /** "rule", which is shown and never repaired; any other kind may have a remedy. */
  readonly kind: FaultKind;
  readonly severity: Severity;
  readonly how: RuleHow;
}

interface Limits {
  readonly above?: number;
  readonly below?: number;
}
interface Held {
  /** How long it must hold before it fires, and be over before it clears, ms. */
  readonly forMs: number;
  readonly clearForMs: number;
}
export type RuleHow =
  | ({ readonly type: "threshold"; readonly clearAbove?: number; readonly clearBelow?: number } & Limits & Held)
  | ({ readonly type: "change-rate"; readonly windowMs: number; readonly measure: "per-second" | "share" } & Limits &
      Held)
  /** `afterMs` null: learned from the series' own interval. */
  | { readonly type: "absence"; readonly afterMs: number | null }
  /** `metric` against the metric `of`, both per second or both counts. */
  | ({ readonly type: "ratio"; readonly of: string; readonly windowMs: number; readonly totalMin: number } & Limits &
      Held)
  | ({ readonly type: "quantile"; readonly share: number; readonly windowMs: number } & Limits & Held)
  /** `metric` counts the bad per second, `of` all per second. */
  | { readonly type: "burn-rate"; readonly of: string; readonly objective: number; readonly periodMs: number }
  | ({ readonly type: "peers"; readonly deviations: number; readonly side: "above" | "below" | "both" } & Held);

export const defaultDetection: Detection = {
  anomalies: true,
  logs: true,
  peers: true,
  forecasts: true,
  learnMs: 900_000,
  off: [],
  rules: [],
};
