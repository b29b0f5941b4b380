// Random sequences against a plain token bucket, and what a limiter does at each of its bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AbortedError, RateLimitedError, rateLimiter, retryAfterSeconds } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

/** Tokens as everybody draws them: as many as the burst at first, one more every `unitMs`, below 0 when reserved ahead. */
class Bucket {
  readonly burst: number;
  readonly unitMs: number;
  tokens: number;
  at = 0;

  constructor(burst: number, unitMs: number) {
    this.burst = burst;
    this.tokens = burst;
    this.unitMs = unitMs;
  }

  refill(now: number): void {
    this.tokens = Math.min(this.burst, this.tokens + (now - this.at) / this.unitMs);
    this.at = now;
  }

  waitMs(weight: number): number {
    if (this.tokens - weight >= -1e-6) return 0;
    return weight > this.burst ? Infinity : (weight - this.tokens) * this.unitMs;
  }
}

test("a limiter decides, waits and counts as a plain token bucket per key would", async () => {
  const step = fc.record({
    op: fc.constantFrom("check", "check", "take", "acquire", "acquire", "abort", "block", "time", "time"),
    key: fc.constantFrom("a", "b"),
    weight: fc.nat(4),
    ms: fc.nat(400),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 2, 5, 20),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 60, size: "max" }),
      async (limit, burst, steps) => {
        const system = manualSystem();
        // All waits are whole ms: between two of them rounding decides nothing.
        const [waitMsMax, waitersMax] = [600.5, 3];
        const limiter = rateLimiter({ system, limit, periodMs: 1000, burst, waitMsMax, waitersMax });
        const buckets = new Map(["a", "b"].map((key) => [key, new Bucket(burst, 1000 / limit)]));
        /** Reservations by key; one gives its units back only while nothing was reserved behind it and nothing blocked. */
        const lines = new Map<string, Turn[]>([
          ["a", []],
          ["b", []],
        ]);
        const counts = { allowed: 0, refused: 0, overflowed: 0, swept: 0, blocked: 0 };
        type Turn = {
          key: string;
          weight: number;
          dueAt: number;
          caller: AbortController;
          endedAt?: number;
          error?: unknown;
        };
        let turns: Turn[] = [];
        for (const { op, key, weight, ms } of steps) {
          const bucket = buckets.get(key) as Bucket;
          for (const each of buckets.values()) each.refill(system.now());
          const waitMs = bucket.waitMs(weight);
          switch (op) {
            case "check": {
              if (waitMs === 0) bucket.tokens -= weight;
              counts[waitMs === 0 ? "allowed" : "refused"] += 1;
              const decision = limiter.check(key, weight);
              assert.equal(decision.allowed, waitMs === 0);
              if (waitMs === Infinity) assert.equal(decision.retryAfterMs, Infinity);
              else assert.ok(Math.abs(decision.retryAfterMs - waitMs) < 1e-3);
              assert.equal(decision.remaining, Math.floor(Math.max(0, bucket.tokens) + 1e-6));
              assert.equal(decision.limit, burst);
              break;
            }
            case "take":
              if (waitMs === 0) bucket.tokens -= weight;
              counts[waitMs === 0 ? "allowed" : "refused"] += 1;
              assert.equal(limiter.tryTake(key, weight), waitMs === 0);
              break;
            case "acquire": {
              const caller = new AbortController();
              const turn: Turn = { key, weight, dueAt: system.now() + waitMs, caller };
              const asked = limiter.acquire(key, { weight, signal: caller.signal }).then(
                () => (turn.endedAt = system.now()),
                (error: unknown) => (turn.error = error),
              );
              if (waitMs > 0 && (waitMs > waitMsMax || turns.length >= waitersMax)) {
                counts.refused += 1;
                await asked;
                assert.ok(turn.error instanceof RateLimitedError);
                break;
              }
              bucket.tokens -= weight;
              if (waitMs > 0 && weight > 0) lines.get(key)?.push(turn);
              if (waitMs > 0) turns.push(turn);
              else {
                counts.allowed += 1;
                await asked;
                assert.equal(turn.endedAt, system.now());
              }
              break;
            }
            case "abort": {
              const turn = turns.shift();
              if (turn === undefined) break;
              turn.caller.abort();
              await system.advance(0);
              assert.ok(turn.error instanceof AbortedError);
              if (lines.get(turn.key)?.at(-1) !== turn) break;
              lines.get(turn.key)?.pop();
              (buckets.get(turn.key) as Bucket).tokens += turn.weight;
              break;
            }
            case "block":
              counts.blocked += 1;
              for (const line of lines.values()) line.length = 0;
              bucket.tokens = Math.min(bucket.tokens, 1 - ms / bucket.unitMs);
              limiter.block(key, ms);
              break;
            case "time": {
              await system.advance(ms);
              const due = turns.filter(({ dueAt }) => dueAt < system.now() - 1e-3);
              for (const { dueAt, endedAt = NaN } of due) assert.ok(Math.abs(endedAt - dueAt) < 1e-3);
              // Those that are due in this very moment may be on either side of a rounding error.
              for (const { dueAt, endedAt } of turns) assert.ok(endedAt !== undefined || dueAt >= system.now() - 1e-3);
              break;
            }
          }
          counts.allowed += turns.filter(({ endedAt }) => endedAt !== undefined).length;
          turns = turns.filter(({ endedAt }) => endedAt === undefined);
          const snapshot = limiter.snapshot();
          assert.equal(snapshot.values["waiting"], turns.length);
          const { allowed, refused, blocked } = snapshot.counts;
          assert.deepEqual([allowed, refused, blocked], [counts.allowed, counts.refused, counts.blocked]);
        }
        const waited = turns.length;
        await system.advance(2000);
        assert.equal(turns.filter(({ endedAt }) => endedAt !== undefined).length, waited);
        assert.equal(system.pending, 0);
      },
    ),
  );
});

