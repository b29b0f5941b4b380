// The dead-man ping: somebody else is told at each interval that Prunella lives, and raises the alarm when it falls silent. Sent
// only while both loops turn, so that a process that is up and does nothing is found out too.
import type { Log } from "@prunella/core";
import type { System } from "@prunella/resilience";
import { reveal } from "../secret.ts";
import type { MonitoringPlan } from "../sources/plan.ts";

export interface Deadman {
  configure(plan: MonitoringPlan["deadman"]): void;
  /** When the last ping was taken; null: none was yet. */
  readonly lastAt: number | null;
  stop(): void;
}

const timeoutMsMax = 10_000;

export function deadman(options: {
  readonly system: System;
  readonly now: () => number;
  readonly log: Log;
  /** Why it may not be said that all is well, in words; null: it may. */
  readonly ailment: () => string | null;
}): Deadman {
  const { system, now, log, ailment } = options;
  let plan: MonitoringPlan["deadman"] = null;
  let timer: { cancel(): void } | null = null;
  let lastAt: number | null = null;
  let quiet: string | null = null;
  let generation = 0;

  function say(problem: string | null): void {
    if (problem === quiet) return;
    quiet = problem;
    if (problem === null) log.write("info", "deadman-sent", {});
    else log.write("warn", "deadman-not-sent", { message: problem });
  }

  async function ping(): Promise<void> {
    if (plan === null) return;
    const problem = ailment();
    if (problem !== null) return say(problem);
    try {
      const response = await fetch(reveal(plan.url), {
        redirect: "manual",
        headers: { "user-agent": "prunella" },
        signal: AbortSignal.timeout(Math.min(timeoutMsMax, plan.everyMs)),
      });
      await response.body?.cancel();
      if (response.status < 200 || response.status > 299) return say(`the receiver answered ${response.status}`);
      lastAt = now();
      say(null);
    } catch (error) {
      const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
      say(cause instanceof Error ? cause.message : String(cause));
    }
  }

  function arm(delayMs: number, of: number): void {
    timer = system.setTimer(() => {
      void ping().finally(() => {
        if (of === generation && plan !== null) arm(plan.everyMs, of);
      });
    }, delayMs);
  }

  return {
    configure(next) {
      timer?.cancel();
      plan = next;
      generation += 1;
      if (plan !== null) arm(Math.min(2_000, plan.everyMs), generation);
    },
    get lastAt() {
      return lastAt;
    },
    stop() {
      timer?.cancel();
      generation += 1;
      plan = null;
    },
  };
}
