// Starts the same work once more when the first try is slow, and takes whichever succeeds first (Dean and Barroso, The
// Tail at Scale, 2013). Losers are aborted and their results discarded; a budget keeps the extra load small. For work
// that may safely run twice.
import { nothing, onCancel, quietly, rejectSoon, Scope, started } from "../cancel.ts";
import type { Cancel, Work } from "../cancel.ts";
import { AbortedError } from "../errors.ts";
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";
import type { CallBudget } from "./budget.ts";

export interface HedgeOptions extends GuardOptions {
  /**
   * Wait before each further attempt, in ms (default 100), or a function that knows, say, the 95th percentile by now.
   * Infinity: no further attempt.
   */
  readonly delayMs?: number | (() => number);
  /** Attempts in all, the first included (default 2, at most 10). */
  readonly attemptsMax?: number;
  /** Pays for each further attempt; without money there is none, and those under way go on (default: no budget). */
  readonly budget?: CallBudget;
  /** Called with the value of a loser, to close what it holds. */
  readonly discard?: (value: unknown) => void;
}

/** @throws BadOptionError naming the option that is out of range. */
export function hedge(options: HedgeOptions = {}): Hedge {
  return named(new Hedge(options), options);
}

export class Hedge extends Guard {
  readonly #options: HedgeOptions;
  readonly #attemptsMax: number;
  readonly #count = { calls: 0, hedged: 0, wonByHedge: 0, unpaid: 0, late: 0 };

  constructor(options: HedgeOptions, from?: GuardOptions) {
    super("hedge", options, from);
    this.#options = options;
    this.#attemptsMax = this.integer(options, "attemptsMax", 2, 1, 10);
    if (typeof options.delayMs !== "function") this.number({ delayMs: options.delayMs }, "delayMs", 100, 0, Infinity);
  }

  /** Gives the first success. Rejects when every attempt has failed, with the error of the first one; on abort at once. */
  execute<Value>(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    this.#count.calls += 1;
    if (cancel?.aborted === true) return rejectSoon(new AbortedError(this.name, cancel.reason));
    return new Promise((resolve, reject) => this.#race(work, cancel, resolve, reject));
  }

  protected look(): Look {
    return { values: { attemptsMax: this.#attemptsMax }, counts: this.#count };
  }

  /** One hedged call. */
  #race<Value>(
    work: Work<Value>,
    cancel: Cancel | undefined,
    resolve: (value: Value) => void,
    reject: (error: unknown) => void,
  ): void {
    const { budget, discard, delayMs = 100 } = this.#options;
    const count = this.#count;
    const scopes: Scope[] = [];
    let underWay = 0;
    let over = false;
    let firstError: unknown;
    let timer: { cancel(): void } | undefined;
    let stop = nothing;

    /** Stops the clock and every attempt but the winner. */
    const end = (reason: unknown, winner?: Scope): void => {
      over = true;
      timer?.cancel();
      stop();
      for (const scope of scopes) if (scope !== winner) scope.abort(reason);
    };
    const launch = (): void => {
      const scope = new Scope(scopes.push(undefined as never));
      scopes[scope.attempt - 1] = scope;
      underWay += 1;
      void started(work, scope).then(
        (value) => {
          if (over) {
            count.late += 1;
            return quietly(discard, value);
          }
          if (scope.attempt > 1) count.wonByHedge += 1;
          budget?.deposit();
          end(new AbortedError(this.name, "another attempt was faster"), scope);
          resolve(value);
        },
        (error: unknown) => {
          underWay -= 1;
          if (scope.attempt === 1) firstError = error;
          if (over || underWay > 0) return;
          end(error);
          reject(firstError);
        },
      );
      if (over || scopes.length >= this.#attemptsMax) return;
      let waitMs: number;
      try {
        waitMs = typeof delayMs === "number" ? delayMs : Math.max(0, delayMs());
      } catch (error) {
        // From the timer's turn nobody would hear it, and an unhandled rejection would end the process.
        end(error);
        reject(error);
        return;
      }
      // What is no number, a percentile of nothing for instance, names no time.
      if (over || !(waitMs < Infinity)) return;
      // By way of a promise, so that the next attempt runs in the async context of the caller, not in the timer's.
      void new Promise<void>((due) => (timer = this.system.setTimer(due, waitMs, true))).then(() => {
        if (over) return;
        if (budget?.tryWithdraw() === false) {
          count.unpaid += 1;
          return;
        }
        count.hedged += 1;
        this.tell("hedged", { attempt: scopes.length + 1 });
        // Not if a listener has aborted the call.
        if (!over) launch();
      });
    };
    stop = onCancel(cancel, (reason) => {
      end(reason);
      reject(new AbortedError(this.name, reason));
    });
    launch();
  }
}
