import { burnRulesFor, sloStanding, sloTrackers, slosBurning, newView, type SloSpec } from "@prunella/core";
import { sampleTally } from "@prunella/core/suites";
import { burnRate } from "@prunella/detect";
import assert from "node:assert/strict";
import { test } from "node:test";
import { target } from "../harness.ts";

const day = 86_400_000;
const start = 100 * day;
const errors: SloSpec = { objective: "errors", goal: 0.98, limit: null, windowMs: 30 * day };
const p95: SloSpec = { objective: "p95", goal: 0.95, limit: 3_000, windowMs: 30 * day };

test("errors beyond the budget are a finding that asks for a person, and no fault of the target's health", () => {
  const view = newView(target({ key: "api", slos: [errors] }));
  for (let second = 0; second < 600; second += 1)
    view.slos.traffic({ at: start + second * 1_000, requests: 10, errors: 5, latency: [10] });
  const [finding, ...others] = slosBurning(view, start + 600_000);
  assert.equal(others.length, 0);
  assert.equal(finding?.kind, "slo-burn");
  assert.equal(finding?.severity, "critical");
  assert.equal(finding?.ripe, true);
  assert.match(finding?.summary ?? "", /98 % of requests without error.*25 times over 1 h, 25 times over 5 min/);
});

test("within the budget nothing is found", () => {
  const view = newView(target({ key: "api", slos: [errors] }));
  for (let second = 0; second < 600; second += 1)
    view.slos.traffic({ at: start + second * 1_000, requests: 100, errors: second % 2, latency: [100] });
  assert.deepEqual(slosBurning(view, start + 600_000), []);
});

test("one failure of one request pages nobody", () => {
  const view = newView(target({ key: "api", slos: [errors] }));
  view.slos.traffic({ at: start, requests: 1, errors: 1, latency: [1] });
  assert.deepEqual(slosBurning(view, start + 10_000), []);
});

test("slow requests spend the budget of p95", () => {
  const slow = Array.from({ length: 60 }, (_, bucket) => (bucket === 59 ? 9 : 0));
  const trackers = sloTrackers([p95]);
  for (let second = 0; second < 120; second += 1)
    trackers.traffic({ at: start + second * 1_000, requests: 9, errors: 0, latency: slow });
  assert.equal(trackers.states(start + 120_000)[0]?.firing, true);
});

test("a restart forgets nothing that was written down", () => {
  const before = sloTrackers([errors]);
  for (let minute = 0; minute < 70; minute += 1)
    before.traffic({ at: start + minute * 60_000, requests: 100, errors: 60, latency: [100] });
  const now = start + 70 * 60_000;
  const written = before.take(now);
  assert.ok(written.length >= 69);
  const after = sloTrackers([errors]);
  after.restore(written);
  assert.equal(after.states(now)[0]?.firing, true);
  assert.equal(sloTrackers([errors]).states(now)[0]?.firing, false);
});

test("minutes leave once, and only when they are over", () => {
  const trackers = sloTrackers([errors]);
  trackers.traffic({ at: start + 1_000, requests: 4, errors: 1, latency: [4] });
  assert.deepEqual(trackers.take(start + 30_000), []);
  assert.deepEqual(trackers.take(start + 60_000), [{ objective: "errors", at: start, good: 3, bad: 1 }]);
  assert.deepEqual(trackers.take(start + 60_000), []);
});

test("a goal too low for the workbook's factors gets factors that can be reached", () => {
  for (const goal of [0.5, 0.8, 0.9, 0.93, 0.95, 0.99, 0.999, 0.99999])
    for (const windowMs of [day, 7 * day, 28 * day, 30 * day, 90 * day])
      assert.doesNotThrow(
        () => burnRate({ objective: goal, periodMs: windowMs, rules: burnRulesFor({ goal, windowMs }) }),
        `${goal} over ${windowMs / day} d`,
      );
  assert.equal(
    burnRate({ objective: 0.999, rules: burnRulesFor({ goal: 0.999, windowMs: 30 * day }) }).check(0).burns[0]?.factor,
    14.4,
  );
});

test("trackers whose objectives did not change keep their counts when the configuration is read again", () => {
  const known = sloTrackers([errors]);
  assert.equal(sloTrackers([{ ...errors }], known), known);
  assert.notEqual(sloTrackers([p95], known), known);
});

test("the budget that is left, over the window", () => {
  const of = (failed: number) =>
    sloStanding({
      now: start,
      target: "api",
      spec: errors,
      tallies: [
        sampleTally({ hour: start - day, requests: 1_000, errors: failed }),
        sampleTally({ hour: 0, errors: 1_000 }),
      ],
      counts: [],
      live: null,
    });
  assert.equal(of(0).budgetLeft, 1);
  assert.ok(Math.abs((of(10).budgetLeft ?? 0) - 0.5) < 1e-9);
  assert.ok(Math.abs((of(40).budgetLeft ?? 0) + 1) < 1e-9);
  assert.equal(of(40).state, "exhausted");
  assert.equal(of(10).state, "ok");
});

test("without data there is no verdict", () => {
  const standing = sloStanding({ now: start, target: "api", spec: errors, tallies: [], counts: [], live: null });
  assert.equal(standing.state, "no-data");
  assert.equal(standing.current, null);
  assert.equal(standing.budgetLeft, null);
});
