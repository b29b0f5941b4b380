// Random sequences of commands against plain models, for the primitives whose own files hold no such test.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  degrade,
  hedge,
  healthMonitor,
  lazy,
  objectPool,
  registry,
  timeout,
  TimeoutError,
  type GuardEvent,
  type Reporting,
} from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";
import { settle, watch } from "./call/helpers.ts";

const after = <Value>(system: ManualSystem, ms: number, end: () => Value): Promise<Value> =>
  new Promise((resolve, reject) => {
    system.setTimer(() => {
      try {
        resolve(end());
      } catch (error) {
        reject(error);
      }
    }, ms);
  });

test("timeout: in time is answered, too late is refused, never early, and no timer is left", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(20, 100, 1000),
      fc.boolean(),
      fc.array(fc.record({ gapMs: fc.nat(50), takesMs: fc.nat(2000), fails: fc.boolean() }), { maxLength: 25 }),
      async (timeoutMs, precise, calls) => {
        const system = manualSystem();
        const guard = timeout({ timeoutMs, precise, system });
        const ended: { takesMs: number; fails: boolean; error: unknown; tookMs: number }[] = [];
        for (const { gapMs, takesMs, fails } of calls) {
          await system.advance(gapMs);
          const startedAt = system.now();
          const note = (error: unknown): void =>
            void ended.push({ takesMs, fails, error, tookMs: system.now() - startedAt });
          void guard
            .execute(() =>
              after(system, takesMs, () => {
                if (fails) throw new Error("boom");
              }),
            )
            .then(() => note(undefined), note);
        }
        await system.advance(5000);
        assert.equal(ended.length, calls.length, "everybody is answered, once");
        for (const { takesMs, fails, error, tookMs } of ended) {
          if (error instanceof TimeoutError) {
            assert.ok(takesMs >= timeoutMs, "it was given its time");
            assert.ok(tookMs >= timeoutMs && tookMs <= timeoutMs + 10, `answered after ${tookMs} of ${timeoutMs}`);
          } else {
            assert.ok(takesMs <= timeoutMs + 10);
            assert.equal(error !== undefined, fails);
            assert.equal(tookMs, takesMs);
          }
        }
        const late = ended.filter(({ error }) => error instanceof TimeoutError).length;
        const { counts } = guard.snapshot();
        assert.deepEqual(
          [counts["calls"], counts["timedOut"], counts["late"], counts["trips"]],
          [calls.length, late, late, late],
        );
        assert.equal(system.pending, 0);
      },
    ),
    { numRuns: 100 },
  ));

test("hedge: the earliest success wins, losers are told, and the first error is given when all fail", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.record({ takesMs: fc.nat(200), fails: fc.boolean() }), { minLength: 4, maxLength: 4 }),
      async (attemptsMax, delayMs, plans) => {
        const system = manualSystem();
        const guard = hedge({ attemptsMax, delayMs, system });
        const launched: { endsAt: number; fails: boolean; aborted: boolean; attempt: number }[] = [];
        const result = watch(
          guard.execute((context) => {
            const { takesMs, fails } = plans[context.attempt - 1] as (typeof plans)[0];
            const own = { endsAt: system.now() + takesMs, fails, aborted: false, attempt: context.attempt };
            launched.push(own);
            context.onAbort(() => (own.aborted = true));
            return after(system, takesMs, () => {
              if (fails) throw new Error(`attempt ${own.attempt}`);
              return own.attempt;
            });
          }),
        );
        await system.advance(1000);
        assert.ok(launched.length <= attemptsMax);
        const winners = launched.filter(({ fails }) => !fails);
        if (result.state === "fulfilled") {
          const first = Math.min(...winners.map(({ endsAt }) => endsAt));
          const winner = launched.find(({ attempt }) => attempt === result.value);
          assert.equal(winner?.endsAt, first);
          for (const each of launched)
            if (each !== winner && !(each.fails && each.endsAt < first)) assert.ok(each.aborted);
          assert.equal(winner?.aborted, false);
        } else {
          assert.equal(winners.length, 0);
          assert.match(String(result.error), /attempt 1/);
        }
        assert.equal(guard.snapshot().counts["hedged"], launched.length - 1);
        assert.equal(system.pending, 0);
      },
    ),
    { numRuns: 200 },
  ));

