// Objects for reuse, so that a hot path makes no garbage. Synchronous; bounded by what it keeps, not by what it lends.
import type { Reporting } from "../report.ts";
import { BadOptionError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";

export interface ObjectPoolOptions<Item extends object> extends GuardOptions {
  readonly create: () => Item;
  /** Makes a used object as good as new; runs when it is given back. One that throws loses the object, not the caller. */
  readonly reset: (item: Item) => void;
  /** Most objects kept for reuse (default 1,000); one more is left to the garbage collector and counted. */
  readonly max?: number;
  /** Refuse an object that is given back twice (default true; costs a look-up per borrow and return). */
  readonly checked?: boolean;
}

export interface ObjectPool<Item extends object> extends Reporting {
  borrow(): Item;
  /** Gives back an object that is not used any more. @throws BadOptionError when it is already back. */
  giveBack(item: Item): void;
  /** Borrows, runs, gives back. The object must not be kept after `work` returns. */
  use<Value>(work: (item: Item) => Value): Value;
  readonly idle: number;
}

/** A pool of objects. @throws BadOptionError for an option out of its range. */
export function objectPool<Item extends object>(options: ObjectPoolOptions<Item>): ObjectPool<Item> {
  const guard = openGuard("object-pool", options);
  const { create, reset, checked = true } = options;
  const max = guard.integer(options, "max", 1000, 0);
  const free: Item[] = [];
  const back = checked ? new WeakSet<Item>() : undefined;
  const count = { created: 0, reused: 0, returned: 0, discarded: 0, resetFailures: 0 };

  function borrow(): Item {
    const item = free.pop();
    if (item === undefined) {
      const made = create();
      count.created += 1;
      return made;
    }
    count.reused += 1;
    back?.delete(item);
    return item;
  }

  function giveBack(item: Item): void {
    if (back?.has(item) === true)
      throw new BadOptionError(guard.name, "item", item, "given back once; it may already serve another borrower");
    count.returned += 1;
    if (free.length >= max) {
      count.discarded += 1;
      return;
    }
    try {
      reset(item);
    } catch {
      count.resetFailures += 1;
      return;
    }
    back?.add(item);
    free.push(item);
  }

  return guard.complete<ObjectPool<Item>>(
    {
      borrow,
      giveBack,
      use(work) {
        const item = borrow();
        try {
          return work(item);
        } finally {
          giveBack(item);
        }
      },
      get idle() {
        return free.length;
      },
      controls: { clear: () => void (free.length = 0) },
    },
    () => ({ state: "ok", values: { idle: free.length, max }, counts: count }),
  );
}
