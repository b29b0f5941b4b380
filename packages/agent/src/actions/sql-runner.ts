// The process that executes one SQL statement with its values apart (never put into the text) and ends. SQLite through
// node:sqlite; PostgreSQL through psql, which is there where PostgreSQL is: it binds values by name and quotes them itself.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import type { Answer } from "./apart.ts";

interface Order {
  readonly database: string;
  readonly statement: string;
  readonly values: readonly (string | number | null)[];
  readonly cwd: string;
}

/** Rows told of, at most. */
const rowsMax = 20;

function answer(of: Answer): void {
  process.stdout.write(`\nprunella-answer ${JSON.stringify(of)}\n`);
}

async function sqlite(order: Order): Promise<void> {
  const file = path.resolve(order.cwd, order.database.slice("sqlite:".length));
  if (!existsSync(file)) return answer({ ok: false, detail: `there is no database ${file}`, before: true });
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    const statement = database.prepare(order.statement);
    if (statement.columns().length > 0) {
      const rows = statement.all(...order.values);
      answer({ ok: true, detail: `${rows.length} rows: ${JSON.stringify(rows.slice(0, rowsMax))}`, before: false });
    } else {
      const { changes } = statement.run(...order.values);
      answer({ ok: true, detail: `${changes} rows changed`, before: false });
    }
  } catch (error) {
    // One statement is one transaction: what failed has changed nothing.
    answer({ ok: false, detail: error instanceof Error ? error.message : String(error), before: true });
  } finally {
    database.close();
  }
}

function postgres(order: Order): void {
  // $1, $2 … become :'v1', :'v2' …, which psql replaces by quoted literals.
  const statement = order.statement.replace(/\$(\d+)/g, (_, at: string) =>
    order.values[Number(at) - 1] === null ? "NULL" : `:'v${at}'`,
  );
  const variables = order.values.flatMap((value, at) => (value === null ? [] : ["-v", `v${at + 1}=${value}`]));
  const { address, password } = apartFrom(order.database);
  const done = spawnSync(
    "psql",
    ["--no-psqlrc", "--no-password", "--quiet", "--csv", "-v", "ON_ERROR_STOP=1", ...variables, "-f", "-", address],
    {
      input: `${statement.replace(/;\s*$/, "")};\n`,
      encoding: "utf8",
      maxBuffer: 1_000_000,
      ...(password === null ? {} : { env: { ...process.env, PGPASSWORD: password } }),
    },
  );
  if (done.error !== undefined)
    return answer({
      ok: false,
      detail: `psql cannot be run (${done.error.message}): install postgresql-client`,
      before: true,
    });
  if (done.status === 0)
    return answer({ ok: true, detail: done.stdout.trim().slice(0, 4_000) || "done", before: false });
  // psql: 2 means that no connection was had. One statement is one transaction; of several the first may have been committed.
  const several = /;\s*\S/.test(order.statement);
  answer({
    ok: false,
    detail: done.stderr.trim().slice(0, 2_000),
    before: done.status === 2 || (!several && /ERROR:/.test(done.stderr)),
  });
}

/** The password goes by the environment: the list of processes shows everybody what programs are started with. */
function apartFrom(database: string): { readonly address: string; readonly password: string | null } {
  const parts = /^(\w+:\/\/[^:/@?]*):([^/@]*)(@.*)$/s.exec(database);
  return parts === null
    ? { address: database, password: null }
    : { address: `${parts[1]}${parts[3]}`, password: decodeURIComponent(parts[2] ?? "") };
}

const order = JSON.parse(process.env["PRUNELLA_ORDER"] ?? "{}") as Order;
if (order.database.startsWith("sqlite:")) await sqlite(order);
else if (/^postgres(?:ql)?:\/\//.test(order.database)) postgres(order);
else answer({ ok: false, detail: "the database is neither sqlite:FILE nor postgres://…", before: true });
