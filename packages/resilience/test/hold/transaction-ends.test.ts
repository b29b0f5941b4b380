// How transactions end: what is undone in which order, what is counted and told, and what is refused afterwards.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortedError,
  ClosedError,
  CommitUnknownError,
  RollbackError,
  sqlTransaction,
  TimeoutError,
  transaction,
  TransactionOverError,
  type Reporting,
} from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";

const after = (system: ManualSystem, ms: number): Promise<void> =>
  new Promise((resolve) => void system.setTimer(resolve, ms));
const deadlock = (): Error => Object.assign(new Error("deadlock detected"), { code: "40P01" });

/** Events with their levels, as they come. */
function heard(guard: Reporting): string[] {
  const events: string[] = [];
  guard.listen(({ event, level }) => events.push(`${event}:${level}`));
  return events;
}

test("a transaction that commits undoes nothing, and says in its counts what it did", async () => {
  const system = manualSystem();
  const own = transaction({ system });
  const events = heard(own);
  const running = own.run(async (scope) => {
    await scope.step(
      "a",
      () => after(system, 10),
      () => assert.fail("was undone"),
    );
    return scope.step("b", () => "b");
  });
  assert.equal(own.snapshot().values["active"], 1);
  await system.advance(10);
  assert.equal(await running, "b");
  assert.equal(own.snapshot().values["active"], 0);
  assert.deepEqual(own.snapshot().counts, {
    started: 1,
    committed: 1,
    rolledBack: 0,
    deadlocks: 0,
    overruns: 0,
    undone: 0,
    lateUndone: 0,
    undoFailures: 0,
    trips: 0,
  });
  assert.deepEqual(events, []);
});

test("the parts of savepoints are undone with the whole, last first, within them too", async () => {
  const log: string[] = [];
  const own = transaction({ system: manualSystem() });
  const events = heard(own);
  await assert.rejects(
    own.run(async (scope) => {
      for (const part of ["first", "second"])
        await scope.savepoint(async (inner) => {
          for (const step of [1, 2])
            await inner.step(
              `${part} ${step}`,
              () => {},
              () => log.push(`${part} ${step}`),
            );
        });
      throw new Error("why");
    }),
    /why/,
  );
  assert.deepEqual(log, ["second 2", "second 1", "first 2", "first 1"]);
  assert.deepEqual(events, ["rolled-back:info"]);
  assert.equal(own.snapshot().counts["undone"], 4);
});

test("a savepoint that is still running when its transaction was rolled back is undone when it ends, last first", async () => {
  const system = manualSystem();
  const log: string[] = [];
  const own = transaction({ system, timeoutMs: 100, undoMs: 50 });
  const events = heard(own);
  const told: unknown[] = [];
  own.listen(({ event, detail }) => event === "late-undo" && told.push(detail));
  const rejected = assert.rejects(
    own.run((scope) =>
      scope.savepoint(async (inner) => {
        for (const step of [1, 2])
          await inner.step(
            `${step}`,
            () => {},
            () => log.push(`undo ${step}`),
          );
        await after(system, 500);
      }),
    ),
    TimeoutError,
  );
  await system.advance(150);
  await rejected;
  assert.deepEqual(log, []);
  await system.advance(400);
  assert.deepEqual(log, ["undo 2", "undo 1"]);
  assert.deepEqual(told, [
    { step: "2", failed: false },
    { step: "1", failed: false },
  ]);
  assert.deepEqual(events, ["rolled-back:info", "late-undo:trip", "late-undo:trip"]);
  const { counts } = own.snapshot();
  assert.deepEqual([counts["overruns"], counts["undone"], counts["lateUndone"]], [1, 2, 2]);
});

test("a savepoint is of no use once its part is over", async () => {
  const own = transaction({ system: manualSystem() });
  await own.run(async (scope) => {
    const kept = await scope.savepoint(async (part) => part);
    await assert.rejects(
      kept.step("late", () => assert.fail("ran")),
      ClosedError,
    );
    let failed: typeof kept | undefined;
    await scope
      .savepoint((part) => {
        failed = part;
        throw new Error("inner");
      })
      .catch(() => {});
    await assert.rejects(failed?.step("late", () => assert.fail("ran")) as Promise<unknown>, ClosedError);
  });
});

test("a compensation that hangs is given up at its bound, and the others are still undone", async () => {
  const system = manualSystem();
  const log: string[] = [];
  const own = transaction({ system, undoMs: 100 });
  const events = heard(own);
  const rejected = assert.rejects(
    own.run(async (scope) => {
      await scope.step(
        "a",
        () => {},
        () => log.push("undo a"),
      );
      await scope.step(
        "b",
        () => {},
        () => new Promise(() => {}),
      );
      throw new Error("why");
    }),
    (error) => error instanceof RollbackError && error.failures[0] instanceof TimeoutError,
  );
  await system.advance(99);
  assert.deepEqual(log, []);
  await system.advance(1);
  await rejected;
  assert.deepEqual(log, ["undo a"]);
  assert.deepEqual(events, ["rollback-failed:trip"]);
  const { counts } = own.snapshot();
  assert.deepEqual([counts["rolledBack"], counts["undone"], counts["undoFailures"]], [1, 1, 1]);
});

