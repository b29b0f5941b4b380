// The status report as data: summary, matrix, one section per issue with its evidence and dates, KPIs against their
// targets, next actions. Rendering to Markdown, HTML or JSON is somebody else's; the figures all come from here.
import type { Incident, Issue, IssueStatus } from "../issue/index.ts";
import type { Settings, Standing } from "../ports.ts";
import type { Remedy, Repair } from "../repair/index.ts";
import type { TimeMs } from "../signal/index.ts";
import { kpis, type Kpis, type Records } from "./kpis.ts";

export interface StatusReport {
  readonly at: TimeMs;
  readonly from: TimeMs;
  readonly to: TimeMs;
  readonly summary: {
    readonly total: number;
    readonly byStatus: Readonly<Record<IssueStatus, number>>;
    readonly needsPerson: number;
    readonly selfHealingActive: number;
  };
  readonly issues: readonly IssueReport[];
  readonly production: Kpis;
  readonly drills: Kpis;
  readonly targets: readonly KpiTarget[];
  readonly nextActions: readonly string[];
}

export interface IssueReport {
  readonly issue: Issue;
  readonly incidents: readonly Incident[];
  /** When it was shown to be fixed, by which incident; null: nothing shows it. */
  readonly evidence: { readonly at: TimeMs; readonly incident: string; readonly by: string } | null;
}

export interface KpiTarget {
  readonly name: string;
  readonly target: string;
  readonly value: string;
  readonly met: boolean | null;
}

export interface ReportInput {
  readonly at: TimeMs;
  readonly issues: readonly Issue[];
  readonly records: Records;
  readonly repairs: readonly Repair[];
  readonly remedies: readonly Remedy[];
  readonly standings: readonly Standing[];
  readonly settings: Settings;
}

export function statusReport(input: ReportInput): StatusReport {
  const production = kpis(input.records, false);
  const byStatus = { pending: 0, "in-progress": 0, fixed: 0, ignored: 0, snoozed: 0 };
  for (const issue of input.issues) byStatus[issue.status] += 1;
  const issues = input.issues.map((issue): IssueReport => {
    const incidents = input.records.incidents.filter((incident) => incident.issue === issue.id);
    const proof = incidents
      .filter((incident) => incident.outcome === "recovered" && incident.recoveredAt !== null)
      .sort((a, b) => (b.recoveredAt ?? 0) - (a.recoveredAt ?? 0))[0];
    return {
      issue,
      incidents,
      evidence:
        proof === undefined ? null : { at: proof.recoveredAt ?? 0, incident: proof.id, by: proof.recoveredBy ?? "" },
    };
  });
  return {
    at: input.at,
    from: input.records.from,
    to: input.records.to,
    summary: {
      total: input.issues.length,
      byStatus,
      needsPerson: input.issues.filter((issue) => issue.needsPerson !== null).length,
      selfHealingActive: input.issues.filter((issue) => issue.selfHealing === "active").length,
    },
    issues,
    production,
    drills: kpis(input.records, true),
    targets: againstTargets(production),
    nextActions: nextActions(input, production),
  };
}

/** The report's KPI targets (catalogue.md), beside what was measured. */
export function againstTargets(of: Kpis): KpiTarget[] {
  const share = (value: number | null, digits = 1): string =>
    value === null ? "no data" : `${(value * 100).toFixed(digits)} %`;
  const time = (value: number | null): string =>
    value === null ? "no data" : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
  const row = (name: string, target: string, value: string, met: boolean | null): KpiTarget => ({
    name,
    target,
    value,
    met,
  });
  const counted = (text: string, { count, of: total }: { readonly count: number; readonly of: number }): string =>
    total === 0 ? text : `${text} (${count} of ${total})`;
  const limit = (value: number | null, holds: (value: number) => boolean): boolean | null =>
    value === null ? null : holds(value);
  return [
    row(
      "availability",
      "99.9 %",
      share(of.availability.share, 3),
      limit(of.availability.share, (value) => value >= 0.999),
    ),
    row(
      "error rate",
      "< 2 %",
      counted(share(of.errorRate.share, 2), of.errorRate),
      limit(of.errorRate.share, (value) => value < 0.02),
    ),
    row(
      "response time p95",
      "< 3 s",
      time(of.latencyMsP95),
      limit(of.latencyMsP95, (value) => value < 3_000),
    ),
    row(
      "memory",
      "< 2 GB",
      of.memoryBytesMax === null ? "no data" : `${(of.memoryBytesMax / 1e6).toFixed(0)} MB`,
      limit(of.memoryBytesMax, (value) => value < 2e9),
    ),
    row(
      "CPU",
      "< 70 %",
      share(of.cpuShareMean, 0),
      limit(of.cpuShareMean, (value) => value < 0.7),
    ),
    row(
      "auto-recovery rate",
      "> 80 %",
      counted(share(of.autoRecovery.share), of.autoRecovery),
      limit(of.autoRecovery.share, (value) => value > 0.8),
    ),
    row(
      "detection time (median)",
      "< 1 min",
      time(of.detection.p50Ms),
      limit(of.detection.p50Ms, (value) => value < 60_000),
    ),
    row(
      "repair time (median)",
      "< 5 min",
      time(of.repair.p50Ms),
      limit(of.repair.p50Ms, (value) => value < 300_000),
    ),
    row(
      "false-positive rate",
      "< 5 %",
      counted(share(of.falsePositives.share), of.falsePositives),
      limit(of.falsePositives.share, (value) => value < 0.05),
    ),
  ];
}

function nextActions(input: ReportInput, of: Kpis): string[] {
  const actions: string[] = [];
  if (input.settings.paused !== null)
    actions.push(`Repairs are paused by ${input.settings.paused.by} (${input.settings.paused.why}): resume when done.`);
  if (input.settings.storm !== null) actions.push(`Storm mode holds repairs: ${input.settings.storm.why}`);
  for (const issue of input.issues)
    if (issue.needsPerson !== null) actions.push(`${issue.id} needs a person: ${issue.needsPerson}`);
  for (const repair of input.repairs)
    if (repair.state.name === "proposed")
      actions.push(`${repair.id} (${repair.remedy.name} on ${repair.target}) waits for a decision.`);
  for (const standing of input.standings) {
    if (standing.demotedTo !== null)
      actions.push(`Remedy ${standing.remedy} was demoted to ${standing.demotedTo}: ${standing.why ?? ""}`);
    else if (standing.recurred >= 2)
      actions.push(`Remedy ${standing.remedy} recurred ${standing.recurred} times: it treats the symptom.`);
  }
  for (const issue of input.issues)
    if (issue.status === "pending" && issue.origin === "imported")
      actions.push(`${issue.id} is pending without evidence: ${issue.title}`);
  for (const target of againstTargets(of))
    if (target.met === false) actions.push(`${target.name} is ${target.value}, target ${target.target}.`);
  return actions;
}
