// Two more filters of the issue list, filled from the records that are there already.
import { sql, type Kysely } from "kysely";

const statements = [
  "ALTER TABLE issues ADD COLUMN assignee TEXT",
  "ALTER TABLE issues ADD COLUMN regressed INTEGER NOT NULL DEFAULT 0",
  `UPDATE issues SET assignee = json_extract(body, '$.assignee'), regressed = json_extract(body, '$.regressed')
     WHERE json_valid(body) AND (json_extract(body, '$.assignee') IS NOT NULL OR json_extract(body, '$.regressed'))`,
  "CREATE INDEX issuesByAssignee ON issues (assignee, lastSeen, ord) WHERE assignee IS NOT NULL",
];

export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database);
}
