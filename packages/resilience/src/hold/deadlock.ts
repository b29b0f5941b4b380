// Which errors mean that a transaction lost a deadlock or a serialisation race, so that running it again is right; and the
// running again.
import { refuseAborted, sleep } from "../cancel.ts";
import type { Cancel } from "../cancel.ts";
import { backoffMs } from "../call/backoff.ts";
import { CommitUnknownError, RollbackError } from "../errors.ts";
import { causesOf } from "./causes.ts";
import type { GuardOptions, OpenGuard } from "./guard.ts";

/** Codes: PostgreSQL deadlock_detected, the SQL standard's serialization_failure, MySQL and MariaDB, SQLite, this package. */
const codes = /^(40p01|40001|er_lock_deadlock|sqlite_(busy|locked)(_.*)?|prunella_deadlock)$/i;
/** MySQL's ER_LOCK_DEADLOCK, SQL Server's deadlock victim. */
const numbers = [1213, 1205];
/** node:sqlite's `errcode`, primary part: SQLITE_BUSY, SQLITE_LOCKED. */
const sqliteCodes = [5, 6];

/** True for errors of PostgreSQL, MySQL, SQL Server, SQLite and this package that a fresh attempt can cure, also as a cause (drivers wrap). */
export function isDeadlockError(error: unknown): boolean {
  return causesOf(error, 4).some((each) => {
    const { code, errno, number, errcode } = Object(each) as Record<string, unknown>;
    return (
      (typeof code === "string" && codes.test(code)) ||
      numbers.includes(Number(errno)) ||
      numbers.includes(Number(number)) ||
      (typeof errcode === "number" && sqliteCodes.includes(errcode & 0xff))
    );
  });
}

export interface DeadlockOptions extends GuardOptions {
  /** Attempts when `isDeadlock` says so, the first included (default 3, at most 100). */
  readonly attemptsMax?: number;
  /** Longest random delay before the second attempt in ms, doubled for each further one up to 30 s (default 50, full jitter). */
  readonly delayMs?: number;
  /** Which errors mean "run it again" (default `isDeadlockError`). */
  readonly isDeadlock?: (error: unknown) => boolean;
}

/** Reads the options; the result runs attempts until one is not the victim of a deadlock. What may be half done is never repeated. */
export function deadlockRetry(
  guard: OpenGuard,
  options: DeadlockOptions,
  count: { deadlocks: number },
  values: { active: number },
): <Value>(attemptOnce: (attempt: number) => Promise<Value>, cancel: Cancel | undefined) => Promise<Value> {
  const attemptsMax = guard.integer(options, "attemptsMax", 3, 1, 100);
  const delayMs = guard.number(options, "delayMs", 50, 0);
  const isDeadlock = (error: unknown): boolean => {
    try {
      return (options.isDeadlock ?? isDeadlockError)(error);
    } catch {
      // What it cannot judge is none: the caller gets the error of the work.
      return false;
    }
  };
  return async (attemptOnce, cancel) => {
    refuseAborted(cancel, guard.name);
    values.active += 1;
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await attemptOnce(attempt);
        } catch (error) {
          if (error instanceof RollbackError || error instanceof CommitUnknownError || !isDeadlock(error)) throw error;
          count.deadlocks += 1;
          guard.trip("deadlock", { attempt, attemptsMax });
          if (attempt >= attemptsMax) throw error;
          const waitMs = backoffMs({ delayMs }, attempt, 0, guard.system.random);
          await sleep(guard.system, waitMs, guard.name, cancel, true);
        }
      }
    } finally {
      values.active -= 1;
    }
  };
}
