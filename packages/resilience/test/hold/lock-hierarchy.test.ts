import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DeadlockError, lockHierarchy, LockOrderError, QueueFullError, WaitTimeoutError } from "@prunella/resilience";
import type { LockOwner } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

test("MED-010: naive locks taken as A,B and B,A wait for ever; ordered ones refuse at once and name both places", async () => {
  const queues = new Map<string, Promise<void>>();
  const naive = async (name: string): Promise<() => void> => {
    const before = queues.get(name);
    let release: () => void = () => {};
    queues.set(name, new Promise((resolve) => (release = resolve)));
    await before;
    return release;
  };
  let finished = 0;
  const task = async (one: string, two: string): Promise<void> => {
    await naive(one);
    await Promise.resolve();
    await naive(two);
    finished += 1;
  };
  void task("a", "b");
  void task("b", "a");
  const system = manualSystem();
  await system.advance(60_000);
  assert.equal(finished, 0);

  const locks = lockHierarchy({ system, order: ["a", "b"] });
  const owner = locks.owner("report job");
  await owner.acquire("b", { site: "report.ts:10" });
  await assert.rejects(
    owner.acquire("a", { site: "report.ts:20" }),
    (error) =>
      error instanceof LockOrderError &&
      error.held.site === "report.ts:10" &&
      error.wanted.site === "report.ts:20" &&
      /"a" must not be taken while "b" is held/.test(error.message),
  );
  assert.equal(system.pending, 0);
});

test("MED-010: a two-way and a three-way cycle among unordered locks are broken at once, naming every place", async () => {
  for (const size of [2, 3]) {
    const system = manualSystem();
    const locks = lockHierarchy({ system });
    const owners = Array.from({ length: size }, (_, at) => locks.owner(`owner ${at}`));
    for (const [at, owner] of owners.entries()) await owner.acquire(`lock ${at}`, { site: `first ${at}` });
    const waits = owners.map((owner, at) => owner.acquire(`lock ${(at + 1) % size}`, { site: `second ${at}` }));
    const victim = await waits.at(-1)?.then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(victim instanceof DeadlockError);
    assert.equal(victim.cycle.length, size);
    for (let at = 0; at < size; at += 1) assert.match(victim.message, new RegExp(`second ${at}`));
    owners.at(-1)?.releaseAll();
    for (let at = size - 2; at >= 0; at -= 1) {
      await waits[at];
      owners[at]?.releaseAll();
    }
    assert.equal(locks.snapshot().values["locks"], 0);
  }
});

test("a reader behind a writer waits for the writer, not for those who read: the cycle names all three", async () => {
  const own = lockHierarchy({ system: manualSystem() });
  const told: unknown[] = [];
  own.listen(({ event, detail }) => told.push([event, detail["owners"]]));
  const [reads, writes, closes] = ["reads", "writes", "closes"].map((name) => own.owner(name)) as [
    LockOwner,
    LockOwner,
    LockOwner,
  ];
  await reads.acquire("a", { mode: "read" });
  await closes.acquire("b");
  const waiting = [writes.acquire("a"), reads.acquire("b")];
  await assert.rejects(closes.acquire("a", { mode: "read" }), (error) => {
    assert.ok(error instanceof DeadlockError);
    for (const name of ["reads", "writes", "closes"]) assert.match(error.message, new RegExp(name));
    return true;
  });
  assert.deepEqual(told, [["deadlock", 3]]);
  closes.releaseAll();
  await waiting[1];
  reads.releaseAll();
  await waiting[0];
});

