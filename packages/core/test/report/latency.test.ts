import { addLatency, latencyBoundsMs, latencyQuantile, latencyTotal, slowerThan } from "@prunella/core";
import { latencyBoundsMs as probeBounds } from "@prunella/probe";
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";

const counts = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 74 });

test("the buckets are the probe's", () => {
  assert.deepEqual(latencyBoundsMs, probeBounds);
});

test("a percentile over two parts together is not the mean of theirs", () => {
  const fast = Array.from({ length: 41 }, (_, at) => (at === 10 ? 990 : 0));
  const slow = Array.from({ length: 41 }, (_, at) => (at === 40 ? 10 : 0));
  const whole = addLatency(fast, slow);
  assert.equal(latencyQuantile(whole, 0.95), latencyBoundsMs[10]);
  assert.equal(latencyQuantile(slow, 0.95), latencyBoundsMs[40]);
});

test("adding is commutative and loses nothing", () => {
  fc.assert(
    fc.property(counts, counts, (a, b) => {
      assert.deepEqual(addLatency(a, b), addLatency(b, a));
      assert.equal(latencyTotal(addLatency(a, b)), latencyTotal(a) + latencyTotal(b));
    }),
  );
});

test("requests slower than a limit never grow with the limit", () => {
  fc.assert(
    fc.property(
      counts,
      fc.double({ min: 0, max: 1e5, noNaN: true }),
      fc.double({ min: 0, max: 1e5, noNaN: true }),
      (of, a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        assert.ok(slowerThan(of, high) <= slowerThan(of, low) + 1e-6);
        assert.ok(slowerThan(of, low) <= latencyTotal(of) + 1e-6);
      },
    ),
  );
});

test("nothing has no percentile, and the bucket without an upper bound answers with its lower one", () => {
  assert.equal(latencyQuantile([], 0.95), null);
  const last = Array.from({ length: 74 }, (_, at) => (at === 73 ? 1 : 0));
  assert.equal(latencyQuantile(last, 0.95), latencyBoundsMs[72]);
});

test("what is no count is left out", () => {
  assert.equal(latencyTotal([Number.NaN, -3, Infinity, 2]), 2);
});
