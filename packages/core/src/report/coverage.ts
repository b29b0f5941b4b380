// Coverage of the four layers: the share of known failure modes (the catalogue's, and every issue that has occurred) whose
// drill or incident showed that layer at work. Proof is a drill that passed within the last 30 days, or an incident.
// A claim that was imported proves nothing and, until it occurs here, is no known mode of this system.
import type { Incident, Issue, IssueId } from "../issue/index.ts";
import type { Severity } from "../detection/index.ts";
import type { TimeMs } from "../signal/index.ts";
import { rate, type Rate } from "./kpis.ts";

export const layers = ["detection", "prevention", "repair", "monitoring"] as const;
export type Layer = (typeof layers)[number];

/** What must exist in each layer, each real. */
export const layerParts: Readonly<Record<Layer, readonly string[]>> = {
  detection: ["health check monitors", "metric collectors", "log analysers", "anomaly detectors"],
  prevention: ["input validators", "circuit breakers", "rate limiters", "resource bounds"],
  repair: ["auto-recovery", "fallback strategies", "graceful degradation", "manual intervention triggers"],
  monitoring: ["Prometheus metrics", "Grafana dashboards", "alert manager", "log aggregation"],
};

/** A passing drill is proof for this long, ms. */
export const drillProofMs = 30 * 86_400_000;

/** A failure mode of the catalogue, as far as a report needs it. */
export interface CatalogueMode {
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly rootCause: string;
  /** What is done about it: its guard and its remedy, in words; null: there is none. */
  readonly solution: string | null;
}

/** One run of a drill, as far as coverage and evidence need it. */
export interface DrillProof {
  readonly drill: string;
  readonly run: string;
  readonly at: TimeMs;
  readonly passed: boolean;
  /** Layers that the run showed at work; counts only when it passed. */
  readonly shows: readonly Layer[];
  readonly detectionMs: number | null;
  readonly repairMs: number | null;
  /** From detection to the start of the healthy stretch. */
  readonly recoveryMs: number | null;
  readonly summary: string;
}

export interface LayerProof {
  readonly proved: boolean;
  /** Id of the drill run or the incident. */
  readonly by: string | null;
  readonly at: TimeMs | null;
}

export interface ModeCoverage {
  readonly id: string;
  readonly title: string;
  readonly origin: "catalogue" | "issue";
  readonly layers: Readonly<Record<Layer, LayerProof>>;
}

export interface Coverage {
  readonly layers: readonly (Rate & { readonly name: Layer })[];
  readonly modes: readonly ModeCoverage[];
}

export interface CoverageInput {
  readonly now: TimeMs;
  readonly catalogue: readonly CatalogueMode[];
  readonly drills: readonly DrillProof[];
  readonly issues: readonly Issue[];
  readonly incidents: readonly Incident[];
  /** Incidents for which a notification was delivered. */
  readonly notified: ReadonlySet<string>;
}

export function coverage(input: CoverageInput): Coverage {
  const incidents = new Map<IssueId, Incident[]>();
  for (const incident of input.incidents) {
    const known = incidents.get(incident.issue);
    if (known === undefined) incidents.set(incident.issue, [incident]);
    else known.push(incident);
  }
  const fresh = input.drills.filter((drill) => drill.passed && drill.at > input.now - drillProofMs);
  const modes: ModeCoverage[] = [
    ...input.catalogue.map((mode): ModeCoverage => ({
      id: mode.id,
      title: mode.title,
      origin: "catalogue",
      layers: proofs((layer) =>
        newest(fresh.filter((drill) => drill.drill === mode.id && drill.shows.includes(layer)).map(asProof)),
      ),
    })),
    ...input.issues
      .filter((issue) => issue.mergedInto === null && hasOccurred(issue))
      .map((issue): ModeCoverage => ({
        id: issue.id,
        title: issue.title,
        origin: "issue",
        layers: proofs((layer) =>
          newest(
            (incidents.get(issue.id) ?? [])
              .filter((incident) => incident.verdict !== "noise" && shows(incident, layer, input.notified))
              .map((incident) => ({ by: incident.id, at: incident.recoveredAt ?? incident.detectedAt })),
          ),
        ),
      })),
  ];
  return {
    layers: layers.map((name) => ({
      name,
      ...rate(modes.filter((mode) => mode.layers[name].proved).length, modes.length),
    })),
    modes,
  };
}

/** An imported claim is a mode of this system from its first incident here on. */
export function hasOccurred(issue: Issue): boolean {
  return issue.origin === "found" || issue.incident !== null;
}

/**
 * What an incident's record shows. Detection: it was found here, not told by a person. Prevention: a guard inside the
 * application tripped. Repair: a repair brought it back, verified. Monitoring: measurements of it were kept (a sample, a log
 * line, a check), or somebody was notified.
 */
export function shows(incident: Incident, layer: Layer, notified: ReadonlySet<string>): boolean {
  switch (layer) {
    case "detection":
      return true;
    case "prevention":
      return incident.kind === "guard-tripped";
    case "repair":
      return (
        incident.outcome === "recovered" && (incident.recoveredBy === "repair" || incident.recoveredBy === "cause")
      );
    case "monitoring":
      return (
        notified.has(incident.id) ||
        incident.evidence.some(({ what }) => ["sample", "log", "check", "stall", "heap"].includes(what))
      );
    default:
      return layer satisfies never;
  }
}

function proofs(of: (layer: Layer) => LayerProof): Record<Layer, LayerProof> {
  return {
    detection: of("detection"),
    prevention: of("prevention"),
    repair: of("repair"),
    monitoring: of("monitoring"),
  };
}

function asProof(drill: DrillProof): { readonly by: string; readonly at: TimeMs } {
  return { by: drill.run, at: drill.at };
}

function newest(found: readonly { readonly by: string; readonly at: TimeMs }[]): LayerProof {
  const last = found.reduce<(typeof found)[number] | null>((a, b) => (a === null || b.at > a.at ? b : a), null);
  return last === null ? { proved: false, by: null, at: null } : { proved: true, ...last };
}
