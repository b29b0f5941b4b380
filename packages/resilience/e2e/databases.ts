// The two databases as the tests see them: a connection that runs statements one after another.
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import type { TestConnection } from "./sql-suite.ts";

export async function sqliteConnection(file: string): Promise<TestConnection> {
  const database = new DatabaseSync(file);
  // A database that is busy says so at once: waiting in SQLite would block the thread.
  database.exec("PRAGMA busy_timeout = 0");
  return {
    execute: async (sql) => database.exec(sql),
    balance: async (account) =>
      Number(database.prepare("SELECT balance FROM account WHERE name = ?").get(account)?.["balance"]),
    close: async () => {
      if (database.isOpen) database.close();
    },
  };
}

export async function postgresConnection(options: ConstructorParameters<typeof Client>[0]): Promise<TestConnection> {
  const client = new Client(options);
  // Told to whoever runs the next statement; without a listener it would end the process.
  client.on("error", () => {});
  await client.connect();
  return {
    execute: (sql) => client.query(sql),
    balance: async (account) =>
      Number((await client.query(`SELECT balance FROM account WHERE name = '${account}'`)).rows[0]?.["balance"]),
    close: () => client.end(),
  };
}
