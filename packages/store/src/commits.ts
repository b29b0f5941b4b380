// Group commit: commits issued in the same turn of the event loop share one transaction, each with its own answer.
// Invariants: applied in the order given; a commit fits only its epoch and the next sequence; nothing is acknowledged
// before the transaction that holds it is durable. The transaction runs without a break, so no query sees half of it.
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { StoreError, type Changes, type Position } from "@prunella/core";
import { storeError } from "./faults.ts";
import { writer, type Writer } from "./writer.ts";

/** Commits in one transaction; more that come in the same turn form the next one. */
export const groupCommitsMax = 512;
/** Commits waiting at once. Above it a commit is refused as "unavailable". */
export const waitingCommitsMax = 8_192;

interface Waiting {
  readonly at: Position;
  readonly changes: Changes;
  resolve(): void;
  reject(reason: unknown): void;
}

export interface Commits {
  commit(at: Position, changes: Changes): Promise<void>;
  /** Carries out what waits, now. */
  flush(): void;
  /** Runs other writes in a transaction of their own: all or nothing. */
  transaction<T>(work: () => T): T;
  /** Names of series were deleted. */
  forget(): void;
  /** Commits acknowledged. */
  readonly acknowledged: number;
  /** Why nothing more may be committed until the store is opened again; null while all is well. */
  readonly ended: StoreError | null;
}

export function commits(database: DatabaseSync, file: string, inode: number): Commits {
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commitAll = database.prepare("COMMIT");
  const position = database.prepare("SELECT epoch, sequence, lastAt FROM meta");
  const advance = database.prepare("UPDATE meta SET sequence = ?, lastAt = max(lastAt, ?)");
  const rows: Writer = writer(database);
  let waiting: Waiting[] = [];
  let acknowledged = 0;
  let ended: StoreError | null = null;

  function flush(): void {
    while (waiting.length > 0) {
      const group = waiting.slice(0, groupCommitsMax);
      waiting = waiting.slice(groupCommitsMax);
      const reason = runGroup(group);
      if (reason !== null) afterFailure(group, reason);
    }
  }

  /** Answers each commit of the group, or none and returns why: then nothing of it is stored, unless that is "unknown". */
  function runGroup(group: readonly Waiting[]): Error | null {
    const applied: Waiting[] = [];
    const refused: (() => void)[] = [];
    try {
      transaction(() => applyAll(group, applied, refused));
    } catch (error) {
      return storeError(error, file, "write") as Error;
    }
    for (const refuse of refused) refuse();
    for (const each of applied) each.resolve();
    acknowledged += applied.length;
    return null;
  }

  /**
   * One by one, so that none fails for another's sake, up to the first that the disk refuses again: those behind it
   * cannot fit any more, and waiting for a lock once more for each would take long.
   */
  function afterFailure(group: readonly Waiting[], reason: Error): void {
    const isUnknown = reason instanceof StoreError && reason.code === "unknown";
    let refusal = group.length > 1 && !isUnknown ? null : reason;
    for (const each of group) {
      const failure = refusal ?? runGroup([each]);
      if (failure === null) continue;
      each.reject(failure);
      if (failure instanceof StoreError) refusal = failure;
    }
  }

  function applyAll(group: readonly Waiting[], applied: Waiting[], refused: (() => void)[]): void {
    const now = position.get() as { epoch: number; sequence: number; lastAt: number };
    let { sequence, lastAt } = now;
    for (const each of group) {
      const misfit = mayCommit(each.at, now.epoch, sequence);
      if (misfit !== null) {
        refused.push(() => each.reject(misfit));
        continue;
      }
      // Alone it needs no savepoint: whatever fails, fails the transaction.
      if (group.length > 1) database.exec("SAVEPOINT one");
      try {
        rows.write(each.changes);
      } catch (error) {
        if (group.length === 1 || !database.isTransaction || storeError(error, file, "write") !== error) throw error;
        database.exec("ROLLBACK TO one; RELEASE one");
        rows.forget();
        refused.push(() => each.reject(error));
        continue;
      }
      if (group.length > 1) database.exec("RELEASE one");
      applied.push(each);
      sequence = each.at.sequence;
      lastAt = Math.max(lastAt, each.changes.at);
    }
    if (applied.length > 0) advance.run(sequence, lastAt);
  }

  function transaction<T>(work: () => T): T {
    if (ended !== null) throw ended;
    sameFile();
    let phase: "write" | "commit" = "write";
    try {
      begin.run();
      const result = work();
      phase = "commit";
      commitAll.run();
      return result;
    } catch (error) {
      const reason = storeError(error, file, phase);
      rollBack();
      if (reason instanceof StoreError && (reason.code === "unknown" || reason.code === "corrupt"))
        ended = reopenFirst(reason);
      throw reason;
    }
  }

  function rollBack(): void {
    rows.forget();
    try {
      if (database.isTransaction) database.exec("ROLLBACK");
    } catch (error) {
      ended = new StoreError("out-of-order", `${file}: a rollback failed: reopen`, error);
    }
  }

  /** SQLite would go on writing to a file that was deleted or replaced under it, and all of that would be lost. */
  function sameFile(): void {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.ino === inode) return;
    ended =
      found === undefined
        ? new StoreError(
            "out-of-order",
            `${file} was deleted while in use: reopen (an empty store) or put it back first`,
          )
        : new StoreError("fenced", `${file} was replaced by another file: another writer took over`);
    throw ended;
  }

  return {
    commit(at, changes) {
      if (ended !== null) return Promise.reject(ended);
      if (waiting.length >= waitingCommitsMax)
        return Promise.reject(
          new StoreError("unavailable", `${waitingCommitsMax} commits wait already: commit less often, more at a time`),
        );
      return new Promise((resolve, reject) => {
        // setImmediate, not a microtask: everything this turn still issues joins the group.
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ at, changes, resolve, reject });
      });
    },
    flush,
    transaction,
    forget: () => rows.forget(),
    get acknowledged() {
      return acknowledged;
    },
    get ended() {
      return ended;
    },
  };
}

function mayCommit(at: Position, epoch: number, sequence: number): StoreError | null {
  if (at.epoch < epoch)
    return new StoreError("fenced", `epoch ${at.epoch} is over (now ${epoch}): another writer took over`);
  if (at.epoch === epoch && at.sequence === sequence + 1) return null;
  return new StoreError(
    "out-of-order",
    `expected epoch ${epoch} sequence ${sequence + 1}, got ${at.epoch} and ${at.sequence}: reopen`,
  );
}

function reopenFirst(reason: StoreError): StoreError {
  return new StoreError(
    reason.code === "corrupt" ? "corrupt" : "out-of-order",
    `${reason.message} (reopen first)`,
    reason,
  );
}
