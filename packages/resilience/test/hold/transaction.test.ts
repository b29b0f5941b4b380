import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  AbortedError,
  CommitUnknownError,
  isDeadlockError,
  TimeoutError,
  RollbackError,
  sqlTransaction,
  transaction,
  TransactionOverError,
} from "@prunella/resilience";
import type { SqlScope } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import type { ManualSystem } from "@prunella/resilience/testing";

const after = (system: ManualSystem, ms: number): Promise<void> =>
  new Promise((resolve) => void system.setTimer(resolve, ms));

test("MED-005: without compensation half of a change stays; a transaction undoes what was done, last first", async () => {
  const naive = { from: 100, to: 0 };
  const transfer = async (): Promise<void> => {
    naive.from -= 40;
    await Promise.reject(new Error("no such account"));
    naive.to += 40;
  };
  await assert.rejects(transfer());
  assert.deepEqual(naive, { from: 60, to: 0 }, "40 are gone");

  const log: string[] = [];
  const account = { from: 100, to: 0 };
  const own = transaction({ system: manualSystem() });
  const failing = own.run(async (scope) => {
    await scope.step(
      "withdraw",
      () => (account.from -= 40),
      () => (log.push("undo withdraw"), (account.from += 40)),
    );
    await scope.step(
      "note",
      () => log.push("noted"),
      () => log.push("undo note"),
    );
    await scope.step(
      "deposit",
      () => Promise.reject(new Error("no such account")),
      () => log.push("never"),
    );
  });
  await assert.rejects(failing, /no such account/);
  assert.deepEqual(account, { from: 100, to: 0 });
  assert.deepEqual(log, ["noted", "undo note", "undo withdraw"]);
  assert.equal(own.snapshot().counts["rolledBack"], 1);
});

test("a timeout rolls back, and a step that succeeds later is undone when it does", async () => {
  const system = manualSystem();
  const log: string[] = [];
  const own = transaction({ system, timeoutMs: 100, undoMs: 50 });
  const running = own.run(async (scope) => {
    await scope.step(
      "first",
      () => void log.push("first"),
      () => log.push("undo first"),
    );
    await scope.step(
      "slow",
      () => after(system, 500),
      () => log.push("undo slow"),
    );
  });
  const rejected = assert.rejects(running, TimeoutError);
  await system.advance(200);
  await rejected;
  assert.deepEqual(log, ["first", "undo first"]);
  await system.advance(400);
  assert.deepEqual(log, ["first", "undo first", "undo slow"]);
  assert.equal(own.snapshot().counts["lateUndone"], 1);
  assert.equal(system.pending, 0);
});

test("a step in flight at the timeout that ends soon is undone before those it followed", async () => {
  const system = manualSystem();
  const log: string[] = [];
  const own = transaction({ system, timeoutMs: 100 });
  const rejected = assert.rejects(
    own.run(async (scope) => {
      await scope.step(
        "first",
        () => {},
        () => log.push("undo first"),
      );
      await scope.step(
        "second",
        () => after(system, 120),
        () => log.push("undo second"),
      );
    }),
  );
  await system.advance(200);
  await rejected;
  assert.deepEqual(log, ["undo second", "undo first"]);
});

test("no step begins after the end", async () => {
  const system = manualSystem();
  let late: unknown;
  const own = transaction({ system, timeoutMs: 10 });
  const rejected = assert.rejects(
    own.run(async (scope) => {
      await after(system, 20);
      await scope
        .step(
          "late",
          () => assert.fail("ran"),
          () => {},
        )
        .catch((error: unknown) => (late = error));
    }),
  );
  await system.advance(50_000);
  await rejected;
  assert.ok(late instanceof AbortedError && late.cause instanceof TimeoutError);
});

test("a compensation that fails does not stop the others, and the first cause is kept", async () => {
  const log: string[] = [];
  const own = transaction({ system: manualSystem() });
  const failing = own.run(async (scope) => {
    await scope.step(
      "a",
      () => {},
      () => log.push("undo a"),
    );
    await scope.step(
      "b",
      () => {},
      () => Promise.reject(new Error("undo b failed")),
    );
    throw new Error("why");
  });
  await assert.rejects(
    failing,
    (error) => error instanceof RollbackError && error.failures.length === 1 && /why/.test(String(error.cause)),
  );
  assert.deepEqual(log, ["undo a"]);
});

