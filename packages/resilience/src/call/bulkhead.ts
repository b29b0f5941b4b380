// Bounds how many calls are under way at once, with a bounded queue behind. A freed slot goes straight to the next
// waiter, so a newcomer never overtakes and a queued call is never refused because of one. Abort and the longest wait
// take a waiter out at once. The queue is a linked list per priority: every operation is O(1) in its length.
import type { GuardSnapshot } from "../report.ts";
import { contextOf, onCancel, started } from "./context.ts";
import type { Cancel, Work } from "./context.ts";
import { CallGuard } from "./guard.ts";
import type { CallGuardOptions } from "./guard.ts";
import { AbortedError, BulkheadFullError, rejectSoon } from "./refusals.ts";
import { wheelOf, WheelEntry } from "./wheel.ts";
import type { Wheel } from "./wheel.ts";

export interface BulkheadOptions extends CallGuardOptions {
  /** Calls under way at once (default 10). */
  readonly concurrentMax?: number;
  /** Calls that may wait for a slot (default 0: none waits). */
  readonly queueMax?: number;
  /** Longest wait for a slot, in ms (default 30,000; up to 10 ms late). Infinity waits for ever. */
  readonly waitMsMax?: number;
  /** Which waiter of a priority is served next (default "fifo"; "lifo" keeps some callers fast under overload). */
  readonly order?: "fifo" | "lifo";
  /** Number of priorities (default 1, at most 10); 0 is the most urgent and is served first. */
  readonly priorities?: number;
  /**
   * What a newcomer does at a full queue once no less urgent waiter can be displaced: is refused itself (default), or
   * displaces the oldest waiter of its own priority.
   */
  readonly overflow?: "refuse" | "drop-oldest";
}

/** @throws BadOptionError naming the option that is out of range. */
export function bulkhead(options: BulkheadOptions = {}): Bulkhead {
  return new Bulkhead(options);
}

/** Share of the queue at which "high-water" is said, and the one at which "relieved" is. */
const highWater = 0.8;
const relieved = 0.5;

