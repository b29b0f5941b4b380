// Every error that this package makes itself: one family, told apart by `code`, `name` or class. A RefusalError says that
// the work was not started or was given up by its caller: it tells nothing about a dependency, so no breaker counts it.
import { textOf } from "./text.ts";

/** Where V8 keeps the stack depth; a plain object where the host has none or has frozen it. */
const depth: { stackTraceLimit?: number | undefined } =
  Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")?.writable === true ? (Error as object) : {};

/**
 * Base of all. Only errors that show a mistake in the program carry a stack: of the others it would show this package's own
 * timers, and capturing it is the larger part of an error's price.
 */
export class GuardError extends Error {
  /** Stable, for programs: "PRUNELLA_BREAKER_OPEN"… */
  readonly code: string;
  /** Name of the primitive that made it. */
  readonly guardName: string;

  constructor(word: string, guardName: string, message: string, cause?: unknown, traced = false) {
    const limit = depth.stackTraceLimit;
    if (!traced) depth.stackTraceLimit = 0;
    super(message, cause === undefined ? undefined : { cause });
    depth.stackTraceLimit = limit;
    this.code = `PRUNELLA_${word}`;
    this.guardName = guardName;
  }

  /** The class by name, also where a minifier has renamed it: "BreakerOpenError" for "PRUNELLA_BREAKER_OPEN". */
  override get name(): string {
    return `${this.code
      .slice(8)
      .toLowerCase()
      .replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())}Error`;
  }
}

/** A local refusal: the work was not started, or its caller gave it up. Never a failure of the dependency. */
export class RefusalError extends GuardError {
  /** Time after which the same call may pass, in ms; Infinity for never, undefined when nobody can know. */
  declare readonly retryAfterMs?: number | undefined;

  /** Marks the family, also for another copy of this package: see `isRefusal`. */
  get isRefusal(): true {
    return true;
  }
}

/**
 * True for an error that a primitive of this package made without asking the dependency (open breaker, full queue, used-up
 * quota, abort by the caller…), also by another copy of this package. Timeouts, failed rollbacks and lost COMMITs are none.
 */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && (error as Partial<RefusalError>).isRefusal === true;
}

/** The breaker is open, isolated, or has all its trials under way. `cause` is the failure that opened it. */
export class BreakerOpenError extends RefusalError {
  declare readonly retryAfterMs?: number | undefined;

  constructor(guardName: string, retryAfterMs?: number, cause?: unknown) {
    super("BREAKER_OPEN", guardName, `breaker "${guardName}" lets no call through`, cause);
    this.retryAfterMs = retryAfterMs;
  }
}

/** All slots are taken and the queue is at its bound, or the longest wait is over. */
export class BulkheadFullError extends RefusalError {
  constructor(guardName: string, why: string) {
    super("BULKHEAD_FULL", guardName, `bulkhead "${guardName}" is full: ${why}`);
  }
}

/** A rate limit refused the call, or the wait for it would be too long. */
export class RateLimitedError extends RefusalError {
  declare readonly retryAfterMs?: number | undefined;

  constructor(guardName: string, retryAfterMs?: number) {
    super(
      "RATE_LIMITED",
      guardName,
      `the quota of "${guardName}" is used up; try again ${retryAfterMs === undefined ? "later" : `in ${Math.ceil(retryAfterMs)} ms`}`,
    );
    this.retryAfterMs = retryAfterMs;
  }
}

/** An adaptive limit refused a call: as much is in flight as the dependency is seen to bear. */
export class LimitReachedError extends RefusalError {
  declare readonly limit: number;

  constructor(guardName: string, limit: number) {
    super("LIMIT_REACHED", guardName, `"${guardName}" has its limit of ${limit} calls in flight; try later`);
    this.limit = limit;
  }
}

/** The caller's signal or context was aborted. `cause` is the reason it gave; `name` is "AbortError", as on the web. */
export class AbortedError extends RefusalError {
  constructor(guardName: string, reason: unknown) {
    super("ABORT", guardName, `the call through "${guardName}" was aborted by its caller`, reason);
  }
}

/** A queue, or the line of those who wait for it, is at its bound. */
export class QueueFullError extends RefusalError {
  constructor(guardName: string, capacity: number, what = "items") {
    super(
      "QUEUE_FULL",
      guardName,
      `queue "${guardName}" holds its maximum of ${capacity} ${what}; take faster, put less, or raise the bound`,
    );
  }
}

/** The queue, pool or loader was closed. */
export class ClosedError extends RefusalError {
  constructor(guardName: string, what: string) {
    super("CLOSED", guardName, `${what} "${guardName}" is closed; create a new one`);
  }
}

