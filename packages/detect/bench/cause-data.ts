// The public root-cause sets in the form that `rankCauses` takes: PetShop (issues of a web shop, five-minute samples)
// and Nezha's Online Boutique (injected faults, one-minute samples of pods and of the edges between them).
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { CauseInput, Graph } from "@prunella/detect";
import { linesOf } from "./data.ts";

export interface Incident {
  readonly name: string;
  readonly kind: string;
  readonly cause: string;
  readonly input: CauseInput;
}

type Mutable = Record<string, Record<string, (number | null)[]>>;

const cells = (file: string): string[][] => linesOf(file).map((line) => line.split(","));
const numberOf = (cell: string | undefined): number | null => (cell === undefined || cell === "" ? null : Number(cell));

/** `folder` is a scenario: graph.csv, noissue, train, test. */
export function petshop(folder: string): Incident[] {
  const [head, ...rows] = cells(path.join(folder, "graph.csv"));
  const nodes = (head as string[]).slice(1);
  const edges = rows.flatMap(([from, ...marks]) =>
    nodes.flatMap((to, at) => (Number(marks[at]) === 1 ? [{ from: from as string, to }] : [])),
  );
  const normal = petshopMetrics(path.join(folder, "noissue/metrics.csv"));
  return ["train", "test"].flatMap((part) =>
    readdirSync(path.join(folder, part)).map((issue) => {
      const at = path.join(folder, part, issue);
      const { target, root_cause } = JSON.parse(readFileSync(path.join(at, "target.json"), "utf8")) as {
        target: { node: string; metric: string };
        root_cause: { node: string };
      };
      const incident = petshopMetrics(path.join(at, "metrics.csv"));
      const symptom = { node: target.node, metric: target.metric };
      const input = { graph: { nodes, edges }, normal, incident, symptom };
      return { name: `${part} ${issue}`, kind: target.metric, cause: root_cause.node, input };
    }),
  );
}

/** Three header rows (node, metric, statistic), one row naming the index, then one row a sample. */
function petshopMetrics(file: string): Mutable {
  const [nodes, metrics, statistics, , ...rows] = cells(file);
  const found: Mutable = {};
  (nodes as string[]).forEach((node, at) => {
    if (at === 0) return;
    (found[node] ??= {})[`${metrics?.[at]}_${statistics?.[at]}`] = rows.map((row) => numberOf(row[at]));
  });
  return found;
}

interface Sampled {
  readonly key: string;
  readonly metric: string;
  readonly seconds: readonly number[];
  readonly values: readonly (number | null)[];
}

export interface NezhaOptions {
  /** Give what was measured on the edges too. Default true. */
  readonly edges?: boolean;
  /** Normal is only what came before. Default false: the whole day but the incident. */
  readonly pastOnly?: boolean;
}

/** `folder` is a day: <day>-fault_list.json and metric/. */
export function nezha(folder: string, options: NezhaOptions = {}): Incident[] {
  const files = readdirSync(path.join(folder, "metric")).filter((file) => file.endsWith("_metric.csv"));
  const pods = files.flatMap((file) => nezhaPod(path.join(folder, "metric", file), file.split("-")[0] as string));
  const end = Math.max(...pods.flatMap((pod) => pod.seconds.at(-1) ?? 0));
  const edgeSeries = ["source", "destination"].flatMap((side) =>
    nezhaEdges(
      path.join(folder, "metric", `${side}_50.csv`),
      side === "source" ? "latency_caller_p50" : "latency_callee_p50",
      end,
    ),
  );
  const series = options.edges === false ? pods : [...pods, ...edgeSeries];
  const nodes = [...new Set(pods.map((pod) => pod.key))];
  const edges = cells(path.join(folder, "metric/dependency.csv"))
    .slice(1)
    .flatMap(([from, to]) =>
      nodes.includes(from as string) && nodes.includes(to as string)
        ? [{ from: from as string, to: to as string }]
        : [],
    );
  const list = readdirSync(folder).find((file) => file.endsWith("fault_list.json")) as string;
  const faults = Object.values(
    JSON.parse(readFileSync(path.join(folder, list), "utf8")) as Record<
      string,
      { inject_time: string; inject_pod: string; inject_type: string }[]
    >,
  ).flat();
  return faults.map(({ inject_time, inject_pod, inject_type }) => {
    const cause = inject_pod.split("-")[0] as string;
    const input = nezhaInput({ nodes, edges }, series, secondsOf(inject_time), options.pastOnly === true);
    return { name: `${cause} ${inject_type} ${inject_time}`, kind: inject_type, cause, input };
  });
}

function nezhaInput(graph: Graph, series: readonly Sampled[], injected: number, pastOnly: boolean): CauseInput {
  const [normal, incident]: [Mutable, Mutable] = [{}, {}];
  for (const { key, metric, seconds, values } of series) {
    const isNormal = (at: number): boolean => at < injected - 60 || (!pastOnly && at > injected + 420);
    (normal[key] ??= {})[metric] = values.filter((_, at) => isNormal(seconds[at] as number));
    (incident[key] ??= {})[metric] = values.filter(
      (_, at) => (seconds[at] as number) >= injected && (seconds[at] as number) < injected + 240,
    );
  }
  return { graph, normal, incident };
}

function nezhaPod(file: string, key: string): Sampled[] {
  const [head, ...rows] = cells(file);
  const seconds = rows.map((row) => secondsOf(row[0] as string));
  return (head as string[])
    .slice(3)
    .map((metric, at) => ({ key, metric, seconds, values: rows.map((row) => numberOf(row[at + 3])) }));
}

function nezhaEdges(file: string, metric: string, end: number): Sampled[] {
  const [head, ...all] = cells(file);
  const rows = all.filter((row) => secondsOf(row[0] as string) <= end);
  const seconds = rows.map((row) => secondsOf(row[0] as string));
  return (head as string[]).slice(2).map((name, at) => {
    const [from, to] = name.split("_");
    return { key: `${from}->${to}`, metric, seconds, values: rows.map((row) => numberOf(row[at + 2])) };
  });
}

const secondsOf = (time: string): number => Date.parse(`${time.slice(0, 10)}T${time.slice(11, 19)}Z`) / 1_000;
