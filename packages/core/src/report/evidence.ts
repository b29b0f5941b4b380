// What shows that a failure mode is dealt with, and since when: an incident that was watched healthy to the end of its window,
// or a drill that passed. Somebody's word, here or in an imported report, shows nothing.
import type { Incident, Issue } from "../issue/index.ts";
import type { TimeMs } from "../signal/index.ts";
import { drillProofMs, type DrillProof } from "./coverage.ts";

export interface Proof {
  readonly at: TimeMs;
  readonly kind: "incident" | "drill";
  /** Id of the incident or the drill run. */
  readonly by: string;
  readonly text: string;
}

/** The status as the evidence has it, beside the one on file. */
export interface ProvenStatus {
  readonly status: "fixed" | "pending" | "in-progress" | "ignored" | "snoozed";
  /** Why the report says something else than the record or the claim; null when they agree. */
  readonly remark: string | null;
  readonly proof: Proof | null;
}

/** The newest verified recovery of an issue; null when there is none. */
export function incidentProof(incidents: readonly Incident[]): Proof | null {
  const last = incidents
    .filter((incident) => incident.outcome === "recovered" && incident.recoveredAt !== null)
    .sort((a, b) => (b.recoveredAt ?? 0) - (a.recoveredAt ?? 0))[0];
  if (last === undefined) return null;
  const who = {
    repair: `repaired (${last.remedy ?? "by hand"}) and watched healthy`,
    cause: "its cause was repaired, and it was watched healthy",
    person: "a person dealt with it, and it was watched healthy",
    itself: "it passed by itself, and was watched healthy",
  }[last.recoveredBy ?? "itself"];
  return { at: last.recoveredAt ?? last.detectedAt, kind: "incident", by: last.id, text: `${last.id}: ${who}` };
}

/** The newest passing run of a drill that still counts; null when there is none. */
export function drillProof(drill: string, runs: readonly DrillProof[], now: TimeMs): Proof | null {
  const last = runs
    .filter((run) => run.drill === drill && run.passed && run.at > now - drillProofMs)
    .sort((a, b) => b.at - a.at)[0];
  return last === undefined ? null : { at: last.at, kind: "drill", by: last.run, text: `${last.run}: ${last.summary}` };
}

/**
 * "fixed" needs proof: of the incidents on file, or, for a claim under an id of the catalogue, of that mode's drill. A proof
 * older than the last occurrence is none.
 */
export function standingOf(
  issue: Issue,
  incidents: readonly Incident[],
  drills: readonly DrillProof[],
  now: TimeMs,
  claimed: string | null,
): ProvenStatus {
  const open = incidents.some((incident) => incident.state !== "ended");
  const proof = open
    ? null
    : (incidentProof(incidents) ?? (claimed === null ? null : drillProof(issue.id, drills, now)));
  if (claimed !== null && issue.status === "pending") {
    if (proof !== null) return { status: "fixed", remark: null, proof };
    return {
      status: "pending",
      remark: claimed === "pending" ? null : `claimed ${claimed}; nothing here shows it`,
      proof,
    };
  }
  if (issue.status !== "fixed") return { status: issue.status, remark: null, proof };
  if (proof !== null) return { status: "fixed", remark: null, proof };
  return { status: "pending", remark: "called fixed by a person; nothing here shows it", proof };
}
