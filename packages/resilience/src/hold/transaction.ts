// Steps that hold together: each says how it is undone, and when a later one fails, the time is up or the caller
// cancels, those done are undone in reverse order (a saga: Garcia-Molina and Salem 1987). A lost deadlock is run again.
import type { Reporting } from "../report.ts";
import { bounded } from "./bounded.ts";
import { isDeadlockError } from "./deadlock.ts";
import { RollbackError } from "./errors.ts";
import { Guard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { throwIfAborted } from "./signal.ts";
import type { CancelSignal } from "./signal.ts";
import { sleep } from "./sleep.ts";

export interface TransactionOptions extends GuardOptions {
  /** Bound of one attempt in ms, rollback not included (default 30,000); then rollback and OverrunError. */
  readonly timeoutMs?: number;
  /** Bound of one compensation in ms (default 10,000), and of the wait for a step still running when a rollback begins. */
  readonly undoMs?: number;
  /** Attempts when `isDeadlock` says so, the first included (default 3). */
  readonly attempts?: number;
  /** Longest random delay before the second attempt in ms, doubled for each further one (default 50, full jitter). */
  readonly delayMs?: number;
  /** Which errors mean "run it again" (default `isDeadlockError`). */
  readonly isDeadlock?: (error: unknown) => boolean;
}

export interface TransactionScope {
  /** Aborts when the attempt is over in any way but success. */
  readonly signal: CancelSignal;
  /** 1 for the first. */
  readonly attempt: number;
  /**
   * Does something and remembers how to undo it. `undo` receives what `perform` gave; it runs only when `perform` succeeded,
   * also when that happens after the transaction was given up. It should be safe to repeat.
   */
  step<Value>(
    name: string,
    perform: (signal: CancelSignal) => Value | PromiseLike<Value>,
    undo?: (value: Value) => unknown,
  ): Promise<Value>;
  /** A part that is undone by itself when it fails; the error goes to the caller, who may catch it and go on. */
  savepoint<Value>(part: (scope: TransactionScope) => Value | PromiseLike<Value>): Promise<Value>;
}

export interface Transaction extends Reporting {
  /**
   * Runs the work; when it resolves, every step stays. @throws what the work threw, after a complete rollback; OverrunError; the
   * signal's reason; RollbackError (with the first error as `cause`) when undoing failed.
   */
  run<Value>(
    work: (scope: TransactionScope) => Value | PromiseLike<Value>,
    options?: { readonly signal?: CancelSignal },
  ): Promise<Value>;
}

interface Done {
  readonly name: string;
  readonly undo: () => unknown;
}

/** What has been done and must be undone together. */
interface Ledger {
  readonly done: Done[];
  readonly running: Set<Promise<void>>;
  /** No further step may begin. */
  over: boolean;
  /** What is done from here on is undone at once. */
  rolledBack: boolean;
}

const emptyLedger = (): Ledger => ({ done: [], running: new Set(), over: false, rolledBack: false });

/** Steps with compensation. One of these runs any number of transactions, also at once. @throws BadOptionError for an option out of its range. */
export function transaction(options: TransactionOptions = {}): Transaction {
  const guard = new Guard("transaction", options);
  const { system } = guard;
  const timeoutMs = guard.number("timeoutMs", options.timeoutMs ?? 30_000, 1, Infinity);
  const undoMs = guard.number("undoMs", options.undoMs ?? 10_000, 1);
  const attempts = guard.integer("attempts", options.attempts ?? 3, 1, 100);
  const delayMs = guard.number("delayMs", options.delayMs ?? 50, 0);
  const isDeadlock = options.isDeadlock ?? isDeadlockError;
  const count = {
    started: 0,
    committed: 0,
    rolledBack: 0,
    deadlocks: 0,
    overruns: 0,
    undone: 0,
    lateUndone: 0,
    undoFailures: 0,
  };
  let active = 0;

  async function undoStep(step: Done, failures: unknown[]): Promise<void> {
    const run = bounded({ system, limitMs: undoMs, guardName: guard.name, what: `undoing "${step.name}"` }, step.undo);
    const outcome = await run.outcome;
    if (outcome.kind === "done") count.undone += 1;
    else {
      count.undoFailures += 1;
      failures.push(outcome.kind === "cancelled" ? outcome.reason : outcome.error);
    }
  }

  /** Undoes what the ledger holds, last step first. Answers what went wrong. */
  async function rollback(ledger: Ledger): Promise<unknown[]> {
    ledger.over = true;
    const failures: unknown[] = [];
    if (ledger.running.size > 0) {
      // Their signal has aborted. One that still succeeds must be undone before the steps that it followed.
      const settled = Promise.all(ledger.running);
      await bounded({ system, limitMs: undoMs, guardName: guard.name, what: "steps in flight" }, () => settled).outcome;
    }
    for (let step = ledger.done.pop(); step !== undefined; step = ledger.done.pop()) await undoStep(step, failures);
    ledger.rolledBack = true;
    return failures;
  }

  function scopeOf(ledger: Ledger, signal: CancelSignal, attempt: number): TransactionScope {
    return {
      signal,
      attempt,
      async step(name, perform, undo) {
        throwIfAborted(signal, guard.name);
        if (ledger.over) throw new Error(`step "${name}" came after the end of its transaction "${guard.name}"`);
        return during(ledger, async () => {
          const value = await perform(signal);
          if (undo !== undefined) await remember(ledger, { name, undo: () => undo(value) });
          return value;
        });
      },
      async savepoint(part) {
        return during(ledger, async () => {
          const inner = emptyLedger();
          try {
            const value = await part(scopeOf(inner, signal, attempt));
            inner.over = true;
            for (const step of ledger.rolledBack ? [...inner.done].reverse() : inner.done) await remember(ledger, step);
            return value;
          } catch (error) {
            const failures = await rollback(inner);
            if (failures.length > 0) throw new RollbackError(guard.name, failures, error);
            throw error;
          }
        });
      },
    };
  }

  /** Keeps a done step for the rollback; after the rollback has passed, undoes it at once. */
  async function remember(ledger: Ledger, step: Done): Promise<void> {
    if (!ledger.rolledBack) {
      ledger.done.push(step);
      return;
    }
    const failures: unknown[] = [];
    await undoStep(step, failures);
    count.lateUndone += 1;
    guard.say("late-undo", "trip", { step: step.name, failed: failures.length > 0 });
  }

  async function attemptOnce<Value>(
    work: (scope: TransactionScope) => Value | PromiseLike<Value>,
    attempt: number,
    signal: CancelSignal | undefined,
  ): Promise<{ readonly value: Value } | { readonly error: unknown; readonly clean: boolean }> {
    const ledger: Ledger = emptyLedger();
    const run = bounded({ system, limitMs: timeoutMs, guardName: guard.name, what: "an attempt", signal }, (own) =>
      work(scopeOf(ledger, own, attempt)),
    );
    const outcome = await run.outcome;
    if (outcome.kind === "done") {
      ledger.over = true;
      return { value: outcome.value };
    }
    if (outcome.kind === "overrun") count.overruns += 1;
    const error = outcome.kind === "cancelled" ? outcome.reason : outcome.error;
    const failures = await rollback(ledger);
    count.rolledBack += 1;
    if (failures.length === 0) {
      guard.say("rolled-back", "info", { attempt, why: String(error) });
      return { error, clean: true };
    }
    guard.say("rollback-failed", "trip", { attempt, failures: failures.length, why: String(error) });
    return { error: new RollbackError(guard.name, failures, error), clean: false };
  }

  return guard.complete<Transaction>(
    {
      async run(work, { signal } = {}) {
        throwIfAborted(signal, guard.name);
        active += 1;
        count.started += 1;
        try {
          for (let attempt = 1; ; attempt += 1) {
            const result = await attemptOnce(work, attempt, signal);
            if ("value" in result) {
              count.committed += 1;
              return result.value;
            }
            if (!result.clean || !isDeadlock(result.error)) throw result.error;
            count.deadlocks += 1;
            guard.say("deadlock", "trip", { attempt, attempts });
            if (attempt >= attempts) throw result.error;
            await sleep(system, system.random() * delayMs * 2 ** (attempt - 1), signal);
          }
        } finally {
          active -= 1;
        }
      },
    },
    () => ({ state: active > 0 ? "active" : "ok", values: { active }, counts: { ...count } }),
  );
}

/** Runs a piece that the ledger's rollback must wait for. */
async function during<Value>(ledger: Ledger, piece: () => Promise<Value>): Promise<Value> {
  const running = piece();
  const settled = running.then(
    () => {},
    () => {},
  );
  ledger.running.add(settled);
  try {
    return await running;
  } finally {
    ledger.running.delete(settled);
  }
}
