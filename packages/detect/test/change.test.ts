import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { changePoints, streamChanges, type StreamChange } from "@prunella/detect";
import { covering, f1, loadAnnotated } from "../bench/change-score.ts";
import { dataSet, seeded } from "../bench/data.ts";

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Stretches of given length, level and slope, in noise of deviation 1. */
function stretches(
  seed: number,
  parts: readonly (readonly [length: number, level: number, slope: number])[],
): number[] {
  const random = seeded(seed);
  return parts.flatMap(([length, level, slope]) =>
    Array.from({ length }, (_, at) => level + slope * at + normal(random)),
  );
}

function isNear(found: readonly number[], wanted: readonly number[], margin: number): boolean {
  return found.length === wanted.length && wanted.every((one, at) => Math.abs(one - (found[at] as number)) <= margin);
}

const indices = (series: readonly number[]): number[] => changePoints(series).map((change) => change.index);

test("changes of level and of slope are found where they are", () => {
  assert.ok(
    isNear(
      indices(
        stretches(1, [
          [100, 0, 0],
          [120, 10, 0],
          [80, -5, 0],
        ]),
      ),
      [100, 220],
      2,
    ),
  );
  assert.ok(
    isNear(
      indices(
        stretches(2, [
          [150, 0, 0],
          [150, 0, 0.4],
        ]),
      ),
      [150],
      8,
    ),
  );
});

test("a change says what it is, from where to where, and how sure it is", () => {
  const [level] = changePoints(
    stretches(3, [
      [100, 5, 0],
      [100, 25, 0],
    ]),
  );
  assert.ok(level !== undefined);
  assert.equal(level.kind, "level");
  assert.ok(Math.abs(level.before - 5) < 1 && Math.abs(level.after - 25) < 1);
  assert.ok(level.strength > 1);
  assert.equal(
    changePoints(
      stretches(2, [
        [150, 0, 0],
        [150, 0, 0.4],
      ]),
    )[0]?.kind,
    "trend",
  );
});

test("noise, a straight line and a constant have no changes", () => {
  for (let seed = 1; seed <= 20; seed++) assert.deepEqual(indices(stretches(seed, [[300, 0, 0]])), [], `seed ${seed}`);
  assert.deepEqual(indices(stretches(1, [[300, 0, 2]])), []);
  assert.deepEqual(indices(Array.from({ length: 100 }, () => 1e9 + 0.1)), []);
  assert.deepEqual(indices([]), []);
  assert.deepEqual(indices([1, 2, 3]), []);
});

test("several series observed together share their changes", () => {
  const one = stretches(4, [
    [100, 0, 0],
    [100, 8, 0],
  ]);
  const other = stretches(5, [
    [100, 3, 0],
    [100, -5, 0],
  ]);
  assert.ok(
    isNear(
      changePoints([one, other]).map((change) => change.index),
      [100],
      2,
    ),
  );
  assert.throws(() => changePoints([[1, 2], [1]]), /same length/);
});

test("missing values repeat the last good one", () => {
  const series = stretches(6, [
    [100, 0, 0],
    [100, 9, 0],
  ]).map((value, at) => (at % 7 === 3 ? null : value));
  assert.ok(
    isNear(
      changePoints(series).map((change) => change.index),
      [100],
      2,
    ),
  );
});

test("a long series is thinned, and its changes are told in its own indices", () => {
  const series = stretches(7, [
    [9_000, 0, 0],
    [9_000, 6, 0],
  ]);
  assert.ok(
    isNear(
      changePoints(series, { pointsMax: 1_000 }).map((change) => change.index),
      [9_000],
      40,
    ),
  );
});

test("unit and offset of the values do not matter", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.constantFrom(1e-6, 0.5, 3, 1e6),
      fc.constantFrom(0, -5, 1e5),
      (seed, scale, offset) => {
        const series = stretches(seed, [
          [60, 0, 0],
          [70, 6, 0.1],
          [50, 2, 0],
        ]);
        assert.deepEqual(indices(series.map((value) => scale * (value + offset))), indices(series));
      },
    ),
    { numRuns: 30 },
  );
});

test("whatever comes in, the changes are indices in order", () => {
  const wild = fc.array(fc.oneof(fc.double(), fc.constantFrom(null, Number.NaN, Infinity, 0, 1e300, -1e300)), {
    maxLength: 120,
  });
  fc.assert(
    fc.property(wild, (series) => {
      let last = 0;
      for (const { index, strength } of changePoints(series)) {
        assert.ok(Number.isInteger(index) && index > last && index < series.length);
        assert.ok(!Number.isNaN(strength));
        last = index;
      }
    }),
  );
});

const tcpd = dataSet("tcpd");
test("annotated series keep their floor", { skip: "missing" in tcpd && tcpd.missing }, () => {
  assert.ok("at" in tcpd);
  const scores = loadAnnotated(tcpd.at)
    .filter((one) => one.series.length === 1)
    .map(({ series, annotations, length }) => {
      const found = changePoints(series).map((change) => change.index);
      return [f1(annotations, found), covering(annotations, found, length)] as const;
    });
  const mean = (which: 0 | 1): number => scores.reduce((sum, score) => sum + score[which] / scores.length, 0);
  assert.ok(mean(0) >= 0.8, `F1 ${mean(0)}`);
  assert.ok(mean(1) >= 0.75, `covering ${mean(1)}`);
});

