import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { autotune } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

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
