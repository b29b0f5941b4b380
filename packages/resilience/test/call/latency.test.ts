import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LatencyHistogram } from "../../src/call/latency.ts";

test("a quantile is at most a bucket above the exact one, never below it", () =>
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.double({ min: 0, max: 1e8, noNaN: true }), fc.double({ min: 0, max: 20, noNaN: true })), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (durations, share) => {
        const histogram = new LatencyHistogram();
        for (const ms of durations) histogram.record(ms);
        const rank = Math.max(1, Math.ceil(share * durations.length));
        const exact = durations.toSorted((a, b) => a - b)[rank - 1] as number;
        const told = histogram.quantile(share);
        assert.ok(told >= exact * (1 - 1e-9), `${told} for ${exact}`);
        assert.ok(told <= Math.max(0.1, exact * Math.SQRT2 * (1 + 1e-9)), `${told} for ${exact}`);
      },
    ),
  ));

test("before the first duration there is nothing to tell, and beyond the last bucket its bound is told", () => {
  const histogram = new LatencyHistogram();
  assert.equal(histogram.quantile(0.5), 0);
  histogram.record(Infinity);
  assert.equal(Math.floor(histogram.quantile(0.5) / 86_400_000), 3);
});
