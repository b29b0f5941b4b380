// What a primitive hands to the work it runs: which attempt this is and whether to stop. A signal is made only when read,
// because making one costs more than a whole policy; nothing is aborted after success; no listener outlives its call.
import { AbortedError } from "./errors.ts";
import type { System } from "./system.ts";

interface MinimalSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The AbortSignal of the caller's environment; its smallest useful part where there is none. */
export type CancelSignal = typeof globalThis extends { AbortSignal: { prototype: infer Real } } ? Real : MinimalSignal;

interface Controller {
  readonly signal: CancelSignal;
  abort(reason?: unknown): void;
}

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

/** What may be handed to a primitive for cancelling a call: a signal, or the context of an outer policy. */
export type Cancel = CallContext | CancelSignal;

/** Work that a policy runs. */
export type Work<Value> = (context: CallContext) => Value | PromiseLike<Value>;

/** What a policy does when the work has ended; shared by many calls. */
export interface Reactions {
  readonly ok: (value: unknown) => unknown;
  readonly bad: (error: unknown) => never;
}

export const nothing = (): void => {};

/** A fresh AbortController of the host (every supported host has one). */
export function abortController(): Controller {
  return new (globalThis as unknown as { readonly AbortController: new () => Controller }).AbortController();
}

/** What most attempts never need: made when it is first asked for. */
interface Cancellation {
  why: { readonly reason: unknown } | undefined;
  controller: Controller | undefined;
  readonly listeners: AbortListener[];
}

/** A context that its policy can abort. */
export class Scope implements CallContext {
  readonly attempt: number;
  private own: Cancellation | undefined;

  constructor(attempt: number) {
    this.attempt = attempt;
    this.own = undefined;
  }

  get aborted(): boolean {
    return this.own?.why !== undefined;
  }

  get reason(): unknown {
    return this.own?.why?.reason;
  }

  get signal(): CancelSignal {
    const own = this.cancellation();
    if (own.controller === undefined) {
      own.controller = abortController();
      if (own.why !== undefined) own.controller.abort(own.why.reason);
    }
    return own.controller.signal;
  }

  onAbort(listener: AbortListener): () => void {
    const { why, listeners } = this.cancellation();
    if (why !== undefined) {
      quietly(listener, why.reason);
      return nothing;
    }
    listeners.push(listener);
    return () => {
      const at = listeners.indexOf(listener);
      if (at !== -1) listeners.splice(at, 1);
    };
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** For the policy: tells the work to stop. The second abort does nothing. */
  abort(reason: unknown): void {
    const own = this.cancellation();
    if (own.why !== undefined) return;
    own.why = { reason };
    for (const listener of own.listeners.splice(0)) quietly(listener, reason);
    own.controller?.abort(reason);
  }

  private cancellation(): Cancellation {
    return (this.own ??= { why: undefined, controller: undefined, listeners: [] });
  }
}

/** A context that only passes its caller's cancellation on, where there is any. */
class Passed implements CallContext {
  readonly attempt: number;
  readonly cancel: Cancel | undefined;

  constructor(cancel: Cancel | undefined, attempt: number) {
    this.cancel = cancel;
    this.attempt = attempt;
  }

  get aborted(): boolean {
    return this.cancel?.aborted === true;
  }

  get reason(): unknown {
    return this.cancel?.reason;
  }

  get signal(): CancelSignal {
    const { cancel } = this;
    if (cancel === undefined) return abortController().signal;
    return isContext(cancel) ? cancel.signal : cancel;
  }

