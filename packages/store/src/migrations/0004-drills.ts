// Runs of drills, kept as evidence: one row each, replaced whole when the run has ended.
import { sql, type Kysely } from "kysely";

const statements = [
  `CREATE TABLE drillRuns (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ord TEXT NOT NULL, drill TEXT NOT NULL,
     startedAt REAL NOT NULL, body TEXT NOT NULL)`,
  "CREATE INDEX drillRunsByTime ON drillRuns (startedAt, ord, drill)",
  "CREATE INDEX drillRunsByDrill ON drillRuns (drill, startedAt, ord)",
];

export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database);
}