test("the place of an acquisition is a stack without labels", async () => {
  const locks = lockHierarchy({ system: manualSystem(), order: ["a", "b"] });
  const owner = locks.owner("x");
  await owner.acquire("b");
  await assert.rejects(owner.acquire("a"), /lock-hierarchy\.test\.[jt]s/);
  assert.match(locks.holders()[0]?.site ?? "", /lock-hierarchy\.test\.[jt]s/);
  const site = locks.holders()[0]?.site ?? "";
  assert.doesNotMatch(site, /lock-hierarchy\.[jt]s|node:internal/, "the caller's lines alone");
  const plain = lockHierarchy({ system: manualSystem(), stacks: false });
  await plain.owner("x").acquire("a");
  assert.equal(plain.holders()[0]?.site, "unknown");
});

test("within a class locks go by name; classes not listed have no order", async () => {
  const locks = lockHierarchy({ system: manualSystem(), order: ["account", "order"] });
  const owner = locks.owner("x");
  await owner.acquire("account:2");
  await assert.rejects(owner.acquire("account:1"), LockOrderError);
  await owner.acquire("account:3");
  await owner.acquire("order:1");
  await owner.acquire("anything");
  owner.releaseAll();
  assert.deepEqual(locks.holders(), []);
});

test("readers share, a writer is alone and is not starved by later readers", async () => {
  const locks = lockHierarchy({ system: manualSystem() });
  const order: string[] = [];
  const read = async (name: string): Promise<() => void> => {
    const release = await locks.owner(name).acquire("table", { mode: "read" });
    order.push(name);
    return release;
  };
  const first = await read("reader 1");
  const second = await read("reader 2");
  const writer = locks
    .owner("writer")
    .acquire("table")
    .then((release) => (order.push("writer"), release));
  const third = read("reader 3");
  first();
  second();
  (await writer)();
  (await third)();
  assert.deepEqual(order, ["reader 1", "reader 2", "writer", "reader 3"]);
});

test("a writer that gives up lets the readers behind it in", async () => {
  const system = manualSystem();
  const locks = lockHierarchy({ system });
  await locks.owner("reader").acquire("table", { mode: "read" });
  const writer = assert.rejects(locks.owner("writer").acquire("table", { timeoutMs: 100 }), WaitTimeoutError);
  const behind = locks.owner("reader 2").acquire("table", { mode: "read" });
  await system.advance(100);
  await writer;
  await behind;
  assert.equal(system.pending, 0);
});

test("a read lock is not upgraded; the same lock again counts", async () => {
  const locks = lockHierarchy({ system: manualSystem() });
  const owner = locks.owner("x");
  const one = await owner.acquire("a", { mode: "read" });
  await assert.rejects(owner.acquire("a"), /cannot become a write lock/);
  const two = await owner.acquire("a", { mode: "read" });
  one();
  one();
  assert.equal(locks.holders().length, 1);
  two();
  assert.equal(locks.holders().length, 0);
});

test("a timeout names who holds the lock and where it was taken", async () => {
  const system = manualSystem();
  const locks = lockHierarchy({ system });
  await locks.owner("night job").acquire("db", { site: "night.ts:7" });
  const rejected = assert.rejects(
    locks.owner("y").acquire("db", { timeoutMs: 50 }),
    /waited 50 ms[^]*night job: night\.ts:7/,
  );
  await system.advance(50);
  await rejected;
});

test("an aborted wait leaves at once; too many waits are refused", async () => {
  const locks = lockHierarchy({ system: manualSystem(), waitersMax: 1 });
  const release = await locks.owner("x").acquire("a");
  const caller = new AbortController();
  const waiting = locks.owner("y").acquire("a", { signal: caller.signal });
  await assert.rejects(locks.owner("z").acquire("a"), QueueFullError);
  caller.abort(new Error("no more"));
  await assert.rejects(waiting, { name: "AbortError", cause: new Error("no more") });
  const next = locks.owner("z").acquire("a");
  release();
  (await next)();
  assert.equal(locks.snapshot().values["locks"], 0);
});

