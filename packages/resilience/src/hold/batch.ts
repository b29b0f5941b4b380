// Many items, a few at a time: one outcome per item, in order; a failing item costs the others nothing.
import type { Reporting } from "../report.ts";
import { bounded } from "./bounded.ts";
import { Guard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import type { CancelSignal } from "./signal.ts";

export type ItemOutcome<Value> =
  | { readonly status: "fulfilled"; readonly value: Value }
  /** It threw, overran its bound (OverrunError) or the batch was cancelled while it ran. */
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
  /** Items are drawn from `items` only as they are started. Never rejects because of an item; rejects when `items` itself throws. */
  map<Item, Value>(
    items: Iterable<Item> | AsyncIterable<Item>,
    work: (item: Item, index: number, signal: CancelSignal) => Value | PromiseLike<Value>,
    options?: { readonly signal?: CancelSignal },
  ): Promise<ItemOutcome<Value>[]>;
  /** May be changed at run time. */
  limit: number;
}

/** A limit for batches of work. @throws BadOptionError for an option out of its range. */
export function batch(options: BatchOptions = {}): Batch {
  const guard = new Guard("batch", options);
  const { system } = guard;
  let limit = guard.integer("limit", options.limit ?? 10, 1);
  const itemMs = guard.number("itemMs", options.itemMs ?? Infinity, 1, Infinity);
  const count = { items: 0, fulfilled: 0, rejected: 0, skipped: 0 };
  let running = 0;
  const waiting: (() => void)[] = [];

  /** A place among the `limit`; first come, first served over all calls. */
  async function enter(): Promise<void> {
    if (running < limit) running += 1;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
  }

  function leave(): void {
    running -= 1;
    admit();
  }

  function admit(): void {
    while (running < limit && waiting.length > 0) {
      running += 1;
      waiting.shift()?.();
    }
  }

  async function one<Value>(
    work: (signal: CancelSignal) => Value | PromiseLike<Value>,
    signal: CancelSignal | undefined,
  ): Promise<ItemOutcome<Value>> {
    const run = bounded({ system, limitMs: itemMs, guardName: guard.name, what: "an item", signal }, work);
    const outcome = await run.outcome;
    if (outcome.kind === "done") {
      count.fulfilled += 1;
      return { status: "fulfilled", value: outcome.value };
    }
    count.rejected += 1;
    return { status: "rejected", reason: outcome.kind === "cancelled" ? outcome.reason : outcome.error };
  }

  function setLimit(next: number): void {
    limit = guard.integer("limit", next, 1);
    admit();
  }

  return guard.complete<Batch>(
    {
      async map<Item, Value>(
        items: Iterable<Item> | AsyncIterable<Item>,
        work: (item: Item, index: number, signal: CancelSignal) => Value | PromiseLike<Value>,
        { signal }: { readonly signal?: CancelSignal } = {},
      ) {
        const outcomes: ItemOutcome<Value>[] = [];
        const inWork = new Set<Promise<void>>();
        let index = 0;
        for await (const item of items) {
          const at = index++;
          count.items += 1;
          await enter();
          if (signal?.aborted === true) {
            leave();
            outcomes[at] = { status: "skipped" };
            count.skipped += 1;
            continue;
          }
          const running: Promise<void> = one((own) => work(item, at, own), signal).then((outcome) => {
            outcomes[at] = outcome;
            inWork.delete(running);
            leave();
          });
          inWork.add(running);
        }
        await Promise.all(inWork);
        return outcomes;
      },
      get limit() {
        return limit;
      },
      set limit(next) {
        setLimit(next);
      },
      controls: { "set-limit": (argument) => setLimit(Number(argument)) },
    },
    () => ({
      state: running >= limit ? "full" : "ok",
      values: { running, limit, waiting: waiting.length },
      counts: { ...count },
    }),
  );
}
