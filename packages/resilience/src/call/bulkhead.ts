// Bounds how many calls are under way at once, with a bounded queue behind. A freed slot goes straight to the next
// waiter, so a newcomer never overtakes and a queued call is never refused because of one. Abort and the longest wait
// take a waiter out at once. There is a line per priority: every operation is O(1) in their length.
import { contextOf, rejectSoon, refuseAborted, started } from "../cancel.ts";
import type { Cancel, Reactions, Work } from "../cancel.ts";
import { AbortedError, BulkheadFullError } from "../errors.ts";
import { Guard, named, noOptions } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";
import type { Controls } from "../report.ts";
import { WaitLine } from "../wait-line.ts";
import type { Waiter } from "../wait-line.ts";

export interface BulkheadOptions extends GuardOptions {
  /** Calls under way at once (default 10). */
  readonly concurrentMax?: number;
  /** Calls that may wait for a slot (default 0: none waits). */
  readonly queueMax?: number;
  /** Longest wait for a slot, in ms (default 30,000). Infinity waits for ever. */
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
export function bulkhead(options: BulkheadOptions = noOptions): Bulkhead {
  return named(new Bulkhead(options), options);
}

/** Share of the queue at which "high-water" is said, and the one at which "relieved" is. */
const highWater = 0.8;
const relieved = 0.5;
const none: readonly WaitLine<number, void>[] = [];

export class Bulkhead extends Guard {
  readonly #options: BulkheadOptions;
  readonly #queueMax: number;
  readonly #waitMsMax: number;
  /** One per priority; made when somebody first waits, because most bulkheads never see that. */
  #lines: readonly WaitLine<number, void>[] = none;
  #passed = 0;
  #concurrentMax: number;
  #active = 0;
  #queued = 0;
  /** "high" from 80 % of the queue on, "full" from the first refusal on, until half of it is free again. */
  #state: "ok" | "high" | "full" = "ok";
  /** Of `execute`; made when first needed, because a policy that holds this bulkhead needs none. */
  #reactions: Reactions | undefined = undefined;

  constructor(options: BulkheadOptions, from?: GuardOptions) {
    super("bulkhead", options, from);
    this.#concurrentMax = this.integer(options, "concurrentMax", 10, 1);
    this.#queueMax = this.integer(options, "queueMax", 0, 0);
    this.#waitMsMax = this.number(options, "waitMsMax", 30_000, 0, Infinity);
    this.#options = options;
    this.integer(options, "priorities", 1, 1, 10);
    this.oneOf("order", options.order ?? "fifo", ["fifo", "lifo"]);
    this.oneOf("overflow", options.overflow ?? "refuse", ["refuse", "drop-oldest"]);
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
    this.#concurrentMax = this.check("concurrentMax", slots, 1, undefined, true);
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
    if (this.tryAcquire()) return this.#run(work, cancel);
    return this.#enter(cancel, priority).then(() => this.#run(work, cancel));
  }

