// Alerts, silences and alerts from outside; and the columns by which notifications are listed.
import { sql, type Kysely } from "kysely";

const statements = [
  "ALTER TABLE notifications ADD COLUMN ord TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE notifications ADD COLUMN at REAL NOT NULL DEFAULT 0",
  "ALTER TABLE notifications ADD COLUMN issue TEXT",
  "ALTER TABLE notifications ADD COLUMN receiver TEXT",
  `UPDATE notifications SET ord = id, at = coalesce(json_extract(body, '$.at'), 0), issue = json_extract(body, '$.issue')
     WHERE json_valid(body)`,
  "CREATE INDEX notificationsByTime ON notifications (at, ord, receiver) WHERE receiver IS NOT NULL",
  "CREATE INDEX notificationsByIssue ON notifications (issue, at, ord) WHERE receiver IS NOT NULL",
  `CREATE TABLE alerts (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ord TEXT NOT NULL, at REAL NOT NULL,
     resolvedAt REAL, body TEXT NOT NULL)`,
  "CREATE INDEX alertsLive ON alerts (at, ord) WHERE resolvedAt IS NULL",
  "CREATE INDEX alertsResolved ON alerts (resolvedAt) WHERE resolvedAt IS NOT NULL",
  "CREATE TABLE silences (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ord TEXT NOT NULL, endsAt REAL NOT NULL, body TEXT NOT NULL)",
  "CREATE INDEX silencesByEnd ON silences (endsAt)",
  "CREATE TABLE outside (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, overAt REAL, body TEXT NOT NULL)",
  "CREATE INDEX outsideLive ON outside (id) WHERE overAt IS NULL",
  "CREATE INDEX outsideOver ON outside (overAt) WHERE overAt IS NOT NULL",
];

export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database);
}
