import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { adaptiveLimit, aimd, gradient2, LimitReachedError, vegas } from "@prunella/resilience";
import type { LimitAlgorithm, LimitPermit } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

// Numbers made by running Netflix's own classes (commit 78a74b9): for i = 0..399 one sample, the limit after every 25th.
type Input = (i: number) => { rttMs: number; dropped: boolean };
const flat: Input = () => ({ rttMs: 10, dropped: false });
const slow: Input = (i) => ({ rttMs: i >= 100 && i < 200 ? 40 : 10, dropped: false });
const drops: Input = (i) => ({ rttMs: 10 + ((7 * i) % 5), dropped: i % 50 === 49 });

function check(
  make: () => LimitAlgorithm,
  input: Input,
  expected: string,
  inflightOf = (limit: number): number => limit,
): void {
  const algorithm = make();
  let limit = algorithm.initial;
  const seen: number[] = [];
  for (let i = 0; i < 400; i += 1) {
    limit = algorithm.update({ ...input(i), inflight: inflightOf(limit) });
    if (i % 25 === 24) seen.push(limit);
  }
  const words = expected.split(" ");
  const wanted = words.at(-1) === "..." ? words.slice(0, -1) : words;
  while (wanted.length < 16) wanted.push(wanted.at(-1) as string);
  assert.equal(seen.join(" "), wanted.join(" "));
}

const faithfulGradient2 = (): LimitAlgorithm => gradient2({ backoffRatio: 1 });
const faithfulVegas = (): LimitAlgorithm => vegas({ probeMultiplier: 1e6 });
const risingGradient = "40 60 80 100 120 140 160 180 200 ...";

test("AIMD gives the reference sequences exactly", () => {
  check(aimd, flat, "45 70 95 120 145 170 195 200 ...");
  check(aimd, slow, "45 70 95 120 145 170 195 200 ...");
  check(aimd, drops, "45 62 87 99 124 133 158 163 188 180 200 180 200 180 200 180");
  check(aimd, flat, "20 ...", (limit) => Math.floor(limit / 2) - 1);
});

test("Gradient2, faithful, gives the reference sequences exactly", () => {
  check(faithfulGradient2, flat, risingGradient);
  check(faithfulGradient2, slow, "40 60 80 100 14 8 9 11 31 51 71 91 111 131 151 171");
  check(faithfulGradient2, drops, risingGradient);
  check(faithfulGradient2, flat, "20 ...", (limit) => Math.floor(limit / 2) - 1);
});

test("Vegas gives the reference sequences exactly", () => {
  check(faithfulVegas, flat, "200 ...");
  check(faithfulVegas, slow, "200 200 200 200 150 100 74 49 200 ...");
  check(faithfulVegas, drops, "37 52 66 76 86 95 96 96 ...");
  check(faithfulVegas, flat, "20 ...", (limit) => Math.floor(limit / 2) - 1);
});

test("drop-aware Gradient2 falls under quick refusals, where the faithful one rises", () => {
  const refused: Input = (i) => ({ rttMs: i % 3 === 0 ? 6 : 10, dropped: i % 3 === 0 });
  const last = (algorithm: LimitAlgorithm): number => {
    let limit = 20;
    for (let i = 0; i < 400; i += 1) limit = algorithm.update({ ...refused(i), inflight: limit });
    return limit;
  };
  assert.ok(last(faithfulGradient2()) > 100);
  assert.ok(last(gradient2()) < 20);
});

test("Vegas measures its quickest latency anew", () => {
  const algorithm = vegas({ initial: 10, probeMultiplier: 1 });
  for (let i = 0; i < 20; i += 1) algorithm.update({ rttMs: 10, inflight: 200, dropped: false });
  const before = algorithm.update({ rttMs: 10, inflight: 200, dropped: false });
  let limit = before;
  for (let i = 0; i < 2000; i += 1) limit = algorithm.update({ rttMs: 50, inflight: limit, dropped: false });
  assert.ok(limit >= before, "50 ms has become normal");
});

const sample = (rttMs: number, inflight: number, dropped = false) => ({ rttMs, inflight, dropped });

