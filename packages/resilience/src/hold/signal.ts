// Cancellation without Node's or the browser's types: as much of AbortSignal as this package needs, and the real type
// wherever the caller's environment has one.
import { CancelledError } from "./errors.ts";

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

interface Host {
  readonly AbortController: new () => Controller;
}

/** A fresh AbortController of the host (every supported host has one). */
export function abortController(): Controller {
  return new (globalThis as unknown as Host).AbortController();
}

/** Calls `listener` once when `signal` aborts, at once if it already has. Returns the way to stop listening. */
export function onAbort(signal: CancelSignal | undefined, listener: (reason: unknown) => void): () => void {
  if (signal === undefined) return nothing;
  if (signal.aborted) {
    listener(signal.reason);
    return nothing;
  }
  const heard = (): void => {
    signal.removeEventListener("abort", heard);
    listener(signal.reason);
  };
  signal.addEventListener("abort", heard);
  return () => signal.removeEventListener("abort", heard);
}

/** Throws the signal's reason when it has aborted. */
export function throwIfAborted(signal: CancelSignal | undefined, guardName: string): void {
  if (signal?.aborted === true) throw signal.reason ?? new CancelledError(guardName);
}

function nothing(): void {}
