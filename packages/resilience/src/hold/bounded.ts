// Runs one piece of work under a time bound: the outcome comes as a value, never later than the bound, and the work's
// signal is aborted when it is given up. Work that ignores its signal goes on unseen; `settled` tells when it ended.
import type { System } from "../system.ts";
import { OverrunError } from "./errors.ts";
import { abortController, onAbort } from "./signal.ts";
import type { CancelSignal } from "./signal.ts";

export type Outcome<Value> =
  | { readonly kind: "done"; readonly value: Value }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "overrun"; readonly error: OverrunError }
  | { readonly kind: "cancelled"; readonly reason: unknown };

export interface Bounded<Value> {
  /** Never rejects. */
  readonly outcome: Promise<Outcome<Value>>;
  /** Resolves when the work itself has ended, however late; never rejects. */
  readonly settled: Promise<void>;
  /** Gives the work up now. */
  cancel(reason: unknown): void;
}

export interface BoundedOptions {
  readonly system: System;
  /** Bound in ms; Infinity for none. */
  readonly limitMs: number;
  /** For the message of the overrun. */
  readonly guardName: string;
  readonly what: string;
  /** The caller's own cancellation. */
  readonly signal?: CancelSignal | undefined;
}

/** A timer this much late (ms) tells that the thread was blocked. */
const lateMs = 20;

export function bounded<Value>(
  options: BoundedOptions,
  work: (signal: CancelSignal) => Value | PromiseLike<Value>,
): Bounded<Value> {
  const { system } = options;
  const controller = abortController();
  let finish: (outcome: Outcome<Value>) => void = () => {};
  const outcome = new Promise<Outcome<Value>>((resolve) => (finish = resolve));
  let over = false;
  const end = (result: Outcome<Value>): void => {
    if (over) return;
    over = true;
    timer?.cancel();
    unlisten();
    finish(result);
  };
  const cancel = (reason: unknown): void => {
    if (over) return;
    end({ kind: "cancelled", reason });
    controller.abort(reason);
  };
  const dueAt = system.now() + options.limitMs;
  let graced = false;
  const ring = (): void => {
    // A thread that was blocked fires timers before it reads its sockets: an answer that came in time gets one turn.
    if (!graced && system.now() - dueAt > lateMs) {
      graced = true;
      timer = system.setTimer(ring, 1);
      return;
    }
    const error = new OverrunError(options.guardName, options.what, options.limitMs);
    end({ kind: "overrun", error });
    controller.abort(error);
  };
  let timer = options.limitMs === Infinity ? undefined : system.setTimer(ring, options.limitMs);
  let unlisten: () => void = () => {};
  unlisten = onAbort(options.signal, cancel);
  const settled = over ? Promise.resolve() : start(work, controller.signal, end);
  return { outcome, settled, cancel };
}

async function start<Value>(
  work: (signal: CancelSignal) => Value | PromiseLike<Value>,
  signal: CancelSignal,
  end: (outcome: Outcome<Value>) => void,
): Promise<void> {
  try {
    end({ kind: "done", value: await work(signal) });
  } catch (error) {
    end({ kind: "failed", error });
  }
}

/** The value of an outcome, or its error thrown. */
export function valueOf<Value>(outcome: Outcome<Value>): Value {
  switch (outcome.kind) {
    case "done":
      return outcome.value;
    case "failed":
    case "overrun":
      throw outcome.error;
    case "cancelled":
      throw outcome.reason;
  }
}
