// Runs one piece of work under a time bound: the outcome comes as a value, never later than the bound, and the work's
// signal is aborted when it is given up. Work that ignores its signal goes on unseen; `settled` tells when it ended.
import { abortController, nothing, onCancel } from "../cancel.ts";
import type { Cancel, CancelSignal } from "../cancel.ts";
import { AbortedError, TimeoutError } from "../errors.ts";
import type { OpenGuard } from "./guard.ts";

export type Outcome<Value> =
  | { readonly kind: "done"; readonly value: Value }
  /** `error` is what the work threw, a TimeoutError, or an AbortedError. */
  | { readonly kind: "failed" | "overrun" | "cancelled"; readonly error: unknown };

export interface Bounded<Value> {
  /** Never rejects. */
  readonly outcome: Promise<Outcome<Value>>;
  /** Resolves when the work itself has ended, however late; never rejects. */
  readonly settled: Promise<void>;
  /** Gives the work up now. */
  cancel(reason: unknown): void;
}

/** Work under a bound. */
export type BoundedWork<Value> = (signal: CancelSignal) => Value | PromiseLike<Value>;

/** A timer this much late (ms) tells that the thread was blocked. */
const lateMs = 20;

/**
 * @param what for the message at the bound. @param limitMs Infinity for none. @param cancel the caller's own cancellation.
 * @param keepAlive whether the process lives until the bound: not for what goes on in the background.
 */
export function bounded<Value>(
  { system, name }: OpenGuard,
  what: string,
  limitMs: number,
  work: BoundedWork<Value>,
  cancel?: Cancel,
  keepAlive = true,
): Bounded<Value> {
  const controller = abortController();
  let finish!: (outcome: Outcome<Value>) => void;
  const outcome = new Promise<Outcome<Value>>((resolve) => (finish = resolve));
  let over = false;
  let unlisten = nothing;
  const end = (result: Outcome<Value>, reason?: unknown): void => {
    if (over) return;
    over = true;
    timer?.cancel();
    unlisten();
    finish(result);
    if (result.kind === "overrun" || result.kind === "cancelled") controller.abort(reason);
  };
  const give = (reason: unknown): void => end({ kind: "cancelled", error: new AbortedError(name, reason) }, reason);
  const dueAt = system.now() + limitMs;
  let graced = false;
  const ring = (): void => {
    // A thread that was blocked fires timers before it reads its sockets: an answer that came in time gets one turn.
    if (!graced && system.now() - dueAt > lateMs) {
      graced = true;
      timer = system.setTimer(ring, 1, keepAlive);
      return;
    }
    const error = new TimeoutError(name, limitMs, what);
    end({ kind: "overrun", error }, error);
  };
  let timer = limitMs === Infinity ? undefined : system.setTimer(ring, limitMs, keepAlive);
  unlisten = onCancel(cancel, give);
  const run = async (): Promise<void> => {
    if (over) return;
    try {
      end({ kind: "done", value: await work(controller.signal) });
    } catch (error) {
      end({ kind: "failed", error });
    }
  };
  return { outcome, settled: run(), cancel: give };
}

/** The value of an outcome, or its error thrown. */
export function valueOf<Value>(outcome: Outcome<Value>): Value {
  if (outcome.kind === "done") return outcome.value;
  throw outcome.error;
}
