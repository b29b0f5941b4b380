// Prometheus metrics, one family a fact. Labels come from the configuration and from fixed words, never from ids or texts:
// at most targetsMax targets, kindsMax kinds and remedies, faultsMax faults, guardSeriesMax series of each guard family,
// drillsMax drills.
// docs/monitoring.md lists the families and what bounds each.
import { Registry } from "prom-client";
import type { ServerOptions } from "../host.ts";
import type { IngestCounts } from "../ingest/counts.ts";
import { alertMetrics } from "./alerts.ts";
import { drillMetrics } from "./drills.ts";
import { guardMetrics } from "./guards.ts";
import { healingMetrics } from "./healing.ts";
import { ownMetrics } from "./itself.ts";
import { kit } from "./kit.ts";
import { sloMetrics } from "./slo.ts";
import { targetMetrics } from "./targets.ts";

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  stop(): void;
}

export function metrics(options: ServerOptions, startedAt: number, ingest: IngestCounts): Metrics {
  const registry = new Registry();
  const of = kit(registry);
  const own = ownMetrics(of, options, startedAt);
  of.total(
    "prunella_signals_total",
    "Signals that came in from outside, by source and kind",
    ["source", "kind"],
    (add) => ingest.each("accepted", (source, kind, count) => add({ source, kind }, count)),
  );
  of.total("prunella_signals_dropped_total", "Signals turned away, by reason", ["reason"], (add) => {
    add({ reason: "queue-full" }, options.engine.health().signalsShed);
    ingest.each("dropped", (_source, reason, count) => add({ reason }, count));
  });
  of.gauge(
    "prunella_deadman_last_success_timestamp_seconds",
    "When the dead-man ping was last taken; 0: never",
    [],
    (to) => to.set((options.outgoing?.().deadmanAt ?? 0) / 1000),
  );
  of.total(
    "prunella_log_lines_shipped_total",
    "Log lines sent to Loki since start, by what came of them",
    ["outcome"],
    (add) => {
      const { shipped = 0, lost = 0 } = options.outgoing?.().loki ?? {};
      add({ outcome: "shipped" }, shipped);
      add({ outcome: "lost" }, lost);
    },
  );
  of.gauge("prunella_log_lines_waiting", "Log lines that wait to be sent to Loki", [], (to) =>
    to.set(options.outgoing?.().loki.waiting ?? 0),
  );
  of.total("prunella_scrapes_total", "Scrapes of declared targets since start", ["outcome"], (add) => {
    const { succeeded = 0, failed = 0 } = options.outgoing?.().scrapes ?? {};
    add({ outcome: "succeeded" }, succeeded);
    add({ outcome: "failed" }, failed);
  });
  targetMetrics(of, options);
  guardMetrics(of, options);
  const slos = sloMetrics(of, options);
  const healing = healingMetrics(of, options);
  alertMetrics(of, options);
  const drills = drillMetrics(of, options);
  return {
    contentType: registry.contentType,
    async text() {
      await Promise.all([own.refresh(), slos.refresh(), drills.refresh()]);
      healing.refresh();
      return registry.metrics();
    },
    stop() {
      own.stop();
      healing.stop();
    },
  };
}
