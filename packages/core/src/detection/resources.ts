// What a process holds: descriptors, threads, children it does not reap, connections of its pools. Growth is judged like that
// of memory; a pool is out when nothing is left, somebody waits, and nothing comes back.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import type { GaugeInterval } from "./gathered.ts";
import { lastValue, threadsBehind } from "./growth.ts";
import { forecastOf, spoken } from "./learned/forecast.ts";
import { establishes, finding, percent, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Acting on descriptors is warranted from this share of the limit, or this close to it. */
const descriptorsRipeShare = 0.6;
const descriptorsRipeMs = 20_000;
/** A slow leak is ripe this long before its limit at the latest; further away than the horizon it is a look ahead, ms. */
const descriptorsSlowRipeMs = 600_000;
const descriptorsHorizonMs = 6 * 3_600_000;
/** A worker thread of Node.js holds five or six descriptors; twice that is still its own. */
const descriptorsPerThread = 12;
/** Threads above which something is wrong unless the target says otherwise. */
export const threadsMaxDefault = 500;
const sustainedMs = 5_000;
/** Children that ended and were not reaped, this many for this long. */
export const zombiesMax = 5;
const unreapedMs = 2_000;
/** A pool that is out this long is reported; without anything coming back it is worth acting on from this long. */
const exhaustedMs = 3_000;
const exhaustedRipeMs = 8_000;

export function descriptorLeak(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const growth = forecastOf(view, "descriptors");
  if (growth === null || growth.untilLimitMs > descriptorsHorizonMs) return [];
  const share = growth.now / growth.limit;
  const kinds = ["Socket", "File", "Pipe", "Other"]
    .map((kind) => ({ kind: kind.toLowerCase(), count: lastValue(view, `descriptors${kind}`) ?? 0 }))
    .sort((a, b) => b.count - a.count);
  const [most] = kinds;
  const threads = threadsBehind(view, now, growth, descriptorsPerThread);
  return [
    finding(view, now, {
      kind: "descriptor-leak",
      severity: "medium",
      summary: `the open descriptors of ${view.spec.key} grow by ${growth.perSecond.toFixed(1)} a second and reach the limit of ${growth.limit} in ${spoken(growth.untilLimitMs)}`,
      beganAt: growth.since,
      deadlineAt: now + growth.untilLimitMs,
      ripe:
        !growth.early &&
        threads === null &&
        ((share >= descriptorsRipeShare && growth.untilLimitMs <= descriptorsSlowRipeMs) ||
          growth.untilLimitMs <= descriptorsRipeMs),
      evidence: [
        establishes(
          "not-returned",
          {
            at: now,
            what: "sample",
            summary: `${Math.round(growth.now)} descriptors, ${percent(share)} of the limit; most are of kind ${most?.kind ?? "unknown"} (${kinds
              .filter(({ count }) => count > 0)
              .map(({ kind, count }) => `${count} ${kind}`)
              .join(", ")})${threads === null ? "" : `; they came with ${threads} new threads`}`,
          },
          { kind: most?.kind ?? null },
        ),
      ],
    }),
  ];
}

export function tooManyThreads(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const limit = view.spec.threadsMax ?? threadsMaxDefault;
  const high = heldSince(view, now, "threads", (value) => value > limit);
  if (high === null || now - high.since < sustainedMs) return [];
  return [
    finding(view, now, {
      kind: "too-many-threads",
      severity: "medium",
      summary: `${view.spec.key} has ${high.value} threads, more than ${limit}`,
      beganAt: high.since,
      evidence: [{ at: now, what: "sample", summary: `${high.value} threads for ${seconds(now - high.since)}` }],
    }),
  ];
}

export function zombieChildren(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const high = heldSince(view, now, "zombies", (value) => value >= zombiesMax);
  if (high === null || now - high.since < unreapedMs) return [];
  return [
    finding(view, now, {
      kind: "zombie-children",
      severity: "medium",
      summary: `${view.spec.key} does not reap its children: ${high.value} have ended and still hold a process number`,
      beganAt: high.since,
      certainty: "witnessed",
      evidence: [
        {
          at: now,
          what: "sample",
          summary: `${high.value} ended children not reaped for ${seconds(now - high.since)}`,
        },
      ],
    }),
  ];
}

/** Since when the newest samples have all met a condition; null when the newest does not. */
function heldSince(
  view: TargetView,
  now: TimeMs,
  metric: string,
  holds: (value: number) => boolean,
): { readonly since: TimeMs; readonly value: number } | null {
  const last = lastValue(view, metric);
  if (last === undefined || !holds(last)) return null;
  let since = now;
  for (let at = view.samples.length - 1; at >= 0; at -= 1) {
    const sample = view.samples[at];
    const value = sample?.values[metric];
    if (sample === undefined || (value !== undefined && !holds(value))) break;
    since = sample.at;
  }
  return { since, value: last };
}

const poolGuards = new Set(["pool", "bulkhead", "semaphore"]);

export function poolExhausted(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const findings: Finding[] = [];
  for (const { guard, name, history } of view.gathered.gauges.values()) {
    const newest = history.at(-1);
    if (!poolGuards.has(guard) || newest === undefined || now - newest.at > 5_000 || !isOut(newest)) continue;
    let at = history.length - 1;
    while (at > 0 && isOut(history[at - 1]!)) at -= 1;
    const first = history[at] ?? newest;
    const lastedMs = now - first.at;
    if (lastedMs < exhaustedMs) continue;
    const returned = returnsOf(newest) - returnsOf(first);
    const stuck = returned === 0 && returnsKnown(newest);
    const { max, lent, waiting } = sizes(newest);
    findings.push(
      finding(view, now, {
        kind: "pool-exhausted",
        distinguisher: name,
        severity: "medium",
        summary: `all ${max} of the ${guard} ${name} in ${view.spec.key} are out and ${waiting} wait for one`,
        beganAt: first.at,
        // A pool that still turns over is merely busy; what never comes back has leaked.
        ripe: stuck && lastedMs >= exhaustedRipeMs,
        evidence: [
          establishes(stuck ? "not-returned" : "saturated", {
            at: now,
            what: "gauge",
            summary: stuck
              ? `${lent} of ${max} lent and none came back in ${seconds(lastedMs)}: borrowers keep them`
              : `${lent} of ${max} lent; ${returned} came back in ${seconds(lastedMs)}: it is busy`,
          }),
        ],
      }),
    );
  }
  return findings;
}

function sizes(interval: GaugeInterval): { max: number; lent: number; waiting: number } {
  const { values } = interval;
  return {
    max: values["max"] ?? values["concurrentMax"] ?? values["capacity"] ?? 0,
    lent: values["lent"] ?? values["active"] ?? values["inUse"] ?? 0,
    waiting: values["waiting"] ?? values["queued"] ?? 0,
  };
}

function isOut(interval: GaugeInterval): boolean {
  const { max, lent, waiting } = sizes(interval);
  return max > 0 && lent >= max && waiting > 0;
}

const returnCounts = ["acquired", "released", "returned", "reclaimed", "out", "passed", "done", "destroyed"] as const;

function returnsOf(interval: GaugeInterval): number {
  return returnCounts.reduce((sum, name) => sum + (interval.counts[name] ?? 0), 0);
}
function returnsKnown(interval: GaugeInterval): boolean {
  return returnCounts.some((name) => interval.counts[name] !== undefined);
}
