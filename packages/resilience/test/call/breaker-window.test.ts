// Windows against the plainest thing that could be right: a list of all calls, counted anew each time.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { countWindow, timeWindow, type WindowRates } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

interface Seen {
  readonly at: number;
  readonly failure: boolean;
  readonly slow: boolean;
}

function judged(seen: readonly Seen[], { failureRate = 0.5, slowRate = 1, slowMs, callsMin = 10 }: WindowRates) {
  if (seen.length < callsMin) return undefined;
  if (seen.filter((each) => each.failure).length >= failureRate * seen.length) return "failure-rate";
  const slow = seen.filter((each) => each.slow).length;
  return slowMs !== undefined && slow >= slowRate * seen.length ? "slow-rate" : undefined;
}

const rates: fc.Arbitrary<WindowRates> = fc.record({
  failureRate: fc.constantFrom(0.25, 0.5, 1),
  slowRate: fc.constantFrom(0.5, 1),
  slowMs: fc.constant(100),
  callsMin: fc.integer({ min: 1, max: 6 }),
});
const calls = fc.array(
  fc.record({
    waitMs: fc.oneof(fc.nat(30), fc.nat(200), fc.nat(5000)),
    failure: fc.boolean(),
    slow: fc.boolean(),
    reset: fc.nat(20).map((pick) => pick === 0),
  }),
  { minLength: 1, maxLength: 80 },
);

test("a time window judges exactly the calls of its last buckets, after any pause", () =>
  fc.assert(
    fc.asyncProperty(rates, fc.integer({ min: 1, max: 5 }), calls, async (options, buckets, steps) => {
      const system = manualSystem();
      const bucketMs = 100;
      const tally = timeWindow({ ...options, windowMs: bucketMs * buckets, buckets }).start();
      let seen: Seen[] = [];
      for (const { waitMs, failure, slow, reset } of steps) {
        await system.advance(waitMs);
        if (reset) {
          tally.reset();
          seen = [];
        }
        const bucket = Math.floor(system.now() / bucketMs);
        seen.push({ at: bucket, failure, slow });
        seen = seen.filter(({ at }) => at > bucket - buckets);
        assert.equal(tally.record(failure, slow, system), judged(seen, options));
      }
    }),
    { numRuns: 150 },
  ));

test("a count window judges exactly the last calls", () =>
  fc.assert(
    fc.property(rates, fc.integer({ min: 6, max: 12 }), calls, (options, size, steps) => {
      const system = manualSystem();
      const tally = countWindow({ ...options, calls: size }).start();
      let seen: Seen[] = [];
      for (const { failure, slow, reset } of steps) {
        if (reset) {
          tally.reset();
          seen = [];
        }
        seen = [...seen, { at: 0, failure, slow }].slice(-size);
        assert.equal(tally.record(failure, slow, system), judged(seen, options));
      }
    }),
    { numRuns: 150 },
  ));

test("durations are not judged unless asked for, and rates out of range are refused by name", () => {
  const system = manualSystem();
  const tally = countWindow({ calls: 2, callsMin: 1, slowRate: 0.5 }).start();
  assert.equal(tally.record(false, true, system), undefined);
  assert.throws(() => countWindow({ slowMs: -1 }), /slowMs is -1/);
  assert.throws(() => countWindow({ failureRate: 0 }), /failureRate is 0/);
  assert.throws(() => countWindow({ calls: 5, callsMin: 6 }), /callsMin is 6, but must be a number from 1 to 5/);
  assert.throws(() => timeWindow({ buckets: 1001 }), /buckets is 1001/);
  assert.throws(() => timeWindow({ windowMs: 0 }), /windowMs is 0/);
  assert.equal(
    countWindow({ calls: 5, failureRate: 1 }).start().record(true, false, system),
    undefined,
    "1 of at least 5",
  );
});

test("a window of half a call or half a bucket is refused", () => {
  assert.throws(() => countWindow({ calls: 2.5 }), /calls is 2.5, but must be a whole number from 1/);
  assert.throws(() => timeWindow({ buckets: 2.5 }), /buckets is 2.5, but must be a whole number from 1/);
});
