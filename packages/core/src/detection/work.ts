// A target that runs but does not get on: no heartbeat within the time it promised. Silence is counted only while something was
// heard of the target at all, so that a machine that slept, or an agent that was away, accuses nobody.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import { deadLocks, heldLock, lockEvidence } from "./locks.ts";
import { eventLoopBlocked } from "./loop.ts";
import { finding, seconds } from "./make.ts";
import { changesBefore, childrenEnded } from "./changes.ts";
import type { TargetView } from "./view.ts";

/** The agent speaks of every service once a second; beyond this nothing is known of it, ms. */
const spokenOfMs = 1_500;

export function heartbeatMissed(view: TargetView, now: TimeMs): Finding[] {
  const limitMs = view.spec.heartbeatMs;
  if (limitMs === undefined || view.process?.running !== true) return [];
  // A blocked process gives no heartbeat by necessity; that is one fault, not two.
  if (eventLoopBlocked(view, now).length > 0) return [];
  const told = view.heartbeatAt ?? view.process.since + Math.max(0, view.spec.startupMs - limitMs);
  const last = Math.max(told, view.gapEndedAt ?? 0);
  const heardUntil = Math.min(now, (view.seenAt ?? now) + spokenOfMs);
  const silentMs = heardUntil - last;
  if (silentMs <= limitMs) return [];
  const held = heldLock(view, now);
  return [
    finding(view, now, {
      kind: "heartbeat-missed",
      severity: "critical",
      summary: `${view.spec.key} runs but has given no heartbeat for ${Math.round(silentMs / 1000)} s (allowed: ${limitMs / 1000} s)`,
      beganAt: told,
      evidence: [
        ...changesBefore(view, last),
        ...childrenEnded(view, last),
        ...deadLocks(view).map(lockEvidence),
        {
          at: now,
          what: "check",
          summary:
            view.heartbeatAt === null
              ? "no heartbeat since it started"
              : `last heartbeat ${seconds(now - view.heartbeatAt)} ago${held === null ? "" : `; ${held}`}`,
        },
      ],
    }),
  ];
}
