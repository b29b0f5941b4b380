import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { autotune, type Autotune, type AutotuneOptions } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

interface Watched {
  readonly own: Autotune;
  /** One measurement of each score in turn, whatever the value is. */
  readonly measure: (...scores: number[]) => void;
  /** What was told since it was last asked: where it moved and why, and everything else by name. */
  readonly told: () => string;
}

function watched(options: Partial<AutotuneOptions>): Watched {
  const own = autotune({ system: manualSystem(), min: 0, max: 100, samples: 1, apply: () => {}, ...options });
  let lines: string[] = [];
  own.listen(({ event, detail }) => lines.push(event === "moved" ? `${detail["to"]} ${detail["why"]}` : event));
  const told = (): string => {
    const all = lines.join(", ");
    lines = [];
    return all;
  };
  return { own, measure: (...scores) => scores.forEach((score) => own.observe(score)), told };
}

test("it climbs a tenth of the range at a time; from what is no better it turns round at the best, in steps of half", () => {
  const { own, measure, told } = watched({ min: 20, max: 120, initial: 50 });
  measure(100, 200, 150);
  assert.equal(told(), "60 climbing, 70 climbing, 60 no better");
  assert.deepEqual([own.best, own.snapshot().values["step"]], [60, 5]);
  measure(200, 250, 100);
  assert.equal(told(), "55 climbing, 50 climbing, way-back, 55 way back", "a loss of more than three tenths");
  measure(250, 200, 250, 200, 250);
  assert.equal(told(), "57 climbing, 55 no better, 54 climbing, 55 no better, 56 climbing");
  const { counts } = own.snapshot();
  assert.deepEqual(counts, { moves: 11, turns: 4, wayBacks: 1, ignored: 0, applyFailures: 0, trips: 1 });
});

test("at a bound it turns, in steps of half", () => {
  const { own, measure, told } = watched({ initial: 85, step: 10 });
  measure(100, 200, 300, 400);
  assert.equal(told(), "95 climbing, 100 climbing, 95 climbing, 90 climbing");
  assert.equal(own.snapshot().counts["turns"], 1);
});

test("a difference that is just the tolerance is none, and a loss that is just the most waits for all measurements", () => {
  const { measure, told } = watched({ samples: 2, step: 10 });
  measure(100, 100, 105, 105);
  assert.equal(told(), "10 climbing, 0 no better");
  measure(100, 100, 70);
  assert.equal(told(), "2 climbing");
  measure(70);
  assert.equal(told(), "0 no better");
});

test("the best value is measured anew whenever it is met: the world may have changed", () => {
  const { own, measure, told } = watched({ step: 10 });
  measure(100, 90, 40);
  assert.equal(told(), "10 climbing, 0 no better, 2 climbing");
  assert.equal(own.snapshot().values["score"], 40);
  measure(50);
  assert.equal(told(), "4 climbing");
  assert.equal(own.best, 2);
});

test("reset forgets the best value, the direction and the step; a pause forgets the measurements under way", () => {
  const { own, measure, told } = watched({ initial: 50 });
  measure(100, 200, 150);
  told();
  own.reset();
  assert.equal(own.best, 50);
  measure(10);
  assert.equal(told(), "50 reset, 60 climbing");
  const paused = watched({ samples: 2, step: 10 });
  paused.measure(100);
  paused.own.pause();
  paused.measure(7);
  paused.own.resume();
  paused.measure(50);
  assert.equal(paused.told(), "paused, resumed");
  paused.measure(50);
  assert.equal(paused.own.snapshot().values["score"], 50);
});

test("the value climbs to where the objective is best, and stays near it", () => {
  let value = 0;
  const own = autotune({
    system: manualSystem(),
    min: 1,
    max: 100,
    initial: 5,
    step: 10,
    samples: 3,
    tolerance: 0.01,
    apply: (next) => (value = next),
  });
  const throughput = (size: number): number => 1000 - (size - 60) ** 2 / 4;
  for (let at = 0; at < 400; at += 1) own.observe(throughput(value));
  assert.ok(Math.abs(own.best - 60) <= 8, String(own.best));
  assert.ok(Math.abs(value - 60) <= 18, String(value));
});

