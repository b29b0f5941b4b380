// Prunella itself: the process, its loops, its store, its agent, what it takes in.
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import process from "node:process";
import { getHeapStatistics } from "node:v8";
import type { ServerOptions } from "../host.ts";
import type { Kit } from "./kit.ts";

/** The store is asked for its size at most this often, ms. */
/** Event-loop lag is looked at this often, ms: often enough for its 99th percentile, and ten wakes a second are nothing. */
const lagEveryMs = 100;
const statsMs = 15_000;

export function ownMetrics(
  { gauge, total, counter }: Kit,
  options: ServerOptions,
  startedAt: number,
): { refresh(): Promise<void>; stop(): void } {
  const { engine, clock, store } = options;
  gauge("prunella_build_info", "Always 1; the version is the label", ["version"], (to) =>
    to.set({ version: options.version }, 1),
  );

  total("prunella_signals_taken_total", "Signals the detection loop has taken in", [], (add) =>
    add({}, engine.health().signalsTaken),
  );
  gauge("prunella_signals_waiting", "Signals that wait for the detection loop", [], (to) =>
    to.set(engine.health().signalsWaiting),
  );
  gauge("prunella_effects_in_flight", "Orders and questions that are under way", [], (to) =>
    to.set(engine.health().effectsInFlight),
  );

  gauge("prunella_control_loop_last_success_timestamp_seconds", "When a loop last came round", ["loop"], (to) => {
    const { detectionAt, healingAt } = engine.health();
    to.set({ loop: "detection" }, (detectionAt ?? 0) / 1000);
    to.set({ loop: "healing" }, (healingAt ?? 0) / 1000);
  });
  total(
    "prunella_control_loop_iterations_total",
    "Iterations of the loops since start, by what came of them",
    ["loop", "outcome"],
    (add) => {
      for (const guard of engine.guards) {
        const { guard: kind, name, counts } = guard.snapshot();
        const loop = /(detection|healing)$/.exec(name)?.[1];
        if (kind === "queue" || loop === undefined) continue;
        for (const [outcome, count] of Object.entries(counts)) add({ loop, outcome: snake(outcome) }, count);
      }
    },
  );

  let stats = {
    at: Number.NEGATIVE_INFINITY,
    bytes: 0,
    commits: 0,
    rows: {} as Readonly<Record<string, number>>,
    oldest: 0,
  };
  gauge("prunella_store_size_bytes", "Size of the store", [], (to) => to.set(stats.bytes));
  gauge("prunella_store_rows", "Rows in the store, by table", ["table"], (to) => {
    for (const [table, rows] of Object.entries(stats.rows)) to.set({ table }, rows);
  });
  gauge(
    "prunella_store_oldest_signal_timestamp_seconds",
    "When the oldest signal that is kept was seen; 0: there is none",
    [],
    (to) => to.set(stats.oldest / 1000),
  );
  total("prunella_store_commits_total", "Commits that the store took since start", [], (add) => add({}, stats.commits));
  total("prunella_store_failures_total", "Commits that the store did not take since start", [], (add) =>
    add({}, engine.health().storeFailures),
  );
  gauge("prunella_fenced", "1 when another control plane has taken over", [], (to) =>
    to.set(engine.health().fenced ? 1 : 0),
  );
  gauge("prunella_agent_connected", "1 when the agent is connected", [], (to) =>
    to.set(options.agent.connected() ? 1 : 0),
  );

  gauge("process_resident_memory_bytes", "Resident memory of the control plane", [], (to) =>
    to.set(process.memoryUsage.rss()),
  );
  gauge("process_start_time_seconds", "When the control plane started", [], (to) => to.set(startedAt / 1000));
  total("process_cpu_seconds_total", "CPU time of the control plane", [], (add) => {
    const { user, system } = process.cpuUsage();
    add({}, (user + system) / 1e6);
  });
  gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use", [], (to) =>
    to.set(getHeapStatistics().used_heap_size),
  );
  gauge("nodejs_heap_size_limit_bytes", "Limit of the JavaScript heap", [], (to) =>
    to.set(getHeapStatistics().heap_size_limit),
  );
  const delay = monitorEventLoopDelay({ resolution: lagEveryMs });
  delay.enable();
  gauge("nodejs_eventloop_lag_p99_seconds", "99th percentile of event-loop lag since the last scrape", [], (to) => {
    // What is recorded is the time from one look to the next.
    const lagMs = delay.percentile(99) / 1e6 - lagEveryMs;
    to.set(Number.isFinite(lagMs) ? Math.max(0, lagMs / 1_000) : 0);
    delay.reset();
  });
  const collections = counter("nodejs_gc_duration_seconds_total", "Time spent collecting garbage", ["kind"]);
  const kinds = {
    [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
    [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
    [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
    [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weakcb",
  } as const;
  for (const kind of Object.values(kinds)) collections.inc({ kind }, 0);
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const number = (entry as unknown as { readonly detail?: { readonly kind?: number } }).detail?.kind ?? -1;
      collections.inc({ kind: kinds[number] ?? "other" }, entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ["gc"] });

  return {
    async refresh() {
      if (clock.now() - stats.at < statsMs) return;
      const found = await store.stats().catch(() => null);
      if (found === null) return;
      const { bytes, commits, rows, oldestSignalAt } = found;
      stats = { at: clock.now(), bytes, commits, rows, oldest: oldestSignalAt ?? 0 };
    },
    stop() {
      delay.disable();
      observer.disconnect();
    },
  };
}

function snake(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
