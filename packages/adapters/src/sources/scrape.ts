// Reads metrics of declared targets, as a Prometheus would, and makes samples of them: gauges as they are, counters as rates per
// second, histograms and summaries as means. Series of one metric are added up; labels stay with a real Prometheus.
import { rates, type Log, type Signal } from "@prunella/core";
import type { System } from "@prunella/resilience";
import { revealAll } from "../secret.ts";
import { parseExposition, type ScrapedSample } from "./exposition.ts";
import type { ScrapePlan } from "./plan.ts";

/** Bytes of one answer; metrics of one target, in the order of the answer; series whose totals are remembered. */
export const scrapeBytesMax = 10 * 1024 * 1024;
export const scrapeMetricsMax = 200;
const seriesMax = 50_000;

export interface Scraper {
  /** Replaces what is scraped. */
  configure(plans: readonly ScrapePlan[]): void;
  readonly counts: { readonly succeeded: number; readonly failed: number };
  stop(): void;
}

export function scraper(options: {
  readonly system: System;
  readonly now: () => number;
  readonly log: Log;
  readonly take: (signals: readonly Signal[]) => Promise<void>;
  /** What was seen of a target last, which a sample in between repeats. */
  readonly before: (target: string) => Readonly<Record<string, number>>;
}): Scraper {
  const { system, now, log, take, before } = options;
  const totals = rates(seriesMax);
  const counts = { succeeded: 0, failed: 0 };
  const failing = new Set<string>();
  let timers: { cancel(): void }[] = [];
  let generation = 0;

  async function round(plan: ScrapePlan): Promise<void> {
    try {
      const samples = parseExposition(await fetchText(plan));
      const at = now();
      const values = valuesOf(samples, plan.target, at);
      if (Object.keys(values).length > 0)
        await take([{ type: "sample", target: plan.target, at, values: { ...before(plan.target), ...values } }]);
      counts.succeeded += 1;
      if (failing.delete(plan.url)) log.write("info", "scrape-works", { target: plan.target });
    } catch (error) {
      counts.failed += 1;
      if (failing.has(plan.url)) return;
      failing.add(plan.url);
      log.write("warn", "scrape-failed", {
        target: plan.target,
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }

  function valuesOf(samples: readonly ScrapedSample[], target: string, at: number): Record<string, number> {
    const values: Record<string, number> = {};
    const means = new Map<string, { sum: number; count: number }>();
    const names = new Set<string>();
    const add = (name: string, value: number): void => void (values[name] = (values[name] ?? 0) + value);
    for (const { name, type, family, labels, value } of samples) {
      if (!names.has(family) && names.size >= scrapeMetricsMax) continue;
      names.add(family);
      const series = `${target} ${name}${labels}`;
      if (type === "histogram" || type === "summary") {
        const part = name.endsWith("_sum") ? "sum" : name.endsWith("_count") ? "count" : null;
        const growth = part === null ? null : totals.growth(series, value, at);
        if (part === null || growth === null) continue;
        const mean = means.get(family) ?? { sum: 0, count: 0 };
        mean[part] += growth;
        means.set(family, mean);
      } else if (type === "counter" || (type === "untyped" && name.endsWith("_total"))) {
        const rate = totals.perSecond(series, value, at);
        if (rate !== null) add(known[name] ?? `${name}.perSecond`, rate);
      } else add(known[name] ?? name, value);
    }
    for (const [family, { sum, count }] of means) {
      if (count > 0) values[`${family}.mean`] = sum / count;
    }
    return values;
  }

  return {
    configure(plans) {
      for (const timer of timers) timer.cancel();
      generation += 1;
      const own = generation;
      timers = [];
      for (const [at, plan] of plans.entries()) {
        const again = (delayMs: number): void => {
          timers[at] = system.setTimer(() => {
            void round(plan).finally(() => {
              if (own === generation) again(plan.everyMs);
            });
          }, delayMs);
        };
        again(system.random() * Math.min(plan.everyMs, 2_000));
      }
    },
    counts,
    stop() {
      generation += 1;
      for (const timer of timers) timer.cancel();
    },
  };
}

/** Names that the usual client libraries give to what Prunella's own samples call otherwise. */
const known: Readonly<Record<string, string>> = {
  process_resident_memory_bytes: "rssBytes",
  process_cpu_seconds_total: "cpuShare",
  process_open_fds: "descriptors",
  nodejs_heap_size_used_bytes: "heapUsedBytes",
};

async function fetchText(plan: ScrapePlan): Promise<string> {
  const response = await fetch(plan.url, {
    redirect: "manual",
    signal: AbortSignal.timeout(plan.timeoutMs),
    headers: { accept: "text/plain; version=0.0.4", "user-agent": "prunella", ...revealAll(plan.headers) },
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${plan.url} answered ${response.status}`);
  }
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > scrapeBytesMax) throw new Error(`${plan.url} answered with more than ${scrapeBytesMax} bytes`);
    text += decoder.decode(chunk as Uint8Array, { stream: true });
  }
  return text;
}
