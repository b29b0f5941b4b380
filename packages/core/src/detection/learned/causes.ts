// Who depends on whom, as declared and as learned from outgoing calls; and which target is the likeliest cause of an
// incident, by what its metrics and its neighbours' did. It says why, and "the evidence is thin" rather than a guess.
import { dependencies, findCause, type Dependencies, type DependencySnapshot, type Edge } from "@prunella/detect";
import type { Learned } from "../../ports.ts";
import type { TargetKey, TargetSpec, TimeMs } from "../../signal/index.ts";
import type { Evidence } from "../finding.ts";
import type { Change } from "./change-points.ts";
import type { History, Point } from "./history.ts";
import { restored, type Saver, type Unit } from "./saving.ts";

/** Targets that a target was seen to call, beyond those it declares. */
export type LearnedEdges = ReadonlyMap<TargetKey, ReadonlySet<TargetKey>>;

export interface Causes {
  configure(targets: readonly TargetSpec[]): void;
  /** `from` called an address. */
  called(from: TargetKey, address: string, at: TimeMs): void;
  /**
   * Learned edges, without any that closes a circle: where targets need each other, neither may wait for the other's
   * repair.
   */
  edges(now: TimeMs): LearnedEdges;
  /** What speaks for which cause of an incident; empty when there is nobody else to blame. */
  evidence(of: {
    readonly target: TargetKey;
    readonly at: TimeMs;
    readonly history: History;
    readonly changes: (target: TargetKey) => readonly Change[];
  }): Evidence[];
}

/** Incident: from a minute before it was noticed. Normal: the two hours before, by minute, or ten minutes as they came. */
const incidentMs = 60_000;
const rawMs = 600_000;
const changeReachMs = 900_000;
/** Targets looked at for one incident: those it depends on, nearest first, and itself. */
const nodesMax = 40;
const namedMax = 3;

export function newCauses(saver: Saver, saved: ReadonlyMap<string, Learned>): Causes {
  const learned: Dependencies = restored(
    saved.get("edges")?.state,
    (state: DependencySnapshot) => dependencies({}, state),
    () => dependencies(),
  );
  const unit: Unit = { id: "edges", state: () => ({ ...learned.snapshot(), declared: [] }) };
  let targets = new Map<TargetKey, TargetSpec>();
  let byAddress = new Map<string, TargetKey[]>();
  let known: { readonly at: TimeMs; readonly edges: LearnedEdges } | null = null;

  function declared(): Edge[] {
    const members = new Map<string, TargetKey[]>();
    for (const spec of targets.values()) members.set(spec.group, [...(members.get(spec.group) ?? []), spec.key]);
    return [...targets.values()].flatMap((spec) =>
      spec.dependsOn.flatMap((needed) =>
        (targets.has(needed) ? [needed] : (members.get(needed) ?? [])).map((to) => ({ from: spec.key, to })),
      ),
    );
  }

  function edges(now: TimeMs): LearnedEdges {
    // Edges change rarely; a second-old answer will do.
    if (known !== null && now - known.at < 10_000 && now >= known.at) return known.edges;
    const all = [...declared(), ...learned.graph(now).edges].filter(
      ({ from, to }) => targets.has(from) && targets.has(to),
    );
    const needs = new Map<TargetKey, TargetKey[]>();
    for (const { from, to } of all) needs.set(from, [...(needs.get(from) ?? []), to]);
    const straight = new Map<TargetKey, Set<TargetKey>>();
    for (const { from, to } of learned.graph(now).edges) {
      if (!targets.has(from) || !targets.has(to) || reachable(to, needs).has(from)) continue;
      straight.set(from, (straight.get(from) ?? new Set()).add(to));
    }
    known = { at: now, edges: straight };
    return straight;
  }

  return {
    configure(specs) {
      targets = new Map(specs.map((spec) => [spec.key, spec]));
      byAddress = new Map();
      for (const spec of specs)
        for (const address of spec.addresses) {
          const key = canonical(address);
          byAddress.set(key, [...(byAddress.get(key) ?? []), spec.key]);
        }
      known = null;
    },
    called(from, address, at) {
      const callees = byAddress.get(canonical(address)) ?? [];
      // Several targets behind one address: which of them answered is not known, so nothing is learned.
      const callee = callees.length === 1 ? callees[0] : undefined;
      if (callee === undefined || callee === from) return;
      learned.observe(from, callee, at);
      saver.changed(unit);
    },
    edges,
    evidence({ target, at, history, changes }) {
      const extra = edges(at);
      const all = [...declared(), ...[...extra].flatMap(([from, callees]) => [...callees].map((to) => ({ from, to })))];
      const needs = new Map<TargetKey, TargetKey[]>();
      for (const { from, to } of all) needs.set(from, [...(needs.get(from) ?? []), to]);
      const below = [...reachable(target, needs)].filter((key) => key !== target).slice(0, nodesMax);
      if (below.length === 0) return [];
      const nodes = [target, ...below];
      const within = new Set(nodes);
      const metrics = Object.fromEntries(nodes.map((node) => [node, around(history, node, at)]));
      const verdict = findCause({
        graph: { nodes, edges: all.filter(({ from, to }) => within.has(from) && within.has(to)) },
        normal: mapped(metrics, (each) => each.normal),
        incident: mapped(metrics, (each) => each.incident),
        symptom: { node: target },
        changes: nodes.flatMap((node) =>
          changes(node)
            .filter((change) => change.at <= at && at - change.at <= changeReachMs)
            .map((change) => ({
              node,
              what: `${change.what}: ${change.summary}`.slice(0, 120),
              secondsBefore: (at - change.at) / 1_000,
            })),
        ),
      });
      const told = verdict.ranking.filter((each) => each.why.length > 0).slice(0, namedMax);
      const said =
        verdict.standing === "unknown"
          ? `no likely cause among ${nodes.join(", ")}: the evidence is thin`
          : `${verdict.standing === "likely" ? "likely cause" : "possible cause, others are close"}: ${told[0]?.node ?? target} (${(told[0]?.why ?? []).slice(0, 2).join("; ")})`;
      return [
        {
          at,
          what: "dependency",
          summary: said.slice(0, 300),
          data: {
            standing: verdict.standing,
            ranking: told.map(({ node, score, why }) => ({
              node,
              score: Number(score.toPrecision(3)),
              why: why.slice(0, 4),
            })),
          },
        },
      ];
    },
  };
}

