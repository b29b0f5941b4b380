import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { causesOf, dependencies, findCause, rankCauses, roleOf, type CauseInput, type Metrics } from "@prunella/detect";
import { nezha, petshop, type Incident } from "../bench/cause-data.ts";
import { dataSet, seeded } from "../bench/data.ts";

const chain = {
  nodes: ["web", "cart", "search", "db", "cache"],
  edges: [
    { from: "web", to: "cart" },
    { from: "web", to: "search" },
    { from: "cart", to: "db" },
    { from: "search", to: "cache" },
  ],
};

/** Ordinary metrics of every node, `samples` long; `change` bends some of them. */
function metricsOf(
  samples: number,
  seed: number,
  change: Readonly<Record<string, Readonly<Record<string, number>>>> = {},
): Metrics {
  const random = seeded(seed);
  const usual: Readonly<Record<string, number>> = { latency_average: 0.1, success: 100, requests: 200, cpu: 20 };
  return Object.fromEntries(
    chain.nodes.map((node) => [
      node,
      Object.fromEntries(
        Object.entries(usual).map(([metric, level]) => {
          const factor = change[node]?.[metric] ?? 1;
          const wobble = metric === "success" ? 0 : 0.1;
          return [metric, Array.from({ length: samples }, () => level * factor * (1 + wobble * (random() - 0.5)))];
        }),
      ),
    ]),
  );
}

function input(
  change: Readonly<Record<string, Readonly<Record<string, number>>>>,
  more: Partial<CauseInput> = {},
): CauseInput {
  return { graph: chain, normal: metricsOf(200, 1), incident: metricsOf(4, 2, change), ...more };
}

test("the callee whose slowness accounts for its callers' is the cause", () => {
  const slow = { latency_average: 5 };
  const { standing, ranking } = findCause(
    input({ db: slow, cart: slow, web: slow }, { symptom: { node: "web", metric: "latency_average" } }),
  );
  assert.equal(ranking[0]?.node, "db");
  assert.equal(standing, "likely");
  assert.match(ranking[0].why[0] ?? "", /takes 5\.\d times the usual/);
});

test("a caller that adds more than its callees is the cause itself", () => {
  const ranking = rankCauses(
    input({ cart: { latency_average: 9 }, web: { latency_average: 9 }, db: { latency_average: 1.2 } }),
  );
  assert.equal(ranking[0]?.node, "cart");
});

test("failures flow from callee to caller too", () => {
  const failing = { success: 0.8 };
  const ranking = rankCauses(
    input({ cache: failing, search: failing, web: { success: 0.9 } }, { symptom: { node: "web", metric: "success" } }),
  );
  assert.equal(ranking[0]?.node, "cache");
  assert.match(ranking[0].why[0] ?? "", /fails 20\.0 % of its calls instead of 0\.0 %/);
});

test("a node that has used up a resource is blamed for it", () => {
  const { ranking } = findCause(input({ cart: { cpu: 4.5, latency_average: 1.5 }, web: { latency_average: 1.4 } }));
  assert.equal(ranking[0]?.node, "cart");
  assert.ok(ranking[0].why.some((why) => why.includes("cpu")));
});

test("a slow way to a node shows on its edges, and the node at its end is the cause", () => {
  const edge = (caller: number, samples: number): Metrics[string] => ({
    latency_caller: Array.from({ length: samples }, (_, at) => caller + 0.001 * (at % 3)),
    latency_callee: Array.from({ length: samples }, (_, at) => 0.01 + 0.001 * (at % 3)),
  });
  const base = input({ web: { latency_average: 3 }, cart: { latency_average: 3 } });
  const { ranking } = findCause({
    ...base,
    normal: {
      ...base.normal,
      "cart->db": edge(0.01, 100),
      "web->cart": edge(0.01, 100),
      "web->search": edge(0.01, 100),
    },
    incident: { ...base.incident, "cart->db": edge(0.8, 4), "web->cart": edge(0.01, 4), "web->search": edge(0.01, 4) },
  });
  assert.equal(ranking[0]?.node, "db");
  assert.ok(ranking[0].why.includes("its callers wait for it longer than it works: the way to it is slow"));
});

test("a node that stopped calling is the cause of its callees' silence", () => {
  const ranking = rankCauses(input({ db: { requests: 0.1 }, cart: { requests: 1 } }));
  assert.equal(ranking[0]?.node, "cart");
});

test("a change shortly before is a reason, a day-old one is none", () => {
  const slow = input({ web: { latency_average: 1.15 } });
  const recent = findCause({ ...slow, changes: [{ node: "search", what: "deploy 1f3a", secondsBefore: 120 }] });
  assert.equal(recent.ranking[0]?.node, "search");
  assert.match(recent.ranking[0].why[0] ?? "", /deploy 1f3a 120 s before/);
  const old = findCause({ ...slow, changes: [{ node: "search", what: "deploy 1f3a", secondsBefore: 86_400 }] });
  assert.equal(old.ranking[0]?.node, "web");
});

test("only what the symptom depends on can be the cause", () => {
  const ranking = rankCauses(input({ db: { latency_average: 5 } }, { symptom: { node: "search" } }));
  const other = rankCauses(input({ db: { latency_average: 5 } }, { symptom: { node: "cart" } }));
  assert.ok((other[0]?.score ?? 0) > 5 * (ranking.find(({ node }) => node === "db")?.score ?? 0));
});

test("without evidence it says that it does not know", () => {
  const { standing, ranking } = findCause(input({}));
  assert.equal(standing, "unknown");
  assert.equal(ranking.length, chain.nodes.length);
  assert.equal(findCause({ graph: { nodes: [], edges: [] }, normal: {}, incident: {} }).standing, "unknown");
});

