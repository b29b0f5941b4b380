// Gathers the records of a period from the store, in bounded pages, and translates the KPIs computed from them.
import type { Kpis as KpisJson } from "@prunella/contract";
import {
  againstTargets,
  kpis,
  ownTarget,
  type Incident,
  type Issue,
  type IssueQuery,
  type Kpis,
  type Rate,
  type Records,
  type SeriesPoint,
  type Store,
} from "@prunella/core";
import { time } from "./records.ts";

/** Incidents and issues looked at in one report at most, newest first. */
export const recordsMax = 10_000;
/** Minutes of metrics read for one report at most; a longer period looks at its latest part. */
export const seriesPointsMax = 300_000;
const pageSize = 500;
const metrics = ["rssBytes", "cpuShare"] as const;
const ownMetrics = ["agentRssBytes", "controlRssBytes", "agentCpuShare", "controlCpuShare"] as const;
const minuteMs = 60_000;

/** Incidents detected in a period, newest first, at most recordsMax. */
export async function incidentsOf(store: Store, from: number, to: number, target?: string): Promise<Incident[]> {
  const incidents: Incident[] = [];
  let after: string | null = null;
  do {
    const page = await store.incidents({
      from,
      to,
      limit: pageSize,
      after,
      ...(target === undefined ? {} : { target }),
    });
    incidents.push(...page.items);
    after = page.next;
  } while (after !== null && incidents.length < recordsMax);
  return incidents;
}

export async function recordsOf(
  store: Store,
  targets: readonly string[],
  from: number,
  to: number,
  target?: string,
): Promise<Records> {
  const incidents = await incidentsOf(store, from, to, target);
  const minutes = Math.floor(seriesPointsMax / Math.max(1, targets.length * metrics.length));
  const seriesFrom = Math.max(from, to - minutes * minuteMs);
  const series: SeriesPoint[] = [];
  for (const key of targets)
    for (const metric of metrics) series.push(...(await store.series({ target: key, metric, from: seriesFrom, to })));
  if (target === undefined)
    for (const metric of ownMetrics)
      series.push(...(await store.series({ target: ownTarget, metric, from: seriesFrom, to })));
  const tallies = await store.tallies({ from, to, ...(target === undefined ? {} : { target }) });
  return { from, to, incidents, tallies, series };
}

export async function allIssues(store: Store, query: IssueQuery): Promise<Issue[]> {
  const issues: Issue[] = [];
  let after: string | null = null;
  do {
    const page = await store.issues({ ...query, limit: pageSize, after });
    issues.push(...page.items);
    after = page.next;
  } while (after !== null && issues.length < recordsMax);
  return issues;
}

export function kpisJson(of: Kpis): KpisJson {
  return {
    from: time(of.from),
    to: time(of.to),
    availability: rateJson(of.availability),
    errorRate: rateJson(of.errorRate),
    latencyMsP95: of.latencyMsP95,
    memoryBytesMax: of.memoryBytesMax,
    cpuShareMean: of.cpuShareMean,
    autoRecovery: rateJson(of.autoRecovery),
    clearedByThemselves: of.clearedByThemselves,
    detection: of.detection,
    repair: of.repair,
    falsePositives: rateJson(of.falsePositives),
    rows: againstTargets(of).map(({ name, target, value, met, count, of: total, low, high }) => ({
      name,
      target,
      value,
      met,
      count,
      of: total,
      low,
      high,
    })),
  };
}

export function kpisFrom(records: Records, drills: boolean): KpisJson {
  return kpisJson(kpis(records, drills));
}

export function rateJson(rate: Rate): KpisJson["availability"] {
  return {
    share: rate.share,
    count: rate.count,
    of: rate.of,
    low: rate.interval?.[0] ?? null,
    high: rate.interval?.[1] ?? null,
  };
}
