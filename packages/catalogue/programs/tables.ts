// Rows by table and column name, from a real database: SQLite always, PostgreSQL where it is installed. POST /rows asks one.
// With guards a name must be an identifier; without, it is put into the statement as it came.
import { InvalidInputError, validate } from "@prunella/resilience";
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import process from "node:process";
import { answer, guardsOn, serve } from "./kit.ts";
import { startPostgres, type Postgres } from "./postgres.ts";

const check = validate({ name: "identifiers" });
const scratch = process.env["SCRATCH"] ?? ".";
const sqlite = new DatabaseSync(path.join(scratch, "tables.db"));
const schema = [
  "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)",
  "CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, secret TEXT NOT NULL)",
];
for (const statement of schema) sqlite.exec(statement);
sqlite.exec("DELETE FROM orders; DELETE FROM customers");
const rows = [
  "INSERT INTO orders (id, amount) VALUES (1, 10), (2, 20)",
  "INSERT INTO customers (id, secret) VALUES (1, 'alpha'), (2, 'beta')",
];
for (const statement of rows) sqlite.exec(statement);
const postgres: Postgres | null = await startPostgres(path.join(scratch, "postgres"));
if (postgres !== null) for (const statement of [...schema, ...rows]) await postgres.query(statement);

async function select(database: string, table: unknown, column: unknown): Promise<unknown> {
  const names = guardsOn
    ? { table: check.sqlIdentifier(table, "table"), column: check.sqlIdentifier(column, "column") }
    : { table: String(table), column: String(column) };
  const statement = `SELECT ${names.column} FROM ${names.table}`;
  if (database === "postgres" && postgres !== null) return postgres.query(statement);
  // exec runs stacked statements, as many drivers do.
  sqlite.exec(statement);
  return "done";
}

/** Everything the tables hold, and which tables there are. */
async function fingerprint(): Promise<string> {
  const read = (statement: string): string => {
    try {
      return JSON.stringify(sqlite.prepare(statement).all());
    } catch (error) {
      return String(error);
    }
  };
  const parts = [
    read("SELECT * FROM orders ORDER BY id"),
    read("SELECT * FROM customers ORDER BY id"),
    read("SELECT name FROM sqlite_schema ORDER BY name"),
  ];
  if (postgres !== null)
    for (const statement of [
      "SELECT * FROM orders ORDER BY id",
      "SELECT * FROM customers ORDER BY id",
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    ])
      parts.push(JSON.stringify(await postgres.query(statement).catch((error: unknown) => String(error))));
  return parts.join("\n");
}

serve({
  "/rows": async ({ body }) => {
    const { database, table, column } = JSON.parse(body) as Record<string, unknown>;
    try {
      return { rows: await select(String(database), table, column) };
    } catch (error) {
      if (error instanceof InvalidInputError) return answer(422, { field: error.field, rule: error.rule });
      return answer(400, { error: String(error) });
    }
  },
  "/fingerprint": async () => ({ fingerprint: await fingerprint() }),
  "/state": () => ({ postgres: postgres !== null, refused: check.snapshot().counts["refused"] }),
});
