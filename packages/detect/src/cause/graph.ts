// Who depends on whom: edges that were declared and edges learned from traffic, and what follows from them: which of the
// unhealthy nodes are causes and which only suffer from another. Bounded; no clock (times come with the observations).

/** `from` calls, or otherwise needs, `to`. */
export interface Edge {
  readonly from: string;
  readonly to: string;
}

export interface Graph {
  readonly nodes: readonly string[];
  readonly edges: readonly Edge[];
}

export interface DependencyOptions {
  /** A learned edge counts after this many observations. Default 3: one stray connection is no dependency. */
  readonly observationsMin?: number;
  /** A learned edge is forgotten when it was not seen for this long, ms. Default 7 days. Declared ones stay. */
  readonly forgetMs?: number;
  /** Most learned edges kept. Default 10,000: at the bound the one not seen for longest goes, and is counted. */
  readonly edgesMax?: number;
}

interface LearnedEdge extends Edge {
  readonly seen: number;
  readonly lastMs: number;
}

export interface DependencySnapshot {
  readonly version: 1;
  readonly declared: readonly Edge[];
  readonly learned: readonly LearnedEdge[];
  readonly dropped: number;
}

export interface Dependencies {
  declare(from: string, to: string): void;
  /** One call, connection or span from `from` to `to`. A node that calls itself teaches nothing. */
  observe(from: string, to: string, atMs: number): void;
  graph(nowMs: number): Graph;
  /** Learned edges given up because of `edgesMax`. */
  dropped(): number;
  snapshot(): DependencySnapshot;
}

export function dependencies(options: DependencyOptions = {}, from?: DependencySnapshot): Dependencies {
  const { observationsMin = 3, forgetMs = 7 * 86_400_000, edgesMax = 10_000 } = options;
  if (!(edgesMax >= 1)) throw new RangeError(`edgesMax must be at least 1, not ${edgesMax}`);
  const key = (edge: Edge): string => JSON.stringify([edge.from, edge.to]);
  const declared = new Map(from?.declared.map((edge) => [key(edge), edge]));
  // Insertion order is the order of last sight, so that the first entry is the one to give up.
  const learned = new Map(from?.learned.map((edge) => [key(edge), edge]));
  let dropped = from?.dropped ?? 0;

  return {
    declare(caller, callee) {
      const edge = { from: caller, to: callee };
      declared.set(key(edge), edge);
    },
    observe(caller, callee, atMs) {
      if (caller === callee) return;
      const edge = { from: caller, to: callee };
      const known = learned.get(key(edge));
      learned.delete(key(edge));
      learned.set(key(edge), { ...edge, seen: (known?.seen ?? 0) + 1, lastMs: Math.max(atMs, known?.lastMs ?? atMs) });
      if (learned.size <= edgesMax) return;
      learned.delete(learned.keys().next().value as string);
      dropped++;
    },
    graph(nowMs) {
      const current = [...learned.values()].filter(
        (edge) => edge.seen >= observationsMin && nowMs - edge.lastMs <= forgetMs,
      );
      const edges = new Map(
        [...declared.values(), ...current].map((edge) => [key(edge), { from: edge.from, to: edge.to }]),
      );
      const nodes = new Set([...edges.values()].flatMap((edge) => [edge.from, edge.to]));
      return { nodes: [...nodes], edges: [...edges.values()] };
    },
    dropped: () => dropped,
    snapshot: () => ({ version: 1, declared: [...declared.values()], learned: [...learned.values()], dropped }),
  };
}

/** An unhealthy node and since when, in any unit of time. */
export interface Unhealthy {
  readonly node: string;
  readonly since: number;
}

/**
 * Cause suppresses effect: maps every unhealthy node to the unhealthy node that explains it, itself for a cause. A node
 * is explained by one it depends on through unhealthy nodes only; of several, the one unhealthy for longest; where nodes
 * depend on each other in a circle, the first of them to fail is the cause of the rest.
 */
export function causesOf(graph: Graph, unhealthy: readonly Unhealthy[]): Map<string, string> {
  const since = new Map(unhealthy.map((one) => [one.node, one.since]));
  const needs = new Map<string, string[]>();
  for (const { from, to } of graph.edges)
    if (since.has(from) && since.has(to)) needs.set(from, [...(needs.get(from) ?? []), to]);
  const below = new Map([...since.keys()].map((node) => [node, reachable(node, needs)]));
  const isBelow = (upper: string, lower: string): boolean => below.get(upper)?.has(lower) === true;
  const earliest = (nodes: readonly string[]): string =>
    nodes.reduce((first, node) => ((since.get(node) as number) < (since.get(first) as number) ? node : first));
  return new Map(
    [...since.keys()].map((node) => {
      // Deepest: whatever it needs needs it back. That is a leaf, or a circle, which its first failure stands for.
      const deepest = [node, ...(below.get(node) ?? [])].filter((one) =>
        [...(below.get(one) ?? [])].every((other) => isBelow(other, one)),
      );
      const first = earliest(deepest);
      return [node, earliest([first, ...deepest.filter((one) => isBelow(first, one))])];
    }),
  );
}

/** Every node that can be reached from `node`, without itself unless it lies on a circle. */
export function reachable(node: string, needs: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const open = [...(needs.get(node) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(needs.get(next) ?? []));
  }
  return found;
}
