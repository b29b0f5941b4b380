// The embedded Store: one SQLite file, durable on acknowledge, one writer at a time. Leaves grouping to commits.ts,
// reading to queries.ts, deleting to retention.ts; decides here when a file is trusted, checked or salvaged.
import { existsSync, statSync } from "node:fs";
import {
  StoreError,
  InvalidInputError,
  type Changes,
  type Opened,
  type Position,
  type Store,
  type StoreStats,
} from "@prunella/core";
import { commits, type Commits } from "./commits.ts";
import { connect, hasLog, isSound, migrate, type ConnectOptions, type Database } from "./database.ts";
import { storeError } from "./faults.ts";
import { opened, queries } from "./queries.ts";
import { checkedRetention, fileBytes, prune, type Retention } from "./retention.ts";
import { finishSalvage, salvage, type Salvage } from "./salvage.ts";
import { countedTables } from "./tables.ts";

/** A file up to this size is checked at every open; a larger one when it was not closed cleanly or looked damaged. */
export const checkedBytesMax = 64_000_000;
/** Tables with a higher last row number are counted by first and last row number: an upper bound, in no time. */
const countedRowsMax = 200_000;

export interface StoreWarning {
  /**
   * salvaged: the file was damaged; it lies aside as evidence and what could be read is in the new one. above-size-limit:
   * records alone take more than retention.bytesMax; they are kept.
   */
  readonly code: "salvaged" | "above-size-limit";
  /** For the operator: what happened, what was lost, what to do. */
  readonly message: string;
  readonly salvage?: Salvage;
}

export interface SqliteStoreOptions {
  /** Path of the database; it and its folder are created, readable by the owner only. "-wal" and "-shm" lie beside it. */
  readonly file: string;
  /** See retention.ts for the defaults: signals 7 days, series 30 days, tallies 400 days, 1 GB. */
  readonly retention?: Partial<Retention>;
  /** Default "full": on the disk before it is acknowledged. "normal": power loss (not a crash) may take the last commits. */
  readonly durability?: "full" | "normal";
  /** Longest wait in ms for another process's lock, 0 to 60,000; then "unavailable". The process waits with it. Default 1,000. */
  readonly lockTimeoutMs?: number;
  readonly onWarning: (warning: StoreWarning) => void;
}

/**
 * Opens nothing yet: `open()` does, and may be called again at any time (it takes over again). Errors are StoreErrors as
 * the port says, "corrupt" when a damaged page was met: the next `open()` salvages. Anything else thrown is a bug.
 */
