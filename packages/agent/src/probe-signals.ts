// What the probes say, as signals: stalls, errors, guards, heartbeats, outgoing calls. A service that says too much is cut
// short, and what was cut is counted.
import type { GaugeFacts, ObservationSignal, RouteFacts, TimeMs } from "@prunella/core";
import type { ProbeMessage, Stats } from "@prunella/probe";
import type { NewEvent } from "./outbox.ts";
import { quantile, trafficOf } from "./probe-values.ts";
import { factsOf } from "./probes.ts";

export interface ProbeSignalsOptions {
  readonly now: () => TimeMs;
  readonly emit: (event: NewEvent) => void;
  readonly observe: (signals: readonly ObservationSignal[]) => void;
  readonly guards: (target: string, snapshots: readonly unknown[]) => void;
  readonly countLost: (count: number, reason: string) => void;
}

/** Events of one target passed on per second; more are counted as lost. */
export const eventsPerSecondMax = 50;
/** …and how many of a target's guards that merely tell how they go on; more are left out, their state says the same. */
const infosPerSecondMax = 20;

export interface ProbeSignals {
  message(target: string, message: ProbeMessage): void;
  stats(target: string, stats: Stats): void;
  /** A second has passed: every target may speak again. */
  tick(): void;
}

export function probeSignals(options: ProbeSignalsOptions): ProbeSignals {
  const said = new Map<string, number>();

  function emit(event: NewEvent): void {
    // Good news of a guard has a bound of its own, so that it never crowds out a trip.
    const isInfo = event.type === "guard" && event.level === "info";
    const key = isInfo ? `${event.target} info` : event.target;
    const count = (said.get(key) ?? 0) + 1;
    said.set(key, count);
    if (isInfo && count > infosPerSecondMax) return;
    if (count <= eventsPerSecondMax) options.emit(event);
    else options.countLost(1, `${event.target} reported more than ${eventsPerSecondMax} events in a second`);
  }

  return {
    tick: () => said.clear(),
    stats(target, stats) {
      const at = options.now();
      const routes = routeFacts(stats);
      if (routes.length > 0) options.observe([{ type: "routes", target, at, intervalMs: stats.intervalMs, routes }]);
      const traffic = trafficOf(stats);
      if (traffic !== null) options.observe([{ type: "traffic", target, at, ...traffic }]);
      options.observe(
        stats.outgoing
          .filter((calls) => calls.count > 0 || calls.errors > 0 || calls.connects > 0)
          .map((calls) => ({
            type: "outgoing",
            target,
            at,
            address: calls.port === 0 ? calls.host : `${calls.host}:${calls.port}`,
            count: calls.count,
            errors: calls.errors,
            lastError: calls.lastError,
            latencyMsP95: quantileOf(calls.latency.counts, 0.95),
          })),
      );
    },
    message(target, message) {
      const at = options.now();
      switch (message.type) {
        case "stall":
          options.observe([{ type: "stall", target, at, blockedMs: message.blockedMs, cpuShare: message.cpu }]);
          return;
        case "error":
          // A fatal one travels with the exit that follows.
          if (!message.fatal) emit({ type: "error", target, origin: message.origin, error: factsOf(message.error) });
          return;
        case "guards":
          options.guards(target, message.snapshots);
          options.observe([
            { type: "gauges", target, at, gauges: message.snapshots.flatMap(gaugeOf).slice(0, gaugesMax) },
          ]);
          return;
        case "guard": {
          const event = message.event as {
            guard?: unknown;
            name?: unknown;
            event?: unknown;
            level?: unknown;
            detail?: unknown;
          } | null;
          emit({
            type: "guard",
            target,
            guard: String(event?.guard),
            name: String(event?.name),
            event: String(event?.event),
            level: event?.level === "info" ? "info" : "trip",
            detail: flat(event?.detail),
          });
          return;
        }
        case "progress":
        case "heartbeat":
          options.observe([{ type: "heartbeat", target, at, name: message.name }]);
          return;
        case "dropped":
          options.countLost(message.count, `the probe of ${target} could not send everything`);
          return;
        case "hello":
        case "stats":
        case "stall-end":
        case "result":
          return;
        default:
          message satisfies never;
      }
    },
  };
}

/** Routes of one interval passed on, the busiest; and gauges. */
export const routesPassedMax = 30;
export const gaugesMax = 50;

function routeFacts(stats: Stats): RouteFacts[] {
  return stats.http.routes
    .filter((route) => route.count + route.aborted > 0)
    .toSorted((a, b) => b.count - a.count)
    .slice(0, routesPassedMax)
    .map((route) => ({
      route: `${route.method} ${route.route}`.slice(0, 200),
      count: route.count,
      errors: route.errors,
      clientErrors: route.clientErrors,
      aborted: route.aborted,
      latencyMsP50: quantileOf(route.latency.counts, 0.5),
      latencyMsP95: quantileOf(route.latency.counts, 0.95),
      latencyMsMax: quantileOf(route.latency.counts, 1),
    }));
}

function quantileOf(counts: readonly number[], share: number): number | null {
  return counts.some((count) => count > 0) ? quantile(counts, share) : null;
}

/** A guard's snapshot, or a gauge's, as far as it is what it should be. */
function gaugeOf(snapshot: unknown): GaugeFacts[] {
  if (typeof snapshot !== "object" || snapshot === null) return [];
  const { guard, name, state, values, counts } = snapshot as Readonly<Record<string, unknown>>;
  if (typeof guard !== "string" || typeof name !== "string") return [];
  return [
    {
      guard: guard.slice(0, 100),
      name: name.slice(0, 200),
      state: typeof state === "string" ? state.slice(0, 100) : "",
      values: numbers(values),
      counts: numbers(counts),
    },
  ];
}

function numbers(values: unknown): Record<string, number> {
  const kept: Record<string, number> = {};
  for (const [key, value] of Object.entries(flat(values))) if (typeof value === "number") kept[key] = value;
  return kept;
}

/** Only flat values, at most 50: the text of an application is not trusted to be what it should be. */
function flat(detail: unknown): Record<string, string | number | boolean> {
  if (typeof detail !== "object" || detail === null) return {};
  const kept: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(detail).slice(0, 50)) {
    if (typeof value === "number" || typeof value === "boolean") kept[key] = value;
    else if (typeof value === "string") kept[key] = value.slice(0, 4_000);
  }
  return kept;
}