test("a savepoint whose own undoing fails says so with its first cause", async () => {
  const own = transaction({ system: manualSystem() });
  const seen = await own.run((scope) =>
    scope
      .savepoint(async (part) => {
        await part.step(
          "a",
          () => {},
          () => Promise.reject(new Error("cannot undo")),
        );
        throw new Error("inner");
      })
      .catch((error: unknown) => error),
  );
  assert.ok(seen instanceof RollbackError);
  assert.match(String(seen.cause), /inner/);
});

test("a savepoint that was undone gives its own error to the caller, who may go on", async () => {
  const own = transaction({ system: manualSystem() });
  const failure = new Error("inner");
  const seen = await own.run((scope) =>
    scope
      .savepoint(async (part) => {
        await part.step(
          "a",
          () => {},
          () => {},
        );
        throw failure;
      })
      .catch((error: unknown) => error),
  );
  assert.equal(seen, failure);
});

test("steps hear why their transaction is given up: the caller's own reason, or the bound", async () => {
  const system = manualSystem();
  const own = transaction({ system, timeoutMs: 100, undoMs: 10 });
  const reasons: unknown[] = [];
  const caller = new AbortController();
  const deaf = (signal?: AbortSignal): Promise<void> =>
    assert.rejects(
      own.run(
        (scope) => {
          scope.signal.addEventListener("abort", () => reasons.push(scope.signal.reason));
          return new Promise(() => {});
        },
        signal === undefined ? {} : { signal },
      ),
    );
  const ended = [deaf(caller.signal), deaf()];
  await system.advance(0);
  const reason = new Error("user left");
  caller.abort(reason);
  await system.advance(200);
  await Promise.all(ended);
  assert.equal(reasons[0], reason);
  assert.ok(reasons[1] instanceof TimeoutError);
});

test("a late step whose undoing fails is told as failed", async () => {
  const system = manualSystem();
  const own = transaction({ system, timeoutMs: 100, undoMs: 50 });
  const late: unknown[] = [];
  own.listen(({ event, detail }) => event === "late-undo" && late.push(detail));
  const rejected = assert.rejects(
    own.run((scope) =>
      scope.step(
        "slow",
        () => after(system, 500),
        () => Promise.reject(new Error("cannot undo")),
      ),
    ),
  );
  await system.advance(1000);
  await rejected;
  assert.deepEqual(late, [{ step: "slow", failed: true }]);
});

test("a rollback waits for a step in flight no longer than for a compensation", async () => {
  const system = manualSystem();
  const own = transaction({ system, timeoutMs: 100, undoMs: 50 });
  let endedAt = 0;
  void own.run((scope) => scope.step("deaf", () => new Promise(() => {}))).catch(() => (endedAt = system.now()));
  await system.advance(1000);
  assert.equal(endedAt, 150);
});

test("deadlocks are run again only as often as was said, and the last one is thrown", async () => {
  for (const attempts of [1, 3]) {
    const system = manualSystem();
    const own = transaction({ system, attemptsMax: attempts });
    const events = heard(own);
    let tries = 0;
    const rejected = assert.rejects(
      own.run(() => {
        tries += 1;
        throw deadlock();
      }),
      /deadlock detected/,
    );
    await system.advance(10_000);
    await rejected;
    assert.equal(tries, attempts);
    assert.deepEqual(events, Array.from({ length: attempts }, () => ["rolled-back:info", "deadlock:trip"]).flat());
    assert.deepEqual([own.snapshot().counts["deadlocks"], own.snapshot().values["active"]], [attempts, 0]);
  }
});

test("a caller that gave up before or between the attempts starts no further one", async () => {
  const system = manualSystem();
  const own = transaction({ system });
  await assert.rejects(
    own.run(() => assert.fail("ran"), { signal: AbortSignal.abort() }),
    AbortedError,
  );
  assert.equal(own.snapshot().counts["started"], 0);
  const caller = new AbortController();
  let tries = 0;
  const rejected = assert.rejects(
    own.run(
      () => {
        tries += 1;
        throw deadlock();
      },
      { signal: caller.signal },
    ),
    AbortedError,
  );
  await system.advance(0);
  caller.abort();
  await rejected;
  assert.equal(tries, 1);
  assert.deepEqual([own.snapshot().values["active"], system.pending], [0, 0]);
});

/** Records statements; answers with what `answer` gives, or throws it when it is an error. */
function connection(answer: (sql: string) => unknown = () => undefined) {
  const log: string[] = [];
  return {
    log,
    async execute(sql: string): Promise<unknown> {
      log.push(sql);
      const given = await answer(sql);
      if (given instanceof Error) throw given;
      return given;
    },
  };
}