test("less can be better", () => {
  const { measure, told } = watched({ better: "lower" });
  measure(100, 50, 60, 50, 66);
  assert.equal(told(), "10 climbing, 20 climbing, 10 no better, 5 climbing, way-back, 10 way back");
  let value = 0;
  const own = autotune({
    system: manualSystem(),
    min: 1,
    max: 64,
    initial: 1,
    step: 8,
    samples: 1,
    better: "lower",
    apply: (next) => (value = next),
  });
  for (let at = 0; at < 200; at += 1) own.observe(100 + Math.abs(value - 33) * 5);
  assert.ok(Math.abs(own.best - 33) <= 4, String(own.best));
});

test("a value that does clearly worse is left at once for the best one known, and that is told", () => {
  const applied: number[] = [];
  const own = autotune({
    system: manualSystem(),
    min: 1,
    max: 100,
    initial: 10,
    step: 10,
    samples: 6,
    apply: (next) => applied.push(next),
  });
  const events: string[] = [];
  own.listen(({ event }) => events.push(event));
  for (let at = 0; at < 6; at += 1) own.observe(100);
  assert.deepEqual(applied, [10, 20]);
  for (let at = 0; at < 3; at += 1) own.observe(10);
  assert.deepEqual(applied, [10, 20, 10], "after half of the samples");
  assert.deepEqual(events, ["moved", "way-back", "moved"]);
});

test("a refused value keeps the one before; pause, reset and nonsense measurements do what they say", () => {
  let refuse = false;
  const applied: number[] = [];
  const own = autotune({
    system: manualSystem(),
    min: 1,
    max: 10,
    initial: 3,
    step: 2,
    samples: 1,
    apply: (next) => {
      if (refuse) throw new Error("no");
      applied.push(next);
    },
  });
  own.observe(NaN);
  own.pause();
  own.observe(5);
  assert.equal(own.snapshot().counts["ignored"], 2);
  own.resume();
  refuse = true;
  own.observe(5);
  assert.equal(own.value, 3);
  assert.equal(own.snapshot().counts["applyFailures"], 1);
  assert.equal(own.snapshot().counts["trips"], 1);
  refuse = false;
  own.observe(5);
  assert.equal(own.value, 5);
  own.controls?.["reset"]?.();
  assert.deepEqual([own.value, own.best], [3, 3]);
});

test("whatever is measured, the value stays a whole number within its bounds", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: false })),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(30),
      (scores, min, range) => {
        const own = autotune({
          min,
          max: min + range,
          samples: 2,
          system: manualSystem(),
          apply: (value) => assert.ok(Number.isInteger(value) && value >= min && value <= min + range),
        });
        for (const score of scores) own.observe(score);
        assert.ok(own.best >= min && own.best <= min + range);
      },
    ),
  );
});

test("who hears of a move sees the new value, and may reset or pause the tuner", () => {
  const applied: number[] = [];
  const own = autotune({ min: 1, max: 100, step: 10, samples: 1, apply: (value) => applied.push(value) });
  const seen: unknown[] = [];
  own.listen(({ event, detail }) => {
    if (event === "moved") seen.push([own.value, detail["to"]]);
    if (event === "way-back") own.reset();
  });
  own.observe(100);
  assert.deepEqual(seen, [[11, 11]]);
  own.observe(200);
  own.observe(1);
  assert.deepEqual([own.value, own.best, applied.at(-1)], [1, 1, 1], "reset, and not moved after it");

  const paused = autotune({ min: 1, max: 100, step: 10, samples: 1, apply: () => {} });
  paused.listen(({ event }) => event === "way-back" && paused.pause());
  paused.observe(100);
  paused.observe(1);
  assert.equal(paused.value, 11);
});

test("a sense that is none is refused by name", () => {
  const better = "more" as "higher";
  assert.throws(() => autotune({ min: 1, max: 2, apply: () => {}, better }), {
    name: "BadOptionError",
    field: "better",
  });
});
