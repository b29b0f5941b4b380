import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  absence,
  changeRate,
  ratio,
  threshold,
  type ChangeRateOptions,
  type RatioOptions,
  type ThresholdOptions,
} from "@prunella/detect";

const second = 1000;

/** Values one second apart; the states they lead to, one letter each (o, p, f, c). */
function checkThreshold(options: ThresholdOptions, values: readonly number[], states: string): void {
  const detector = threshold(options);
  const seen = values.map((value, i) => detector.update({ at: i * second, value }).state[0]);
  assert.equal(seen.join(""), states, `${JSON.stringify(options)} on ${values.join(" ")}`);
}

test("a threshold fires beyond its level and clears behind the other one", () => {
  checkThreshold({ above: 10 }, [9, 10, 11, 10, 9], "oofoo");
  checkThreshold({ above: 10, clearAbove: 8 }, [11, 10, 9, 8, 9, 11], "fffoof");
  checkThreshold({ below: 5, clearBelow: 7 }, [6, 4, 6, 7, 4], "offof");
  checkThreshold({ above: 10, below: 0 }, [5, -1, 5, 11, 0], "ofofo");
});

test("a threshold waits before it fires and before it clears, and starts anew when interrupted", () => {
  checkThreshold({ above: 10, forMs: 2 * second }, [11, 11, 11, 9], "ppfo");
  checkThreshold({ above: 10, forMs: 2 * second }, [11, 11, 9, 11, 11, 11], "ppoppf");
  checkThreshold({ above: 10, clearForMs: 2 * second }, [11, 9, 9, 11, 9, 9, 9], "fccfcco");
});

test("a gap longer than allowed does not count as held", () => {
  const detector = threshold({ above: 10, forMs: 60 * second, gapMsMax: 30 * second });
  assert.equal(detector.update({ at: 0, value: 11 }).state, "pending");
  assert.equal(detector.update({ at: 90 * second, value: 11 }).state, "pending");
  assert.equal(detector.update({ at: 120 * second, value: 11 }).state, "pending");
  assert.equal(detector.update({ at: 150 * second, value: 11 }).state, "firing");
});

test("an alarm says when it changed, since when, and why", () => {
  const detector = threshold({ above: 10 });
  detector.update({ at: 0, value: 1 });
  const fired = detector.update({ at: second, value: 12.5 });
  assert.deepEqual(fired, { firing: true, changed: true, state: "firing", since: second, why: "12.5 is above 10" });
  const still = detector.update({ at: 2 * second, value: 13 });
  assert.equal(still.changed, false);
  assert.equal(still.since, second);
});

test("a threshold ignores what is not a number or not later", () => {
  const detector = threshold({ above: 10 });
  detector.update({ at: 5 * second, value: 11 });
  for (const sample of [
    { at: 6 * second, value: NaN },
    { at: 5 * second, value: 0 },
    { at: 4 * second, value: 0 },
    { at: NaN, value: 0 },
  ])
    assert.equal(detector.update(sample).state, "firing");
  assert.equal(detector.snapshot().lastAt, 5 * second);
});

test("levels that contradict each other are refused by name", () => {
  assert.throws(() => threshold({}), /above or below must be given/);
  assert.throws(() => threshold({ above: NaN }), /above must be a finite number/);
  assert.throws(() => threshold({ above: 1, clearAbove: 2 }), /clearAbove must be at most `above`, not 2/);
  assert.throws(() => threshold({ below: 1, clearBelow: 0 }), /clearBelow must be at least `below`, not 0/);
  assert.throws(() => threshold({ above: 1, below: 1 }), /below must be less than `above`/);
  assert.throws(() => threshold({ above: 1, forMs: -1 }), /forMs must be 0 or more milliseconds/);
});

test("a change is measured over its window, per second or as a share", () => {
  const check = (options: ChangeRateOptions, values: readonly number[], rates: readonly (number | null)[]): void => {
    const detector = changeRate(options);
    assert.deepEqual(
      values.map((value, i) => detector.update({ at: i * second, value }).rate),
      rates,
    );
  };
  check({ windowMs: 2 * second, above: 99 }, [0, 10, 20, 40, 40], [null, null, 10, 15, 10]);
  check({ windowMs: second, measure: "share", above: 99 }, [10, 15, 0, 4, 4], [null, 0.5, -1, 1, 0]);
});

