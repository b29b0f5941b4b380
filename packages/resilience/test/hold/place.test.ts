import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf } from "../../src/hold/place.ts";

const made = (...lines: string[]): Error => Object.assign(new Error("x"), { stack: ["Error: x", ...lines].join("\n") });

test("a place is told by the application's own lines, five at most, the innermost first", () => {
  const own = Array.from({ length: 7 }, (_, at) => `    at step${at} (file:///app/work.ts:${at}:1)`);
  const error = made("    at give (file:///lib/pool.js:1:1)", ...own, "    at node:internal/timers:1:1");
  assert.equal(placeOf(error), [0, 1, 2, 3, 4].map((at) => `at step${at} (file:///app/work.ts:${at}:1)`).join(" < "));
});

test("where nothing but this package is in sight its own lines are told, and without a stack nothing is known", () => {
  assert.equal(
    placeOf(made("    at acquire (file:///lib/lock-hierarchy.ts:1:1)")),
    "at acquire (file:///lib/lock-hierarchy.ts:1:1)",
  );
  for (const error of [undefined, made(), Object.assign(new Error("x"), { stack: undefined })])
    assert.equal(placeOf(error), "unknown");
});
