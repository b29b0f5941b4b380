// A damaged file is evidence: it is moved aside whole, never written to, and what can be read of it goes into a new file.
// A crash at any point is safe: the new file is built under ".salvaging" and becomes ".salvaged" when complete; from then
// on each step can be repeated (`finishSalvage`), until the rename to the real name ends it.
import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type {
  Alert,
  Changes,
  Notification,
  OutsideAlert,
  SeriesPoint,
  Settings,
  Silence,
  Standing,
  Tally,
} from "@prunella/core";
import { connect, migrate, syncPath, type ConnectOptions } from "./database.ts";
import { countedTables } from "./tables.ts";
import { writer, type Writer } from "./writer.ts";

/** Rows written in one step; keeps memory bounded. */
const batchRows = 500;
/** Tries to get past one damaged stretch of a table; the stride doubles, so this reaches past any gap. */
const probesMax = 2_000;
/** How far numbers are raised when their table could not be read: no id may be given twice. */
const numberGap = 1_000;

export interface Salvage {
  /** Where the damaged file is now. */
  readonly evidence: string;
  /** Rows saved per table. */
  readonly saved: Readonly<Record<string, number>>;
  /** Stretches of each table that could not be read; a table that is not named was read whole. */
  readonly damaged: Readonly<Record<string, number>>;
}

export async function salvage(file: string, options: ConnectOptions): Promise<Salvage> {
  const source = `${file}.salvage-source`;
  const target = `${file}.salvaging`;
  for (const name of [source, target]) remove(name);
  try {
    // A copy, because reading a file in WAL mode writes to it.
    copyFileSync(file, source);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${source}-wal`);
    const result = await rescue(source, target, options);
    syncPath(target);
    renameSync(target, `${file}.salvaged`);
    syncPath(path.dirname(file));
    return { ...result, evidence: finishSalvage(file) ?? file };
  } finally {
    for (const name of [source, target]) remove(name);
  }
}

/** Ends a salvage whose new file is complete; returns where the evidence is, or null when there was none to end. */
export function finishSalvage(file: string): string | null {
  if (!existsSync(`${file}.salvaged`)) return null;
  let number = 1;
  while (existsSync(`${file}.corrupt-${number}`)) number += 1;
  const evidence = `${file}.corrupt-${number}`;
  // The log goes first: beside the new file it would be taken for the new file's.
  if (existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${evidence}-wal`);
  rmSync(`${file}-shm`, { force: true });
  if (existsSync(file)) renameSync(file, evidence);
  renameSync(`${file}.salvaged`, file);
  syncPath(path.dirname(file));
  return evidence;
}

async function rescue(
  source: string,
  target: string,
  options: ConnectOptions,
): Promise<Pick<Salvage, "saved" | "damaged">> {
  const fresh = connect(target, { ...options, durability: "normal" });
  const damaged: Record<string, number> = {};
  const saved: Record<string, number> = {};
  try {
    await migrate(fresh);
    const old = openDamaged(source);
    try {
      const rows = writer(fresh.sqlite);
      for (const table of countedTables) {
        const count = old === null ? { rows: 0, stretches: 1 } : copyTable(old, fresh.sqlite, rows, table);
        saved[table] = count.rows;
        if (count.stretches > 0) damaged[table] = count.stretches;
      }
      copyMeta(old, fresh.sqlite, rows, damaged);
    } finally {
      old?.close();
    }
  } finally {
    fresh.sqlite.close();
  }
  return { saved, damaged };
}

