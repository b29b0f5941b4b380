// The status report as one HTML page that stands for itself: no script, no request, charts as inline SVG, made to be printed.
// Everything that came from outside is escaped; the page's policy forbids whatever would slip through.
import type { Report, ReportKpi } from "@prunella/contract";
import { coverageChart, durationChart, statusChart, timelineChart, budgetChart } from "./charts.ts";
import { escapeHtml as text, html } from "./html.ts";
import { capital } from "./issues-markdown.ts";
import {
  countOf,
  date,
  evidenceText,
  layerTitles,
  metText,
  outcomeText,
  percent,
  rateText,
  span,
  urgencies,
} from "./words.ts";

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const style = `
:root { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #fff; --good: #1a7f37; --bad: #b42318; --wait: #8a5a00; --mark: #0b5cad; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.5rem; color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.25rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; } h3 { margin: 1.2rem 0 .3rem; font-size: 1.05rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9rem; } th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; min-width: 6.5rem; } td.word, th { min-width: 0; overflow-wrap: normal; white-space: nowrap; } th { background: #f6f8fa; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .8rem; margin: .8rem 0; } .tile { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; } .tile b { display: block; font-size: 1.5rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f8fa; border: 1px solid var(--line); padding: .6rem; font-size: .85rem; margin: .3rem 0; }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } figure { margin: .8rem 0; } figcaption { color: var(--soft); font-size: .85rem; }
section.issue { break-inside: avoid-page; border-left: 3px solid var(--line); padding-left: .8rem; margin: 1rem 0; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } h2 { break-after: avoid; } thead { display: table-header-group; } tr { break-inside: avoid; } @page { margin: 15mm; } }
`;

export function reportHtml(report: Report): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${text(policy)}">
<meta name="referrer" content="no-referrer">
<title>Status report ${text(date(report.at))}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Issue Tracking and Self-Healing: Status Report</h1>
<p class="soft">${text(date(report.at))}; period ${text(date(report.from))} to ${text(date(report.to))}${
    report.previous === null ? "" : text(`, compared with ${date(report.previous.from)} to ${date(report.previous.to)}`)
  }</p>
</header>
<main>
${[summary, charts, matrix, catalogue, issues, layers, kpis, slos, longRuns, actions].map((part) => part(report)).join("\n")}
</main>
</body>
</html>
`;
}

function tile(value: string, label: string, tone = ""): string {
  return html`<div class="tile ${tone}"><b>${value}</b>${label}</div>`;
}

function summary({ summary: of }: Report): string {
  return `<h2>Executive summary</h2><div class="tiles">${[
    tile(String(of.total), "issues identified"),
    tile(String(of.byStatus["fixed"] ?? 0), "fixed, each with evidence", "good"),
    tile(String(of.byStatus["in-progress"] ?? 0), "in progress"),
    tile(String(of.byStatus["pending"] ?? 0), "pending", (of.byStatus["pending"] ?? 0) > 0 ? "wait" : ""),
    tile(String(of.needsPerson), "need a person", of.needsPerson > 0 ? "bad" : ""),
    tile(`${of.automatedRepair} of ${of.incidents}`, "incidents of the period repaired and verified"),
  ].join("")}</div>
