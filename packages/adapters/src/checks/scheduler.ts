// Runs every check at its own pace: on a fixed grid (no drift), starts spread by its jitter, each round bounded by 0.8 of
// the interval, so that a slow or stuck check delays nobody. It judges nothing: every result goes out as it is.
import type { System, Timer } from "@prunella/resilience";
import type { CheckPlan } from "../plan.ts";
import { roundMsMax, type CheckResult } from "./result.ts";

/** Rounds under way at once, over all checks. A round due beyond it is left out and counted; no result is made up for it. */
export const roundsMax = 2_048;

/** Checks that are new at the same instant start spread over this long, or over their interval if that is shorter. */
const firstSpreadMs = 1_000;

export interface SchedulerOptions {
  readonly system: System;
  /** Must settle within the time given; one that does not is abandoned 100 ms later and counts as failed. */
  readonly run: (check: CheckPlan, timeoutMs: number) => Promise<CheckResult>;
  readonly onResult: (check: CheckPlan, result: CheckResult) => void;
  /** Null: not running, so its checks wait (without a result); else ms since it started, for `initialDelayMs`. */
  readonly uptimeMs: (target: string) => number | null;
}

export interface SchedulerStats {
  readonly rounds: number;
  readonly running: number;
  /** Rounds left out: `roundsMax` was reached, or the round before was still under way. */
  readonly leftOut: number;
  /** Largest delay of a start behind its due time since the last call, in ms. */
  readonly lateMsMax: number;
}

export interface Scheduler {
  /** Replaces the set of checks; those that stay the same keep their grid. */
  update(checks: readonly CheckPlan[]): void;
  /** Runs the checks of one target now, out of turn; results go out and are returned. */
  runNow(target: string): Promise<readonly { readonly check: CheckPlan; readonly result: CheckResult }[]>;
  stats(): SchedulerStats;
  stop(): void;
}

interface Entry {
  readonly check: CheckPlan;
  readonly same: string;
  /** Grid point of the next round; the jitter is added on top, so it never accumulates. */
  gridAt: number;
  timer: Timer | null;
  running: boolean;
}

export function checkScheduler(options: SchedulerOptions): Scheduler {
  const { system } = options;
  let entries = new Map<string, Entry>();
  let rounds = 0;
  let running = 0;
  let leftOut = 0;
  let lateMsMax = 0;

  const spread = (check: CheckPlan): number => system.random() * check.jitter * check.everyMs;

  function arm(entry: Entry): void {
    const dueAt = entry.gridAt + spread(entry.check);
    entry.timer = system.setTimer(() => turn(entry, dueAt), Math.max(0, dueAt - system.now()));
  }

  function turn(entry: Entry, dueAt: number): void {
    const now = system.now();
    lateMsMax = Math.max(lateMsMax, now - dueAt);
    // After a pause of the whole process the points that were missed are skipped, not made up for.
    const missed = Math.max(0, Math.floor((now - entry.gridAt) / entry.check.everyMs));
    entry.gridAt += (missed + 1) * entry.check.everyMs;
    arm(entry);
    const uptimeMs = options.uptimeMs(entry.check.target);
    if (uptimeMs === null || uptimeMs < entry.check.initialDelayMs) return;
    if (entry.running || running >= roundsMax) {
      leftOut += 1;
      return;
    }
    void round(entry);
  }

  async function round(entry: Entry): Promise<CheckResult> {
    const { check } = entry;
    const timeoutMs = roundMsMax(check);
    entry.running = true;
    running += 1;
    rounds += 1;
    const outcome = await bounded(check, timeoutMs);
    running -= 1;
    entry.running = false;
    // A result of a check that was removed meanwhile is nobody's business.
    if (entries.get(keyOf(check)) === entry) options.onResult(check, outcome);
    return outcome;
  }

  function bounded(check: CheckPlan, timeoutMs: number): Promise<CheckResult> {
    return new Promise((resolve) => {
      const late = system.setTimer(
        () => resolve({ ok: false, latencyMs: timeoutMs, message: `gave no result within ${timeoutMs} ms` }),
        timeoutMs + 100,
      );
      const settle = (outcome: CheckResult): void => {
        late.cancel();
        resolve(outcome);
      };
      options
        .run(check, timeoutMs)
        .then(settle, (error: unknown) =>
          settle({ ok: false, latencyMs: 0, message: `could not be run: ${String(error).slice(0, 250)}` }),
        );
    });
  }

  return {
    update(checks) {
      const next = new Map<string, Entry>();
      for (const check of checks) {
        const same = JSON.stringify(check);
        const kept = entries.get(keyOf(check));
        if (kept?.same === same) next.set(keyOf(check), kept);
        else {
          const gridAt = system.now() + system.random() * Math.min(check.everyMs, firstSpreadMs);
          next.set(keyOf(check), { check, same, gridAt, timer: null, running: false });
        }
      }
      for (const [key, entry] of entries) if (next.get(key) !== entry) entry.timer?.cancel();
      entries = next;
      for (const entry of entries.values()) if (entry.timer === null) arm(entry);
    },
    async runNow(target) {
      const mine = [...entries.values()].filter((entry) => entry.check.target === target && !entry.running);
      return Promise.all(mine.map(async (entry) => ({ check: entry.check, result: await round(entry) })));
    },
    stats() {
      const stats = { rounds, running, leftOut, lateMsMax };
      lateMsMax = 0;
      return stats;
    },
    stop() {
      for (const entry of entries.values()) entry.timer?.cancel();
      entries = new Map();
    },
  };
}

function keyOf(check: CheckPlan): string {
  return `${check.target}\n${check.name}`;
}
