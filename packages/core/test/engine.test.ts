import assert from "node:assert/strict";
import { test } from "node:test";
import { check, httpCheck, world } from "./harness.ts";
import { memoryDisk } from "@prunella/core/testing";

test("a crash is found, filed, healed at once and verified", async () => {
  const { orders, disk } = await check(
    "10s crash api | 40s",
    "10s incident open api crash | 10s incident diagnosed api crash | 10s repair scheduled REP-1 | 10s repair acting REP-1 | 10s repair verifying REP-1 | 21s repair verified REP-1 | 21s incident recovered api crash | 21s issue fixed api crash",
  );
  assert.equal(orders.length, 1);
  const issue = [...disk.issues.values()][0];
  assert.equal(issue?.id, "CRIT-001");
  assert.equal(issue?.selfHealing, "active");
});

test("a crash loop spends its budget, calls a person and stops", async () => {
  const { orders, notifications, disk } = await check(
    "1s loops api 200 | 10s crash api | 1000s",
    "10s incident open api crash | incident handed-over api crash",
  );
  assert.equal(orders.length, 5);
  assert.deepEqual(
    notifications.map((each) => each.kind),
    ["escalation"],
  );
  assert.match([...disk.incidents.values()][0]?.escalation ?? "", /budget: restart-down has had its 5 runs/);
});

test("a second crash during verification does not count as a recovery", async () => {
  await check(
    "10s crash api | 15s crash api | 60s",
    "10s repair verifying REP-1 | 15s repair failed REP-1 | repair verifying REP-2 | repair verified REP-2 | incident recovered api crash",
  );
});

test("a blocked event loop is shown at once and replaced only when it lasts", async () => {
  const test = await world();
  test.answers.question = async (question) =>
    question.want === "stack" ? { at: 0, what: "stack", summary: "blocked for 1005 ms in spin (worker.js:12)" } : null;
  await test.run("10s hang api | 40s");
  const incident = [...test.disk.incidents.values()].find((each) => each.kind === "event-loop-blocked");
  assert.equal(incident?.rootCause, "event loop blocked for 1005 ms in spin (worker.js:12)");
  assert.equal(incident?.outcome, "recovered");
  assert.equal(test.orders.length, 1);
  assert.deepEqual(test.orders[0]?.action, { type: "restart", graceful: false });
  await test.stop();
});

test("a pause of four seconds that ends by itself causes no repair and no critical issue", async () => {
  const { orders, disk } = await check(
    "10s hang api | 14s resume api | 60s",
    "incident recovered api event-loop-blocked",
  );
  assert.equal(orders.length, 0);
  assert.ok([...disk.issues.values()].every((issue) => issue.severity !== "critical"));
});

test("a dependent is not restarted for its dependency's fault, and recovers with it", async () => {
  const options = {
    targets: [
      { key: "db", kind: "external", checks: [httpCheck] },
      { key: "api", checks: [httpCheck], dependsOn: ["db"] },
    ],
  } as const;
  const { orders, disk } = await check(
    "10s sick db | 10.1s sick api | 30s well db | 30.1s well api | 60s",
    "incident open db dependency-down | incident recovered db dependency-down",
    options,
  );
  assert.equal(orders.length, 0);
  assert.ok([...disk.incidents.values()].every((incident) => incident.outcome === "recovered"));
});

test("a dependency that stays down is handed to a person, once", async () => {
  const { notifications, orders } = await check("10s sick db | 200s", "incident handed-over db dependency-down", {
    targets: [{ key: "db", kind: "external", checks: [httpCheck] }],
  });
  assert.equal(orders.length, 0);
  assert.equal(notifications.filter((each) => each.kind === "escalation").length, 1);
});

test("silence after a repair is unverified, never verified", async () => {
  await check(
    "10s crash api | 10.2s silent api | 200s",
    "repair verifying REP-1 | repair unverified REP-1 | incident handed-over api crash",
  );
});

test("a leak is recycled before the limit and verified", async () => {
  const test = await world({ targets: [{ key: "api", checks: [httpCheck], memoryBytesMax: 4e8 }] });
  test.answers.question = async (question) =>
    question.want === "heap" ? { at: 0, what: "heap", summary: "remember (cache.js:3) holds 80 %" } : null;
  await test.run("10s leak api 10 | 90s leak api 0 | 120s");
  const incident = [...test.disk.incidents.values()].find((each) => each.kind === "memory-leak");
  assert.equal(incident?.rootCause, "memory leak: remember (cache.js:3) holds 80 %");
  assert.ok(test.orders.length >= 1);
  assert.ok([...test.services.values()].every((service) => service.rss < 4e8));
  await test.stop();
});

test("a heartbeat that stops has the process restarted although it answers", async () => {
  await check("10s mute api | 100s", "incident open api heartbeat-missed | repair verifying REP-1", {
    targets: [{ key: "api", checks: [httpCheck], heartbeatMs: 3_000 }],
  });
});

test("a pause stops new actions at once and resuming lets them go on", async () => {
  const test = await world();
  await test.engine.command({ type: "pause", target: null, why: "test", forMs: null, by: "person:a" });
  await test.run("10s crash api | 60s");
  assert.equal(test.orders.length, 0);
  assert.match([...test.disk.incidents.values()][0]?.blockedBy ?? "", /^pause/);
  await test.engine.command({ type: "resume", target: null, by: "person:a" });
  await test.run("90s");
  assert.equal(test.orders.length, 1);
  await test.stop();
});

test("the fault that returns after verified repairs calls a person by the third return and the service is kept alive", async () => {
  const { notifications, orders } = await check(
    "10s crash api | 40s crash api | 70s crash api | 100s crash api | 130s",
    "incident recovered api crash",
  );
  assert.equal(orders.length, 4);
  assert.equal(notifications.filter((each) => each.kind === "escalation").length, 1);
});

test("a control plane that starts beside a service that has long been running accuses it of no silence", async () => {
  const disk = memoryDisk();
  const targets = [{ key: "api", checks: [httpCheck], heartbeatMs: 3_000 }];
  // Its heartbeats come every two seconds or so: the first looks of the new control plane have seen none yet.
  const test = await world({ disk, targets, services: { heartbeats: false } });
  test.services.get("api")!.heartbeats = true;
  await test.run("30s");
  assert.equal(disk.incidents.size, 0, test.story().join("\n"));
  await test.stop();
});
