// Silences, acknowledgements and notifications over HTTP.
import assert from "node:assert/strict";
import test from "node:test";
import { api, failures, startAt } from "./harness.ts";

const matcher = (name: string, value: string) => ({ name, value, isRegex: false, isEqual: true });
const at = (ms: number): string => new Date(startAt + ms).toISOString();

test("a silence is made, listed and ended", async () => {
  const it = await api();
  const made = await it.ask("/api/v1/silences", {
    matchers: [matcher("target", "api")],
    endsAt: at(3_600_000),
    comment: "deploy",
  });
  assert.equal(made.status, 200, made.text);
  const [silence] = (await it.ask("/api/v1/silences")).json.items;
  assert.deepEqual(
    [silence.id, silence.state, silence.createdBy, silence.matchers, silence.comment],
    [made.json.id, "active", "person:local", [matcher("target", "api")], "deploy"],
  );
  const ended = await it.ask(`/api/v1/silences/${silence.id}`, undefined, { method: "DELETE" });
  assert.equal(ended.json.changed, true);
  assert.equal((await it.ask("/api/v1/silences")).json.items[0].state, "expired");
  assert.equal((await it.ask(`/api/v1/silences/${silence.id}`, undefined, { method: "DELETE" })).json.changed, false);
  assert.equal((await it.ask("/api/v1/silences/S99", undefined, { method: "DELETE" })).status, 404);
  await it.close();
  assert.deepEqual(failures, []);
});

for (const [what, body, field] of [
  [
    "over everything",
    { matchers: [{ name: "target", value: ".*", isRegex: true, isEqual: true }], endsAt: at(9e6) },
    "matchers",
  ],
  ["without matchers", { matchers: [], endsAt: at(9e6) }, "matchers"],
  ["that is over", { matchers: [matcher("target", "api")], endsAt: at(-1) }, "endsAt"],
  [
    "with a broken expression",
    { matchers: [{ ...matcher("target", "("), isRegex: true }], endsAt: at(9e6) },
    "matchers",
  ],
] as const)
  test(`a silence ${what} is refused, and the answer names the field`, async () => {
    const it = await api();
    const answer = await it.ask("/api/v1/silences", body);
    assert.deepEqual([answer.status, answer.json.field], [400, field], answer.text);
    await it.close();
  });

test("a fault that needs a person is told; acknowledged, the issue says by whom", async () => {
  const it = await api();
  await it.ask("/api/v1/signals", [{ target: "api", kind: "disk-full", severity: "critical", summary: "97 %" }]);
  await it.advance(10_000);
  const [issue] = (await it.ask("/api/v1/issues")).json.items;
  assert.equal(issue.acknowledged, null);
  const told = (await it.ask(`/api/v1/notifications?issue=${issue.id}`)).json.items;
  assert.deepEqual(
    told.map((each: any) => [each.receiver, each.state, each.status, each.suppressedBy]),
    [["default", "delivered", "firing", null]],
  );
  const done = await it.ask(`/api/v1/issues/${issue.id}/acknowledge`, {
    by: "anna",
    until: at(600_000),
    why: "looking",
  });
  assert.equal(done.status, 200, done.text);
  const now = (await it.ask(`/api/v1/issues/${issue.id}`)).json;
  assert.deepEqual([now.acknowledged.by, now.acknowledged.until], ["anna", at(600_000)]);
  await it.ask(`/api/v1/issues/${issue.id}/acknowledge`, undefined, { method: "DELETE" });
  assert.equal((await it.ask(`/api/v1/issues/${issue.id}`)).json.acknowledged, null);
  assert.equal((await it.ask("/api/v1/issues/CRIT-999/acknowledge", {})).status, 404);
  await it.close();
  assert.deepEqual(failures, []);
});
