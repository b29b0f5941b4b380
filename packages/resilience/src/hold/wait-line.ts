// A line of waiters: first in, first out, each with a payload, an optional deadline and an optional signal. A waiter
// that gave up is out of the line before its promise rejects, so nothing can be handed to someone who left.
import type { System, Timer } from "../system.ts";
import { CancelledError, WaitTimeoutError } from "./errors.ts";
import { onAbort } from "./signal.ts";
import type { CancelSignal } from "./signal.ts";

export interface Waiter<Payload, Value> {
  readonly payload: Payload;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

export interface WaitOptions {
  readonly signal?: CancelSignal | undefined;
  /** Longest wait in ms (default: none). */
  readonly timeoutMs?: number | undefined;
  /** The error at the longest wait (default: WaitTimeoutError naming `what`). */
  readonly timeoutError?: () => Error;
  /** What is waited for, for the message (default "a turn"). */
  readonly what?: string;
}

class Link<Payload, Value> implements Waiter<Payload, Value> {
  readonly payload: Payload;
  previous: Link<Payload, Value> | undefined;
  next: Link<Payload, Value> | undefined;
  queued = true;
  timer: Timer | undefined;
  unlisten: (() => void) | undefined;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;

  constructor(payload: Payload, resolve: (value: Value) => void, reject: (error: unknown) => void) {
    this.payload = payload;
    this.resolve = resolve;
    this.reject = reject;
  }
}

export class WaitLine<Payload, Value> {
  #first: Link<Payload, Value> | undefined;
  #last: Link<Payload, Value> | undefined;
  #size = 0;
  readonly #system: System;
  readonly #guardName: string;
  readonly #onLeave: (payload: Payload) => void;

  /** @param onLeave called when a waiter gives up (deadline or signal), after it is out of the line. */
  constructor(system: System, guardName: string, onLeave: (payload: Payload) => void = () => {}) {
    this.#system = system;
    this.#guardName = guardName;
    this.#onLeave = onLeave;
  }

  get size(): number {
    return this.#size;
  }

  wait(payload: Payload, options: WaitOptions = {}): Promise<Value> {
    const { signal, timeoutMs, what = "a turn" } = options;
    return new Promise<Value>((resolve, reject) => {
      const link = new Link<Payload, Value>(payload, resolve, reject);
      const leave = (error: unknown): void => {
        if (!link.queued) return;
        this.#unlink(link);
        reject(error);
        this.#onLeave(payload);
      };
      this.#append(link);
      if (timeoutMs !== undefined && timeoutMs !== Infinity) {
        const timeoutError = options.timeoutError ?? (() => new WaitTimeoutError(this.#guardName, what, timeoutMs));
        link.timer = this.#system.setTimer(() => leave(timeoutError()), timeoutMs);
      }
      link.unlisten = onAbort(signal, (reason) => leave(reason ?? new CancelledError(this.#guardName)));
    });
  }

  /** Takes the first waiter out of the line; the caller settles it. */
  shift(): Waiter<Payload, Value> | undefined {
    const link = this.#first;
    if (link !== undefined) this.#unlink(link);
    return link;
  }

  /** The first waiter's payload, left where it is. */
  peek(): Payload | undefined {
    return this.#first?.payload;
  }

  /** Takes out the first waiter for whom `wanted` holds. */
  shiftWhere(wanted: (payload: Payload) => boolean): Waiter<Payload, Value> | undefined {
    for (let link = this.#first; link !== undefined; link = link.next) {
      if (!wanted(link.payload)) continue;
      this.#unlink(link);
      return link;
    }
    return undefined;
  }

  *payloads(): IterableIterator<Payload> {
    for (let link = this.#first; link !== undefined; link = link.next) yield link.payload;
  }

  rejectAll(error: () => unknown): void {
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) waiter.reject(error());
  }

  #append(link: Link<Payload, Value>): void {
    link.previous = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#size += 1;
  }

  #unlink(link: Link<Payload, Value>): void {
    link.queued = false;
    link.timer?.cancel();
    link.unlisten?.();
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    this.#size -= 1;
  }
}