test("a caller that gave up before the transaction never reaches the connection", async () => {
  const own = sqlTransaction({ system: manualSystem() });
  const db = connection();
  await assert.rejects(
    own.run(db, () => assert.fail("ran"), { signal: AbortSignal.abort() }),
    AbortedError,
  );
  assert.deepEqual([db.log, own.snapshot().counts["begun"], own.snapshot().values["active"]], [[], 0, 0]);
});

test("SQL: a commit is counted and silent; the handle is of no use after it", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system });
  const events = heard(own);
  const good = connection();
  const running = own.run(good, async (scope) => (await after(system, 10), scope));
  assert.equal(own.snapshot().values["active"], 1);
  await system.advance(10);
  const kept = await running;
  assert.equal(own.snapshot().values["active"], 0);
  assert.deepEqual(events, []);
  assert.throws(() => kept.connection.execute("UPDATE"), TransactionOverError);
  await assert.rejects(
    kept.savepoint(() => assert.fail("ran")),
    TransactionOverError,
  );
  assert.deepEqual(good.log, ["BEGIN", "COMMIT"]);
  assert.deepEqual(events, ["late-statement:trip", "late-statement:trip"]);
  const { counts } = own.snapshot();
  assert.deepEqual([counts["begun"], counts["committed"], counts["late"], counts["rolledBack"]], [1, 1, 2, 0]);
});

test("SQL: each way to end has its count and its event", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system, timeoutMs: 100, endMs: 50, attemptsMax: 1 });
  const events = heard(own);
  const hang = (on: string) => connection((sql) => (sql === on ? new Promise(() => {}) : undefined));
  const ends = async (running: Promise<unknown>): Promise<unknown> => {
    const error = running.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await system.advance(1000);
    return error;
  };
  const changes = (): string => {
    const { counts } = own.snapshot();
    const { rolledBack, rollbackFailures, commitsUnknown, deadlocks, overruns } = counts as Record<string, number>;
    const told = events.splice(0).join(" ");
    return `${rolledBack} ${rollbackFailures} ${commitsUnknown} ${deadlocks} ${overruns} ${told}`;
  };
  assert.match(String(await ends(own.run(connection(), () => Promise.reject(new Error("plain"))))), /plain/);
  assert.equal(changes(), "1 0 0 0 0 rolled-back:info");
  assert.ok((await ends(own.run(connection(), () => new Promise(() => {})))) instanceof TimeoutError);
  assert.equal(changes(), "2 0 0 0 1 rolled-back:info");
  assert.match(String(await ends(own.run(connection(), () => Promise.reject(deadlock())))), /deadlock/);
  assert.equal(changes(), "3 0 0 1 1 rolled-back:info deadlock:trip");
  assert.ok((await ends(own.run(hang("COMMIT"), () => 1))) instanceof CommitUnknownError);
  assert.equal(changes(), "3 0 1 1 1 commit-unknown:trip");
  const stuck = await ends(own.run(hang("ROLLBACK"), () => Promise.reject(new Error("first"))));
  assert.ok(stuck instanceof RollbackError && stuck.failures[0] instanceof TimeoutError);
  assert.match(String(stuck.cause), /first/);
  assert.equal(changes(), "3 1 1 1 1 rollback-failed:trip");
  assert.match(
    String(
      await ends(
        own.run(
          connection((sql) => sql === "BEGIN" && new Error("no")),
          () => 1,
        ),
      ),
    ),
    /no/,
  );
  assert.equal(changes(), "3 1 1 1 1 ", "nothing was begun, nothing is rolled back");
  assert.equal(system.pending, 0);
});

test("SQL: a BEGIN that is not answered is rolled back, as it may have been heard", async () => {
  const system = manualSystem();
  const own = sqlTransaction({ system, timeoutMs: 100 });
  const deaf = connection((sql) => (sql === "BEGIN" ? new Promise(() => {}) : undefined));
  const rejected = assert.rejects(
    own.run(deaf, () => assert.fail("ran")),
    TimeoutError,
  );
  await system.advance(100);
  await rejected;
  assert.deepEqual(deaf.log, ["BEGIN", "ROLLBACK"]);
});

test("SQL: savepoints have names of their own, side by side and one in another, and none begins after the caller gave up", async () => {
  const own = sqlTransaction({ system: manualSystem() });
  const caller = new AbortController();
  const open = connection();
  const rejected = own.run(
    open,
    async (scope) => {
      for (let at = 0; at < 2; at += 1) await scope.savepoint((part) => part.savepoint(() => at));
      caller.abort(new Error("gone"));
      await scope.savepoint(() => assert.fail("ran"));
    },
    { signal: caller.signal },
  );
  await assert.rejects(rejected, { name: "AbortError", cause: new Error("gone") });
  assert.deepEqual(
    open.log.filter((sql) => sql.startsWith("SAVEPOINT")),
    ["SAVEPOINT prunella_0_1", "SAVEPOINT prunella_1_1", "SAVEPOINT prunella_0_2", "SAVEPOINT prunella_1_1"],
  );
  assert.equal(own.snapshot().counts["late"], 0, "it was refused before any statement");
});