  onAbort(listener: AbortListener): () => void {
    return onCancel(this.cancel, listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }
}

/** The context of a first call that nobody can abort. Shared by all such calls: it keeps nothing. */
const never = /* @__PURE__ */ new Passed(undefined, 1);

/** The context for work whose policy aborts nothing itself. */
export function contextOf(cancel: Cancel | undefined): CallContext {
  if (cancel === undefined) return never;
  return isContext(cancel) ? cancel : new Passed(cancel, 1);
}

/** The same for a numbered attempt. */
export function attemptContext(cancel: Cancel | undefined, attempt: number): CallContext {
  return cancel === undefined && attempt === 1 ? never : new Passed(cancel, attempt);
}

/** What there is to watch: nothing for a context that nobody can abort, which nested policies hand on all the time. */
export function abortable(cancel: Cancel | undefined): Cancel | undefined {
  return cancel instanceof Passed && cancel.cancel === undefined ? undefined : cancel;
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

interface Hub {
  readonly entries: Set<{ readonly listener: AbortListener }>;
  /** Leaves the signal alone. */
  readonly close: () => void;
}

/** One listener per signal, however many calls share it; the host's own lists are slow and warn about their length. */
const hubs = new WeakMap<CancelSignal, Hub>();

/** Calls `listener` once when `cancel` aborts, at once if it already has; returns the way to stop. */
export function onCancel(cancel: Cancel | undefined, listener: AbortListener): () => void {
  if (cancel === undefined) return nothing;
  if (isContext(cancel)) return cancel.onAbort(listener);
  if (cancel.aborted) {
    quietly(listener, cancel.reason);
    return nothing;
  }
  const { entries, close } = hubs.get(cancel) ?? openHub(cancel);
  const entry = { listener };
  entries.add(entry);
  return () => {
    if (entries.delete(entry) && entries.size === 0) close();
  };
}

function openHub(signal: CancelSignal): Hub {
  const entries: Hub["entries"] = new Set();
  const close = (): void => {
    signal.removeEventListener("abort", heard);
    hubs.delete(signal);
  };
  const heard = (): void => {
    close();
    for (const { listener } of entries) quietly(listener, signal.reason);
    entries.clear();
  };
  const hub = { entries, close };
  hubs.set(signal, hub);
  signal.addEventListener("abort", heard);
  return hub;
}

/** Calls what belongs to the application; what it throws, at once or by promise, goes to `onError`. */
export function isolated(call: () => unknown, onError: (error: unknown) => void): void {
  try {
    (call() as Partial<PromiseLike<unknown>> | null | undefined)?.then?.(undefined, onError);
  } catch (error) {
    onError(error);
  }
}

/**
 * Calls a hook of the application, if there is one. Its error, thrown or by promise, belongs to nobody here: neither the
 * caller nor other hooks may suffer, nor the process, which an unhandled rejection would end.
 */
export function quietly<Args extends readonly unknown[]>(
  hook: ((...args: Args) => unknown) | undefined,
  ...args: Args
): void {
  isolated(() => hook?.(...args), nothing);
}

/** @throws AbortedError when the caller has given the call up already. */
export function refuseAborted(cancel: Cancel | undefined, guardName: string): void {
  if (cancel?.aborted === true) throw new AbortedError(guardName, cancel.reason);
}

/** Resolves after `ms`; rejects with AbortedError at once on abort. Leaves neither timer nor listener behind. */
export function sleep(
  system: System,
  ms: number,
  guardName: string,
  cancel: Cancel | undefined,
  keepAlive?: boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let stop = nothing;
    const timer = system.setTimer(
      () => {
        stop();
        resolve();
      },
      ms,
      keepAlive,
    );
    stop = onCancel(cancel, (reason) => {
      timer.cancel();
      reject(new AbortedError(guardName, reason));
    });
  });
}

export const settled = /* @__PURE__ */ Promise.resolve();
let rejectLatest: (error: unknown) => void = nothing;
const capture = (_resolve: unknown, reject: (error: unknown) => void): void => void (rejectLatest = reject);

/**
 * A promise that is rejected one microtask from now. Hosts keep books on promises that are rejected before anybody
 * listens; this one is not, which makes a refusal about three times cheaper than Promise.reject.
 */
export function rejectSoon(reason: unknown): Promise<never> {
  const promise = new Promise<never>(capture);
  const reject = rejectLatest;
  void settled.then(() => reject(reason));
  return promise;
}
