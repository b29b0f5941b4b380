// Starts the same work once more when the first try is slow, and takes whichever succeeds first (Dean and Barroso, The
// Tail at Scale, 2013). Losers are aborted and their results discarded; a budget keeps the extra load small. For work
// that may safely run twice.
import type { GuardSnapshot } from "../report.ts";
import type { CallBudget } from "./budget.ts";
import { onCancel, Scope, started } from "./context.ts";
import type { Cancel, Work } from "./context.ts";
import { CallGuard } from "./guard.ts";
import type { CallGuardOptions } from "./guard.ts";
import { AbortedError, rejectSoon } from "./refusals.ts";

export interface HedgeOptions extends CallGuardOptions {
  /** Wait before each further attempt, in ms (default 100), or a function that knows, say, the 95th percentile by now. */
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
  return new Hedge(options);
}

export class Hedge extends CallGuard {
  readonly #options: HedgeOptions;
  readonly #attemptsMax: number;
  #calls = 0;
  #hedged = 0;
  #won = 0;
  #unpaid = 0;
  #late = 0;

  constructor(options: HedgeOptions = {}) {
    super("hedge", options);
    this.#options = options;
    this.#attemptsMax = this.integer("attemptsMax", options.attemptsMax ?? 2, 1, 10);
    if (typeof options.delayMs !== "function") this.number("delayMs", options.delayMs ?? 100, 0);
  }

  /** Gives the first success. Rejects when every attempt has failed, with the error of the first one; on abort at once. */
  execute<Value>(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    this.#calls += 1;
    if (cancel?.aborted === true) return rejectSoon(new AbortedError(this.name, cancel.reason));
    return new Promise((resolve, reject) => new Race(this, work, cancel, resolve, reject).launch());
  }

  /** For a race: whether one more attempt may start. */
  pays(launched: number): boolean {
    if (launched >= this.#attemptsMax) return false;
    if (this.#options.budget !== undefined && !this.#options.budget.tryWithdraw()) {
      this.#unpaid += 1;
      return false;
    }
    this.#hedged += 1;
    this.say("hedged", "info", { attempt: launched + 1 });
    return true;
  }

  /** For a race: it was won by this attempt. */
  wonBy(attempt: number): void {
    if (attempt > 1) this.#won += 1;
    this.#options.budget?.deposit();
  }

  /** For a race: a loser still gave a value. */
  cameLate(value: unknown): void {
    this.#late += 1;
    try {
      this.#options.discard?.(value);
    } catch {
      // Nobody waits for this value, so nobody can be told.
    }
  }

  /** For a race: the wait before the next attempt, in ms; never when no more are allowed. */
  delayMs(launched: number): number {
    if (launched >= this.#attemptsMax) return Infinity;
    const { delayMs = 100 } = this.#options;
    return typeof delayMs === "number" ? delayMs : Math.max(0, delayMs());
  }

  /** For a race. */
  after(delayMs: number, fire: () => void): { cancel(): void } {
    return this.system.setTimer(fire, delayMs, false);
  }

  snapshot(): GuardSnapshot {
    return {
      guard: this.guard,
      name: this.name,
      state: "ok",
      values: { attemptsMax: this.#attemptsMax },
      counts: {
        calls: this.#calls,
        hedged: this.#hedged,
        wonByHedge: this.#won,
        unpaid: this.#unpaid,
        late: this.#late,
      },
    };
  }
}

/** One hedged call. */
class Race<Value> {
  readonly #hedge: Hedge;
  readonly #work: Work<Value>;
  readonly #resolve: (value: Value) => void;
  readonly #reject: (error: unknown) => void;
  readonly #scopes: Scope[] = [];
  readonly #stopFollowing: (() => void) | undefined;
  #underWay = 0;
  #over = false;
  #firstError: unknown = undefined;
  #timer: { cancel(): void } | undefined = undefined;

  constructor(
    hedge: Hedge,
    work: Work<Value>,
    cancel: Cancel | undefined,
    resolve: (value: Value) => void,
    reject: (error: unknown) => void,
  ) {
    this.#hedge = hedge;
    this.#work = work;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#stopFollowing =
      cancel === undefined
        ? undefined
        : onCancel(cancel, (reason) => {
            this.#end(reason);
            reject(new AbortedError(hedge.name, reason));
          });
  }

  launch(): void {
    const scope = new Scope(this.#scopes.length + 1);
    this.#scopes.push(scope);
    this.#underWay += 1;
    void started(this.#work, scope).then(
      (value) => this.#succeeded(value, scope),
      (error: unknown) => this.#failed(error, scope.attempt),
    );
    if (!this.#over) this.#planNext();
  }

  #planNext(): void {
    const delayMs = this.#hedge.delayMs(this.#scopes.length);
    if (delayMs === Infinity) return;
    // By way of a promise, so that the next attempt runs in the async context of the caller, not in the timer's.
    void new Promise<void>((resolve) => {
      this.#timer = this.#hedge.after(delayMs, resolve);
    }).then(() => {
      if (!this.#over && this.#hedge.pays(this.#scopes.length)) this.launch();
    });
  }

  #succeeded(value: Value, scope: Scope): void {
    if (this.#over) return this.#hedge.cameLate(value);
    this.#hedge.wonBy(scope.attempt);
    this.#end(new AbortedError(this.#hedge.name, "another attempt was faster"), scope);
    this.#resolve(value);
  }

  #failed(error: unknown, attempt: number): void {
    if (this.#over) return;
    this.#underWay -= 1;
    if (attempt === 1) this.#firstError = error;
    if (this.#underWay > 0) return;
    this.#end(error);
    this.#reject(this.#firstError);
  }

  /** Stops the clock and every attempt but the winner. */
  #end(reason: unknown, winner?: Scope): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#stopFollowing?.();
    for (const scope of this.#scopes) if (scope !== winner) scope.abort(reason);
  }
}
