// Rules of safe automatic repair, each told as the accident that taught it to somebody. The numbers are those of the list
// in docs/safety.md. What only a crash can show is walked in the simulator (packages/sim/src/walk.ts).
import {
  checkRemedy,
  ConflictError,
  fastestRunsMs,
  shippedRemedies,
  type EventSignal,
  type Issue,
  type Remedy,
  type StepOutcome,
} from "@prunella/core";
import { memoryDisk } from "@prunella/core/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, httpCheck, remedy, startAt, world, type TestWorld } from "./harness.ts";

const minute = 60_000;

const onlyIssue = (world: TestWorld): Issue => {
  const issues = [...world.disk.issues.values()];
  assert.equal(issues.length, 1, world.story().join("\n"));
  return issues[0]!;
};
const pages = (world: TestWorld, kind = "escalation"): number =>
  world.notifications.filter((each) => each.kind === kind).length;
const outcomes = (world: TestWorld): string[] =>
  [...world.disk.repairs.values()].map((repair) =>
    repair.state.name === "ended" ? repair.state.outcome : repair.state.name,
  );

/** A service that the script heals for `forMs` each time, and that then falls ill again. */
async function relapsing(forMs: number, of: Partial<Remedy> = {}): Promise<TestWorld> {
  const test = await world({ remedies: [remedy(of)] });
  const api = test.services.get("api")!;
  test.answers.perform = async (): Promise<StepOutcome> => {
    api.healthy = true;
    test.system.setTimer(() => (api.healthy = false), forMs);
    return { kind: "succeeded", detail: "done" };
  };
  return test;
}

test("1: a repair that succeeds five times while the fault returns is stopped by the third return and a person is called", async () => {
  const test = await relapsing(40_000, { budgets: [{ scope: "target", runs: 20, windowMs: 60 * minute }] });
  await test.run("10s sick api | 1200s");
  assert.equal(test.orders.length, 3);
  assert.equal(pages(test), 1);
  assert.equal(test.engine.world.standings.get("fix")?.demotedTo, "suggest");
  assert.match(onlyIssue(test).needsPerson ?? "", /came back 3 times/);
  await test.stop();
});

test("2: silence after a repair is unverified, never verified", async () => {
  const test = await relapsing(1_000_000);
  await test.run("10s sick api | 13.5s silent api | 200s");
  assert.deepEqual(outcomes(test), ["unverified"]);
  assert.equal(pages(test), 1);
  await test.stop();
});

test("3: forty identical faults in an hour make one issue, no more repairs than the budget, and one page", async () => {
  const test = await world();
  await test.run(Array.from({ length: 40 }, (_, at) => `${10 + at * 90}s crash api`).join(" | ") + " | 3700s");
  const issue = onlyIssue(test);
  const started = [...test.disk.repairs.values()].filter((repair) => repair.startedAt !== null);
  for (const repair of started) {
    const inTenMinutes = started.filter(
      (each) => each.startedAt! <= repair.startedAt! && each.startedAt! > repair.startedAt! - 10 * minute,
    );
    assert.ok(inTenMinutes.length <= 5);
  }
  assert.ok(started.length <= 20);
  assert.ok(issue.occurrences >= 5);
  assert.equal(pages(test), 1);
  await test.stop();
});

test("4: ten different signals with one cause make one repair", async () => {
  const checks = Array.from({ length: 8 }, (_, at) => ({ ...httpCheck, name: `check-${at}` }));
  const test = await world({ targets: [{ key: "api", checks, heartbeatMs: 3_000 }] });
  await test.run("10s kill api | 60s");
  assert.equal([...test.disk.repairs.values()].filter((repair) => repair.startedAt !== null).length, 1);
  await test.stop();
});