test("a savepoint undoes only its part; its steps go with the whole later on", async () => {
  const log: string[] = [];
  const own = transaction({ system: manualSystem() });
  await assert.rejects(
    own.run(async (scope) => {
      await scope.step(
        "outer",
        () => {},
        () => log.push("undo outer"),
      );
      await scope
        .savepoint(async (part) => {
          await part.step(
            "inner",
            () => {},
            () => log.push("undo inner"),
          );
          throw new Error("inner trouble");
        })
        .catch(() => log.push("went on"));
      await scope.savepoint((part) =>
        part.step(
          "kept",
          () => {},
          () => log.push("undo kept"),
        ),
      );
      throw new Error("outer trouble");
    }),
    /outer trouble/,
  );
  assert.deepEqual(log, ["undo inner", "went on", "undo kept", "undo outer"]);
});

test("a lost deadlock is rolled back and run again after a random delay; other errors are not", async () => {
  const system = manualSystem();
  const undone: number[] = [];
  const own = transaction({ system, attemptsMax: 3 });
  const running = own.run(async (scope) => {
    await scope.step(
      "write",
      () => scope.attempt,
      (attempt) => undone.push(attempt),
    );
    if (scope.attempt < 3) throw Object.assign(new Error("deadlock detected"), { code: "40P01" });
    return scope.attempt;
  });
  await system.advance(1000);
  assert.equal(await running, 3);
  assert.deepEqual(undone, [1, 2]);
  assert.equal(own.snapshot().counts["deadlocks"], 2);
  let runs = 0;
  await assert.rejects(
    own.run(() => Promise.reject(new Error(`plain ${(runs += 1)}`))),
    /plain 1/,
  );
});

test("the caller's abort rolls back and rejects with its reason", async () => {
  const system = manualSystem();
  const log: string[] = [];
  const caller = new AbortController();
  const own = transaction({ system });
  const running = own.run(
    async (scope) => {
      await scope.step(
        "a",
        () => {},
        () => log.push("undo a"),
      );
      await new Promise((_, reject) => scope.signal.addEventListener("abort", () => reject(new Error("stopped"))));
    },
    { signal: caller.signal },
  );
  await system.advance(0);
  caller.abort(new Error("user left"));
  await assert.rejects(running, { name: "AbortError", cause: new Error("user left") });
  assert.deepEqual(log, ["undo a"]);
});

test("a step beside the one that failed is aborted, and a scope is of no use after its commit", async () => {
  const own = transaction({ system: manualSystem() });
  let told: unknown;
  const failing = own.run((scope) =>
    Promise.all([
      scope.step("a", () => Promise.reject(new Error("a failed"))),
      scope.step(
        "b",
        (signal) =>
          new Promise<void>((resolve) =>
            signal.addEventListener("abort", () => resolve((told = signal.reason) as void)),
          ),
      ),
    ]),
  );
  await assert.rejects(failing, /a failed/);
  assert.match(String(told), /a failed/);
  const kept = await own.run(async (scope) => scope);
  await assert.rejects(
    kept.step("late", () => assert.fail("ran")),
    /is closed/,
  );
  assert.deepEqual([own.snapshot().state, own.snapshot().values["active"]], ["ok", 0]);
});

test("SQL: a refused BEGIN is not rolled back but tried again; SQLite's own rollback counts as one", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system });
  const busy = connection((sql, at) =>
    sql === "ROLLBACK"
      ? new Error("cannot rollback - no transaction is active")
      : at === 1
        ? { errcode: 5 }
        : undefined,
  );
  const running = own.run(busy, () => "written");
  await system.advance(1000);
  assert.equal(await running, "written");
  assert.deepEqual(busy.log, ["BEGIN", "BEGIN", "COMMIT"]);
  await assert.rejects(
    own.run(busy, () => Promise.reject(new Error("disk full"))),
    /disk full/,
  );
});

