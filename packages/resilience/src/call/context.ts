// What a policy hands to the work it runs: which attempt this is and whether to stop. A signal is made only when read,
// because making one costs more than a whole policy; nothing is aborted after success; no listener outlives its call.
import { abortController } from "../hold/signal.ts";
import type { CancelSignal } from "../hold/signal.ts";
import { rejectSoon } from "./refusals.ts";

type AbortListener = (reason: unknown) => void;

/** Handed to the work. Pass `signal` to whatever takes one; the other members never make one. */
export interface CallContext {
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** True once the result is no longer wanted: timed out, or aborted by the caller. */
  readonly aborted: boolean;
  /** Why it was aborted: a TimeoutError, or the caller's reason. */
  readonly reason: unknown;
  /** An AbortSignal, made at the first read. */
  readonly signal: CancelSignal;
  /** Calls `listener` once on abort (at once when already aborted); returns the way to stop. A throw in it is swallowed. */
  onAbort(listener: AbortListener): () => void;
  /** @throws the reason when aborted. */
  throwIfAborted(): void;
}

/** What may be handed to a policy for cancelling a call: a signal, or the context of an outer policy. */
export type Cancel = CallContext | CancelSignal;

/** Work that a policy runs. */
export type Work<Value> = (context: CallContext) => Value | PromiseLike<Value>;

const nothing = (): void => {};

/** A context that its policy can abort. */
export class Scope implements CallContext {
  readonly attempt: number;
  private why: { readonly reason: unknown } | undefined;
  private hooks: { controller: ReturnType<typeof abortController> | undefined; listeners: AbortListener[] } | undefined;

  constructor(attempt: number) {
    this.attempt = attempt;
    this.why = undefined;
    this.hooks = undefined;
  }

  get aborted(): boolean {
    return this.why !== undefined;
  }

  get reason(): unknown {
    return this.why?.reason;
  }

  get signal(): CancelSignal {
    this.hooks ??= { controller: undefined, listeners: [] };
    if (this.hooks.controller === undefined) {
      this.hooks.controller = abortController();
      if (this.why !== undefined) this.hooks.controller.abort(this.why.reason);
    }
    return this.hooks.controller.signal;
  }

  onAbort(listener: AbortListener): () => void {
    if (this.why !== undefined) {
      isolated(listener, this.why.reason);
      return nothing;
    }
    this.hooks ??= { controller: undefined, listeners: [] };
    const { listeners } = this.hooks;
    listeners.push(listener);
    return () => {
      const at = listeners.indexOf(listener);
      if (at !== -1) listeners.splice(at, 1);
    };
  }

  throwIfAborted(): void {
    if (this.why !== undefined) throw this.why.reason;
  }

  /** For the policy: tells the work to stop. The second abort does nothing. */
  abort(reason: unknown): void {
    if (this.why !== undefined) return;
    this.why = { reason };
    if (this.hooks === undefined) return;
    const listeners = this.hooks.listeners.splice(0);
    for (const listener of listeners) isolated(listener, reason);
    this.hooks.controller?.abort(reason);
  }
}

/** A context that only passes its caller's cancellation on. */
class Passed implements CallContext {
  readonly attempt: number;
  private readonly cancel: Cancel;

  constructor(cancel: Cancel, attempt: number) {
    this.cancel = cancel;
    this.attempt = attempt;
  }

  get aborted(): boolean {
    return this.cancel.aborted;
  }

  get reason(): unknown {
    return this.cancel.reason;
  }

  get signal(): CancelSignal {
    return isContext(this.cancel) ? this.cancel.signal : this.cancel;
  }

  onAbort(listener: AbortListener): () => void {
    return onCancel(this.cancel, listener);
  }

  throwIfAborted(): void {
    if (this.cancel.aborted) throw this.cancel.reason;
  }
}

/** The context of a call that nobody can abort. Shared by all such calls, so it keeps nothing. */
class Never implements CallContext {
  readonly attempt: number;
  readonly aborted = false;
  readonly reason = undefined;

  constructor(attempt: number) {
    this.attempt = attempt;
  }

  get signal(): CancelSignal {
    return abortController().signal;
  }

  onAbort(_listener: AbortListener): () => void {
    return nothing;
  }

  throwIfAborted(): void {}
}

const never = new Never(1);

/** The context for work whose policy aborts nothing itself. */
export function contextOf(cancel: Cancel | undefined): CallContext {
  if (cancel === undefined) return never;
  return isContext(cancel) ? cancel : new Passed(cancel, 1);
}

/** The same for a numbered attempt. */
export function attemptContext(cancel: Cancel | undefined, attempt: number): CallContext {
  if (cancel !== undefined) return new Passed(cancel, attempt);
  return attempt === 1 ? never : new Never(attempt);
}

function isContext(cancel: Cancel): cancel is CallContext {
  return "onAbort" in cancel;
}

/** Starts the work; a value becomes a promise, a synchronous throw a rejection. */
export function started<Value>(work: Work<Value>, context: CallContext): Promise<Value> {
  try {
    return Promise.resolve(work(context));
  } catch (error) {
    return rejectSoon(error);
  }
}

/** One listener per signal, however many calls share it; the host's own lists are slow and warn about their length. */
const hubs = new WeakMap<CancelSignal, Set<{ readonly listener: AbortListener }>>();

/** Calls `listener` once when `cancel` aborts, at once if it already has; returns the way to stop. */
export function onCancel(cancel: Cancel, listener: AbortListener): () => void {
  if (isContext(cancel)) return cancel.onAbort(listener);
  if (cancel.aborted) {
    isolated(listener, cancel.reason);
    return nothing;
  }
  const entry = { listener };
  const hub = hubs.get(cancel) ?? openHub(cancel);
  hub.add(entry);
  return () => {
    if (hub.delete(entry) && hub.size === 0) closeHub(cancel);
  };
}

const closers = new WeakMap<CancelSignal, () => void>();

function openHub(signal: CancelSignal): Set<{ readonly listener: AbortListener }> {
  const hub = new Set<{ readonly listener: AbortListener }>();
  const heard = (): void => {
    closeHub(signal);
    for (const { listener } of hub) isolated(listener, signal.reason);
    hub.clear();
  };
  hubs.set(signal, hub);
  closers.set(signal, () => signal.removeEventListener("abort", heard));
  signal.addEventListener("abort", heard);
  return hub;
}

function closeHub(signal: CancelSignal): void {
  closers.get(signal)?.();
  closers.delete(signal);
  hubs.delete(signal);
}

function isolated(listener: AbortListener, reason: unknown): void {
  try {
    listener(reason);
  } catch {
    // A listener's error belongs to nobody here: neither the caller nor the other listeners may suffer from it.
  }
}
