// What detectors have learned survives a restart: one row each, replaced whole.
import { sql, type Kysely } from "kysely";

const statements = [
  "CREATE TABLE learned (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, body TEXT NOT NULL)",
  "CREATE INDEX learnedByTime ON learned (at)",
];

export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database);
}
