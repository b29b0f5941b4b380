import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ClosedError, objectPool, TimeoutError, pool, QueueFullError, WaitTimeoutError } from "@prunella/resilience";
import type { GuardEvent, Lease, PoolOptions } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

/** A pool of numbered connections that remembers which are open. */
function numbered(options: Partial<PoolOptions<number>> = {}) {
  const system = manualSystem();
  const open = new Set<number>();
  let made = 0;
  let most = 0;
  const own = pool<number>({
    system,
    create: () => {
      made += 1;
      open.add(made);
      most = Math.max(most, open.size);
      return made;
    },
    destroy: (connection) => void open.delete(connection),
    ...options,
  });
  return { system, open, own, made: () => made, most: () => most };
}

test("PERF-002: 200 callers without a pool open 200 connections, with a pool of 10 at most 10", async () => {
  const { system, own, made, most } = numbered({ max: 10 });
  const calls = Array.from({ length: 200 }, () =>
    own.use(() => new Promise<void>((resolve) => void system.setTimer(resolve, 10))),
  );
  await system.advance(200);
  await Promise.all(calls);
  assert.equal(most(), 10);
  assert.equal(made(), 10, "and no more over time");
});

test("PERF-002: leaks are found, named by the borrower's stack, and reclaimed, so that waiting callers go on", async () => {
  const { system, own, open } = numbered({ max: 3, leakMs: 1000, reclaim: true, acquireMs: 60_000 });
  const events: GuardEvent[] = [];
  own.listen((event) => event.event === "leak" && events.push(event));
  async function forgetfulBorrower(): Promise<Lease<number>> {
    return own.acquire();
  }
  await system.advance(700);
  const leaked = [await forgetfulBorrower(), await forgetfulBorrower(), await forgetfulBorrower()];
  let served = 0;
  const waiting = own.use(() => (served += 1));
  await system.advance(1500);
  await waiting;
  assert.equal(served, 1);
  assert.equal(events.length, 3);
  assert.match(String(events[0]?.detail["stack"]), /forgetfulBorrower/);
  assert.ok(!open.has(1));
  assert.deepEqual(
    events.map(({ detail }) => [detail["heldMs"], detail["reclaimed"]]),
    Array.from({ length: 3 }, () => [1000, true]),
  );
  assert.equal(own.snapshot().counts["reclaimed"], 3);
  const before = own.snapshot();
  for (const lease of leaked) lease.release();
  assert.deepEqual(own.snapshot(), before, "the forgetful one's late release does nothing");
});

test("a caller that timed out strands nothing: the resource goes to the next", async () => {
  const system = manualSystem();
  let finish: (connection: string) => void = () => {};
  const own = pool<string>({
    system,
    max: 1,
    acquireMs: 100,
    create: () => new Promise((resolve) => (finish = resolve)),
  });
  const late = assert.rejects(own.acquire(), WaitTimeoutError);
  await system.advance(100);
  await late;
  finish("connection");
  await system.advance(0);
  assert.equal(own.snapshot().values["idle"], 1);
  const lease = await own.acquire();
  assert.equal(lease.resource, "connection");
});

test("the timeout and the release in the same instant: the resource is lent once or idle, never lost", async () => {
  const { system, own } = numbered({ max: 1, acquireMs: 100 });
  const lease = await own.acquire();
  const waiting = own.acquire().then(
    (got) => got.release(),
    () => {},
  );
  system.setTimer(() => lease.release(), 100);
  await system.advance(100);
  await waiting;
  assert.deepEqual([own.snapshot().values["idle"], own.snapshot().values["lent"]], [1, 0]);
});

test("a failing creation refuses one waiter each, hangs none, and does not loop", async () => {
  const system = manualSystem();
  let tries = 0;
  const own = pool<number>({
    system,
    max: 2,
    create: () => {
      tries += 1;
      return Promise.reject(new Error(`down ${tries}`));
    },
  });
  const results = await Promise.allSettled([own.acquire(), own.acquire(), own.acquire(), own.acquire()]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "rejected", "rejected", "rejected"],
  );
  assert.equal(tries, 4);
  assert.equal(own.snapshot().values["total"], 0);
  assert.equal(system.pending, 0);
});

