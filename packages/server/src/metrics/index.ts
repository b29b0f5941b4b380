// Prometheus metrics, one family a fact. Labels come from the configuration and from fixed words, never from ids or texts:
// at most targetsMax targets, kindsMax kinds and remedies, faultsMax faults, guardSeriesMax series of each guard family.
// docs/monitoring.md lists the families and what bounds each.
import { Registry } from "prom-client";
import type { ServerOptions } from "../host.ts";
import type { IngestCounts } from "../ingest/counts.ts";
import { alertMetrics } from "./alerts.ts";
import { guardMetrics } from "./guards.ts";
import { healingMetrics } from "./healing.ts";
import { ownMetrics } from "./itself.ts";
import { kit } from "./kit.ts";
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
  targetMetrics(of, options);
  guardMetrics(of, options);
  const healing = healingMetrics(of, options);
  alertMetrics(of, options);
  return {
    contentType: registry.contentType,
    async text() {
      await own.refresh();
      healing.refresh();
      return registry.metrics();
    },
    stop() {
      own.stop();
      healing.stop();
    },
  };
}
