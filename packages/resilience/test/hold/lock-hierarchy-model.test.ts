// Random sequences against a naive model: plain lists, and a waits-for relation that is computed anew for each request.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DeadlockError, lockHierarchy, LockOrderError, QueueFullError, WaitTimeoutError } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

type Mode = "read" | "write";

interface Hold {
  readonly mode: Mode;
  times: number;
}

interface Ask {
  readonly owner: number;
  readonly lock: string;
  readonly mode: Mode;
  readonly dueAt: number;
  outcome: "waiting" | "held" | "order" | "deadlock" | "full" | "timeout" | "aborted";
  hold?: Hold;
  released?: boolean;
}

const timeoutMs = 100;
const waitersMax = 3;
const ranks = ["a", "b"];

class Model {
  readonly ordered: boolean;
  readonly held = new Map<string, Map<number, Hold>>();
  readonly lines = new Map<string, Ask[]>();
  readonly counts = { acquired: 0, waited: 0, wrongOrder: 0, deadlocks: 0, timeouts: 0 };

  constructor(ordered: boolean) {
    this.ordered = ordered;
    for (const lock of ["a", "b", "c"]) {
      this.held.set(lock, new Map());
      this.lines.set(lock, []);
    }
  }

  holders = (lock: string): Map<number, Hold> => this.held.get(lock) as Map<number, Hold>;
  line = (lock: string): Ask[] => this.lines.get(lock) as Ask[];
  get waiting(): Ask[] {
    return [...this.lines.values()].flat();
  }

  free = ({ lock, mode }: Ask): boolean =>
    [...this.holders(lock).values()].every((hold) => mode === "read" && hold.mode === "read");

  /** Owners that must do something before the request is served. */
  blockers(ask: Ask): Set<number> {
    const line = this.line(ask.lock);
    const at = line.indexOf(ask);
    const ahead = line.slice(0, at < 0 ? line.length : at).map(({ owner }) => owner);
    const holding = [...this.holders(ask.lock)].filter(([, { mode }]) => mode === "write" || ask.mode === "write");
    return new Set([...holding.map(([owner]) => owner), ...ahead].filter((owner) => owner !== ask.owner));
  }

  closesCycle(ask: Ask): boolean {
    let reached = this.blockers(ask);
    for (let size = -1; size !== reached.size;) {
      size = reached.size;
      for (const wait of this.waiting)
        if (reached.has(wait.owner)) reached = new Set([...reached, ...this.blockers(wait)]);
    }
    return reached.has(ask.owner);
  }

  grant(ask: Ask): void {
    const own = this.holders(ask.lock).get(ask.owner);
    if (own === undefined) this.counts.acquired += 1;
    ask.hold = own ?? { mode: ask.mode, times: 0 };
    ask.hold.times += 1;
    this.holders(ask.lock).set(ask.owner, ask.hold);
    ask.outcome = "held";
  }

  covered(ask: Ask): boolean {
    const own = this.holders(ask.lock).get(ask.owner);
    return own !== undefined && (own.mode === "write" || ask.mode === "read");
  }

  breaksOrder(ask: Ask): boolean {
    for (const [lock, holders] of this.held) {
      if (!holders.has(ask.owner)) continue;
      if (lock === ask.lock) return true;
      const [held, wanted] = [ranks.indexOf(lock), ranks.indexOf(ask.lock)];
      if (this.ordered && held >= 0 && wanted >= 0 && wanted < held) return true;
    }
    return false;
  }

  acquire(ask: Ask): void {
    if (this.covered(ask)) this.grant(ask);
    else if (this.breaksOrder(ask)) {
      ask.outcome = "order";
      this.counts.wrongOrder += 1;
    } else if (this.line(ask.lock).length === 0 && this.free(ask)) this.grant(ask);
    else if (this.closesCycle(ask)) {
      ask.outcome = "deadlock";
      this.counts.deadlocks += 1;
    } else if (this.waiting.length >= waitersMax) ask.outcome = "full";
    else {
      this.counts.waited += 1;
      this.line(ask.lock).push(ask);
    }
  }

  settle(lock: string): void {
    const line = this.line(lock);
    while (line[0] !== undefined && (this.covered(line[0]) || this.free(line[0]))) this.grant(line.shift() as Ask);
  }

  leave(ask: Ask, outcome: "timeout" | "aborted"): void {
    ask.outcome = outcome;
    if (outcome === "timeout") this.counts.timeouts += 1;
    this.line(ask.lock).splice(this.line(ask.lock).indexOf(ask), 1);
    this.settle(ask.lock);
  }

  release(ask: Ask): void {
    if (ask.hold === undefined || ask.released === true) return;
    ask.released = true;
    if (this.holders(ask.lock).get(ask.owner) !== ask.hold) return;
    ask.hold.times -= 1;
    if (ask.hold.times > 0) return;
    this.holders(ask.lock).delete(ask.owner);
    this.settle(ask.lock);
  }

  releaseAll(owner: number): void {
    for (const [lock, holders] of this.held) if (holders.delete(owner)) this.settle(lock);
  }

  pass(from: number, until: number): void {
    for (let now = from; now <= until; now += 1)
      for (const ask of this.waiting.filter(({ dueAt }) => dueAt <= now))
        if (ask.outcome === "waiting") this.leave(ask, "timeout");
  }
}

