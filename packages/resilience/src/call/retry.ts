// Calls again after a failure that may pass, after a wait with jitter. An abort ends the wait at once and no further
// call is made; a refusal of this package is not retried unless asked; the last error is thrown as it is.
import type { GuardSnapshot } from "../report.ts";
import { backoffMs, retryAfterOf } from "./backoff.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { CallBudget } from "./budget.ts";
import { attemptContext, onCancel, started } from "./context.ts";
import type { Cancel, Work } from "./context.ts";
import { CallGuard } from "./guard.ts";
import type { CallGuardOptions } from "./guard.ts";
import { AbortedError, isRefusal, rejectSoon } from "./refusals.ts";

export interface RetryOptions extends CallGuardOptions, BackoffOptions {
  /** Calls in all, the first included (default 3). */
  readonly attemptsMax?: number;
  /** No new attempt starts later than this after the first, in ms (default Infinity). The attempt under way is not cut. */
  readonly totalMsMax?: number;
  /** Whether an error is worth another attempt (default: all but this package's refusals). */
  readonly retryIf?: (error: unknown, attempt: number) => boolean;
  /** Whether a value is a failure worth another attempt (default: none). The last one is returned as it is. */
  readonly isFailedResult?: (value: unknown) => boolean;
  /** The wait that the dependency asks for, in ms (default: the error's `retryAfterMs`). Never called sooner than that. */
  readonly retryAfter?: (error: unknown) => number | undefined;
  /** Longest wait that a dependency may ask for, in ms (default 60,000); if it asks for more, its error is thrown at once. */
  readonly retryAfterMsMax?: number;
  /** Pays for every retry; without money the error is thrown at once (default: no budget). */
  readonly budget?: CallBudget;
  /** Called with each failed result that is thrown away because of `isFailedResult`, to close what it holds. */
  readonly discard?: (value: unknown) => void;
}

/** @throws BadOptionError naming the option that is out of range. */
export function retry(options: RetryOptions = {}): Retry {
  return new Retry(options);
}

export class Retry extends CallGuard {
  readonly #options: RetryOptions;
  readonly #attemptsMax: number;
  readonly #retryAfterMsMax: number;
  readonly totalMsMax: number;
  #retried = 0;
  #exhausted = 0;
  #unpaid = 0;
  readonly #ok: ((value: unknown) => unknown) | undefined;

  constructor(options: RetryOptions = {}) {
    super("retry", options);
    this.#options = options;
    this.#attemptsMax = this.integer("attemptsMax", options.attemptsMax ?? 3, 1);
    this.#retryAfterMsMax = this.number("retryAfterMsMax", options.retryAfterMsMax ?? 60_000, 0);
    this.totalMsMax = this.number("totalMsMax", options.totalMsMax ?? Infinity, 0);
    this.number("delayMs", options.delayMs ?? 200, 0, Number.MAX_VALUE);
    this.number("factor", options.factor ?? 2, 1, 1000);
    this.number("delayMsMax", options.delayMsMax ?? 30_000, 0, Number.MAX_VALUE);
    const { budget } = options;
    this.#ok =
      budget === undefined
        ? undefined
        : (value) => {
            budget.deposit();
            return value;
          };
  }

