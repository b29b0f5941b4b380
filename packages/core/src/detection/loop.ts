// A main thread that does not turn: told by the probe's second thread. A busy one may be collecting garbage and gets longer.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import { finding } from "./make.ts";
import type { TargetView } from "./view.ts";

/** A stall is over when its last report is this old (the probe repeats it every 500 ms). */
export const stallSilenceMs = 2_500;
/** From this long a blocked event loop is a fault worth acting on, unless the thread sleeps (then from 2 s). */
export const blockedRipeMs = 5_000;
export const blockedAsleepRipeMs = 2_000;

export function eventLoopBlocked(view: TargetView, now: TimeMs): Finding[] {
  const stall = view.stall;
  if (stall === null || view.process?.running !== true || now - stall.at > stallSilenceMs) return [];
  const blockedMs = stall.blockedMs + (now - stall.at);
  const asleep = stall.cpuShare < 0.1;
  const ripe = blockedMs >= (asleep ? blockedAsleepRipeMs : blockedRipeMs);
  return [
    finding(view, now, {
      kind: "event-loop-blocked",
      severity: ripe ? "critical" : "medium",
      summary: `the event loop of ${view.spec.key} has been blocked for ${(blockedMs / 1000).toFixed(1)} s at ${Math.round(stall.cpuShare * 100)} % of a core`,
      beganAt: stall.since,
      certainty: "witnessed",
      ripe,
      evidence: [
        {
          at: stall.at,
          what: "stall",
          summary: `no turn of the event loop for ${stall.blockedMs} ms, using ${Math.round(stall.cpuShare * 100)} % of a core`,
        },
      ],
    }),
  ];
}
