// The charts of a report as inline SVG, drawn from its figures alone. Each carries its content as text too (title, labels), so
// that it can be read aloud and in black and white.
import type { Report } from "@prunella/contract";
import { escapeHtml as text } from "./html.ts";
import { date, layerTitles, percent, rateText, span } from "./words.ts";

const width = 760;
const colours = { good: "#1a7f37", bad: "#b42318", wait: "#c98a00", mark: "#0b5cad", soft: "#8c959f", line: "#d0d7de" };
/** Rows of the timeline and of the budgets at most; the tables have them all. */
const rowsMax = 30;

function svg(height: number, title: string, body: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"><title>${text(title)}</title>${body}</svg>`;
}
function label(x: number, y: number, value: string, anchor: "start" | "end" | "middle" = "start"): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${text(value)}</text>`;
}
function bar(x: number, y: number, of: number, height: number, fill: string, title: string): string {
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(Math.max(0, of))}" height="${height}" fill="${fill}"><title>${text(title)}</title></rect>`;
}
function fixed(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value * 10) / 10) : "0";
}

export function statusChart({ summary }: Report): string | null {
  if (summary.total === 0) return null;
  const parts = [
    ["fixed", colours.good],
    ["in-progress", colours.mark],
    ["pending", colours.wait],
    ["snoozed", colours.soft],
    ["ignored", colours.line],
  ] as const;
  let x = 0;
  const bars: string[] = [];
  const legend: string[] = [];
  for (const [status, fill] of parts) {
    const count = summary.byStatus[status] ?? 0;
    if (count === 0) continue;
    const length = (count / summary.total) * width;
    bars.push(bar(x, 0, length, 24, fill, `${status}: ${count}`));
    const at = legend.length * 150;
    legend.push(bar(at, 36, 12, 12, fill, status) + label(at + 18, 47, `${status} ${count}`));
    x += length;
  }
  return svg(54, `Issues by status, ${summary.total} in all`, bars.join("") + legend.join(""));
}

export function timelineChart(report: Report): string | null {
  const rows = report.issues.filter((section) => section.incidents.length > 0).slice(0, rowsMax);
  if (rows.length === 0) return null;
  const from = Date.parse(report.from);
  const to = Date.parse(report.to);
  const left = 90;
  const at = (time: string | null): number =>
    left +
    ((Math.min(to, Math.max(from, time === null ? to : Date.parse(time))) - from) / Math.max(1, to - from)) *
      (width - left);
  const body = rows.flatMap((section, row) => {
    const y = row * 20;
    return [
      label(left - 8, y + 13, section.row.id, "end"),
      `<line x1="${left}" x2="${width}" y1="${y + 9}" y2="${y + 9}" stroke="${colours.line}"/>`,
      ...section.incidents.map((incident) => {
        const x = at(incident.beganAt);
        const fill =
          incident.outcome === "recovered"
            ? colours.good
            : incident.outcome === "escalated"
              ? colours.bad
              : colours.wait;
        return bar(
          x,
          y + 3,
          Math.max(3, at(incident.recoveredAt ?? incident.endedAt) - x),
          12,
          fill,
          `${incident.id} ${date(incident.detectedAt)}: ${incident.outcome ?? incident.state}`,
        );
      }),
    ];
  });
  const height = rows.length * 20 + 20;
  return svg(
    height,
    `${rows.length} issues with incidents in the period`,
    [...body, label(left, height - 5, date(report.from)), label(width, height - 5, date(report.to), "end")].join(""),
  );
}

export function durationChart(report: Report): string | null {
  const incidents = report.issues.flatMap((section) => section.incidents);
  const series = [
    ["detection", incidents.map((incident) => incident.detectionMs), colours.mark],
    ["repair", incidents.flatMap((incident) => (incident.repairMs === null ? [] : [incident.repairMs])), colours.good],
  ] as const;
  if (series.every(([, values]) => values.length === 0)) return null;
  const left = 90;
  const [low, high] = [Math.log10(10), Math.log10(3_600_000)];
  const at = (ms: number): number =>
    left + ((Math.min(high, Math.max(low, Math.log10(Math.max(1, ms)))) - low) / (high - low)) * (width - left - 20);
  const ticks = [10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000];
  return svg(
    96,
    "Detection and repair times",
    [
      ...ticks.map(
        (ms) =>
          `<line x1="${fixed(at(ms))}" x2="${fixed(at(ms))}" y1="0" y2="72" stroke="${colours.line}"/>${label(at(ms), 88, span(ms), "middle")}`,
      ),
      ...series.flatMap(([name, values, fill], row) => [
        label(left - 8, row * 34 + 22, name, "end"),
        ...values
          .slice(0, 2_000)
          .map(
            (ms) =>
              `<circle cx="${fixed(at(ms))}" cy="${row * 34 + 18}" r="5" fill="${fill}" fill-opacity="0.45"><title>${text(span(ms))}</title></circle>`,
          ),
      ]),
    ].join(""),
  );
}

export function coverageChart(report: Report): string | null {
  if (report.layers.every((layer) => layer.share === null)) return null;
  const left = 150;
  const long = width - left - 200;
  return svg(
    report.layers.length * 28,
    "Coverage of the layers",
    report.layers
      .flatMap((layer, row) => {
        const y = row * 28;
        const at = (share: number): string => fixed(left + share * long);
        return [
          label(left - 8, y + 17, layerTitles[layer.name], "end"),
          bar(left, y + 4, long, 16, "#eef1f4", ""),
          bar(left, y + 4, (layer.share ?? 0) * long, 16, colours.mark, rateText(layer)),
          layer.low === null || layer.high === null
            ? ""
            : `<line x1="${at(layer.low)}" x2="${at(layer.high)}" y1="${y + 12}" y2="${y + 12}" stroke="#1b1f24" stroke-width="2"/>`,
          label(left + long + 8, y + 17, `${percent(layer.share)} (${layer.count} of ${layer.of})`),
        ];
      })
      .join(""),
  );
}

export function budgetChart(report: Report): string | null {
  const slos = report.slos.filter((slo) => slo.budgetLeft !== null).slice(0, rowsMax);
  if (slos.length === 0) return null;
  const left = 220;
  const long = width - left - 90;
  return svg(
    slos.length * 24,
    "Error budgets",
    slos
      .flatMap((slo, row) => {
        const share = Math.min(1, Math.max(0, slo.budgetLeft ?? 0));
        const fill = share <= 0 ? colours.bad : share < 0.25 ? colours.wait : colours.good;
        return [
          label(left - 8, row * 24 + 15, `${slo.target} ${slo.objective}`.slice(0, 34), "end"),
          bar(left, row * 24 + 3, long, 14, "#eef1f4", ""),
          bar(left, row * 24 + 3, share * long, 14, fill, `${percent(slo.budgetLeft)} left`),
          label(left + long + 8, row * 24 + 15, percent(slo.budgetLeft, 0)),
        ];
      })
      .join(""),
  );
}
