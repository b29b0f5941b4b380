// Local refusals and overruns of the primitives in this folder. All carry a stable `code`; none of them says anything
// about a dependency, so a breaker must not count them (`isHoldError` tells them apart).

/** Base of every error that these primitives make themselves. */
export class HoldError extends Error {
  /** Stable, for programs: "PRUNELLA_QUEUE_FULL"… */
  readonly code: string;
  /** Name of the primitive that refused. */
  readonly guardName: string;

  constructor(code: string, guardName: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.guardName = guardName;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** True for an error made by a primitive of this folder, also by another copy of this package. */
export function isHoldError(error: unknown): error is HoldError {
  return (
    error instanceof Error && "guardName" in error && "code" in error && String(error.code).startsWith("PRUNELLA_")
  );
}

/** A queue, or the line of those who wait for it, is at its bound. */
export class QueueFullError extends HoldError {
  constructor(guardName: string, capacity: number, what = "items") {
    super(
      "PRUNELLA_QUEUE_FULL",
      guardName,
      `queue "${guardName}" holds its maximum of ${capacity} ${what}; take faster, put less, or raise the bound`,
    );
  }
}

/** The queue, pool or loader was closed. */
export class ClosedError extends HoldError {
  constructor(guardName: string, what: string) {
    super("PRUNELLA_CLOSED", guardName, `${what} "${guardName}" is closed; create a new one`);
  }
}

/** Work took longer than the bound it was given and was abandoned; its signal was aborted with this error. */
export class OverrunError extends HoldError {
  readonly limitMs: number;

  constructor(guardName: string, what: string, limitMs: number) {
    super("PRUNELLA_OVERRUN", guardName, `${what} of "${guardName}" took longer than its bound of ${limitMs} ms`);
    this.limitMs = limitMs;
  }
}

/** Nothing came within the longest wait that the caller allowed; nothing is owed to it any more. */
export class WaitTimeoutError extends HoldError {
  readonly waitedMs: number;

  constructor(guardName: string, what: string, waitedMs: number, detail = "") {
    super("PRUNELLA_WAIT_TIMEOUT", guardName, `waited ${waitedMs} ms for ${what} of "${guardName}"${detail}`);
    this.waitedMs = waitedMs;
  }
}

/** The wait was cancelled by a signal that named no reason. */
export class CancelledError extends HoldError {
  constructor(guardName: string) {
    super("PRUNELLA_CANCELLED", guardName, `the wait for "${guardName}" was cancelled by its signal`);
  }
}

/** A quota is used up and the wait for it would be too long. */
export class QuotaExceededError extends HoldError {
  /** Time after which the same request can pass, in ms; Infinity for never. */
  readonly retryAfterMs: number;

  constructor(guardName: string, retryAfterMs: number) {
    super(
      "PRUNELLA_QUOTA_EXCEEDED",
      guardName,
      `the quota of "${guardName}" is used up; try again in ${Math.ceil(retryAfterMs)} ms`,
    );
    this.retryAfterMs = retryAfterMs;
  }
}

/** An adaptive limit refused a call: as much is in flight as the dependency is seen to bear. */
export class LimitReachedError extends HoldError {
  readonly limit: number;

  constructor(guardName: string, limit: number) {
    super("PRUNELLA_LIMIT_REACHED", guardName, `"${guardName}" has its limit of ${limit} calls in flight; try later`);
    this.limit = limit;
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
export class LockOrderError extends HoldError {
  readonly held: LockSite;
  readonly wanted: LockSite;

  constructor(guardName: string, held: LockSite, wanted: LockSite, rule: string) {
    super(
      "PRUNELLA_LOCK_ORDER",
      guardName,
      `"${wanted.lock}" must not be taken while "${held.lock}" is held: ${rule}${sites([held, wanted])}`,
    );
    this.held = held;
    this.wanted = wanted;
  }
}

/** Owners wait for each other in a cycle; this wait was chosen to give way. Release what you hold and start again. */
export class DeadlockError extends HoldError {
  /** What each owner of the cycle waits for, the refused wait first. */
  readonly cycle: readonly LockSite[];

  constructor(guardName: string, cycle: readonly LockSite[]) {
    super(
      "PRUNELLA_DEADLOCK",
      guardName,
      `waiting for "${cycle[0]?.lock}" would close a cycle of ${cycle.length} waits; release your locks and start again${sites(cycle)}`,
    );
    this.cycle = cycle;
  }
}

/** A rollback did not complete: something may be left half done. `cause` is why it was rolled back. */
export class RollbackError extends HoldError {
  /** The errors of the compensations or of the ROLLBACK itself. */
  readonly failures: readonly unknown[];

  constructor(guardName: string, failures: readonly unknown[], cause: unknown) {
    super(
      "PRUNELLA_ROLLBACK",
      guardName,
      `rolling back "${guardName}" failed in ${failures.length} place(s): ${failures.map(String).join("; ")}; check by hand what is left`,
      { cause },
    );
    this.failures = failures;
  }
}

/** An option or argument breaks a rule; the message names the field, the rule and the remedy. */
export class BadOptionError extends HoldError {
  readonly field: string;

  constructor(guardName: string, field: string, value: unknown, rule: string) {
    super("PRUNELLA_BAD_OPTION", guardName, `"${guardName}": ${field} is ${describe(value)}, but must be ${rule}`);
    this.field = field;
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "number" || typeof value === "boolean" || value === undefined || value === null)
    return String(value);
  return typeof value;
}
