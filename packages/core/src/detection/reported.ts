// What others have judged already: exceptions, guards that tripped, faults reported from outside. Over after their silence.
import type { TimeMs } from "../signal/index.ts";
import type { Finding, Severity } from "./finding.ts";
import { finding } from "./make.ts";
import type { TargetView } from "./view.ts";

/** An error group or a guard's trip is over when nothing was heard of it for this long. */
export const quietMs = 60_000;

export function errorsSeen(view: TargetView, now: TimeMs): Finding[] {
  const findings: Finding[] = [];
  for (const [group, seen] of view.errors) {
    if (now - seen.at > quietMs) continue;
    findings.push(
      finding(view, now, {
        kind: "error",
        distinguisher: group,
        severity: "medium",
        summary: `${seen.error.name}: ${seen.error.message}`.slice(0, 300),
        beganAt: seen.since,
        certainty: "witnessed",
        events: seen.events,
        evidence: [
          {
            at: seen.at,
            what: "error",
            summary: `${seen.origin}: ${seen.error.name}: ${seen.error.message}`.slice(0, 300),
            ...(seen.error.stack === null ? {} : { text: seen.error.stack.slice(0, 8_000) }),
          },
        ],
      }),
    );
  }
  return findings;
}

export function guardsTripped(view: TargetView, now: TimeMs): Finding[] {
  return [...view.trips]
    .filter(([, trip]) => now - trip.at <= quietMs)
    .map(([key, trip]) =>
      finding(view, now, {
        kind: "guard-tripped",
        distinguisher: key,
        severity: "low",
        summary: `${view.spec.key}: ${trip.summary}`,
        beganAt: trip.since,
        certainty: "witnessed",
        events: trip.events,
      }),
    );
}

export function reportedFaults(view: TargetView, now: TimeMs): Finding[] {
  return [...view.reported.values()]
    .filter((entry) => entry.finding.kind !== "signals-lost" || now - entry.at <= quietMs)
    .map(({ finding: reported, since, events }) =>
      finding(view, now, {
        kind: reported.kind,
        distinguisher: reported.distinguisher,
        severity: reported.severity satisfies Severity,
        summary: reported.summary,
        beganAt: since,
        events,
      }),
    );
}
