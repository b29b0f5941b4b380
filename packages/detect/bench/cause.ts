// Root causes: `node packages/detect/bench/cause.ts`. The peer in the same run is what is hard to beat in the literature:
// the node with the largest robust z-score of any of its metrics (N-sigma, BARO), below the symptom if one is known.
import { findCause, rankCauses, type CauseInput } from "@prunella/detect";
import { nezha, petshop, type Incident } from "./cause-data.ts";
import { judged, row, withDataSet, type Target } from "./data.ts";

type Ranker = (input: CauseInput) => readonly { readonly node: string }[];

const rankers: Readonly<Record<string, Ranker>> = {
  rankCauses,
  "largest robust z-score": robustZ,
};

withDataSet("petshop", (at) => {
  const incidents = petshop(`${at}/low_traffic`);
  report("PetShop low traffic", incidents, { floor: 0.62, goal: 0.77 }, { floor: 0.89, goal: 0.96 });
  report(
    "PetShop, no symptom given",
    incidents.map((one) => ({
      ...one,
      input: { graph: one.input.graph, normal: one.input.normal, incident: one.input.incident },
    })),
  );
});

withDataSet("nezha", (at) => {
  const day = `${at}/2022-08-22`;
  const title = "Nezha Online Boutique, pods and edges";
  report(title, nezha(day), { floor: 0.55, goal: 0.75 }, { floor: 0.78, goal: 0.9 });
  report("Nezha, pods only", nezha(day, { edges: false }));
  report("Nezha, pods and edges, normal is the past only", nezha(day, { pastOnly: true }));
});

function report(title: string, incidents: readonly Incident[], firstTarget?: Target, threeTarget?: Target): void {
  console.log(`\n${title}`);
  for (const [name, rank] of Object.entries(rankers)) {
    const began = performance.now();
    const places = incidents.map(({ input, cause }) => rank(input).findIndex(({ node }) => node === cause));
    const milliseconds = (performance.now() - began) / incidents.length;
    const first = places.filter((place) => place === 0).length;
    const three = places.filter((place) => place >= 0 && place < 3).length;
    row(name, {
      "top-1": `${first}/${incidents.length} (${(first / incidents.length).toFixed(3)})`,
      "top-3": `${three}/${incidents.length} (${(three / incidents.length).toFixed(3)})`,
      "ms each": milliseconds.toFixed(1),
    });
    if (rank !== rankCauses) continue;
    if (firstTarget !== undefined) judged(`${title}, top-1`, first / incidents.length, firstTarget);
    if (threeTarget !== undefined) judged(`${title}, top-3`, three / incidents.length, threeTarget);
  }
  const standings = incidents.map(({ input, cause }) => {
    const { standing, ranking } = findCause(input);
    return { standing, right: ranking[0]?.node === cause };
  });
  for (const standing of ["likely", "possible", "unknown"]) {
    const said = standings.filter((one) => one.standing === standing);
    console.log(`  says "${standing}" ${said.length} times, right ${said.filter((one) => one.right).length} times`);
  }
}

function robustZ({ graph, normal, incident, symptom }: CauseInput): { node: string }[] {
  const below = new Set(symptom === undefined ? graph.nodes : [symptom.node]);
  for (const node of below) for (const { from, to } of graph.edges) if (from === node) below.add(to);
  const scored = graph.nodes.map((node) => {
    const scores = Object.entries(incident[node] ?? {}).flatMap(([metric, values]) => {
      const known = numbers(normal[node]?.[metric] ?? []);
      const during = numbers(values);
      if (known.length < 5 || during.length === 0) return [];
      const usual = median(known);
      const spread = 1.4826 * median(known.map((value) => Math.abs(value - usual)));
      return [Math.abs(median(during) - usual) / Math.max(spread, 1e-3 * Math.abs(usual), 1e-9)];
    });
    return { node, score: below.has(node) ? Math.max(0, ...scores) : -1 };
  });
  return scored.toSorted((a, b) => b.score - a.score);
}

function numbers(values: readonly (number | null)[]): number[] {
  return values.filter((value): value is number => value !== null && Number.isFinite(value));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