test("a creation that never ends is given up at its bound; when it ends after all its resource is destroyed", async () => {
  const { system, open, own } = numbered({
    createMs: 100,
    create: () => new Promise<number>((resolve) => void system.setTimer(() => (open.add(99), resolve(99)), 500)),
  });
  const rejected = assert.rejects(own.acquire(), TimeoutError);
  await system.advance(100);
  await rejected;
  assert.equal(own.snapshot().values["total"], 0);
  await system.advance(500);
  assert.equal(open.size, 0);
  assert.equal(own.snapshot().counts["destroyed"], 1);
});

test("a resource that fails its check is destroyed and the next is tried; one that always fails leaks nothing", async () => {
  const bad = new Set([1]);
  const { open, own } = numbered({ validate: (connection) => !bad.has(connection) });
  const [one, two] = [await own.acquire(), await own.acquire()];
  two.release();
  one.release();
  const lease = await own.acquire();
  assert.equal(lease.resource, 2);
  assert.deepEqual([...open], [2]);
  lease.release();
  bad.add(2).add(3);
  const fresh = await own.acquire();
  assert.equal(fresh.resource, 3, "a new one is not checked");
  assert.equal(own.snapshot().counts["invalid"], 2);
});

test("a check that hangs and a destroy that hangs are bounded", async () => {
  const { system, own } = numbered({
    max: 1,
    validate: () => new Promise(() => {}),
    destroy: () => new Promise(() => {}),
    validateMs: 100,
    destroyMs: 200,
  });
  (await own.acquire()).release();
  const lease = own.acquire();
  await system.advance(299);
  assert.equal(own.snapshot().values["lent"], 0, "the place is taken until destroyed or given up");
  await system.advance(1);
  assert.equal((await lease).resource, 2);
  assert.equal(own.snapshot().counts["destroyFailures"], 1);
});

test("idle resources are reaped down to min, and then no timer is left", async () => {
  const { system, open, own } = numbered({ min: 1, max: 5, idleMs: 1000 });
  const leases = await Promise.all([own.acquire(), own.acquire(), own.acquire()]);
  for (const lease of leases) lease.release();
  await system.advance(2000);
  assert.equal(open.size, 1);
  assert.equal(system.pending, 0);
});

test("min is kept: filled at the start, after losses, and tried again after a failure", async () => {
  const system = manualSystem();
  let down = true;
  let tries = 0;
  const own = pool<number>({
    system,
    min: 2,
    create: () => {
      tries += 1;
      if (down) throw new Error("down");
      return tries;
    },
  });
  await system.advance(500);
  assert.equal(tries, 1, "no busy loop");
  down = false;
  await system.advance(1000);
  assert.equal(own.snapshot().values["idle"], 2);
  (await own.acquire()).destroy();
  await system.advance(0);
  assert.equal(own.snapshot().values["total"], 2);
  await own.close();
  assert.equal(system.pending, 0);
});

test("falsy resources are resources; a broken idle one can be discarded", async () => {
  const own = pool<number>({ system: manualSystem(), create: () => 0 });
  const lease = await own.acquire();
  assert.equal(lease.resource, 0);
  lease.release();
  assert.equal(own.discard(0), true);
  assert.equal(own.discard(0), false);
});

test("use destroys a resource only when told that it is broken", async () => {
  const { own, open } = numbered();
  const fail = (): Promise<never> => Promise.reject(new Error("boom"));
  await assert.rejects(own.use(fail));
  assert.equal(open.size, 1);
  await assert.rejects(own.use(fail, { isBroken: () => true }));
  assert.equal(open.size, 0);
});