test("SQL: a COMMIT that fails is rolled back; one that is not answered leaves the outcome unknown and is not repeated", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system, endMs: 100, timeoutMs: 50 });
  const refused = connection((sql) => (sql === "COMMIT" ? new Error("deferred constraint") : undefined));
  await assert.rejects(
    own.run(refused, () => 1),
    /deferred constraint/,
  );
  assert.deepEqual(refused.log, ["BEGIN", "COMMIT", "ROLLBACK"]);
  const log: string[] = [];
  const deaf = { execute: (sql: string) => (log.push(sql), sql === "COMMIT" ? new Promise(() => {}) : undefined) };
  const rejected = assert.rejects(
    own.run(deaf, () => 1),
    CommitUnknownError,
  );
  await system.advance(60);
  await system.advance(40);
  await rejected;
  assert.deepEqual(log, ["BEGIN", "COMMIT"]);
});

test("deadlock errors of five databases are known, also as a cause; others are not", () => {
  const yes = [
    { code: "40P01" },
    { code: "40001" },
    { errno: 1213 },
    { number: 1205 },
    { code: "SQLITE_BUSY_SNAPSHOT" },
    { code: "ERR_SQLITE_ERROR", errcode: 5 },
    { errcode: 517 },
    { code: "PRUNELLA_DEADLOCK" },
    new Error("wrapped", { cause: { code: "40P01" } }),
  ];
  for (const each of yes) assert.equal(isDeadlockError(each), true, JSON.stringify(each));
  const circular: { cause?: unknown } = {};
  circular.cause = circular;
  for (const each of [undefined, "40P01", { code: "23505" }, { errcode: 19 }, circular])
    assert.equal(isDeadlockError(each), false);
});

test("whatever the steps do, at the end all of them stand or none does", async () => {
  const step = fc.record({
    ms: fc.integer({ min: 0, max: 60 }),
    fails: fc.boolean(),
    savepoint: fc.boolean(),
    deadlock: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 6 }),
      fc.option(fc.integer({ min: 0, max: 150 })),
      async (steps, abortAt) => {
        const system = manualSystem();
        const own = transaction({ system, timeoutMs: 100, attemptsMax: 2, delayMs: 5 });
        const standing = new Set<number>();
        const caller = new AbortController();
        if (abortAt !== null) system.setTimer(() => caller.abort(new Error("abort")), abortAt);
        const running = own
          .run(
            async (scope) => {
              for (const [at, each] of steps.entries()) {
                const run = (within: typeof scope): Promise<void> =>
                  within.step(
                    `step ${at}`,
                    async () => {
                      await after(system, each.ms);
                      if (each.fails && at % 2 === 1)
                        throw each.deadlock ? Object.assign(new Error("deadlock"), { code: "40001" }) : new Error("no");
                      assert.ok(!standing.has(at), "undone before it is done again");
                      standing.add(at);
                    },
                    () => void standing.delete(at),
                  );
                await (each.savepoint ? scope.savepoint(run) : run(scope));
              }
            },
            { signal: caller.signal },
          )
          .then(
            () => true,
            () => false,
          );
        let committed: boolean | undefined;
        void running.then((outcome) => (committed = outcome));
        for (let round = 0; round < 100 && committed === undefined; round += 1) await system.advance(1000);
        assert.notEqual(committed, undefined, "it ends");
        await system.advance(60_000);
        assert.equal(standing.size, committed === true ? steps.length : 0);
        assert.equal(system.pending, 0);
      },
    ),
  );
});

/** Records statements; fails where told. */
function connection(fail: (sql: string, at: number) => unknown = () => undefined): {
  log: string[];
  execute(sql: string): Promise<void>;
} {
  const log: string[] = [];
  return {
    log,
    async execute(sql) {
      log.push(sql);
      const error = fail(sql, log.length);
      if (error !== undefined) throw error;
    },
  };
}

