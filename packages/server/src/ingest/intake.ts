// What the ingest routes share: the promise that nothing is acknowledged before it is stored, that a sender is told to wait
// before its work is lost, and that what is sent twice counts once.
import { StoreError, type EventSignal, type Signal } from "@prunella/core";
import type { ServerOptions } from "../host.ts";
import { tooBusy, type BodyBudget } from "./body.ts";
import type { IngestCounts } from "./counts.ts";

/** From this many waiting signals on, senders are told to come back; the engine sheds from 20,000. */
export const waitingMax = 12_000;
/** Events of one request; the rest is turned away and counted. */
export const eventsMax = 2_000;
/** Ids of events remembered, so that a repeated one is not counted again. */
const recentMax = 20_000;

export interface Intake {
  readonly options: ServerOptions;
  readonly counts: IngestCounts;
  readonly budget: BodyBudget;
  /** Throws 429 while the engine is behind, before anything is read. */
  refuseWhenBusy(): void;
  /** Stores the events among the signals, then resolves. Events with an id seen lately are left out. */
  take(source: string, signals: readonly Signal[]): Promise<number>;
  /** Record time of something that happened at `at` by its sender's clock, which may be wrong by `skewMs`. */
  recordTime(at: number | null, skewMs?: number): number;
}

export function intake(options: ServerOptions, counts: IngestCounts): Intake {
  const { engine, clock } = options;
  const recent = new Set<string>();
  return {
    options,
    counts,
    budget: { bytes: 0 },
    refuseWhenBusy() {
      if (engine.health().signalsWaiting > waitingMax) throw tooBusy(`more than ${waitingMax} signals wait already`);
    },
    async take(source, signals) {
      const fresh = signals.filter((signal) => !("id" in signal) || !recent.has(signal.id));
      counts.drop(source, "repeated", signals.length - fresh.length);
      const events = fresh.filter((signal): signal is EventSignal => "id" in signal);
      for (const { id } of events) recent.add(id);
      try {
        await engine.ingest(fresh);
      } catch (error) {
        // Not stored, so the sender's next attempt is the first again.
        for (const { id } of events) recent.delete(id);
        throw error instanceof StoreError
          ? error
          : new StoreError("unknown", "the signals could not be taken in", error);
      }
      for (const id of recent) {
        if (recent.size <= recentMax) break;
        recent.delete(id);
      }
      return fresh.length;
    },
    recordTime(at, skewMs = 0) {
      const now = clock.now();
      return at === null ? now : Math.min(now, Math.max(0, Math.round(at + skewMs)));
    },
  };
}