test("AIMD: a call that takes just the allowed time is no drop, and half of the limit in use is enough to grow", () => {
  assert.equal(aimd().update(sample(5000, 10)), 21);
  assert.equal(aimd().update(sample(5001, 10)), 18);
  assert.equal(aimd().update(sample(5000, 9)), 20);
});

test("Gradient2: ten samples make the first long average, after that each weighs 2 / (window + 1)", () => {
  const bare = { initial: 1600, max: 2000, smoothing: 1, queueSize: 0, tolerance: 1 };
  const update = (algorithm: LimitAlgorithm, rttMs: number): number => algorithm.update(sample(rttMs, 2000));
  const moving = gradient2({ ...bare, longWindow: 3 });
  for (let warmUp = 0; warmUp < 10; warmUp += 1) assert.equal(update(moving, 10), 1600);
  assert.equal(update(moving, 20), 1200, "15 against 20");
  assert.equal(update(moving, 20), 1050, "17.5 against 20");

  // A window without end: after ten samples nothing but the way back from a slow time moves the average.
  const still = gradient2({ ...bare, longWindow: Infinity });
  for (let warmUp = 0; warmUp < 10; warmUp += 1) update(still, 100);
  assert.equal(update(still, 50), 1600, "twice as quick is no slow time that is over");
  assert.equal(update(still, 100), 1600);
  assert.equal(update(still, 49), 1600);
  assert.equal(update(still, 100), 1520, "more than twice as quick is: 95 against 100");
  assert.equal(still.update(sample(190, 760)), 760, "half of the limit in use counts");
  assert.equal(still.update(sample(190, 379)), 760, "less says nothing");
});

test("Vegas probes after as many samples as chance, multiplier and limit say, each time anew", () => {
  const chances = [0.5, 0.25];
  const algorithm = vegas({ initial: 10, probeMultiplier: 2, random: () => chances.shift() ?? 0 });
  // The queue seen is half of the limit, at which it stands, until a probe takes the slower latency for the quickest.
  let limit = algorithm.update(sample(10, 100));
  const moves: string[] = [];
  for (let call = 2; call <= 36; call += 1) {
    const before = limit;
    limit = algorithm.update(sample(limit === 10 ? 20 : 32, 100));
    if (limit !== before) moves.push(`${call}: ${limit}`);
  }
  // 0.75 x 2 x 10 = 15 samples, then 0.625 x 2 x 16 = 20 more; the sample after a probe tells.
  assert.deepEqual(moves, ["16: 16", "36: 22"]);
});

test("Vegas moves by the length of the queue in steps of the limit's logarithm, as far as it is smoothed", () => {
  const moved = (queue: number, options = {}, inflight = 50): number => {
    const algorithm = vegas({ initial: 100, max: 1000, probeMultiplier: Infinity, ...options });
    algorithm.update(sample(100.5 - queue, inflight));
    return algorithm.update(sample(100, inflight)) - 100;
  };
  assert.deepEqual(
    [1, 2, 3, 5, 6, 12, 13].map((queue) => moved(queue)),
    [12, 12, 2, 2, 0, 0, -2],
  );
  assert.equal(moved(2, {}, 49), 0, "less than half of the limit in use says nothing");
  assert.equal(moved(2, { smoothing: 0.25 }), 3);
});

/** A server that answers `capacity` calls at once in 10 ms, slows down in proportion beyond that, and refuses beyond 3 times. */
function serve(capacityAt: (ms: number) => number): number[] {
  let ms = 0;
  const own = adaptiveLimit({ system: { ...manualSystem(), now: () => ms }, max: 500 });
  let running: { readonly endsAt: number; readonly permit: LimitPermit; readonly dropped: boolean }[] = [];
  const limits: number[] = [];
  for (; ms < 40_000; ms += 5) {
    for (const { endsAt, permit, dropped } of running) if (endsAt <= ms) permit[dropped ? "drop" : "success"]();
    running = running.filter(({ endsAt }) => endsAt > ms);
    const capacity = capacityAt(ms);
    for (let permit = own.tryAcquire(); permit !== undefined; permit = own.tryAcquire()) {
      const dropped = running.length >= capacity * 3;
      running.push({ endsAt: ms + (dropped ? 2 : 10 * Math.max(1, running.length / capacity)), permit, dropped });
    }
    if (ms % 1000 === 0) limits.push(own.limit);
  }
  return limits;
}

