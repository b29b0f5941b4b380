// One open SQLite file: how it is created, configured, checked, migrated and given to Kysely. Leaves to sqlite-store.ts
// what to do when the file is damaged.
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import path from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { StoreError } from "@prunella/core";
import { Kysely, SqliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { migrations } from "./migrations/index.ts";
import type { Tables } from "./tables.ts";

/** Prepared statements kept for queries; above it all are let go and prepared anew. */
const statementsMax = 200;

export interface Database {
  readonly sqlite: DatabaseSync;
  readonly queries: Kysely<Tables>;
  /** Identity of the open file: another file at the same path is another store. */
  readonly inode: number;
}

export interface ConnectOptions {
  /** "full": each commit is on the disk before it is acknowledged. "normal": power loss may take the last commits. */
  readonly durability: "full" | "normal";
  readonly lockTimeoutMs: number;
}

/** Opens the file, creating it (and its folder) readable by its owner only. */
export function connect(file: string, options: ConnectOptions): Database {
  createPrivate(file);
  const sqlite = new DatabaseSync(file, { timeout: options.lockTimeoutMs });
  try {
    // Before the first table or never; asked of a file that has tables it would write to what may be evidence.
    // The list of tables must fit on the first page: on a page of its own, its loss would be the loss of everything.
    if (statSync(file).size === 0) sqlite.exec("PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL");
    // The log grows to 16 MB before it is copied back, so that pages written often are copied once. mmap stays off: a file
    // truncated under it would kill the process.
    sqlite.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.durability};
      PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 1000; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY`);
    return { sqlite, queries: queriesOver(sqlite), inode: statSync(file).ino };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** Opens an existing file for reading only: nothing is created, configured or migrated. */
export function connectReadOnly(file: string, lockTimeoutMs: number): Database {
  const sqlite = new DatabaseSync(file, { timeout: lockTimeoutMs, readOnly: true });
  try {
    sqlite.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
    return { sqlite, queries: queriesOver(sqlite), inode: statSync(file).ino };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** Brings the schema to the newest version. A file that a newer Prunella wrote is refused and left as it is. */
export async function migrate({ sqlite, queries }: Database): Promise<void> {
  const applied = appliedMigrations(sqlite);
  const unknown = applied.filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0)
    throw new StoreError(
      "unavailable",
      `this store was written by a newer Prunella (${unknown.join(", ")}): use that version or another folder`,
    );
  if (applied.length === Object.keys(migrations).length) return;
  // No migration depends on another but the first, so one that was added later with a lower number is applied all the same.
  const migrator = new Migrator({
    db: queries,
    provider: { getMigrations: async () => ({ ...migrations }) },
    allowUnorderedMigrations: true,
  });
  // All of it or none: Kysely leaves SQLite's migrations without a transaction, and a disk that is full half way through
  // would leave tables behind that the next start stumbles over. The write lock comes first, so that two processes do not
  // both believe that they are first.
  sqlite.exec("BEGIN IMMEDIATE");
  try {
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    sqlite.exec("COMMIT");
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec("ROLLBACK");
    throw error;
  }
}

export function appliedMigrations(sqlite: DatabaseSync): string[] {
  const table = sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'kysely_migration'").get();
  if (table === undefined) return [];
  return sqlite
    .prepare("SELECT name FROM kysely_migration")
    .all()
    .map((row) => String(row["name"]));
}

/** Whether the structure of the file is sound, index contents aside. Reads all of it: about a second per gigabyte. */
export function isSound({ sqlite }: Database): boolean {
  const row = sqlite.prepare("PRAGMA quick_check(1)").get();
  return row?.["quick_check"] === "ok";
}

/** The file was not closed cleanly, or is open elsewhere: SQLite removes the log when the last user closes. */
export function hasLog(file: string): boolean {
  const log = `${file}-wal`;
  return existsSync(log) && statSync(log).size > 0;
}

export function syncPath(name: string): void {
  const handle = openSync(name, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function createPrivate(file: string): void {
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (existsSync(file)) {
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
    return;
  }
  closeSync(openSync(file, "a", 0o600));
  syncPath(folder);
}

/** Kysely's SQLite dialect asks for better-sqlite3's interface; node:sqlite offers the same under other names. */
function queriesOver(sqlite: DatabaseSync): Kysely<Tables> {
  const cache = new Map<string, ReturnType<typeof adapt>>();
  const adapt = (statement: StatementSync) => ({
    reader: statement.columns().length > 0,
    all: (values: readonly unknown[]) => statement.all(...(values as SQLInputValue[])),
    run: (values: readonly unknown[]) => statement.run(...(values as SQLInputValue[])),
    iterate: (values: readonly unknown[]) => statement.iterate(...(values as SQLInputValue[])),
  });
  return new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: {
        close: () => sqlite.close(),
        prepare(sql) {
          const known = cache.get(sql);
          if (known !== undefined) return known;
          if (cache.size >= statementsMax) cache.clear();
          const statement = adapt(sqlite.prepare(sql));
          if (/^\s*select/i.test(sql)) cache.set(sql, statement);
          return statement;
        },
      },
    }),
  });
}
