import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { remainingLife, trainLife, type LifeModel, type LifeRow } from "@prunella/detect";
import { dataSet, seeded } from "../bench/data.ts";
import { crossValidate, engines } from "../bench/life-data.ts";

/** Units that wear at different speeds: two readings follow the wear in noise, one is noise only, one is constant. */
function fleet(units: number, seed: number): LifeRow[] {
  const random = seeded(seed);
  return Array.from({ length: units }, (_, unit) => unit + 1).flatMap((unit) => {
    const length = 100 + Math.floor(100 * random());
    return Array.from({ length }, (_, at) => {
      const wear = Math.exp((at - length) / 40);
      return { unit, cycle: at + 1, values: [10 * wear + random(), 5 - 6 * wear + random(), random(), 7] };
    });
  });
}

const small = { trees: 20, samplesMax: 2_000 } as const;

test("cycles left are learned from units that ran to failure", () => {
  const { rmse } = crossValidate(fleet(30, 1), 3, small);
  assert.ok(rmse < 14, `root mean square error ${rmse}, the mean alone about 40`);
});

test("the same seed gives the same model, as plain JSON", () => {
  const rows = fleet(8, 2);
  const model = trainLife(rows, seeded(1), small);
  assert.deepEqual(trainLife(rows, seeded(1), small), model);
  const restored = JSON.parse(JSON.stringify(model)) as LifeModel;
  assert.deepEqual(remainingLife(restored, rows), remainingLife(model, rows));
});

test("every unit gets its own estimate, between the low and the high one, never above the most", () => {
  const model = trainLife(fleet(10, 3), seeded(1), { ...small, cyclesMax: 90 });
  const lives = remainingLife(
    model,
    fleet(5, 4).filter(({ cycle }) => cycle <= 60),
  );
  assert.deepEqual(
    lives.map(({ unit }) => unit),
    [1, 2, 3, 4, 5],
  );
  for (const { cycles, low, high } of lives) assert.ok(0 <= low && low <= cycles && cycles <= high && high <= 90);
});

test("a reading that is missing repeats the last one; unusable rows are refused by name", () => {
  const rows = fleet(4, 5);
  const broken = rows.map((row, at) => (at % 9 === 4 ? { ...row, values: [Number.NaN, ...row.values.slice(1)] } : row));
  const model = trainLife(broken, seeded(1), small);
  for (const { cycles } of remainingLife(model, broken)) assert.ok(Number.isFinite(cycles));
  assert.throws(() => trainLife([], seeded(1)), /rows must hold at least two cycles/);
  assert.throws(
    () => remainingLife(model, [{ unit: 1, cycle: 1, values: [1] }]),
    /values of unit 1, cycle 1 must be 4, not 1/,
  );
  assert.throws(() => remainingLife(model, [rows[1] as LifeRow, rows[0] as LifeRow]), /cycle of unit 1 must rise/);
});

test("whatever the readings, the estimate is a number in range", () => {
  const model = trainLife(fleet(6, 6), seeded(1), { ...small, trees: 5 });
  const reading = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, 1e308, -1e308));
  fc.assert(
    fc.property(fc.array(fc.tuple(reading, reading, reading, reading), { minLength: 1, maxLength: 20 }), (values) => {
      const rows = values.map((own, at) => ({ unit: "u", cycle: at, values: own }));
      for (const { cycles } of remainingLife(model, rows)) assert.ok(cycles >= 0 && cycles <= 125, `${cycles}`);
    }),
  );
});

const cmapss = dataSet("cmapss");
test("real engines keep their floor", { skip: "missing" in cmapss && cmapss.missing }, () => {
  assert.ok("at" in cmapss);
  const rows = engines(cmapss.at).filter(({ unit }) => Number(unit) <= 50);
  const { rmse } = crossValidate(rows, 2, { trees: 20, samplesMax: 1_500 });
  assert.ok(rmse < 14, `root mean square error ${rmse}`);
});
