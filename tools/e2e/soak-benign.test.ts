// A minute of the example shop under load spikes, deploys, slow starts and pauses: nobody is called for nothing. The hour is
// `npm run soak-benign`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { soak } from "../soak-benign.ts";

test("a disturbed but sound fleet has no critical issue, and its metrics and logs are learned from without configuration", async (t) => {
  const result = await soak({ minutes: 1, seed: 7, learn: "10s", say: (line) => t.diagnostic(line) });
  for (const { id, severity, kind, target, title } of result.issues)
    t.diagnostic(`${id} ${severity} ${kind} ${target}: ${title}`);
  assert.deepEqual(
    result.issues.filter((issue) => issue.severity === "critical"),
    [],
  );
  assert.ok(result.requests > 200, `${result.requests} requests`);
  assert.ok(
    Object.values(result.disturbances).every((count) => count > 0),
    JSON.stringify(result.disturbances),
  );
  assert.ok(result.learned.templates >= 4, "each service writes at least that it listens");
  assert.ok(result.learned.series >= 40, `${result.learned.series} series`);
});
