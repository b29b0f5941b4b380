// The status report as data: summary, matrix, one section per issue with its evidence and dates, layers with their coverage,
// KPIs beside their targets and the period before, long runs, next actions. Rendering is somebody else's; every figure comes
// from here, and none is typed in.
import type { Severity } from "../detection/index.ts";
import { claimOf, type Claim, type Incident, type Issue } from "../issue/index.ts";
import type { TargetKey, TargetSpec, TimeMs } from "../signal/index.ts";
import type { Settings, Standing } from "../ports.ts";
import type { Remedy, Repair } from "../repair/index.ts";
import { nextActions, type NextAction } from "./actions.ts";
import {
  coverage,
  hasOccurred,
  layerParts,
  type CatalogueMode,
  type DrillProof,
  type Layer,
  type ModeCoverage,
} from "./coverage.ts";
import { drillProof, standingOf, type Proof, type ProvenStatus } from "./evidence.ts";
import { againstTargets, type KpiRow } from "./kpi-rows.ts";
import { durations, kpis, rate, type Kpis, type Rate, type Records } from "./kpis.ts";
import type { SloStanding } from "./slo.ts";

/** A long run that was recorded: a stress run in simulated time, or a soak or load run with real processes. */
export interface LongRun {
  readonly kind: "stress" | "soak" | "load";
  readonly at: TimeMs;
  /** Time covered: simulated for stress, real for the others, ms. */
  readonly coveredMs: number;
  readonly passed: boolean;
  readonly summary: string;
  /** Figures to show, in order. */
  readonly figures: readonly { readonly name: string; readonly value: string }[];
  /** What it counted, so that shares and their intervals are computed here and not claimed by the run. */
  readonly rates: readonly { readonly name: string; readonly count: number; readonly of: number }[];
  /** The command that repeats it. */
  readonly command: string;
}

export interface ReportInput {
  readonly at: TimeMs;
  readonly records: Records;
  /** Records of the period before; null: no comparison. */
  readonly before: Records | null;
  readonly issues: readonly Issue[];
  /** Every incident on file of these issues (the newest ten thousand), whatever their time. */
  readonly incidents: readonly Incident[];
  readonly notified: ReadonlySet<string>;
  readonly targets: ReadonlyMap<TargetKey, TargetSpec>;
  readonly remedies: readonly Remedy[];
  readonly repairs: readonly Repair[];
  readonly standings: readonly Standing[];
  readonly settings: Settings;
  readonly catalogue: readonly CatalogueMode[];
  readonly drills: readonly DrillProof[];
  readonly slos: readonly SloStanding[];
  readonly longRuns: readonly LongRun[];
}

export interface MatrixRow {
  readonly id: string;
  readonly origin: "found" | "imported" | "catalogue";
  readonly severity: Severity;
  readonly title: string;
  readonly target: TargetKey | null;
  readonly status: ProvenStatus["status"];
  readonly regressed: boolean;
  /** Why the status is not what the record or a claim says; null when they agree. */
  readonly remark: string | null;
  readonly selfHealing: Issue["selfHealing"];
  readonly rootCause: string | null;
  readonly solution: string | null;
  readonly occurrences: number;
  readonly proof: Proof | null;
}

export interface IssueSection {
  readonly row: MatrixRow;
  readonly issue: Issue;
  readonly claim: Claim | null;
  /** Its incidents in the period, newest first, at most incidentsShownMax. */
  readonly incidents: readonly Incident[];
  readonly incidentsInPeriod: number;
}

