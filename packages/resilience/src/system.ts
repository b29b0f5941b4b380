// The one place that knows the real clock, timers and chance. Everything else in this package takes a `System`,
// so that the same code runs under a test's or a simulator's time.

/** A timer that has been set. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time, timers and chance, as every primitive sees them. */
export interface System {
  /** Monotonic milliseconds from an arbitrary origin; never goes backwards, unaffected by changes of the wall clock. */
  now(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump. For showing to people and for calendar days only. */
  wallNow(): number;
  /**
   * Calls `fire` once, at `delayMs` or later, never earlier. Delays above 2^31-1 ms work. The timer does not keep the
   * process alive unless `keepAlive` is true.
   */
  setTimer(fire: () => void, delayMs: number, keepAlive?: boolean): Timer;
  /** A number in [0, 1). */
  random(): number;
}

// The host's globals, declared here because pure packages see neither Node's nor the browser's types.
interface Host {
  readonly performance: { now(): number };
  readonly Date: { now(): number };
  readonly Math: { random(): number };
  setTimeout(fire: () => void, delayMs: number): number | { unref?: () => void };
  clearTimeout(handle: number | { unref?: () => void } | undefined): void;
}
const host = globalThis as unknown as Host;
/** Read once: in Node 20 and 22 the global is an accessor, which costs more than the clock. */
const clock = host.performance;

/** Longest delay that hosts accept in one piece (2^31-1 ms, 24.8 days); a longer one is served in pieces. */
const hostDelayMsMax = 2_147_483_647;

/** The real clock, timers and random source of the host (Node, Deno, Bun, browsers). */
export const realSystem: System = {
  now: () => clock.now(),
  wallNow: () => host.Date.now(),
  random: () => host.Math.random(),
  setTimer(fire, delayMs, keepAlive = false) {
    const dueAt = clock.now() + delayMs;
    let handle: number | { unref?: () => void } | undefined;
    const arm = (remainingMs: number): void => {
      handle = host.setTimeout(ring, Math.min(Math.max(0, Math.ceil(remainingMs)), hostDelayMsMax));
      if (!keepAlive && typeof handle === "object") handle.unref?.();
    };
    // Hosts may fire up to a millisecond early; promise "never early" by looking again.
    const ring = (): void => {
      const remainingMs = dueAt - clock.now();
      if (remainingMs > 0) arm(remainingMs);
      else fire();
    };
    arm(delayMs);
    return { cancel: () => host.clearTimeout(handle) };
  },
};
