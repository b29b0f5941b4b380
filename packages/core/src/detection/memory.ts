// Memory leak: growth that will reach the limit soon and does not give back (how growth is judged: growth.ts).
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import { growthTowards, type Growth } from "./growth.ts";
import { finding } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Acting is warranted from this share of the limit, or this close to it. */
const ripeShare = 0.7;
const ripeMs = 20_000;

export function memoryLeak(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const [growth] = [
    { which: "memory", of: growthOf(view, "rssBytes", view.spec.memoryBytesMax) },
    { which: "heap", of: growthOf(view, "heapUsedBytes", lastValue(view, "heapLimitBytes")) },
  ]
    .flatMap(({ which, of }) => (of === null ? [] : [{ which, ...of }]))
    .sort((a, b) => a.untilLimitMs - b.untilLimitMs);
  if (growth === undefined) return [];
  const share = growth.now / growth.limit;
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const { which } = growth;
  return [
    finding(view, now, {
      kind: "memory-leak",
      severity: "medium",
      summary: `the ${which} of ${view.spec.key} grows by ${megabytes(growth.perSecond)} MB/s and reaches its limit of ${megabytes(growth.limit)} MB in ${Math.round(growth.untilLimitMs / 1000)} s`,
      beganAt: growth.since,
      ripe: !growth.early && (share >= ripeShare || growth.untilLimitMs <= ripeMs),
      deadlineAt: now + growth.untilLimitMs,
      evidence: [
        {
          at: now,
          what: "sample",
          summary: `${which} ${megabytes(growth.now)} MB, ${Math.round(share * 100)} % of the limit, +${megabytes(growth.perSecond)} MB/s`,
        },
      ],
    }),
  ];
}

/** Steady growth of one measured value towards a limit, or null. */
export function growthOf(view: TargetView, metric: string, limit: number | undefined): Growth | null {
  return growthTowards(
    view.samples.flatMap(({ at, values }) => {
      const value = values[metric];
      return value === undefined ? [] : [{ at, value }];
    }),
    limit,
  );
}

export function lastValue(view: TargetView, metric: string): number | undefined {
  for (let at = view.samples.length - 1; at >= 0; at -= 1) {
    const value = view.samples[at]?.values[metric];
    if (value !== undefined) return value;
  }
  return undefined;
}