test("close refuses newcomers and waiters, waits for what is lent, and destroys all", async () => {
  const { system, own, open } = numbered({ max: 1 });
  const lease = await own.acquire();
  const waiter = assert.rejects(own.acquire(), ClosedError);
  const closing = own.close();
  await waiter;
  await assert.rejects(own.acquire(), ClosedError);
  let closed = false;
  void closing.then(() => (closed = true));
  await system.advance(10);
  assert.equal(closed, false);
  lease.release();
  await closing;
  assert.equal(open.size, 0);
  await own.close();
});

test("close takes back by force what is not returned in time", async () => {
  const { system, own, open } = numbered();
  await own.acquire();
  const closing = own.close(100);
  await system.advance(100);
  await closing;
  assert.equal(open.size, 0);
  assert.equal(system.pending, 0);
});

test("the bound can be moved at run time; exhaustion is told once; the line is bounded", async () => {
  const { own, system } = numbered({ max: 1, waitersMax: 2 });
  const events: string[] = [];
  own.listen(({ event }) => events.push(event));
  const first = await own.acquire();
  const second = own.acquire();
  const third = own.acquire();
  await assert.rejects(own.acquire(), QueueFullError);
  assert.deepEqual(events, ["exhausted"]);
  own.controls?.["set-max"]?.(3);
  for (const lease of [first, await second, await third]) lease.release();
  own.max = 1;
  await system.advance(0);
  assert.equal(own.snapshot().values["total"], 1);
});

test("any sequence: never above max, nobody has another's resource, nothing is lost, everything closes", async () => {
  const step = fc.record({
    op: fc.constantFrom("acquire", "acquire", "release", "destroy", "time", "abort", "max"),
    ms: fc.integer({ min: 0, max: 80 }),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(2), fc.boolean(), fc.array(step, { maxLength: 60 }), async (min, validated, steps) => {
      const system = manualSystem();
      const open = new Set<number>();
      let made = 0;
      let now: (typeof steps)[number] | undefined;
      const pause = (ms: number): Promise<void> => new Promise((resolve) => void system.setTimer(resolve, ms));
      const own = pool<number>({
        system,
        min,
        max: 3,
        acquireMs: 50,
        createMs: 60,
        idleMs: 100,
        leakMs: 300,
        reclaim: true,
        create: async () => {
          const { ms = 0, fails = false } = now ?? {};
          await pause(ms);
          if (fails) throw new Error("no");
          made += 1;
          open.add(made);
          return made;
        },
        destroy: async (connection) => {
          await pause(5);
          assert.ok(open.delete(connection), "destroyed once");
        },
        ...(validated
          ? {
              validate: async () => {
                await pause(3);
                return now?.fails !== true;
              },
            }
          : {}),
      });
      const leases: Lease<number>[] = [];
      const inUse = new Map<number, Lease<number>>();
      const controllers: AbortController[] = [];
      let asked = 0;
      let answered = 0;
      for (const each of steps) {
        now = each;
        switch (each.op) {
          case "acquire": {
            const controller = new AbortController();
            controllers.push(controller);
            asked += 1;
            own
              .acquire({ signal: controller.signal })
              .then(
                (lease) => {
                  assert.ok(open.has(lease.resource), "alive");
                  leases.push(lease);
                  inUse.set(lease.resource, lease);
                },
                () => {},
              )
              .finally(() => (answered += 1));
            break;
          }
          case "release":
            leases.shift()?.release();
            break;
          case "destroy":
            leases.shift()?.destroy();
            break;
          case "abort":
            controllers.shift()?.abort(new Error("abort"));
            break;
          case "max":
            own.max = Math.max(1, min) + (each.ms % 4);
            break;
          case "time":
            await system.advance(each.ms);
            break;
        }
        await system.advance(0);
        const { values } = own.snapshot();
        assert.ok((values["lent"] ?? 0) <= 5);
        if (!validated) assert.ok(values["idle"] === 0 || values["waiting"] === 0, "nobody waits beside an idle one");
      }
      await system.advance(1000);
      assert.equal(answered, asked, "every caller was answered");
      const closing = own.close(10);
      await system.advance(5000);
      await closing;
      assert.equal(open.size, 0, "everything was destroyed");
      assert.equal(system.pending, 0);
    }),
  );
});

