// Every query of the Store port, through Kysely. A unary plus before a column keeps it from choosing the index: a list is
// walked in its own order and filtered on the way (the index holds the filter columns), never collected and sorted.
import {
  compareText,
  cursorOf,
  idOrder,
  markOf,
  pageLimit,
  searchWords,
  severityRank,
  outsideMemoryMs,
  silenceMemoryMs,
  tokenMemoryMs,
  type Comment,
  type DrillRun,
  type DrillRunQuery,
  type EventSignal,
  type Incident,
  type IncidentQuery,
  type Issue,
  type IssueQuery,
  type Learned,
  type Notification,
  type NotificationQuery,
  type Opened,
  type Page,
  type Repair,
  type RepairQuery,
  type SeriesPoint,
  type SeriesQuery,
  type Settings,
  type SignalQuery,
  type Store,
  type Tally,
  type Transition,
  type TransitionQuery,
} from "@prunella/core";
import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Tables } from "./tables.ts";

/** Issues returned by open. */
export const liveIssuesMax = 10_000;
const repairMemoryMs = 24 * 3_600_000;

type Condition = RawBuilder<unknown>;
interface Body {
  readonly body: string;
}
type Read = Pick<
  Store,
  | "issue"
  | "issueByFingerprint"
  | "incident"
  | "repair"
  | "issues"
  | "countIssues"
  | "incidents"
  | "repairs"
  | "transitions"
  | "signals"
> &
  Pick<Store, "series" | "tallies" | "comments" | "learned" | "notifications" | "drillRun" | "drillRuns">;

export function queries(database: Kysely<Tables>): Read {
  const byId = async <T>(table: "issues" | "incidents" | "repairs" | "drillRuns", id: string): Promise<T | null> =>
    first<T>(await database.selectFrom(table).select("body").where("id", "=", id).execute());

  return {
    issue: (id) => byId<Issue>("issues", id),
    incident: (id) => byId<Incident>("incidents", id),
    repair: (id) => byId<Repair>("repairs", id),
    issueByFingerprint: async (fingerprint) =>
      first<Issue>(
        await database
          .selectFrom("issues")
          .select("body")
          .where("fingerprint", "=", fingerprint)
          .orderBy("lastSeen", "desc")
          .orderBy("ord", "desc")
          .limit(1)
          .execute(),
      ),
    issues(query: IssueQuery): Promise<Page<Issue>> {
      const descending = query.descending ?? true;
      const sort = query.sort ?? "lastSeen";
      return page(database, {
        name: `issues ${sort} ${descending}`,
        table: "issues",
        column: sort === "id" ? "ord" : sort,
        descending,
        query,
        where: issueConditions(query),
      });
    },
    async countIssues(query: IssueQuery, most: number): Promise<number> {
      const where = issueConditions(query);
      const condition = where.length === 0 ? sql`` : sql`WHERE ${sql.join(where, sql` AND `)}`;
      const { rows } = await sql<{ count: number }>`
        SELECT count(*) AS count FROM (SELECT 1 FROM issues ${condition} LIMIT ${most})`.execute(database);
      return rows[0]?.count ?? 0;
    },
    incidents: (query: IncidentQuery): Promise<Page<Incident>> =>
      newestFirst(database, "incidents", "detectedAt", query, [
        ...is("issue", query.issue),
        ...is("target", query.target),
        ...among("state", query.state),
        ...range("detectedAt", query),
      ]),
    repairs: (query: RepairQuery): Promise<Page<Repair>> =>
      newestFirst(database, "repairs", "createdAt", query, [
        ...is("issue", query.issue),
        ...is("incident", query.incident),
        ...is("target", query.target),
        ...unindexed("remedy", query.remedy),
        ...among("state", query.state),
        ...range("createdAt", query),
      ]),
    transitions: (query: TransitionQuery): Promise<Page<Transition>> =>
      newestFirst(database, "transitions", "at", query, [
        ...is("issue", query.issue),
        ...is("incident", query.incident),
        ...is("target", query.target),
        ...range("at", query),
      ]),
    signals: (query: SignalQuery): Promise<Page<EventSignal>> =>
      newestFirst(database, "signals", "at", query, [
        ...is("target", query.target),
        ...unindexed("type", query.type),
        ...range("at", query),
      ]),
    notifications: (query: NotificationQuery): Promise<Page<Notification>> =>
      newestFirst(database, "notifications", "at", query, [
        sql`receiver IS NOT NULL`,
        ...is("issue", query.issue),
        ...unindexed("receiver", query.receiver),
      ]),
    async series(query: SeriesQuery): Promise<readonly SeriesPoint[]> {
      let select = database
        .selectFrom("seriesNames")
        .innerJoin("series", "series.name", "seriesNames.seq")
        .select(["target", "metric", "at", "min", "mean", "max", "last", "count"])
        .where("target", "=", query.target)
        .where("at", ">=", query.from)
        .where("at", "<", query.to);
      if (query.metric !== undefined) select = select.where("metric", "=", query.metric);
      return (await select.orderBy("at").orderBy("metric").execute()).map((row) => ({ ...row }));
    },
    async tallies(query): Promise<readonly Tally[]> {
      let select = database
        .selectFrom("tallies")
        .select(["target", "hour", "watchedMs", "goodMs", "requests", "errors", "latency"])
        .where("hour", ">=", query.from)
        .where("hour", "<", query.to);
      if (query.target !== undefined) select = select.where("target", "=", query.target);
      return (await select.orderBy("hour").orderBy("target").execute()).map((row) => ({
        ...row,
        latency: JSON.parse(row.latency) as Tally["latency"],
      }));
    },
    drillRun: (id) => byId<DrillRun>("drillRuns", id),
    drillRuns: (query: DrillRunQuery): Promise<Page<DrillRun>> =>
      newestFirst(database, "drillRuns", "startedAt", query, [
        ...is("drill", query.drill),
        ...range("startedAt", query),
      ]),
    learned: async (): Promise<readonly Learned[]> =>
      parsed<Learned>(await database.selectFrom("learned").select("body").orderBy("id").execute()),
    comments: async (issue) =>
      parsed<Comment>(
        await database
          .selectFrom("comments")
          .select("body")
          .where("issue", "=", issue)
          .orderBy("at")
          .orderBy("ord")
          .execute(),
      ),
  };
}

