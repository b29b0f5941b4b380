// The life of pooled resources: when they are made, kept, checked, told as leaked and destroyed, and what of it is counted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortedError, ClosedError, pool, QueueFullError, TimeoutError, WaitTimeoutError } from "@prunella/resilience";
import type { Lease, PoolOptions } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

/** A pool of numbered resources; `log` has what was made and destroyed, `told` the events. */
function numbered(options: Partial<PoolOptions<number>> = {}) {
  const system = manualSystem();
  const log: string[] = [];
  let made = 0;
  const own = pool<number>({
    system,
    create: () => {
      log.push(`+${(made += 1)}`);
      return made;
    },
    destroy: (resource) => void log.push(`-${resource}`),
    leakMs: Infinity,
    ...options,
  });
  const told: string[] = [];
  own.listen(({ event, level, detail }) => told.push(`${event}:${level} ${JSON.stringify(detail)}`));
  const value = (name: string): number | undefined => own.snapshot().values[name];
  return { system, own, log, told, value };
}

const take = (count: number, own: { acquire(): Promise<Lease<number>> }): Promise<Lease<number>[]> =>
  Promise.all(Array.from({ length: count }, () => own.acquire()));

test("as many resources are made as callers ask for, and no more; the one given back last is lent first", async () => {
  const { own, log, value } = numbered({ max: 5 });
  const leases = await take(3, own);
  assert.deepEqual(log, ["+1", "+2", "+3"]);
  for (const lease of leases) lease.release();
  assert.equal(value("idle"), 3);
  const again = await own.acquire();
  assert.equal(again.resource, 3);
  assert.deepEqual(own.snapshot().values, { total: 3, idle: 2, lent: 1, waiting: 0, creating: 0, min: 0, max: 5 });
  const { acquired, created, destroyed } = own.snapshot().counts;
  assert.deepEqual([acquired, created, destroyed], [4, 3, 0]);
});

test("waiting callers are served in their order, by what is given back and by what is made", async () => {
  const { own, system, value } = numbered({
    max: 1,
    create: () => new Promise((resolve) => void system.setTimer(() => resolve(7), 50)),
  });
  const served: number[] = [];
  for (const caller of [1, 2, 3])
    void own.acquire().then(async (lease) => {
      served.push(caller);
      lease.release();
    });
  assert.deepEqual([value("creating"), value("waiting"), value("total")], [1, 3, 1]);
  await system.advance(50);
  assert.deepEqual(served, [1, 2, 3]);
});

test("a resource given back while another is made for the same caller serves it; the other is kept", async () => {
  const { own, system, value } = numbered({
    max: 2,
    create: () => new Promise((resolve) => void system.setTimer(() => resolve(system.now()), 50)),
  });
  const first = own.acquire();
  await system.advance(50);
  const second = own.acquire();
  (await first).release();
  assert.equal((await second).resource, 50);
  await system.advance(50);
  assert.deepEqual([value("idle"), value("lent"), value("total")], [1, 1, 2]);
});

test("an idle resource goes after its time, the one used least recently first; no timer is left", async () => {
  const { own, system, log } = numbered({ max: 3, idleMs: 1000 });
  const [one, two] = await take(2, own);
  one?.release();
  await system.advance(500);
  two?.release();
  await system.advance(499);
  assert.deepEqual(log, ["+1", "+2"]);
  await system.advance(1);
  assert.deepEqual(log, ["+1", "+2", "-1"]);
  await system.advance(500);
  assert.deepEqual(log, ["+1", "+2", "-1", "-2"]);
  assert.equal(own.snapshot().counts["reaped"], 2);
  assert.equal(system.pending, 0);
});

test("what is lent counts towards min: idle resources above it go, those up to it stay without a timer", async () => {
  const { own, system, value } = numbered({ min: 2, max: 4, idleMs: 1000 });
  await system.advance(0);
  assert.deepEqual([value("idle"), system.pending], [2, 0]);
  const leases = await take(4, own);
  for (const lease of leases.slice(0, 3)) lease.release();
  await system.advance(2000);
  assert.deepEqual([value("idle"), value("lent"), system.pending], [1, 1, 0]);
  leases[3]?.release();
  await system.advance(5000);
  assert.deepEqual([value("idle"), own.snapshot().counts["reaped"]], [2, 2]);
});

