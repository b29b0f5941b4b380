// A System whose time moves only when told, for tests of this package and of whoever uses it.
import type { System, Timer } from "./system.ts";

export interface ManualSystem extends System {
  /** Moves time on by `ms`, firing due timers in order, and lets promise jobs run between them. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock only (a clock jump). */
  jumpWall(ms: number): void;
  /** Timers set and neither fired nor cancelled. */
  readonly pending: number;
}

/** @param seed of the random source (default 1); the same seed gives the same numbers. */
export function manualSystem(seed = 1): ManualSystem {
  let now = 0;
  let wallOffset = 1_700_000_000_000;
  let sequence = 0;
  let state = seed >>> 0;
  const timers = new Map<number, { dueAt: number; fire: () => void }>();
  return {
    now: () => now,
    wallNow: () => now + wallOffset,
    random() {
      // mulberry32: small, seeded, good enough for jitter in tests.
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    },
    setTimer(fire, delayMs): Timer {
      const id = sequence++;
      timers.set(id, { dueAt: now + Math.max(0, delayMs), fire });
      return { cancel: () => void timers.delete(id) };
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        let next: [number, { dueAt: number; fire: () => void }] | undefined;
        for (const entry of timers) {
          if (entry[1].dueAt <= until && (next === undefined || entry[1].dueAt < next[1].dueAt)) next = entry;
        }
        if (next === undefined) break;
        timers.delete(next[0]);
        now = Math.max(now, next[1].dueAt);
        next[1].fire();
        await settle();
      }
      now = until;
      await settle();
    },
    jumpWall: (ms) => void (wallOffset += ms),
    get pending() {
      return timers.size;
    },
  };
}

/** Lets every promise job that is ready, and those it makes ready, run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