interface Around {
  readonly normal: Readonly<Record<string, readonly number[]>>;
  readonly incident: Readonly<Record<string, readonly number[]>>;
}

/** The metrics that say something of causes, before the incident and in it; shares instead of rates. */
function around(history: History, target: TargetKey, at: TimeMs): Around {
  const normal: Record<string, readonly number[]> = {};
  const incident: Record<string, readonly number[]> = {};
  const put = (name: string, before: readonly Point[], during: readonly Point[]): void => {
    if (before.length === 0 || during.length === 0) return;
    normal[name] = before.map((point) => point.value);
    incident[name] = during.map((point) => point.value);
  };
  const during = (metric: string): Point[] => history.raw(target, metric, at - incidentMs, at + 1);
  const before = (metric: string): Point[] => {
    const minutes = history.minutes(target, metric, 0, at - 2 * incidentMs);
    return minutes.length >= 10 ? minutes : history.raw(target, metric, at - rawMs, at - incidentMs);
  };
  for (const metric of history.metrics(target))
    if (
      /latencyMs(P95|$|\.)|^checkLatencyMs/.test(metric) ||
      ["cpuShare", "rssBytes", "requestsPerSecond"].includes(metric)
    )
      put(roles[metric] ?? metric, before(metric), during(metric));
  const share = (points: (metric: string) => Point[]): Point[] => {
    const requests = new Map(points("requestsPerSecond").map((point) => [point.at, point.value]));
    return points("errorsPerSecond").flatMap((point) => {
      const all = requests.get(point.at) ?? 0;
      return all > 0 ? [{ at: point.at, value: Math.min(1, point.value / all) }] : [];
    });
  };
  put("error share", share(before), share(during));
  return { normal, incident };
}

/** Names that tell the ranking what a metric measures. */
const roles: Readonly<Record<string, string>> = {
  cpuShare: "cpu",
  rssBytes: "memory",
  requestsPerSecond: "requests",
  latencyMsP95: "latency p95",
};

function mapped<B>(of: Readonly<Record<string, Around>>, to: (value: Around) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, to(value)]));
}

/** Everything that can be reached from `from`; itself only where it lies on a circle. */
function reachable(from: TargetKey, needs: ReadonlyMap<TargetKey, readonly TargetKey[]>): Set<TargetKey> {
  const found = new Set<TargetKey>();
  const open = [...(needs.get(from) ?? [])];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(needs.get(next) ?? []));
  }
  return found;
}

/** The loopback's names are one address. */
function canonical(address: string): string {
  return address.replace(/^(?:localhost|\[?::1\]?|\[?::ffff:127\.0\.0\.1\]?|0\.0\.0\.0)(?=:\d+$|$)/i, "127.0.0.1");
}
