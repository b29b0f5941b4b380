// sqlTransaction on real databases: node:sqlite in this process, in both of its journal modes, and PostgreSQL.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import {
  memoryQuotaStore,
  realSystem,
  RollbackError,
  sharedQuota,
  sqlTransaction,
  TransactionOverError,
} from "@prunella/resilience";
import type { QuotaStore } from "@prunella/resilience";
import { Client } from "pg";
import { postgresConnection, sqliteConnection } from "./databases.ts";
import { type Cluster, postgresBin, startCluster } from "../../../tools/product/postgres.ts";
import { sqlSuite } from "./sql-suite.ts";

test("node:sqlite: a statement prepared inside a transaction is of no use after it", async () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER)");
  const connection = { execute: (sql: string) => database.exec(sql), prepare: (sql: string) => database.prepare(sql) };
  const changes = sqlTransaction();
  const insert = await changes.run(connection, (scope) => {
    const prepared = scope.connection.prepare("INSERT INTO account VALUES (?, 100)");
    prepared.run("a");
    return prepared;
  });
  assert.throws(() => insert.run("b"), TransactionOverError);
  // A row is handed on as it is.
  const read = await changes.run(connection, (scope) => scope.connection.prepare("SELECT * FROM account").all());
  assert.deepEqual(
    read.map((row) => ({ ...row })),
    [{ name: "a", balance: 100 }],
  );
  assert.equal(changes.snapshot().counts["late"], 1);
  database.close();
});

for (const journal of ["DELETE", "WAL"]) {
  describe(`SQLite, journal ${journal}`, { timeout: 60_000 }, () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "prunella-sql-"));
    const file = path.join(folder, "accounts.db");
    before(async () => {
      const first = await sqliteConnection(file);
      await first.execute(`PRAGMA journal_mode = ${journal}`);
      await first.close();
    });
    after(() => rmSync(folder, { recursive: true, force: true }));
    sqlSuite(() => ({
      name: `SQLite ${journal}`,
      begin: "BEGIN",
      connect: () => sqliteConnection(file),
      address: ["sqlite", file],
    }));
  });
}

const found = postgresBin();
// Skipped on a machine without the server; in CI it must be there.
const skip = "missing" in found && !process.env["CI"] ? found.missing : false;
if (skip !== false) console.log(`skipped: ${skip}`);