export function sqliteStore(options: SqliteStoreOptions): Store {
  const { file, onWarning } = options;
  const retention = checkedRetention(options.retention);
  const connection: ConnectOptions = {
    durability: options.durability ?? "full",
    lockTimeoutMs: checkedTimeout(options.lockTimeoutMs),
  };
  let current: {
    readonly database: Database;
    readonly commits: Commits;
    readonly read: ReturnType<typeof queries>;
  } | null = null;
  let suspect = false;
  let pruning: Promise<{ deleted: number; bytes: number }> | null = null;
  let acknowledgedBefore = 0;
  let opening: Promise<unknown> = Promise.resolve();

  async function guarded<T>(phase: "open" | "read" | "write", work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const reason = storeError(error, file, phase);
      const isCorrupt = reason instanceof StoreError && reason.code === "corrupt";
      // A record that is no JSON any more was damaged where SQLite does not look.
      if (isCorrupt || reason instanceof SyntaxError) suspect = true;
      throw reason instanceof SyntaxError
        ? new StoreError("corrupt", `${file} holds a damaged record: open it again to save what is readable`, reason)
        : reason;
    }
  }

  function disconnect(): void {
    if (current === null) return;
    current.commits.flush();
    acknowledgedBefore += current.commits.acknowledged;
    const { sqlite } = current.database;
    current = null;
    sqlite.close();
  }

  async function attach(heldEpoch: number | undefined): Promise<Opened> {
    const mustCheck =
      suspect ||
      hasLog(file) ||
      (existsSync(file) && statSync(file).size <= checkedBytesMax && statSync(file).size > 0);
    const database = connect(file, connection);
    try {
      if (mustCheck && !isSound(database)) throw new StoreError("corrupt", `${file} is damaged`);
      await migrate(database);
      current = {
        database,
        commits: commits(database.sqlite, file, database.inode),
        read: queries(database.queries),
      };
      return await takeOver(heldEpoch);
    } catch (error) {
      current = null;
      database.sqlite.close();
      throw error;
    }
  }

  function takeOver(heldEpoch = Number.MAX_SAFE_INTEGER): Promise<Opened> {
    const { commits, database } = held();
    commits.flush();
    commits.transaction(() => {
      const { changes } = database.sqlite.prepare("UPDATE meta SET epoch = epoch + 1 WHERE epoch <= ?").run(heldEpoch);
      if (changes === 0)
        throw new StoreError("fenced", `${file}: another writer has taken over since epoch ${heldEpoch}`);
    });
    return opened(database.queries);
  }

  async function open(heldEpoch: number | undefined): Promise<Opened> {
    if (current !== null && current.commits.ended === null && !suspect)
      return guarded("open", () => takeOver(heldEpoch));
    suspect ||= current?.commits.ended?.code === "corrupt";
    await pruning?.catch(() => undefined);
    disconnect();
    finishSalvage(file);
    try {
      const result = await guarded("open", () => attach(heldEpoch));
      if (!suspect) return result;
      // Looked damaged before, and the structure is sound: a record was. Fall through to salvage.
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "corrupt") throw error;
    }
    disconnect();
    report(await guarded("open", () => salvage(file, connection)));
    suspect = false;
    return guarded("open", () => attach(heldEpoch));
  }

  function report(result: Salvage): void {
    const lost = Object.entries(result.damaged).map(([table, stretches]) => `${table} (${stretches})`);
    const what =
      lost.length === 0
        ? "every row could be read; only indexes or free pages were damaged"
        : `unreadable stretches per table: ${lost.join(", ")}; rows there are lost`;
    const saved = Object.entries(result.saved).map(([table, rows]) => `${rows} ${table}`);
    onWarning({
      code: "salvaged",
      message: `${file} was damaged. ${what}. Saved: ${saved.join(", ")}. The damaged file is ${result.evidence}: keep it to look further, and check the disk`,
      salvage: result,
    });
  }

  async function pruneOnce(now: number): Promise<{ deleted: number; bytes: number }> {
    const { database, commits } = held();
    commits.flush();
    const { deleted, bytes, tooLarge } = await prune(database.sqlite, commits, retention, now);
    if (tooLarge)
      onWarning({
        code: "above-size-limit",
        message: `${file} is larger than retention.bytesMax (${retention.bytesMax} bytes) with its records alone; they are kept: raise the limit, or archive the file and start anew`,
      });
    return { deleted, bytes };
  }

  function held(): NonNullable<typeof current> {
    if (current === null) throw new StoreError("unavailable", `${file} is not open: call open() first`);
    return current;
  }

  const reading = <A extends readonly unknown[], T>(
    ask: (read: ReturnType<typeof queries>, ...arguments_: A) => Promise<T>,
  ): ((...arguments_: A) => Promise<T>) => {
    return (...arguments_) => guarded("read", async () => ask(held().read, ...arguments_));
  };

  return {
    open(heldEpoch?: number) {
      // One at a time: a second open waits for the first.
      const next = opening.then(
        () => open(heldEpoch),
        () => open(heldEpoch),
      );
      opening = next;
      return next;
    },
    async commit(at: Position, changes: Changes) {
      return held().commits.commit(at, changes);
    },
    issue: reading((read, id: string) => read.issue(id)),
    issueByFingerprint: reading((read, fingerprint: string) => read.issueByFingerprint(fingerprint)),
    incident: reading((read, id: string) => read.incident(id)),
    repair: reading((read, id: string) => read.repair(id)),
    issues: reading((read, query: Parameters<Store["issues"]>[0]) => read.issues(query)),
    incidents: reading((read, query: Parameters<Store["incidents"]>[0]) => read.incidents(query)),
    repairs: reading((read, query: Parameters<Store["repairs"]>[0]) => read.repairs(query)),
    transitions: reading((read, query: Parameters<Store["transitions"]>[0]) => read.transitions(query)),
    signals: reading((read, query: Parameters<Store["signals"]>[0]) => read.signals(query)),
    series: reading((read, query: Parameters<Store["series"]>[0]) => read.series(query)),
    tallies: reading((read, query: Parameters<Store["tallies"]>[0]) => read.tallies(query)),
    learned: reading((read) => read.learned()),
    drillRun: reading((read, id: string) => read.drillRun(id)),
    drillRuns: reading((read, query: Parameters<Store["drillRuns"]>[0]) => read.drillRuns(query)),
    comments: reading((read, issue: string) => read.comments(issue)),
    notifications: reading((read, query: Parameters<Store["notifications"]>[0]) => read.notifications(query)),
    prune(now) {
      // A prune that is still at it does the work of a second one too.
      if (pruning !== null) return pruning.then(() => ({ deleted: 0, bytes: 0 }));
      pruning = guarded("write", () => pruneOnce(now)).finally(() => (pruning = null));
      return pruning;
    },
    stats: () =>
      guarded("read", async () => {
        const { database, commits } = held();
        return statsOf(database, file, acknowledgedBefore + commits.acknowledged);
      }),
    async close() {
      await opening.catch(() => undefined);
      await pruning?.catch(() => undefined);
      disconnect();
    },
  };
}

export function statsOf({ sqlite }: Database, file: string, acknowledged: number): StoreStats {
  const rows: Record<string, number> = {};
  for (const table of countedTables) {
    const span = sqlite.prepare(`SELECT min(seq) AS low, max(seq) AS high FROM ${table}`).get();
    const [low, high] = [Number(span?.["low"] ?? 1), Number(span?.["high"] ?? 0)];
    rows[table] =
      high > countedRowsMax
        ? high - low + 1
        : Number(sqlite.prepare(`SELECT count(*) AS number FROM ${table}`).get()?.["number"]);
  }
  const oldest = sqlite.prepare("SELECT min(at) AS at FROM signals").get()?.["at"];
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return {
    bytes: fileBytes(sqlite) + log,
    rows,
    commits: acknowledged,
    oldestSignalAt: typeof oldest === "number" ? oldest : null,
  };
}

function checkedTimeout(given = 1_000): number {
  if (Number.isFinite(given) && given >= 0 && given <= 60_000) return given;
  throw new InvalidInputError("lockTimeoutMs", "must be from 0 to 60,000", "leave it out for 1,000");
}