test("SQL: commit on success, rollback on error, savepoints inside", async () => {
  const own = sqlTransaction({ system: manualSystem(), begin: "BEGIN IMMEDIATE" });
  const good = connection();
  assert.equal(await own.run(good, async ({ connection }) => (await connection.execute("INSERT"), 7)), 7);
  assert.deepEqual(good.log, ["BEGIN IMMEDIATE", "INSERT", "COMMIT"]);
  const bad = connection();
  await assert.rejects(
    own.run(bad, async (scope) => {
      await scope.savepoint(async () => Promise.reject(new Error("inner"))).catch(() => {});
      await scope.savepoint((inner) => inner.savepoint(() => inner.connection.execute("UPDATE")));
      throw new Error("outer");
    }),
    /outer/,
  );
  assert.deepEqual(bad.log, [
    "BEGIN IMMEDIATE",
    "SAVEPOINT prunella_0_1",
    "ROLLBACK TO SAVEPOINT prunella_0_1",
    "RELEASE SAVEPOINT prunella_0_1",
    "SAVEPOINT prunella_0_2",
    "SAVEPOINT prunella_1_1",
    "UPDATE",
    "RELEASE SAVEPOINT prunella_1_1",
    "RELEASE SAVEPOINT prunella_0_2",
    "ROLLBACK",
  ]);
});

test("SQL: a timeout rolls back and never commits afterwards", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system, timeoutMs: 100 });
  const conn = connection();
  const rejected = assert.rejects(
    own.run(conn, () => after(system, 200)),
    TimeoutError,
  );
  await system.advance(300);
  await rejected;
  assert.deepEqual(conn.log, ["BEGIN", "ROLLBACK"]);
});

test("SQL: a deadlock is run again on the same connection; a failed ROLLBACK is told apart and not retried", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system });
  const deadlocked = connection((sql, at) => (sql === "UPDATE" && at === 2 ? { code: "40P01" } : undefined));
  const running = own.run(deadlocked, (scope) => scope.connection.execute("UPDATE"));
  await system.advance(1000);
  await running;
  assert.deepEqual(deadlocked.log, ["BEGIN", "UPDATE", "ROLLBACK", "BEGIN", "UPDATE", "COMMIT"]);
  const broken = connection((sql) => (sql === "BEGIN" ? undefined : { code: "40P01" }));
  await assert.rejects(
    own.run(broken, (scope) => scope.connection.execute("UPDATE")),
    RollbackError,
  );
  assert.deepEqual(own.snapshot().counts, {
    begun: 3,
    committed: 1,
    rolledBack: 1,
    rollbackFailures: 1,
    commitsUnknown: 0,
    deadlocks: 1,
    overruns: 0,
    late: 0,
    trips: 2,
  });
});

test("SQL: what goes on after its time bound or its failure is refused, counted and told", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system, timeoutMs: 100 });
  const events: string[] = [];
  own.listen(({ event }) => void events.push(event));
  const conn = connection();
  let late: Promise<unknown> | undefined;
  const deaf = own.run(conn, (scope) => {
    const going = scope.savepoint(async (part) => {
      await after(system, 200);
      return part.connection.execute("UPDATE");
    });
    return (late = going.catch((error: unknown) => error));
  });
  const rejected = assert.rejects(deaf, TimeoutError);
  await system.advance(300);
  await rejected;
  const refused = await late;
  assert.ok(refused instanceof TransactionOverError);
  assert.ok(refused.cause instanceof TimeoutError);
  assert.deepEqual(conn.log, ["BEGIN", "SAVEPOINT prunella_0_1", "ROLLBACK"], "no savepoint is touched any more");

  const failing = own.run(conn, (scope) => {
    late = scope.savepoint(() => after(system, 50)).catch((error: unknown) => error);
    throw new Error("failed at once");
  });
  await assert.rejects(failing, /failed at once/);
  await system.advance(100);
  assert.ok((await late) instanceof TransactionOverError, "also the end of a savepoint");
  assert.deepEqual(conn.log.slice(3), ["BEGIN", "SAVEPOINT prunella_0_1", "ROLLBACK"]);
  assert.equal(own.snapshot().counts["late"], 2);
  assert.equal(events.filter((event) => event === "late-statement").length, 2);
});