test("MED-004: the limit follows a halved capacity within 10 s, and back within 10 s", () => {
  const limits = serve((ms) => (ms >= 15_000 && ms < 27_000 ? 20 : 80));
  const before = limits[14] ?? 0;
  const halved = Math.min(...limits.slice(15, 25));
  const after = Math.max(...limits.slice(27, 37));
  assert.ok(halved <= before * 0.6, `${before} -> ${halved}`);
  assert.ok(after >= before * 0.8, `${before} -> ${halved} -> ${after}`);
});

test("a flooding tenant leaves the others their share, and takes the room that they leave", () => {
  const own = adaptiveLimit({ system: manualSystem(), initial: 20 });
  const flood: LimitPermit[] = [];
  for (let permit = own.tryAcquire("flood"); permit !== undefined; permit = own.tryAcquire("flood")) flood.push(permit);
  assert.equal(flood.length, 20, "alone it may use all");
  const calm: LimitPermit[] = [];
  for (let permit = own.tryAcquire("calm"); permit !== undefined; permit = own.tryAcquire("calm")) calm.push(permit);
  assert.equal(calm.length, 10, "half of the limit is sure");
  flood.pop()?.ignore();
  assert.equal(own.tryAcquire("flood"), undefined);
});

test("named shares are sure, all others share the rest, and shares above 1 are refused", () => {
  const own = adaptiveLimit({ system: manualSystem(), initial: 10, shares: { gold: 0.5, silver: 0.2 } });
  const fill = (tenant: string): number => {
    let got = 0;
    while (own.tryAcquire(tenant) !== undefined) got += 1;
    return got;
  };
  assert.equal(fill("stranger"), 10);
  assert.deepEqual([fill("gold"), fill("silver"), fill("other stranger")], [5, 2, 0]);
  assert.throws(() => adaptiveLimit({ shares: { a: 0.7, b: 0.7 } }), /sum of shares/);
});

test("shares that are filled one after another, and more tenants than places, stay below twice the limit", () => {
  const eager = adaptiveLimit({ system: manualSystem(), initial: 20 });
  for (let tenant = 0; tenant < 10; tenant += 1) while (eager.tryAcquire(`tenant ${tenant}`) !== undefined);
  assert.equal(eager.inflight, 39);
  const many = adaptiveLimit({ system: manualSystem(), initial: 20 });
  for (let tenant = 0; tenant < 1000; tenant += 1) many.tryAcquire(`tenant ${tenant}`);
  assert.equal(many.inflight, 39);
  assert.equal(many.snapshot().counts["refused"], 961);
});

test("run refuses with a local error, counts an overload as a drop and anything else not at all", async () => {
  const own = adaptiveLimit({ system: manualSystem(), algorithm: "aimd", initial: 4, min: 1 });
  const failsWith = async (thrown: unknown): Promise<number> => {
    const work = (): never => {
      throw thrown;
    };
    await assert.rejects(own.run(work), (error) => error === thrown);
    return own.limit;
  };
  const limits: number[] = [];
  const overloads = [{ status: 503 }, { statusCode: 429 }, new DOMException("late", "TimeoutError")];
  for (const error of [
    ...overloads,
    new Error("bad request"),
    { status: 404, statusCode: 503 },
    null,
    "503",
    undefined,
  ])
    limits.push(await failsWith(error));
  assert.deepEqual(limits, [3, 2, 1, 1, 1, 1, 1, 1]);
  const { counts } = own.snapshot();
  assert.deepEqual([counts["dropped"], counts["ignored"]], [3, 5]);
  for (let call = 0; call < 2; call += 1) await own.run(() => 1);
  const held = [1, 2, 3].map(() => own.run(() => new Promise<void>(() => {})));
  assert.equal(held.length, own.inflight);
  await assert.rejects(
    own.run(() => 1),
    LimitReachedError,
  );
});