test("where nothing is idle or leaking for ever no timer is set", async () => {
  const { own, system } = numbered({ idleMs: Infinity });
  const lease = await own.acquire();
  assert.equal(system.pending, 0);
  lease.release();
  assert.equal(system.pending, 0);
});

test("a lease ends once: giving back again, or as broken, does nothing to its next borrower", async () => {
  const { own, log, value } = numbered({ max: 1 });
  const first = await own.acquire();
  first.release();
  const second = await own.acquire();
  first.release();
  first.destroy();
  assert.deepEqual([value("lent"), value("idle")], [1, 0]);
  second.destroy();
  second.release();
  await Promise.resolve();
  assert.deepEqual(log, ["+1", "-1"]);
});

test("a leak is told once, with how long and by whom; its lease still works where nothing is reclaimed", async () => {
  const { own, system, told, value } = numbered({ leakMs: 1000, idleMs: 10_000 });
  const lease = await own.acquire();
  await system.advance(999);
  assert.deepEqual(told, []);
  await system.advance(3000);
  assert.equal(told.length, 1);
  assert.match(String(told[0]), /^leak:trip \{"heldMs":1000,"stack":"at .*pool-life.*","reclaimed":false\}$/);
  const { leaks, reclaimed } = own.snapshot().counts;
  assert.deepEqual([leaks, reclaimed], [1, 0]);
  lease.release();
  assert.equal(value("idle"), 1);
  await own.acquire();
  await system.advance(999);
  assert.equal(own.snapshot().counts["leaks"], 1, "its next borrower is watched anew");
  await system.advance(501);
  assert.equal(own.snapshot().counts["leaks"], 2);
});

test("exhaustion is told with who waits, and relief when nobody does any more", async () => {
  const { own, told } = numbered({ max: 1 });
  const lease = await own.acquire();
  const waiting = [own.acquire(), own.acquire()];
  lease.release();
  (await waiting[0])?.release();
  (await waiting[1])?.release();
  assert.deepEqual(told, ['exhausted:trip {"max":1,"waiting":1,"lent":1}', 'relieved:info {"lent":1}']);
  assert.equal(own.snapshot().state, "ok");
});

test("a caller that waited too long hears how things stand; one that gave up waits no more", async () => {
  const { own, system, value } = numbered({ max: 1, acquireMs: 500 });
  await own.acquire();
  const late = assert.rejects(own.acquire(), /500 ms.*\(max 1, 1 lent, 1 still waiting\)/);
  const caller = new AbortController();
  const gone = assert.rejects(own.acquire({ signal: caller.signal }), AbortedError);
  const patient = own.acquire({ timeoutMs: 1000 });
  void patient.catch(() => {});
  assert.equal(value("waiting"), 3);
  caller.abort();
  await gone;
  assert.equal(value("waiting"), 2);
  await system.advance(500);
  await late;
  assert.deepEqual([value("waiting"), own.snapshot().counts["timeouts"]], [1, 1]);
  await assert.rejects(own.acquire({ signal: AbortSignal.abort() }), AbortedError);
  await assert.rejects(own.acquire({ timeoutMs: -1 }), /timeoutMs is -1/);
});

