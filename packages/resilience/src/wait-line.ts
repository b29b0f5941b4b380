// A line of waiters: first in, first out (or last in, first out, at the taker's choice), each with a payload, an optional
// deadline and an optional cancellation. A waiter that gave up is out of the line before its promise rejects, so nothing can be
// handed to someone who left.
import { nothing, onCancel } from "./cancel.ts";
import type { Cancel } from "./cancel.ts";
import { AbortedError, WaitTimeoutError } from "./errors.ts";
import type { System, Timer } from "./system.ts";

export interface Waiter<Payload, Value> {
  readonly payload: Payload;
  /** Reactions run in the async context of whoever attaches them. */
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
  /** Gives up: out of the line, then rejected. Does nothing once taken out. */
  leave(error: unknown): void;
}

export interface WaitOptions {
  readonly signal?: Cancel | undefined;
  /** Longest wait in ms (default: none). Until then it keeps the process alive: a caller is owed its answer. */
  readonly timeoutMs?: number | undefined;
  /** The error at the longest wait (default: WaitTimeoutError naming `what`). */
  readonly timeoutError?: () => Error;
  /** What is waited for, for the message (default "a turn"). */
  readonly what?: string;
}

class Link<Payload, Value> implements Waiter<Payload, Value> {
  readonly payload: Payload;
  readonly promise: Promise<Value>;
  readonly leave: (error: unknown) => void;
  previous: Link<Payload, Value> | undefined = undefined;
  next: Link<Payload, Value> | undefined = undefined;
  queued = true;
  timer: Timer | undefined = undefined;
  unlisten = nothing;
  resolve!: (value: Value) => void;
  reject!: (error: unknown) => void;

  constructor(payload: Payload, leave: (link: Link<Payload, Value>, error: unknown) => void) {
    this.payload = payload;
    this.leave = (error) => leave(this, error);
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

export class WaitLine<Payload, Value> {
  #first: Link<Payload, Value> | undefined = undefined;
  #last: Link<Payload, Value> | undefined = undefined;
  #size = 0;
  readonly #system: System;
  readonly #guardName: string;
  readonly #onLeave: (payload: Payload) => void;

  /** @param onLeave called when a waiter gives up (deadline, abort), after it is out of the line. */
  constructor(system: System, guardName: string, onLeave: (payload: Payload) => void = nothing) {
    this.#system = system;
    this.#guardName = guardName;
    this.#onLeave = onLeave;
  }

  get size(): number {
    return this.#size;
  }

  join(payload: Payload, options: WaitOptions = {}): Waiter<Payload, Value> {
    const { signal, timeoutMs = Infinity, what = "a turn", timeoutError } = options;
    const link = new Link<Payload, Value>(payload, this.#leave);
    link.previous = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#size += 1;
    if (timeoutMs !== Infinity)
      link.timer = this.#system.setTimer(
        () => link.leave(timeoutError?.() ?? new WaitTimeoutError(this.#guardName, what, timeoutMs)),
        timeoutMs,
        true,
      );
    if (signal !== undefined)
      link.unlisten = onCancel(signal, (reason) => link.leave(new AbortedError(this.#guardName, reason)));
    return link;
  }

  /** As `join`, for its promise. */
  wait(payload: Payload, options?: WaitOptions): Promise<Value> {
    return this.join(payload, options).promise;
  }

  /** Takes the oldest waiter out of the line, or the newest; the caller settles it. */
  shift(newest = false): Waiter<Payload, Value> | undefined {
    const link = newest ? this.#last : this.#first;
    if (link !== undefined) this.#unlink(link);
    return link;
  }

  /** The first waiter's payload, left where it is. */
  peek(): Payload | undefined {
    return this.#first?.payload;
  }

  *payloads(): IterableIterator<Payload> {
    for (let link = this.#first; link !== undefined; link = link.next) yield link.payload;
  }

  rejectAll(error: () => unknown): void {
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) waiter.reject(error());
  }

  readonly #leave = (link: Link<Payload, Value>, error: unknown): void => {
    if (!link.queued) return;
    this.#unlink(link);
    link.reject(error);
    this.#onLeave(link.payload);
  };

  #unlink(link: Link<Payload, Value>): void {
    link.queued = false;
    link.timer?.cancel();
    link.unlisten();
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    this.#size -= 1;
  }
}
