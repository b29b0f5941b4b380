// What the plain alarms say about input that no program should send.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { absence, burnRate, changeRate, peers, quantileSketch, ratio, threshold } from "@prunella/detect";

const wildValue = fc.oneof(
  fc.double(),
  fc.integer({ min: -5, max: 20 }),
  fc.constantFrom(NaN, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -0),
);
const wildTime = fc.oneof(
  fc.integer({ min: -1_000, max: 10_000_000 }),
  fc.constantFrom(NaN, Infinity, -Infinity, 0, 8.64e15),
);
const wild = fc.array(fc.tuple(wildTime, wildValue, wildValue), { maxLength: 60 });

/** Every number of a verdict, however deep. */
function numbersOf(verdict: unknown): number[] {
  if (typeof verdict === "number") return [verdict];
  return typeof verdict === "object" && verdict !== null ? Object.values(verdict).flatMap(numbersOf) : [];
}

/** The latest time that a snapshot holds; times only ever rise, whatever the input. */
const latestOf = (snapshot: { readonly lastAt?: number | null }): number => snapshot.lastAt ?? -Infinity;

test("whatever comes, no verdict of an alarm holds NaN, its sentence neither, and its state is finite", () => {
  fc.assert(
    fc.property(wild, (samples) => {
      const detectors = {
        threshold: threshold({ above: 8, clearAbove: 5, forMs: 20_000 }),
        change: changeRate({ windowMs: 30_000, above: 0.1 }),
        share: changeRate({ windowMs: 30_000, above: 0.1, measure: "share" }),
        absence: absence(),
        ratio: ratio({ windowMs: 90_000, above: 0.3 }),
        burn: burnRate({ objective: 0.99 }),
        peers: peers(),
      };
      for (const [at, value, other] of samples) {
        const verdicts = {
          threshold: detectors.threshold.update({ at, value }),
          change: detectors.change.update({ at, value }),
          share: detectors.share.update({ at, value }),
          absence: detectors.absence.update({ at }),
          ratio: detectors.ratio.update({ at, part: value, total: other }),
          burn: detectors.burn.update({ at, good: value, bad: other }),
          peers: detectors.peers.update({ at, values: { a: value, b: other, c: value, d: 1, e: other } }),
        };
        for (const [name, verdict] of Object.entries(verdicts)) {
          for (const number of numbersOf(verdict)) assert.ok(!Number.isNaN(number), `${name} at ${at}, ${value}`);
          // A sentence may quote what was sent, and only that.
          if (Number.isFinite(value) && Number.isFinite(other) && Number.isFinite(at))
            assert.doesNotMatch(JSON.stringify(verdict), /\bNaN\b/, name);
        }
      }
      for (const [name, detector] of Object.entries(detectors)) {
        for (const number of numbersOf(detector.snapshot())) assert.ok(Number.isFinite(number), `state of ${name}`);
      }
    }),
    { numRuns: 300 },
  );
});

test("time never goes backwards in the state of absence and peers", () => {
  fc.assert(
    fc.property(wild, (samples) => {
      const [silence, siblings] = [absence(), peers()];
      let [before, beforeToo] = [-Infinity, -Infinity];
      for (const [at, value, other] of samples) {
        silence.update({ at });
        siblings.update({ at, values: { a: value, b: other } });
        const [now, nowToo] = [latestOf(silence.snapshot()), latestOf(siblings.snapshot())];
        assert.ok(now >= before && nowToo >= beforeToo);
        [before, beforeToo] = [now, nowToo];
      }
    }),
  );
});

test("whatever is added, a sketch's quantiles rise and none is NaN", () => {
  fc.assert(
    fc.property(fc.array(wildValue, { minLength: 1, maxLength: 200 }), (values) => {
      const sketch = quantileSketch({ binsMax: 64 });
      for (const value of values) sketch.add(value);
      const quantiles = [0, 0.1, 0.5, 0.9, 1].map((share) => sketch.quantile(share));
      for (const number of numbersOf(sketch.snapshot())) assert.ok(Number.isFinite(number));
      if (sketch.count === 0) return;
      for (const [i, each] of quantiles.entries()) {
        assert.ok(!Number.isNaN(each));
        if (i > 0) assert.ok(each >= quantiles[i - 1]!, quantiles.join());
      }
    }),
  );
});