/** Null when not even the list of tables can be read. */
function openDamaged(source: string): DatabaseSync | null {
  try {
    const database = new DatabaseSync(source);
    database.exec("PRAGMA cell_size_check = ON");
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch {
    return null;
  }
}

type Table = (typeof countedTables)[number];
type Row = Readonly<Record<string, unknown>>;

function copyTable(
  old: DatabaseSync,
  fresh: DatabaseSync,
  rows: Writer,
  table: Table,
): { rows: number; stretches: number } {
  let batch: Row[] = [];
  let [saved, stretches] = [0, 0];
  const flush = (): void => {
    fresh.exec("BEGIN");
    for (const row of batch) {
      try {
        rows.write(changesOf(table, row));
        saved += 1;
      } catch {
        // Damage that SQLite cannot see: the text is no record any more.
        stretches += 1;
      }
    }
    fresh.exec("COMMIT");
    batch = [];
  };
  for (const row of scan(old, table)) {
    if (row === null) stretches += 1;
    else batch.push(row);
    if (batch.length >= batchRows) flush();
  }
  flush();
  return { rows: saved, stretches };
}

/** Reads a table in the order of its rowids and steps over what cannot be read; null stands for each such stretch. */
function* scan(database: DatabaseSync, table: Table): Generator<Row | null> {
  const from = table === "series" ? "series LEFT JOIN seriesNames ON seriesNames.seq = series.name" : table;
  const columns = table === "series" ? "series.*, target, metric" : "*";
  const text = `SELECT ${columns} FROM ${from} WHERE ${table}.seq >= ? ORDER BY ${table}.seq`;
  let at = 1;
  let stride = 1;
  for (let probes = 0; probes < probesMax; probes += 1) {
    try {
      for (const row of database.prepare(text).iterate(at)) {
        at = Number(row["seq"]) + 1;
        stride = 1;
        yield row;
      }
      return;
    } catch {
      if (stride === 1) yield null;
      at += stride;
      stride *= 2;
      if (!Number.isSafeInteger(at)) return;
    }
  }
}

function changesOf(table: Table, row: Row): Changes {
  const body = <T>(key = "id"): readonly T[] => {
    const record = JSON.parse(String(row["body"])) as Record<string, unknown>;
    if (record[key] !== row["id"]) throw new Error("the record does not carry its own key");
    return [record as T];
  };
  const plain = { ...row };
  switch (table) {
    case "issues":
    case "incidents":
    case "repairs":
    case "transitions":
    case "signals":
    case "comments":
    case "learned":
    case "drillRuns":
    case "tokens":
      return { at: 0, [table]: body() };
    case "standings":
      return { at: 0, standings: body<Standing>("remedy") };
    case "notifications":
      return { at: 0, notifications: body<Notification>("key") };
    case "alerts":
      return { at: 0, alerts: body<Alert>("key") };
    case "silences":
      return { at: 0, silences: body<Silence>() };
    case "outside":
      return { at: 0, outside: body<OutsideAlert>("key") };
    case "numbers":
      return { at: 0, numbers: { [String(row["id"])]: Number(row["number"]) } };
    case "series":
      return { at: 0, series: [plain as unknown as SeriesPoint] };
    case "tallies":
      return { at: 0, tallies: [plain as unknown as Tally] };
  }
}

/** The fence must not fall back and no id may be given twice, even where the rows that said so are gone. */
function copyMeta(old: DatabaseSync | null, fresh: DatabaseSync, rows: Writer, damaged: Record<string, number>): void {
  let meta: Row | undefined;
  try {
    meta = old?.prepare("SELECT epoch, sequence, lastAt, settings FROM meta").get();
  } catch {
    meta = undefined;
  }
  if (meta === undefined) damaged["meta"] = 1;
  // Seconds since 1970 are above every epoch that was counted up from 1.
  const epoch = meta === undefined ? Math.floor(Date.now() / 1_000) : Number(meta["epoch"]);
  fresh
    .prepare("UPDATE meta SET epoch = ?, sequence = ?, lastAt = ?")
    .run(epoch, Number(meta?.["sequence"] ?? 0), Number(meta?.["lastAt"] ?? latest(fresh)));
  try {
    if (typeof meta?.["settings"] === "string")
      rows.write({ at: 0, settings: JSON.parse(meta["settings"]) as Settings });
  } catch {
    damaged["settings"] = 1;
  }
  const numbers = highestNumbers(fresh);
  const gap = Object.keys(damaged).length === 0 ? 0 : numberGap;
  for (const row of fresh.prepare("SELECT id, number FROM numbers").all())
    numbers.set(String(row["id"]), Math.max(Number(row["number"]), numbers.get(String(row["id"])) ?? 0));
  for (const [prefix, number] of numbers) rows.write({ at: 0, numbers: { [prefix]: number + gap } });
}

function latest(database: DatabaseSync): number {
  const row = database.prepare("SELECT max(at) AS at FROM transitions").get();
  return Number(row?.["at"] ?? 0);
}

function highestNumbers(database: DatabaseSync): Map<string, number> {
  const highest = new Map<string, number>();
  for (const table of ["issues", "incidents", "repairs", "transitions"]) {
    for (const row of database.prepare(`SELECT id FROM ${table}`).iterate()) {
      const [, prefix, digits] = /^(.*?)-?(\d{1,15})$/.exec(String(row["id"])) ?? [];
      if (prefix !== undefined) highest.set(prefix, Math.max(Number(digits), highest.get(prefix) ?? 0));
    }
  }
  return highest;
}

function remove(name: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${name}${suffix}`, { force: true });
}
