// The real clock, timers and chance by the contract of resilience's `System`, without loading that library: the agent imports
// this package, and the whole library would cost it 5 MB for these few lines.
import type { System } from "@prunella/resilience";

/** Longest delay that Node accepts in one piece (2^31-1 ms); a longer one is served in pieces. */
const delayMsMax = 2_147_483_647;

export const smallSystem: System = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  random: () => Math.random(),
  setTimer(fire, delayMs, keepAlive = false) {
    const dueAt = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    // Node may fire up to a millisecond early; the contract says never early.
    const ring = (): void => {
      const remainingMs = dueAt - performance.now();
      if (remainingMs > 0) arm(remainingMs);
      else fire();
    };
    const arm = (remainingMs: number): void => {
      handle = setTimeout(ring, Math.min(Math.max(0, Math.ceil(remainingMs)), delayMsMax));
      if (!keepAlive) handle.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
