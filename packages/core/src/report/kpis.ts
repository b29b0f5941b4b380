// The nine KPIs, computed from the records of a period: each rate with its counts and, under a hundred cases, a Wilson
// interval. Definitions follow the catalogue; drills and production are never mixed. Nothing is typed in.
import type { Incident } from "../issue/index.ts";
import type { SeriesPoint, Tally } from "../ports.ts";
import {
  addLatency,
  latencyQuantile,
  latencyTotal,
  noLatency,
  ownTarget,
  type LatencyCounts,
  type TargetKey,
  type TimeMs,
} from "../signal/index.ts";

export interface Records {
  readonly from: TimeMs;
  readonly to: TimeMs;
  /** Incidents detected in the period. */
  readonly incidents: readonly Incident[];
  readonly tallies: readonly Tally[];
  readonly series: readonly SeriesPoint[];
}

/** Share of `of` cases. Null when there was no case: nothing of nothing is not 100 %. */
export interface Rate {
  readonly share: number | null;
  readonly count: number;
  readonly of: number;
  /** 95 % Wilson interval when fewer than 100 cases were counted. */
  readonly interval: readonly [number, number] | null;
}

export interface Durations {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly maxMs: number | null;
}

export interface Kpis {
  readonly from: TimeMs;
  readonly to: TimeMs;
  /** Good time / watched time, ms. */
  readonly availability: Rate;
  readonly errorRate: Rate;
  /** Of all requests of the period together, from one merged histogram, ms; null when no service reports latency. */
  readonly latencyMsP95: number | null;
  /** Requests that the percentile is over. */
  readonly latencyCount: number;
  /** Highest minute of any service. */
  readonly memoryBytesMax: number | null;
  /** Mean over services and minutes, in cores. */
  readonly cpuShareMean: number | null;
  /** The same of Prunella itself: agent and control plane together. */
  readonly ownMemoryBytesMax: number | null;
  readonly ownCpuShareMean: number | null;
  /** Incidents recovered with no person's step / incidents that ended; those that cleared by themselves and false ones are left out and stated. */
  readonly autoRecovery: Rate;
  readonly clearedByThemselves: number;
  readonly detection: Durations;
  readonly repair: Durations;
  /** Incidents judged false / incidents judged. */
  readonly falsePositives: Rate;
  /** Each target by itself, worst availability first; at most targetsMax. */
  readonly targets: readonly TargetKpis[];
}

export interface TargetKpis {
  readonly target: TargetKey;
  readonly availability: Rate;
  readonly errorRate: Rate;
  readonly latencyMsP95: number | null;
  readonly memoryBytesMax: number | null;
  readonly cpuShareMean: number | null;
}

/** Targets listed one by one in KPIs; the figures over all of them are whole. */
export const targetsMax = 500;

/** Shorter than this, cleared untouched and never confirmed by a person: counted as false, ms. */
export const falseBelowMs = 5_000;

export function kpis(records: Records, drills: boolean): Kpis {
  const incidents = records.incidents.filter((incident) => incident.drill === drills && incident.causedBy === null);
  const isFalse = (incident: Incident): boolean =>
    incident.verdict === "noise" ||
    (incident.verdict === null && clearedUntouched(incident) && lasted(incident) < falseBelowMs);
  const real = incidents.filter((incident) => !isFalse(incident));
  const ended = real.filter(
    (incident) => incident.endedAt !== null && incident.outcome !== "dismissed" && !clearedUntouched(incident),
  );
  const auto = ended.filter(
    (incident) =>
      incident.outcome === "recovered" && (incident.recoveredBy === "repair" || incident.recoveredBy === "cause"),
  );
  const judged = incidents.filter((incident) => incident.endedAt !== null || incident.verdict !== null);
  const watched = sum(records.tallies, (tally) => tally.watchedMs);
  const requests = Math.round(sum(records.tallies, (tally) => tally.requests));
  const of = (metric: string): SeriesPoint[] =>
    records.series.filter((point) => point.metric === metric && point.target !== ownTarget);
  const own = (metric: string): SeriesPoint[] =>
    records.series.filter((point) => point.metric === metric && point.target === ownTarget);
  const latency = mergedLatency(records.tallies);
  return {
    from: records.from,
    to: records.to,
    availability: timeShare(
      sum(records.tallies, (tally) => tally.goodMs),
      watched,
    ),
    errorRate: rate(Math.min(requests, Math.round(sum(records.tallies, (tally) => tally.errors))), requests),
    latencyMsP95: latencyQuantile(latency, 0.95),
    latencyCount: Math.round(latencyTotal(latency)),
    memoryBytesMax: maxOf(of("rssBytes").map((point) => point.max)),
    cpuShareMean: mean(of("cpuShare").map((point) => point.mean)),
    ownMemoryBytesMax: together(
      maxOf(own("agentRssBytes").map((point) => point.max)),
      maxOf(own("controlRssBytes").map((point) => point.max)),
    ),
    ownCpuShareMean: together(
      mean(own("agentCpuShare").map((point) => point.mean)),
      mean(own("controlCpuShare").map((point) => point.mean)),
    ),
    autoRecovery: rate(auto.length, ended.length),
    clearedByThemselves: real.filter(clearedUntouched).length,
    detection: durations(real.map((incident) => incident.detectedAt - incident.beganAt)),
    repair: durations(
      real
        .filter((incident) => incident.recoveredAt !== null && incident.recoveredBy === "repair")
        .map((incident) => Math.max(0, (incident.recoveredAt ?? 0) - incident.detectedAt)),
    ),
    falsePositives: rate(judged.filter(isFalse).length, judged.length),
    targets: drills ? [] : perTarget(records),
  };
}