test("a rate of change fires on a ramp, clears on a plateau, and keeps few samples however fast they come", () => {
  const detector = changeRate({ windowMs: 10 * second, above: 5 });
  let firing = 0;
  for (let i = 0; i < 5000; i++) {
    const at = i * 10;
    const verdict = detector.update({ at, value: at < 20 * second ? 0 : Math.min((at / second - 20) * 10, 100) });
    if (verdict.firing) firing++;
    assert.ok(detector.snapshot().samples.length <= 66);
  }
  assert.ok(firing > 900 && firing < 1600, `${firing} of 5000 firing`);
  assert.equal(detector.update({ at: 60 * second, value: 100 }).firing, false);
});

test("absence is silence longer than said, or than several usual intervals", () => {
  const said = absence({ afterMs: 30 * second });
  assert.equal(said.check(1e12).absent, false, "never seen is unknown, not absent");
  said.update({ at: 0 });
  assert.equal(said.check(30 * second).absent, false);
  assert.equal(said.check(31 * second).absent, true);
  const learned = absence({ intervals: 5, learnedMsMin: 0 });
  for (let i = 0; i < 9; i++) learned.update({ at: i * 10 * second });
  assert.equal(learned.check(1e9).allowedMs, null, "not learned yet");
  for (let i = 9; i < 30; i++) learned.update({ at: i * 10 * second });
  assert.equal(learned.check(29 * 10 * second + 49 * second).absent, false);
  assert.equal(learned.check(29 * 10 * second + 52 * second).absent, true);
  learned.update({ at: 5 });
  assert.equal(learned.snapshot().lastAt, 29 * 10 * second, "time does not go backwards");
});

test("a ratio needs enough events, forgets old ones, and takes late ones where they belong", () => {
  const options: RatioOptions = { windowMs: 60 * second, above: 0.1, totalMin: 20 };
  const detector = ratio(options);
  assert.equal(detector.update({ at: 0, part: 1, total: 1 }).ratio, null);
  const enough = detector.update({ at: second, part: 4, total: 19 });
  assert.deepEqual([enough.ratio, enough.firing], [0.25, true]);
  assert.equal(detector.update({ at: 30 * second, part: 0, total: 80 }).ratio, 0.05);
  const later = detector.update({ at: 62 * second, part: 0, total: 0 });
  assert.deepEqual([later.ratio, later.total], [0, 80]);
  assert.equal(detector.update({ at: 31 * second, part: 20, total: 20 }).ratio, 0.2);
  assert.equal(detector.update({ at: -100 * second, part: 20, total: 20 }).ratio, 0.2, "older than the window");
  for (const [part, total] of [
    [-1, 2],
    [NaN, 2],
    [0, Infinity],
  ] as const)
    assert.equal(detector.update({ at: 63 * second, part, total }).ratio, null);
});

test("restored alarms go on exactly where they were", () => {
  const step = fc.tuple(fc.integer({ min: -5, max: 60 }), fc.integer({ min: -5, max: 15 }), fc.nat(30));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, cut) => {
      const make = {
        threshold: (from?: string) =>
          threshold({ above: 8, clearAbove: 5, forMs: 20 * second }, from === undefined ? undefined : JSON.parse(from)),
        change: (from?: string) =>
          changeRate({ windowMs: 30 * second, above: 0.1 }, from === undefined ? undefined : JSON.parse(from)),
        absence: (from?: string) => absence({}, from === undefined ? undefined : JSON.parse(from)),
      };
      const makeRatio = (from?: string) =>
        ratio({ windowMs: 90 * second, above: 0.3, totalMin: 5 }, from === undefined ? undefined : JSON.parse(from));
      for (const create of Object.values(make)) {
        let at = 0;
        const through = create();
        let stopped = create();
        for (const [i, [gap, value]] of steps.entries()) {
          at += gap * second;
          if (i === cut) stopped = create(JSON.stringify(stopped.snapshot()));
          assert.deepEqual(stopped.update({ at, value }), through.update({ at, value }));
        }
      }
      let at = 0;
      const through = makeRatio();
      let stopped = makeRatio();
      for (const [i, [gap, part, rest]] of steps.entries()) {
        at += gap * second;
        if (i === cut) stopped = makeRatio(JSON.stringify(stopped.snapshot()));
        const sample = { at, part, total: part + rest };
        assert.deepEqual(stopped.update(sample), through.update(sample));
      }
    }),
  );
});