test("degrade: the worst level that anybody holds is in force, until it is let go or its time is over", () => {
  const levels = ["full", "half", "least"] as const;
  const step = fc.record({
    holder: fc.constantFrom("a", "b", "c"),
    level: fc.nat(2),
    forMs: fc.option(fc.integer({ min: 1, max: 300 })),
    do: fc.constantFrom("hold", "let-go", "wait"),
    waitMs: fc.nat(200),
  });
  return fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const system = manualSystem();
      const guard = degrade({ levels, features: { search: "half" }, system });
      const held = new Map<string, { level: number; until: number }>();
      let changes = 0;
      let before = 0;
      for (const each of steps) {
        if (each.do === "hold") {
          guard.hold(each.holder, levels[each.level] as "full", each.forMs ?? Infinity);
          held.set(each.holder, { level: each.level, until: system.now() + (each.forMs ?? Infinity) });
        } else if (each.do === "let-go") assert.equal(guard.letGo(each.holder), held.delete(each.holder));
        else {
          // One millisecond at a time, so that the model sees every change between.
          for (let ms = 0; ms < each.waitMs; ms += 1) {
            await system.advance(1);
            for (const [holder, { until }] of held) if (until <= system.now()) held.delete(holder);
            const now = Math.max(0, ...[...held.values()].map(({ level }) => level));
            if (now !== before) changes += 1;
            before = now;
          }
        }
        const now = Math.max(0, ...[...held.values()].map(({ level }) => level));
        if (now !== before) changes += 1;
        before = now;
        assert.equal(guard.level, levels[now]);
        assert.equal(guard.allows("search"), now <= 1);
        assert.equal(guard.snapshot().values["holders"], held.size);
      }
      assert.ok(Number(guard.snapshot().counts["changes"]) >= changes);
    }),
    { numRuns: 50 },
  );
});

test("lazy: one is made at a time, a value is given to all who asked for it, a failure to nobody later", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ do: fc.constantFrom("get", "get", "reset", "wait"), takesMs: fc.nat(50), fails: fc.boolean() }),
        { maxLength: 40 },
      ),
      async (steps) => {
        const system = manualSystem();
        let making = 0;
        let made = 0;
        let plan = { takesMs: 0, fails: false };
        let resets = 0;
        const guard = lazy(
          async () => {
            making += 1;
            const { takesMs, fails } = plan;
            const mine = resets;
            assert.ok(making <= 1 + resets, "at most one, and those that a reset gave up");
            await after(system, takesMs, () => {});
            making -= 1;
            if (fails) throw new Error("boom");
            made += 1;
            return { number: made, era: mine };
          },
          { system },
        );
        const asked: ReturnType<typeof watch<{ number: number; era: number }>>[] = [];
        for (const each of steps) {
          if (each.do === "get") {
            plan = each;
            asked.push(watch(guard.get()));
          } else if (each.do === "reset") {
            guard.reset();
            resets += 1;
            assert.equal(guard.peek(), undefined);
          } else await system.advance(each.takesMs);
          await settle();
          const value = guard.peek();
          if (value !== undefined) assert.equal(value.era, resets, "what was made before a reset is not kept");
        }
        await system.advance(100);
        assert.ok(asked.every(({ state }) => state !== "pending"));
        assert.equal(guard.snapshot().counts["made"], made);
        assert.equal(system.pending, 0);
      },
    ),
    { numRuns: 100 },
  ));

