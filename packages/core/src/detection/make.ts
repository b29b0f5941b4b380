// How detectors make findings: every field has its usual value, so that what a detector sets is its point. Also the words by
// which evidence names a cause, so that a remedy's condition and a person's sentence rest on the same facts.
import type { TimeMs } from "../signal/index.ts";
import type { Evidence, Finding, Json } from "./finding.ts";
import type { TargetView } from "./view.ts";

export type Detector = (view: TargetView, now: TimeMs) => readonly Finding[];

/** Causes that evidence can establish; remedies may ask for them (`when: { cause: … }`). */
export const causeWords = [
  "config-changed",
  "config-syntax",
  "release-changed",
  "recent-change",
  "crash-loop",
  "poison-record",
  "dependency",
  "name-resolution",
  "certificate",
  "stale-lock",
  "disk-full",
  "descriptors",
  "memory",
  "permission",
  "exception",
  "consumer-stalled",
  "not-returned",
  "saturated",
  "durable",
  "volatile",
  "tail",
  "log",
  "cache",
  "data",
  "internal",
] as const;
export type CauseWord = (typeof causeWords)[number];

export function finding(
  view: TargetView,
  now: TimeMs,
  of: Partial<Finding> & Pick<Finding, "kind" | "summary" | "severity">,
): Finding {
  return {
    target: view.spec.key,
    distinguisher: "",
    class: "fault",
    beganAt: view.goodAt ?? now,
    detectedAt: now,
    certainty: "inferred",
    down: false,
    ripe: true,
    events: 1,
    evidence: [],
    ...of,
  };
}

/** Evidence that establishes a cause. */
export function establishes(
  cause: CauseWord,
  evidence: Omit<Evidence, "data">,
  data: Readonly<Record<string, Json>> = {},
): Evidence {
  return { ...evidence, data: { ...data, cause } };
}

/** The cause an item of evidence establishes, or null. */
export function causeIn(evidence: Evidence): string | null {
  const { data } = evidence;
  if (typeof data !== "object" || data === null || Array.isArray(data)) return null;
  const cause = (data as { readonly [key: string]: Json })["cause"];
  return typeof cause === "string" ? cause : null;
}

export function seconds(ms: number): string {
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 600_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 172_800_000) return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(Math.abs(bytes) < 1e7 ? 1 : 0)} MB`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