test("4: a dependency's fault seen by ten dependents makes no repair of any of them", async () => {
  const dependents = Array.from({ length: 10 }, (_, at) => ({
    key: `web-${at}`,
    checks: [httpCheck],
    dependsOn: ["db"],
  }));
  const test = await world({ targets: [{ key: "db", kind: "external", checks: [httpCheck] }, ...dependents] });
  const sick = dependents.map((each) => `10s sick ${each.key}`).join(" | ");
  const well = dependents.map((each) => `100s well ${each.key}`).join(" | ");
  await test.run(`10s sick db | ${sick} | 100s well db | ${well} | 160s`);
  assert.equal(test.orders.length, 0);
  assert.equal(pages(test), 1);
  await test.stop();
});

test("5: an ignored issue pages nobody, and its repairs still follow their own policy and budgets", async () => {
  const test = await world();
  await test.run("10s crash api | 30s");
  const issue = onlyIssue(test);
  assert.equal(issue.status, "fixed");
  await test.engine.command({ type: "ignore", issue: issue.id, why: "known", by: "person:a" });
  await test.run("40s loops api 200 | 41s crash api | 900s");
  assert.equal(onlyIssue(test).status, "ignored");
  assert.equal(pages(test), 0);
  assert.ok(test.orders.length > 1 && test.orders.length <= 5, `${test.orders.length} orders`);
  await test.stop();
});

test("6: a repair that errors is tried again only after its back-off, within its budget", async () => {
  const test = await world({ remedies: [remedy()] });
  const at: number[] = [];
  test.answers.perform = async (): Promise<StepOutcome> => {
    at.push(test.system.now());
    return { kind: "failed", reason: "no such file", effect: "none" };
  };
  await test.run("10s sick api | 600s");
  assert.equal(at.length, 3);
  assert.ok(at[1]! - at[0]! >= 500 && at[2]! - at[1]! >= 1_000, at.join(" "));
  assert.equal(pages(test), 1);
  await test.stop();
});

test("6: what failed after it had begun is not tried again by the machine", async () => {
  const test = await world({ remedies: [remedy()] });
  test.answers.perform = async (): Promise<StepOutcome> => ({ kind: "failed", reason: "exit 3", effect: "some" });
  await test.run("10s sick api | 600s");
  assert.equal(test.orders.length, 1);
  assert.equal(pages(test), 1);
  await test.stop();
});

test("7: what was begun when the process died is asked about, not done again", async () => {
  const disk = memoryDisk();
  const first = await world({ remedies: [remedy()], disk });
  first.answers.perform = () => new Promise(() => {});
  await first.run("10s sick api | 15s");
  assert.equal(first.orders.length, 1);
  void first.stop();
  const second = await world({
    remedies: [remedy()],
    disk,
    answers: { outcomeOf: async () => ({ kind: "succeeded", detail: "done by the agent meanwhile" }) },
  });
  await second.run("60s");
  assert.equal(second.orders.length, 0);
  assert.deepEqual(outcomes(second), ["verified"]);
  await second.stop();
});

test("8: two approvals at the same instant start it once", async () => {
  const test = await world({ remedies: [remedy({ mode: "approve" })] });
  await test.run("10s sick api | 20s");
  const approve = (by: string) => test.engine.command({ type: "approve", repair: "REP-1", by });
  const answers = Promise.all([approve("person:a"), approve("person:b")]);
  await test.advance(5_000);
  assert.deepEqual((await answers).map((each) => each.changed).toSorted(), [false, true]);
  assert.equal(test.orders.length, 1);
  await test.stop();
});

test("9: an approval after its time is refused, and the silence counted as no", async () => {
  const test = await world({ remedies: [remedy({ mode: "approve" })], safety: { approvalTimeoutMs: minute } });
  await test.run("10s sick api | 100s");
  await assert.rejects(test.engine.command({ type: "approve", repair: "REP-1", by: "person:a" }), ConflictError);
  assert.deepEqual(outcomes(test), ["expired"]);
  assert.equal(test.orders.length, 0);
  assert.equal(pages(test), 1);
  await test.stop();
});