export class Bulkhead extends CallGuard {
  readonly #queueMax: number;
  readonly #waitMsMax: number;
  readonly #lifo: boolean;
  readonly #dropsOldest: boolean;
  readonly #wheel: Wheel;
  readonly #levels: { first: SlotWaiter | undefined; last: SlotWaiter | undefined }[];
  #concurrentMax: number;
  #active = 0;
  #queued = 0;
  #alerted = false;
  #passed = 0;
  #refused = 0;
  #displaced = 0;
  #waitedOut = 0;
  readonly #ok = <Value>(value: Value): Value => {
    this.release();
    return value;
  };
  readonly #bad = (error: unknown): never => {
    this.release();
    throw error;
  };

  constructor(options: BulkheadOptions = {}) {
    super("bulkhead", options);
    this.#concurrentMax = this.integer("concurrentMax", options.concurrentMax ?? 10, 1);
    this.#queueMax = this.integer("queueMax", options.queueMax ?? 0, 0);
    this.#waitMsMax = this.number("waitMsMax", options.waitMsMax ?? 30_000, 0);
    this.#lifo = options.order === "lifo";
    this.#dropsOldest = options.overflow === "drop-oldest";
    const levels = this.integer("priorities", options.priorities ?? 1, 1, 10);
    this.#levels = Array.from({ length: levels }, () => ({ first: undefined, last: undefined }));
    this.#wheel = wheelOf(this.system, true);
  }

  /** Calls under way. */
  get active(): number {
    return this.#active;
  }

  /** Calls waiting. */
  get queued(): number {
    return this.#queued;
  }

  get concurrentMax(): number {
    return this.#concurrentMax;
  }

  /** Changes the number of slots while in use: more start waiters at once, fewer take effect as calls end. */
  set concurrentMax(slots: number) {
    this.#concurrentMax = this.integer("concurrentMax", slots, 1);
    while (this.#active < this.#concurrentMax && this.#queued > 0) {
      this.#active += 1;
      this.#handOver();
    }
  }

  /**
   * Runs `work` in a slot, now or when one is free. Rejects with BulkheadFullError or, on abort while queued, AbortedError.
   * @param priority 0 (default, most urgent) to `priorities` - 1.
   */
  execute<Value>(work: Work<Value>, cancel?: Cancel, priority = 0): Promise<Value> {
    if (cancel?.aborted === true) return rejectSoon(new AbortedError(this.name, cancel.reason));
    if (!this.tryAcquire()) {
      return this.acquire(cancel, priority).then((release) => {
        release.handled();
        return this.#run(work, cancel);
      });
    }
    return this.#run(work, cancel);
  }

  /** Takes a slot if one is free and nobody waits for it. Give it back with `release`, exactly once. */
  tryAcquire(): boolean {
    if (this.#active >= this.#concurrentMax) return false;
    this.#active += 1;
    this.#passed += 1;
    return true;
  }

  /** Gives a slot back, to the next waiter if there is one. */
  release(): void {
    if (this.#queued > 0 && this.#active <= this.#concurrentMax) this.#handOver();
    else this.#active -= 1;
  }

  /** Waits for a slot. Resolves with the way to give it back, which does nothing the second time. */
  async acquire(cancel?: Cancel, priority = 0): Promise<Release> {
    if (isAborted(cancel)) throw new AbortedError(this.name, cancel?.reason);
    if (this.tryAcquire()) return this.#releaser();
    const waiter = this.wait(priority);
    if (waiter === undefined) throw this.refusal();
    const stop =
      cancel === undefined
        ? undefined
        : onCancel(cancel, (reason) => waiter.giveUp(new AbortedError(this.name, reason)));
    try {
      await waiter.granted;
    } finally {
      stop?.();
    }
    if (isAborted(cancel)) {
      this.release();
      throw new AbortedError(this.name, cancel?.reason);
    }
    return this.#releaser();
  }

  /** Joins the queue; undefined when it is full. For policies that build on this one: others use `acquire`. */
  wait(priority = 0): SlotWaiter | undefined {
    this.integer("priority", priority, 0, this.#levels.length - 1);
    if (this.#queued >= this.#queueMax && !this.#displaceFor(priority)) {
      this.#refused += 1;
      if (this.#queueMax === 0) this.say("refused", "trip", { active: this.#active });
      return undefined;
    }
    const waiter = new SlotWaiter(this.#leave, priority);
    this.#join(waiter);
    if (this.#waitMsMax !== Infinity) this.#wheel.add(waiter, this.#waitMsMax);
    return waiter;
  }

  /** The error that a refused caller gets. */
  refusal(): BulkheadFullError {
    return new BulkheadFullError(this.name, `${this.#active} calls under way, ${this.#queued} queued`);
  }

  snapshot(): GuardSnapshot {
    return {
      guard: this.guard,
      name: this.name,
      state: this.#active < this.#concurrentMax ? "ok" : this.#queued < this.#queueMax ? "busy" : "full",
      values: {
        active: this.#active,
        concurrentMax: this.#concurrentMax,
        queued: this.#queued,
        queueMax: this.#queueMax,
      },
      counts: {
        passed: this.#passed,
        refused: this.#refused,
        displaced: this.#displaced,
        waitedOut: this.#waitedOut,
      },
    };
  }

  readonly controls: Readonly<Record<string, (argument?: number | string) => void>> = {
    "set-concurrent-max": (slots) => void (this.concurrentMax = Number(slots)),
  };

  #run<Value>(work: Work<Value>, cancel: Cancel | undefined): Promise<Value> {
    return started(work, contextOf(cancel)).then(this.#ok, this.#bad);
  }

  #releaser(): Release {
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.release();
    };
    return Object.assign(release, { handled: () => void (held = false) });
  }

  /** Passes a slot that stays counted to the next waiter. */
  #handOver(): void {
    for (const level of this.#levels) {
      const next = this.#lifo ? level.last : level.first;
      if (next === undefined) continue;
      this.#unlink(next);
      this.#passed += 1;
      next.grant();
      return;
    }
  }

  #join(waiter: SlotWaiter): void {
    const level = this.#level(waiter.priority);
    waiter.older = level.last;
    if (level.last === undefined) level.first = waiter;
    else level.last.newer = waiter;
    level.last = waiter;
    this.#queued += 1;
    if (!this.#alerted && this.#queued >= highWater * this.#queueMax) {
      this.#alerted = true;
      this.say("high-water", "trip", { queued: this.#queued, queueMax: this.#queueMax });
    }
  }

  #unlink(waiter: SlotWaiter): void {
    const level = this.#level(waiter.priority);
    if (waiter.older === undefined) level.first = waiter.newer;
    else waiter.older.newer = waiter.newer;
    if (waiter.newer === undefined) level.last = waiter.older;
    else waiter.newer.older = waiter.older;
    waiter.older = waiter.newer = undefined;
    this.#queued -= 1;
    this.#wheel.remove(waiter);
    if (this.#alerted && this.#queued <= relieved * this.#queueMax) {
      this.#alerted = false;
      this.say("relieved", "info", { queued: this.#queued });
    }
  }

  /** A waiter gives up, by itself (its wait is over) or because its caller aborted. */
  readonly #leave = (waiter: SlotWaiter, aborted: Error | undefined): void => {
    this.#unlink(waiter);
    if (aborted === undefined) {
      this.#waitedOut += 1;
      this.say("waited-out", "trip", { waitMsMax: this.#waitMsMax });
    }
    waiter.refuse(aborted ?? new BulkheadFullError(this.name, `no slot within ${this.#waitMsMax} ms`));
  };

  /** Makes room for a newcomer at the cost of a less urgent waiter, or of the oldest of its own priority if so configured. */
  #displaceFor(priority: number): boolean {
    let victim: SlotWaiter | undefined;
    for (let at = this.#levels.length - 1; at > priority && victim === undefined; at -= 1)
      victim = this.#level(at).last;
    if (victim === undefined && this.#dropsOldest) victim = this.#level(priority).first;
    if (victim === undefined) return false;
    this.#unlink(victim);
    this.#displaced += 1;
    this.say("displaced", "trip", { priority: victim.priority });
    victim.refuse(new BulkheadFullError(this.name, "displaced by a newer or more urgent call"));
    return true;
  }

  #level(priority: number): { first: SlotWaiter | undefined; last: SlotWaiter | undefined } {
    return this.#levels[priority] as { first: SlotWaiter | undefined; last: SlotWaiter | undefined };
  }
}

function isAborted(cancel: Cancel | undefined): boolean {
  return cancel?.aborted === true;
}

/** Gives a slot back; does nothing the second time. */
export interface Release {
  (): void;
  /** Tells it that the slot is given back in another way. */
  handled(): void;
}

/** A place in the queue. */
export class SlotWaiter extends WheelEntry {
  older: SlotWaiter | undefined = undefined;
  newer: SlotWaiter | undefined = undefined;
  readonly priority: number;
  /** Resolves when the slot is ours; rejects when it will never be. Reactions run in the context of whoever attached them. */
  readonly granted: Promise<void>;
  grant: () => void = () => {};
  refuse: (error: unknown) => void = () => {};
  #waiting = true;
  readonly #leave: (waiter: SlotWaiter, aborted: Error | undefined) => void;

  constructor(leave: (waiter: SlotWaiter, aborted: Error | undefined) => void, priority: number) {
    super();
    this.#leave = leave;
    this.priority = priority;
    this.granted = new Promise((resolve, reject) => {
      this.grant = () => {
        this.#waiting = false;
        resolve();
      };
      this.refuse = (error) => {
        this.#waiting = false;
        reject(error);
      };
    });
  }

  /** Leaves the queue; false when the slot was already granted, which its owner must then give back. */
  giveUp(error: Error): boolean {
    if (!this.#waiting) return false;
    this.#leave(this, error);
    return true;
  }

  onDue(): void {
    if (this.#waiting) this.#leave(this, undefined);
  }
}