test("calls, permits and refusals agree with a plain model for any sequence, and permits count once", () => {
  const step = fc.record({
    op: fc.constantFrom("acquire", "acquire", "success", "drop", "ignore"),
    at: fc.nat(30),
    tenant: fc.constantFrom("a", "b", "c", "d"),
  });
  fc.assert(
    fc.property(
      fc.constantFrom("aimd" as const, "gradient2" as const, "vegas" as const),
      fc.option(fc.constant({ a: 0.5, b: 0.2 }), { nil: undefined }),
      fc.array(step, { maxLength: 200, size: "max" }),
      (algorithm, shares, steps) => {
        const own = adaptiveLimit({
          ...{ system: manualSystem(), algorithm, min: 2, max: 10, initial: 5 },
          ...(shares === undefined ? {} : { shares }),
        });
        type Word = "success" | "drop" | "ignore";
        const permits: { readonly tenant: string; readonly permit: LimitPermit; open: boolean }[] = [];
        const counts = { accepted: 0, refused: 0, succeeded: 0, dropped: 0, ignored: 0, trips: 0 };
        const ends = { success: "succeeded", drop: "dropped", ignore: "ignored" } as const;
        /** Whose share it is: without a share of its own, that of all others. */
        const shareOf = (tenant: string): string => (shares === undefined || tenant in shares ? tenant : "others");
        const inFlight = (): typeof permits => permits.filter(({ open }) => open);
        const heldBy = (tenant: string): number => inFlight().filter((each) => each.tenant === tenant).length;
        let limiting = false;
        for (const { op, at, tenant: name } of steps) {
          const { limit } = own;
          if (op === "acquire") {
            const tenant = shareOf(name);
            const tenants = new Set(inFlight().map((each) => each.tenant)).size;
            const share = { a: 0.5, b: 0.2, others: 0.3 }[tenant] ?? 0;
            const sure = Math.max(1, Math.floor(limit * (shares === undefined ? 1 / Math.max(1, tenants) : share)));
            const running = inFlight().length;
            const admits = running < limit || (running < 2 * limit - 1 && heldBy(tenant) < sure);
            const permit = own.tryAcquire(name);
            assert.equal(permit !== undefined, admits);
            counts[admits ? "accepted" : "refused"] += 1;
            if (!admits && !limiting) counts.trips += 1;
            limiting ||= !admits;
            if (permit !== undefined) permits.push({ tenant, permit, open: true });
          } else {
            const ended = permits[at % Math.max(1, permits.length)];
            ended?.permit[op as Word]();
            if (ended?.open === true) {
              ended.open = false;
              counts[ends[op as Word]] += 1;
              limiting &&= inFlight().length >= limit / 2;
            }
          }
          assert.equal(own.inflight, inFlight().length);
          assert.ok(own.limit >= 2 && own.limit <= 10 && Number.isInteger(own.limit));
          const { state, values, counts: counted } = own.snapshot();
          assert.equal(state, limiting ? "limiting" : "ok");
          assert.equal(values["tenants"], new Set(inFlight().map(({ tenant }) => tenant)).size);
          assert.deepEqual(counted, counts);
        }
      },
    ),
  );
});

test("a control plane caps the limit at once, and gives back what the algorithm has found meanwhile", async () => {
  let next = 40;
  const own = adaptiveLimit({ system: manualSystem(), algorithm: { initial: 40, update: () => next } });
  const events: string[] = [];
  own.listen(({ event, detail }) => events.push(`${event} ${detail["cap"] ?? detail["limit"]}`));
  const cap = own.controls?.["set-limit-max"] as (argument: number) => void;
  cap(7);
  assert.equal(own.limit, 7);
  next = 30;
  await own.run(() => 1);
  assert.equal(own.limit, 7);
  cap(1000);
  assert.equal(own.limit, 30);
  assert.deepEqual(events, ["capped 7", "limit-changed 7", "capped 1000", "limit-changed 30"]);
  for (const argument of [0, 2.5, Number.NaN]) assert.throws(() => cap(argument), /limit-max is/);
});

test("the lowest limit is 4, and 1 for Vegas", () => {
  const lowest = (algorithm: "aimd" | "gradient2" | "vegas"): number => {
    const own = adaptiveLimit({ system: manualSystem(), algorithm });
    for (let call = 0; call < 200; call += 1) own.tryAcquire()?.drop();
    return own.limit;
  };
  assert.deepEqual((["aimd", "gradient2", "vegas"] as const).map(lowest), [4, 4, 1]);
});