function stream(values: readonly number[]): StreamChange[] {
  const detector = streamChanges();
  return values.flatMap((value, at) => detector.update(at * 1_000, value) ?? []);
}

test("on a stream a change of level is told within seconds, with the second in which it began", () => {
  const [change, ...others] = stream(
    stretches(8, [
      [200, 100, 0],
      [60, 110, 0],
    ]),
  );
  assert.ok(change !== undefined);
  assert.deepEqual(others, []);
  assert.equal(change.direction, "rose");
  assert.equal(change.atMs, 200_000);
  assert.ok(change.toldMs <= 210_000, `told at ${change.toldMs}`);
  assert.ok(Math.abs(change.before - 100) < 1 && Math.abs(change.after - 110) < 2);
});

test("on a stream the way back is a change too", () => {
  const changes = stream(
    stretches(9, [
      [200, 100, 0],
      [100, 110, 0],
      [100, 100, 0],
    ]),
  );
  assert.deepEqual(
    changes.map(({ direction }) => direction),
    ["rose", "fell"],
  );
});

test("spikes are no changes", () => {
  const values = stretches(10, [[2_000, 100, 0]]).map((value, at) => (at % 150 === 149 ? value + 50 : value));
  assert.deepEqual(stream(values), []);
});

test("noise is no change", () => {
  for (let seed = 1; seed <= 10; seed++) assert.deepEqual(stream(stretches(seed, [[3_000, 5, 0]])), [], `seed ${seed}`);
});

test("a constant that moves once is told once", () => {
  const changes = stream([...Array.from({ length: 100 }, () => 5), ...Array.from({ length: 100 }, () => 6)]);
  assert.deepEqual(
    changes.map(({ atMs, before, after }) => ({ atMs, before, after })),
    [{ atMs: 100_000, before: 5, after: 6 }],
  );
});

test("moves smaller than the smallest worth telling are learned, not told", () => {
  const detector = streamChanges({ shareMin: 0.2 });
  const values = stretches(11, [
    [200, 100, 0],
    [200, 110, 0],
    [200, 150, 0],
  ]);
  const told = values.flatMap((value, at) => detector.update(at, value) ?? []);
  assert.deepEqual(
    told.map(({ atMs }) => Math.round(atMs / 10)),
    [40],
  );
});

// As long as the noise is no finer than a thousandth of the level: below that it is taken for rounding.
test("neither unit nor offset of a stream moves its changes", () => {
  const values = stretches(21, [
    [150, 100, 0],
    [120, 112, 0],
    [120, 90, 0],
  ]);
  const told = (all: readonly number[]): string =>
    stream(all)
      .map(({ atMs, toldMs }) => `${atMs} ${toldMs}`)
      .join();
  for (const [scale, offset] of [
    [3, 0],
    [0.001, 0],
    [1e9, 0],
    [1, 500],
    [-2, 70],
  ] as const)
    assert.equal(told(values.map((value) => value * scale + offset)), told(values), `times ${scale} plus ${offset}`);
  assert.equal(stream(values).length, 2);
});

test("a restored stream detector goes on exactly where the other stopped", () => {
  const values = stretches(12, [
    [150, 100, 0],
    [100, 108, 0],
    [150, 95, 0],
  ]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: values.length }), (cut) => {
      const whole = streamChanges();
      values.slice(0, cut).forEach((value, at) => whole.update(at, value));
      const snapshot = JSON.parse(JSON.stringify(whole.snapshot())) as ReturnType<typeof whole.snapshot>;
      const restored = streamChanges({}, snapshot);
      values.slice(cut).forEach((value, at) => {
        assert.deepEqual(restored.update(cut + at, value), whole.update(cut + at, value));
      });
    }),
    { numRuns: 30 },
  );
});

test("whatever comes in, a stream's changes are finite, and memory stays bounded", () => {
  const wild = fc.array(fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, 0, 1, 1e300)), { maxLength: 500 });
  fc.assert(
    fc.property(wild, (values) => {
      const detector = streamChanges({ baseline: 8, window: 16 });
      values.forEach((value, at) => {
        const change = detector.update(at, value);
        if (change === null) return;
        for (const figure of [change.before, change.after, change.deviations]) assert.ok(!Number.isNaN(figure));
        assert.ok(change.atMs <= change.toldMs);
      });
      assert.ok(detector.snapshot().recent.length <= 16);
    }),
  );
  assert.throws(() => streamChanges({ baseline: 50, window: 20 }), /window must be at least/);
});

test("samples that are not newer are counted and ignored", () => {
  const detector = streamChanges();
  detector.update(5, 1);
  detector.update(5, 1);
  detector.update(4, 1);
  detector.update(6, Number.NaN);
  assert.equal(detector.ignored(), 3);
});