test("withLocks takes locks in order, and releases them when the work throws", async () => {
  const system = manualSystem();
  const locks = lockHierarchy({ system, order: ["a", "b", "c"] });
  const seen: string[] = [];
  await assert.rejects(
    locks.withLocks(["c", "a", "b"], () => {
      seen.push(...locks.holders().map(({ lock }) => lock));
      throw new Error("oops");
    }),
    /oops/,
  );
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.deepEqual(locks.holders(), []);
});

test("any sequence: writers are alone, nothing is stuck, and every waiter is served or refused", async () => {
  const step = fc.record({
    op: fc.constantFrom("acquire", "acquire", "acquire", "release", "time", "abort"),
    owner: fc.nat(3),
    lock: fc.constantFrom("a", "b", "c"),
    mode: fc.constantFrom("read" as const, "write" as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 60 }), async (ordered, steps) => {
      const system = manualSystem();
      const locks = lockHierarchy({
        system,
        stacks: false,
        timeoutMs: 200,
        ...(ordered ? { order: ["a", "b", "c"] } : {}),
      });
      const owners = Array.from({ length: 4 }, (_, at) => locks.owner(`${at}`));
      const busy = new Set<number>();
      const controllers: AbortController[] = [];
      const releases: (() => void)[] = [];
      let pending = 0;
      for (const each of steps) {
        switch (each.op) {
          case "acquire": {
            if (busy.has(each.owner)) break;
            busy.add(each.owner);
            const controller = new AbortController();
            controllers.push(controller);
            pending += 1;
            owners[each.owner]
              ?.acquire(each.lock, { mode: each.mode, signal: controller.signal })
              .then(
                (release) => void releases.push(release),
                () => {},
              )
              .finally(() => {
                pending -= 1;
                busy.delete(each.owner);
              });
            break;
          }
          case "release":
            releases.shift()?.();
            break;
          case "abort":
            controllers.shift()?.abort(new Error("abort"));
            break;
          case "time":
            await system.advance(30);
            break;
        }
        await system.advance(0);
        const held = locks.holders();
        for (const { lock, mode, owner } of held)
          if (mode === "write") assert.ok(held.every((other) => other.lock !== lock || other.owner === owner));
        if (ordered) assert.equal(locks.snapshot().counts["deadlocks"], 0, "an order leaves no cycle");
      }
      await system.advance(1000);
      assert.equal(pending, 0);
      for (const owner of owners) owner.releaseAll();
      await system.advance(0);
      assert.equal(locks.snapshot().values["locks"], 0);
      assert.equal(system.pending, 0);
    }),
  );
});

test("unordered locks without timeouts: no set of waits is ever a deadlock", async () => {
  const step = fc.record({
    owner: fc.nat(3),
    lock: fc.constantFrom("a", "b", "c", "d"),
    mode: fc.constantFrom("read" as const, "write" as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const system = manualSystem();
      const locks = lockHierarchy({ system, stacks: false, timeoutMs: Infinity });
      const owners = Array.from({ length: 4 }, (_, at) => locks.owner(`${at}`));
      const waiting = new Set<number>();
      for (const { owner, lock, mode } of steps) {
        if (waiting.has(owner)) continue;
        waiting.add(owner);
        void owners[owner]?.acquire(lock, { mode }).then(
          () => waiting.delete(owner),
          () => {
            waiting.delete(owner);
            owners[owner]?.releaseAll();
          },
        );
        await system.advance(0);
        assert.ok(waiting.size < owners.length, "somebody can always run");
      }
      // Whoever can run finishes and releases, until all are through.
      for (let round = 0; round < owners.length; round += 1) {
        for (const [at, owner] of owners.entries()) if (!waiting.has(at)) owner.releaseAll();
        await system.advance(0);
      }
      assert.equal(waiting.size, 0);
    }),
  );
});