  /** Rejects with the last error, or with AbortedError at once when `cancel` aborts during a wait. */
  execute<Value>(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    if (cancel?.aborted === true) return rejectSoon(new AbortedError(this.name, cancel.reason));
    const startedAt = this.totalMsMax === Infinity ? 0 : this.system.now();
    const result = started(work, attemptContext(cancel, 1));
    const again = (error: unknown): Promise<Value> => this.#repeat(work, cancel, startedAt, error);
    if (this.#options.isFailedResult === undefined) {
      return result.then(this.#ok as ((value: Value) => Value) | undefined, again);
    }
    return result.then(
      (value) => (this.isFailedResult(value) ? again(new FailedResult(value)) : this.#paid(value)),
      again,
    );
  }

  /** Whether this value is a failure. */
  isFailedResult(value: unknown): boolean {
    return this.#options.isFailedResult?.(value) === true;
  }

  /** An attempt succeeded: pays into the budget. */
  succeeded(): void {
    this.#options.budget?.deposit();
  }

  /** Throws a failed result away. */
  discard(value: unknown): void {
    try {
      this.#options.discard?.(value);
    } catch {
      // The caller gets the result of the next attempt whatever becomes of this one.
    }
  }

  /**
   * The wait before the next attempt, in ms; -1 when there is none to be made. Takes from the budget.
   * @param attempt number of the failed attempt. @param lastMs the wait before it. @param elapsedMs since the first began.
   */
  delayAfter(error: unknown, attempt: number, lastMs: number, elapsedMs: number): number {
    const failed = error instanceof FailedResult;
    const { retryIf, retryAfter = retryAfterOf, budget } = this.#options;
    if (!failed && !(retryIf === undefined ? !isRefusal(error) : retryIf(error, attempt))) return -1;
    if (attempt >= this.#attemptsMax) return this.#giveUp("attempts", attempt);
    const asked = retryAfter(failed ? error.value : error) ?? 0;
    if (asked > this.#retryAfterMsMax) return this.#giveUp("asked-too-long", attempt);
    const delayMs = Math.max(asked, backoffMs(this.#options, attempt, lastMs, this.system.random));
    if (elapsedMs + delayMs > this.totalMsMax) return this.#giveUp("total-time", attempt);
    if (budget !== undefined && !budget.tryWithdraw()) {
      this.#unpaid += 1;
      return this.#giveUp("budget", attempt);
    }
    this.#retried += 1;
    this.say("retrying", "info", { attempt, delayMs });
    return delayMs;
  }

  snapshot(): GuardSnapshot {
    return {
      guard: this.guard,
      name: this.name,
      state: "ok",
      values: { attemptsMax: this.#attemptsMax },
      counts: { retried: this.#retried, exhausted: this.#exhausted, unpaid: this.#unpaid },
    };
  }

  #paid<Value>(value: Value): Value {
    this.succeeded();
    return value;
  }

  #giveUp(why: string, attempts: number): -1 {
    this.#exhausted += 1;
    this.say("gave-up", "trip", { why, attempts });
    return -1;
  }

  async #repeat<Value>(work: Work<Value>, cancel: Cancel | undefined, startedAt: number, first: unknown) {
    let error = first;
    let lastMs = 0;
    for (let attempt = 1; ; attempt += 1) {
      if (cancel?.aborted === true) throw error;
      const elapsedMs = this.totalMsMax === Infinity ? 0 : this.system.now() - startedAt;
      const delayMs = this.delayAfter(error, attempt, lastMs, elapsedMs);
      if (delayMs < 0) {
        if (error instanceof FailedResult) return error.value as Value;
        throw error;
      }
      if (error instanceof FailedResult) this.discard(error.value);
      if (delayMs > 0) await this.#wait(delayMs, cancel);
      lastMs = delayMs;
      try {
        const value = await work(attemptContext(cancel, attempt + 1));
        if (!this.isFailedResult(value)) return this.#paid(value);
        error = new FailedResult(value);
      } catch (thrown) {
        error = thrown;
      }
    }
  }

  #wait(delayMs: number, cancel: Cancel | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let stop = (): void => {};
      const timer = this.system.setTimer(
        () => {
          stop();
          resolve();
        },
        delayMs,
        true,
      );
      if (cancel === undefined) return;
      stop = onCancel(cancel, (reason) => {
        timer.cancel();
        reject(new AbortedError(this.name, reason));
      });
    });
  }
}

/** A value that counts as a failure, on its way through code that speaks of errors. Never leaves this package. */
export class FailedResult {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}