test("PERF-004: naive allocation makes one object per cycle, the pool one in all", () => {
  let naive = 0;
  let pooled = 0;
  const own = objectPool({
    create: () => {
      pooled += 1;
      return { bytes: new Uint8Array(1024) };
    },
    reset: ({ bytes }) => bytes.fill(0),
    system: manualSystem(),
  });
  for (let at = 0; at < 10_000; at += 1) {
    naive += 1;
    own.use(({ bytes }) => {
      assert.equal(bytes[0], 0, "as good as new");
      bytes[0] = 7;
    });
  }
  assert.deepEqual([naive, pooled], [10_000, 1]);
});

test("an object is refused when it is given back twice, kept only up to max, and lost when its reset fails", () => {
  let broken = false;
  const own = objectPool<{ id: number }>({
    create: () => ({ id: 0 }),
    reset: () => {
      if (broken) throw new Error("no");
    },
    max: 1,
    system: manualSystem(),
  });
  const [one, two] = [own.borrow(), own.borrow()];
  own.giveBack(one);
  assert.throws(() => own.giveBack(one), /given back once/);
  own.giveBack(two);
  assert.equal(own.idle, 1);
  const again = own.borrow();
  broken = true;
  own.giveBack(again);
  assert.equal(own.idle, 0);
  const { counts } = own.snapshot();
  assert.deepEqual([counts["created"], counts["discarded"], counts["resetFailures"]], [2, 1, 1]);
});

test("any sequence of borrowing and giving back never lends one object twice and never keeps more than max", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 200 }), fc.nat(5), (steps, max) => {
      const own = objectPool<object>({ create: () => ({}), reset: () => {}, max, system: manualSystem() });
      const lent: object[] = [];
      for (const borrow of steps) {
        if (borrow) {
          const item = own.borrow();
          assert.ok(!lent.includes(item));
          lent.push(item);
        } else if (lent.length > 0) own.giveBack(lent.shift() as object);
        assert.ok(own.idle <= max);
      }
    }),
  );
});

test("an object pool counts what it made, lent, took back and let go; a control plane may empty it", () => {
  const own = objectPool<{ uses: number }>({
    create: () => ({ uses: 0 }),
    reset: (item) => void (item.uses += 1),
    max: 1,
    system: manualSystem(),
  });
  const [one, two] = [own.borrow(), own.borrow()];
  own.giveBack(one);
  own.giveBack(two);
  assert.deepEqual([one.uses, two.uses], [1, 0], "what is not kept is not reset");
  assert.equal(own.borrow(), one);
  own.giveBack(one);
  assert.throws(
    () =>
      own.use(() => {
        throw new Error("boom");
      }),
    /boom/,
  );
  const { values, counts } = own.snapshot();
  assert.deepEqual(values, { idle: 1, max: 1 });
  assert.deepEqual(counts, { created: 2, reused: 2, returned: 4, discarded: 1, resetFailures: 0, trips: 0 });
  own.controls?.["clear"]?.();
  assert.equal(own.idle, 0);
  const trusting = objectPool<object>({ create: () => ({}), reset: () => {}, checked: false, system: manualSystem() });
  const item = trusting.borrow();
  trusting.giveBack(item);
  trusting.giveBack(item);
  assert.equal(trusting.idle, 2, "unchecked: at the caller's own risk");
});

test("an object that could not be made is not counted as made", () => {
  const own = objectPool<object>({
    create: () => {
      throw new Error("no memory");
    },
    reset: () => {},
  });
  assert.throws(() => own.borrow(), /no memory/);
  assert.equal(own.snapshot().counts["created"], 0);
});
