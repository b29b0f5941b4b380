// A budget of extra calls (retries, hedges), so that they stay a small share of the traffic and stop by themselves when
// everything fails: only successes pay in (gRPC's retry throttling; failsafe-go's budgets). Reads no clock.
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";

export interface CallBudgetOptions extends GuardOptions {
  /** Extra calls earned by each success (default 0.1: at most 10 % extra load). */
  readonly ratio?: number;
  /** Most extra calls that can be saved up, and what a new budget holds (default 10). */
  readonly burst?: number;
}

/** Over any run of calls: extra calls <= burst + ratio x successes. Share one budget among the policies of a dependency. */
export function callBudget(options: CallBudgetOptions = {}): CallBudget {
  return named(new CallBudget(options), options);
}

/** Ten deposits of 0.1 make 0.9999…: a hair below one is one. */
const one = 1 - 1e-9;

export class CallBudget extends Guard {
  readonly #ratio: number;
  readonly #burst: number;
  readonly #count = { granted: 0, refused: 0 };
  #saved: number;
  /** True from the first refusal until half of the burst is saved up again. */
  #spent = false;

  constructor(options: CallBudgetOptions) {
    super("budget", options);
    this.#ratio = this.number(options, "ratio", 0.1, 0, 1000);
    this.#burst = this.#saved = this.number(options, "burst", 10, 1, 1_000_000);
  }

  /** A call succeeded. */
  deposit(): void {
    if (this.#saved < this.#burst) this.#saved = Math.min(this.#burst, this.#saved + this.#ratio);
    if (this.#spent && this.#saved >= Math.max(one, this.#burst / 2)) {
      this.#spent = false;
      this.tell("relieved", { saved: this.#saved });
    }
  }

  /** Pays for one extra call; false when there is not enough. */
  tryWithdraw(): boolean {
    if (this.#saved < one) {
      this.#count.refused += 1;
      if (!this.#spent) {
        this.#spent = true;
        this.trip("spent", { granted: this.#count.granted });
      }
      return false;
    }
    this.#saved = Math.max(0, this.#saved - 1);
    this.#count.granted += 1;
    return true;
  }

  protected look(): Look {
    return {
      state: this.#spent ? "spent" : "ok",
      values: { saved: this.#saved, burst: this.#burst },
      counts: this.#count,
    };
  }
}