test("objectPool: nothing is lent twice, nothing is kept beyond the bound, everything is reset", () =>
  fc.assert(
    fc.property(
      fc.nat(5),
      fc.array(fc.record({ borrow: fc.boolean(), pick: fc.nat(100) }), { maxLength: 80 }),
      (max, steps) => {
        const guard = objectPool({
          create: () => ({ dirty: false }),
          reset: (item) => (item.dirty = false),
          max,
          system: manualSystem(),
        });
        const lent: { dirty: boolean }[] = [];
        for (const { borrow, pick } of steps) {
          if (borrow || lent.length === 0) {
            const item = guard.borrow();
            assert.ok(!lent.includes(item));
            assert.equal(item.dirty, false);
            item.dirty = true;
            lent.push(item);
          } else {
            const [item] = lent.splice(pick % lent.length, 1) as [{ dirty: boolean }];
            guard.giveBack(item);
            if (guard.idle > 0 && !item.dirty) assert.throws(() => guard.giveBack(item), /given back once/);
          }
          assert.ok(guard.idle <= max);
          const { created, reused, returned, discarded } = guard.snapshot().counts as Record<string, number>;
          assert.equal((created ?? 0) + (reused ?? 0) - (returned ?? 0), lent.length);
          assert.equal((returned ?? 0) - (discarded ?? 0) - (reused ?? 0), guard.idle);
        }
      },
    ),
  ));

test("registry: every listener hears exactly what listed primitives say while it listens", () => {
  const step = fc.record({ do: fc.constantFrom("add", "remove", "listen", "stop", "say"), pick: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const own = registry();
      const says: ((event: GuardEvent) => void)[][] = [[], [], [], []];
      const guards: Reporting[] = says.map((listeners, at) => ({
        guard: "own",
        name: String(at),
        snapshot: () => ({ guard: "own", name: String(at), state: "ok", values: {}, counts: {} }),
        listen(listener) {
          listeners.push(listener);
          return () => void listeners.splice(listeners.indexOf(listener), 1);
        },
      }));
      const listed = new Map<number, () => void>();
      const heard: string[][] = [[], [], [], []];
      const expected: string[][] = [[], [], [], []];
      const listening = new Map<number, () => void>();
      for (const [turn, { do: what, pick }] of steps.entries()) {
        if (what === "add") listed.set(pick, own.add(guards[pick] as Reporting));
        else if (what === "remove") {
          listed.get(pick)?.();
          listed.delete(pick);
        } else if (what === "listen" && !listening.has(pick))
          listening.set(
            pick,
            own.listen(({ event }) => heard[pick]?.push(event)),
          );
        else if (what === "stop") {
          listening.get(pick)?.();
          listening.delete(pick);
        } else if (what === "say") {
          const event: GuardEvent = {
            guard: "own",
            name: String(pick),
            event: `${turn}`,
            level: "info",
            at: 0,
            detail: {},
          };
          for (const hear of [...(says[pick] ?? [])]) hear(event);
          if (listed.has(pick)) for (const each of listening.keys()) expected[each]?.push(`${turn}`);
        }
        assert.deepEqual(heard, expected);
        assert.deepEqual(new Set(own.list().map(({ name }) => Number(name))), new Set(listed.keys()));
        for (const [at, listeners] of says.entries())
          assert.equal(listeners.length, listed.has(at) && listening.size > 0 ? 1 : 0, "no listener is left behind");
      }
    }),
  );
});

test("healthMonitor: whatever checks do, a round ends in time and every check has its own verdict", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("quick", "slow", "deaf", "fails", "false"), { minLength: 1, maxLength: 12 }),
      async (kinds) => {
        const system = manualSystem();
        const rounds: number[] = [];
        const guard = healthMonitor({
          intervalMs: 1000,
          system,
          checks: kinds.map((kind, at) => ({
            name: `${kind} ${at}`,
            check: () => {
              if (kind === "fails") throw new Error("down");
              if (kind === "deaf") return new Promise(() => {});
              return after(system, kind === "slow" ? 900 : 10, () => kind !== "false");
            },
          })),
          onRound: () => rounds.push(system.now()),
        });
        guard.start();
        await system.advance(1999);
        assert.equal(rounds.length, 2);
        for (const [at, endedAt] of rounds.entries())
          assert.ok(endedAt - at * 1000 <= 800, `round ${at} ended at ${endedAt}`);
        const wanted = {
          quick: "healthy",
          slow: "timed-out",
          deaf: "timed-out",
          fails: "unhealthy",
          false: "unhealthy",
        };
        for (const { check, status } of guard.results())
          assert.equal(status, wanted[check.split(" ")[0] as keyof typeof wanted]);
        await guard.stop();
        await system.advance(2000);
        assert.equal(rounds.length, 2, "nothing runs after stop");
      },
    ),
    { numRuns: 50 },
  ));
