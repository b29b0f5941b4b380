// The detectors: from a target's view to the whole set of findings that hold now. Pure and level-triggered: the same view
// and time give the same set. Each family is a file; the list here is the table of what Prunella finds.
import type { TimeMs } from "../signal/index.ts";
import { callsFailing, callsSlow } from "./calls.ts";
import { checksFailing, dependencySlow } from "./checks.ts";
import { configBad } from "./configuration.ts";
import { diskFilling } from "./disk.ts";
import { clockSkew, expiring } from "./expiry.ts";
import type { Finding } from "./finding.ts";
import { factsOfKind, speaksAgainstHealth } from "./kinds.ts";
import { staleLock } from "./locks.ts";
import { eventLoopBlocked } from "./loop.ts";
import { finding, type Detector } from "./make.ts";
import { memoryLeak } from "./memory.ts";
import { processDown } from "./process.ts";
import { queueGrowth } from "./queue.ts";
import { gcPressure, logFlood } from "./excess.ts";
import { guardsTripped } from "./guards.ts";
import { errorsSeen, reportedFaults } from "./reported.ts";
import { errorRate, highLatency } from "./requests.ts";
import { descriptorLeak, poolExhausted, tooManyThreads, zombieChildren } from "./resources.ts";
import { slosBurning } from "./slo.ts";
import type { TargetView } from "./view.ts";
import { heartbeatMissed } from "./work.ts";

/** Shipped detectors, in the order in which their findings are listed. Plugins add to the end. */
export const detectors: Readonly<Record<string, Detector>> = {
  process: processDown,
  eventLoop: eventLoopBlocked,
  configuration: configBad,
  locks: staleLock,
  heartbeat: heartbeatMissed,
  memory: memoryLeak,
  descriptors: descriptorLeak,
  pools: poolExhausted,
  threads: tooManyThreads,
  children: zombieChildren,
  checks: checksFailing,
  slowDependency: dependencySlow,
  failingCalls: callsFailing,
  slowCalls: callsSlow,
  errorRate,
  latency: highLatency,
  queues: queueGrowth,
  disk: diskFilling,
  expiry: expiring,
  clock: clockSkew,
  errors: errorsSeen,
  guards: guardsTripped,
  garbage: gcPressure,
  logs: logFlood,
  reported: reportedFaults,
  slos: slosBurning,
};

const shipped = Object.entries(detectors);

/** All findings that hold, and the view's healthy stretch brought up to date. */
export function detect(view: TargetView, now: TimeMs, extra: readonly Detector[] = []): Finding[] {
  const findings: Finding[] = [];
  for (const [name, detector] of shipped) findings.push(...looked(name, detector, view, now));
  for (const [at, detector] of extra.entries()) findings.push(...looked(`plugin ${at + 1}`, detector, view, now));
  const fresh = view.seenAt !== null && now - view.seenAt <= staleMs(view);
  if (findings.some(isUnhealthy) || !fresh || !hasBeenSeenGood(view)) view.healthySince = null;
  else {
    view.healthySince ??= healthyFrom(view, now);
    view.goodAt = now;
  }
  return findings;
}

/** A detector that fails blinds itself and no other; that is a fault of Prunella's own, told where it shows. */
function looked(name: string, detector: Detector, view: TargetView, now: TimeMs): readonly Finding[] {
  try {
    return detector(view, now);
  } catch (error) {
    return [
      finding(view, now, {
        kind: "detector-failing",
        distinguisher: name,
        severity: "medium",
        summary: `the detector ${name} fails on ${view.spec.key}: ${error instanceof Error ? error.message : String(error)}`,
        beganAt: now,
        certainty: "witnessed",
      }),
    ];
  }
}

/** What may still pass by itself breaks no healthy stretch, unless by it the target is of no use meanwhile. */
function isUnhealthy(finding: Finding): boolean {
  return (finding.ripe || factsOfKind(finding.kind).disabling === "all") && speaksAgainstHealth(finding.kind);
}

/** After this silence nothing is known any more (invariant 9: no data is not health). */
export function staleMs(view: TargetView): number {
  const slowest = Math.max(1_000, ...view.spec.checks.map((check) => check.everyMs));
  return slowest * 3 + 2_000;
}

/** Every source of truth about the target has said "good" at least once since the process started. */
function hasBeenSeenGood(view: TargetView): boolean {
  if (view.spec.kind === "service" && view.process?.running !== true) return false;
  return view.spec.checks.every(
    (role) => role.role !== "liveness" || (view.checks.get(role.name)?.okAt ?? null) !== null,
  );
}

function healthyFrom(view: TargetView, now: TimeMs): TimeMs {
  const since = [
    view.process?.running === true ? view.process.since : 0,
    ...[...view.checks.values()].map((check) => check.okAt ?? 0),
  ];
  // The stretch begins with the latest of the conditions that had to become true, never in the future.
  return Math.min(now, Math.max(...since, 0) || now);
}
