// BEGIN, COMMIT and ROLLBACK that cannot be forgotten, over any SQL connection: savepoints, a time bound, and a fresh
// attempt after a deadlock. Leaves to the caller: getting the connection, and destroying it when it is told to.
import type { Reporting } from "../report.ts";
import { bounded } from "./bounded.ts";
import { isDeadlockError } from "./deadlock.ts";
import { RollbackError } from "./errors.ts";
import { Guard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { throwIfAborted } from "./signal.ts";
import type { CancelSignal } from "./signal.ts";
import { sleep } from "./sleep.ts";

/** As much of a connection as is needed; statements run one after another in the order of the calls. */
export interface SqlConnection {
  /** Runs one statement without parameters. */
  execute(sql: string): unknown;
}

export interface SqlTransactionOptions extends GuardOptions {
  /** Statement that begins (default "BEGIN"; for SQLite writers "BEGIN IMMEDIATE", for PostgreSQL for example "BEGIN ISOLATION LEVEL SERIALIZABLE"). */
  readonly begin?: string;
  /** Bound of one attempt in ms, from BEGIN to COMMIT (default 30,000); then ROLLBACK and OverrunError. */
  readonly timeoutMs?: number;
  /** Bound of ROLLBACK in ms (default 5,000); then the connection counts as broken. */
  readonly rollbackMs?: number;
  /** Attempts when `isDeadlock` says so, the first included (default 3). */
  readonly attempts?: number;
  /** Longest random delay before the second attempt in ms, doubled for each further one (default 50, full jitter). */
  readonly delayMs?: number;
  readonly isDeadlock?: (error: unknown) => boolean;
}

export interface SqlScope<Connection extends SqlConnection> {
  readonly connection: Connection;
  readonly signal: CancelSignal;
  readonly attempt: number;
  /** A part that is rolled back by itself when it fails; the error goes to the caller, who may catch it and go on. One at a time. */
  savepoint<Value>(part: (scope: SqlScope<Connection>) => Value | PromiseLike<Value>): Promise<Value>;
}

export interface SqlTransaction extends Reporting {
  /**
   * Runs the work between BEGIN and COMMIT. @throws what the work threw, after ROLLBACK; OverrunError; the signal's reason;
   * RollbackError when ROLLBACK failed: the connection must not be used again (destroy its lease).
   */
  run<Connection extends SqlConnection, Value>(
    connection: Connection,
    work: (scope: SqlScope<Connection>) => Value | PromiseLike<Value>,
    options?: { readonly signal?: CancelSignal },
  ): Promise<Value>;
}

/** Transactions over SQL connections. One of these serves any number of connections. @throws BadOptionError for an option out of its range. */
export function sqlTransaction(options: SqlTransactionOptions = {}): SqlTransaction {
  const guard = new Guard("sql-transaction", options);
  const { system } = guard;
  const begin = options.begin ?? "BEGIN";
  const timeoutMs = guard.number("timeoutMs", options.timeoutMs ?? 30_000, 1, Infinity);
  const rollbackMs = guard.number("rollbackMs", options.rollbackMs ?? 5000, 1);
  const attempts = guard.integer("attempts", options.attempts ?? 3, 1, 100);
  const delayMs = guard.number("delayMs", options.delayMs ?? 50, 0);
  const isDeadlock = options.isDeadlock ?? isDeadlockError;
  const count = { begun: 0, committed: 0, rolledBack: 0, rollbackFailures: 0, deadlocks: 0, overruns: 0 };
  let active = 0;

  async function attemptOnce<Connection extends SqlConnection, Value>(
    connection: Connection,
    work: (scope: SqlScope<Connection>) => Value | PromiseLike<Value>,
    attempt: number,
    signal: CancelSignal | undefined,
  ): Promise<Value> {
    count.begun += 1;
    const run = bounded(
      { system, limitMs: timeoutMs, guardName: guard.name, what: "the transaction", signal },
      async (own) => {
        await connection.execute(begin);
        const value = await work(scopeOf(connection, own, attempt));
        // Given up in the meantime: whoever gave it up rolls back, and must not find it committed.
        throwIfAborted(own, guard.name);
        await connection.execute("COMMIT");
        return value;
      },
    );
    const outcome = await run.outcome;
    if (outcome.kind === "done") {
      count.committed += 1;
      return outcome.value;
    }
    if (outcome.kind === "overrun") count.overruns += 1;
    const error = outcome.kind === "cancelled" ? outcome.reason : outcome.error;
    const undo = bounded({ system, limitMs: rollbackMs, guardName: guard.name, what: "ROLLBACK" }, () =>
      connection.execute("ROLLBACK"),
    );
    const undone = await undo.outcome;
    if (undone.kind === "done") {
      count.rolledBack += 1;
      guard.say("rolled-back", "info", { attempt, why: String(error) });
      throw error;
    }
    count.rollbackFailures += 1;
    const failure = undone.kind === "cancelled" ? undone.reason : undone.error;
    guard.say("rollback-failed", "trip", { attempt, why: String(error), failure: String(failure) });
    throw new RollbackError(guard.name, [failure], error);
  }

  function scopeOf<Connection extends SqlConnection>(
    connection: Connection,
    signal: CancelSignal,
    attempt: number,
    depth = 0,
  ): SqlScope<Connection> {
    let savepoints = 0;
    return {
      connection,
      signal,
      attempt,
      async savepoint(part) {
        throwIfAborted(signal, guard.name);
        savepoints += 1;
        const name = `prunella_${depth}_${savepoints}`;
        await connection.execute(`SAVEPOINT ${name}`);
        try {
          const value = await part(scopeOf(connection, signal, attempt, depth + 1));
          await connection.execute(`RELEASE SAVEPOINT ${name}`);
          return value;
        } catch (error) {
          // After the transaction was given up its ROLLBACK has taken, or will take, the savepoint with it.
          if (!signal.aborted) {
            await connection.execute(`ROLLBACK TO SAVEPOINT ${name}`);
            await connection.execute(`RELEASE SAVEPOINT ${name}`);
          }
          throw error;
        }
      },
    };
  }

  return guard.complete<SqlTransaction>(
    {
      async run(connection, work, { signal } = {}) {
        throwIfAborted(signal, guard.name);
        active += 1;
        try {
          for (let attempt = 1; ; attempt += 1) {
            try {
              return await attemptOnce(connection, work, attempt, signal);
            } catch (error) {
              if (error instanceof RollbackError || !isDeadlock(error)) throw error;
              count.deadlocks += 1;
              guard.say("deadlock", "trip", { attempt, attempts });
              if (attempt >= attempts) throw error;
              await sleep(system, system.random() * delayMs * 2 ** (attempt - 1), signal);
            }
          }
        } finally {
          active -= 1;
        }
      },
    },
    () => ({ state: active > 0 ? "active" : "ok", values: { active }, counts: { ...count } }),
  );
}
