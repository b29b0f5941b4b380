// Which errors mean that a transaction lost a deadlock or a serialisation race, so that running it again is right.

const codes = new Set([
  "40P01", // PostgreSQL: deadlock_detected
  "40001", // SQL standard: serialization_failure
  "ER_LOCK_DEADLOCK", // MySQL, MariaDB (1213)
  "SQLITE_BUSY",
  "SQLITE_LOCKED",
  "PRUNELLA_DEADLOCK",
]);
/** MySQL ER_LOCK_DEADLOCK, SQL Server deadlock victim. */
const numbers = new Set([1213, 1205]);
/** node:sqlite's `errcode`, primary part: SQLITE_BUSY, SQLITE_LOCKED. */
const sqliteCodes = new Set([5, 6]);

/** Causes looked at: drivers and query builders wrap. */
const causesMax = 4;

/** True for errors of PostgreSQL, MySQL, SQL Server, SQLite and this package that a fresh attempt can cure, also as a cause. */
export function isDeadlockError(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < causesMax && typeof current === "object" && current !== null; depth += 1) {
    const { code, errno, number, errcode, cause } = current as Record<string, unknown>;
    if (typeof code === "string" && (codes.has(code) || code.startsWith("SQLITE_BUSY_"))) return true;
    if (numbers.has(Number(errno)) || numbers.has(Number(number))) return true;
    if (typeof errcode === "number" && sqliteCodes.has(errcode & 0xff)) return true;
    current = cause;
  }
  return false;
}
