// The KPIs beside their targets (catalogue.md), one row each: the figure, what it was counted from, its interval, whether the
// target is met, and what it was in the period before. A row without data says so and is neither met nor missed.
import { percent } from "../detection/index.ts";
import type { Durations, Kpis, Rate } from "./kpis.ts";

export interface KpiRow {
  readonly name: string;
  readonly group: "system health" | "self-healing";
  readonly target: string;
  readonly value: string;
  /** In the unit of the row: a share, ms, bytes or cores; null without data. */
  readonly measured: number | null;
  /** Cases that count, of how many; ms for availability; 0 of 0 without data. For times, the number of times twice. */
  readonly count: number;
  readonly of: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly met: boolean | null;
  /** Value of the period before; null when none was asked for. */
  readonly previous: string | null;
}

/** @param before KPIs of the period before, to compare with; null: none. */
export function againstTargets(of: Kpis, before: Kpis | null = null): KpiRow[] {
  return rules.map(({ name, group, target, read, show, holds }): KpiRow => {
    const now = read(of);
    const then = before === null ? null : read(before);
    return {
      name,
      group,
      target,
      value: now.measured === null ? "no data" : show(now.measured),
      measured: now.measured,
      count: now.count,
      of: now.of,
      low: now.low ?? null,
      high: now.high ?? null,
      met: now.measured === null ? null : holds(now.measured),
      previous: then === null ? null : then.measured === null ? "no data" : show(then.measured),
    };
  });
}

interface Reading {
  readonly measured: number | null;
  readonly count: number;
  readonly of: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

interface Rule {
  readonly name: string;
  readonly group: KpiRow["group"];
  readonly target: string;
  readonly read: (of: Kpis) => Reading;
  readonly show: (value: number) => string;
  readonly holds: (value: number) => boolean;
}

const ofRate = (rate: Rate): Reading => ({
  measured: rate.share,
  count: rate.count,
  of: rate.of,
  low: rate.interval?.[0],
  high: rate.interval?.[1],
});
const ofTimes = (times: Durations): Reading => ({ measured: times.p50Ms, count: times.count, of: times.count });
const ofValue = (measured: number | null, count = measured === null ? 0 : 1): Reading => ({
  measured,
  count,
  of: count,
});

const rules: readonly Rule[] = [
  {
    name: "availability",
    group: "system health",
    target: "99.9 %",
    read: (of) => ofRate(of.availability),
    show: (value) => percent(value, 3),
    holds: (value) => value >= 0.999,
  },
  {
    name: "error rate",
    group: "system health",
    target: "< 2 %",
    read: (of) => ofRate(of.errorRate),
    show: (value) => percent(value, 2),
    holds: (value) => value < 0.02,
  },
  {
    name: "response time p95",
    group: "system health",
    target: "< 3 s",
    read: (of) => ofValue(of.latencyMsP95, of.latencyCount),
    show: span,
    holds: (value) => value < 3_000,
  },
  {
    name: "memory",
    group: "system health",
    target: "< 2 GB",
    read: (of) => ofValue(of.memoryBytesMax),
    show: bytes,
    holds: (value) => value < 2e9,
  },
  {
    name: "CPU",
    group: "system health",
    target: "< 70 %",
    read: (of) => ofValue(of.cpuShareMean),
    show: (value) => percent(value, 1),
    holds: (value) => value < 0.7,
  },
  {
    name: "memory of Prunella itself",
    group: "system health",
    target: "< 2 GB",
    read: (of) => ofValue(of.ownMemoryBytesMax),
    show: bytes,
    holds: (value) => value < 2e9,
  },
  {
    name: "CPU of Prunella itself",
    group: "system health",
    target: "< 70 %",
    read: (of) => ofValue(of.ownCpuShareMean),
    show: (value) => percent(value, 1),
    holds: (value) => value < 0.7,
  },
  {
    name: "auto-recovery rate",
    group: "self-healing",
    target: "> 80 %",
    read: (of) => ofRate(of.autoRecovery),
    show: (value) => percent(value, 1),
    holds: (value) => value > 0.8,
  },
  {
    name: "detection time (median)",
    group: "self-healing",
    target: "< 1 min",
    read: (of) => ofTimes(of.detection),
    show: span,
    holds: (value) => value < 60_000,
  },
  {
    name: "repair time (median)",
    group: "self-healing",
    target: "< 5 min",
    read: (of) => ofTimes(of.repair),
    show: span,
    holds: (value) => value < 300_000,
  },
  {
    name: "false-positive rate",
    group: "self-healing",
    target: "< 5 %",
    read: (of) => ofRate(of.falsePositives),
    show: (value) => percent(value, 1),
    holds: (value) => value < 0.05,
  },
];

/** A duration to read: "340 ms", "2.1 s", "3.0 min", "1.5 h", "2.0 d". */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${(ms / 60_000).toFixed(1)} min`;
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} d`;
}

export function bytes(value: number): string {
  if (value < 1e6) return `${Math.round(value / 1e3)} kB`;
  return value < 1e9 ? `${(value / 1e6).toFixed(0)} MB` : `${(value / 1e9).toFixed(2)} GB`;
}