function perTarget(records: Records): TargetKpis[] {
  const keys = new Set([...records.tallies, ...records.series].map((each) => each.target));
  keys.delete(ownTarget);
  const tallies = grouped(records.tallies);
  const series = grouped(records.series);
  return [...keys]
    .map((target): TargetKpis => {
      const hours = tallies.get(target) ?? [];
      const points = series.get(target) ?? [];
      const requests = Math.round(sum(hours, (tally) => tally.requests));
      return {
        target,
        availability: timeShare(
          sum(hours, (tally) => tally.goodMs),
          sum(hours, (tally) => tally.watchedMs),
        ),
        errorRate: rate(Math.min(requests, Math.round(sum(hours, (tally) => tally.errors))), requests),
        latencyMsP95: latencyQuantile(mergedLatency(hours), 0.95),
        memoryBytesMax: maxOf(points.filter(({ metric }) => metric === "rssBytes").map((point) => point.max)),
        cpuShareMean: mean(points.filter(({ metric }) => metric === "cpuShare").map((point) => point.mean)),
      };
    })
    .sort((a, b) => (a.availability.share ?? 2) - (b.availability.share ?? 2) || (a.target < b.target ? -1 : 1))
    .slice(0, targetsMax);
}

function grouped<T extends { readonly target: TargetKey }>(rows: readonly T[]): Map<TargetKey, T[]> {
  const groups = new Map<TargetKey, T[]>();
  for (const row of rows) {
    const group = groups.get(row.target);
    if (group === undefined) groups.set(row.target, [row]);
    else group.push(row);
  }
  return groups;
}

function mergedLatency(tallies: readonly Tally[]): LatencyCounts {
  return tallies.reduce((all, tally) => addLatency(all, tally.latency), noLatency);
}

/** Of two parts of one whole; one that is not known counts as nothing, unless neither is. */
function together(a: number | null, b: number | null): number | null {
  return a === null && b === null ? null : (a ?? 0) + (b ?? 0);
}

function clearedUntouched(incident: Incident): boolean {
  return incident.recoveredBy === "itself" && incident.attempts === 0;
}

function lasted(incident: Incident): number {
  return (incident.clearedAt ?? incident.endedAt ?? incident.detectedAt) - incident.detectedAt;
}

/** Count and share; the interval after Wilson (1927) at 95 % when fewer than 100 cases were counted. */
export function rate(count: number, of: number): Rate {
  return { share: of === 0 ? null : count / of, count, of, interval: of > 0 && of < 100 ? wilson(count, of) : null };
}

/** As `rate`, with the interval whatever the number of cases: for what is claimed from one run. */
export function claimedRate(count: number, of: number): Rate {
  return { ...rate(count, of), interval: of > 0 ? wilson(count, of) : null };
}

/** Time is not a sample of cases: no interval. */
function timeShare(part: number, whole: number): Rate {
  return {
    share: whole === 0 ? null : Math.min(1, part / whole),
    count: Math.round(part),
    of: Math.round(whole),
    interval: null,
  };
}

/** Wilson score interval of a proportion; z = 1.96. */
export function wilson(count: number, of: number): readonly [number, number] {
  const z = 1.96;
  const p = count / of;
  const centre = p + (z * z) / (2 * of);
  const spread = z * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}

export function durations(values: readonly number[]): Durations {
  const sorted = values.filter((value) => value >= 0).sort((a, b) => a - b);
  return {
    count: sorted.length,
    p50Ms: quantile(sorted, 0.5),
    p90Ms: quantile(sorted, 0.9),
    maxMs: sorted.at(-1) ?? null,
  };
}

function quantile(sorted: readonly number[], q: number): number | null {
  return sorted.length === 0 ? null : (sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? null);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : sum(values, (value) => value) / values.length;
}

function maxOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