${html`<p>
  Self-healing coverage: ${rateText(of.selfHealingCoverage)}. Monitoring:
  ${rateText(of.monitoring)}.${
    of.incidentsBefore === null ? "" : ` Incidents: ${of.incidents}, ${of.incidentsBefore} in the period before.`
  }
</p>`}`;
}

function charts(report: Report): string {
  const figure = (chart: string | null, caption: string): string =>
    chart === null ? "" : `<figure>${chart}<figcaption>${text(caption)}</figcaption></figure>`;
  return [
    figure(statusChart(report), "Issues by status; “fixed” counts only what has evidence."),
    figure(timelineChart(report), "Incidents of the period, by issue."),
    figure(durationChart(report), "Time to detect and time to repair of each incident shown, on a logarithmic scale."),
    figure(coverageChart(report), "Coverage of the four layers with its 95 % interval."),
    figure(budgetChart(report), "Error budgets: what is left of each."),
  ].join("\n");
}

const tones = { fixed: "good", pending: "wait", "in-progress": "wait", ignored: "soft", snoozed: "soft" } as const;

function table(headings: readonly string[], rows: readonly string[]): string {
  return `<table><thead><tr>${headings.map((heading) => `<th scope="col">${text(heading)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}
function cells(values: readonly string[]): string {
  return `<tr>${values.map((value) => `<td>${text(value)}</td>`).join("")}</tr>`;
}

function matrix(report: Report): string {
  if (report.matrix.length === 0) return "<h2>Issue status matrix</h2><p>No issue is on file.</p>";
  return `<h2>Issue status matrix</h2>${table(
    ["ID", "Severity", "Issue", "Status", "Self-healing", "Root cause", "Solution", "Evidence"],
    report.matrix.map(
      (of) =>
        html`<tr>
          <td>${of.id}</td>
          <td>${of.severity}</td>
          <td>${of.title}</td>
          <td class="${tones[of.status]}">${of.status}${of.regressed ? ", came back" : ""}</td>
          <td>${of.selfHealing}</td>
          <td>${of.rootCause ?? ""}</td>
          <td>${of.solution ?? ""}</td>
          <td>${evidenceText(of)}</td>
        </tr>`,
    ),
  )}`;
}

function catalogue(report: Report): string {
  if (report.catalogue.length === 0) return "";
  return `<h2>Catalogue: failure modes and their drills</h2>${table(
    ["Mode", "Severity", "Failure mode", "Drill", "Root cause", "Solution", "Evidence"],
    report.catalogue.map(
      (of) =>
        html`<tr>
          <td>${of.id}</td>
          <td>${of.severity}</td>
          <td>${of.title}</td>
          <td class="${of.status === "fixed" ? "good" : "wait"}">${of.status === "fixed" ? "passed" : "pending"}</td>
          <td>${of.rootCause ?? ""}</td>
          <td>${of.solution ?? ""}</td>
          <td>${evidenceText(of)}</td>
        </tr>`,
    ),
  )}`;
}

function issues(report: Report): string {
  if (report.issues.length === 0) return "";
  const left = report.sectionsLeftOut;
  return `<h2>Issues in detail</h2>${report.issues.map(issue).join("\n")}${
    left === 0 ? "" : `<p class="soft">${left} more issues are in the matrix without a section.</p>`
  }`;
}

function issue({ row: of, claim, incidents, incidentsInPeriod }: Report["issues"][number]): string {
  const claims =
    claim === null
      ? ""
      : Object.entries(claim.sections)
          .filter(([name]) => name !== "Heading")
          .map(
            ([name, body]) =>
              html`<h4 class="soft">Claimed (${name})</h4>
                <pre>${body}</pre>`,
          )
          .join("");
  return `<section class="issue">${html`<h3>${of.id}: ${of.title}</h3>
    <p>
      Status:
      <strong class="${tones[of.status]}">${of.status}</strong
      >${of.target === null ? "" : `; target ${of.target}, seen ${of.occurrences} times`}
    </p>
    <p>Root cause: ${of.rootCause ?? "not known"}</p>
    <p>Solution: ${of.solution ?? "none"}</p>
    <p>Evidence: ${evidenceText(of)}</p>`}${claims}${
    incidents.length === 0
      ? ""
      : table(
          ["Incident", "Detected", "Detection at most", "Outcome", "Root cause"],
          incidents.map((incident) =>
            cells([
              incident.id,
              date(incident.detectedAt),
              span(incident.detectionMs),
              outcomeText(incident),
              incident.rootCause ?? "",
            ]),
          ),
        )
  }${incidentsInPeriod > incidents.length ? `<p class="soft">and ${incidentsInPeriod - incidents.length} more in the period</p>` : ""}</section>`;
}

function layers(report: Report): string {
  return `<h2>Layers and coverage</h2>${table(
    ["Layer", "Components", "Coverage of known failure modes"],
    report.layers.map((layer) => cells([layerTitles[layer.name], layer.parts.join(", "), rateText(layer)])),
  )}`;
}

function kpis(report: Report): string {
  const compare = report.previous !== null;
  const of = (rows: readonly ReportKpi[]): string =>
    table(
      ["KPI", "Target", "Current", "Counted", ...(compare ? ["Before"] : []), "Status"],
      rows.map(
        (row) =>
          `<tr>${[capital(row.name), row.target, row.value, countOf(row), ...(compare ? [row.previous ?? ""] : [])]
            .map((value) => `<td>${text(value)}</td>`)
            .join(
              "",
            )}<td class="${row.met === null ? "soft" : row.met ? "good" : "bad"}">${text(metText(row.met))}</td></tr>`,
      ),
    );
  return `<h2>KPIs: production</h2>${of(report.kpis)}<h2>KPIs: drills</h2>${
    report.drills.some((row) => row.of > 0) ? of(report.drills) : "<p>No drill ran in this period.</p>"
  }${
    report.targets.length === 0
      ? ""
      : `<h3>Services</h3>${table(
          ["Target", "Availability", "Error rate", "p95", "Memory", "CPU"],
          report.targets.map((target) =>
            cells([
              target.target,
              percent(target.availability.share, 3),
              rateText(target.errorRate),
              target.latencyMsP95 === null ? "no data" : span(target.latencyMsP95),
              target.memoryBytesMax === null ? "no data" : `${(target.memoryBytesMax / 1e6).toFixed(0)} MB`,
              percent(target.cpuShareMean),
            ]),
          ),
        )}`
  }`;
}

function slos(report: Report): string {
  if (report.slos.length === 0) return "";
  return `<h2>Service level objectives</h2>${table(
    ["Target", "Objective", "Achieved", "Window", "Budget left", "State"],
    report.slos.map((slo) =>
      cells([slo.target, slo.text, percent(slo.current, 3), span(slo.windowMs), percent(slo.budgetLeft), slo.state]),
    ),
  )}`;
}

function longRuns(report: Report): string {
  if (report.longRuns.length === 0) return "<h2>Long runs</h2><p>None is recorded here.</p>";
  return `<h2>Long runs</h2>${table(
    ["Run", "When", "Covered", "Result", "Figures", "Command"],
    report.longRuns.map((run) =>
      cells([
        run.kind,
        date(run.at),
        span(run.coveredMs),
        `${run.passed ? "passed" : "failed"}: ${run.summary}`,
        [
          ...run.rates.map((rate) => `${rate.name}: ${rateText(rate)}`),
          ...run.figures.map((figure) => `${figure.name}: ${figure.value}`),
        ].join("; "),
        run.command,
      ]),
    ),
  )}`;
}

function actions(report: Report): string {
  if (report.nextActions.length === 0) return "<h2>Next actions</h2><p>Nothing is due.</p>";
  return `<h2>Next actions</h2>${urgencies
    .map(([urgency, title]) => {
      const due = report.nextActions.filter((action) => action.urgency === urgency);
      return due.length === 0
        ? ""
        : `<h3>${text(title)}</h3><ol>${due.map((action) => `<li>${text(action.text)}</li>`).join("")}</ol>`;
    })
    .join("")}`;
}
