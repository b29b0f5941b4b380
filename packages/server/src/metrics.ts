// Prometheus metrics. Gauges are read from memory at each scrape; counters and histograms follow the engine's changes. Labels
// come from the configuration and from fixed words only: at most targetsMax targets, kindsMax kinds, guardSeriesMax guard values.
import { falseBelowMs, type Incident } from "@prunella/core";
import process from "node:process";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ServerOptions } from "./host.ts";
import { remedyJson, stateOf } from "./translate/index.ts";

/** Targets with metrics of their own; those beyond, by name, have none. */
export const targetsMax = 2_000;
/** Kinds and remedies that get a label of their own; the rest is summed under "other". */
export const kindsMax = 200;
/** Values of guards inside services, over all of them. */
export const guardSeriesMax = 5_000;
/** Changes are looked at together, this long after the first, ms. */
const foldMs = 250;

const targetValues: Readonly<Record<string, readonly [name: string, help: string, scale: number]>> = {
  rssBytes: ["resident_memory_bytes", "Resident memory", 1],
  cpuShare: ["cpu_cores", "CPU used, in cores", 1],
  threads: ["threads", "Threads", 1],
  descriptors: ["open_fds", "Open file descriptors", 1],
  heapUsedBytes: ["heap_used_bytes", "JavaScript heap in use", 1],
  heapLimitBytes: ["heap_limit_bytes", "Limit of the JavaScript heap", 1],
  lagMsP99: ["event_loop_lag_p99_seconds", "99th percentile of event-loop lag", 1e-3],
  requestsPerSecond: ["request_rate", "HTTP requests answered, per second", 1],
  errorsPerSecond: ["request_error_rate", "HTTP requests failed, per second", 1],
  latencyMsP95: ["request_duration_p95_seconds", "95th percentile of request duration", 1e-3],
};

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  stop(): void;
}

