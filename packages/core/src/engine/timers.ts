// Waits that end: a deadline for a promise, and a work that repeats until it is cancelled.
import type { Ports } from "../ports.ts";

export function within<T>(system: Ports["system"], work: Promise<T>, limitMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = system.setTimer(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

export function repeat(system: Ports["system"], everyMs: number, work: () => void): { cancel(): void } {
  let timer = system.setTimer(ring, everyMs);
  function ring(): void {
    work();
    timer = system.setTimer(ring, everyMs);
  }
  return { cancel: () => timer.cancel() };
}
