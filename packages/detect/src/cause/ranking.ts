// Which node is the cause of an incident, by what its metrics and its edges did, and why. The idea: trouble flows from
// callee to caller, and the time or the failures that a callee adds account for what its caller adds. The cause is the
// node whose own trouble nobody below it accounts for. Batch, pure; nothing is known of any particular system.
import { deviationOf, failureExcess, finite, roleOf, type Deviation, type Role, type Series } from "./deviation.ts";
import type { Graph } from "./graph.ts";

/** Metrics by node name, or by "caller->callee" for what was measured on an edge; one value per sample, null = missing. */
export type Metrics = Readonly<Record<string, Readonly<Record<string, Series>>>>;

export interface CauseInput {
  readonly graph: Graph;
  /** Ordinary operation: at least 5 values of each series, better a few hundred. Samples as far apart as the incident's. */
  readonly normal: Metrics;
  /** The incident: its first few samples are enough. */
  readonly incident: Metrics;
  /** The node that people complain about, and the metric; only what it depends on can be the cause. */
  readonly symptom?: { readonly node: string; readonly metric?: string };
  /** What was changed shortly before: a deploy, a setting, a restart. */
  readonly changes?: readonly { readonly node: string; readonly what: string; readonly secondsBefore: number }[];
  /** Roles of metrics whose name does not tell it. */
  readonly roles?: Readonly<Record<string, Role>>;
}

export interface RankedCause {
  readonly node: string;
  /** Comparable within one ranking and, roughly, between rankings: below 0.7 the evidence is thin. */
  readonly score: number;
  /** The evidence in words, strongest first; empty when there is none. */
  readonly why: readonly string[];
}

export interface CauseVerdict {
  /** "likely": strong evidence, clearly ahead. "possible": strong, but others are close. "unknown": the evidence is thin. */
  readonly standing: "likely" | "possible" | "unknown";
  readonly ranking: readonly RankedCause[];
}

const SCORE_MIN = 0.7;
const LEAD_MIN = 1.3;

/** The ranking and how far to trust it: "unknown" rather than a guess. */
export function findCause(input: CauseInput): CauseVerdict {
  const ranking = rankCauses(input);
  const [first, second] = [ranking[0]?.score ?? 0, ranking[1]?.score ?? 0];
  const standing = first < SCORE_MIN ? "unknown" : first >= LEAD_MIN * second ? "likely" : "possible";
  return { standing, ranking };
}

// Weights of the other channel than the symptom's, of a node that is no dependency of the symptom, and of each step
// on the way to a node through one that looks healthy.
const OTHER_CHANNEL = 0.3;
const NOT_BELOW = 0.1;
const HEALTHY_STEP = 0.5;
const TROUBLED = 0.7;
const RESOURCE_WEIGHT = 0.5;
const LOST_CALLS_WEIGHT = 1.5;
// Orders the nodes that show no real evidence; too small to matter beside any.
const FAINT_WEIGHT = 0.04;
const CHANGE_WEIGHT = 1.5;
const CHANGE_FADES_SECONDS = 900;

