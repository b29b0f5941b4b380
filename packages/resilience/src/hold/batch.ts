// Many items, a few at a time: one outcome per item, in order; a failing item costs the others nothing.
import type { Reporting } from "../report.ts";
import { Bulkhead } from "../call/bulkhead.ts";
import { bounded } from "./bounded.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { nothing } from "../cancel.ts";
import type { Cancel, CancelSignal } from "../cancel.ts";

export type ItemOutcome<Value> =
  | { readonly status: "fulfilled"; readonly value: Value }
  /** It threw, overran its bound (TimeoutError) or the batch was cancelled while it ran. */
  | { readonly status: "rejected"; readonly reason: unknown }
  /** The batch was cancelled before it was started. */
  | { readonly status: "skipped" };

export interface BatchOptions extends GuardOptions {
  /** Items in work at once over all calls of `map` (default 10). */
  readonly limit?: number;
  /** Bound of one item in ms (default: none). */
  readonly itemMs?: number;
}

export interface Batch extends Reporting {
  /** Items are drawn from `items` only as they are started, and after an abort only where their number is known. Never rejects because of an item; rejects when `items` itself throws. */
  map<Item, Value>(
    items: Iterable<Item> | AsyncIterable<Item>,
    work: (item: Item, index: number, signal: CancelSignal) => Value | PromiseLike<Value>,
    options?: { readonly signal?: Cancel },
  ): Promise<ItemOutcome<Value>[]>;
  /** May be changed at run time. */
  limit: number;
}

/** A limit for batches of work. @throws BadOptionError for an option out of its range. */
export function batch(options: BatchOptions = {}): Batch {
  const guard = openGuard("batch", options);
  const slots = new Bulkhead({
    system: guard.system,
    concurrentMax: guard.integer(options, "limit", 10, 1),
    queueMax: Number.MAX_SAFE_INTEGER,
    waitMsMax: Infinity,
  });
  const itemMs = guard.number(options, "itemMs", Infinity, 1, Infinity);
  const count = { items: 0, fulfilled: 0, rejected: 0, skipped: 0 };

  const setLimit = (limit: number): void => {
    slots.concurrentMax = guard.check("limit", limit, 1, undefined, true);
  };

  return guard.complete<Batch>(
    {
      async map<Item, Value>(
        items: Iterable<Item> | AsyncIterable<Item>,
        work: (item: Item, index: number, signal: CancelSignal) => Value | PromiseLike<Value>,
        { signal }: { readonly signal?: Cancel } = {},
      ) {
        const outcomes: ItemOutcome<Value>[] = [];
        const inWork = new Set<Promise<void>>();
        let index = 0;
        /** Of an array or a set each item is told as skipped; of a source without a known end no more is drawn. */
        const counted = ["length", "size"].some((name) => name in Object(items));
        for await (const item of items) {
          const at = index++;
          count.items += 1;
          const leave = await slots.acquire(signal).catch(nothing);
          if (leave === undefined) {
            // Aborted before there was a slot.
            outcomes[at] = { status: "skipped" };
            count.skipped += 1;
            if (counted) continue;
            break;
          }
          const run = bounded(guard, "an item", itemMs, (own) => work(item, at, own), signal);
          const running: Promise<void> = run.outcome.then((outcome) => {
            const status = outcome.kind === "done" ? "fulfilled" : "rejected";
            count[status] += 1;
            outcomes[at] =
              outcome.kind === "done"
                ? { status: "fulfilled", value: outcome.value }
                : { status: "rejected", reason: outcome.error };
            inWork.delete(running);
            leave();
          });
          inWork.add(running);
        }
        await Promise.all(inWork);
        return outcomes;
      },
      get limit() {
        return slots.concurrentMax;
      },
      set limit(next) {
        setLimit(next);
      },
      controls: { "set-limit": (argument) => setLimit(Number(argument)) },
    },
    () => ({
      values: { running: slots.active, limit: slots.concurrentMax, waiting: slots.queued },
      counts: count,
    }),
  );
}