test("who holds what, and for how long, can be read", async () => {
  const system = manualSystem();
  const locks = lockHierarchy({ system });
  await system.advance(100);
  await locks.owner("job").acquire("a", { site: "here", mode: "read" });
  await system.advance(30);
  assert.deepEqual(locks.holders(), [{ lock: "a", owner: "job", mode: "read", site: "here", heldMs: 30 }]);
  assert.equal(locks.snapshot().state, "ok");
});

test("an owner that asked twice before it got a lock once holds it until both are released", async () => {
  for (const mode of ["read", "write"] as const) {
    const system = manualSystem();
    const locks = lockHierarchy({ system });
    const release = await locks.owner("before").acquire("table");
    const owner = locks.owner("asks twice");
    const asked = Promise.all([owner.acquire("table", { mode }), owner.acquire("table", { mode })]);
    const after = locks.owner("after").acquire("table");
    let served = false;
    void after.then(() => (served = true));
    release();
    await system.advance(0);
    const [one, two] = await asked;
    one();
    await system.advance(0);
    assert.equal(served, false, "one of two is still held");
    two();
    (await after)();
    assert.deepEqual(locks.snapshot().values, { locks: 0, waits: 0 });
    assert.equal(system.pending, 0);
  }
});

test("a bad limit is refused before anything waits, whether the lock is free or not", async () => {
  const locks = lockHierarchy({ system: manualSystem() });
  const owner = locks.owner("x");
  await assert.rejects(owner.acquire("a", { timeoutMs: -1 }), /timeoutMs is -1/);
  await locks.owner("y").acquire("a");
  await assert.rejects(owner.acquire("a", { timeoutMs: -1 }), /timeoutMs is -1/);
  assert.deepEqual(locks.snapshot().values, { locks: 1, waits: 0 });
});

test("each refusal has its event and its count", async () => {
  const system = manualSystem();
  const locks = lockHierarchy({ system, order: ["a", "b"] });
  const events: string[] = [];
  locks.listen(({ event, level, detail }) => {
    const { held, wanted, waitedMs, owners } = detail;
    events.push(`${event}:${level} ${[held, wanted, waitedMs, owners].filter((each) => each !== undefined).join(" ")}`);
  });
  const [one, two] = [locks.owner("one"), locks.owner("two")];
  await one.acquire("b");
  await assert.rejects(one.acquire("a"), LockOrderError);
  await one.acquire("x");
  await two.acquire("y");
  const waiting = two.acquire("x");
  await assert.rejects(one.acquire("y"), DeadlockError);
  const late = assert.rejects(locks.owner("three").acquire("y", { timeoutMs: 50 }), WaitTimeoutError);
  await system.advance(50);
  await late;
  one.releaseAll();
  await waiting;
  assert.deepEqual(events, ["wrong-order:trip b a", "deadlock:trip y 2", "timed-out:trip y 50"]);
  const { counts } = locks.snapshot();
  assert.deepEqual(counts, { acquired: 4, waited: 2, wrongOrder: 1, deadlocks: 1, timeouts: 1, trips: 3 });
});

test("who waited once, and was served or gave up, is not taken for a waiter later", async () => {
  const system = manualSystem();
  const locks = lockHierarchy({ system });
  const [one, two] = [locks.owner("one"), locks.owner("two")];
  const release = await one.acquire("a");
  const served = two.acquire("a");
  const gaveUp = assert.rejects(two.acquire("a", { timeoutMs: 10 }), WaitTimeoutError);
  await system.advance(10);
  await gaveUp;
  release();
  (await served)();
  await one.acquire("a");
  await two.acquire("b");
  const waiting = one.acquire("b");
  await system.advance(0);
  two.releaseAll();
  await waiting;
  assert.equal(locks.snapshot().counts["deadlocks"], 0);
});

