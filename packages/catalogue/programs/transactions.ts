// Money that moves between two accounts: the sum never changes, whatever happens in the middle. POST /transfer?then=hang|throw|timeout
// breaks one on the way; POST /deadlock lets two wait for each other's rows (in PostgreSQL, where it is installed).
import { sqlTransaction } from "@prunella/resilience";
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import process from "node:process";
import { guardsOn, serve, sleep } from "./kit.ts";
import { startPostgres } from "./postgres.ts";

const scratch = process.env["SCRATCH"] ?? ".";
const file = path.join(scratch, "accounts.db");
const database = new DatabaseSync(file, { timeout: 1_000 });
database.exec("PRAGMA journal_mode = WAL");
database.exec("CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, amount INTEGER NOT NULL)");
database.exec("INSERT OR IGNORE INTO accounts VALUES ('a', 500), ('b', 500)");
const transactions = sqlTransaction({ name: "transfers", begin: "BEGIN IMMEDIATE", timeoutMs: 500 });
const inPostgres = sqlTransaction({ name: "postgres", timeoutMs: 5_000, attemptsMax: 5 });
const postgres = await startPostgres(path.join(scratch, "postgres"));
if (postgres !== null) {
  await postgres.query("CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, amount INTEGER NOT NULL)");
  await postgres.query("INSERT INTO accounts VALUES ('a', 500), ('b', 500) ON CONFLICT DO NOTHING");
}

/** A second reader, as another part of the system would be: sees only what is committed. */
const reader = new DatabaseSync(file, { readOnly: true, timeout: 1_000 });
const wrong: number[] = [];
setInterval(() => {
  try {
    const sum = Number(reader.prepare("SELECT sum(amount) AS sum FROM accounts").get()?.["sum"]);
    if (sum !== 1_000) wrong.push(sum);
  } catch {
    // Locked for a moment.
  }
}, 20).unref();

/** Heeds its signal: what has been given up must not go on outside of its transaction. */
async function half(
  execute: (sql: string) => unknown,
  then: string,
  signal?: { readonly aborted: boolean },
): Promise<void> {
  await execute("UPDATE accounts SET amount = amount - 100 WHERE name = 'a'");
  await sleep(100);
  if (then === "throw") throw new Error("something went wrong between the two halves");
  if (then === "hang" || then === "timeout") await sleep(then === "hang" ? 60_000 : 3_000);
  if (signal?.aborted === true) return;
  await execute("UPDATE accounts SET amount = amount + 100 WHERE name = 'b'");
}

serve({
  "/transfer": async ({ query }) => {
    const then = query.get("then") ?? "";
    const execute = (sql: string): void => database.exec(sql);
    try {
      if (guardsOn && then === "hang")
        await sqlTransaction({ begin: "BEGIN IMMEDIATE", timeoutMs: 120_000 }).run({ execute }, () =>
          half(execute, then),
        );
      else if (guardsOn) await transactions.run({ execute }, (scope) => half(execute, then, scope.signal));
      else await half(execute, then);
      return { done: true };
    } catch (error) {
      return { done: false, error: String(error) };
    }
  },
  "/deadlock": async () => {
    const outcomes = await (postgres === null ? twoInSqlite() : twoInPostgres());
    return {
      database: postgres === null ? "sqlite" : "postgres",
      committed: outcomes.filter((each) => each === "committed").length,
      outcomes,
      sum:
        postgres === null
          ? sumOf(database)
          : Number((await postgres.query("SELECT sum(amount) FROM accounts"))[0]?.[0]),
    };
  },
  "/state": () => {
    const own = transactions.snapshot().counts;
    const other = inPostgres.snapshot().counts;
    return {
      sum: sumOf(database),
      partialSeen: wrong.length,
      rolledBack: own["rolledBack"],
      deadlocks: (own["deadlocks"] ?? 0) + (other["deadlocks"] ?? 0),
      rolledBackForDeadlocks: other["rolledBack"],
    };
  },
});

function sumOf(of: DatabaseSync): number {
  return Number(of.prepare("SELECT sum(amount) AS sum FROM accounts").get()?.["sum"]);
}

/** Each takes one row, waits, and wants the other's. */
async function twoInPostgres(): Promise<string[]> {
  if (postgres === null) return [];
  const one = async (first: string, second: string): Promise<string> => {
    const connection = await postgres.connection();
    const move = async (): Promise<void> => {
      await connection.query(`UPDATE accounts SET amount = amount - 10 WHERE name = '${first}'`);
      await sleep(150);
      await connection.query(`UPDATE accounts SET amount = amount + 10 WHERE name = '${second}'`);
    };
    try {
      if (guardsOn) await inPostgres.run({ execute: (sql) => connection.query(sql) }, move);
      else {
        await connection.query("BEGIN");
        await move();
        await connection.query("COMMIT");
      }
      return "committed";
    } catch (error) {
      return String(error);
    } finally {
      connection.close();
    }
  };
  return Promise.all([one("a", "b"), one("b", "a")]);
}

/** Both read, then both want to write: SQLite refuses the second at once, because waiting could never end. */
async function twoInSqlite(): Promise<string[]> {
  const guard = sqlTransaction({ name: "sqlite", begin: "BEGIN", attemptsMax: 10, timeoutMs: 5_000 });
  const one = async (first: string, second: string): Promise<string> => {
    const own = new DatabaseSync(file, { timeout: 0 });
    const execute = (sql: string): void => own.exec(sql);
    const move = async (): Promise<void> => {
      own.prepare("SELECT * FROM accounts").all();
      await sleep(150);
      execute(`UPDATE accounts SET amount = amount - 10 WHERE name = '${first}'`);
      await sleep(20);
      execute(`UPDATE accounts SET amount = amount + 10 WHERE name = '${second}'`);
    };
    try {
      if (guardsOn) await guard.run({ execute }, move);
      else {
        execute("BEGIN");
        await move();
        execute("COMMIT");
      }
      return "committed";
    } catch (error) {
      return String(error);
    } finally {
      own.close();
    }
  };
  return Promise.all([one("a", "b"), one("b", "a")]);
}