/** What open returns, after the epoch was raised. */
export async function opened(database: Kysely<Tables>): Promise<Opened> {
  const meta = await database.selectFrom("meta").selectAll().executeTakeFirstOrThrow();
  // Two queries, each on an index of its own: an OR would read the whole table.
  const live = await database
    .selectFrom("repairs")
    .select("body")
    .where(sql<boolean>`state <> 'ended'`)
    .execute();
  const ended = await database
    .selectFrom("repairs")
    .select("body")
    .where("endedAt", ">=", meta.lastAt - repairMemoryMs)
    .execute();
  return {
    epoch: meta.epoch,
    sequence: meta.sequence,
    lastAt: meta.lastAt,
    settings: meta.settings === null ? noSettings : (JSON.parse(meta.settings) as Settings),
    issues: parsed(
      await database
        .selectFrom("issues")
        .select("body")
        .where(sql<boolean>`status <> 'fixed' AND status <> 'ignored'`)
        .orderBy("lastSeen", "desc")
        .orderBy("ord", "desc")
        .limit(liveIssuesMax)
        .execute(),
    ),
    incidents: parsed(
      await database
        .selectFrom("incidents")
        .select("body")
        .where(sql<boolean>`state <> 'ended'`)
        .orderBy("ord")
        .execute(),
    ),
    repairs: parsed<Repair>([...live, ...ended]).sort((a, b) => compareText(idOrder(a.id), idOrder(b.id))),
    numbers: Object.fromEntries(
      (await database.selectFrom("numbers").select(["id", "number"]).execute()).map((row) => [row.id, row.number]),
    ),
    standings: parsed(await database.selectFrom("standings").select("body").orderBy("id").execute()),
    outbox: parsed(
      await database
        .selectFrom("notifications")
        .select("body")
        .where(sql<boolean>`deliveredAt IS NULL`)
        .orderBy("dueAt")
        .orderBy("id")
        .execute(),
    ),
    alerts: parsed(
      await database
        .selectFrom("alerts")
        .select("body")
        .where(sql<boolean>`resolvedAt IS NULL`)
        .orderBy("at")
        .orderBy("ord")
        .execute(),
    ),
    silences: parsed(
      await database
        .selectFrom("silences")
        .select("body")
        .where("endsAt", ">=", meta.lastAt - silenceMemoryMs)
        .orderBy("ord")
        .execute(),
    ),
    outside: parsed(
      await database
        .selectFrom("outside")
        .select("body")
        .where((where) => where.or([where("overAt", "is", null), where("overAt", ">=", meta.lastAt - outsideMemoryMs)]))
        .orderBy("id")
        .execute(),
    ),
    tokens: parsed(
      await database
        .selectFrom("tokens")
        .select("body")
        .where((where) => where.or([where("endsAt", "is", null), where("endsAt", ">=", meta.lastAt - tokenMemoryMs)]))
        .orderBy("ord")
        .execute(),
    ),
  };
}