test("a metric's role is read from its name, unless it is told", () => {
  const roles = [
    "latency_p99",
    "PodClientLatencyP90(s)",
    "http_errors",
    "availability",
    "requests",
    "CpuUsage(m)",
    "NodeCpuUsageRate(%)",
    "temperature",
  ];
  assert.deepEqual(roles.map(roleOf), [
    "duration",
    "outgoing",
    "failure",
    "success",
    "volume",
    "resource",
    "other",
    "other",
  ]);
  const series = { normal: { db: { lag: [1, 1.1, 0.9, 1, 1.05] } }, incident: { db: { lag: [9, 9] } } };
  assert.equal(findCause({ graph: chain, ...series }).standing, "unknown");
  assert.equal(findCause({ graph: chain, ...series, roles: { lag: "duration" } }).ranking[0]?.node, "db");
});

test("whatever the metrics and the graph, every node is ranked once, by a finite score", () => {
  const value = fc.oneof(fc.double(), fc.constantFrom(null, Number.NaN, Infinity, 0, 1e308, -1));
  const metrics = fc.dictionary(
    fc.constantFrom("a", "b", "c", "a->b", "x"),
    fc.dictionary(
      fc.constantFrom("latency", "success", "requests", "cpu", "client_latency"),
      fc.array(value, { maxLength: 12 }),
    ),
  );
  const edges = fc.array(fc.record({ from: fc.constantFrom("a", "b", "c", "z"), to: fc.constantFrom("a", "b", "c") }));
  fc.assert(
    fc.property(
      metrics,
      metrics,
      edges,
      fc.option(fc.constantFrom("a", "nobody")),
      (normal, incident, links, suffers) => {
        const symptom = suffers === null ? {} : { symptom: { node: suffers } };
        const ranking = rankCauses({ graph: { nodes: ["a", "b", "c"], edges: links }, normal, incident, ...symptom });
        assert.deepEqual(ranking.map(({ node }) => node).toSorted(), ["a", "b", "c"]);
        for (const { score } of ranking) assert.ok(Number.isFinite(score) && score >= 0, `score ${score}`);
      },
    ),
  );
});

/** How often the cause is ranked first, and how often among the first three. */
function hits(incidents: readonly Incident[]): readonly [first: number, three: number] {
  const places = incidents.map(({ input: given, cause }) => rankCauses(given).findIndex(({ node }) => node === cause));
  return [places.filter((place) => place === 0).length, places.filter((place) => place >= 0 && place < 3).length];
}

const shop = dataSet("petshop");
test("real issues of a web shop keep their floor", { skip: "missing" in shop && shop.missing }, () => {
  assert.ok("at" in shop);
  const incidents = petshop(`${shop.at}/low_traffic`);
  const [first, three] = hits(incidents);
  assert.ok(first >= 23 && three >= 25, `${first} and ${three} of ${incidents.length}`);
});

const boutique = dataSet("nezha");
test("injected faults keep their floor", { skip: "missing" in boutique && boutique.missing }, () => {
  assert.ok("at" in boutique);
  const incidents = nezha(`${boutique.at}/2022-08-22`);
  const [first, three] = hits(incidents);
  assert.ok(first >= 20 && three >= 22, `${first} and ${three} of ${incidents.length}`);
});

test("a cause suppresses its effects, through any number of unhealthy nodes", () => {
  const since = (...names: string[]): { node: string; since: number }[] =>
    names.map((node, at) => ({ node, since: at }));
  const found = causesOf(chain, since("web", "cart", "db", "cache"));
  assert.deepEqual(Object.fromEntries(found), { web: "db", cart: "db", db: "db", cache: "cache" });
});

test("a healthy node between two unhealthy ones keeps them apart", () => {
  const found = causesOf(chain, [
    { node: "web", since: 0 },
    { node: "db", since: 1 },
  ]);
  assert.deepEqual(Object.fromEntries(found), { web: "web", db: "db" });
});

test("in a circle the first to fail is the cause", () => {
  const edges = [
    { from: "a", to: "b" },
    { from: "b", to: "a" },
  ];
  const found = causesOf({ nodes: ["a", "b"], edges }, [
    { node: "a", since: 5 },
    { node: "b", since: 3 },
  ]);
  assert.deepEqual(Object.fromEntries(found), { a: "b", b: "b" });
});

test("edges are declared, or learned from a few observations and forgotten", () => {
  const known = dependencies({ forgetMs: 1_000 });
  known.declare("web", "db");
  for (const at of [0, 10]) known.observe("web", "cache", at);
  assert.deepEqual(known.graph(10).edges, [{ from: "web", to: "db" }]);
  known.observe("web", "cache", 20);
  known.observe("web", "web", 20);
  assert.deepEqual(known.graph(20), {
    nodes: ["web", "db", "cache"],
    edges: [
      { from: "web", to: "db" },
      { from: "web", to: "cache" },
    ],
  });
  assert.deepEqual(known.graph(2_000).edges, [{ from: "web", to: "db" }]);
  const restored = dependencies(
    { forgetMs: 1_000 },
    JSON.parse(JSON.stringify(known.snapshot())) as ReturnType<typeof known.snapshot>,
  );
  assert.deepEqual(restored.graph(20), known.graph(20));
});

test("learned edges are bounded: the one not seen for longest goes, and is counted", () => {
  const known = dependencies({ edgesMax: 2, observationsMin: 1 });
  known.observe("a", "b", 0);
  known.observe("a", "c", 1);
  known.observe("a", "b", 2);
  known.observe("a", "d", 3);
  assert.deepEqual(known.graph(3).nodes, ["a", "b", "d"]);
  assert.equal(known.dropped(), 1);
});
