// How figures of a report read, the same in Markdown and HTML: shares with their counts and interval, times, dates.
import type { Report, ReportKpi, ReportRow } from "@prunella/contract";

export function percent(share: number | null, digits = 1): string {
  return share === null ? "no data" : `${(share * 100).toFixed(digits)} %`;
}

/** "75.0 % (3 of 4, 95 % interval 30–95 %)"; "no data" for nothing of nothing. */
export function rateText(rate: {
  readonly share: number | null;
  readonly count: number;
  readonly of: number;
  readonly low: number | null;
  readonly high: number | null;
}): string {
  if (rate.share === null) return "no data (0 of 0)";
  return `${percent(rate.share)} (${countText(rate)})`;
}

function countText({
  count,
  of,
  low,
  high,
}: {
  readonly count: number;
  readonly of: number;
  readonly low: number | null;
  readonly high: number | null;
}): string {
  const interval = low === null || high === null ? "" : `, 95 % interval ${intervalText(low, high)}`;
  return `${count} of ${of}${interval}`;
}

export function intervalText(low: number, high: number): string {
  // Many cases make it narrow; whole percents would then say 0–0.
  const digits = high - low < 0.1 ? 1 : 0;
  return `${(low * 100).toFixed(digits)}–${(high * 100).toFixed(digits)} %`;
}

/** What a KPI was counted from. */
export function countOf(row: ReportKpi): string {
  if (row.measured === null) return "0";
  if (row.name === "availability") return `${span(row.count)} of ${span(row.of)}`;
  if (row.name.startsWith("memory") || row.name.startsWith("CPU")) return "";
  if (row.count === row.of && row.low === null) return String(row.count);
  return countText(row);
}

export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${(ms / 60_000).toFixed(1)} min`;
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} d`;
}

/** "2026-01-31 14:05 UTC". */
export function date(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
}

export function metText(met: boolean | null): string {
  return met === null ? "no data" : met ? "✅ met" : "❌ missed";
}

/** Evidence with its date, or why there is none. */
export function evidenceText(row: ReportRow): string {
  const proof = row.proof === null ? "none" : `${row.proof.text} (${date(row.proof.at)})`;
  return row.remark === null ? proof : row.proof === null ? row.remark : `${proof}; ${row.remark}`;
}

export function shareOf(count: number, of: number): string {
  return of === 0 ? "0 %" : `${Math.round((count / of) * 100)} %`;
}

export const layerTitles: Readonly<Record<Report["layers"][number]["name"], string>> = {
  detection: "Layer 1: Detection",
  prevention: "Layer 2: Prevention",
  repair: "Layer 3: Repair",
  monitoring: "Layer 4: Monitoring",
};

export const urgencies = [
  ["now", "Immediate"],
  ["soon", "Short-term"],
  ["later", "Long-term"],
] as const;

/** "repaired after 1.2 s", "a person was called", … */
export function outcomeText(incident: Report["issues"][number]["incidents"][number]): string {
  if (incident.verdict === "noise") return "judged false";
  switch (incident.outcome) {
    case "recovered": {
      const after = incident.repairMs === null ? "" : ` after ${span(incident.repairMs)}`;
      return `recovered${after} (${{ repair: "repaired", itself: "by itself", person: "by a person", cause: "with its cause" }[incident.recoveredBy ?? "itself"]})`;
    }
    case "escalated":
      return `a person was called: ${incident.escalation ?? ""}`;
    case "dismissed":
      return "dismissed";
    case null:
      return incident.state;
    default:
      return incident.outcome satisfies never;
  }
}