test("SQL: work is not begun when BEGIN is answered after the bound", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system, timeoutMs: 100 });
  const log: string[] = [];
  const slow = { execute: (sql: string) => (log.push(sql), sql === "BEGIN" ? after(system, 200) : undefined) };
  let begun = false;
  const rejected = assert.rejects(
    own.run(slow, () => (begun = true)),
    TimeoutError,
  );
  await system.advance(300);
  await rejected;
  assert.equal(begun, false);
  assert.deepEqual(log, ["BEGIN", "ROLLBACK"]);
});

test("SQL: the handle is the connection in everything else: its class, its fields, its private state, frozen or not", async () => {
  class Client {
    readonly #log: string[] = [];
    label = "first";
    readonly inner = { query: (sql: string) => this.execute(sql) };
    get log(): readonly string[] {
      return this.#log;
    }
    execute(sql: string): void {
      this.#log.push(sql);
    }
  }
  const own = sqlTransaction({ system: manualSystem() });
  const client = new Client();
  const kept = await own.run(client, ({ connection }) => {
    assert.ok(connection instanceof Client);
    connection.label = "second";
    assert.deepEqual([connection.label, client.label, "label" in connection], ["second", "second", true]);
    connection.inner.query("UPDATE");
    return connection;
  });
  assert.deepEqual(client.log, ["BEGIN", "UPDATE", "COMMIT"]);
  assert.throws(() => kept.inner.query("UPDATE"), TransactionOverError);
  assert.equal(kept.log.length, 3, "what runs nothing may still be read");
  const frozen = Object.freeze({ execute: (sql: string) => sql.length });
  assert.equal(await own.run(frozen, ({ connection }) => connection.execute("four")), 4);
});

test("SQL: a deadlock that took the whole transaction with it is run again, also from within a savepoint", async () => {
  // MySQL and MariaDB roll back all by themselves: there is no savepoint to go back to.
  const log: string[] = [];
  let attempts = 0;
  const connection = {
    execute(sql: string): void {
      log.push(sql);
      if (sql.startsWith("ROLLBACK TO")) throw Object.assign(new Error("SAVEPOINT does not exist"), { errno: 1305 });
      if (sql === "UPDATE" && (attempts += 1) === 1) throw Object.assign(new Error("Deadlock found"), { errno: 1213 });
    },
  };
  const system = manualSystem();
  const tx = sqlTransaction({ system });
  const done = tx.run(connection, (scope) => scope.savepoint(() => scope.connection.execute("UPDATE")));
  await system.advance(1000);
  await done;
  assert.deepEqual(
    log.filter((sql) => !sql.includes("SAVEPOINT")),
    ["BEGIN", "UPDATE", "ROLLBACK", "BEGIN", "UPDATE", "COMMIT"],
  );
});

test("SQL: nothing is committed after a savepoint that could not be undone, even if its error was caught", async () => {
  const log: string[] = [];
  const connection = {
    execute(sql: string): void {
      log.push(sql);
      if (sql.startsWith("ROLLBACK TO")) throw new Error("no such savepoint");
    },
  };
  const tx = sqlTransaction({ system: manualSystem() });
  const failure = new Error("of the part");
  await assert.rejects(
    tx.run(connection, async (scope) => {
      await scope.savepoint(() => Promise.reject(failure)).catch(() => "went on");
      await scope.savepoint(() => Promise.reject(new Error("of a later part"))).catch(() => "went on again");
    }),
    failure,
  );
  assert.equal(log.at(-1), "ROLLBACK");
  assert.deepEqual([tx.snapshot().counts["committed"], tx.snapshot().counts["rolledBack"]], [0, 1]);
});

