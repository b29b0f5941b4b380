// Snapshots for the outside: Prometheus text (exposition format 0.0.4) and OpenTelemetry metrics through a meter that
// the caller passes in. Primitives of the same kind and name are added up, so that their number is no cardinality.
import type { GuardSnapshot } from "../report.ts";
import type { Registry } from "./registry.ts";

interface Series {
  readonly guard: string;
  readonly name: string;
  readonly states: Map<string, number>;
  readonly values: Map<string, number>;
  readonly counts: Map<string, number>;
}

function summed(snapshots: readonly GuardSnapshot[]): Series[] {
  const all = new Map<string, Series>();
  for (const { guard, name, state, values, counts } of snapshots) {
    const key = `${guard}\u0000${name}`;
    let series = all.get(key);
    if (series === undefined) {
      series = { guard, name, states: new Map(), values: new Map(), counts: new Map() };
      all.set(key, series);
    }
    add(series.states, state, 1);
    for (const [each, value] of Object.entries(values)) add(series.values, each, value);
    for (const [each, value] of Object.entries(counts)) add(series.counts, each, value);
  }
  return [...all.values()];
}

function add(to: Map<string, number>, key: string, value: number): void {
  to.set(key, (to.get(key) ?? 0) + value);
}

/**
 * Three families: `prunella_guard_state` (1 for the state it is in), `prunella_guard_value` (gauges) and `prunella_guard_count_total`
 * (counters), with labels `guard`, `name` and the state, value or count it is about.
 */
export function prometheusText(snapshots: readonly GuardSnapshot[]): string {
  const all = summed(snapshots);
  const lines: string[] = [];
  const family = (
    name: string,
    type: string,
    help: string,
    label: string,
    of: (each: Series) => Map<string, number>,
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const each of all)
      for (const [key, value] of of(each))
        lines.push(
          `${name}{guard="${escaped(each.guard)}",name="${escaped(each.name)}",${label}="${escaped(key)}"} ${number(value)}`,
        );
  };
  family("prunella_guard_state", "gauge", "Primitives in this state.", "state", ({ states }) => states);
  family("prunella_guard_value", "gauge", "Gauges of a primitive.", "value", ({ values }) => values);
  family("prunella_guard_count_total", "counter", "Counters of a primitive.", "count", ({ counts }) => counts);
  return `${lines.join("\n")}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function number(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return Number.isNaN(value) ? "NaN" : String(value);
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
  const observe =
    (label: string, of: (each: Series) => Map<string, number>) =>
    (result: ObservableResult): void => {
      for (const each of summed(registry.snapshots()))
        for (const [key, value] of of(each))
          result.observe(value, { guard: each.guard, name: each.name, [label]: key });
    };
  const bridged: readonly (readonly [Observable, (result: ObservableResult) => void])[] = [
    [
      meter.createObservableGauge("prunella.guard.state", { description: "Primitives in this state." }),
      observe("state", ({ states }) => states),
    ],
    [
      meter.createObservableGauge("prunella.guard.value", { description: "Gauges of a primitive." }),
      observe("value", ({ values }) => values),
    ],
    [
      meter.createObservableCounter("prunella.guard.count", { description: "Counters of a primitive." }),
      observe("count", ({ counts }) => counts),
    ],
  ];
  for (const [instrument, callback] of bridged) instrument.addCallback(callback);
  return () => {
    for (const [instrument, callback] of bridged) instrument.removeCallback(callback);
  };
}
