// Services and what else is watched. Labels are names from the configuration, which bounds them.
import type { ServerOptions } from "../host.ts";
import { stateOf } from "../translate/index.ts";
import type { Kit } from "./kit.ts";

/** Targets with metrics of their own; those beyond, in the order of the configuration, have none. */
export const targetsMax = 2_000;

const states = ["healthy", "starting", "failing", "down", "stopped", "healing", "needs-person", "unknown"] as const;

/** Samples of processes: name here, name and unit there. */
const values: Readonly<Record<string, readonly [name: string, help: string, scale: number]>> = {
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

export function targetMetrics({ gauge }: Kit, { engine, clock }: ServerOptions): void {
  const watched = () => [...engine.world.targets.values()].filter((spec) => spec.kind !== "self").slice(0, targetsMax);
  const eachState = (use: (target: string, state: string) => void): void => {
    for (const spec of watched()) use(spec.key, stateOf(engine, spec, engine.views.get(spec.key), clock.now()).state);
  };
  gauge(
    "prunella_target_info",
    "Always 1; group and kind of a target are labels",
    ["target", "group", "kind"],
    (to) => {
      for (const { key, group, kind } of watched()) to.set({ target: key, group, kind }, 1);
    },
  );
  gauge("prunella_target_healthy", "1 when a target is seen healthy", ["target"], (to) =>
    eachState((target, state) => to.set({ target }, state === "healthy" ? 1 : 0)),
  );
  gauge("prunella_target_state", "1 for the state that a target is in, 0 for the others", ["target", "state"], (to) =>
    eachState((target, state) => {
      for (const each of states) to.set({ target, state: each }, each === state ? 1 : 0);
    }),
  );
  gauge("prunella_targets", "Targets, by state", ["state"], (to) => {
    for (const state of states) to.set({ state }, 0);
    eachState((_, state) => to.inc({ state: state as (typeof states)[number] }));
  });
  gauge("prunella_target_start_timestamp_seconds", "When the process of a target was started", ["target"], (to) => {
    for (const { key } of watched()) {
      const process = engine.views.get(key)?.process;
      if (process?.running === true) to.set({ target: key }, process.since / 1000);
    }
  });
  gauge("prunella_target_last_seen_timestamp_seconds", "When anything was last heard of a target", ["target"], (to) => {
    for (const { key } of watched()) {
      const seenAt = engine.views.get(key)?.seenAt ?? null;
      if (seenAt !== null) to.set({ target: key }, seenAt / 1000);
    }
  });
  for (const [value, [name, help, scale]] of Object.entries(values))
    gauge(`prunella_target_${name}`, `${help} of a target, latest sample`, ["target"], (to) => {
      for (const { key } of watched()) {
        const sample = engine.views.get(key)?.samples.at(-1)?.values[value];
        if (sample !== undefined && Number.isFinite(sample)) to.set({ target: key }, sample * scale);
      }
    });
  gauge("prunella_target_memory_limit_bytes", "Memory limit of a target in the configuration", ["target"], (to) => {
    for (const { key, memoryBytesMax } of watched())
      if (memoryBytesMax !== undefined) to.set({ target: key }, memoryBytesMax);
  });

  const eachCheck = (
    use: (labels: { target: string; check: string }, seen: { failing: boolean; latencyMs: number; at: number }) => void,
  ): void => {
    for (const { key, checks } of watched())
      for (const { name } of checks) {
        const seen = engine.views.get(key)?.checks.get(name);
        if (seen !== undefined) use({ target: key, check: name }, seen);
      }
  };
  gauge("prunella_check_up", "1 when a check passes, 0 when it fails", ["target", "check"], (to) =>
    eachCheck((labels, { failing }) => to.set(labels, failing ? 0 : 1)),
  );
  gauge("prunella_check_duration_seconds", "How long a check took, last time", ["target", "check"], (to) =>
    eachCheck((labels, { latencyMs }) => to.set(labels, latencyMs / 1000)),
  );
  gauge("prunella_check_last_run_timestamp_seconds", "When a check was last heard of", ["target", "check"], (to) =>
    eachCheck((labels, { at }) => to.set(labels, at / 1000)),
  );
}
