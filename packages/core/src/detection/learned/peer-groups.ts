// Instances of one service do the same work, so one that is unlike its siblings for minutes is worth a look: automatic for
// every group of three and more, on the metrics where alike is the rule. A load that moves them all alarms nobody.
import { peers, type Peers } from "@prunella/detect";
import type { TargetKey, TargetSpec, TimeMs } from "../../signal/index.ts";
import type { Finding } from "../finding.ts";
import { readable } from "./anomalies.ts";

export const membersMin = 3;
/** Compared; traffic is not, because a balancer may have its reasons. */
export const comparedMetrics = [
  "rssBytes",
  "heapUsedBytes",
  "cpuShare",
  "lagMsP99",
  "latencyMsP95",
  "errorsPerSecond",
  "descriptors",
] as const;
/** Values are compared as means of this long, ms, and must stay unlike for `forMs`. */
const everyMs = 15_000;
const forMs = 120_000;
/** Below these sizes a difference is none, whatever the others do: 5 % of a core, 10 ms, 10 MB, 20 handles. */
const floors: Readonly<Record<string, number>> = {
  rssBytes: 1e7,
  heapUsedBytes: 1e7,
  cpuShare: 0.05,
  lagMsP99: 10,
  latencyMsP95: 10,
  errorsPerSecond: 0.2,
  descriptors: 20,
};

export interface PeerGroups {
  configure(targets: readonly TargetSpec[]): void;
  take(target: TargetKey, at: TimeMs, values: Readonly<Record<string, number>>): void;
  findings(target: TargetKey, now: TimeMs): Finding[];
}

interface Group {
  readonly members: ReadonlySet<TargetKey>;
  readonly metrics: Map<string, { readonly detector: Peers; outliers: Map<TargetKey, { since: TimeMs; why: string }> }>;
  readonly sums: Map<TargetKey, Map<string, { sum: number; count: number }>>;
  comparedAt: TimeMs;
}

export function newPeerGroups(): PeerGroups {
  const groups = new Map<string, Group>();
  let groupOf = new Map<TargetKey, string>();

  function compare(group: Group, now: TimeMs): void {
    group.comparedAt = now;
    for (const metric of comparedMetrics) {
      const values: Record<string, number> = {};
      for (const [member, sums] of group.sums) {
        const sum = sums.get(metric);
        if (sum !== undefined && sum.count > 0) values[member] = sum.sum / sum.count;
      }
      if (Object.keys(values).length < membersMin) {
        group.metrics.delete(metric);
        continue;
      }
      const entry = group.metrics.get(metric) ?? {
        detector: peers({ membersMin, deviations: 8, shareMin: 0.5, forMs, clearForMs: everyMs }),
        outliers: new Map(),
      };
      group.metrics.set(metric, entry);
      const { outliers, median } = entry.detector.update({ at: now, values });
      entry.outliers = new Map(
        outliers
          .filter(({ value }) => Math.abs(value - (median ?? value)) >= (floors[metric] ?? 0))
          .map(({ member, value, since }) => [
            member,
            {
              since: since ?? now,
              why: `${metric} of ${member} is ${readable(value)}, its siblings are around ${readable(median ?? value)}`,
            },
          ]),
      );
    }
    group.sums.clear();
  }

  return {
    configure(targets) {
      const members = new Map<string, Set<TargetKey>>();
      for (const target of targets)
        if (target.kind === "service")
          members.set(target.group, (members.get(target.group) ?? new Set()).add(target.key));
      groupOf = new Map();
      for (const [name, keys] of members) {
        if (keys.size < membersMin) continue;
        for (const key of keys) groupOf.set(key, name);
        const known = groups.get(name);
        if (known === undefined || known.members.size !== keys.size)
          groups.set(name, { members: keys, metrics: new Map(), sums: new Map(), comparedAt: 0 });
      }
      for (const name of groups.keys()) if ((members.get(name)?.size ?? 0) < membersMin) groups.delete(name);
    },
    take(target, at, values) {
      const group = groups.get(groupOf.get(target) ?? "");
      if (group === undefined) return;
      if (at - group.comparedAt >= everyMs) compare(group, at);
      const sums = group.sums.get(target) ?? new Map<string, { sum: number; count: number }>();
      group.sums.set(target, sums);
      for (const metric of comparedMetrics) {
        const value = values[metric];
        if (value === undefined || !Number.isFinite(value)) continue;
        const sum = sums.get(metric) ?? { sum: 0, count: 0 };
        sums.set(metric, { sum: sum.sum + value, count: sum.count + 1 });
      }
    },
    findings(target, now) {
      const group = groups.get(groupOf.get(target) ?? "");
      if (group === undefined || now - group.comparedAt > 4 * everyMs) return [];
      return [...group.metrics].flatMap(([metric, { outliers }]) => {
        const outlier = outliers.get(target);
        if (outlier === undefined) return [];
        const finding: Finding = {
          target,
          kind: "peer-outlier",
          distinguisher: metric,
          severity: "low",
          class: "performance",
          summary: outlier.why,
          beganAt: outlier.since - forMs,
          detectedAt: now,
          certainty: "inferred",
          down: false,
          ripe: false,
          events: 0,
          evidence: [{ at: now, what: "sample", summary: outlier.why }],
        };
        return [finding];
      });
    },
  };
}