/** Every node of the graph, the likeliest cause first. */
export function rankCauses(input: CauseInput): RankedCause[] {
  const facts = factsOf(input);
  const reach = reachOf(input, facts);
  const shares = { duration: ownShares(facts, "duration"), failure: ownShares(facts, "failure") };
  const suspicion = suspicionOf(facts);
  const ranked = facts.nodes.map((node) => {
    const fact = facts.of(node);
    const evidence: Evidence[] = [
      {
        weight: facts.weights.duration * fact.trouble.duration * (shares.duration.get(node) ?? 0),
        says: `${fact.duration === null ? "its callers wait" : `takes ${times(fact.duration)}`}, which nothing it calls accounts for`,
      },
      {
        weight: facts.weights.failure * fact.trouble.failure * (shares.failure.get(node) ?? 0),
        says: `fails ${percent(fact.failure?.now)} of its calls instead of ${percent(fact.failure?.usual)}, which nothing it calls accounts for`,
      },
      {
        weight: RESOURCE_WEIGHT * fact.resource.surprise,
        says: `${fact.resource.metric} is ${times(fact.resource.deviation)}`,
      },
      { weight: fact.network, says: "its callers wait for it longer than it works: the way to it is slow" },
      {
        weight: suspicion.get(node) ?? 0,
        says: "its callers' outgoing calls are slow, and none of their other callees explains it",
      },
      { weight: LOST_CALLS_WEIGHT * lostCalls(facts, node), says: "has stopped making calls that it usually makes" },
      { weight: FAINT_WEIGHT * fact.faint, says: "slightly unusual, nothing more" },
      ...(input.changes ?? [])
        .filter((change) => change.node === node && change.secondsBefore >= 0)
        .map((change) => ({
          weight: CHANGE_WEIGHT * Math.exp(-change.secondsBefore / CHANGE_FADES_SECONDS),
          says: `${change.what} ${Math.round(change.secondsBefore)} s before`,
        })),
    ];
    const near = reach.get(node) ?? NOT_BELOW;
    const telling = evidence.filter((one) => one.weight > 0.05).toSorted((a, b) => b.weight - a.weight);
    const score = near * evidence.reduce((sum, one) => sum + one.weight, 0);
    return { node, score, why: telling.map((one) => one.says) };
  });
  return ranked.toSorted((a, b) => b.score - a.score);
}

interface Evidence {
  readonly weight: number;
  readonly says: string;
}

type Channel = "duration" | "failure";

interface Fact {
  readonly duration: Deviation | null;
  readonly failure: Deviation | null;
  readonly volume: Deviation | null;
  /** Surprise (log of deviations) by channel, as seen by the node itself or by its callers, whichever is larger. */
  readonly trouble: Readonly<Record<Channel, number>>;
  readonly resource: { readonly surprise: number; readonly metric: string; readonly deviation: Deviation | null };
  readonly outgoing: number;
  /** Log of the largest deviation of any duration or resource, however small. */
  readonly faint: number;
  /** How much slower the callers see it than it is. */
  readonly network: number;
}

interface Facts {
  readonly nodes: readonly string[];
  readonly callees: ReadonlyMap<string, readonly string[]>;
  readonly callers: ReadonlyMap<string, readonly string[]>;
  readonly weights: Readonly<Record<Channel, number>>;
  of(node: string): Fact;
  /** Slowness of `callee` as `caller` sees it. */
  seen(caller: string, callee: string): number;
}

/** Two deviations are nothing; beyond, each tenfold counts the same. */
const surprise = (score: number): number => Math.log1p(Math.max(0, score - 2));

function factsOf({ graph, normal, incident, symptom, roles = {} }: CauseInput): Facts {
  const nodes = [...new Set(graph.nodes)];
  const known = new Set(nodes);
  const edges = graph.edges.filter(({ from, to }) => known.has(from) && known.has(to) && from !== to);
  const [callees, callers] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const { from, to } of edges) {
    if (callees.get(from)?.includes(to) === true) continue;
    callees.set(from, [...(callees.get(from) ?? []), to]);
    callers.set(to, [...(callers.get(to) ?? []), from]);
  }
  const role = (metric: string): Role => roles[metric] ?? roleOf(metric);
  const onEdge = new Map<string, { readonly caller: number; readonly callee: number }>();
  for (const { from, to } of edges) {
    const measured = edgeSurprise(normal, incident, `${from}->${to}`);
    if (measured !== null) onEdge.set(`${from}->${to}`, measured);
  }
  const facts = new Map(
    nodes.map((node) => {
      const incoming = (callers.get(node) ?? []).flatMap((caller) => onEdge.get(`${caller}->${node}`) ?? []);
      return [node, factOf(normal[node] ?? {}, incident[node] ?? {}, role, incoming)];
    }),
  );
  const symptomRole = symptom?.metric === undefined ? null : role(symptom.metric);
  const isFailure = symptomRole === "failure" || symptomRole === "success";
  const isDuration = symptomRole === "duration" || symptomRole === "outgoing";
  return {
    nodes,
    callees,
    callers,
    weights: { duration: isFailure ? OTHER_CHANNEL : 1, failure: isDuration ? OTHER_CHANNEL : 1 },
    of: (node) => facts.get(node) as Fact,
    seen: (caller, callee) =>
      onEdge.get(`${caller}->${callee}`)?.caller ?? (facts.get(callee) as Fact).trouble.duration,
  };
}

