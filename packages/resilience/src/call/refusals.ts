// Errors that the policies of this folder make. A refusal says that the call was not made, or was given up by its
// caller: it tells nothing about the dependency, so no breaker counts it. A TimeoutError does count. None of them
// carries a stack: it would show this package's own timers, and capturing it is the larger part of an error's price.

/** Where V8 keeps the stack depth; a plain object where the host has none or has frozen it. */
const depth: { stackTraceLimit?: number } =
  Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")?.writable === true ? (Error as object) : {};

/** Base of all errors of the call policies. */
export class CallError extends Error {
  /** Stable, for programs: "PRUNELLA_BREAKER_OPEN"… */
  readonly code: string;
  /** Name of the policy that made it. */
  readonly policy: string;

  constructor(code: string, policy: string, message: string, cause?: unknown) {
    const limit = depth.stackTraceLimit;
    depth.stackTraceLimit = 0;
    super(message);
    if (limit !== undefined) depth.stackTraceLimit = limit;
    this.code = code;
    this.policy = policy;
    if (cause !== undefined) this.cause = cause;
  }

  override get name(): string {
    return "CallError";
  }
}

/** A local refusal: the work was not started, or its caller gave it up. Never a failure of the dependency. */
export class RefusalError extends CallError {
  /** Time after which the same call may pass, in ms; undefined when nobody can know. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, policy: string, message: string, retryAfterMs?: number, cause?: unknown) {
    super(code, policy, message, cause);
    this.retryAfterMs = retryAfterMs;
  }

  override get name(): string {
    return "RefusalError";
  }
}

/** The breaker is open, isolated, or has all its trials under way. `cause` is the failure that opened it. */
export class BreakerOpenError extends RefusalError {
  constructor(policy: string, retryAfterMs?: number, cause?: unknown) {
    super("PRUNELLA_BREAKER_OPEN", policy, `breaker "${policy}" lets no call through`, retryAfterMs, cause);
  }

  override get name(): string {
    return "BreakerOpenError";
  }
}

/** All slots are taken and the queue is at its bound, or the longest wait is over. */
export class BulkheadFullError extends RefusalError {
  constructor(policy: string, why: string) {
    super("PRUNELLA_BULKHEAD_FULL", policy, `bulkhead "${policy}" is full: ${why}`);
  }

  override get name(): string {
    return "BulkheadFullError";
  }
}

/** A rate limit refused the call. */
export class RateLimitedError extends RefusalError {
  constructor(policy: string, retryAfterMs?: number) {
    super("PRUNELLA_RATE_LIMITED", policy, `the rate limit of "${policy}" is used up; try later`, retryAfterMs);
  }

  override get name(): string {
    return "RateLimitedError";
  }
}

/** The caller's signal or context was aborted. `cause` is the reason it gave; `name` is "AbortError", as on the web. */
export class AbortedError extends RefusalError {
  constructor(policy: string, reason: unknown) {
    super("PRUNELLA_ABORTED", policy, `the call through "${policy}" was aborted by its caller`, undefined, reason);
  }

  override get name(): string {
    return "AbortError";
  }
}

/** The work took too long. Counts as a failure of the dependency. */
export class TimeoutError extends CallError {
  readonly timeoutMs: number;

  constructor(policy: string, timeoutMs: number, cause?: unknown) {
    super("PRUNELLA_TIMEOUT", policy, `"${policy}" gave no answer within ${timeoutMs} ms`, cause);
    this.timeoutMs = timeoutMs;
  }

  override get name(): string {
    return "TimeoutError";
  }
}

/** Codes of this package's errors that do tell something about the dependency. */
const failures = ["PRUNELLA_TIMEOUT", "PRUNELLA_OVERRUN"];

/**
 * True for an error that a primitive of this package made without asking the dependency (open breaker, full queue,
 * used-up quota, abort by the caller…), also by another copy of this package. Timeouts and overruns are not refusals.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return false;
  return error.code.startsWith("PRUNELLA_") && !failures.includes(error.code);
}

const settled = Promise.resolve();
let rejectLatest: (error: unknown) => void = () => {};
const capture = (_resolve: unknown, reject: (error: unknown) => void): void => void (rejectLatest = reject);

/**
 * A promise that is rejected one microtask from now. Hosts keep books on promises that are rejected before anybody
 * listens; this one is not, which makes a refusal about three times cheaper than Promise.reject.
 */
export function rejectSoon(reason: unknown): Promise<never> {
  const promise = new Promise<never>(capture);
  const reject = rejectLatest;
  void settled.then(() => reject(reason));
  return promise;
}
