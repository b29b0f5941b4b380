// A finding says: this target has this kind of fault, now. Findings are levels, not edges: the detectors state the whole
// set that holds, so a lost or doubled signal changes nothing.
import type { TargetKey, TimeMs } from "../signal/index.ts";

/** The kinds the shipped detectors know; configuration, alerts and plugins may name others. Facts about each: kinds.ts. */
export type FaultKind = string;

export type Severity = "critical" | "medium" | "low";

export interface Finding {
  readonly target: TargetKey;
  readonly kind: FaultKind;
  /** What tells two faults of one kind on one target apart (an error group, a check's name); "" when nothing needs to. */
  readonly distinguisher: string;
  readonly severity: Severity;
  /** "performance" findings are numbered PERF-… whatever their severity. */
  readonly class: "fault" | "performance";
  readonly summary: string;
  /** Last moment at which the target was seen good: an upper bound of how long the fault has lasted. */
  readonly beganAt: TimeMs;
  readonly detectedAt: TimeMs;
  /** "witnessed": the kernel or the application itself said so; "inferred": concluded from outside, so the observer may be wrong. */
  readonly certainty: "witnessed" | "inferred";
  /** The target is not running (starting it disturbs nobody), as opposed to running badly. */
  readonly down: boolean;
  /** It has lasted or grown enough that acting is warranted; before that it is shown and diagnosed, and may pass by itself. */
  readonly ripe: boolean;
  /** New occurrences since the last time the set was taken. */
  readonly events: number;
  /** When a forecast says that the limit is reached; absent: no forecast. */
  readonly deadlineAt?: TimeMs;
  readonly evidence: readonly Evidence[];
  /** When the newest of these events happened, by its sender's clock; one from before a fix does not speak against it. */
  readonly lastAt?: TimeMs;
  /** Release in which it happened, where the sender names one. */
  readonly release?: string;
  /** How it was told apart from other errors. */
  readonly grouping?: { readonly basis: string; readonly why: readonly string[] };
  /** It occurs so much more often than before that an ignored issue should be looked at again: why. */
  readonly escalating?: string;
}

/** A dated, recorded fact. Text may come from outside and is never interpreted. */
export interface Evidence {
  readonly at: TimeMs;
  readonly what:
    | "exit"
    | "error"
    | "stack"
    | "heap"
    | "log"
    | "check"
    | "sample"
    | "owner"
    | "change"
    | "dependency"
    | "stall"
    | "route"
    | "call"
    | "gauge"
    | "lock"
    | "folder"
    | "note";
  readonly summary: string;
  /** Longer text: a stack, last lines. At most 16 kB; cut in the middle beyond. */
  readonly text?: string;
  /** Structured detail, such as frames or a top list; JSON of at most 64 kB. */
  readonly data?: Json;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Identity of an issue: one live issue per target, kind and distinguisher. */
export function fingerprintOf(finding: {
  readonly target: TargetKey;
  readonly kind: FaultKind;
  readonly distinguisher: string;
}): string {
  return [finding.target, finding.kind, finding.distinguisher].map(encodeURIComponent).join(" ");
}
