// The status report as Markdown, in the form of the document people know: summary, matrix, a section per issue, layers, KPIs,
// next actions. Its matrix and sections can be imported again.
import type { Report, ReportKpi } from "@prunella/contract";
import { capital, healingText, partLines, statusText } from "./issues-markdown.ts";
import { escapeText, row } from "./markdown.ts";
import {
  countOf,
  date,
  evidenceText,
  layerTitles,
  metText,
  outcomeText,
  percent,
  rateText,
  shareOf,
  span,
  urgencies,
} from "./words.ts";

export function reportMarkdown(report: Report): string {
  return [
    "# Issue Tracking and Self-Healing System",
    "",
    `## Status Report - ${date(report.at)}`,
    "",
    `Period: ${date(report.from)} to ${date(report.to)}` +
      (report.previous === null ? "" : `, compared with ${date(report.previous.from)} to ${date(report.previous.to)}`),
    "",
    "---",
    "",
    ...summary(report),
    ...matrix(report),
    ...catalogue(report),
    ...sections(report),
    ...layers(report),
    ...kpis(report),
    ...slos(report),
    ...longRuns(report),
    ...actions(report),
    "",
  ].join("\n");
}

function summary({ summary: of }: Report): string[] {
  const count = (status: string): string => {
    const value = of.byStatus[status] ?? 0;
    return `${value} (${shareOf(value, of.total)})`;
  };
  const shown = (value: number, what: string): string =>
    value > 0 ? `✅ ${value} ${what}` : `not seen at work: 0 ${what}`;
  return [
    "## Executive Summary",
    "",
    `**Total Issues Identified:** ${of.total}  `,
    `**Fixed Issues:** ${count("fixed")}, each with evidence  `,
    `**In Progress:** ${count("in-progress")}  `,
    `**Pending:** ${count("pending")}  `,
    ...((of.byStatus["ignored"] ?? 0) + (of.byStatus["snoozed"] ?? 0) > 0
      ? [`**Ignored or Snoozed:** ${(of.byStatus["ignored"] ?? 0) + (of.byStatus["snoozed"] ?? 0)}  `]
      : []),
    `**Needs a Person:** ${of.needsPerson}`,
    "",
    `**Self-Healing Coverage:** ${rateText(of.selfHealingCoverage)}  `,
    `**Automated Detection:** ${shown(of.automatedDetection, "incidents found in the period")}${of.incidentsBefore === null ? "" : ` (${of.incidentsBefore} in the period before)`}  `,
    `**Automated Repair:** ${shown(of.automatedRepair, "of them repaired and verified")}  `,
    `**Monitoring:** ${rateText(of.monitoring)}`,
    "",
    "---",
    "",
  ];
}

const headings = ["ID", "Severity", "Issue", "Status", "Self-Healing", "Root Cause", "Solution", "Evidence"];

function matrix(report: Report): string[] {
  return [
    "## Issue Status Matrix",
    "",
    ...(report.matrix.length === 0
      ? ["No issue is on file."]
      : [row(headings), row(headings.map(() => "---")), ...report.matrix.map(matrixRow)]),
    "",
    "---",
    "",
  ];
}

function matrixRow(of: Report["matrix"][number]): string {
  return row([
    of.id,
    capital(of.severity),
    escapeText(of.title),
    statusText(of.status),
    healingText(of.selfHealing),
    escapeText(of.rootCause ?? ""),
    escapeText(of.solution ?? ""),
    escapeText(`${of.regressed ? "came back; " : ""}${evidenceText(of)}`),
  ]);
}

/** Its columns begin with "Mode", so that an import does not take the catalogue for issues. */
function catalogue(report: Report): string[] {
  if (report.catalogue.length === 0) return [];
  const columns = ["Mode", "Severity", "Failure Mode", "Drill", "Self-Healing", "Root Cause", "Solution", "Evidence"];
  return [
    "## Catalogue: Failure Modes and their Drills",
    "",
    row(columns),
    row(columns.map(() => "---")),
    ...report.catalogue.map((of) =>
      row([
        of.id,
        capital(of.severity),
        escapeText(of.title),
        of.status === "fixed" ? "✅ Passed" : "⏳ Pending",
        healingText(of.selfHealing),
        escapeText(of.rootCause ?? ""),
        escapeText(of.solution ?? ""),
        escapeText(evidenceText(of)),
      ]),
    ),
    "",
    "---",
    "",
  ];
}

function sections(report: Report): string[] {
  if (report.issues.length === 0) return [];
  return [
    "## Issues - Detailed Analysis",
    "",
    ...report.issues.flatMap((section) => [...issueSection(section), "", "---", ""]),
    ...(report.sectionsLeftOut > 0
      ? [`${report.sectionsLeftOut} more issues are in the matrix without a section.`, "", "---", ""]
      : []),
  ];
}

