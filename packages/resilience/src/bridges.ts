// Snapshots for the outside: Prometheus text (exposition format 0.0.4) and OpenTelemetry metrics through a meter that
// the caller passes in. Primitives of the same kind and name are added up, so that their number is no cardinality.
import type { Registry } from "./registry.ts";
import type { GuardSnapshot } from "./report.ts";

/** One family of metrics: what a snapshot says for it, by label value. */
interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly of: (snapshot: GuardSnapshot) => Readonly<Record<string, number>>;
}

const families: readonly Family[] = [
  { name: "state", type: "gauge", help: "Primitives in this state.", of: ({ state }) => ({ [state]: 1 }) },
  { name: "value", type: "gauge", help: "Gauges of a primitive.", of: ({ values }) => values },
  { name: "count", type: "counter", help: "Counters of a primitive.", of: ({ counts }) => counts },
  {
    name: "trips",
    type: "counter",
    help: "Events of a primitive that somebody should look at.",
    of: ({ counts }) => ({ "": counts["trips"] ?? 0 }),
  },
];

/** The numbers of a family with their labels; `guard` and `name` come first, the family's own label last (none for trips). */
function* summed(family: Family, snapshots: readonly GuardSnapshot[]): Iterable<[Record<string, string>, number]> {
  const all = new Map<string, [Record<string, string>, number]>();
  for (const snapshot of snapshots) {
    const { guard, name } = snapshot;
    for (const [key, value] of Object.entries(family.of(snapshot))) {
      const labels = { guard, name, ...(key === "" ? {} : { [family.name]: key }) };
      const id = JSON.stringify(labels);
      all.set(id, [labels, (all.get(id)?.[1] ?? 0) + value]);
    }
  }
  yield* all.values();
}

/**
 * Four families with labels `guard` and `name`: `prunella_guard_state` (1 for the `state` it is in), `prunella_guard_value`
 * (gauges, by `value`), `prunella_guard_count_total` (counters, by `count`), `prunella_guard_trips_total`.
 */
export function prometheusText(snapshots: readonly GuardSnapshot[]): string {
  let text = "";
  for (const family of families) {
    const name = `prunella_guard_${family.name}${family.type === "counter" ? "_total" : ""}`;
    text += `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n`;
    for (const [labels, value] of summed(family, snapshots)) {
      const pairs = Object.entries(labels).map(
        ([label, each]) => `${label}="${each.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`,
      );
      text += `${name}{${pairs.join()}} ${String(value).replace("Infinity", "Inf").replace(/^I/, "+I")}\n`;
    }
  }
  return text;
}

type Attributes = Record<string, string>;
interface ObservableResult {
  observe(value: number, attributes?: Attributes): void;
}
interface Observable {
  addCallback(callback: (result: ObservableResult) => void): void;
  removeCallback(callback: (result: ObservableResult) => void): void;
}

/** As much of OpenTelemetry's Meter (API 1.x) as is needed. */
export interface MeterLike {
  createObservableGauge(name: string, options?: { description?: string }): Observable;
  createObservableCounter(name: string, options?: { description?: string }): Observable;
}

/** Observes every listed primitive whenever the meter collects; returns the way to stop. */
export function openTelemetryBridge(registry: Registry, meter: MeterLike): () => void {
  const stops = families.map((family) => {
    const make = family.type === "gauge" ? "createObservableGauge" : "createObservableCounter";
    const instrument = meter[make](`prunella.guard.${family.name}`, { description: family.help });
    const observe = (result: ObservableResult): void => {
      for (const [labels, value] of summed(family, registry.snapshots())) result.observe(value, labels);
    };
    instrument.addCallback(observe);
    return () => instrument.removeCallback(observe);
  });
  return () => stops.forEach((stop) => stop());
}
