// What others have judged already: exceptions, guards that tripped, faults reported from outside. Over after their silence.
import type { ErrorContext, ErrorFacts, ReportedFinding, TimeMs } from "../signal/index.ts";
import type { Finding, Json, Severity } from "./finding.ts";
import { finding } from "./make.ts";
import type { TargetView } from "./view.ts";

/** An error group or a guard's trip is over when nothing was heard of it for this long. */
export const quietMs = 60_000;
/** A fault reported from outside without an end is over when it was not repeated for this long. */
export const reportedMsMax = 24 * 3_600_000;

export function errorsSeen(view: TargetView, now: TimeMs): Finding[] {
  const findings: Finding[] = [];
  for (const [group, seen] of view.errors) {
    if (now - seen.at > quietMs) continue;
    findings.push(
      finding(view, now, {
        kind: "error",
        distinguisher: group,
        severity: "medium",
        summary: seen.group.title,
        beganAt: seen.since,
        lastAt: seen.at,
        grouping: { basis: seen.group.basis, why: seen.group.why },
        ...(seen.context?.release === undefined ? {} : { release: seen.context.release }),
        certainty: "witnessed",
        events: seen.events,
        evidence: [
          {
            at: seen.at,
            what: "error",
            summary: `${seen.origin}: ${seen.error.name}: ${seen.error.message}`.slice(0, 300),
            ...(seen.error.stack === null ? {} : { text: seen.error.stack.slice(0, 8_000) }),
            ...dataOf(seen.context, seen.error),
          },
        ],
      }),
    );
  }
  return findings;
}

function dataOf(context: ErrorContext | null, error: ErrorFacts): { readonly data?: Json } {
  if (context === null && error.fields === undefined) return {};
  return {
    data: {
      ...(context === null ? {} : (contextOf(context) as { readonly [key: string]: Json })),
      ...(error.fields === undefined ? {} : { fields: error.fields }),
    },
  };
}

/** What was known beside the error, as evidence; its frames are in the text already. */
function contextOf({ exceptions: _frames, ...context }: ErrorContext): Json {
  return context as unknown as Json;
}

/** When a reported fault counts as over although nobody said so: the end its sender named, or a day of silence. */
function endOfReport(entry: { readonly finding: ReportedFinding; readonly at: TimeMs }): TimeMs {
  if (entry.finding.kind === "signals-lost") return entry.at + quietMs;
  return entry.finding.endsAt ?? entry.at + reportedMsMax;
}

/** Why a fault is no longer seen, in words for the record. */
export function whyGone(view: TargetView | undefined, kind: string, distinguisher: string, now: TimeMs): string {
  const entry = view?.reported.get(`${kind} ${distinguisher}`);
  return entry !== undefined && entry.finding.kind !== "signals-lost" && now >= endOfReport(entry)
    ? `its sender never said that it was over; ${entry.finding.endsAt === undefined ? "it has been silent for a day" : "the end that it had named has passed"}`
    : "the fault is no longer seen";
}

export function reportedFaults(view: TargetView, now: TimeMs): Finding[] {
  return [...view.reported.values()]
    .filter((entry) => now < endOfReport(entry))
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
