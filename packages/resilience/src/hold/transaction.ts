// Steps that hold together: each says how it is undone, and when a later one fails, the time is up or the caller
// cancels, those done are undone in reverse order (a saga: Garcia-Molina and Salem 1987). A lost deadlock is run again.
import { abortController, onCancel, refuseAborted } from "../cancel.ts";
import type { Cancel, CancelSignal } from "../cancel.ts";
import { ClosedError, RollbackError } from "../errors.ts";
import type { Reporting } from "../report.ts";
import { bounded } from "./bounded.ts";
import { deadlockRetry } from "./deadlock.ts";
import type { DeadlockOptions } from "./deadlock.ts";
import { openGuard } from "./guard.ts";
import { textOf } from "../text.ts";

export interface TransactionOptions extends DeadlockOptions {
  /** Bound of one attempt in ms, rollback not included (default 30,000); then rollback and TimeoutError. */
  readonly timeoutMs?: number;
  /** Bound of one compensation in ms (default 10,000), and of the wait for a step still running when a rollback begins. */
  readonly undoMs?: number;
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
   * Runs the work; when it resolves, every step stays. @throws what the work threw, after a complete rollback; TimeoutError; the
   * AbortedError; RollbackError (with the first error as `cause`) when undoing failed.
   */
  run<Value>(
    work: (scope: TransactionScope) => Value | PromiseLike<Value>,
    options?: { readonly signal?: Cancel },
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
  const guard = openGuard("transaction", options);
  const timeoutMs = guard.number(options, "timeoutMs", 30_000, 1, Infinity);
  const undoMs = guard.number(options, "undoMs", 10_000, 1);
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
  const values = { active: 0 };
  const attempted = deadlockRetry(guard, options, count, values);

  async function undoStep(step: Done, failures: unknown[]): Promise<void> {
    const run = bounded(guard, `undoing "${step.name}"`, undoMs, step.undo);
    const outcome = await run.outcome;
    if (outcome.kind === "done") count.undone += 1;
    else {
      count.undoFailures += 1;
      failures.push(outcome.error);
    }
  }

  /** Undoes what the ledger holds, last step first. Answers what went wrong. */
  async function rollback(ledger: Ledger): Promise<unknown[]> {
    ledger.over = true;
    const failures: unknown[] = [];
    if (ledger.running.size > 0) {
      // Their signal has aborted. One that still succeeds must be undone before the steps that it followed.
      const settled = Promise.all(ledger.running);
      await bounded(guard, "steps in flight", undoMs, () => settled).outcome;
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
        refuseAborted(signal, guard.name);
        if (ledger.over) throw new ClosedError(guard.name, `step "${name}": its transaction`);
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
    guard.trip("late-undo", { step: step.name, failed: failures.length > 0 });
  }

  async function attemptOnce<Value>(
    work: (scope: TransactionScope) => Value | PromiseLike<Value>,
    attempt: number,
    cancel: Cancel | undefined,
  ): Promise<Value> {
    const ledger = emptyLedger();
    const controller = abortController();
    const run = bounded(
      guard,
      "an attempt",
      timeoutMs,
      (signal) => {
        onCancel(signal, (reason) => controller.abort(reason));
        return work(scopeOf(ledger, controller.signal, attempt));
      },
      cancel,
    );
    const outcome = await run.outcome;
    ledger.over = true;
    if (outcome.kind === "done") {
      count.committed += 1;
      return outcome.value;
    }
    if (outcome.kind === "overrun") count.overruns += 1;
    const { error } = outcome;
    // A step beside the one that failed is told, too.
    controller.abort(error);
    const failures = await rollback(ledger);
    count.rolledBack += 1;
    if (failures.length === 0) {
      guard.tell("rolled-back", { attempt, why: textOf(error) });
      throw error;
    }
    guard.trip("rollback-failed", { attempt, failures: failures.length, why: textOf(error) });
    throw new RollbackError(guard.name, failures, error);
  }

  return guard.complete<Transaction>(
    {
      async run(work, { signal } = {}) {
        refuseAborted(signal, guard.name);
        count.started += 1;
        return attempted((attempt) => attemptOnce(work, attempt, signal), signal);
      },
    },
    () => ({ values, counts: count }),
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
