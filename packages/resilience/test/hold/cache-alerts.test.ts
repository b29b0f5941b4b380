import assert from "node:assert/strict";
import { test } from "node:test";
import { manualSystem } from "@prunella/resilience/testing";
import { cacheAlerts, type CacheAlerts } from "../../src/hold/cache-alerts.ts";
import { openGuard } from "../../src/hold/guard.ts";

const words: Record<string, (alerts: CacheAlerts) => void> = {
  h: (alerts) => alerts.hit(),
  m: (alerts) => alerts.miss(),
  s: (alerts) => alerts.operation(),
  e: (alerts) => alerts.evicted(),
};

/**
 * Plays windows of 8 operations, written as hits, misses, stores and evictions (which are no operation of their own); lists
 * what was told after each, the state then, and the long average of the hit rate.
 */
function check(options: { stormShare?: number; hitRateDrop?: number }, windows: string, expected: string): void {
  const guard = openGuard("cache", { system: manualSystem() });
  const alerts = cacheAlerts(guard, { window: 8, stormShare: 0.5, hitRateDrop: 0.25, ...options });
  const told: string[] = [];
  (guard as unknown as { listen(hear: (event: { event: string }) => void): void }).listen(({ event }) =>
    told.push(event),
  );
  const seen = windows.split(" ").map((window) => {
    for (const word of window) words[word]?.(alerts);
    const long = Number(alerts.values()["hitRateLong"]?.toFixed(6));
    return [...told.splice(0), alerts.state(), long].join(" ");
  });
  assert.equal(seen.join(" | "), expected);
}

test("a hit rate that falls by more than the drop is told; while it is low the average follows ten times slower", () =>
  check(
    {},
    "hhhhhhhh hhhhhhmm hhhhhmmm mmmmmmmm hhhhhmmm hhhhhhhm hhhhhhhh",
    "ok 1 | ok 0.975 | hit-rate-falling falling 0.9715 | falling 0.961785 | falling 0.958417 | hit-rate-recovered ok 0.950075 | ok 0.955068",
  ));

test("it has recovered when half of the drop is made good", () =>
  check(
    { hitRateDrop: 0.98 },
    "hhhhhhhh mmmmmmmm hhhhmmmm",
    "ok 1 | hit-rate-falling falling 0.99 | hit-rate-recovered ok 0.941",
  ));

test("less than half of the drop is no recovery", () =>
  check({ hitRateDrop: 0.98 }, "hhhhhhhh mmmmmmmm hhhmmmmm", "ok 1 | hit-rate-falling falling 0.99 | falling 0.98385"));

test("windows without a look-up say nothing about the hit rate", () =>
  check({}, "ssssssss hhhhhhhh ssssssss hhmmmmmm", "ok 0 | ok 1 | ok 1 | hit-rate-falling falling 0.9925"));

test("a storm begins at its share of evictions and ends below half of it", () =>
  check(
    { hitRateDrop: 1 },
    "eeehhhhhhhh eeeehhhhhhhh eehhhhhhhh ehhhhhhhh eeeehhhhhhhh",
    "ok 1 | eviction-storm storm 1 | storm 1 | eviction-storm-over ok 1 | eviction-storm storm 1",
  ));

test("counts and rates hold everything since the beginning", () => {
  const alerts = cacheAlerts(openGuard("cache", {}), { window: 4, stormShare: 0.5, hitRateDrop: 0.25 });
  assert.deepEqual(alerts.values(), { hitRate: 0, hitRateLong: 0 });
  for (const word of "hhheemssseemm") words[word]?.(alerts);
  assert.deepEqual(alerts.counts(), { hits: 3, misses: 3, evictions: 4, storms: 1 });
  assert.equal(alerts.values()["hitRate"], 0.5, "as many hits as misses");
});
