import assert from "node:assert/strict";
import { test } from "node:test";
import { peers } from "@prunella/detect";

const second = 1000;

test("the one unlike its siblings is named, with its percentile and distance", () => {
  const { outliers, median } = peers().update({ at: 0, values: { a: 10, b: 11, c: 9, d: 10.5, e: 40 } });
  assert.equal(median, 10.5);
  assert.equal(outliers.length, 1);
  const [outlier] = outliers;
  assert.equal(outlier!.member, "e");
  assert.equal(outlier!.percentile, 0.9);
  assert.ok(outlier!.deviations > 30);
  assert.equal(outlier!.why, "e is at 40, the median of 5 is 10.5");
});

test("a change that moves all of them alarms nobody", () => {
  const detector = peers();
  detector.update({ at: 0, values: { a: 10, b: 11, c: 9, d: 10 } });
  assert.deepEqual(detector.update({ at: second, values: { a: 100, b: 110, c: 90, d: 100 } }).outliers, []);
});

test("siblings alike to the last digit need a real difference", () => {
  const detector = peers();
  assert.deepEqual(detector.update({ at: 0, values: { a: 10, b: 10, c: 10, d: 10.01 } }).outliers, []);
  const { outliers } = detector.update({ at: second, values: { a: 10, b: 10, c: 10, d: 13 } });
  assert.deepEqual(
    outliers.map(({ member, deviations }) => [member, deviations]),
    [["d", Infinity]],
  );
  assert.deepEqual(detector.update({ at: 2 * second, values: { a: 0, b: 0, c: 0, d: 0 } }).outliers, []);
});

test("only the side asked for counts", () => {
  const values = { a: 10, b: 10, c: 11, d: 10, slow: 50, idle: 1 };
  const named = (side: "above" | "below" | "both"): string[] =>
    peers({ side })
      .update({ at: 0, values })
      .outliers.map(({ member }) => member);
  assert.deepEqual(named("above"), ["slow"]);
  assert.deepEqual(named("below"), ["idle"]);
  assert.deepEqual(named("both"), ["slow", "idle"]);
});

test("an outlier must last, and one that comes back or leaves is forgotten", () => {
  const detector = peers({ forMs: 2 * second });
  const at = (seconds: number, odd: number | undefined): number =>
    detector.update({
      at: seconds * second,
      values: { a: 10, b: 11, c: 9, d: 10, ...(odd === undefined ? {} : { odd }) },
    }).outliers.length;
  assert.deepEqual([at(0, 50), at(1, 50), at(2, 50)], [0, 0, 1]);
  assert.equal(at(3, 10), 0);
  assert.deepEqual([at(4, 50), at(5, undefined), at(6, 50), at(7, 50), at(8, 50)], [0, 0, 0, 0, 1]);
  assert.equal(detector.snapshot().holds.length, 1);
});

test("too few members, stale times and values that are no numbers are not judged", () => {
  const detector = peers();
  assert.deepEqual(detector.update({ at: 0, values: { a: 1, b: 1, c: 99 } }).outliers, []);
  assert.equal(detector.update({ at: 0, values: { a: 1, b: 1, c: 99, d: NaN } }).members, 3);
  const odd = { a: 1, b: 1, c: 99, d: 1 };
  assert.equal(detector.update({ at: 9 * second, values: odd }).outliers.length, 1);
  assert.equal(detector.update({ at: 8 * second, values: odd }).median, null);
});

test("members beyond the bound are left out and counted", () => {
  const values = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`member-${i}`, 10]));
  const verdict = peers({ membersMax: 10 }).update({ at: 0, values });
  assert.deepEqual([verdict.members, verdict.leftOut], [10, 2]);
});

test("restored peers go on exactly where they were", () => {
  const through = peers({ forMs: 5 * second, clearForMs: 3 * second });
  let stopped = peers({ forMs: 5 * second, clearForMs: 3 * second });
  for (let i = 0; i < 60; i++) {
    const snapshot = JSON.parse(JSON.stringify(stopped.snapshot()));
    if (i % 7 === 6) stopped = peers({ forMs: 5 * second, clearForMs: 3 * second }, snapshot);
    const sample = { at: i * second, values: { a: 10, b: 11, c: 9, d: i % 20 < 9 ? 30 : 10 } };
    assert.deepEqual(stopped.update(sample), through.update(sample));
  }
});