function issueConditions(query: IssueQuery): Condition[] {
  return [
    ...among("status", query.status),
    ...among("severity", query.severity?.map(severityRank)),
    ...among("selfHealing", query.selfHealing),
    ...is("target", query.target),
    ...unindexed("kind", query.kind),
    ...unindexed("needsPerson", query.needsPerson === undefined ? undefined : Number(query.needsPerson)),
    ...unindexed("regressed", query.regressed === undefined ? undefined : Number(query.regressed)),
    ...is("assignee", query.assignee),
    ...(query.assigned === undefined ? [] : [query.assigned ? sql`assignee IS NOT NULL` : sql`+assignee IS NULL`]),
    ...searchWords(query.text).map((word) => sql`instr(words, ${word}) > 0`),
  ];
}

const noSettings: Settings = { paused: null, pausedTargets: {}, maintenance: [], storm: null };

interface List {
  /** Names list, sort and direction for the cursor. */
  readonly name: string;
  readonly table: "issues" | "incidents" | "repairs" | "transitions" | "signals" | "notifications" | "drillRuns";
  readonly column: string;
  readonly descending: boolean;
  readonly query: { readonly limit?: number; readonly after?: string | null };
  readonly where: readonly Condition[];
}

function newestFirst<T>(
  database: Kysely<Tables>,
  table: List["table"],
  column: string,
  query: List["query"],
  where: readonly Condition[],
): Promise<Page<T>> {
  return page(database, { name: table, table, column, descending: true, query, where });
}

async function page<T>(database: Kysely<Tables>, list: List): Promise<Page<T>> {
  const limit = pageLimit(list.query.limit);
  const mark = markOf(list.name, list.query.after);
  const column = sql.ref(list.column);
  const direction = sql.raw(list.descending ? "DESC" : "ASC");
  const beyond = sql.raw(list.descending ? "<" : ">");
  const where = [...list.where];
  if (mark !== null) where.push(sql`(${column}, ord) ${beyond} (${mark.value}, ${mark.order})`);
  const condition = where.length === 0 ? sql`` : sql`WHERE ${sql.join(where, sql` AND `)}`;
  const { rows } = await sql<Body & { value: number | string; ord: string }>`
    SELECT body, ${column} AS value, ord FROM ${sql.table(list.table)} ${condition}
    ORDER BY ${column} ${direction}, ord ${direction} LIMIT ${limit + 1}`.execute(database);
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return {
    items: parsed<T>(rows.slice(0, limit)),
    next: last === undefined ? null : cursorOf(list.name, { value: last.value, order: last.ord }),
  };
}

function is(column: string, value: string | undefined): Condition[] {
  return value === undefined ? [] : [sql`${sql.ref(column)} = ${value}`];
}

function unindexed(column: string, value: string | number | undefined): Condition[] {
  return value === undefined ? [] : [sql`+${sql.ref(column)} = ${value}`];
}

function among(column: string, values: readonly (string | number)[] | undefined): Condition[] {
  if (values === undefined) return [];
  return [values.length === 0 ? sql`0` : sql`+${sql.ref(column)} IN (${sql.join(values)})`];
}

function range(column: string, { from, to }: { readonly from?: number; readonly to?: number }): Condition[] {
  const name = sql.ref(column);
  return [
    ...(from === undefined ? [] : [sql`${name} >= ${from}`]),
    ...(to === undefined ? [] : [sql`${name} < ${to}`]),
  ];
}

function first<T>(rows: readonly Body[]): T | null {
  return parsed<T>(rows)[0] ?? null;
}

function parsed<T>(rows: readonly Body[]): T[] {
  return rows.map((row) => JSON.parse(row.body) as T);
}
