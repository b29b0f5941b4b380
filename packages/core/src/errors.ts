// Errors that leave this package: a stable code, a sentence that tells the operator what to do, and the cause.

export type StoreFault = "fenced" | "out-of-order" | "unavailable" | "unknown" | "corrupt";

/** What a Store throws. The code says what the engine may do next (see Store.commit). */
export class StoreError extends Error {
  readonly code: StoreFault;
  constructor(code: StoreFault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StoreError";
    this.code = code;
  }
}

/** Bad input: names the field, the rule it broke and the remedy. */
export class InvalidInputError extends Error {
  readonly code = "invalid-input";
  readonly field: string;
  constructor(field: string, rule: string, remedy: string) {
    super(`${field}: ${rule}; ${remedy}`);
    this.name = "InvalidInputError";
    this.field = field;
  }
}

/** A command that cannot be carried out in the present state. */
export class ConflictError extends Error {
  readonly code = "conflict";
  constructor(message: string) {
    super(message);
    this.name = "ConflictError";
  }
}

/** Something named does not exist. */
export class NotFoundError extends Error {
  readonly code = "not-found";
  constructor(what: string, id: string) {
    super(`no ${what} ${id}`);
    this.name = "NotFoundError";
  }
}

/** A broken invariant: a bug of ours. On in production; the loop's watchdog files it as an issue of Prunella itself. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}
