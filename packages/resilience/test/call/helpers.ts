// Small tools of this folder's tests.
import type { GuardEvent, Reporting } from "@prunella/resilience";

export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

export function deferred<Value = string>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

export interface Watched<Value> {
  state: "pending" | "fulfilled" | "rejected";
  value: Value | undefined;
  error: unknown;
}

/** Follows a promise, so that a test can look at it without waiting. */
export function watch<Value>(promise: PromiseLike<Value>): Watched<Value> {
  const seen: Watched<Value> = { state: "pending", value: undefined, error: undefined };
  promise.then(
    (value) => Object.assign(seen, { state: "fulfilled", value }),
    (error: unknown) => Object.assign(seen, { state: "rejected", error }),
  );
  return seen;
}

/** Lets all promise jobs run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

/** Names of the events that a policy says, as they come. */
export function events(guard: Reporting): string[] {
  const heard: string[] = [];
  guard.listen((event: GuardEvent) => heard.push(event.event));
  return heard;
}

export const boom = (): Promise<never> => Promise.reject(new Error("boom"));
export const fine = (): Promise<string> => Promise.resolve("fine");
export const never = (): Promise<never> => new Promise(() => {});

/** A signal that counts its listeners: now, and at most so far. */
export function countedSignal(): {
  readonly signal: AbortSignal;
  readonly listeners: { now: number; most: number };
} {
  const listeners = { now: 0, most: 0 };
  const signal = new Proxy(new AbortController().signal, {
    get(target, key) {
      if (key === "addEventListener") return () => (listeners.most = Math.max(listeners.most, (listeners.now += 1)));
      if (key === "removeEventListener") return () => (listeners.now -= 1);
      return Reflect.get(target, key, target) as unknown;
    },
  });
  return { signal, listeners };
}