const outcomeOf = (error: unknown): Ask["outcome"] => {
  if (error instanceof LockOrderError) return "order";
  if (error instanceof DeadlockError) return "deadlock";
  if (error instanceof QueueFullError) return "full";
  return error instanceof WaitTimeoutError ? "timeout" : "aborted";
};

test("who holds, waits or is refused is what a naive model says, also for owners that ask for several locks at once", async () => {
  const step = fc.record({
    op: fc.constantFrom("acquire", "acquire", "acquire", "acquire", "release", "release all", "abort", "time"),
    owner: fc.nat(3),
    lock: fc.constantFrom("a", "b", "c"),
    mode: fc.constantFrom("read" as const, "write" as const),
    pick: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 50 }), async (ordered, steps) => {
      const system = manualSystem();
      const locks = lockHierarchy({
        system,
        stacks: false,
        timeoutMs,
        waitersMax,
        ...(ordered ? { order: ranks } : {}),
      });
      const owners = Array.from({ length: 4 }, (_, at) => locks.owner(`${at}`));
      const model = new Model(ordered);
      const asks: { model: Ask; outcome: Ask["outcome"]; caller: AbortController; release?: () => void }[] = [];
      for (const each of steps) {
        const picked = asks[each.pick % Math.max(1, asks.length)];
        switch (each.op) {
          case "acquire": {
            const { owner, lock, mode } = each;
            const caller = new AbortController();
            const ask: (typeof asks)[number] = {
              model: { owner, lock, mode, dueAt: system.now() + timeoutMs, outcome: "waiting" },
              outcome: "waiting",
              caller,
            };
            asks.push(ask);
            owners[owner]?.acquire(lock, { mode, signal: caller.signal }).then(
              (release) => Object.assign(ask, { release, outcome: "held" }),
              (error: unknown) => (ask.outcome = outcomeOf(error)),
            );
            model.acquire(ask.model);
            break;
          }
          case "release":
            picked?.release?.();
            if (picked !== undefined) model.release(picked.model);
            break;
          case "release all":
            owners[each.owner]?.releaseAll();
            model.releaseAll(each.owner);
            break;
          case "abort":
            picked?.caller.abort(new Error("enough"));
            if (picked?.model.outcome === "waiting") model.leave(picked.model, "aborted");
            break;
          case "time": {
            const now = system.now();
            await system.advance(30);
            model.pass(now, now + 30);
            break;
          }
        }
        await system.advance(0);
        for (const ask of asks) assert.equal(ask.outcome, ask.model.outcome);
        const held = [...model.held].flatMap(([lock, holders]) =>
          [...holders].map(([owner, { mode }]) => `${lock} ${owner} ${mode}`),
        );
        assert.deepEqual(
          locks
            .holders()
            .map(({ lock, owner, mode }) => `${lock} ${owner} ${mode}`)
            .toSorted(),
          held.toSorted(),
        );
        const { values, counts } = locks.snapshot();
        const inUse = [...model.held.keys()].filter(
          (lock) => model.holders(lock).size > 0 || model.line(lock).length > 0,
        );
        assert.deepEqual(values, { locks: inUse.length, waits: model.waiting.length });
        const { wrongOrder, deadlocks, timeouts } = model.counts;
        assert.deepEqual(counts, { ...model.counts, trips: wrongOrder + deadlocks + timeouts });
      }
      assert.equal(system.pending, model.waiting.length, "one timer for each who waits");
    }),
  );
});

test("a deadlock's error names the waits of the cycle and no others", async () => {
  const locks = lockHierarchy({ system: manualSystem() });
  const [one, dead, two] = [locks.owner("one"), locks.owner("dead end"), locks.owner("two")];
  const bystander = locks.owner("bystander");
  await one.acquire("x", { site: "one holds" });
  await bystander.acquire("z");
  await dead.acquire("y", { mode: "read" });
  await two.acquire("y", { mode: "read" });
  void dead.acquire("z", { site: "dead waits" }).catch(() => {});
  void two.acquire("x", { site: "two waits" }).catch(() => {});
  await assert.rejects(one.acquire("y", { site: "one waits" }), (error) => {
    assert.ok(error instanceof DeadlockError);
    assert.deepEqual(
      error.cycle.map(({ owner, lock, site }) => `${owner} ${lock} ${site}`),
      ["one y one waits", "two x two waits"],
    );
    return true;
  });
});

test("two ways to the same wait are no deadlock, and many of them are searched once each", async () => {
  const system = manualSystem();
  const locks = lockHierarchy({ system, stacks: false });
  const levels = 40;
  const pairs = Array.from({ length: levels }, (_, level) => [
    locks.owner(`left ${level}`),
    locks.owner(`right ${level}`),
  ]);
  for (const [level, pair] of pairs.entries())
    for (const owner of pair) await owner.acquire(`level ${level}`, { mode: "read" });
  for (const [level, pair] of [...pairs.entries()].reverse().slice(1))
    for (const owner of pair) void owner.acquire(`level ${level + 1}`).catch(() => {});
  const last = locks.owner("last");
  await last.acquire("own");
  void last.acquire("level 0").catch(() => {});
  await system.advance(0);
  const { values, counts } = locks.snapshot();
  assert.deepEqual([counts["deadlocks"], values["waits"]], [0, 2 * levels - 1]);
});
