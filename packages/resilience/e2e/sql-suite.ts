// What sqlTransaction promises, on a real database: the same tests for each. Two accounts, 100 each; their sum never changes
// whatever is visible from outside.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import {
  RollbackError,
  sqlTransaction,
  TimeoutError,
  TransactionOverError,
  type SqlConnection,
} from "@prunella/resilience";

export interface TestConnection extends SqlConnection {
  execute(sql: string): Promise<unknown>;
  balance(account: "a" | "b"): Promise<number>;
  close(): Promise<void>;
}

export interface TestDatabase {
  readonly name: string;
  /** Statement for a transaction that reads before it writes. */
  readonly begin: string;
  connect(): Promise<TestConnection>;
  /** Arguments for fixtures/half-way.ts: how another process reaches the same database. */
  readonly address: readonly string[];
}

const add = (account: "a" | "b", amount: number): string =>
  `UPDATE account SET balance = balance + ${amount} WHERE name = '${account}'`;

/** Resolves for everybody once `count` have arrived; later ones pass. */
function barrier(count: number): () => Promise<void> {
  let arrived = 0;
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return () => {
    arrived += 1;
    if (arrived >= count) open();
    return opened;
  };
}

export function sqlSuite(database: () => TestDatabase): void {
  async function withConnections(count: number, use: (...each: TestConnection[]) => Promise<void>): Promise<void> {
    const connections: TestConnection[] = [];
    try {
      for (let at = 0; at < count; at += 1) connections.push(await database().connect());
      const [first] = connections as [TestConnection];
      await first.execute("DROP TABLE IF EXISTS account");
      await first.execute("CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER CHECK (balance >= 0))");
      await first.execute("INSERT INTO account VALUES ('a', 100), ('b', 100)");
      await use(...connections);
    } finally {
      for (const each of connections) await each.close();
    }
  }
  const balances = async (connection: TestConnection): Promise<[number, number]> => [
    await connection.balance("a"),
    await connection.balance("b"),
  ];

  test("MED-005: without a transaction half of a change stays; with one it stays whole or not at all", () =>
    withConnections(2, async (own, other) => {
      const transfer = async (through: SqlConnection): Promise<void> => {
        await through.execute(add("a", 50));
        await through.execute(add("b", -150));
      };
      await assert.rejects(transfer(own));
      assert.deepEqual(await balances(other), [150, 100], "half a change, visible to everybody");
      await own.execute(add("a", -50));

      const changes = sqlTransaction();
      await assert.rejects(
        changes.run(own, ({ connection }) => transfer(connection)),
        /check|constraint/i,
      );
      assert.deepEqual(await balances(other), [100, 100]);
      await changes.run(own, async ({ connection }) => {
        await connection.execute(add("a", -30));
        assert.deepEqual(await balances(other), [100, 100], "not visible before COMMIT");
        await connection.execute(add("b", 30));
      });
      assert.deepEqual(await balances(other), [70, 130]);
    }));

  test("the rollback counter is exact", () =>
    withConnections(1, async (own) => {
      const changes = sqlTransaction();
      let failed = 0;
      for (let turn = 0; turn < 60; turn += 1) {
        const fails = turn % 7 === 3 || turn % 11 === 5;
        const run = changes.run(own, async ({ connection }) => {
          await connection.execute(add("a", 1));
          if (fails) throw new Error("changed my mind");
        });
        if (fails) {
          failed += 1;
          await assert.rejects(run, /changed my mind/);
        } else await run;
      }
      const { begun, committed, rolledBack, rollbackFailures } = changes.snapshot().counts;
      assert.deepEqual(
        { begun, committed, rolledBack, rollbackFailures },
        { begun: 60, committed: 60 - failed, rolledBack: failed, rollbackFailures: 0 },
      );
      assert.equal(await own.balance("a"), 100 + 60 - failed);
    }));

  test("two transactions that block each other: one is rolled back and run again, both changes stay", () =>
    withConnections(2, async (first, second) => {
      const changes = sqlTransaction({ begin: database().begin, attemptsMax: 20, delayMs: 40 });
      const bothHaveBegun = barrier(2);
      const transfer = (own: TestConnection, from: "a" | "b", to: "a" | "b"): Promise<void> =>
        changes.run(own, async ({ connection, attempt }) => {
          await connection.balance(from);
          if (database().name.startsWith("PostgreSQL")) await connection.execute(add(from, -10));
          if (attempt === 1) await bothHaveBegun();
          if (!database().name.startsWith("PostgreSQL")) await connection.execute(add(from, -10));
          await connection.execute(add(to, 10));
        });
      await Promise.all([transfer(first, "a", "b"), transfer(second, "b", "a")]);
      assert.deepEqual(await balances(first), [100, 100]);
      const { committed, deadlocks, rolledBack, begun, rollbackFailures } = changes.snapshot().counts;
      assert.equal(committed, 2);
      assert.ok(deadlocks !== undefined && deadlocks >= 1, "there was a deadlock");
      assert.equal(rolledBack, deadlocks, "each victim was rolled back");
      assert.equal(begun, 2 + deadlocks);
      assert.equal(rollbackFailures, 0);
    }));

  test("a part that fails goes back to its savepoint, the rest stays", () =>
    withConnections(2, async (own, other) => {
      const changes = sqlTransaction();
      await changes.run(own, async (scope) => {
        await scope.connection.execute(add("a", 1));
        await assert.rejects(
          scope.savepoint(async (part) => {
            await part.connection.execute(add("a", 10));
            await part.savepoint((inner) => inner.connection.execute(add("b", -500)));
          }),
          /check|constraint/i,
        );
        await scope.savepoint((part) => part.connection.execute(add("b", 2)));
      });
      assert.deepEqual(await balances(other), [101, 102]);
    }));

  test("the caller's abort and the time bound roll back", () =>
    withConnections(2, async (own, other) => {
      const changes = sqlTransaction({ timeoutMs: 100 });
      const stuck = changes.run(own, async ({ connection, signal }) => {
        await connection.execute(add("a", 10));
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      });
      await assert.rejects(stuck, TimeoutError);
      assert.deepEqual(await balances(other), [100, 100]);
      const caller = new AbortController();
      const aborted = changes.run(
        own,
        async ({ connection }) => {
          await connection.execute(add("a", 10));
          caller.abort(new Error("the user left"));
          await new Promise(() => {});
        },
        { signal: caller.signal },
      );
      await assert.rejects(aborted, { name: "AbortError" });
      assert.deepEqual(await balances(other), [100, 100]);
      assert.equal(changes.snapshot().counts["rolledBack"], 2);
      await changes.run(own, ({ connection }) => connection.execute(add("a", 1)));
      assert.equal(await other.balance("a"), 101, "the connection is good for another one");
    }));

  test("work that goes on after its bound, or after its end, writes neither on its own nor into the next transaction", () =>
    withConnections(2, async (own, other) => {
      const changes = sqlTransaction({ timeoutMs: 100 });
      const goOn = barrier(2);
      let late: Promise<unknown> | undefined;
      const deaf = changes.run(own, ({ connection }) => {
        late = (async () => {
          await connection.execute(add("a", 10));
          await goOn();
          await connection.execute(add("b", -10));
        })().catch((error: unknown) => error);
        return late;
      });
      await assert.rejects(deaf, TimeoutError);
      let kept: SqlConnection | undefined;
      await changes.run(own, async ({ connection }) => {
        kept = connection;
        await connection.execute(add("a", 1));
        void goOn();
        const refused = await late;
        assert.ok(refused instanceof TransactionOverError);
        assert.ok(refused.cause instanceof TimeoutError, "it tells what ended it");
      });
      assert.deepEqual(await balances(other), [101, 100]);
      assert.throws(() => kept?.execute(add("a", 50)), TransactionOverError);
      assert.deepEqual(await balances(other), [101, 100]);
      await own.execute(add("a", -1));
      assert.equal(await other.balance("a"), 100, "the connection itself is as it was");
    }));

  test("a process that is killed half way through leaves nothing", () =>
    withConnections(1, async (own) => {
      const fixture = new URL("./fixtures/half-way.ts", import.meta.url).pathname;
      const child = spawn(process.execPath, [fixture, ...database().address], { stdio: ["ignore", "pipe", "inherit"] });
      const [line] = (await once(child.stdout, "data")) as [Buffer];
      assert.equal(line.toString().trim(), "half way");
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      assert.deepEqual(await balances(own), [100, 100]);
      await sqlTransaction({ attemptsMax: 50 }).run(own, ({ connection }) => connection.execute(add("a", 1)));
      assert.equal(await own.balance("a"), 101, "and no lock is left behind");
    }));

  test("a connection that is lost half way through is told as a failed rollback, and nothing is left", () =>
    withConnections(2, async (own, other) => {
      const changes = sqlTransaction({ endMs: 1000 });
      const lost = changes.run(own, async ({ connection }) => {
        await connection.execute(add("a", 10));
        await connection.close();
        await connection.execute(add("b", -10));
      });
      await assert.rejects(lost, RollbackError);
      assert.equal(changes.snapshot().counts["rollbackFailures"], 1);
      assert.deepEqual(await balances(other), [100, 100]);
    }));
}
