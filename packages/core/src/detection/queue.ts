// Queue growth: more comes in than goes out, for longer than a burst lasts, and the end of the room is in sight; or nothing goes
// out at all. Durable queues are scaled for, others may be shed from: the gauge says which it is.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import type { GaugeInterval } from "./gathered.ts";
import { establishes, finding, percent, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Growth is looked at over this long, ms, and must hold in its newer half too (a burst stops growing). */
const stretchMs = 10_000;
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
    const recent = history.filter((each) => each.at > now - stretchMs - 1_000);
    const [first] = recent;
    if (first === undefined || newest.at - first.at < stretchMs - 2_500) continue;
    const size = sizeOf(newest);
    if (size < itemsMin) continue;
    const middle = recent[recent.length >> 1] ?? first;
    const inRate = rate(middle, newest, "in");
    const outRate = rate(middle, newest, "out");
    const stalled =
      counted(newest, "out") &&
      rate(recent.findLast((each) => each.at <= now - stalledMs) ?? first, newest, "out") === 0;
    const growing = size > sizeOf(middle) && sizeOf(middle) > sizeOf(first);
    if (!growing && !(stalled && size >= itemsMin)) continue;
    const perSecond = (size - sizeOf(middle)) / Math.max(0.001, (newest.at - middle.at) / 1_000);
    const capacity = newest.values["capacity"];
    const bounded = capacity !== undefined && Number.isFinite(capacity) && capacity > 0;
    const share = bounded ? size / capacity : 0;
    const untilFullMs = bounded && perSecond > 0 ? ((capacity - size) / perSecond) * 1_000 : null;
    const durable = newest.values["durable"] === 1;
    const rates = `${inRate.toFixed(1)} come in and ${outRate.toFixed(1)} go out a second`;
    findings.push(
      finding(view, now, {
        kind: "queue-growth",
        distinguisher: name,
        class: "performance",
        severity: "medium",
        summary: stalled
          ? `nothing is taken out of the queue ${name} of ${view.spec.key}, ${size} wait in it`
          : `the queue ${name} of ${view.spec.key} grows: ${size} items, ${rates}${untilFullMs === null ? "" : `, full in ${seconds(untilFullMs)}`}`,
        beganAt: middle.at,
        certainty: "witnessed",
        ripe: stalled || share >= ripeShare || (untilFullMs !== null && untilFullMs <= ripeMs) || size >= itemsRipe,
        evidence: [
          establishes(
            stalled ? "consumer-stalled" : "saturated",
            {
              at: now,
              what: "gauge",
              summary: `${size} items${bounded ? ` of ${capacity} (${percent(share)})` : ""}; ${rates}; ${durable ? "durable: nothing may be thrown away" : "not durable"}`,
            },
            { durable, size, name },
          ),
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

function sizeOf(interval: GaugeInterval): number {
  return interval.values["size"] ?? interval.values["queued"] ?? 0;
}
function counted(interval: GaugeInterval, name: string): boolean {
  return interval.counts[name] !== undefined;
}
function rate(from: GaugeInterval, to: GaugeInterval, name: string): number {
  return ((to.counts[name] ?? 0) - (from.counts[name] ?? 0)) / Math.max(0.001, (to.at - from.at) / 1_000);
}
