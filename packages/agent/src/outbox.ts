// Events that the control plane has not acknowledged yet, oldest first. Bounded in number and size; at the bound the oldest
// goes, is counted, and the loss itself is reported as an event once there is somebody to read it.
import { encodeMessage } from "@prunella/adapters";
import { ownTarget } from "./words.ts";
import type { EventSignal, TimeMs } from "@prunella/core";

export const eventsMax = 10_000;
export const eventBytesMax = 8_000_000;

/** An event without what the outbox gives it. */
export type NewEvent = EventSignal extends infer E ? (E extends EventSignal ? Omit<E, "id" | "at"> : never) : never;

export interface Outbox {
  add(event: NewEvent, at: TimeMs): void;
  /** Encoded messages after number `after`, at most `count`, oldest first. */
  after(after: number, count: number): readonly { readonly number: number; readonly line: string }[];
  acknowledge(through: number): void;
  /** Adds the event that reports what was lost, if anything was. */
  reportLoss(at: TimeMs): void;
  /** Counts events lost elsewhere, to be reported with the next loss. */
  countLost(count: number, reason: string): void;
  readonly waiting: number;
  readonly made: number;
}

/** @param agent identity of this agent's life: makes event ids unique. */
export function outbox(agent: string, onAdd: () => void): Outbox {
  let waiting: { number: number; line: string }[] = [];
  let bytes = 0;
  let made = 0;
  let lost = 0;
  let lossReason = "";

  function add(event: NewEvent, at: TimeMs): void {
    made += 1;
    const signal = { ...event, at, id: `${agent}-${made}` } as EventSignal;
    const line = encodeMessage({ type: "event", number: made, signal });
    waiting.push({ number: made, line });
    bytes += line.length;
    let dropped = 0;
    while (waiting.length - dropped > eventsMax || bytes > eventBytesMax) {
      bytes -= waiting[dropped]?.line.length ?? 0;
      dropped += 1;
    }
    if (dropped > 0) {
      waiting = waiting.slice(dropped);
      countLost(dropped, "too many events waited for the control plane");
    }
    onAdd();
  }

  function countLost(count: number, reason: string): void {
    lost += count;
    lossReason = reason;
  }

  return {
    add,
    countLost,
    after(number, count) {
      const first = waiting[0]?.number ?? 0;
      const from = Math.max(0, number + 1 - first);
      return waiting.slice(from, from + count);
    },
    acknowledge(through) {
      const keep = waiting.findIndex((event) => event.number > through);
      const gone = keep < 0 ? waiting : waiting.slice(0, keep);
      for (const event of gone) bytes -= event.line.length;
      waiting = keep < 0 ? [] : waiting.slice(keep);
    },
    reportLoss(at) {
      if (lost === 0) return;
      const count = lost;
      lost = 0;
      add({ type: "lost", target: ownTarget, count, reason: lossReason }, at);
    },
    get waiting() {
      return waiting.length;
    },
    get made() {
      return made;
    },
  };
}
