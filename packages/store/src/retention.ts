// What is kept and for how long. Raw signals and series go first and by age; records (issues, incidents, repairs,
// transitions, comments) never go: they are the history that KPIs and reports are made of.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { DatabaseSync } from "node:sqlite";
import { InvalidInputError } from "@prunella/core";
import type { Commits } from "./commits.ts";

const dayMs = 24 * 3_600_000;

export interface Retention {
  /** Age in ms after which signals, delivered notifications and ended alerts go. Default 7 days. */
  readonly signalsMs: number;
  /** Age in ms after which minutes of metrics go, and what was learned but not written again since. Default 30 days. */
  readonly seriesMs: number;
  /** Age in ms after which hourly tallies and runs of drills go. Default 400 days. */
  readonly talliesMs: number;
  /** Size of the file in bytes above which the oldest signals and series go before their age. Default 1 GB. */
  readonly bytesMax: number;
}

export const retentionDefault: Retention = {
  signalsMs: 7 * dayMs,
  seriesMs: 30 * dayMs,
  talliesMs: 400 * dayMs,
  bytesMax: 1_000_000_000,
};

/** Rows deleted in one transaction (a few ms), and in one call of prune; the next call goes on from there. */
export const sliceRows = 2_000;
export const pruneRowsMax = 200_000;
/** Pages given back to the file system in one step (4 kB each). */
const slicePages = 1_000;

export function checkedRetention(given: Partial<Retention> = {}): Retention {
  const retention = { ...retentionDefault, ...given };
  for (const [field, value] of Object.entries(retention)) {
    if (!Number.isFinite(value) || value <= 0)
      throw new InvalidInputError(`retention.${field}`, "must be a number above 0", "leave it out for the default");
  }
  return retention;
}

/** Between slices the event loop turns, so commits wait for one slice at most. */
export async function prune(
  database: DatabaseSync,
  commits: Commits,
  retention: Retention,
  now: number,
): Promise<{ deleted: number; bytes: number; tooLarge: boolean }> {
  const before = fileBytes(database);
  let deleted = 0;
  const slice = async (table: string, condition: string, ...values: number[]): Promise<number> => {
    const rows = Math.min(sliceRows, pruneRowsMax - deleted);
    if (rows <= 0) return 0;
    const text = `DELETE FROM ${table} WHERE seq IN (SELECT seq FROM ${table} WHERE ${condition} LIMIT ${rows})`;
    const gone = commits.transaction(() => Number(database.prepare(text).run(...values).changes));
    deleted += gone;
    await nextTurn();
    return gone;
  };
  const all = async (table: string, column: string, limit: number): Promise<void> => {
    while ((await slice(table, `${column} < ? ORDER BY ${column}`, limit)) > 0);
  };
  await all("signals", "at", now - retention.signalsMs);
  await all("series", "at", now - retention.seriesMs);
  await all("tallies", "hour", now - retention.talliesMs);
  await all("drillRuns", "startedAt", now - retention.talliesMs);
  await all("learned", "at", now - retention.seriesMs);
  await all("notifications", "deliveredAt", now - retention.signalsMs);
  await all("alerts", "resolvedAt", now - retention.signalsMs);
  await all("silences", "endsAt", now - retention.signalsMs);
  await all("outside", "overAt", now - retention.signalsMs);
  await all("tokens", "endsAt", now - retention.signalsMs);

  let tooLarge = false;
  while (deleted < pruneRowsMax && usedBytes(database) > retention.bytesMax) {
    const table = oldest(database);
    if (table === null || (await slice(table, "1 ORDER BY at")) === 0) {
      tooLarge = true;
      break;
    }
  }
  if (deleted > 0) forgetNames(database, commits);
  await giveBack(database);
  return { deleted, bytes: Math.max(0, before - fileBytes(database)), tooLarge };
}

export function fileBytes(database: DatabaseSync): number {
  return pragma(database, "page_count") * pragma(database, "page_size");
}

function usedBytes(database: DatabaseSync): number {
  return fileBytes(database) - pragma(database, "freelist_count") * pragma(database, "page_size");
}

function oldest(database: DatabaseSync): "signals" | "series" | null {
  const at = (table: string): number =>
    Number(database.prepare(`SELECT min(at) AS at FROM ${table}`).get()?.["at"] ?? Infinity);
  const [signals, series] = [at("signals"), at("series")];
  if (signals === Infinity && series === Infinity) return null;
  return signals <= series ? "signals" : "series";
}

function forgetNames(database: DatabaseSync, commits: Commits): void {
  commits.transaction(() =>
    database.exec(
      "DELETE FROM seriesNames WHERE NOT EXISTS (SELECT 1 FROM series WHERE series.name = seriesNames.seq)",
    ),
  );
  commits.forget();
}

async function giveBack(database: DatabaseSync): Promise<void> {
  for (let free = pragma(database, "freelist_count"); free > 0;) {
    database.exec(`PRAGMA incremental_vacuum(${slicePages})`);
    const left = pragma(database, "freelist_count");
    if (left >= free) return;
    free = left;
    await nextTurn();
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}
