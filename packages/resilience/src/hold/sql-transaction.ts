// BEGIN, COMMIT and ROLLBACK that cannot be forgotten, over any SQL connection: savepoints, a time bound, and a fresh
// attempt after a deadlock. The work gets a handle of its own that dies with the attempt: what goes on after it cannot write outside of
// a transaction, nor in the next one. Leaves to the caller: getting the connection, and destroying it when it is told to.
import { refuseAborted } from "../cancel.ts";
import type { Cancel, CancelSignal } from "../cancel.ts";
import { CommitUnknownError, GuardError, RollbackError, TransactionOverError } from "../errors.ts";
import type { Reporting } from "../report.ts";
import { bounded } from "./bounded.ts";
import type { Outcome } from "./bounded.ts";
import { deadlockRetry } from "./deadlock.ts";
import type { DeadlockOptions } from "./deadlock.ts";
import { openGuard } from "./guard.ts";
import { textOf } from "../text.ts";

/** As much of a connection as is needed; statements run one after another in the order of the calls. */
export interface SqlConnection {
  /** Runs one statement without parameters. */
  execute(sql: string): unknown;
}

export interface SqlTransactionOptions extends DeadlockOptions {
  /** Statement that begins (default "BEGIN"; for SQLite writers "BEGIN IMMEDIATE", for PostgreSQL for example "BEGIN ISOLATION LEVEL SERIALIZABLE"). */
  readonly begin?: string;
  /** Bound of one attempt in ms, from BEGIN to the end of the work (default 30,000); then ROLLBACK and TimeoutError. */
  readonly timeoutMs?: number;
  /** Bound of COMMIT, and of ROLLBACK, in ms (default 5,000); then the connection is in an unknown state. */
  readonly endMs?: number;
}

export interface SqlScope<Connection extends SqlConnection> {
  /**
   * The connection, for this attempt only: once the attempt is over, each call through it, or through a statement that it prepared,
   * is refused with TransactionOverError. Use it instead of the connection itself, which nothing holds back.
   */
  readonly connection: Connection;
  readonly signal: CancelSignal;
  readonly attempt: number;
  /** A part that is rolled back by itself when it fails; the error goes to the caller, who may catch it and go on. One at a time. */
  savepoint<Value>(part: (scope: SqlScope<Connection>) => Value | PromiseLike<Value>): Promise<Value>;
}

export interface SqlTransaction extends Reporting {
  /**
   * Runs the work between BEGIN and COMMIT. @throws what the work threw, after ROLLBACK; TimeoutError; AbortedError;
   * RollbackError when ROLLBACK failed, CommitUnknownError when COMMIT was not answered: the connection must not be used again.
   */
  run<Connection extends SqlConnection, Value>(
    connection: Connection,
    work: (scope: SqlScope<Connection>) => Value | PromiseLike<Value>,
    options?: { readonly signal?: Cancel },
  ): Promise<Value>;
}