describe("PostgreSQL", { timeout: 120_000, skip }, () => {
  let cluster: Cluster;
  before(async () => {
    if ("missing" in found) throw new Error(found.missing);
    cluster = await startCluster(found.bin);
  });
  after(() => cluster?.stop());
  sqlSuite(() => ({
    name: "PostgreSQL",
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    connect: () => postgresConnection(cluster.connection),
    address: ["postgres", cluster.connection.host],
  }));

  test("a serialisation failure is run again", async () => {
    const connections = await Promise.all([1, 2].map(() => postgresConnection(cluster.connection)));
    const [first, second] = connections as [(typeof connections)[0], (typeof connections)[0]];
    await first.execute("DROP TABLE IF EXISTS account");
    await first.execute("CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER)");
    await first.execute("INSERT INTO account VALUES ('a', 100), ('b', 100)");
    const changes = sqlTransaction({ begin: "BEGIN ISOLATION LEVEL SERIALIZABLE", attemptsMax: 10 });
    let arrived = 0;
    // Each may take 150 from the two accounts together; without serialisation both would.
    const withdraw = (own: (typeof connections)[0], from: "a" | "b"): Promise<boolean> =>
      changes.run(own, async ({ connection, attempt }) => {
        const sum = (await connection.balance("a")) + (await connection.balance("b"));
        if (attempt === 1) {
          arrived += 1;
          while (arrived < 2) await new Promise((resolve) => setTimeout(resolve, 5));
        }
        if (sum < 150) return false;
        await connection.execute(`UPDATE account SET balance = balance - 150 WHERE name = '${from}'`);
        return true;
      });
    const took = await Promise.all([withdraw(first, "a"), withdraw(second, "b")]);
    assert.equal(took.filter(Boolean).length, 1, "one of them saw what the other had done");
    assert.equal((await first.balance("a")) + (await first.balance("b")), 50);
    assert.ok((changes.snapshot().counts["deadlocks"] ?? 0) >= 1);
    for (const each of connections) await each.close();
  });

  test("a statement that failed and whose error was swallowed: nothing is committed, and the caller is told", async () => {
    const own = await postgresConnection(cluster.connection);
    await own.execute("UPDATE account SET balance = 100");
    const changes = sqlTransaction();
    const swallowed = changes.run(own, async ({ connection }) => {
      await connection.execute("UPDATE account SET balance = 7");
      await connection.execute("SELECT 1 / 0").catch(() => {});
    });
    await assert.rejects(swallowed, { code: "PRUNELLA_NOT_COMMITTED" });
    assert.equal(await own.balance("a"), 100);
    assert.equal(changes.snapshot().counts["committed"], 0);
    await own.close();
  });

  test("the store of the documentation decides as the reference store, and many at once pass no more than the quota", async () => {
    const page = readFileSync(path.resolve(import.meta.dirname, "../../../docs/resilience/shared-quota.md"), "utf8");
    const statement = /```sql\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
    const clients = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const client = new Client(cluster.connection);
        await client.connect();
        return client;
      }),
    );
    const storeOf = (client: Client): QuotaStore => ({
      async take(key, costMs, allowanceMs, nowMs) {
        const { rows } = await client.query(statement, [key, costMs, allowanceMs, nowMs]);
        return (rows[0] ?? { taken: false, arrival: 0 }) as { taken: boolean; arrival: number };
      },
    });
    const [first] = clients as [Client];
    await first.query("CREATE TABLE quota (key text PRIMARY KEY, arrival float8)");
    const reference = memoryQuotaStore();
    const own = storeOf(first);
    let now = 1_700_000_000_000;
    for (let at = 0; at < 200; at += 1) {
      now += (at * 37) % 50;
      const args = [`key ${at % 3}`, 1 + ((at * 13) % 90), 80, now] as const;
      // An arrival that has passed says nothing: the reference may have forgotten it.
      const [theirs, ours] = [await reference.take(...args), await own.take(...args)].map(({ taken, arrival }) => ({
        taken,
        arrival: Math.max(arrival, now),
      }));
      assert.deepEqual(ours, theirs, `request ${at}`);
    }
    const system = { ...realSystem, wallNow: () => now };
    const quotas = clients.map((client) =>
      sharedQuota({ system, store: storeOf(client), limit: 18, periodMs: 1000, burst: 5, storeMs: 10_000 }),
    );
    const decisions = await Promise.all(quotas.map((quota) => quota.check("all")));
    assert.equal(decisions.filter(({ allowed }) => allowed).length, 5);
    assert.ok(decisions.every(({ allowed, retryAfterMs }) => allowed || retryAfterMs >= 1));
    for (const client of clients) await client.end();
  });

  test("a statement that hangs beyond both bounds: the connection is given up, and nothing is left", async () => {
    const own = await postgresConnection(cluster.connection);
    const other = await postgresConnection(cluster.connection);
    await other.execute("UPDATE account SET balance = 100");
    const changes = sqlTransaction({ timeoutMs: 100, endMs: 100 });
    const hung = changes.run(own, async ({ connection }) => {
      await connection.execute("UPDATE account SET balance = balance - 1");
      await connection.execute("SELECT pg_sleep(2)");
    });
    await assert.rejects(
      hung,
      (error: unknown) => error instanceof RollbackError && /took longer/.test(String(error.cause)),
    );
    assert.equal(await other.balance("a"), 100);
    await own.close();
    assert.equal(await other.balance("a"), 100);
    await other.close();
  });
});