export interface StatusReport {
  readonly at: TimeMs;
  readonly from: TimeMs;
  readonly to: TimeMs;
  /** The period compared with; null: none. */
  readonly previous: { readonly from: TimeMs; readonly to: TimeMs } | null;
  readonly summary: {
    readonly total: number;
    readonly byStatus: Readonly<Record<ProvenStatus["status"], number>>;
    readonly needsPerson: number;
    readonly selfHealingActive: number;
    readonly incidents: number;
    readonly incidentsBefore: number | null;
    /** Coverage of the repair layer. */
    readonly selfHealingCoverage: Rate;
    /** What was seen at work in the period, with the count that shows it. */
    readonly automatedDetection: number;
    readonly automatedRepair: number;
    readonly monitoring: Rate;
  };
  readonly matrix: readonly MatrixRow[];
  readonly catalogue: readonly MatrixRow[];
  readonly issues: readonly IssueSection[];
  /** Issues that have a row but no section, because there are more than sectionsMax. */
  readonly sectionsLeftOut: number;
  readonly layers: readonly (Rate & { readonly name: Layer; readonly parts: readonly string[] })[];
  readonly modes: readonly ModeCoverage[];
  readonly production: Kpis;
  readonly drills: Kpis;
  readonly kpis: readonly KpiRow[];
  readonly drillKpis: readonly KpiRow[];
  readonly slos: readonly SloStanding[];
  readonly longRuns: readonly LongRun[];
  readonly nextActions: readonly NextAction[];
}

/** Issues with a section of their own, and incidents listed in one. */
export const sectionsMax = 500;
export const incidentsShownMax = 20;

export function statusReport(input: ReportInput): StatusReport {
  const { records, before } = input;
  const production = kpis(records, false);
  const productionBefore = before === null ? null : kpis(before, false);
  const drills = ofDrills(records, input.drills);
  const drillsBefore = before === null ? null : ofDrills(before, input.drills);
  const byIssue = new Map<string, Incident[]>();
  for (const incident of input.incidents) {
    const known = byIssue.get(incident.issue);
    if (known === undefined) byIssue.set(incident.issue, [incident]);
    else known.push(incident);
  }
  const shown = input.issues.filter((issue) => issue.mergedInto === null).sort(byImportance);
  const sections = shown.map((issue) => sectionOf(issue, byIssue.get(issue.id) ?? [], input));
  const matrix = sections.map(({ row }) => row);
  const byStatus = { pending: 0, "in-progress": 0, fixed: 0, ignored: 0, snoozed: 0 };
  for (const row of matrix) byStatus[row.status] += 1;
  const covered = coverage({
    now: input.at,
    catalogue: input.catalogue,
    drills: input.drills,
    issues: input.issues,
    incidents: input.incidents,
    notified: input.notified,
  });
  const rows = againstTargets(production, productionBefore);
  const none = rate(0, 0);
  const inPeriod = records.incidents.filter((incident) => !incident.drill);
  return {
    at: input.at,
    from: records.from,
    to: records.to,
    previous: before === null ? null : { from: before.from, to: before.to },
    summary: {
      total: matrix.length,
      byStatus,
      needsPerson: shown.filter((issue) => issue.needsPerson !== null && issue.status !== "ignored").length,
      selfHealingActive: matrix.filter((row) => row.selfHealing === "active").length,
      incidents: inPeriod.length,
      incidentsBefore: before === null ? null : before.incidents.filter((incident) => !incident.drill).length,
      selfHealingCoverage: covered.layers.find(({ name }) => name === "repair") ?? none,
      automatedDetection: inPeriod.length,
      automatedRepair: inPeriod.filter((incident) => incident.recoveredBy === "repair").length,
      monitoring: covered.layers.find(({ name }) => name === "monitoring") ?? none,
    },
    matrix,
    catalogue: input.catalogue.map((mode) => catalogueRow(mode, input)),
    issues: sections.slice(0, sectionsMax),
    sectionsLeftOut: Math.max(0, sections.length - sectionsMax),
    layers: covered.layers.map((layer) => ({ ...layer, parts: layerParts[layer.name] })),
    modes: covered.modes,
    production,
    drills,
    kpis: rows,
    // Drills say nothing of availability or load; only what they time is shown.
    drillKpis: againstTargets(drills, drillsBefore).filter((row) => row.group === "self-healing"),
    slos: input.slos,
    longRuns: input.longRuns,
    nextActions: nextActions({
      now: input.at,
      issues: input.issues,
      targets: input.targets,
      remedies: input.remedies,
      repairs: input.repairs,
      standings: input.standings,
      settings: input.settings,
      catalogue: input.catalogue,
      drills: input.drills,
      slos: input.slos,
      kpis: rows,
      claimsWithoutEvidence: sections
        .filter(({ claim, row }) => claim !== null && row.proof === null)
        .map(({ row }) => row.id),
    }),
  };
}

