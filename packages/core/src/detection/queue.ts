// Queue growth: more comes in than goes out, for longer than a burst lasts, and the end of the room is in sight; or nothing goes
// out at all. Durable queues are scaled for, others may be shed from: the gauge says which it is.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import type { GaugeInterval } from "./gathered.ts";
import { establishes, finding, percent, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

/** It must have grown without a break for this long to be spoken of, and for this long to be worth acting on, ms. */
const growthMs = 3_000;
const growthRipeMs = 10_000;
/** Below this many items nothing is said. */
export const itemsMin = 20;
/** Without a bound, a queue is worth acting on from this many items. */
const itemsRipe = 1_000;
/** Acting is warranted when it is this full, or full this soon, ms. */
const ripeShare = 0.7;
const ripeMs = 60_000;
/** Nothing taken out for this long although there is something to take: the consumer stands still, ms. */
const stalledMs = 5_000;

export function queueGrowth(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const findings: Finding[] = [];
  for (const { guard, name, history } of view.gathered.gauges.values()) {
    if (guard !== "queue") continue;
    const newest = history.at(-1);
    if (newest === undefined || now - newest.at > 5_000) continue;
    const size = sizeOf(newest);
    if (size < itemsMin) continue;
    const first = growthBegan(history);
    const growingMs = newest.at - first.at;
    const since = history.findLast((each) => each.at <= newest.at - stalledMs);
    const stalled =
      since !== undefined && counted(newest, "out") && sizeOf(since) > 0 && rate(since, newest, "out") === 0;
    if (growingMs < growthMs && !stalled) continue;
    // It has just begun and nothing was taken lately, but not for long enough to say that nobody takes: that remains open.
    const open = !stalled && growingMs < growthRipeMs && counted(newest, "out") && idle(history);
    const from = stalled ? since : first;
    const inRate = rate(from, newest, "in");
    const outRate = rate(from, newest, "out");
    const perSecond = (size - sizeOf(from)) / Math.max(0.001, (newest.at - from.at) / 1_000);
    const capacity = newest.values["capacity"];
    const bounded = capacity !== undefined && Number.isFinite(capacity) && capacity > 0;
    const share = bounded ? size / capacity : 0;
    const untilFullMs = bounded && perSecond > 0 ? ((capacity - size) / perSecond) * 1_000 : null;
    const durable = newest.values["durable"] === 1;
    const rates = `${inRate.toFixed(1)} come in and ${outRate.toFixed(1)} go out a second`;
    const shown = {
      at: now,
      what: "gauge",
      summary: `${size} items${bounded ? ` of ${capacity} (${percent(share)})` : ""}; ${rates}; ${durable ? "durable: nothing may be thrown away" : "not durable"}`,
    } as const;
    findings.push(
      finding(view, now, {
        kind: "queue-growth",
        distinguisher: name,
        class: "performance",
        severity: "medium",
        summary: stalled
          ? `nothing is taken out of the queue ${name} of ${view.spec.key}, ${size} wait in it`
          : `the queue ${name} of ${view.spec.key} grows: ${size} items, ${rates}${untilFullMs === null ? "" : `, full in ${seconds(untilFullMs)}`}`,
        beganAt: from.at,
        certainty: "witnessed",
        ripe:
          stalled ||
          (growingMs >= growthRipeMs &&
            (share >= ripeShare || (untilFullMs !== null && untilFullMs <= ripeMs) || size >= itemsRipe)),
        evidence: [
          open ? shown : establishes(stalled ? "consumer-stalled" : "saturated", shown, { durable, size, name }),
          establishes(durable ? "durable" : "volatile", {
            at: now,
            what: "note",
            summary: durable ? "what waits in it outlives a restart" : "what waits in it is lost with the process",
          }),
        ],
      }),
    );
  }
  return findings;
}

/** Start of the growth that reaches to now: one interval without growth is forgiven within it, none that shrinks. */
function growthBegan(history: readonly GaugeInterval[]): GaugeInterval {
  let began = history.length - 1;
  let flat = 0;
  for (let at = began; at > 0; at -= 1) {
    const step = sizeOf(history[at]!) - sizeOf(history[at - 1]!);
    flat = step > 0 ? 0 : flat + 1;
    if (step < 0 || flat > 1) break;
    // What was flat before the first rise is no part of it.
    if (step > 0) began = at - 1;
  }
  return history[began]!;
}

/** Whether nothing was taken out over the newest two intervals although there was something to take. */
function idle(history: readonly GaugeInterval[]): boolean {
  const newest = history.at(-1);
  const before = history.at(-3) ?? history[0];
  return (
    newest !== undefined &&
    before !== undefined &&
    before !== newest &&
    sizeOf(before) > 0 &&
    rate(before, newest, "out") === 0
  );
}

function sizeOf(interval: GaugeInterval): number {
  return interval.values["size"] ?? interval.values["queued"] ?? 0;
}
function counted(interval: GaugeInterval, name: string): boolean {
  return interval.counts[name] !== undefined;
}
function rate(from: GaugeInterval, to: GaugeInterval, name: string): number {
  return ((to.counts[name] ?? 0) - (from.counts[name] ?? 0)) / Math.max(0.001, (to.at - from.at) / 1_000);
}
