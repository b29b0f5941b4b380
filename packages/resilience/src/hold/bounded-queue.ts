// A queue that never holds more than its capacity and accounts for every item: in = out + shed + held, always.
// Constant-time put and take; waiting producers and consumers leave the line the moment they are cancelled.
import type { Reporting } from "../report.ts";
import { BadOptionError, ClosedError, QueueFullError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { Ring } from "./ring.ts";
import { quietly, refuseAborted } from "../cancel.ts";
import type { Cancel } from "../cancel.ts";
import { WaitLine } from "../wait-line.ts";

/** What happens to an item that arrives at a full queue. */
export type QueuePolicy =
  /** `put` waits for room; `offer` refuses. */
  | "backpressure"
  /** `put` rejects with QueueFullError; `offer` refuses. */
  | "refuse"
  /** The oldest items make room (down to `drainTo`). */
  | "drop-oldest"
  /** The arriving item is shed. */
  | "drop-newest"
  /** The newest item of the lowest priority below the arriving one makes room; without such an item the arriving one is shed. */
  | "priority";

export type QueueOutcome = "accepted" | "shed" | "refused";

export interface QueueOptions<Item> extends GuardOptions {
  /** Most items held (default 1,000). */
  readonly capacity?: number;
  /** What happens at the bound (default "backpressure"). */
  readonly policy?: QueuePolicy;
  /** Share of the capacity at which "high-water" is told (default 0.8). */
  readonly highWater?: number;
  /** Share of the capacity at or below which the alert ends (default 0.5, at most `highWater`). */
  readonly lowWater?: number;
  /** "drop-oldest" only: share of the capacity to which an overflow drains (default 1: sheds only what must go). */
  readonly drainTo?: number;
  /** "priority" only: number of levels, 0 the lowest (default 3, at most 64). Higher levels are taken first. */
  readonly levels?: number;
  /** Most producers and most consumers waiting (default 10,000 each); one more is refused with QueueFullError. */
  readonly waitersMax?: number;
  /** Hears of every item that was accepted or offered and then shed; its errors are ignored. */
  readonly onShed?: (item: Item, why: "overflow" | "drained" | "closed") => void;
}

export interface WaitForQueue {
  readonly signal?: Cancel;
  /** Longest wait in ms (default: none); then WaitTimeoutError. */
  readonly timeoutMs?: number;
}

export interface BoundedQueue<Item> extends Reporting {
  readonly capacity: number;
  /** Items held now. */
  readonly size: number;
  /** Items in, taken out, and shed or refused so far: in = out + shed + size. */
  readonly accounts: { readonly in: number; readonly out: number; readonly shed: number };
  /** Adds without waiting. `priority` is a level, clamped to 0..levels-1 (default 0). */
  offer(item: Item, priority?: number): QueueOutcome;
  /**
   * Adds; under "backpressure" waits for room. Resolves with what became of the item.
   * @throws QueueFullError under "refuse" or when too many producers wait; WaitTimeoutError; ClosedError; AbortedError.
   */
  put(item: Item, options?: WaitForQueue & { readonly priority?: number }): Promise<QueueOutcome>;
  /** The next item, or undefined when there is none. Constant time. */
  tryTake(): Item | undefined;
  /** The next item, waiting for one. @throws ClosedError when closed and empty, QueueFullError when too many wait, WaitTimeoutError, AbortedError. */
  take(options?: WaitForQueue): Promise<Item>;
  /** Takes out up to `max` items at once (default all), counted as taken. */
  takeAll(max?: number): Item[];
  /** Sheds the oldest items until `share` of the capacity is held (default 0: empty); returns how many were shed. */
  drain(share?: number): number;
  /** Accepts no more; consumers get what is held, then ClosedError. Waiting producers are refused. */
  close(): void;
}

/** Waiting producers admitted at once when room appears; the rest follow in later turns of the event loop. */
const admitSlice = 256;

/** A bounded queue. Items must not be `undefined` (it is the answer for "nothing there"). */
export function boundedQueue<Item>(options: QueueOptions<Item> = {}): BoundedQueue<Item> {
  const guard = openGuard("queue", options);
  const { system } = guard;
  const capacity = guard.integer(options, "capacity", 1000, 1);
  const policy = options.policy ?? "backpressure";
  guard.oneOf("policy", policy, ["backpressure", "refuse", "drop-oldest", "drop-newest", "priority"]);
  const highWater = guard.number(options, "highWater", 0.8, 0, 1);
  const highItems = highWater * capacity;
  const lowItems = guard.number(options, "lowWater", Math.min(0.5, highWater), 0, highWater) * capacity;
  const drainTo = guard.number(options, "drainTo", 1, 0, 1);
  const levels = policy === "priority" ? guard.integer(options, "levels", 3, 1, 64) : 1;
  const waitersMax = guard.integer(options, "waitersMax", 10_000, 0);
  const rings = Array.from({ length: levels }, () => new Ring<Item>());
  const lowest = rings[0] as Ring<Item>;
  const producers = new WaitLine<{ readonly item: Item; readonly level: number }, QueueOutcome>(system, guard.name);
  const consumers = new WaitLine<undefined, Item>(system, guard.name);
  const count = { in: 0, out: 0, shed: 0, refused: 0, alerts: 0 };
  let size = 0;
  let alerted = false;
  let overflowed = false;
  let closed = false;
  let admitLater = false;

  const levelOf = (priority: number | undefined): number =>
    Math.min(levels - 1, Math.max(0, Math.trunc(priority ?? 0) || 0));

  function watermark(): void {
    if (!alerted && size >= highItems) {
      alerted = true;
      count.alerts += 1;
      guard.trip("high-water", { size, capacity, policy });
    } else if (alerted && size <= lowItems) {
      alerted = false;
      overflowed = false;
      guard.tell("relieved", { size, capacity });
    }
  }

  /** Tells of items that are counted as shed and out of the queue: who hears of it may put something in. */
  function tellShed(items: readonly Item[], why: "overflow" | "drained"): void {
    for (const item of items) quietly(options.onShed, item, why);
  }

  /** Puts an item where it belongs; there is room or a waiting consumer. */
  function admit(item: Item, level: number): void {
    count.in += 1;
    if (consumers.size > 0) {
      count.out += 1;
      consumers.shift()?.resolve(item);
      return;
    }
    (level === 0 ? lowest : (rings[level] as Ring<Item>)).push(item);
    size += 1;
    if (!alerted && size >= highItems) watermark();
  }

  /** Lets waiting producers in while there is room, a slice at a time. */
  function admitWaiting(): void {
    for (let admitted = 0; size < capacity && producers.size > 0; admitted += 1) {
      if (admitted === admitSlice) {
        if (!admitLater) {
          admitLater = true;
          system.setTimer(
            () => {
              admitLater = false;
              admitWaiting();
            },
            0,
            true,
          );
        }
        return;
      }
      const producer = producers.shift();
      if (producer === undefined) return;
      admit(producer.payload.item, producer.payload.level);
      producer.resolve("accepted");
    }
  }

  /** The oldest item of the highest level. */
  function removeNext(): Item | undefined {
    if (size > 0) size -= 1;
    if (levels === 1) return lowest.shift();
    return rings.findLast((ring) => ring.size > 0)?.shift();
  }

  function shedDownTo(items: number): Item[] {
    const removed: Item[] = [];
    while (size > items) {
      size -= 1;
      // The oldest of the lowest level.
      removed.push(rings.find((ring) => ring.size > 0)?.shift() as Item);
    }
    count.shed += removed.length;
    return removed;
  }

  /** Tells the first overflow of an alert; the counts tell the rest. */
  function tellOverflow(shedItems = 1): void {
    if (overflowed) return;
    overflowed = true;
    guard.trip("overflow", { shed: shedItems, size, capacity, policy });
  }

  function turnAway(item: Item, outcome: "shed" | "refused"): QueueOutcome {
    count.in += 1;
    count.shed += 1;
    if (outcome === "refused") count.refused += 1;
    else tellShed([item], "overflow");
    // A closed queue, or one whose waiting producers are just being let in, has room.
    if (!closed && size >= capacity) tellOverflow();
    return outcome;
  }

  function offer(item: Item, priority?: number): QueueOutcome {
    if (item === undefined) throw new BadOptionError(guard.name, "item", item, "anything but undefined");
    if (closed) return turnAway(item, "refused");
    const level = levels === 1 ? 0 : levelOf(priority);
    // Nobody overtakes a producer that already waits.
    if (size < capacity && producers.size === 0) {
      admit(item, level);
      return "accepted";
    }
    let displaced: Item[] = [];
    switch (policy) {
      case "backpressure":
      case "refuse":
        return turnAway(item, "refused");
      case "drop-newest":
        return turnAway(item, "shed");
      case "drop-oldest":
        displaced = shedDownTo(Math.min(capacity - 1, Math.floor(drainTo * capacity)));
        break;
      case "priority": {
        const least = rings.findIndex((ring) => ring.size > 0);
        if (least < 0 || least >= level) return turnAway(item, "shed");
        displaced = [(rings[least] as Ring<Item>).pop() as Item];
        size -= 1;
        count.shed += 1;
        break;
      }
    }
    admit(item, level);
    tellShed(displaced, "overflow");
    tellOverflow(displaced.length);
    if (alerted) watermark();
    return "accepted";
  }

  function tryTake(): Item | undefined {
    if (size === 0) return undefined;
    const item = removeNext();
    count.out += 1;
    if (producers.size > 0) admitWaiting();
    if (alerted && size <= lowItems) watermark();
    return item;
  }

  function drain(share = 0): number {
    const removed = shedDownTo(Math.floor(guard.check("share", share, 0, 1) * capacity));
    const drained = removed.length;
    tellShed(removed, "drained");
    if (drained > 0) guard.trip("drained", { shed: drained, size, capacity });
    admitWaiting();
    if (alerted) watermark();
    return drained;
  }

  const checkWait = ({ timeoutMs = Infinity }: WaitForQueue): unknown =>
    guard.check("timeoutMs", timeoutMs, 0, Infinity);
  const mayWaitFor = ({ signal, timeoutMs = Infinity }: WaitForQueue): boolean =>
    signal?.aborted !== true && timeoutMs >= 0;

  async function putNow(item: Item, wait: WaitForQueue & { readonly priority?: number }): Promise<QueueOutcome> {
    checkWait(wait);
    refuseAborted(wait.signal, guard.name);
    const outcome = offer(item, wait.priority);
    if (outcome !== "refused") return outcome;
    if (closed) throw new ClosedError(guard.name, "queue");
    throw policy === "backpressure"
      ? new QueueFullError(guard.name, waitersMax, "waiting producers")
      : new QueueFullError(guard.name, capacity);
  }

  async function takeNow(wait: WaitForQueue): Promise<Item> {
    checkWait(wait);
    refuseAborted(wait.signal, guard.name);
    const item = tryTake();
    if (item !== undefined) return item;
    throw closed
      ? new ClosedError(guard.name, "queue")
      : new QueueFullError(guard.name, waitersMax, "waiting consumers");
  }

  return guard.complete<BoundedQueue<Item>>(
    {
      capacity,
      offer,
      tryTake,
      get size() {
        return size;
      },
      get accounts() {
        return { in: count.in, out: count.out, shed: count.shed };
      },
      put(item, wait = {}) {
        const full = size >= capacity || producers.size > 0;
        const mayWait = policy === "backpressure" && full && !closed && producers.size < waitersMax;
        if (!mayWait || item === undefined || !mayWaitFor(wait)) return putNow(item, wait);
        return producers.wait({ item, level: levelOf(wait.priority) }, { ...wait, what: "room" });
      },
      // Not an async function: whoever is handed an item hears of it before whoever takes the next one.
      take(wait = {}) {
        const mayWait = size === 0 && !closed && consumers.size < waitersMax && mayWaitFor(wait);
        return mayWait ? consumers.wait(undefined, { ...wait, what: "an item" }) : takeNow(wait);
      },
      takeAll(max = Infinity) {
        const items: Item[] = [];
        while (items.length < max) {
          const item = removeNext();
          if (item === undefined) break;
          items.push(item);
        }
        count.out += items.length;
        admitWaiting();
        if (alerted) watermark();
        return items;
      },
      drain,
      close() {
        if (closed) return;
        closed = true;
        producers.rejectAll(() => new ClosedError(guard.name, "queue"));
        consumers.rejectAll(() => new ClosedError(guard.name, "queue"));
        guard.tell("closed", { size });
      },
      controls: { drain: (share = 0) => void drain(Number(share)) },
    },
    () => ({
      state: closed ? "closed" : overflowed ? "full" : alerted ? "high" : "ok",
      values: { size, capacity, producersWaiting: producers.size, consumersWaiting: consumers.size },
      counts: count,
    }),
  );
}
