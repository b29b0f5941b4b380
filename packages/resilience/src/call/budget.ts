// A budget of extra calls (retries, hedges), so that they stay a small share of the traffic and stop by themselves when
// everything fails: only successes pay in (gRPC's retry throttling; failsafe-go's budgets). Reads no clock.
import type { GuardSnapshot } from "../report.ts";
import { CallGuard } from "./guard.ts";
import type { CallGuardOptions } from "./guard.ts";

export interface CallBudgetOptions extends CallGuardOptions {
  /** Extra calls earned by each success (default 0.1: at most 10 % extra load). */
  readonly ratio?: number;
  /** Most extra calls that can be saved up, and what a new budget holds (default 10). */
  readonly burst?: number;
}

/** Over any run of calls: extra calls <= burst + ratio x successes. Share one budget among the policies of a dependency. */
export function callBudget(options: CallBudgetOptions = {}): CallBudget {
  return new CallBudget(options);
}

export class CallBudget extends CallGuard {
  readonly #ratio: number;
  readonly #burst: number;
  #saved: number;
  #granted = 0;
  #refused = 0;

  constructor(options: CallBudgetOptions = {}) {
    super("budget", options);
    this.#ratio = this.number("ratio", options.ratio ?? 0.1, 0, 1000);
    this.#burst = this.number("burst", options.burst ?? 10, 1, 1_000_000);
    this.#saved = this.#burst;
  }

  /** A call succeeded. */
  deposit(): void {
    if (this.#saved < this.#burst) this.#saved = Math.min(this.#burst, this.#saved + this.#ratio);
  }

  /** Pays for one extra call; false when there is not enough. */
  tryWithdraw(): boolean {
    // Ten deposits of 0.1 make 0.9999…: a hair below one is one.
    if (this.#saved < 1 - 1e-9) {
      this.#refused += 1;
      if (this.#refused === 1 || this.#saved !== this.#spentAt) this.say("spent", "trip", { granted: this.#granted });
      this.#spentAt = this.#saved;
      return false;
    }
    this.#saved = Math.max(0, this.#saved - 1);
    this.#granted += 1;
    return true;
  }

  /** Level at the last refusal, so that an exhausted budget is reported once and not per call. */
  #spentAt = -1;

  snapshot(): GuardSnapshot {
    return {
      guard: this.guard,
      name: this.name,
      state: this.#saved < 1 - 1e-9 ? "spent" : "ok",
      values: { saved: this.#saved, burst: this.#burst },
      counts: { granted: this.#granted, refused: this.#refused },
    };
  }
}
