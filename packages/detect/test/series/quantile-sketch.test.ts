import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { quantileSketch } from "@prunella/detect";

/** From 1e-9 to 1e9 of either sign, so that no bound on bins is met, and 0. */
const value = fc
  .oneof(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.integer({ min: -5, max: 5 }))
  .map((each) => (Math.abs(each) < 1e-9 ? 0 : each));
const quantiles = [0, 0.01, 0.25, 0.5, 0.9, 0.99, 1];

function exact(sorted: readonly number[], q: number): number {
  return sorted[Math.floor(q * (sorted.length - 1))]!;
}

function assertWithin(actual: number, expected: number, relativeError: number): void {
  const allowed = relativeError * Math.abs(expected) * 1.000001 + 1e-300;
  assert.ok(Math.abs(actual - expected) <= allowed, `${actual} is not within ${relativeError} of ${expected}`);
}

test("every quantile is within the stated relative error", () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 300 }), fc.constantFrom(0.005, 0.01, 0.05), (all, error) => {
      const sketch = quantileSketch({ relativeError: error, binsMax: 8192 });
      for (const each of all) sketch.add(each);
      const sorted = all.toSorted((a, b) => a - b);
      for (const q of quantiles) assertWithin(sketch.quantile(q), exact(sorted, q), error);
    }),
  );
});

test("merged sketches answer as one that saw everything", () => {
  fc.assert(
    fc.property(
      fc.array(value, { maxLength: 100 }),
      fc.array(value, { minLength: 1, maxLength: 100 }),
      (left, right) => {
        const [a, b, both] = [quantileSketch(), quantileSketch(), quantileSketch()];
        for (const each of left) a.add(each);
        for (const each of right) b.add(each);
        for (const each of [...left, ...right]) both.add(each);
        a.merge(JSON.parse(JSON.stringify(b.snapshot())));
        assert.equal(a.count, both.count);
        for (const q of quantiles) assert.equal(a.quantile(q), both.quantile(q));
      },
    ),
  );
});

test("a restored sketch is the same sketch", () => {
  const sketch = quantileSketch({ relativeError: 0.02 });
  for (let i = -500; i < 500; i++) sketch.add(i * 1.7);
  const snapshot = JSON.parse(JSON.stringify(sketch.snapshot()));
  assert.deepEqual(quantileSketch({}, snapshot).snapshot(), sketch.snapshot());
});

test("bins are bounded: beyond the bound the smallest values give up their precision, and are counted", () => {
  const sketch = quantileSketch({ binsMax: 64 });
  for (let power = -300; power <= 300; power++) sketch.add(10 ** power);
  const { positive, collapsed } = sketch.snapshot();
  assert.ok(positive.counts.length <= 64);
  assert.ok(collapsed > 500);
  assertWithin(sketch.quantile(1), 1e300, 0.01);
});

test("a weight counts as so many values", () => {
  const sketch = quantileSketch();
  sketch.add(1, 99);
  sketch.add(1000, 1);
  assertWithin(sketch.quantile(0.5), 1, 0.01);
  assertWithin(sketch.quantile(1), 1000, 0.01);
  assert.equal(sketch.count, 100);
});

test("an empty sketch knows no quantile, and what is no number is ignored and counted", () => {
  const sketch = quantileSketch();
  assert.ok(Number.isNaN(sketch.quantile(0.5)));
  for (const bad of [NaN, Infinity, -Infinity]) sketch.add(bad);
  sketch.add(1, 0);
  assert.equal(sketch.count, 0);
  assert.equal(sketch.snapshot().ignored, 4);
});

test("bad options and sketches of another precision are refused by name", () => {
  assert.throws(() => quantileSketch({ relativeError: 1 }), /relativeError must be between 0 and 1/);
  assert.throws(() => quantileSketch({ binsMax: 3 }), /binsMax must be a whole number from 16/);
  assert.throws(() => quantileSketch().quantile(1.5), /q must be from 0 to 1/);
  const other = quantileSketch({ relativeError: 0.05 }).snapshot();
  assert.throws(() => quantileSketch().merge(other), /other\.relativeError must be 0\.01, not 0\.05/);
});
