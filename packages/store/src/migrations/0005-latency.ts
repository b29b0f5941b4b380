// Hourly tallies carry how long requests took, as counts per bucket, so that percentiles are taken over any period.
import { sql, type Kysely } from "kysely";

export async function up(database: Kysely<unknown>): Promise<void> {
  await sql.raw("ALTER TABLE tallies ADD COLUMN latency TEXT NOT NULL DEFAULT '[]'").execute(database);
}