test("keys beyond the bound share one bucket in whatever they ask for, and say so", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 2, periodMs: 1000, keysMax: 1 });
  assert.equal(limiter.check("a").remaining, 1);
  assert.deepEqual(limiter.check("b"), { allowed: true, retryAfterMs: 0, remaining: 1, limit: 2 });
  assert.deepEqual(limiter.check("c"), { allowed: true, retryAfterMs: 0, remaining: 0, limit: 2 });
  assert.deepEqual(limiter.check("d"), { allowed: false, retryAfterMs: 500, remaining: 0, limit: 2 });
  assert.equal(limiter.check("a").allowed, true, "its own bucket is untouched");
  const at: string[] = [];
  for (const key of ["e", "f"]) void limiter.acquire(key).then(() => at.push(`${key} ${system.now()}`));
  await system.advance(400);
  assert.equal(limiter.tryTake("g"), false, "those who wait have reserved the shared bucket");
  await system.advance(600);
  assert.deepEqual(at, ["e 500", "f 1000"]);
  assert.equal(limiter.keys, 2);
  assert.equal(limiter.snapshot().counts["overflowed"], 6);
});

test("a block of a key beyond the bound blocks the shared bucket; of a tracked key only its own", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 2, periodMs: 1000, keysMax: 1 });
  limiter.tryTake("a");
  limiter.block("b", 3000);
  assert.equal(limiter.check("c").retryAfterMs, 3000);
  assert.equal(limiter.tryTake("a"), true);
  limiter.block("a", 5000);
  assert.equal(limiter.check("a").retryAfterMs, 5000);
  limiter.block("a", 1);
  assert.equal(limiter.check("a").retryAfterMs, 5000, "a shorter block does not shorten a longer one");
  assert.throws(() => limiter.block("a", -1), /forMs is -1/);
});

test("keys whose bucket is full again are forgotten, a few for each new key", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 1, periodMs: 1000 });
  for (let at = 0; at < 8; at += 1) limiter.tryTake(`old ${at}`);
  await system.advance(999);
  limiter.tryTake("new 0");
  assert.equal(limiter.snapshot().counts["swept"], 0, "nobody is forgotten while in debt");
  await system.advance(1);
  const swept = [1, 2, 3].map((at) => (limiter.tryTake(`new ${at}`), limiter.snapshot().counts["swept"]));
  assert.ok(swept.every((count, at) => Number(count) <= 4 * (at + 1)));
  for (let at = 4; at < 8; at += 1) limiter.tryTake(`new ${at}`);
  assert.deepEqual([limiter.snapshot().counts["swept"], limiter.keys], [8, 8]);
});

test("limiting begins with the first refusal and ends with the first pass after a quiet period", async () => {
  for (const [periodMs, quietMs] of [
    [10, 1000],
    [5000, 5000],
    [300_000, 60_000],
  ] as const) {
    const system = manualSystem();
    const limiter = rateLimiter({ system, limit: 1, periodMs });
    const events: string[] = [];
    limiter.listen(({ event, level }) => events.push(`${event}:${level}`));
    const states = (key: string): string => (limiter.tryTake(key), limiter.snapshot().state);
    await system.advance(7777);
    assert.deepEqual([states("a"), states("a"), states("a"), states("b")], ["ok", "limiting", "limiting", "limiting"]);
    await system.advance(quietMs - 1);
    assert.equal(states("c"), "limiting");
    await system.advance(1);
    assert.equal(states("d"), "ok");
    assert.deepEqual(events, ["limited:trip", "relieved:info"]);
  }
});