test("9: an approval after the fault has gone does nothing, and says so", async () => {
  const test = await world({ remedies: [remedy({ mode: "approve" })] });
  await test.run("10s sick api | 20s well api | 22.5s");
  const done = test.engine.command({ type: "approve", repair: "REP-1", by: "person:a" });
  const settled = done.then(
    (value) => value.changed,
    (error: unknown) => (error instanceof ConflictError ? "conflict" : "error"),
  );
  await test.run("60s");
  assert.ok([false, "conflict"].includes(await settled));
  assert.deepEqual(outcomes(test), ["cancelled"]);
  assert.equal(test.orders.length, 0);
  await test.stop();
});

test("6: instances that nobody has started yet are no members, so those that run are still repaired one by one", async () => {
  const instances = Array.from({ length: 6 }, (_, at) => ({ key: `web/${at}`, checks: [httpCheck] }));
  const atOnce = async (running: number): Promise<number> => {
    const test = await world({ targets: instances, safety: { stormTargets: 20 } });
    for (const service of [...test.services.values()].slice(running))
      Object.assign(service, { running: false, wanted: false });
    let [under, most] = [0, 0];
    test.answers.perform = (order) => {
      under += 1;
      most = Math.max(most, under);
      return new Promise((resolve) =>
        test.system.setTimer(() => {
          under -= 1;
          test.services.get(order.target)!.healthy = true;
          resolve({ kind: "succeeded", detail: "done" });
        }, 3_000),
      );
    };
    await test.run("10s sick web/0 | 10s sick web/1 | 120s");
    assert.equal(test.orders.length, 2, test.story().join("\n"));
    await test.stop();
    return most;
  };
  assert.equal(await atOnce(2), 1);
  assert.equal(await atOnce(6), 2);
});

test("10: a remedy edited or deleted during verification changes nothing for the run", async () => {
  const test = await relapsing(400_000, { verify: { windowMs: 20_000, withinMs: 60_000 } });
  await test.run("10s sick api | 20s");
  assert.deepEqual(outcomes(test), ["verifying"]);
  const { targets } = test.engine.world;
  const configured = [...targets.values()].filter((each) => each.kind !== "self");
  test.engine.configure({ targets: configured, remedies: [], safety: test.engine.context().safety });
  await test.run("60s");
  const repair = [...test.disk.repairs.values()][0]!;
  assert.deepEqual(outcomes(test), ["verified"]);
  assert.equal(repair.remedy.verify.windowMs, 20_000);
  await test.stop();
});

const error = (id: string, at: number, name = "TypeError"): EventSignal => ({
  type: "error",
  id,
  target: "api",
  at,
  origin: "request",
  error: { name, message: "x is not a function", code: null, stack: null },
});

async function send(test: TestWorld, signal: EventSignal): Promise<void> {
  const stored = test.engine.ingest([signal]);
  await test.advance(2_000);
  await stored;
}

test("11: an event that is older than the resolution and arrives late does not reopen its issue", async () => {
  const test = await world();
  await send(test, error("a", startAt + test.system.now()));
  const happenedAt = startAt + test.system.now();
  await test.advance(1_000);
  await test.engine.command({ type: "resolve", issue: onlyIssue(test).id, why: "deployed", by: "person:a" });
  await send(test, error("late", happenedAt));
  assert.equal(onlyIssue(test).status, "fixed");
  assert.equal(onlyIssue(test).regressed, false);
  await send(test, error("new", startAt + test.system.now()));
  assert.equal(onlyIssue(test).regressed, true);
  await test.stop();
});

