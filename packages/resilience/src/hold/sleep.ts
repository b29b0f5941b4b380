// Waiting on the System's clock, cancellable; leaves neither timer nor listener behind.
import type { System } from "../system.ts";
import { onAbort } from "./signal.ts";
import type { CancelSignal } from "./signal.ts";

/** Resolves after `ms`; rejects with the signal's reason at once when it aborts. */
export function sleep(system: System, ms: number, signal?: CancelSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let unlisten: () => void = () => {};
    const timer = system.setTimer(() => {
      unlisten();
      resolve();
    }, ms);
    unlisten = onAbort(signal, (reason) => {
      timer.cancel();
      reject(reason ?? new Error("cancelled"));
    });
  });
}
