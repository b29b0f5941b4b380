// What the control plane fetches and sends out beside notifications: scrapes of targets, log lines to Loki, the dead-man ping.
import { deadman, lokiShipper, reveal, scraper, type Plan } from "@prunella/adapters";
import type { Clock, Engine, Log } from "@prunella/core";
import type { System } from "@prunella/resilience";
import type { Outgoing, Senders } from "@prunella/server";

/** A loop that has not turned for this long is stuck, ms. */
const stuckMs = 15_000;

export interface Outlets {
  configure(plan: Plan): void;
  /** Lines of one service on their way to Loki, and how many were lost before. */
  lines(
    service: string,
    lines: readonly { readonly at: number; readonly level: string; readonly text: string }[],
    lost?: number,
  ): void;
  state(): Outgoing;
  stop(): void;
}

export function outlets(options: {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly system: System;
  readonly log: Log;
  readonly agentConnected: () => boolean;
}): Outlets {
  const { engine, clock, system, log } = options;
  const now = (): number => clock.now();
  const scrapes = scraper({
    system,
    now,
    log,
    take: (signals) => engine.ingest(signals),
    before: (target) => engine.views.get(target)?.samples.at(-1)?.values ?? {},
  });
  const loki = lokiShipper({ system, log });
  const ping = deadman({
    system,
    now,
    log,
    ailment() {
      const { detectionAt, healingAt, fenced } = engine.health();
      const stuck = (at: number | null): boolean => at === null || now() - at > stuckMs;
      if (fenced) return "another control plane has taken over";
      if (stuck(detectionAt)) return "the detection loop does not turn";
      if (stuck(healingAt)) return "the healing loop does not turn";
      return options.agentConnected() ? null : "the agent is not connected";
    },
  });
  return {
    configure(plan) {
      scrapes.configure(plan.sources.scrapes);
      loki.configure(plan.monitoring.loki);
      ping.configure(plan.monitoring.deadman);
    },
    lines(service, lines, lost = 0) {
      loki.push(service, lines);
      if (lost > 0) loki.lost(lost);
    },
    state: () => ({ deadmanAt: ping.lastAt, loki: loki.counts, scrapes: scrapes.counts }),
    stop() {
      scrapes.stop();
      ping.stop();
      loki.stop();
    },
  };
}

/** Who may send errors as whom. A key whose reference cannot be looked up lets nobody in, and is told once. */
export function sendersOf(plan: Plan, log: Log): Senders {
  const sentry = plan.sources.sentry.flatMap(({ project, key, target }) => {
    try {
      return [{ project, key: reveal(key), target }];
    } catch (error) {
      log.write("error", "sentry-key", { project, message: error instanceof Error ? error.message : String(error) });
      return [];
    }
  });
  return { sentry, services: plan.sources.services };
}