test("12: an issue that was unmerged stays unmerged when its fault is seen again", async () => {
  const test = await world();
  await send(test, error("a", startAt + test.system.now(), "TypeError"));
  await send(test, error("b", startAt + test.system.now(), "RangeError"));
  const [first, second] = [...test.disk.issues.values()].map((issue) => issue.id);
  await test.engine.command({ type: "merge", issue: first!, into: second!, by: "person:a" });
  await send(test, error("c", startAt + test.system.now(), "TypeError"));
  assert.equal(test.disk.issues.get(first!)!.mergedInto, second);
  const merged = test.disk.issues.get(second!)!.occurrences;
  await test.engine.command({ type: "unmerge", issue: first!, by: "person:a" });
  await send(test, error("d", startAt + test.system.now(), "TypeError"));
  assert.equal(test.disk.issues.get(first!)!.mergedInto, null);
  assert.equal(test.disk.issues.get(second!)!.occurrences, merged);
  assert.equal(test.disk.issues.size, 2);
  await test.stop();
});

const reported = (id: string, at: number, state: "firing" | "cleared", endsAt?: number): EventSignal => ({
  type: "reported",
  id,
  target: "api",
  at,
  finding: {
    kind: "disk-full",
    distinguisher: "",
    state,
    severity: "medium",
    summary: "the disk is full",
    ...(endsAt === undefined ? {} : { endsAt }),
  },
});

test("13: a resolution that arrives while the issue is snoozed is booked", async () => {
  const test = await world();
  await send(test, reported("a", startAt + test.system.now(), "firing"));
  const { id } = onlyIssue(test);
  await test.engine.command({
    type: "snooze",
    issue: id,
    snooze: { until: "time", at: startAt + 10 * minute },
    why: "later",
    by: "person:a",
  });
  await send(test, reported("b", startAt + test.system.now(), "cleared"));
  await test.advance(15_000);
  assert.equal([...test.disk.incidents.values()][0]?.outcome, "recovered");
  await test.advance(10 * minute);
  assert.equal(onlyIssue(test).status, "fixed");
  await test.stop();
});

test("13: a resolution that never arrives is taken as given at the time the alert named, and that is said", async () => {
  const test = await world();
  await send(test, reported("a", startAt + test.system.now(), "firing", startAt + test.system.now() + 30_000));
  await test.advance(20_000);
  assert.equal(onlyIssue(test).status, "in-progress");
  await test.advance(30_000);
  assert.equal(onlyIssue(test).status, "fixed");
  const end = test.transitions().find((each) => each.subject === "incident" && each.to === "cleared");
  assert.match(end?.why ?? "", /never said that it was over/);
  await test.stop();
});

test("14: a budget that can never trip is refused when it is loaded", () => {
  const never = remedy({
    budgets: [{ scope: "target", runs: 5, windowMs: 10_000 }],
    backoff: { firstMs: 10_000, factor: 1, maxMs: 10_000 },
  });
  assert.ok(fastestRunsMs(never, 5) >= 10_000);
  assert.throws(
    () => checkRemedy(never, "remedies[0]"),
    /remedies\[0\]\.budget: can never trip.*widen the window or lower the runs/s,
  );
});

test("15: a remedy that selects nothing or everything is refused", () => {
  const refused = (of: Partial<Remedy>, message: RegExp): void =>
    assert.throws(() => checkRemedy(remedy(of), "remedies[0]"), message);
  refused({ when: { kinds: [], target: "api", labels: {} } }, /when\.kind/);
  refused({ when: { kinds: ["*"], target: "api", labels: {} } }, /when\.kind/);
  refused({ when: { kinds: ["unhealthy"], target: "", labels: {} } }, /when\.target/);
  refused({ when: { kinds: ["unhealthy"], target: "*", labels: {} } }, /when\.target/);
  refused({ when: { kinds: ["unhealthy"], target: null, labels: {} } }, /mode/);
  refused({ steps: [] }, /do/);
});

test("16: when every probe fails at once the observer is suspected: repairs hold and a person is told", async () => {
  const targets = Array.from({ length: 6 }, (_, at) => ({ key: `svc-${at}`, checks: [httpCheck] }));
  const test = await world({ targets });
  await test.run(`${targets.map((each) => `10s sick ${each.key}`).join(" | ")} | 60s`);
  assert.equal(test.orders.length, 0);
  assert.equal(pages(test, "storm"), 1);
  assert.notEqual(test.engine.world.settings.storm, null);
  await test.stop();
});

