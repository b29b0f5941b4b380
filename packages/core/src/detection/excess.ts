// What a service does too much of, although it still answers: collecting garbage, and writing its log. Judged on the median
// of a few seconds, so that one long collection or one burst of lines is nothing.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import { finding, median, megabytes, percent } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Samples looked at (one a second), and how many there must be. */
const samplesLooked = 5;
const samplesMin = 4;
/** Share of the time spent on garbage collection from which on it is told: a tenth is far above what a service needs. */
export const gcShareMax = 0.1;
/** Bytes a second into its log from which on it is told. */
export const logBytesPerSecondMax = 10_000_000;

export function gcPressure(view: TargetView, now: TimeMs): Finding[] {
  const share = lately(view, "gcShare");
  if (share === null || share < gcShareMax) return [];
  return [
    finding(view, now, {
      kind: "gc-pressure",
      severity: "low",
      class: "performance",
      summary: `${view.spec.key} spends ${percent(share)} of its time collecting garbage: it allocates more than it keeps`,
      evidence: [{ at: now, what: "sample", summary: `median of ${samplesLooked} s: ${percent(share)} of the time` }],
    }),
  ];
}

export function logFlood(view: TargetView, now: TimeMs): Finding[] {
  const bytes = lately(view, "logBytesPerSecond");
  if (bytes === null || bytes < logBytesPerSecondMax) return [];
  return [
    finding(view, now, {
      kind: "log-flood",
      severity: "medium",
      summary: `${view.spec.key} writes ${megabytes(bytes)} a second into its log; older lines go as fast as new ones come`,
      evidence: [{ at: now, what: "sample", summary: `median of ${samplesLooked} s: ${megabytes(bytes)} a second` }],
    }),
  ];
}

/** The median of the newest samples that know the metric, or null when there are too few. */
function lately(view: TargetView, metric: string): number | null {
  if (view.process?.running !== true) return null;
  const values = view.samples
    .slice(-samplesLooked)
    .map((sample) => sample.values[metric])
    .filter((value) => value !== undefined);
  return values.length < samplesMin ? null : median(values);
}
