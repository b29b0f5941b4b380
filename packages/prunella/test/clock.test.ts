import assert from "node:assert/strict";
import { test } from "node:test";
import { steadyClock } from "../src/clock.ts";

test("18: a wall clock that jumps an hour either way moves no budget and no window", () => {
  let wall = 1_700_000_000_000;
  let monotonic = 500;
  const clock = steadyClock(
    () => wall,
    () => monotonic,
  );
  const before = clock.now();
  for (const jump of [3_600_000, -7_200_000]) wall += jump;
  monotonic += 1_000;
  assert.equal(clock.now(), before + 1_000);
});

test("after a restart time starts no earlier than the last record, although the wall clock was set back", () => {
  let monotonic = 0;
  const clock = steadyClock(
    () => 1_700_000_000_000,
    () => monotonic,
  );
  clock.notBefore?.(1_700_003_600_000);
  assert.equal(clock.now(), 1_700_003_600_000);
  monotonic += 5;
  clock.notBefore?.(1_600_000_000_000);
  assert.equal(clock.now(), 1_700_003_600_005);
});