function issueSection({ row: of, claim, incidents, incidentsInPeriod }: Report["issues"][number]): string[] {
  const evidence = [
    of.proof === null
      ? `- ${escapeText(of.remark ?? "none yet")}`
      : `- ${date(of.proof.at)}: ${escapeText(of.proof.text)}`,
    ...(of.proof !== null && of.remark !== null ? [`- ${escapeText(of.remark)}`] : []),
    ...incidents.map(
      (incident) =>
        `- ${date(incident.detectedAt)}: ${incident.id} found after at most ${span(incident.detectionMs)}, ${escapeText(outcomeText(incident))}`,
    ),
    ...(incidentsInPeriod > incidents.length
      ? [`- and ${incidentsInPeriod - incidents.length} more in the period`]
      : []),
  ];
  return [
    `### ${of.id}: ${escapeText(of.title)}`,
    "",
    `**Status:** ${statusText(of.status)}`,
    "",
    ...(of.target === null ? [] : [`**Target:** ${escapeText(of.target)}, seen ${of.occurrences} times`, ""]),
    ...(claim === null
      ? [
          "**Root Cause:**",
          "",
          `- ${escapeText(of.rootCause ?? "not known")}`,
          "",
          "**Solution:**",
          "",
          `- ${escapeText(of.solution ?? "none")}`,
          "",
        ]
      : claimed(claim)),
    "**Evidence:**",
    "",
    ...evidence,
  ];
}

/** What an imported report says, named as what it is. */
function claimed(claim: NonNullable<Report["issues"][number]["claim"]>): string[] {
  return Object.entries(claim.sections)
    .filter(([name]) => name !== "Heading")
    .flatMap(([name, text]) => [...partLines(`Claimed (${name})`, text), ""]);
}

function layers(report: Report): string[] {
  return [
    "## Self-Healing System Architecture",
    "",
    ...report.layers.flatMap((layer) => [
      `### ${layerTitles[layer.name]}`,
      "",
      "**Components:**",
      "",
      ...layer.parts.map((part) => `- ${capital(part)}`),
      "",
      `**Coverage:** ${rateText(layer)} of known failure modes`,
      "",
    ]),
    "---",
    "",
  ];
}

function kpis(report: Report): string[] {
  const groups = ["system health", "self-healing"] as const;
  const titles = { "system health": "System Health", "self-healing": "Self-Healing Effectiveness" };
  return [
    "## Metrics and KPIs",
    "",
    ...groups.flatMap((group) => [
      `### ${titles[group]}`,
      "",
      ...kpiTable(
        report.kpis.filter((each) => each.group === group),
        report.previous !== null,
      ),
      "",
    ]),
    ...(report.kpis.some((each) => each.measured !== null) ? [] : ["Nothing was measured in this period.", ""]),
    "### Drills",
    "",
    ...(report.drills.some((each) => each.of > 0)
      ? kpiTable(report.drills, report.previous !== null)
      : ["No drill ran in this period. Drills are counted apart from production."]),
    "",
    ...(report.targets.length === 0
      ? []
      : [
          "### Services",
          "",
          row(["Target", "Availability", "Error Rate", "p95", "Memory", "CPU"]),
          row(["---", "---", "---", "---", "---", "---"]),
          ...report.targets.map((target) =>
            row([
              escapeText(target.target),
              percent(target.availability.share, 3),
              target.errorRate.share === null
                ? "no data"
                : `${percent(target.errorRate.share, 2)} (${target.errorRate.count} of ${target.errorRate.of})`,
              target.latencyMsP95 === null ? "no data" : span(target.latencyMsP95),
              target.memoryBytesMax === null ? "no data" : `${(target.memoryBytesMax / 1e6).toFixed(0)} MB`,
              percent(target.cpuShareMean),
            ]),
          ),
          "",
        ]),
    "---",
    "",
  ];
}

function kpiTable(rows: readonly ReportKpi[], compare: boolean): string[] {
  const columns = ["Metric", "Target", "Current", "Counted", ...(compare ? ["Before"] : []), "Status"];
  return [
    row(columns),
    row(columns.map(() => "---")),
    ...rows.map((each) =>
      row([
        capital(each.name),
        each.target.replaceAll(/[<>]/g, "\\$&"),
        each.value,
        countOf(each),
        ...(compare ? [each.previous ?? ""] : []),
        metText(each.met),
      ]),
    ),
  ];
}

function slos(report: Report): string[] {
  if (report.slos.length === 0) return [];
  return [
    "## Service Level Objectives",
    "",
    row(["Target", "Objective", "Achieved", "Window", "Budget Left", "State"]),
    row(["---", "---", "---", "---", "---", "---"]),
    ...report.slos.map((slo) =>
      row([
        escapeText(slo.target),
        escapeText(slo.text),
        percent(slo.current, 3),
        span(slo.windowMs),
        percent(slo.budgetLeft),
        slo.state,
      ]),
    ),
    "",
    "---",
    "",
  ];
}

function longRuns(report: Report): string[] {
  return [
    "## Long Runs",
    "",
    ...(report.longRuns.length === 0
      ? ["None is recorded here: npm run stress, npm run soak.", ""]
      : report.longRuns.flatMap((run) => [
          `- ${run.passed ? "✅" : "❌"} ${date(run.at)}: ${run.kind} over ${span(run.coveredMs)}: ${escapeText(run.summary)} (${escapeText(run.command)})`,
          ...run.rates.map((rate) => `  - ${escapeText(rate.name)}: ${rateText(rate)}`),
          ...run.figures.map((figure) => `  - ${escapeText(figure.name)}: ${escapeText(figure.value)}`),
        ])),
    "",
    "---",
    "",
  ];
}

function actions(report: Report): string[] {
  return [
    "## Next Actions",
    "",
    ...(report.nextActions.length === 0 ? ["Nothing is due.", ""] : []),
    ...urgencies.flatMap(([urgency, title]) => {
      const due = report.nextActions.filter((action) => action.urgency === urgency);
      return due.length === 0
        ? []
        : [`### ${title}`, "", ...due.map((action, at) => `${at + 1}. ${escapeText(action.text)}`), ""];
    }),
  ];
}