function factOf(
  normal: Readonly<Record<string, Series>>,
  incident: Readonly<Record<string, Series>>,
  role: (metric: string) => Role,
  incoming: readonly { readonly caller: number; readonly callee: number }[],
): Fact {
  const metrics = Object.keys(incident).filter((metric) => normal[metric] !== undefined);
  const ofRole = (wanted: Role): string[] => metrics.filter((metric) => role(metric) === wanted);
  const deviations = (wanted: Role): { metric: string; deviation: Deviation }[] =>
    ofRole(wanted).flatMap((metric) => {
      const deviation = deviationOf(normal[metric] as Series, incident[metric] as Series);
      return deviation === null ? [] : [{ metric, deviation }];
    });
  const durations = deviations("duration");
  const volume = deviations("volume").find(({ deviation }) => deviation.usual > 0)?.deviation ?? null;
  const failures = [...ofRole("failure"), ...ofRole("success")].flatMap((metric) => {
    const excess = failureExcess(
      normal[metric] as Series,
      incident[metric] as Series,
      role(metric) === "success",
      volume === null ? null : Math.max(0, volume.now),
    );
    return excess ?? [];
  });
  const resources = deviations("resource");
  const strongest = resources.toSorted((a, b) => b.deviation.score - a.deviation.score)[0];
  const seen = mean(incoming.map((edge) => edge.caller));
  return {
    // The mean adds up over calls, as percentiles do not.
    duration: (durations.find(({ metric }) => /average|mean|avg/i.test(metric)) ?? durations[0])?.deviation ?? null,
    failure: failures.toSorted((a, b) => b.score - a.score)[0] ?? null,
    volume,
    trouble: {
      duration: Math.max(topTwo(durations.map(({ deviation }) => surprise(deviation.score))), seen),
      failure: topTwo(failures.map(({ score }) => surprise(score))),
    },
    resource: {
      surprise: surprise(strongest?.deviation.score ?? 0),
      metric: strongest?.metric ?? "",
      deviation: strongest?.deviation ?? null,
    },
    faint: Math.max(
      0,
      ...[...durations, ...resources].map(({ deviation }) => Math.log1p(Math.max(0, deviation.score))),
    ),
    outgoing: topTwo(deviations("outgoing").map(({ deviation }) => surprise(deviation.score))),
    network: mean(incoming.map((edge) => Math.max(0, edge.caller - edge.callee))),
  };
}

/** What was measured on an edge, at the caller's and at the callee's end; one end stands for both if only it is known. */
function edgeSurprise(normal: Metrics, incident: Metrics, key: string): { caller: number; callee: number } | null {
  const ends: Record<"caller" | "callee", number[]> = { caller: [], callee: [] };
  for (const [metric, values] of Object.entries(incident[key] ?? {})) {
    const deviation = deviationOf(normal[key]?.[metric] ?? [], values);
    if (deviation === null) continue;
    ends[/caller|source|client/i.test(metric) ? "caller" : "callee"].push(surprise(deviation.score));
  }
  if (ends.caller.length + ends.callee.length === 0) return null;
  return {
    caller: Math.max(...(ends.caller.length > 0 ? ends.caller : ends.callee)),
    callee: Math.max(...(ends.callee.length > 0 ? ends.callee : ends.caller)),
  };
}

/**
 * The share of a node's trouble that is its own, 0 to 1: with volumes, the time (or failures) that it added less what its
 * callees added, against the largest addition of all; without, less the largest surprise among its callees.
 */
