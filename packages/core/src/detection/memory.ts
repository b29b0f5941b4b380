// Memory leak: growth that will reach the limit and does not give back, as learned/forecast.ts sees it: quick leaks within
// seconds, slow ones within hours. Acted on only when the limit is near.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import { forecastOf, spoken } from "./learned/forecast.ts";
import { finding } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Acting is warranted from this share of the limit, or this close to it. */
const ripeShare = 0.7;
const ripeMs = 20_000;
/** A slow leak is recycled this long before its limit at the latest, ms. */
const slowRipeMs = 600_000;
/** A forecast further away than this is a look ahead ("exhaustion"), not a leak yet, ms. */
const horizonMs = 6 * 3_600_000;

export function memoryLeak(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const growth = [forecastOf(view, "memory"), forecastOf(view, "heap")]
    .filter((each) => each !== null)
    .filter((each) => each.untilLimitMs <= horizonMs)
    .sort((a, b) => a.untilLimitMs - b.untilLimitMs)[0];
  if (growth === undefined) return [];
  const share = growth.now / growth.limit;
  const near = growth.untilLimitMs <= ripeMs || (share >= ripeShare && growth.untilLimitMs <= slowRipeMs);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const rate = (perSecond: number): string =>
    perSecond >= 1e5 ? `${megabytes(perSecond)} MB/s` : `${megabytes(perSecond * 3_600)} MB/h`;
  const which = growth.resource;
  return [
    finding(view, now, {
      kind: "memory-leak",
      severity: "medium",
      summary: `the ${which} of ${view.spec.key} grows by ${rate(growth.perSecond)} and reaches its limit of ${megabytes(growth.limit)} MB in ${spoken(growth.untilLimitMs)}`,
      beganAt: growth.since,
      ripe: near && !growth.early,
      deadlineAt: now + growth.untilLimitMs,
      evidence: [
        {
          at: now,
          what: "sample",
          summary: `${which} ${megabytes(growth.now)} MB, ${Math.round(share * 100)} % of the limit, +${rate(growth.perSecond)}`,
        },
      ],
    }),
  ];
}