test("after a failure `min` is tried again after 1 s, 2 s, 4 s and so on up to 30 s", async () => {
  const at: number[] = [];
  const system = manualSystem();
  const { own, told } = numbered({
    system,
    min: 1,
    create: () => {
      at.push(system.now());
      throw new Error("down");
    },
  });
  await system.advance(100_000);
  assert.deepEqual(
    at.map((time, index) => time - (at[index - 1] ?? 0)),
    [0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
  );
  assert.equal(told[0], 'create-failed:trip {"message":"Error: down"}');
  assert.equal(own.snapshot().counts["createFailures"], 8);
  await own.close();
  assert.equal(system.pending, 0);
});

test("making `min` one at a time serves nobody twice: callers have resources of their own made", async () => {
  const system = manualSystem();
  const { own, value } = numbered({
    system,
    min: 1,
    max: 2,
    create: () => new Promise((resolve) => void system.setTimer(() => resolve(1), 50)),
  });
  const asked = own.acquire();
  assert.equal(value("creating"), 2);
  await system.advance(50);
  await asked;
  assert.deepEqual([value("lent"), value("idle")], [1, 1]);
});

test("what is lost is replaced up to min, while lent ones are gone as well as when idle ones are discarded", async () => {
  const { own, system, value, log } = numbered({ min: 2, max: 2 });
  await system.advance(0);
  assert.equal(own.discard(1), true);
  await system.advance(0);
  assert.deepEqual([value("total"), value("idle")], [2, 2]);
  (await own.acquire()).destroy();
  await system.advance(0);
  assert.deepEqual(log, ["+1", "+2", "-1", "+3", "-3", "+4"]);
});

test("a bad check or an unfriendly end is counted and told", async () => {
  const verdicts: (() => unknown)[] = [];
  const { own, system, told, log } = numbered({
    max: 1,
    validate: () => verdicts.shift()?.(),
    destroy: () => Promise.reject(new Error("cannot")),
    validateMs: 100,
  });
  const borrow = async (): Promise<void> => {
    const asked = own.acquire();
    await system.advance(100);
    (await asked).release();
  };
  await borrow();
  verdicts.push(() => undefined);
  await borrow();
  assert.deepEqual(log, ["+1"], "no answer is a good one");
  verdicts.push(() => false);
  await borrow();
  verdicts.push(() => {
    throw new Error("bad");
  });
  await borrow();
  verdicts.push(() => new Promise(() => {}));
  await borrow();
  assert.deepEqual(log, ["+1", "+2", "+3", "+4"]);
  assert.deepEqual(
    told.filter((each) => each.startsWith("invalid")),
    ['invalid:info {"why":"done"}', 'invalid:info {"why":"failed"}', 'invalid:info {"why":"overrun"}'],
  );
  assert.equal(told.filter((each) => each === 'destroy-failed:trip {"why":"failed"}').length, 3);
  const { invalid, destroyed, destroyFailures } = own.snapshot().counts;
  assert.deepEqual([invalid, destroyed, destroyFailures], [3, 3, 3]);
});

test("a pool that checks what it has is not exhausted by it", async () => {
  const { own, system, told } = numbered({ max: 1, validate: () => true });
  (await own.acquire()).release();
  const asked = own.acquire();
  await system.advance(0);
  await asked;
  assert.deepEqual(told, []);
});

test("the bound moved down lets idle ones go at once and lent ones when they return; moved up it serves who waits", async () => {
  const { own, system, value, log } = numbered({ max: 3, min: 1 });
  await system.advance(0);
  const leases = await take(3, own);
  leases[2]?.release();
  own.max = 1;
  await system.advance(0);
  assert.deepEqual([value("total"), value("idle"), own.max], [2, 0, 1]);
  for (const lease of leases.slice(0, 2)) {
    lease.release();
    await system.advance(0);
  }
  assert.deepEqual([value("total"), value("idle")], [1, 1]);
  assert.equal(log.filter((each) => each.startsWith("-")).length, 2);
  const [lease] = await take(1, own);
  const waiting = own.acquire();
  own.controls?.["set-max"]?.("2");
  assert.notEqual((await waiting).resource, lease?.resource);
  for (const bad of [0, 1.5, Number.NaN, Infinity]) assert.throws(() => (own.max = bad), /max/);
  assert.equal(own.max, 2);
});

test("a discarded resource makes room for who waits", async () => {
  const { own, system } = numbered({ max: 1, validate: () => new Promise(() => {}) });
  (await own.acquire()).release();
  assert.equal(own.discard(1), true);
  const next = own.acquire();
  await system.advance(0);
  assert.equal((await next).resource, 2);
});

test("use passes the caller's signal and limit on, and gives back in every case", async () => {
  const { own, system, value } = numbered({ max: 1 });
  assert.equal(await own.use((resource) => resource * 10), 10);
  await assert.rejects(
    own.use(() => Promise.reject(new Error("boom")), { isBroken: (error) => error instanceof TypeError }),
    /boom/,
  );
  assert.equal(value("idle"), 1);
  const lease = await own.acquire();
  const late = assert.rejects(
    own.use(() => assert.fail("ran"), { timeoutMs: 10 }),
    /10 ms/,
  );
  await system.advance(10);
  await late;
  await assert.rejects(
    own.use(() => assert.fail("ran"), { signal: AbortSignal.abort() }),
    AbortedError,
  );
  lease.release();
});

test("a resource is not lost to an `isBroken` that throws: it is destroyed, and its place is free", async () => {
  const { own, log, value, system } = numbered({ max: 1 });
  const failing = own.use(() => Promise.reject(new Error("boom")), {
    isBroken: () => {
      throw new Error("cannot tell");
    },
  });
  await assert.rejects(failing, /cannot tell/);
  await system.advance(0);
  assert.deepEqual([log, value("total")], [["+1", "-1"], 0]);
});

test("what is being made when a pool closes is destroyed, and closing waits for it", async () => {
  const { own, system, log, told } = numbered({
    create: () => new Promise((resolve) => void system.setTimer(() => resolve(1), 50)),
  });
  const refused = assert.rejects(own.acquire(), ClosedError);
  const closing = own.close();
  assert.equal(own.close(), closing);
  await refused;
  let closed = false;
  void closing.then(() => (closed = true));
  await system.advance(49);
  assert.equal(closed, false);
  await system.advance(1);
  assert.equal(closed, true);
  assert.deepEqual(log, ["-1"]);
  assert.deepEqual(told, ['closed:info {"lent":0}']);
  assert.equal(own.snapshot().state, "closed");
  assert.equal(system.pending, 0);
});

test("a pool with nothing in it closes at once; one that does not drain says so and takes back", async () => {
  const empty = numbered();
  await empty.own.close();
  const { own, system, log, told, value } = numbered({ leakMs: 1000 });
  const [, lease] = await take(2, own);
  lease?.release();
  const closing = own.close(100);
  assert.equal(system.pending, 2, "the drain and the destruction of what was idle, no watch");
  await system.advance(99);
  assert.deepEqual([log.at(-1), value("lent")], ["-2", 1]);
  await system.advance(1);
  await closing;
  assert.deepEqual(told, ['closed:info {"lent":1}', 'not-drained:trip {"lent":1}']);
  assert.deepEqual([log.at(-1), value("total")], ["-1", 0]);
});

test("a resource made after its bound is destroyed, and its caller was told why", async () => {
  const { own, system, log } = numbered({
    createMs: 100,
    create: () => new Promise((resolve) => void system.setTimer(() => resolve(1), 150)),
  });
  const refused = assert.rejects(own.acquire(), TimeoutError);
  await system.advance(100);
  await refused;
  assert.deepEqual(log, []);
  await system.advance(50);
  assert.deepEqual(log, ["-1"]);
  assert.deepEqual([own.snapshot().counts["created"], own.snapshot().counts["createFailures"]], [0, 1]);
});

test("a resource that returns while others are being destroyed is kept, as long as max and min allow it", async () => {
  const { own, value } = numbered({ max: 2, min: 1, destroy: () => new Promise(() => {}) });
  const both = await Promise.all([own.acquire(), own.acquire()]);
  for (const lease of both) lease.release();
  own.max = 1;
  const lease = await own.acquire();
  lease.release();
  own.max = 1;
  assert.deepEqual([value("idle"), value("total")], [1, 2], "one idle, one being destroyed");
  assert.equal(own.snapshot().counts["destroyed"], 1);
});

test("max moved down twice in one turn destroys no more than what is above it", async () => {
  const { own, value } = numbered({ max: 4, min: 1 });
  const four = await Promise.all([1, 2, 3, 4].map(() => own.acquire()));
  four[0]?.release();
  four[1]?.release();
  own.max = 3;
  own.max = 2;
  four[2]?.release();
  four[3]?.release();
  assert.equal(value("idle"), 2);
  assert.equal(own.snapshot().counts["destroyed"], 2);
});

test("without a line a pool lends what it has or can make, and refuses the rest at once", async () => {
  for (const validate of [undefined, () => true]) {
    const { own } = numbered({ max: 2, waitersMax: 0, ...(validate === undefined ? {} : { validate }) });
    const both = await Promise.all([own.acquire(), own.acquire()]);
    await assert.rejects(own.acquire(), QueueFullError);
    both[0]?.release();
    const again = await own.acquire();
    await assert.rejects(own.acquire(), QueueFullError);
    again.release();
  }
});

test("a failed creation refuses nobody whose resource is already on its way", async () => {
  const system = manualSystem();
  const makings: { readonly resolve: (made: string) => void; readonly reject: (error: Error) => void }[] = [];
  const own = pool<string>({
    system,
    max: 2,
    create: () => new Promise<string>((resolve, reject) => makings.push({ resolve, reject })),
  });
  const gone = assert.rejects(own.acquire({ timeoutMs: 1 }), WaitTimeoutError);
  const served = own.acquire();
  await system.advance(1);
  await gone;
  makings[0]?.reject(new Error("refused"));
  await system.advance(0);
  makings[1]?.resolve("connection");
  assert.equal((await served).resource, "connection");
});

test("what a creation throws may be anything: its caller gets it and nothing is left unhandled", async () => {
  const hostile = {
    toString() {
      throw new Error("no text");
    },
  };
  for (const thrown of [Object.create(null), hostile, undefined, Symbol("odd")] as unknown[]) {
    const { own, value } = numbered({
      create: () => {
        throw thrown;
      },
    });
    await assert.rejects(
      own.acquire().catch((error: unknown) => {
        assert.equal(error, thrown);
        throw new Error("its caller got it");
      }),
      /its caller got it/,
    );
    assert.deepEqual([value("waiting"), value("total")], [0, 0]);
  }
});

test("a time to drain that is none is refused, and the pool can still be closed", async () => {
  const { own } = numbered();
  await assert.rejects(own.close(Number.NaN), { name: "BadOptionError", field: "drainMs" });
  assert.equal(own.snapshot().state, "ok");
  await own.close();
  assert.equal(own.snapshot().state, "closed");
});

test("a caller who gives up in the very turn in which a resource is handed over leaves it to the next", async () => {
  const { own, value } = numbered({ max: 1 });
  const lease = await own.acquire();
  const caller = new AbortController();
  const left = assert.rejects(own.acquire({ signal: caller.signal }), AbortedError);
  const unused = assert.rejects(
    own.use(() => assert.fail("worked"), { signal: caller.signal }),
    AbortedError,
  );
  const next = own.acquire();
  lease.release();
  caller.abort();
  await Promise.all([left, unused]);
  (await next).release();
  assert.deepEqual([value("lent"), value("idle"), value("waiting")], [0, 1, 0]);
});

/** A pool whose resources take so many ms to make or destroy, by their number, or cannot be made; all others take no time. */
function slow(
  takes: {
    readonly makes?: Record<number, number>;
    readonly ends?: Record<number, number>;
    readonly fails?: readonly number[];
  },
  options: Partial<PoolOptions<number>> = {},
) {
  const system = manualSystem();
  const log: string[] = [];
  let made = 0;
  const after = (ms: number | undefined): Promise<void> =>
    new Promise((resolve) => (ms === undefined ? resolve() : void system.setTimer(resolve, ms)));
  const pooled = numbered({
    system,
    create: async () => {
      const resource = (made += 1);
      log.push(`+${resource}`);
      await after(takes.makes?.[resource]);
      if (takes.fails?.includes(resource) === true) throw new Error("down");
      return resource;
    },
    destroy: async (resource) => {
      log.push(`-${resource}`);
      await after(takes.ends?.[resource]);
    },
    ...options,
  });
  return { ...pooled, system, log };
}

test("a pool that is still being filled is not exhausted by it, but by one caller more than it makes", async () => {
  const { own, system, told } = slow({ makes: { 1: 50 } }, { min: 1, max: 1 });
  const first = own.acquire();
  assert.deepEqual(told, []);
  const second = own.acquire();
  assert.deepEqual(told, ['exhausted:trip {"max":1,"waiting":2,"lent":0}']);
  await system.advance(50);
  (await first).release();
  (await second).release();
});

test("exhaustion is over when what was made, or has passed its check, serves the last who waited", async () => {
  const making = slow({}, { max: 1 });
  const lease = await making.own.acquire();
  const next = making.own.acquire();
  lease.destroy();
  await next;
  assert.deepEqual(making.told, ['exhausted:trip {"max":1,"waiting":1,"lent":1}', 'relieved:info {"lent":1}']);

  let passed = (): void => {};
  const checking = numbered({ max: 1, validate: () => new Promise<void>((resolve) => (passed = resolve)) });
  (await checking.own.acquire()).release();
  const served = checking.own.acquire();
  const caller = new AbortController();
  const gone = assert.rejects(checking.own.acquire({ signal: caller.signal }), AbortedError);
  caller.abort();
  await gone;
  passed();
  await served;
  assert.deepEqual(checking.told, ['exhausted:trip {"max":1,"waiting":2,"lent":0}', 'relieved:info {"lent":1}']);
});

test("the next idle one is checked at once, however long a bad one takes to go", async () => {
  const { own, system } = slow({ ends: { 2: 1000 } }, { max: 2, validate: (resource) => resource !== 2 });
  const [one, two] = await take(2, own);
  one?.release();
  two?.release();
  const lease = own.acquire();
  await system.advance(0);
  assert.equal((await lease).resource, 1);
});

test("what is being destroyed still has its place, and its replacement waits for one", async () => {
  const { own, system, log, value } = slow({ ends: { 2: 100 } }, { min: 2, max: 2 });
  await system.advance(0);
  for (const lease of await take(2, own)) lease.destroy();
  await system.advance(0);
  assert.deepEqual([log, value("total")], [["+1", "+2", "-2", "-1", "+3"], 2]);
  await system.advance(100);
  assert.deepEqual([log.at(-1), value("idle")], ["+4", 2]);
});

test("`min` is filled one by one, and a loss does not cut short the wait after a failure", async () => {
  const { own, system, log, value } = slow({ makes: { 1: 10, 2: 10 }, fails: [3] }, { min: 3, max: 5 });
  await system.advance(10);
  assert.deepEqual([log, value("creating")], [["+1", "+2"], 1]);
  own.discard(1);
  await system.advance(0);
  assert.deepEqual([log, value("creating")], [["+1", "+2", "-1"], 1]);
  await system.advance(500);
  assert.deepEqual([log.at(-1), value("idle")], ["+3", 1]);
  own.discard(2);
  await system.advance(400);
  assert.equal(log.at(-1), "-2");
  await system.advance(200);
  assert.deepEqual([log.slice(5), value("idle")], [["+4", "+5", "+6"], 3]);
  await own.close();
});

test("a caller that gave up before takes nothing, though something is idle", async () => {
  const { own, value } = numbered();
  (await own.acquire()).release();
  await assert.rejects(own.acquire({ signal: AbortSignal.abort() }), AbortedError);
  assert.deepEqual([value("idle"), value("lent")], [1, 0]);
});

test("a pool that takes back by force has closed when what it took is gone", async () => {
  const { own, system, value } = slow({ ends: { 1: 100 } });
  await own.acquire();
  let closed = false;
  void own.close(50).then(() => (closed = true));
  await system.advance(149);
  assert.deepEqual([closed, value("total")], [false, 1]);
  await system.advance(1);
  assert.deepEqual([closed, value("total")], [true, 0]);
});