/** Transactions over SQL connections. One of these serves any number of connections. @throws BadOptionError for an option out of its range. */
export function sqlTransaction(options: SqlTransactionOptions = {}): SqlTransaction {
  const guard = openGuard("sql-transaction", options);
  const begin = options.begin ?? "BEGIN";
  const timeoutMs = guard.number(options, "timeoutMs", 30_000, 1, Infinity);
  const endMs = guard.number(options, "endMs", 5000, 1);
  const count = {
    begun: 0,
    committed: 0,
    rolledBack: 0,
    rollbackFailures: 0,
    commitsUnknown: 0,
    deadlocks: 0,
    overruns: 0,
    late: 0,
  };
  const values = { active: 0 };
  const attempted = deadlockRetry(guard, options, count, values);

  /** COMMIT or ROLLBACK, outside the bound of the work: what was sent cannot be taken back. */
  const finish = (connection: SqlConnection, statement: string): Promise<Outcome<unknown>> =>
    bounded(guard, statement, endMs, () => connection.execute(statement)).outcome;

  async function attemptOnce<Connection extends SqlConnection, Value>(
    connection: Connection,
    work: (scope: SqlScope<Connection>) => Value | PromiseLike<Value>,
    attempt: number,
    cancel: Cancel | undefined,
  ): Promise<Value> {
    count.begun += 1;
    let open = false;
    const fate: Fate = { over: false, spoilt: undefined };
    const outcome = await bounded(
      guard,
      "the transaction",
      timeoutMs,
      async (signal) => {
        await connection.execute(begin);
        open = true;
        // A BEGIN that was answered too late is being rolled back already.
        refuseAborted(signal, guard.name);
        const handle = fenced(connection, () => {
          if (!isOver(fate, signal)) return;
          count.late += 1;
          guard.trip("late-statement", { attempt });
          throw new TransactionOverError(guard.name, signal.reason);
        });
        return work(scopeOf(handle, signal, attempt, fate));
      },
      cancel,
    ).outcome;
    fate.over = true;
    if (outcome.kind === "done") {
      if (fate.spoilt !== undefined) return undo(connection, fate.spoilt.error, attempt);
      const committed = await finish(connection, "COMMIT");
      if (committed.kind === "done") {
        if (isRollback(committed.value)) {
          count.rolledBack += 1;
          const why = "a statement had failed; let its error through, or put it into a savepoint";
          guard.tell("rolled-back", { attempt, why });
          throw new GuardError(
            "NOT_COMMITTED",
            guard.name,
            `the COMMIT of "${guard.name}" was answered with ROLLBACK: ${why}`,
          );
        }
        count.committed += 1;
        return outcome.value;
      }
      if (committed.kind === "failed") return undo(connection, committed.error, attempt);
      count.commitsUnknown += 1;
      guard.trip("commit-unknown", { attempt, endMs });
      throw new CommitUnknownError(guard.name, committed.error);
    }
    if (outcome.kind === "overrun") count.overruns += 1;
    // Where BEGIN was refused there is nothing to roll back.
    if (outcome.kind === "failed" && !open) throw outcome.error;
    return undo(connection, outcome.error, attempt);
  }

  /** Rolls back and throws `error`, or RollbackError. */
  async function undo(connection: SqlConnection, error: unknown, attempt: number): Promise<never> {
    const outcome = await finish(connection, "ROLLBACK");
    // SQLite rolls back by itself after some errors and then has nothing left to roll back.
    if (outcome.kind === "done" || /no transaction is active/.test(textOf(outcome.error))) {
      count.rolledBack += 1;
      guard.tell("rolled-back", { attempt, why: textOf(error) });
      throw error;
    }
    count.rollbackFailures += 1;
    guard.trip("rollback-failed", { attempt, why: textOf(error), failure: textOf(outcome.error) });
    throw new RollbackError(guard.name, [outcome.error], error);
  }

  function scopeOf<Connection extends SqlConnection>(
    connection: Connection,
    signal: CancelSignal,
    attempt: number,
    fate: Fate,
    depth = 0,
  ): SqlScope<Connection> {
    let savepoints = 0;
    return {
      connection,
      signal,
      attempt,
      async savepoint(part) {
        refuseAborted(signal, guard.name);
        savepoints += 1;
        const name = `prunella_${depth}_${savepoints}`;
        await connection.execute(`SAVEPOINT ${name}`);
        try {
          const value = await part(scopeOf(connection, signal, attempt, fate, depth + 1));
          await connection.execute(`RELEASE SAVEPOINT ${name}`);
          return value;
        } catch (error) {
          // After the transaction has ended its ROLLBACK has taken, or will take, the savepoint with it.
          if (!isOver(fate, signal)) {
            try {
              await connection.execute(`ROLLBACK TO SAVEPOINT ${name}`);
              await connection.execute(`RELEASE SAVEPOINT ${name}`);
            } catch {
              // Some databases have rolled back all by themselves (MySQL after a deadlock). Nothing of it may be committed.
              fate.spoilt ??= { error };
            }
          }
          throw error;
        }
      },
    };
  }

  return guard.complete<SqlTransaction>(
    {
      run: (connection, work, { signal } = {}) =>
        attempted((attempt) => attemptOnce(connection, work, attempt, signal), signal),
    },
    () => ({ values, counts: count }),
  );
}

interface Fate {
  over: boolean;
  /** Set when a savepoint could not be undone: the whole must be. */
  spoilt: { readonly error: unknown } | undefined;
}

const isOver = ({ over }: Fate, signal: CancelSignal): boolean => over || signal.aborted;

/** PostgreSQL answers the COMMIT of a transaction in which a statement failed with ROLLBACK, and no error; drivers keep the word. */
const isRollback = (answer: unknown): boolean => (answer as { command?: unknown } | undefined)?.command === "ROLLBACK";

/** What runs statements has one of these methods: a connection, a client in one of its fields, a prepared statement. */
const verbs = ["execute", "query", "exec", "run"];

/** `handle`, with `check` before every call of one of its methods; the same for what it hands out to run statements with. */
function fenced<Handle extends object>(handle: Handle, check: () => void): Handle {
  const within = (value: unknown): unknown => {
    if (value instanceof Promise) return value.then(within);
    const runs = (verb: string): boolean => typeof (value as Record<string, unknown> | null)?.[verb] === "function";
    return verbs.some(runs) ? fenced(value as object, check) : value;
  };
  // Not a proxy of the handle itself, of which a frozen one could not answer anything but its own methods.
  return new Proxy<Handle>(Object.create(handle) as Handle, {
    get(_, key) {
      const value: unknown = handle[key as keyof Handle];
      if (typeof value !== "function") return within(value);
      return (...args: unknown[]) => {
        check();
        return within(value.apply(handle, args));
      };
    },
    set: (_, key, value) => Reflect.set(handle, key, value),
  });
}
