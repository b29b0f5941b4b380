// The prevention primitives inside services, as their probes report them: state, gauges and counts.
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
  readonly counts: readonly (readonly [field: string, value: number])[];
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
  total(
    "prunella_guard_events_total",
    "What guards inside services have counted since they were made",
    [...labels, "event"],
    (add) => {
      let series = 0;
      for (const { target, guard, name, counts } of snapshots(options))
        for (const [event, value] of counts)
          if ((series += 1) <= guardSeriesMax) add({ target, guard, name, event }, value);
    },
  );
}

/** Each (target, guard, name) once: the text of services is cut, and anything that is no snapshot is passed over. */
function* snapshots({ engine, agent }: ServerOptions): Generator<Snapshot> {
  let targets = 0;
  for (const { key: target, kind } of engine.world.targets.values()) {
    if (kind === "self" || (targets += 1) > targetsMax) continue;
    const seen = new Set<string>();
    for (const snapshot of agent.guards(target)) {
      if (typeof snapshot !== "object" || snapshot === null) continue;
      const { guard, name, state, values, counts } = snapshot as Readonly<Record<string, unknown>>;
      if (typeof guard !== "string" || typeof name !== "string") continue;
      const key = `${guard.slice(0, 64)}\n${name.slice(0, 64)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      yield {
        target,
        guard: guard.slice(0, 64),
        name: name.slice(0, 64),
        state: typeof state === "string" ? state.slice(0, 32) : "unknown",
        values: numbers(values),
        counts: numbers(counts),
      };
    }
  }
}

function numbers(of: unknown): [string, number][] {
  if (typeof of !== "object" || of === null) return [];
  const found = new Map<string, number>();
  for (const [field, value] of Object.entries(of as Readonly<Record<string, unknown>>))
    if (typeof value === "number" && Number.isFinite(value)) found.set(field.slice(0, 64), value);
  return [...found];
}