test("the algorithm sees each call's own latency, the calls in flight at its start, and whether it was dropped", async () => {
  const system = manualSystem();
  const seen: unknown[] = [];
  const own = adaptiveLimit({ system, algorithm: { initial: 5, update: (sample) => (seen.push(sample), 5) } });
  await system.advance(1000);
  const first = own.tryAcquire();
  await system.advance(10);
  const second = own.tryAcquire();
  await system.advance(5);
  first?.success();
  second?.drop();
  second?.success();
  own.tryAcquire()?.ignore();
  assert.deepEqual(seen, [
    { rttMs: 15, inflight: 1, dropped: false },
    { rttMs: 5, inflight: 2, dropped: true },
  ]);
  await own.run(() => 1);
  assert.equal(seen.length, 3);
  assert.equal(own.inflight, 0);
});

test("a limit that doubled or halved is told once, and refusals once per trouble", () => {
  let next = 10;
  const events: string[] = [];
  const own = adaptiveLimit({ system: manualSystem(), algorithm: { initial: 10, update: () => next } });
  own.listen(({ event, detail }) => events.push(`${event} ${String(detail["limit"])}`));
  for (next of [15, 20, 25, 10, 10]) own.tryAcquire()?.success();
  while (own.tryAcquire() !== undefined) next += 0;
  own.tryAcquire();
  assert.deepEqual(events, ["limit-changed 20", "limit-changed 10", "limiting 10"]);
  assert.equal(own.snapshot().state, "limiting");
});

test("an error that `isDrop` cannot judge goes to the caller and frees its place", async () => {
  const own = adaptiveLimit({
    system: manualSystem(),
    isDrop: () => {
      throw new Error("cannot judge");
    },
  });
  await assert.rejects(
    own.run(() => Promise.reject(new Error("of the work"))),
    { message: "of the work" },
  );
  assert.equal(own.inflight, 0);
  assert.equal(own.snapshot().counts["ignored"], 1);
});

test("tenants without a share may be given one by the name under which they are counted", () => {
  const own = adaptiveLimit({
    system: manualSystem(),
    ...{ algorithm: "aimd", initial: 10, min: 10, max: 10 },
    shares: { big: 0.5, others: 0.3 },
  });
  const taken = (tenant: string): number => {
    let count = 0;
    while (count < 20 && own.tryAcquire(tenant) !== undefined) count += 1;
    return count;
  };
  assert.equal(taken("big"), 10);
  assert.equal(taken("__proto__"), 5, "0.3 by name and the 0.2 that is left");
});

test("a share loses no call by rounding", () => {
  for (const [share, sure] of [
    [0.29, 29],
    [0.57, 57],
    [0.8, 80],
  ] as const) {
    const own = adaptiveLimit({
      system: manualSystem(),
      ...{ algorithm: "aimd", initial: 100, min: 100, max: 100, shares: { named: share, full: 1 - share } },
    });
    for (let at = 0; at < 100; at += 1) own.tryAcquire("full");
    let count = 0;
    while (own.tryAcquire("named") !== undefined) count += 1;
    assert.equal(count, sure);
  }
});

test("an algorithm that is none is refused by name", () => {
  assert.throws(() => adaptiveLimit({ algorithm: "gradient" as "aimd" }), {
    name: "BadOptionError",
    field: "algorithm",
  });
});

test("a dependency that stays slow is measured anew: the limit does not stay where the slow-down has put it", () => {
  for (const algorithm of [gradient2(), gradient2({ backoffRatio: 1 }), vegas()]) {
    let limit = algorithm.initial;
    const run = (rttMs: number, samples: number): number => {
      for (let at = 0; at < samples; at += 1) limit = algorithm.update({ rttMs, inflight: limit, dropped: false });
      return limit;
    };
    const before = run(10, 300);
    const fallen = run(100, 100);
    assert.ok(fallen < before / 2, `${fallen} of ${before}`);
    assert.ok(run(100, 3000) > fallen * 2);
  }
});
