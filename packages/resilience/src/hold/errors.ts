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
