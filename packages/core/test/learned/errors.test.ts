import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Draft,
  fingerprintOf,
  fold,
  groupError,
  worldFrom,
  type ErrorContext,
  type ErrorFacts,
  type EventSignal,
  type Finding,
  type Issue,
} from "@prunella/core";
import { sampleIssue } from "@prunella/core/suites";
import { memoryStore } from "@prunella/core/testing";
import { world, type TestWorld } from "../harness.ts";
import { stage } from "./stage.ts";

const frames = (...lines: readonly string[]): string => lines.map((line) => `    at ${line}`).join("\n");

function facts(name: string, message: string, ...lines: readonly string[]): ErrorFacts {
  return { name, message, code: null, stack: lines.length === 0 ? null : `${name}: ${message}\n${frames(...lines)}` };
}

const price = facts(
  "TypeError",
  "cannot read 17",
  "priceOf (/srv/shop/dist/prices.js:12:19)",
  "handle (/srv/shop/dist/api.js:44:7)",
);
const samePlace = facts(
  "TypeError",
  "cannot read 99",
  "priceOf (/srv/shop/dist/prices.js:14:3)",
  "handle (/srv/shop/dist/api.js:44:7)",
);
const elsewhere = facts(
  "TypeError",
  "cannot read 17",
  "stockOf (/srv/shop/dist/stock.js:3:1)",
  "handle (/srv/shop/dist/api.js:44:7)",
);

function check(one: ErrorFacts, other: ErrorFacts, same: boolean, contexts: readonly ErrorContext[] = []): void {
  assert.equal(groupError(one, contexts[0]).fingerprint === groupError(other, contexts[1]).fingerprint, same);
}

test("errors of one place are one failure whatever their message; another place is another", () => {
  check(price, samePlace, true);
  check(price, elsewhere, false);
  check(facts("Error", "timeout after 31 ms"), facts("Error", "timeout after 900 ms"), true);
  check(facts("Error", "timeout after 31 ms"), facts("Error", "connection refused"), false);
});

test("a sender's fingerprint replaces the grouping, or subdivides it", () => {
  const own = { fingerprint: ["checkout"] };
  check(price, elsewhere, true, [own, own]);
  check(price, samePlace, false, [{ fingerprint: ["{{ default }}", "eu"] }, { fingerprint: ["{{ default }}", "us"] }]);
});

test("the group says why, in a version of the grouping, and titles the error", () => {
  const { fingerprint, title, why, basis } = groupError(price);
  assert.match(fingerprint, /^1:/);
  assert.equal(title, "TypeError: cannot read 17");
  assert.equal(basis, "stack");
  assert.ok(
    why.some((line) => /frames count/.test(line)),
    why.join("\n"),
  );
});

let number = 0;
async function report(
  on: TestWorld,
  error: ErrorFacts,
  of: { readonly at?: number; readonly context?: ErrorContext } = {},
) {
  const signal: EventSignal = {
    id: `err${(number += 1)}`,
    type: "error",
    target: "api",
    origin: "sdk",
    error,
    at: of.at ?? on.system.now() + 1_700_000_000_000,
    ...(of.context === undefined ? {} : { context: of.context }),
  };
  void on.engine.ingest([signal]);
  await on.advance(1_500);
}
const errors = (on: TestWorld): Issue[] => [...on.disk.issues.values()].filter((issue) => issue.kind === "error");
const now = (on: TestWorld): number => on.system.now() + 1_700_000_000_000;

test("an error becomes an issue by its group, with why it was grouped and what was known beside it", async () => {
  const on = await world();
  await report(on, price, {
    context: { release: "shop@1.2.0", tags: { region: "eu" }, request: { url: "/orders/7" } },
  });
  await report(on, samePlace);
  const [issue, ...others] = errors(on);
  assert.deepEqual(others, []);
  assert.equal(issue?.distinguisher, groupError(price).fingerprint);
  assert.equal(issue?.title, "TypeError: cannot read 17");
  assert.equal(issue?.occurrences, 2);
  assert.equal(issue?.grouping?.basis, "stack");
  const incident = [...on.disk.incidents.values()].find((each) => each.kind === "error");
  assert.deepEqual(incident?.evidence[0]?.data, {
    release: "shop@1.2.0",
    tags: { region: "eu" },
    request: { url: "/orders/7" },
  });
  await on.stop();
});

test("an error that happened before the resolution and arrives late is no regression; one after it is", async () => {
  const on = await world();
  await report(on, price);
  const happenedAt = now(on);
  await on.advance(90_000);
  const [issue] = errors(on);
  assert.equal(issue?.status, "fixed", "quiet for a minute: over by itself");
  await report(on, price, { at: happenedAt - 500 });
  // Within the quiet time, so that only the rule keeps it from counting as firing anew.
  await on.engine.command({ type: "reopen", issue: issue.id, why: "test", by: "person:a" });
  await on.engine.command({ type: "resolve", issue: issue.id, why: "test", by: "person:a" });
  const resolvedAt = now(on);
  await report(on, price, { at: resolvedAt - 10_000 });
  assert.deepEqual([errors(on)[0]?.status, errors(on)[0]?.regressed], ["fixed", false]);
  await report(on, price, { at: now(on) });
  assert.equal(errors(on)[0]?.regressed, true);
  await on.stop();
});