  /** Takes a slot if one is free. Give it back with `release`, exactly once. */
  tryAcquire(): boolean {
    if (this.#active >= this.#concurrentMax) return false;
    this.#active += 1;
    this.#passed += 1;
    return true;
  }

  /** Gives a slot back, to the next waiter if there is one. */
  release(): void {
    if (this.#queued > 0 && this.#active <= this.#concurrentMax) this.#handOver();
    else {
      this.#active -= 1;
      if (this.#state !== "ok") this.#relieve();
    }
  }

  /** Waits for a slot. Resolves with the way to give it back, which does nothing the second time. */
  async acquire(cancel?: Cancel, priority = 0): Promise<() => void> {
    refuseAborted(cancel, this.name);
    if (!this.tryAcquire()) await this.#enter(cancel, priority);
    let held = true;
    return () => {
      if (held) this.release();
      held = false;
    };
  }

  /** Joins the queue; undefined when it is full. For policies that build on this one: others use `acquire`. */
  wait(priority: number, cancel?: Cancel): Waiter<number, void> | undefined {
    const { priorities = 1 } = this.#options;
    this.check("priority", priority, 0, priorities - 1, true);
    if (this.#lines === none)
      this.#lines = Array.from({ length: priorities }, () => new WaitLine(this.system, this.name, () => this.#left()));
    let victim: Waiter<number, void> | undefined;
    if (this.#queued >= this.#queueMax) {
      victim = this.#victimFor(priority);
      if (victim === undefined) {
        this.count("refused");
        if (this.#state !== "full") {
          this.#state = "full";
          this.trip("refused", { active: this.#active, queued: this.#queued });
        }
        return undefined;
      }
      this.#queued -= 1;
      this.count("displaced");
      victim.reject(new BulkheadFullError(this.name, "displaced by a newer or more urgent call"));
    }
    this.#queued += 1;
    const waiter = this.#line(priority).join(priority, {
      signal: cancel,
      timeoutMs: this.#waitMsMax,
      timeoutError: () => {
        this.count("waitedOut");
        this.trip("waited-out", { waitMsMax: this.#waitMsMax });
        return new BulkheadFullError(this.name, `no slot within ${this.#waitMsMax} ms`);
      },
    });
    // Said when the newcomer has its place: a listener may add slots or calls.
    if (victim !== undefined) this.trip("displaced", { priority: victim.payload });
    if (this.#state === "ok" && this.#queued >= highWater * this.#queueMax) {
      this.#state = "high";
      this.trip("high-water", { queued: this.#queued, queueMax: this.#queueMax });
    }
    return waiter;
  }

  /** The error that a refused caller gets. */
  refusal(): BulkheadFullError {
    return new BulkheadFullError(this.name, `${this.#active} calls under way, ${this.#queued} queued`);
  }

  get controls(): Controls {
    return { "set-concurrent-max": (slots) => void (this.concurrentMax = Number(slots)) };
  }

  protected look(): Look {
    return {
      state: this.#state,
      values: {
        active: this.#active,
        concurrentMax: this.#concurrentMax,
        queued: this.#queued,
        queueMax: this.#queueMax,
      },
      counts: { passed: this.#passed, refused: 0, displaced: 0, waitedOut: 0 },
    };
  }

  #run<Value>(work: Work<Value>, cancel: Cancel | undefined): Promise<Value> {
    const { ok, bad } = (this.#reactions ??= {
      ok: (value) => {
        this.release();
        return value;
      },
      bad: (error) => {
        this.release();
        throw error;
      },
    });
    return started(work, contextOf(cancel)).then(ok as (value: Value) => Value, bad);
  }

  /** Waits for a slot, which is then ours. */
  async #enter(cancel: Cancel | undefined, priority: number): Promise<void> {
    const waiter = this.wait(priority, cancel);
    if (waiter === undefined) throw this.refusal();
    await waiter.promise;
    if (cancel?.aborted !== true) return;
    // Aborted in the very turn in which the slot was granted.
    this.release();
    throw new AbortedError(this.name, cancel.reason);
  }

  /** Passes a slot that stays counted to the next waiter. */
  #handOver(): void {
    const next = this.#lines.find((line) => line.size > 0)?.shift(this.#options.order === "lifo");
    if (next === undefined) return;
    this.#left();
    this.#passed += 1;
    next.resolve();
  }

  /** A waiter is out of its line. */
  #left(): void {
    this.#queued -= 1;
    if (this.#state !== "ok") this.#relieve();
  }

  #relieve(): void {
    if (this.#queued > relieved * this.#queueMax || (this.#queueMax === 0 && this.#active > this.#concurrentMax / 2))
      return;
    this.#state = "ok";
    this.tell("relieved", { active: this.#active, queued: this.#queued });
  }

  /** Who leaves the line for a newcomer: a less urgent waiter, or the oldest of its own priority if so configured. */
  #victimFor(priority: number): Waiter<number, void> | undefined {
    return (
      this.#lines.findLast((line, at) => at > priority && line.size > 0)?.shift(true) ??
      (this.#options.overflow === "drop-oldest" ? this.#line(priority).shift() : undefined)
    );
  }

  #line(priority: number): WaitLine<number, void> {
    return this.#lines[priority] as WaitLine<number, void>;
  }
}
