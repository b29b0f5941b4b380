import assert from "node:assert/strict";
import { test } from "node:test";
import { burnRate, type BurnRateOptions, type BurnRateVerdict } from "@prunella/detect";

const minute = 60_000;
const hour = 60 * minute;

/** One sample a minute: `[minutes, good per minute, bad per minute]` after each other. Returns the last verdict. */
function play(options: BurnRateOptions, stretches: readonly (readonly [number, number, number])[]): BurnRateVerdict {
  const detector = burnRate(options);
  let at = 0;
  let verdict = detector.check(0);
  for (const [minutes, good, bad] of stretches)
    for (let i = 0; i < minutes; i++) verdict = detector.update({ at: (at += minute), good, bad });
  return verdict;
}

const firing = (verdict: BurnRateVerdict): string[] =>
  verdict.burns.filter((burn) => burn.firing).map(({ rule }) => `${rule.name} ${rule.longMs / hour}h`);

test("over thirty days the workbook's factors are 14.4, 6, 3 and 1", () => {
  const { burns } = burnRate({ objective: 0.999 }).check(0);
  assert.deepEqual(
    burns.map(({ factor }) => factor),
    [14.4, 6, 3, 1],
  );
});

test("a fast burn pages within minutes, a slow one opens a ticket, and none below the objective does", () => {
  assert.deepEqual(
    firing(
      play({ objective: 0.999 }, [
        [60, 1000, 0],
        [10, 800, 200],
      ]),
    ).slice(0, 1),
    ["page 1h"],
  );
  assert.deepEqual(firing(play({ objective: 0.999 }, [[3 * 24 * 60, 9985, 15]])), ["ticket 72h"]);
  assert.deepEqual(firing(play({ objective: 0.999 }, [[3 * 24 * 60, 9995, 5]])), []);
});

test("a burn that has ended stops firing when its short window is clean", () => {
  const during = play({ objective: 0.999 }, [[60, 900, 100]]);
  const after = play({ objective: 0.999 }, [
    [60, 900, 100],
    [6, 1000, 0],
  ]);
  assert.ok(firing(during).includes("page 1h"));
  assert.ok(!firing(after).includes("page 1h"));
  assert.ok(after.burns[0]!.longBurn > 14.4, "the long window still remembers");
});

test("one failure of one request alarms nobody", () => {
  assert.equal(play({ objective: 0.999 }, [[1, 0, 1]]).firing, false);
  assert.equal(play({ objective: 0.999, badMin: 1 }, [[1, 0, 1]]).firing, true);
});

test("time without events empties the windows", () => {
  const detector = burnRate({ objective: 0.99 });
  detector.update({ at: 0, good: 0, bad: 100 });
  assert.equal(detector.check(0).firing, true);
  assert.equal(detector.check(4 * 24 * hour).burns[3]!.bad, 0);
  assert.equal(detector.check(4 * 24 * hour).firing, false);
});

test("a rule that can never fire is refused with the way out", () => {
  assert.throws(
    () => burnRate({ objective: 0.93 }),
    /rules \(page, 1 h\) can never fire: its factor 14\.4 is not below 14\.286.*lower its budget below 0\.019841 or raise the objective above 0\.93056/,
  );
  assert.doesNotThrow(() => burnRate({ objective: 0.932 }));
});

test("options out of range are refused by name", () => {
  assert.throws(() => burnRate({ objective: 1 }), /objective must be between 0 and 1/);
  assert.throws(() => burnRate({ objective: 0.99, rules: [] }), /rules must be 1 to 8 rules/);
  assert.throws(
    () => burnRate({ objective: 0.99, rules: [{ name: "x", budget: 0.1, longMs: hour, shortMs: 2 * hour }] }),
    /rules \(x\)\.shortMs must be at most longMs/,
  );
});

test("a restored burn rate goes on exactly where it was", () => {
  const through = burnRate({ objective: 0.99 });
  let stopped = burnRate({ objective: 0.99 });
  for (let i = 0; i < 3000; i++) {
    if (i % 700 === 699) stopped = burnRate({ objective: 0.99 }, JSON.parse(JSON.stringify(stopped.snapshot())));
    const sample = { at: i * minute, good: 50 + (i % 7), bad: i % 300 < 20 ? 9 : 0 };
    assert.deepEqual(stopped.update(sample), through.update(sample));
  }
});

test("the reason names the rule, both windows and the limit", () => {
  const { why } = play({ objective: 0.999 }, [[60, 900, 100]]);
  assert.equal(
    why,
    "page: the error budget is spent 100 times too fast over 1 h and 100 times over 5 min, the limit is 14.4",
  );
});
