import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { anomaly, type AnomalySnapshot, type AnomalyVerdict, type Sample } from "@prunella/detect";
import { normal, seeded } from "./synthetic.ts";

const minuteMs = 60_000;
const start = 1_700_000_000_000;

function samples(values: readonly number[], intervalMs = 5 * minuteMs): Sample[] {
  return values.map((value, i) => ({ at: start + i * intervalMs, value }));
}

function judge(all: readonly Sample[]): AnomalyVerdict[] {
  const detector = anomaly();
  return all.map((sample) => detector.update(sample));
}

function alarms(all: readonly Sample[]): number[] {
  return judge(all).flatMap(({ anomalous }, i) => (anomalous ? [i] : []));
}

function noise(count: number, seed = 1): number[] {
  const next = normal(seeded(seed));
  return Array.from({ length: count }, () => 100 + next());
}

const throughJson = (snapshot: AnomalySnapshot): AnomalySnapshot =>
  JSON.parse(JSON.stringify(snapshot)) as AnomalySnapshot;

/** Values as they come in practice, and as they do not. */
const anyValue = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 4, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  fc.double(),
  fc.constantFrom(NaN, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, 0, -0),
);
const anyGap = fc.oneof(
  { weight: 8, arbitrary: fc.constant(minuteMs) },
  fc.integer({ min: -10 * minuteMs, max: 30 * minuteMs }),
  fc.constantFrom(0, 1, 90 * 86_400_000, NaN),
);
const anySeries = fc.array(fc.tuple(anyGap, anyValue), { minLength: 1, maxLength: 250 }).map((steps): Sample[] => {
  let at = start;
  return steps.map(([gap, value]) => ({ at: Number.isNaN(gap) ? NaN : (at += gap), value }));
});

test("a value far from everything before alarms at once and says why", () => {
  const all = samples([...noise(1000), 160]);
  const verdict = judge(all).at(-1)!;
  assert.equal(verdict.anomalous, true);
  assert.ok(verdict.score > 0.9, `score ${verdict.score}`);
  assert.ok(verdict.expected[0] > 90 && verdict.expected[0] < 100);
  assert.ok(verdict.expected[1] > 100 && verdict.expected[1] < 110);
  assert.ok(verdict.evidence.some(({ kind }) => kind === "value"));
  assert.match(verdict.why, /^160 is above the recent range [\d.]+ to [\d.]+; .*never seen before/);
});

test("the same anomaly is reported once: what goes on scores 0 but stays surprising", () => {
  const verdicts = judge(samples([...noise(1000), 160, 160.01, 160.02])).slice(-2);
  for (const verdict of verdicts) assert.equal(verdict.anomalous, false);
});

test("ordinary noise alarms less than once in two days at any interval", () => {
  for (const intervalMs of [1000, minuteMs, 5 * minuteMs, 60 * minuteMs]) {
    const all = samples(noise(6000, 7), intervalMs);
    const days = (all.length * intervalMs) / 86_400_000;
    const count = alarms(all).length;
    assert.ok(count <= 1 + days / 2, `${count} alarms in ${days} days at ${intervalMs} ms`);
  }
});

test("a value ordinary at noon alarms at midnight once days have been learned", () => {
  const perDay = 288;
  const next = normal(seeded(3));
  const values = Array.from({ length: 10 * perDay }, (_, i) => {
    const isNoon = i % perDay >= 130 && i % perDay < 160;
    return (isNoon ? 90 : 10) + next();
  });
  const midnight = 9 * perDay + 20;
  for (let i = 0; i < 4; i++) values[midnight + i] = 90 + next();
  const verdicts = judge(samples(values));
  assert.equal(verdicts[midnight]!.anomalous, true);
  assert.equal(verdicts[midnight]!.evidence[0]!.kind, "time-of-day");
  assert.equal(verdicts.slice(8 * perDay, 9 * perDay).filter(({ anomalous }) => anomalous).length, 0);
});

test("a daily peak that does not come alarms, though each value was seen before", () => {
  for (const [intervalMs, perDay] of [
    [minuteMs, 1440],
    [5 * minuteMs, 288],
    [60 * minuteMs, 24],
  ] as const) {
    const next = normal(seeded(19));
    const values = Array.from({ length: 12 * perDay }, (_, i) => {
      const isPeak = i % perDay >= perDay * 0.4 && i % perDay < perDay * 0.7;
      return (isPeak && Math.floor(i / perDay) !== 10 ? 80 : 20) + 2 * next();
    });
    const days = alarms(samples(values, intervalMs)).map((row) => Math.floor(row / perDay));
    assert.ok(days.includes(10), `at ${intervalMs} ms: alarms on days ${days.join()}`);
  }
});

test("nothing alarms during the first 31 points, whatever they are", () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 31 }), (values) => {
      for (const verdict of judge(samples(values))) {
        assert.equal(verdict.score, 0);
        assert.notEqual(verdict.status, "judged");
      }
    }),
  );
});

test("a constant series stays silent until it moves", () => {
  const values = Array.from({ length: 500 }, () => 7);
  assert.deepEqual(alarms(samples([...values, 9, 7, 7])), [500]);
  assert.deepEqual(alarms(samples(values)), []);
});