/** A statement through the handle of a transaction that is over: it was not sent, as it would have been a change of its own. */
export class TransactionOverError extends RefusalError {
  constructor(guardName: string, why: unknown) {
    super(
      "TRANSACTION_OVER",
      guardName,
      `a statement of "${guardName}" was not sent: its transaction is over; await each one`,
      why,
    );
  }
}

/** Nothing came within the longest wait that the caller allowed; nothing is owed to it any more. */
export class WaitTimeoutError extends RefusalError {
  declare readonly waitedMs: number;

  constructor(guardName: string, what: string, waitedMs: number, detail = "") {
    super("WAIT_TIMEOUT", guardName, `waited ${waitedMs} ms for ${what} of "${guardName}"${detail}`);
    this.waitedMs = waitedMs;
  }
}

/** Where and by whom a lock was taken or asked for. */
export interface LockSite {
  readonly lock: string;
  readonly owner: string;
  readonly mode: "read" | "write";
  /** Stack or label of the place in the code. */
  readonly site: string;
}

function sites(each: readonly LockSite[]): string {
  return each.map(({ lock, owner, mode, site }) => `\n  ${lock} (${mode}) by ${owner}: ${site}`).join("");
}

/** A lock was asked for that comes before one already held. Refused at once: in this order two owners can deadlock. */
export class LockOrderError extends RefusalError {
  declare readonly held: LockSite;
  declare readonly wanted: LockSite;

  constructor(guardName: string, held: LockSite, wanted: LockSite, rule: string) {
    super(
      "LOCK_ORDER",
      guardName,
      `"${wanted.lock}" must not be taken while "${held.lock}" is held: ${rule}${sites([held, wanted])}`,
    );
    this.held = held;
    this.wanted = wanted;
  }
}

/** Owners wait for each other in a cycle; this wait was chosen to give way. Release what you hold and start again. */
export class DeadlockError extends RefusalError {
  /** What each owner of the cycle waits for, the refused wait first. */
  declare readonly cycle: readonly LockSite[];

  constructor(guardName: string, cycle: readonly LockSite[]) {
    super(
      "DEADLOCK",
      guardName,
      `waiting for "${cycle[0]?.lock}" would close a cycle of ${cycle.length} waits; release your locks and start again${sites(cycle)}`,
    );
    this.cycle = cycle;
  }
}

/** An option or argument breaks a rule; the message names the field, the rule and the remedy. */
export class BadOptionError extends RefusalError {
  declare readonly field: string;

  constructor(guardName: string, field: string, value: unknown, rule: string) {
    const shown =
      typeof value === "string"
        ? JSON.stringify(value.slice(0, 60))
        : typeof value === "object" && value
          ? "an object"
          : String(value).slice(0, 60);
    super("BAD_OPTION", guardName, `"${guardName}": ${field} is ${shown}, but must be ${rule}`, undefined, true);
    this.field = field;
  }
}

/** Input that breaks a rule. `field` and `rule` are safe to show; the value itself is not repeated in full. */
export class InvalidInputError extends RefusalError {
  declare readonly field: string;
  declare readonly rule: string;

  constructor(guardName: string, field: string, rule: string, shown: string) {
    super("INVALID_INPUT", guardName, `${field} is refused: it must be ${rule}; got ${shown}`, undefined, true);
    this.field = field;
    this.rule = rule;
  }
}

/** Work took longer than its bound and was given up; its signal was aborted with this error. A failure of the dependency. */
export class TimeoutError extends GuardError {
  declare readonly timeoutMs: number;

  constructor(guardName: string, timeoutMs: number, what = "the work", cause?: unknown) {
    super("TIMEOUT", guardName, `${what} of "${guardName}" took longer than its bound of ${timeoutMs} ms`, cause);
    this.timeoutMs = timeoutMs;
  }
}

/** A rollback did not complete: something may be left half done. `cause` is why it was rolled back. */
export class RollbackError extends GuardError {
  /** The errors of the compensations or of the ROLLBACK itself. */
  declare readonly failures: readonly unknown[];

  constructor(guardName: string, failures: readonly unknown[], cause: unknown) {
    super(
      "ROLLBACK",
      guardName,
      `rolling back "${guardName}" failed in ${failures.length} place(s): ${failures.map(textOf).join("; ")}; check by hand what is left`,
      cause,
    );
    this.failures = failures;
  }
}

/** COMMIT was sent and not answered in time: the change may or may not stand. Ask the database before trying again. */
export class CommitUnknownError extends GuardError {
  constructor(guardName: string, cause: unknown) {
    super(
      "COMMIT_UNKNOWN",
      guardName,
      `the COMMIT of "${guardName}" was not answered; look whether the change stands before you repeat it, and destroy the connection`,
      cause,
    );
  }
}
