// Calls again after a failure that may pass, after a wait with jitter. An abort ends the wait at once and no further
// call is made; a refusal of this package is not retried unless asked; the last error is thrown as it is.
import { attemptContext, quietly, rejectSoon, sleep, started } from "../cancel.ts";
import type { Cancel, Work } from "../cancel.ts";
import { AbortedError, isRefusal } from "../errors.ts";
import { Guard, named, noOptions } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";
import { backoffMs, retryAfterOf } from "./backoff.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { CallBudget } from "./budget.ts";

export interface RetryOptions extends GuardOptions, BackoffOptions {
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
export function retry(options: RetryOptions = noOptions): Retry {
  return named(new Retry(options), options);
}

/** Default of `retryAfterMsMax`. */
const askedMsMax = 60_000;

export class Retry extends Guard {
  readonly #options: RetryOptions;
  readonly #attemptsMax: number;
  /** Whether it wants to see the values that calls give. */
  readonly judgesResults: boolean;

  constructor(options: RetryOptions, from?: GuardOptions) {
    super("retry", options, from);
    this.#options = options;
    this.judgesResults = options.isFailedResult !== undefined || options.budget !== undefined;
    this.#attemptsMax = this.integer(options, "attemptsMax", 3, 1);
    this.number(options, "retryAfterMsMax", askedMsMax, 0, Infinity);
    this.number(options, "totalMsMax", Infinity, 0, Infinity);
    this.oneOf("jitter", options.jitter ?? "full", ["full", "decorrelated", "none"]);
    this.number(options, "delayMs", 200, 0);
    this.number(options, "factor", 2, 1, 1000);
    this.number(options, "delayMsMax", 30_000, 0);
  }

  get totalMsMax(): number {
    return this.#options.totalMsMax ?? Infinity;
  }

  /** Rejects with the last error, or with AbortedError at once when `cancel` aborts during a wait. */
  execute<Value>(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    if (cancel?.aborted === true) return rejectSoon(new AbortedError(this.name, cancel.reason));
    const startedAt = this.totalMsMax === Infinity ? 0 : this.system.now();
    const again = (error: unknown): Promise<Value> => this.#repeat(work, cancel, startedAt, error);
    return started(work, attemptContext(cancel, 1)).then(
      this.judgesResults ? (value) => (this.succeeded(value) ? value : again(new FailedResult(value))) : undefined,
      again,
    );
  }

  /** Whether this value is a success; one pays into the budget. */
  succeeded(value: unknown): boolean {
    if (this.#options.isFailedResult?.(value) === true) return false;
    this.#options.budget?.deposit();
    return true;
  }

  /**
   * The wait before the next attempt, in ms; -1 when there is none to be made. Takes from the budget, and throws a failed
   * result away when there is one.
   * @param attempt number of the failed attempt. @param lastMs the wait before it. @param elapsedMs since the first began.
   */
  delayAfter(error: unknown, attempt: number, lastMs: number, elapsedMs: number): number {
    const failed = error instanceof FailedResult;
    const { retryIf, retryAfter = retryAfterOf, retryAfterMsMax = askedMsMax, budget, discard } = this.#options;
    if (!failed && !(retryIf === undefined ? !isRefusal(error) : retryIf(error, attempt))) return -1;
    const wish = retryAfter(failed ? error.value : error) ?? 0;
    // What is no number, a date that cannot be read for instance, is no wish.
    const askedMs = wish > 0 ? wish : 0;
    const delayMs = Math.max(askedMs, backoffMs(this.#options, attempt, lastMs, this.system.random));
    const why =
      attempt >= this.#attemptsMax
        ? "attempts"
        : askedMs > retryAfterMsMax
          ? "asked-too-long"
          : elapsedMs + delayMs > this.totalMsMax
            ? "total-time"
            : budget?.tryWithdraw() === false
              ? "budget"
              : "";
    if (why !== "") {
      this.count("exhausted");
      if (why === "budget") this.count("unpaid");
      this.trip("gave-up", { why, attempts: attempt });
      return -1;
    }
    this.count("retried");
    this.tell("retrying", { attempt, delayMs });
    if (failed) quietly(discard, error.value);
    return delayMs;
  }

  protected look(): Look {
    return { values: { attemptsMax: this.#attemptsMax }, counts: { retried: 0, exhausted: 0, unpaid: 0 } };
  }

  async #repeat<Value>(work: Work<Value>, cancel: Cancel | undefined, startedAt: number, first: unknown) {
    let error = first;
    let lastMs = 0;
    for (let attempt = 1; ; attempt += 1) {
      if (cancel?.aborted === true) {
        if (error instanceof FailedResult) quietly(this.#options.discard, error.value);
        throw new AbortedError(this.name, cancel.reason);
      }
      const elapsedMs = this.totalMsMax === Infinity ? 0 : this.system.now() - startedAt;
      lastMs = this.delayAfter(error, attempt, lastMs, elapsedMs);
      if (lastMs < 0) {
        if (error instanceof FailedResult) return error.value as Value;
        throw error;
      }
      if (lastMs > 0) await sleep(this.system, lastMs, this.name, cancel, true);
      let value: Value;
      try {
        value = await work(attemptContext(cancel, attempt + 1));
      } catch (thrown) {
        error = thrown;
        continue;
      }
      if (this.succeeded(value)) return value;
      error = new FailedResult(value);
    }
  }
}

/** A value that counts as a failure, on its way through code that speaks of errors. Never leaves this package. */
export class FailedResult {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}
