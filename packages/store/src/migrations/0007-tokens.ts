// Named tokens of the API: digests, never secrets.
import { sql, type Kysely } from "kysely";

const statements = [
  "CREATE TABLE tokens (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ord TEXT NOT NULL, endsAt REAL, body TEXT NOT NULL)",
  "CREATE INDEX tokensByEnd ON tokens (endsAt) WHERE endsAt IS NOT NULL",
];

export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database);
}
