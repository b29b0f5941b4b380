// The hot path: changes to rows, by statements prepared once. Runs inside a transaction that its caller opened; after a
// rollback the caller says so, since names given to series may have gone with it.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { assert, idOrder, searchText, severityRank, type Changes, type SeriesPoint } from "@prunella/core";

/** Names of series kept in memory; above it all are looked up anew. */
const namesMax = 20_000;

export interface Writer {
  write(changes: Changes): void;
  /** Rows this writer knows of may be gone: after a rollback, and after names of series were deleted. */
  forget(): void;
}

export function writer(database: DatabaseSync): Writer {
  const names = new Map<string, number>();
  const issue = replace(
    database,
    "issues",
    "ord fingerprint target kind severity status selfHealing needsPerson regressed assignee occurrences firstSeen lastSeen words body",
  );
  const incident = replace(database, "incidents", "ord issue target state detectedAt body");
  const repair = replace(database, "repairs", "ord issue incident target remedy state createdAt endedAt body");
  const standing = replace(database, "standings", "body");
  const notification = replace(database, "notifications", "ord at issue receiver dueAt deliveredAt body");
  const learned = replace(database, "learned", "at body");
  const drillRun = replace(database, "drillRuns", "ord drill startedAt body");
  const alert = replace(database, "alerts", "ord at resolvedAt body");
  const silence = replace(database, "silences", "ord endsAt body");
  const token = replace(database, "tokens", "ord endsAt body");
  const outside = replace(database, "outside", "overAt body");
  const number = replace(database, "numbers", "number");
  const transition = append(database, "transitions", "ord issue incident target at body");
  const signal = append(database, "signals", "ord target type at body");
  const comment = append(database, "comments", "ord issue at body");
  const tally = replace(database, "tallies", "watchedMs goodMs requests errors latency", "target hour");
  const point = replace(database, "series", "min mean max last count", "name at");
  const findName = database.prepare("SELECT seq FROM seriesNames WHERE target = ? AND metric = ?");
  const addName = database.prepare("INSERT INTO seriesNames (target, metric) VALUES (?, ?)");
  const settings = database.prepare("UPDATE meta SET settings = ?");

  function nameOf({ target, metric }: SeriesPoint): number {
    const key = JSON.stringify([target, metric]);
    const known = names.get(key);
    if (known !== undefined) return known;
    if (names.size >= namesMax) names.clear();
    const name = Number(findName.get(target, metric)?.["seq"] ?? addName.run(target, metric).lastInsertRowid);
    names.set(key, name);
    return name;
  }

  return {
    write(changes) {
      for (const row of changes.issues ?? [])
        issue.run(
          row.id,
          idOrder(row.id),
          row.fingerprint,
          row.target,
          row.kind,
          severityRank(row.severity),
          row.status,
          row.selfHealing,
          row.needsPerson === null ? 0 : 1,
          row.regressed ? 1 : 0,
          row.assignee,
          row.occurrences,
          row.firstSeen,
          row.lastSeen,
          searchText(row),
          JSON.stringify(row),
        );
      for (const row of changes.incidents ?? [])
        incident.run(row.id, idOrder(row.id), row.issue, row.target, row.state, row.detectedAt, JSON.stringify(row));
      for (const row of changes.repairs ?? [])
        repair.run(
          row.id,
          idOrder(row.id),
          // A repair that a person asked for belongs to no issue; its columns then match no filter.
          row.issue ?? "",
          row.incident ?? "",
          row.target,
          row.remedy.name,
          row.state.name,
          row.createdAt,
          row.state.name === "ended" ? row.state.at : null,
          JSON.stringify(row),
        );
      for (const row of changes.transitions ?? [])
        transition.run(row.id, idOrder(row.id), row.issue, row.incident, row.target, row.at, JSON.stringify(row));
      for (const row of changes.signals ?? [])
        signal.run(row.id, idOrder(row.id), row.target, row.type, row.at, JSON.stringify(row));
      for (const row of changes.comments ?? [])
        comment.run(row.id, idOrder(row.id), row.issue, row.at, JSON.stringify(row));
      for (const row of changes.series ?? [])
        point.run(nameOf(row), row.at, row.min, row.mean, row.max, row.last, row.count);
      for (const row of changes.tallies ?? [])
        tally.run(
          row.target,
          row.hour,
          row.watchedMs,
          row.goodMs,
          row.requests,
          row.errors,
          JSON.stringify(row.latency),
        );
      for (const row of changes.standings ?? []) standing.run(row.remedy, JSON.stringify(row));
      for (const row of changes.notifications ?? [])
        notification.run(
          row.key,
          idOrder(row.key),
          row.at,
          row.issue,
          row.receiver ?? null,
          row.dueAt,
          row.deliveredAt,
          JSON.stringify(row),
        );
      for (const row of changes.drillRuns ?? [])
        drillRun.run(row.id, idOrder(row.id), row.drill, row.startedAt, JSON.stringify(row));
      for (const row of changes.learned ?? []) learned.run(row.id, row.at, JSON.stringify(row));
      for (const row of changes.alerts ?? [])
        alert.run(row.key, idOrder(row.key), row.at, row.resolvedAt, JSON.stringify(row));
      for (const row of changes.tokens ?? []) token.run(row.id, idOrder(row.id), row.endsAt, JSON.stringify(row));
      for (const row of changes.silences ?? []) silence.run(row.id, idOrder(row.id), row.endsAt, JSON.stringify(row));
      for (const row of changes.outside ?? []) outside.run(row.key, row.overAt, JSON.stringify(row));
      for (const [prefix, last] of Object.entries(changes.numbers ?? {})) number.run(prefix, last);
      if (changes.settings !== undefined) settings.run(JSON.stringify(changes.settings));
    },
    forget: () => names.clear(),
  };
}

function replace(database: DatabaseSync, table: string, columns: string, keys = "id"): StatementSync {
  const [key, rest] = [keys.split(" "), columns.split(" ")];
  assert(rest.length > 0, "a row has more than its key");
  const updates = rest.map((column) => `${column} = excluded.${column}`).join(", ");
  return database.prepare(
    `${insert(table, [...key, ...rest])} ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${updates}`,
  );
}

function append(database: DatabaseSync, table: string, columns: string): StatementSync {
  return database.prepare(`${insert(table, ["id", ...columns.split(" ")])} ON CONFLICT (id) DO NOTHING`);
}

function insert(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
}