function ownShares(facts: Facts, channel: Channel): Map<string, number> {
  const added = (node: string): number | null => {
    const { volume, [channel]: deviation } = facts.of(node);
    if (volume === null || deviation === null) return null;
    return Math.max(0, volume.now) * Math.max(0, deviation.now - deviation.usual - deviation.spread);
  };
  const additions = new Map(facts.nodes.map((node) => [node, finiteOrNull(added(node))]));
  const largest = Math.max(0, ...[...additions.values()].map((value) => value ?? 0));
  const fromBelow = (node: string, own: number): number =>
    (facts.callees.get(node) ?? []).reduce((sum, callee) => {
      const all = (facts.callers.get(callee) ?? []).reduce((total, caller) => total + (additions.get(caller) ?? 0), 0);
      return all === 0 ? sum : sum + (additions.get(callee) ?? 0) * (own / all);
    }, 0);
  return new Map(
    facts.nodes.map((node) => {
      const own = additions.get(node) ?? null;
      if (own !== null && largest > 0) return [node, Math.sqrt(Math.max(0, own - fromBelow(node, own)) / largest)];
      const trouble = facts.of(node).trouble[channel];
      if (trouble === 0) return [node, 0];
      const below = (facts.callees.get(node) ?? []).map((callee) =>
        channel === "duration" ? facts.seen(node, callee) : facts.of(callee).trouble.failure,
      );
      return [node, (1 - Math.min(1, Math.max(0, ...below) / trouble)) ** 2];
    }),
  );
}

/** Callers whose outgoing calls are slow although no callee looks slow: each callee is a suspect, unless other callers are fine. */
function suspicionOf(facts: Facts): Map<string, number> {
  const unexplained = (caller: string): number => {
    const below = (facts.callees.get(caller) ?? []).map((callee) => facts.seen(caller, callee));
    return Math.max(0, facts.of(caller).outgoing - Math.max(0, ...below));
  };
  const waiting = new Map(facts.nodes.map((node) => [node, unexplained(node)]));
  return new Map(
    facts.nodes.map((node) => {
      const callers = facts.callers.get(node) ?? [];
      return [
        node,
        mean(callers.map((caller) => (waiting.get(caller) ?? 0) / Math.sqrt(facts.callees.get(caller)?.length ?? 1))),
      ];
    }),
  );
}

/** Mean share of calls that the node's callees miss, less what the node itself misses, 0 to 1. */
function lostCalls(facts: Facts, node: string): number {
  const missing = (volume: Deviation | null): number =>
    volume === null ? 0 : Math.max(0, Math.min(1, 1 - volume.now / volume.usual));
  const callees = (facts.callees.get(node) ?? []).filter((callee) => facts.of(callee).volume !== null);
  const lost = mean(
    callees.map((callee) => missing(facts.of(callee).volume) / (facts.callers.get(callee)?.length ?? 1)),
  );
  return Math.max(0, lost - missing(facts.of(node).volume));
}

/** How well a node is connected to the symptom through troubled nodes: 1, halved by each healthy one on the best way. */
function reachOf({ symptom, graph }: CauseInput, facts: Facts): Map<string, number> {
  if (symptom === undefined || !graph.nodes.includes(symptom.node))
    return new Map(facts.nodes.map((node) => [node, 1]));
  const reach = new Map([[symptom.node, 1]]);
  const open = [symptom.node];
  for (let node = open.shift(); node !== undefined; node = open.shift())
    for (const callee of facts.callees.get(node) ?? []) {
      const { duration, failure } = facts.of(callee).trouble;
      const troubled = Math.max(facts.weights.duration * duration, facts.weights.failure * failure) > TROUBLED;
      const near = (reach.get(node) as number) * (troubled ? 1 : HEALTHY_STEP);
      if (near <= (reach.get(callee) ?? 0)) continue;
      reach.set(callee, near);
      open.push(callee);
    }
  return reach;
}

/** Beyond this, sums of sums could overflow; no real metric comes near. */
function finiteOrNull(value: number | null): number | null {
  return value !== null && value < 1e100 ? value : null;
}

function topTwo(values: readonly number[]): number {
  return mean(values.toSorted((a, b) => b - a).slice(0, 2));
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : finite(values).reduce((sum, value) => sum + value, 0) / values.length;
}

function times(deviation: Deviation | null): string {
  if (deviation === null || deviation.usual === 0) return "far more than usual";
  return `${(deviation.now / deviation.usual).toPrecision(2)} times the usual`;
}

function percent(share: number | undefined): string {
  return `${(100 * (share ?? 0)).toFixed(1)} %`;
}
