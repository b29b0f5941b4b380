// Measures the main thread's event loop, heap, garbage collection and the process's CPU over an interval.
import type { PerformanceObserver as Observer } from "node:perf_hooks";
import type { Stats } from "./wire.ts";

const { monitorEventLoopDelay, performance, PerformanceObserver } =
  require("node:perf_hooks") as typeof import("node:perf_hooks");
const v8 = require("node:v8") as typeof import("node:v8");

/** The delay histogram's own timer, in ms; native, so that 50 ticks a second cost 0.05 % of a core. */
const lagResolutionMs = 20;

type RuntimeStats = Omit<Stats, "type" | "at" | "http" | "outgoing">;

interface RuntimeWatch {
  /** Measures since the last call. */
  collect(): RuntimeStats;
  stop(): void;
}

function watchRuntime(): RuntimeWatch {
  const now = performance.now.bind(performance);
  const delay = monitorEventLoopDelay({ resolution: lagResolutionMs });
  delay.enable();
  let loop = performance.eventLoopUtilization();
  let cpu = process.cpuUsage();
  let lastAt = now();
  let gc = { count: 0, totalMs: 0, maxMs: 0 };
  let observer: Observer | undefined;

  function observeCollections(): void {
    if (observer !== undefined) return;
    observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        gc.count += 1;
        gc.totalMs += duration;
        gc.maxMs = Math.max(gc.maxMs, duration);
      }
    });
    observer.observe({ entryTypes: ["gc"] });
  }
  // Node delivers the entries in an immediate that keeps the loop alive for a turn. A collection in a handler of
  // beforeExit would so make Node emit beforeExit again: stop looking first, begin again with the next interval.
  const stopObserving = (): void => {
    observer?.disconnect();
    observer = undefined;
  };
  observeCollections();
  process.prependListener("beforeExit", stopObserving);

  return {
    collect() {
      observeCollections();
      const at = now();
      const intervalMs = at - lastAt;
      lastAt = at;
      const { utilization } = performance.eventLoopUtilization(loop);
      loop = performance.eventLoopUtilization();
      const used = process.cpuUsage(cpu);
      cpu = process.cpuUsage();
      // Nanoseconds; a timer that is on time reads as the resolution.
      const lagMs = (nanoseconds: number): number => round(Math.max(0, nanoseconds / 1e6 - lagResolutionMs));
      const lag =
        delay.max === 0
          ? { p50: 0, p99: 0, max: 0 }
          : { p50: lagMs(delay.percentile(50)), p99: lagMs(delay.percentile(99)), max: lagMs(delay.max) };
      delay.reset();
      const heap = v8.getHeapStatistics();
      const collected = { count: gc.count, totalMs: round(gc.totalMs), maxMs: round(gc.maxMs) };
      gc = { count: 0, totalMs: 0, maxMs: 0 };
      return {
        intervalMs: round(intervalMs),
        lagMs: lag,
        utilization: round(utilization),
        heap: { used: heap.used_heap_size, total: heap.total_heap_size, limit: heap.heap_size_limit },
        rss: process.memoryUsage.rss(),
        external: heap.external_memory,
        gc: collected,
        handles: process.getActiveResourcesInfo().length,
        cpuMs: round((used.user + used.system) / 1_000),
      };
    },
    stop() {
      delay.disable();
      stopObserving();
      process.removeListener("beforeExit", stopObserving);
    },
  };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

export type RuntimeModule = { readonly watchRuntime: typeof watchRuntime };
module.exports = { watchRuntime } satisfies RuntimeModule;