test("a caller that gave up before takes no lock, free or not", async () => {
  const locks = lockHierarchy({ system: manualSystem() });
  await assert.rejects(locks.owner("x").acquire("a", { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.deepEqual(locks.holders(), []);
});

test("withLocks takes locks without an order by name, for an owner that it names or the caller does", async () => {
  const locks = lockHierarchy({ system: manualSystem() });
  const holders = (): string[] => locks.holders().map(({ owner, lock }) => `${owner} ${lock}`);
  assert.deepEqual(await locks.withLocks(["y", "x"], holders), ["owner 1 x", "owner 1 y"]);
  assert.deepEqual(await locks.withLocks(["x", "y"], holders), ["owner 2 x", "owner 2 y"]);
  assert.deepEqual(await locks.withLocks(["z"], holders, { owner: "report" }), ["report z"]);
});

test("withLocks takes locks in their order also among such that have none", async () => {
  const own = lockHierarchy({ system: manualSystem(), order: ["z", "a"] });
  for (const names of [
    ["z:1", "m", "a:1"],
    ["m", "a:1", "z:1"],
    ["a:1", "z:1", "m"],
    ["a:1", "m", "z:1"],
  ])
    assert.equal(await own.withLocks(names, () => "done"), "done");
  assert.equal(own.snapshot().counts["wrongOrder"], 0);
});

test("a chain of 20,000 waits overflows no stack, and the wait that would close it is refused", async () => {
  const length = 20_000;
  const own = lockHierarchy({ system: manualSystem(), stacks: false, waitersMax: length });
  const owners = Array.from({ length }, (_, at) => own.owner(`owner ${at}`));
  for (const [at, owner] of owners.entries()) await owner.acquire(`lock ${at}`);
  for (const [at, owner] of owners.slice(0, -1).entries()) owner.acquire(`lock ${at + 1}`).catch(() => {});
  await assert.rejects(
    (owners.at(-1) as LockOwner).acquire("lock 0"),
    (error) => error instanceof DeadlockError && error.cycle.length === length,
  );
});

test("a cycle is found behind a crowd at one lock, also when the owner stands in that crowd itself", async () => {
  const own = lockHierarchy({ system: manualSystem(), stacks: false });
  const holder = own.owner("holder");
  await holder.acquire("hot");
  const crowd = Array.from({ length: 100 }, (_, at) => own.owner(`owner ${at}`));
  for (const [at, owner] of crowd.entries()) {
    await owner.acquire(`own ${at}`);
    owner.acquire("hot").catch(() => {});
  }
  await assert.rejects(holder.acquire("own 50"), DeadlockError);
  await assert.rejects((crowd[10] as LockOwner).acquire("hot"), DeadlockError, "it stands in front of itself");
  await assert.rejects((crowd[10] as LockOwner).acquire("own 99"), DeadlockError);
  assert.equal(typeof (await own.owner("newcomer").acquire("free")), "function");
});

test("thousands of readers hold together; who waits in vain hears of the first ten by name", async () => {
  const system = manualSystem();
  const own = lockHierarchy({ system, stacks: false });
  const release = await own.owner("writer").acquire("page");
  const asked = Array.from({ length: 9000 }, (_, at) => own.owner(`reader ${at}`).acquire("page", { mode: "read" }));
  release();
  await Promise.all(asked);
  assert.equal(own.holders().length, 9000);
  const late = assert.rejects(
    own.owner("late").acquire("page", { timeoutMs: 100 }),
    (error) => error instanceof WaitTimeoutError && error.message.match(/held by reader/g)?.length === 10,
  );
  await system.advance(100);
  await late;
});

test("a caller who gives up in the very turn in which a lock is granted leaves it to the next", async () => {
  const own = lockHierarchy({ system: manualSystem() });
  const release = await own.owner("first").acquire("page");
  const caller = new AbortController();
  const left = assert.rejects(own.owner("left").acquire("page", { signal: caller.signal }), { name: "AbortError" });
  const next = own.owner("next").acquire("page");
  release();
  caller.abort();
  await left;
  (await next)();
  assert.deepEqual(own.snapshot().values, { locks: 0, waits: 0 });
});