export function metrics(options: ServerOptions, startedAt: number): Metrics {
  const { engine, clock } = options;
  const registry = new Registry();
  const registers = [registry];
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (to: Gauge<L>) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        read(this);
      },
    });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers });
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(Math.max(0, read()));
      },
    });
  const seconds = (name: string, help: string) =>
    new Histogram({ name, help, registers, buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600] });

  gauge("prunella_build_info", "Always 1; the version is the label", ["version"], (to) =>
    to.set({ version: options.version }, 1),
  );
  total("prunella_signals_total", "Signals taken in", () => engine.health().signalsTaken);
  const dropped = counter("prunella_signals_dropped_total", "Signals turned away", ["reason"]);
  gauge("prunella_signals_waiting", "Signals that wait for the detection loop", [], (to) =>
    to.set(engine.health().signalsWaiting),
  );
  total("prunella_store_failures_total", "Commits that the store did not take", () => engine.health().storeFailures);
  total("prunella_incidents_total", "Incidents ever opened", () => engine.world.numbers["INC"] ?? 0);
  gauge("prunella_control_loop_last_success_timestamp_seconds", "When a loop last came round", ["loop"], (to) => {
    const { detectionAt, healingAt } = engine.health();
    to.set({ loop: "detection" }, (detectionAt ?? 0) / 1000);
    to.set({ loop: "healing" }, (healingAt ?? 0) / 1000);
  });
  gauge("prunella_agent_connected", "1 when the agent is connected", [], (to) =>
    to.set(options.agent.connected() ? 1 : 0),
  );
  gauge("prunella_paused", "1 when repairs are paused everywhere", [], (to) =>
    to.set(engine.world.settings.paused === null ? 0 : 1),
  );
  gauge("prunella_issues", "Issues that are not fixed or ignored", ["severity", "status"], (to) => {
    for (const severity of ["critical", "medium", "low"])
      for (const status of ["pending", "in-progress", "snoozed"]) to.set({ severity, status }, 0);
    for (const issue of engine.world.issues.values())
      if (issue.status !== "fixed" && issue.status !== "ignored")
        to.inc({ severity: issue.severity, status: issue.status });
  });
  gauge("prunella_issues_needing_person", "Issues that ask for a person", [], (to) =>
    to.set([...engine.world.issues.values()].filter((issue) => issue.needsPerson !== null).length),
  );
  gauge("prunella_repairs_live", "Repairs that have not ended", ["state"], (to) => {
    for (const state of ["proposed", "scheduled", "acting", "verifying", "undoing"]) to.set({ state }, 0);
    for (const repair of engine.world.repairs.values())
      if (repair.state.name !== "ended") to.inc({ state: repair.state.name });
  });
  gauge("prunella_budget_remaining", "Runs left of a remedy's tightest budget", ["playbook"], (to) => {
    const now = clock.now();
    for (const remedy of engine.context().remedies.slice(0, kindsMax)) {
      const left = remedyJson(engine, remedy, now).budgets.map((budget) => budget.left);
      if (left.length > 0) to.set({ playbook: remedy.name }, Math.min(...left));
    }
  });
  const watched = () => [...engine.world.targets.values()].filter((spec) => spec.kind !== "self").slice(0, targetsMax);
  gauge("prunella_target_healthy", "1 when a target is seen healthy", ["target"], (to) => {
    for (const spec of watched())
      to.set(
        { target: spec.key },
        stateOf(engine, spec, engine.views.get(spec.key), clock.now()).state === "healthy" ? 1 : 0,
      );
  });
  for (const [value, [name, help, scale]] of Object.entries(targetValues))
    gauge(`prunella_target_${name}`, `${help} of a target, latest sample`, ["target"], (to) => {
      for (const spec of watched()) {
        const sample = engine.views.get(spec.key)?.samples.at(-1)?.values[value];
        if (sample !== undefined && Number.isFinite(sample)) to.set({ target: spec.key }, sample * scale);
      }
    });
  gauge(
    "prunella_guard_value",
    "Numbers that guards inside services report",
    ["target", "guard", "name", "field"],
    (to) => {
      let series = 0;
      for (const spec of watched())
        for (const { guard, name, field, value } of options.agent.guards(spec.key).flatMap(guardNumbers)) {
          if ((series += 1) > guardSeriesMax) return;
          to.set({ target: spec.key, guard, name, field }, value);
        }
    },
  );
  gauge("process_resident_memory_bytes", "Resident memory of the control plane", [], (to) =>
    to.set(process.memoryUsage.rss()),
  );
  gauge("process_start_time_seconds", "When the control plane started", [], (to) => to.set(startedAt / 1000));
  total("process_cpu_seconds_total", "CPU time of the control plane", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });

  const detections = counter("prunella_detections_total", "Incidents opened since start, by kind", ["detector"]);
  const repairs = counter("prunella_repairs_total", "Repairs that ended since start", ["playbook", "outcome"]);
  const blocked = counter("prunella_repair_blocked_total", "Times a guard began to hold a repair back", ["guard"]);
  const falsePositives = counter("prunella_false_positives_total", "Incidents that were none", ["detector"]);
  const detectionDelay = seconds("prunella_detection_delay_seconds", "From the last good observation to detection");
  const repairDuration = seconds("prunella_repair_duration_seconds", "From a repair's first step to its end");
  const timeToRecover = seconds(
    "prunella_issue_time_to_recover_seconds",
    "From detection to the start of the healthy stretch",
  );

  const label = limitedLabels();
  const open = new Map<string, string | null>(
    [...engine.world.incidents.values()].map((each) => [each.id, guardOf(each)]),
  );
  const ended = new Set<string>();
  for (const repair of engine.world.repairs.values()) if (repair.state.name === "ended") ended.add(repair.id);
  let timer: NodeJS.Timeout | null = null;
  let shedBefore = 0;

  function look(): void {
    timer = null;
    const { world } = engine;
    for (const incident of world.incidents.values()) {
      const known = open.get(incident.id);
      if (known === undefined) {
        detections.inc({ detector: label(incident.kind) });
        detectionDelay.observe(Math.max(0, incident.detectedAt - incident.beganAt) / 1000);
      }
      const guard = guardOf(incident);
      if (guard !== null && guard !== known) blocked.inc({ guard });
      open.set(incident.id, guard);
    }
    for (const id of open.keys()) {
      if (world.incidents.has(id)) continue;
      open.delete(id);
      void options.store.incident(id).then(bookEnd, () => undefined);
    }
    for (const repair of world.repairs.values()) {
      if (repair.state.name !== "ended" || ended.has(repair.id)) continue;
      ended.add(repair.id);
      repairs.inc({ playbook: label(repair.remedy.name), outcome: repair.state.outcome });
      if (repair.startedAt !== null) repairDuration.observe(Math.max(0, repair.state.at - repair.startedAt) / 1000);
    }
    for (const id of ended) if (!world.repairs.has(id)) ended.delete(id);
  }

  function bookEnd(incident: Incident | null): void {
    if (incident === null) return;
    if (incident.recoveredAt !== null)
      timeToRecover.observe(Math.max(0, incident.recoveredAt - incident.detectedAt) / 1000);
    const lastedMs = (incident.clearedAt ?? incident.endedAt ?? incident.detectedAt) - incident.detectedAt;
    const isFalse =
      incident.verdict === "noise" ||
      (incident.recoveredBy === "itself" && incident.attempts === 0 && lastedMs < falseBelowMs);
    if (isFalse) falsePositives.inc({ detector: label(incident.kind) });
  }

  const stop = engine.listen(() => {
    timer ??= setTimeout(look, foldMs);
  });
  return {
    contentType: registry.contentType,
    async text() {
      const { signalsShed } = engine.health();
      dropped.inc({ reason: "queue-full" }, Math.max(0, signalsShed - shedBefore));
      shedBefore = signalsShed;
      return registry.metrics();
    },
    stop() {
      stop();
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** The guard's name from "guard: reason". */
function guardOf(incident: Incident): string | null {
  return /^([a-z-]{1,32}):/.exec(incident.blockedBy ?? "")?.[1] ?? null;
}

/** Lets so many distinct values through; what comes later is "other". */
function limitedLabels(): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= kindsMax) return "other";
    known.add(value);
    return value;
  };
}

/** The numbers of one guard's snapshot; text of services is cut, and anything that is no snapshot is passed over. */
function guardNumbers(snapshot: unknown): { guard: string; name: string; field: string; value: number }[] {
  if (typeof snapshot !== "object" || snapshot === null) return [];
  const { guard, name, values, counts } = snapshot as Readonly<Record<string, unknown>>;
  if (typeof guard !== "string" || typeof name !== "string") return [];
  return [values, counts].flatMap((numbers) =>
    typeof numbers !== "object" || numbers === null
      ? []
      : Object.entries(numbers).flatMap(([field, value]: [string, unknown]) =>
          typeof value === "number" && Number.isFinite(value)
            ? [{ guard: guard.slice(0, 64), name: name.slice(0, 64), field: field.slice(0, 64), value }]
            : [],
        ),
  );
}
