// The prevention primitives inside services, as their probes report them: state, gauges and counts.
import type { TargetKey } from "@prunella/core";
import type { ServerOptions } from "../host.ts";
import type { Kit } from "./kit.ts";
import { targetsMax } from "./targets.ts";

/** Series of each of the three families over all targets; what comes later, in the order of the configuration, has none. */
export const guardSeriesMax = 5_000;

interface Snapshot {
  readonly target: string;
  readonly guard: string;
  readonly name: string;
  readonly state: string;
  readonly values: readonly (readonly [field: string, value: number])[];
  readonly counts: Iterable<readonly [field: string, value: number]>;
}

export function guardMetrics({ gauge, total }: Kit, options: ServerOptions): void {
  const labels = ["target", "guard", "name"] as const;
  gauge(
    "prunella_guard_state",
    "Always 1; the state of a guard inside a service is the label",
    [...labels, "state"],
    (to) => {
      let series = 0;
      for (const { target, guard, name, state } of snapshots(options))
        if ((series += 1) <= guardSeriesMax) to.set({ target, guard, name, state }, 1);
    },
  );
  gauge("prunella_guard_value", "Numbers that guards inside services report", [...labels, "field"], (to) => {
    let series = 0;
    for (const { target, guard, name, values } of snapshots(options))
      for (const [field, value] of values)
        if ((series += 1) <= guardSeriesMax) to.set({ target, guard, name, field }, value);
  });
  const counted = new Map<TargetKey, Counted>();
  total(
    "prunella_guard_events_total",
    "What guards inside services have counted since their process began, those that are gone with them",
    [...labels, "event"],
    (add) => {
      for (const target of counted.keys()) if (!options.engine.world.targets.has(target)) counted.delete(target);
      let series = 0;
      for (const [target, own] of heard(options, counted))
        for (const [key, { past, sum }] of own.totals) {
          const [guard = "", name = "", event = ""] = key.split("\n");
          if ((series += 1) <= guardSeriesMax) add({ target, guard, name, event }, past + sum);
        }
    },
  );
}

/** Counts of one process, by guard, name and event. */
interface Counted {
  readonly pid: number | null;
  /** What the guards of that name count now, together, and what was counted by those that are gone. */
  readonly totals: Map<string, { past: number; sum: number }>;
}

/**
 * Counts that only grow as long as the process lives. A guard that nobody refers to any more is gone from its process's list,
 * and its counts with it: what was lost from a sum since the last scrape is kept as past. A new process begins anew.
 */
function heard(options: ServerOptions, counted: Map<TargetKey, Counted>): Map<TargetKey, Counted> {
  const now = new Map<TargetKey, Map<string, number>>();
  for (const { target, guard, name, counts } of snapshots(options)) {
    const sums = now.get(target) ?? new Map<string, number>();
    now.set(target, sums);
    for (const [event, value] of counts) sums.set(`${guard}\n${name}\n${event}`, value);
  }
  for (const target of new Set([...counted.keys(), ...now.keys()])) {
    const pid = options.engine.views.get(target)?.process?.pid ?? null;
    const known = counted.get(target);
    // While it is down what was counted last stands.
    const own = known !== undefined && (pid === null || known.pid === pid) ? known : { pid, totals: new Map() };
    counted.set(target, own);
    const sums = now.get(target) ?? new Map<string, number>();
    for (const [key, total] of own.totals) {
      const sum = sums.get(key) ?? 0;
      if (sum < total.sum) total.past += total.sum - sum;
      total.sum = sum;
      sums.delete(key);
    }
    for (const [key, sum] of sums) if (own.totals.size < guardSeriesMax) own.totals.set(key, { past: 0, sum });
  }
  return counted;
}

/**
 * Each (target, guard, name) once, the counts of those with one name added up: the text of services is cut, and anything that is
 * no snapshot is passed over.
 */
function* snapshots({ engine, agent }: ServerOptions): Generator<Snapshot> {
  let targets = 0;
  for (const { key: target, kind } of engine.world.targets.values()) {
    if (kind === "self" || (targets += 1) > targetsMax) continue;
    const own = new Map<string, Snapshot & { readonly counts: Map<string, number> }>();
    for (const snapshot of agent.guards(target)) {
      if (typeof snapshot !== "object" || snapshot === null) continue;
      const { guard, name, state, values, counts } = snapshot as Readonly<Record<string, unknown>>;
      if (typeof guard !== "string" || typeof name !== "string") continue;
      const key = `${label(guard)}\n${label(name)}`;
      const known = own.get(key);
      if (known === undefined)
        own.set(key, {
          target,
          guard: label(guard),
          name: label(name),
          state: typeof state === "string" ? state.slice(0, 32) : "unknown",
          values: numbers(values),
          counts: new Map(numbers(counts)),
        });
      else
        for (const [event, value] of numbers(counts)) known.counts.set(event, (known.counts.get(event) ?? 0) + value);
    }
    yield* own.values();
  }
}

const label = (text: string): string => text.slice(0, 64).replaceAll("\n", " ");

function numbers(of: unknown): [string, number][] {
  if (typeof of !== "object" || of === null) return [];
  const found = new Map<string, number>();
  for (const [field, value] of Object.entries(of as Readonly<Record<string, unknown>>))
    if (typeof value === "number" && Number.isFinite(value)) found.set(label(field), value);
  return [...found];
}