test("the search for keys to forget goes on where it stopped, past those that are in debt for long", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 1, periodMs: 1000 });
  for (let at = 0; at < 4; at += 1) limiter.block(`blocked ${at}`, 1_000_000);
  for (let at = 0; at < 4; at += 1) limiter.tryTake(`idle ${at}`);
  await system.advance(1000);
  for (let at = 0; at < 3; at += 1) limiter.tryTake(`new ${at}`);
  assert.equal(limiter.snapshot().counts["swept"], 4);
});

test("at half the scale everything takes twice as long: what remains, waits, reservations, blocks", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 4, periodMs: 1000 });
  const events: unknown[] = [];
  limiter.listen(({ event, level, detail }) => event === "blocked" && events.push([level, detail]));
  limiter.scale = 0.5;
  assert.equal(limiter.check("a").remaining, 1);
  assert.equal(limiter.check("a").remaining, 0);
  const at: number[] = [];
  for (let turn = 0; turn < 2; turn += 1) void limiter.acquire("a").then(() => at.push(system.now()));
  await system.advance(2000);
  assert.deepEqual(at, [500, 1000]);
  limiter.block("b", 3000);
  await system.advance(2999);
  assert.equal(limiter.tryTake("b"), false);
  await system.advance(1);
  assert.deepEqual([limiter.tryTake("b"), limiter.tryTake("b")], [true, false]);
  assert.deepEqual(events, [["trip", { key: "b", forMs: 3000 }]]);
});

test("a tracked key waits for its own bucket also when no further key is tracked", async () => {
  const system = manualSystem();
  const limiter = rateLimiter({ system, limit: 1, periodMs: 1000, keysMax: 1 });
  await limiter.acquire("a");
  await limiter.acquire("b");
  void limiter.acquire("a");
  await system.advance(0);
  assert.equal(limiter.check("a").retryAfterMs, 2000);
  assert.equal(limiter.check("c").retryAfterMs, 1000, "the shared bucket is not reserved");
  await system.advance(1000);
});

test("a scale is within bounds, is told, and leaves at least one unit at a time", () => {
  const limiter = rateLimiter({ system: manualSystem(), limit: 4, periodMs: 1000 });
  const events: string[] = [];
  limiter.listen(({ event, level, detail }) => events.push(`${event}:${level} ${detail["scale"]}`));
  limiter.scale = 0.5;
  assert.equal(limiter.check("a").limit, 2);
  limiter.controls?.["set-scale"]?.("0.01");
  assert.deepEqual([limiter.scale, limiter.check("b").limit], [0.01, 1]);
  assert.equal(limiter.check("b").retryAfterMs, 25_000);
  limiter.scale = 2;
  assert.equal(limiter.check("c").limit, 8);
  assert.equal(limiter.snapshot().values["scale"], 2);
  for (const bad of [0, 1001, Number.NaN]) assert.throws(() => (limiter.scale = bad), /scale/);
  assert.equal(limiter.scale, 2);
  assert.deepEqual(
    events.filter((event) => event.startsWith("scaled")),
    ["scaled:info 0.5", "scaled:info 0.01", "scaled:info 2"],
  );
});

test("a weight that is no number, or below 0, is refused by name; nothing at all always passes", async () => {
  const limiter = rateLimiter({ system: manualSystem(), limit: 1, periodMs: 1000 });
  for (const weight of [Number.NaN, -1]) {
    assert.throws(() => limiter.check("a", weight), /weight/);
    assert.throws(() => limiter.tryTake("a", weight), /weight/);
    await assert.rejects(limiter.acquire("a", { weight }), /weight/);
  }
  limiter.tryTake("a");
  assert.equal(limiter.tryTake("a", 0), true);
});

test("an aborted caller takes nothing; one that can never be served is refused at once", async () => {
  const limiter = rateLimiter({ system: manualSystem(), limit: 1, periodMs: 1000, waitMsMax: Infinity });
  await assert.rejects(limiter.acquire("a", { signal: AbortSignal.abort() }), AbortedError);
  await assert.rejects(
    limiter.acquire("a", { weight: 2 }),
    (error) => error instanceof RateLimitedError && error.retryAfterMs === Infinity,
  );
  assert.equal(limiter.tryTake("a"), true);
  const crowded = rateLimiter({ system: manualSystem(), limit: 1, periodMs: 1000, waitersMax: 0 });
  await crowded.acquire("a");
  await assert.rejects(
    crowded.acquire("a"),
    (error) => error instanceof RateLimitedError && error.retryAfterMs === 1000,
  );
  assert.equal(crowded.snapshot().counts["refused"], 1);
});

test("Retry-After is in whole seconds, rounded up, at least one", () => {
  const after = (retryAfterMs: number): string | undefined =>
    retryAfterSeconds({ allowed: retryAfterMs === 0, retryAfterMs, remaining: 0, limit: 1 });
  assert.deepEqual([0, 1e-9, 1000, 1001, Infinity].map(after), [undefined, "1", "1", "2", undefined]);
});