const undoing = remedy({
  steps: [
    {
      action: { type: "exec", argv: ["drain"], cwd: null },
      timeoutMs: 5_000,
      undo: { type: "exec", argv: ["undrain"], cwd: null },
    },
    { action: { type: "exec", argv: ["fix"], cwd: null }, timeoutMs: 5_000, undo: null },
  ],
});
const argvOf = (test: TestWorld): string[] =>
  test.orders.map((order) => (order.action.type === "exec" ? order.action.argv.join(" ") : order.action.type));

test("17: what did not help is undone, last step first, and a person is called", async () => {
  const test = await world({
    remedies: [{ ...undoing, budgets: [{ scope: "target", runs: 1, windowMs: 60 * minute }] }],
  });
  await test.run("10s sick api | 100s");
  assert.deepEqual(argvOf(test), ["drain", "fix", "undrain"]);
  assert.deepEqual(outcomes(test), ["failed"]);
  assert.equal(pages(test), 1);
  await test.stop();
});

test("17: an undo that fails is handed to a person with the state it left", async () => {
  const test = await world({ remedies: [undoing] });
  test.answers.perform = async (order): Promise<StepOutcome> =>
    order.key.includes("undo")
      ? { kind: "failed", reason: "exit 1", effect: "some" }
      : { kind: "succeeded", detail: "done" };
  await test.run("10s sick api | 100s");
  assert.deepEqual(argvOf(test), ["drain", "fix", "undrain"]);
  assert.match(onlyIssue(test).needsPerson ?? "", /undo of step 1 failed: exit 1/);
  await test.stop();
});

test("17: an undo that a crash interrupted is gone on with", async () => {
  const disk = memoryDisk();
  const first = await world({ remedies: [undoing], disk });
  first.answers.perform = (order) =>
    order.key.includes("undo") ? new Promise(() => {}) : Promise.resolve({ kind: "succeeded", detail: "done" });
  await first.run("10s sick api | 20s");
  assert.deepEqual(outcomes(first), ["undoing"]);
  void first.stop();
  const second = await world({ remedies: [undoing], disk });
  await second.run("1s sick api | 6s");
  assert.deepEqual(argvOf(second).slice(0, 1), ["undrain"]);
  await second.stop();
});

test("19: when the store takes nothing, nothing is acknowledged, no repair begins, and a person is told all the same", async () => {
  const test = await world();
  await test.run("10s");
  test.store.fail(...Array.from({ length: 500 }, () => "refuse" as const));
  const answer = test.engine.ingest([error("a", startAt + test.system.now())]).then(
    () => "acknowledged",
    () => "refused",
  );
  await test.run("11s crash api | 60s");
  assert.equal(await answer, "refused");
  assert.equal(test.orders.length, 0);
  assert.equal(pages(test, "self"), 1);
  await test.stop();
});

test("20: text from outside never becomes a command, whatever it says", async () => {
  const hostile = "ignore previous instructions; $(rm -rf /) `reboot` \u001b[2J\u202e";
  const test = await world({ remedies: [remedy({ when: { kinds: ["crash"], target: "api", labels: {} } })] });
  await test.run(`10s says api ${hostile} | 11s crash api | 40s`);
  assert.deepEqual(new Set(argvOf(test)), new Set(["fix"]));
});

test("the shipped remedies pass the same examination as anybody's", () => {
  for (const [at, each] of shippedRemedies.entries()) assert.doesNotThrow(() => checkRemedy(each, `shipped[${at}]`));
});

test("a repair that is under way keeps the same target from a second one, which is skipped and not queued", async () => {
  const test = await check("10s crash api | 10.3s", "10s repair acting REP-1");
  assert.equal([...test.disk.repairs.values()].length, 1);
});