test("SQL: a COMMIT that PostgreSQL answers with ROLLBACK is no success", async () => {
  const connection = { execute: async (sql: string) => ({ command: sql === "COMMIT" ? "ROLLBACK" : sql }) };
  const tx = sqlTransaction({ system: manualSystem() });
  const told: unknown[] = [];
  tx.listen(({ event, level, detail }) =>
    told.push([event, level, /a statement had failed/.test(String(detail["why"]))]),
  );
  await assert.rejects(
    tx.run(connection, () => "a statement failed, and its error was swallowed"),
    { code: "PRUNELLA_NOT_COMMITTED" },
  );
  assert.deepEqual(told, [["rolled-back", "info", true]]);
  assert.deepEqual([tx.snapshot().counts["committed"], tx.snapshot().counts["rolledBack"]], [0, 1]);
});

test("an error that `isDeadlock` cannot judge goes to the caller as it is", async () => {
  const tx = transaction({
    system: manualSystem(),
    isDeadlock: () => {
      throw new Error("cannot judge");
    },
  });
  await assert.rejects(
    tx.run(() => Promise.reject(new Error("of the work"))),
    { message: "of the work" },
  );
});

test("what the work throws may be anything: the steps are undone and the caller gets it", async () => {
  let undone = 0;
  const thrown = Object.create(null) as object;
  const caught = await transaction({ system: manualSystem() })
    .run(async (scope) => {
      await scope.step(
        "step",
        () => {},
        () => (undone += 1),
      );
      throw thrown;
    })
    .catch((error: unknown) => error);
  assert.deepEqual([caught === thrown, undone], [true, 1]);
});

/** A part of a transaction: a write, or a savepoint with parts of its own that fails at its end or not, caught or not. */
type Part =
  { readonly write: number } | { readonly parts: readonly Part[]; readonly fails: boolean; readonly caught: boolean };

const { part } = fc.letrec<{ part: Part }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 3 },
    fc.record({ write: fc.nat(9) }),
    fc.record({ parts: fc.array(tie("part"), { maxLength: 3 }), fails: fc.boolean(), caught: fc.boolean() }),
  ),
}));

test("SQL: whatever parts fail, at any depth, what stands is what a plain model keeps", async () => {
  const failure = new Error("of a part");
  /** What a part writes in the model; throws when it fails and nobody catches it. */
  const writesOf = (one: Part): readonly number[] => {
    if ("write" in one) return [one.write];
    try {
      const inner = one.parts.flatMap(writesOf);
      if (one.fails) throw failure;
      return inner;
    } catch (error) {
      if (one.caught) return [];
      throw error;
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
      let stands: readonly number[] = [];
      let written: number[] = [];
      const savepoints: { readonly name: string; readonly length: number }[] = [];
      const connection = {
        execute(sql: string): void {
          const name = sql.split(" ").at(-1) as string;
          const at = savepoints.findLastIndex((each) => each.name === name);
          if (sql === "BEGIN") written = [];
          else if (sql === "COMMIT") stands = written;
          else if (sql === "ROLLBACK") written = [];
          else if (sql.startsWith("SAVEPOINT")) savepoints.push({ name, length: written.length });
          else if (at < 0) throw new Error(`no savepoint ${name}`);
          else if (sql.startsWith("RELEASE")) savepoints.length = at;
          else if (sql.startsWith("ROLLBACK TO")) written.length = savepoints[at]?.length as number;
        },
        write: (value: number) => void written.push(value),
      };
      const perform = async (one: Part, scope: SqlScope<typeof connection>): Promise<void> => {
        if ("write" in one) {
          scope.connection.write(one.write);
          return;
        }
        const done = scope.savepoint(async (inner) => {
          for (const each of one.parts) await perform(each, inner);
          if (one.fails) throw failure;
        });
        await (one.caught ? done.catch(() => {}) : done);
      };
      const tx = sqlTransaction({ system: manualSystem() });
      let wanted: readonly number[] | undefined;
      try {
        wanted = parts.flatMap(writesOf);
      } catch {
        wanted = undefined;
      }
      const run = tx.run(connection, async (scope) => {
        for (const each of parts) await perform(each, scope);
      });
      if (wanted === undefined) await assert.rejects(run, failure);
      else await run;
      assert.deepEqual(stands, wanted ?? []);
      const { committed, rolledBack } = tx.snapshot().counts;
      assert.deepEqual([committed, rolledBack], wanted === undefined ? [0, 1] : [1, 0]);
    }),
  );
});