test("a counter is judged by its rate: growth and a restart are ordinary, a tenfold rate is not", () => {
  const next = normal(seeded(5));
  let total = 0;
  const values = Array.from({ length: 2000 }, (_, i) => {
    if (i === 700) total = 0;
    total += Math.max(0, Math.round(300 + 10 * next())) * (i >= 1500 && i < 1503 ? 10 : 1);
    return total;
  });
  const verdicts = judge(samples(values, minuteMs));
  const at = verdicts.flatMap(({ anomalous }, i) => (anomalous ? [i] : []));
  assert.ok(at.includes(1500), `alarms at ${at.join()}`);
  assert.ok(at.length <= 2, `alarms at ${at.join()}`);
  assert.ok(Math.abs(verdicts[1000]!.value - 5) < 1, "300 a minute is 5 a second");
});

test("a long gap is no anomaly, and the series goes on being judged", () => {
  const all = samples(noise(1200, 9)).map(({ at, value }, i) => ({ value, at: i < 600 ? at : at + 3 * 86_400_000 }));
  const verdicts = judge(all);
  assert.equal(verdicts[600]!.anomalous, false);
  assert.equal(judge([...all, { at: all.at(-1)!.at + minuteMs, value: 150 }]).at(-1)!.anomalous, true);
});

test("samples that are not later, and values that are not finite, are counted and change nothing", () => {
  const clean = samples(noise(400, 11));
  const detector = anomaly();
  const reference = anomaly();
  for (const sample of clean) {
    const verdict = detector.update(sample);
    assert.deepEqual(verdict, reference.update(sample));
    assert.equal(detector.update({ at: sample.at, value: 1e9 }).status, "ignored");
    assert.equal(detector.update({ at: sample.at - 1, value: 1e9 }).status, "ignored");
    assert.equal(detector.update({ at: sample.at + 1, value: NaN }).status, "ignored");
    assert.equal(detector.update({ at: Infinity, value: 1 }).status, "ignored");
  }
  const { ignored, ...state } = detector.snapshot();
  assert.deepEqual(ignored, { notFinite: 800, notLater: 800 });
  assert.deepEqual({ ...state, ignored: { notFinite: 0, notLater: 0 } }, reference.snapshot());
});

test("a restored detector gives exactly the verdicts of one that was never stopped", () => {
  fc.assert(
    fc.property(anySeries, fc.nat(250), (all, cut) => {
      const through = anomaly();
      let stopped = anomaly();
      for (const [i, sample] of all.entries()) {
        if (i === cut) stopped = anomaly(throughJson(stopped.snapshot()));
        assert.deepEqual(stopped.update(sample), through.update(sample));
      }
      assert.deepEqual(throughJson(stopped.snapshot()), throughJson(through.snapshot()));
    }),
  );
});

test("whatever comes, scores stay in 0 to 1, nothing is NaN and time never goes backwards", () => {
  fc.assert(
    fc.property(anySeries, (all) => {
      const detector = anomaly();
      let latest = -Infinity;
      for (const sample of all) {
        const verdict = detector.update(sample);
        assert.ok(verdict.score >= 0 && verdict.score <= 1);
        assert.ok(verdict.surprise >= 0 && verdict.surprise <= 26);
        assert.ok(!Number.isNaN(verdict.expected[0]) && verdict.expected[0] <= verdict.expected[1]);
        for (const { surprise } of verdict.evidence) assert.ok(surprise >= 0 && surprise <= 20);
        const { lastAt } = detector.snapshot();
        assert.ok((lastAt ?? -Infinity) >= latest);
        latest = lastAt ?? -Infinity;
      }
      assert.doesNotMatch(JSON.stringify(detector.snapshot()), /NaN|Infinity/);
      const restored = anomaly(throughJson(detector.snapshot()));
      assert.equal(JSON.stringify(restored.snapshot()), JSON.stringify(detector.snapshot()));
    }),
  );
});

test("neither the unit nor the offset of a series changes its scores", () => {
  const values = fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 60, maxLength: 300 });
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: -20, max: 20 }),
      fc.integer({ min: -1e6, max: 1e6 }),
      (all, power, offset) => {
        // Negative values, so that no series is taken for a counter; powers of two, so that the arithmetic is exact.
        const original = judge(samples([-1, ...all]));
        const changed = judge(samples([-1, ...all].map((value) => value * 2 ** power)));
        const moved = judge(samples([-1, ...all].map((value) => value + offset - 2e6)));
        const scores = (verdicts: AnomalyVerdict[]): number[] => verdicts.map(({ score }) => score);
        assert.deepEqual(scores(changed), scores(original));
        assert.deepEqual(scores(moved), scores(original));
      },
    ),
    { numRuns: 50 },
  );
});

test("a scale that is no power of two moves no alarm of a continuous series", () => {
  const values = noise(3000, 13).map((value, i) => (i === 2500 ? 130 : value));
  for (const scale of [3, 0.01, 1e9, -7]) {
    assert.deepEqual(alarms(samples(values.map((value) => value * scale))), alarms(samples(values)));
  }
});

test("state does not grow: a snapshot after a year is as large as after a week", () => {
  const detector = anomaly();
  const next = normal(seeded(17));
  const size = (): number => JSON.stringify(detector.snapshot()).length;
  let atWeek = 0;
  for (let i = 0; i < 365 * 48; i++) {
    detector.update({ at: start + i * 30 * minuteMs, value: next() * 10 ** (i % 5) });
    if (i === 14 * 48) atWeek = size();
  }
  assert.ok(size() < 1.3 * atWeek, `${size()} characters after ${atWeek}`);
});

test("a snapshot of another version is refused in words", () => {
  const snapshot = { ...anomaly().snapshot(), version: 2 } as unknown as AnomalySnapshot;
  assert.throws(() => anomaly(snapshot), /snapshot\.version must be 1, not 2/);
});