/** KPIs of drills: incidents here that a drill made, and the runs of drills in worlds of their own, each counted once. */
function ofDrills(records: Records, runs: readonly DrillProof[]): Kpis {
  const here = kpis(records, true);
  const own = runs.filter((run) => run.at >= records.from && run.at < records.to);
  if (own.length === 0) return here;
  const times = (of: (run: DrillProof) => number | null): number[] =>
    own.flatMap((run) => {
      const ms = of(run);
      return ms === null ? [] : [ms];
    });
  return {
    ...here,
    autoRecovery: rate(own.filter((run) => run.passed).length, own.length),
    detection: durations(times((run) => run.detectionMs)),
    repair: durations(times((run) => run.repairMs)),
  };
}

function sectionOf(issue: Issue, incidents: readonly Incident[], input: ReportInput): IssueSection {
  const claim = claimOf(issue);
  const { status, remark, proof } = standingOf(issue, incidents, input.drills, input.at, claim?.status ?? null);
  const own = incidents
    .filter((incident) => incident.detectedAt >= input.records.from && incident.detectedAt < input.records.to)
    .sort((a, b) => b.detectedAt - a.detectedAt);
  return {
    row: {
      id: issue.id,
      origin: issue.origin,
      severity: issue.severity,
      title: issue.title,
      target: hasOccurred(issue) ? issue.target : null,
      status,
      regressed: issue.regressed,
      remark,
      selfHealing: issue.selfHealing,
      rootCause: issue.rootCause,
      solution: issue.solution,
      occurrences: issue.occurrences,
      proof,
    },
    issue,
    claim,
    incidents: own.slice(0, incidentsShownMax),
    incidentsInPeriod: own.length,
  };
}

function catalogueRow(mode: CatalogueMode, input: ReportInput): MatrixRow {
  const proof = drillProof(mode.id, input.drills, input.at);
  const last = input.drills.filter((run) => run.drill === mode.id).sort((a, b) => b.at - a.at)[0];
  return {
    id: mode.id,
    origin: "catalogue",
    severity: mode.severity,
    title: mode.title,
    target: null,
    status: proof === null ? "pending" : "fixed",
    regressed: last !== undefined && !last.passed && proof !== null,
    remark:
      proof !== null && last !== undefined && !last.passed
        ? "its last drill failed"
        : proof === null && last === undefined
          ? "no drill has run"
          : proof === null
            ? "no drill has passed within 30 days"
            : null,
    selfHealing: mode.solution === null ? "none" : proof === null ? "planned" : "active",
    rootCause: mode.rootCause,
    solution: mode.solution,
    occurrences: 0,
    proof,
  };
}

/** What needs somebody first, then by severity, then by id as people count (CRIT-2 before CRIT-10). */
function byImportance(a: Issue, b: Issue): number {
  const rank = { critical: 0, medium: 1, low: 2 };
  const [aPrefix = "", aNumber = "0"] = a.id.split("-");
  const [bPrefix = "", bNumber = "0"] = b.id.split("-");
  return (
    rank[a.severity] - rank[b.severity] ||
    (aPrefix < bPrefix ? -1 : aPrefix > bPrefix ? 1 : 0) ||
    Number(aNumber) - Number(bNumber)
  );
}