test("an error of a release too old to carry the fix is no regression", async () => {
  const on = await world();
  await report(on, price, { context: { release: "shop@1.2.0" } });
  await on.advance(90_000);
  const [issue] = errors(on);
  assert.equal(issue?.status, "fixed");
  await on.engine.command({ type: "reopen", issue: issue.id, why: "test", by: "person:a" });
  await on.engine.command({ type: "resolve", issue: issue.id, why: "deployed", release: "shop@1.3.0", by: "person:a" });
  await report(on, price, { context: { release: "shop@1.2.9" } });
  assert.equal(errors(on)[0]?.status, "fixed");
  await report(on, price, { context: { release: "shop@1.3.1" } });
  assert.equal(errors(on)[0]?.regressed, true);
  await on.stop();
});

test("merged errors go where they were merged to, and an unmerged one stays unmerged when it comes again", async () => {
  const on = await world();
  await report(on, price);
  await report(on, elsewhere);
  const [first, second] = errors(on);
  assert.ok(first !== undefined && second !== undefined);
  await on.engine.command({ type: "merge", issue: second.id, into: first.id, by: "person:a" });
  await report(on, elsewhere);
  const merged = errors(on).find((each) => each.id === first.id);
  assert.ok((merged?.occurrences ?? 0) >= 3, String(merged?.occurrences));
  await on.engine.command({ type: "unmerge", issue: second.id, by: "person:a" });
  const before = errors(on).find((each) => each.id === first.id)!.occurrences;
  await on.advance(70_000);
  await report(on, elsewhere);
  await report(on, elsewhere);
  const apart = errors(on).find((each) => each.id === second.id);
  assert.equal(apart?.mergedInto, null);
  assert.ok((apart?.occurrences ?? 0) >= 2, String(apart?.occurrences));
  assert.equal(errors(on).find((each) => each.id === first.id)?.occurrences, before);
  await on.stop();
  // And after a restart of the control plane.
  const again = await world({ disk: on.disk });
  await report(again, elsewhere);
  assert.equal(errors(again).find((each) => each.id === second.id)?.mergedInto, null);
  assert.equal(errors(again).find((each) => each.id === first.id)?.occurrences, before);
  await again.stop();
});

test("a failure escalates when an hour brings ten times its busiest hour, and not before", () => {
  const on = stage();
  const burst = (count: number): void => {
    for (let at = 0; at < count; at += 1)
      on.send({
        id: `b${(number += 1)}`,
        type: "error",
        target: "api",
        origin: "sdk",
        error: price,
        at: on.now(),
      });
  };
  const escalating = (): (string | undefined)[] => on.began.map((finding) => finding.escalating);
  for (let hour = 0; hour < 5; hour += 1) {
    burst(3);
    on.pass(3_600, undefined, 60_000);
  }
  assert.deepEqual(escalating(), [undefined, undefined, undefined, undefined, undefined]);
  burst(60);
  on.pass(2);
  const [finding] = on.findings();
  assert.match(
    finding?.escalating ?? "",
    /^60 in this hour, more than 30 \(younger than a week: ten times its busiest hour/,
  );
  // What was counted survives a restart.
  const again = stage({ saved: on.saved(), at: on.now() });
  again.send({ id: "x", type: "error", target: "api", origin: "sdk", error: price, at: again.now() });
  again.pass(2);
  assert.match(again.findings()[0]?.escalating ?? "", /^61 in this hour/);
});

test("an ignored issue wakes for a failure that escalates, and for nothing less", async () => {
  const store = memoryStore();
  const draft = new Draft(worldFrom(await store.open(), []), 10_000);
  const { fingerprint, title } = groupError(price);
  const finding: Finding = {
    target: "api",
    kind: "error",
    distinguisher: fingerprint,
    severity: "medium",
    class: "fault",
    summary: title,
    beganAt: 9_000,
    detectedAt: 10_000,
    certainty: "witnessed",
    down: false,
    ripe: true,
    events: 1,
    evidence: [],
    lastAt: 9_500,
  };
  draft.putIssue(sampleIssue("MED-001", { fingerprint: fingerprintOf(finding), status: "ignored", kind: "error" }));
  fold(draft, "api", [finding]);
  assert.equal(draft.issue("MED-001")?.status, "ignored");
  fold(draft, "api", [{ ...finding, escalating: "60 in this hour" }]);
  assert.equal(draft.issue("MED-001")?.status, "in-progress");
  assert.equal(draft.issue("MED-001")?.occurrences, 3);
});

test("crashes of one stack are one issue, read from the last lines when no probe saw it", async () => {
  const on = await world();
  const service = on.services.get("api")!;
  const traceback = [
    "Traceback (most recent call last):",
    '  File "/srv/app/main.py", line 31, in <module>',
    "    run()",
    '  File "/srv/app/orders.py", line 12, in run',
    "    total = prices[article]",
    "KeyError: 'apple'",
  ];
  service.lastLines = traceback;
  await on.run("10s crash api | 40s crash api | 70s");
  service.lastLines = traceback.map((line) => line.replace("orders.py", "billing.py").replace("in run", "in bill"));
  await on.run("80s crash api | 110s");
  const crashes = [...on.disk.issues.values()].filter((issue) => issue.kind === "crash");
  assert.deepEqual(
    crashes.map((issue) => issue.occurrences),
    [2, 1],
  );
  assert.match(crashes[0]!.distinguisher, /^1:/);
  assert.match(crashes[0]!.grouping?.why.join(" ") ?? "", /orders\.py|orders/);
  await on.stop();
});
