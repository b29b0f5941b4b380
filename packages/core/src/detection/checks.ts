// Checks that fail. A dependency that Prunella does not run is given time before a person is called; a service whose own calls
// fail at the same time is probably sound itself, and gets as long.
import type { TimeMs } from "../signal/index.ts";
import { failingCalls } from "./calls.ts";
import { changesBefore, childrenEnded } from "./changes.ts";
import type { Finding } from "./finding.ts";
import { eventLoopBlocked } from "./loop.ts";
import { establishes, finding, median } from "./make.ts";
import type { TargetView } from "./view.ts";

/** A dependency that Prunella does not run must be gone this long before a person is called. */
export const dependencyRipeMs = 30_000;
/** Answers of a dependency's check that became this many times, and this many ms, slower than they were. */
const slowerTimes = 4;
const slowerMs = 200;

export function checksFailing(view: TargetView, now: TimeMs): Finding[] {
  // A process that is down or blocked fails its checks by necessity; that is one fault, not two.
  if (view.spec.kind === "service" && view.process?.running !== true) return [];
  if (eventLoopBlocked(view, now).length > 0) return [];
  const findings: Finding[] = [];
  for (const role of view.spec.checks) {
    const check = view.checks.get(role.name);
    if (check === undefined || role.role !== "liveness") continue;
    const external = view.spec.kind === "external";
    // A service that answers every other time is of no more use than one that is silent for a while; of a dependency that
    // blinks nobody is called.
    const flapping = !check.failing && !external && check.flappingSince !== null;
    if (!check.failing && !flapping) continue;
    const failures = check.recent.filter((ok) => !ok).length;
    const onset = (flapping ? check.flappingSince : check.failingSince) ?? now;
    const failingMs = now - onset;
    const calls = external ? [] : failingCalls(view, now);
    const ripe = failingMs >= dependencyRipeMs || !(external || calls.length > 0);
    findings.push(
      finding(view, now, {
        kind: external ? "dependency-down" : "unhealthy",
        distinguisher: role.name,
        severity: ripe ? "critical" : "medium",
        summary: external
          ? `${view.spec.key} does not answer: ${check.message}`
          : flapping
            ? `${view.spec.key} runs but fails its check ${role.name} again and again: ${check.failure}`
            : `${view.spec.key} runs but fails its check ${role.name}: ${check.message}`,
        beganAt: check.okAt ?? onset,
        ripe,
        evidence: [
          ...(external ? [] : [...changesBefore(view, onset), ...childrenEnded(view, onset)]),
          ...calls.map((call) =>
            establishes(
              call.isName ? "name-resolution" : "dependency",
              {
                at: now,
                what: "call",
                summary: `its calls to ${call.address} fail${call.lastError === null ? "" : `: ${call.lastError}`}`,
              },
              { address: call.address },
            ),
          ),
          {
            at: check.at,
            what: "check",
            summary: flapping
              ? `${role.name}: ${check.failure} (${failures} of the last ${check.recent.length} failed)`
              : `${role.name}: ${check.message} (${check.failuresInRow} failures in a row)`,
          },
        ],
      }),
    );
  }
  return findings;
}

/** A dependency that answers its check, but much more slowly than it did. */
export function dependencySlow(view: TargetView, now: TimeMs): Finding[] {
  if (view.spec.kind !== "external") return [];
  for (const role of view.spec.checks) {
    const times = view.gathered.checkTimes.get(role.name) ?? [];
    const recent = times.slice(-3);
    const past = times.slice(0, -5);
    const newest = recent.at(-1);
    if (recent.length < 3 || past.length < 5 || newest === undefined || now - newest.at > 3 * role.everyMs + 2_000)
      continue;
    const before = median(past.map((each) => each.latencyMs));
    const limit = Math.max(slowerTimes * before, before + slowerMs);
    if (!recent.every((each) => each.latencyMs > limit)) continue;
    const took = median(recent.map((each) => each.latencyMs));
    return [
      finding(view, now, {
        kind: "dependency-slow",
        distinguisher: role.name,
        class: "performance",
        severity: "medium",
        summary: `${view.spec.key} answers its check in ${Math.round(took)} ms, before in ${Math.round(before)} ms`,
        beganAt: recent[0]?.at ?? now,
        ripe: false,
        evidence: [
          establishes("dependency", {
            at: newest.at,
            what: "check",
            summary: `${role.name}: ${Math.round(took)} ms against ${Math.round(before)} ms before`,
          }),
        ],
      }),
    ];
  }
  return [];
}
