// Memory leak: growth that will reach the limit and does not give back, as learned/forecast.ts sees it: quick leaks within
// seconds, slow ones within hours. Acted on only when the limit is near.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import { forecastOf, spoken } from "./learned/forecast.ts";
import { threadsBehind } from "./growth.ts";
import { finding } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Acting is warranted from this share of the limit, or this close to it. */
const ripeShare = 0.7;
const ripeMs = 20_000;
/** A slow leak is recycled this long before its limit at the latest, ms. */
const slowRipeMs = 600_000;
/** A forecast further away than this is a look ahead ("exhaustion"), not a leak yet, ms. */
const horizonMs = 6 * 3_600_000;

const startingMs = 20_000;
/** Growth that began with the process is its start for this long, unless it has come near the limit already, ms. */
const warmUpMs = 60_000;
/** A worker thread of Node.js takes some 10 MB; more than twice that is no longer the thread's own. */
const bytesPerThread = 24e6;

export function memoryLeak(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const growth = [forecastOf(view, "memory"), forecastOf(view, "heap")]
    .filter((each) => each !== null)
    .filter((each) => each.untilLimitMs <= horizonMs)
    .sort((a, b) => a.untilLimitMs - b.untilLimitMs)[0];
  // Every process takes memory while it starts; what goes on after that is a leak.
  if (growth === undefined || (growth.early && now - view.process.since < startingMs)) return [];
  const share = growth.now / growth.limit;
  const near = growth.untilLimitMs <= ripeMs || (share >= ripeShare && growth.untilLimitMs <= slowRipeMs);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const rate = (perSecond: number): string =>
    perSecond >= 1e5 ? `${megabytes(perSecond)} MB/s` : `${megabytes(perSecond * 3_600)} MB/h`;
  // Tables that are read in and code that is compiled take long to settle, and how fast it goes at first says nothing: that is
  // no finding on a deploy.
  const starts = now - view.process.since < warmUpMs && growth.since - view.process.since < startingMs;
  if (starts && share < ripeShare) return [];
  const which = growth.resource;
  // A heap is the main thread's alone: other threads do not make it grow.
  const threads = which === "memory" ? threadsBehind(view, now, growth, bytesPerThread) : null;
  return [
    finding(view, now, {
      kind: "memory-leak",
      severity: "medium",
      summary: `the ${which} of ${view.spec.key} grows by ${rate(growth.perSecond)} and reaches its limit of ${megabytes(growth.limit)} MB in ${spoken(growth.untilLimitMs)}`,
      beganAt: growth.since,
      ripe: near && !growth.early && threads === null,
      deadlineAt: now + growth.untilLimitMs,
      evidence: [
        {
          at: now,
          what: "sample",
          summary: `${which} ${megabytes(growth.now)} MB, ${Math.round(share * 100)} % of the limit, +${rate(growth.perSecond)}${threads === null ? "" : `; it came with ${threads} new threads`}`,
        },
      ],
    }),
  ];
}
