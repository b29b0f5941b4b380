import assert from "node:assert/strict";
import { test } from "node:test";
import { manualSystem } from "@prunella/resilience/testing";
import { checkScheduler, heartbeats, roundMsMax, type CheckPlan, type CheckResult } from "@prunella/adapters";

const good: CheckResult = { ok: true, latencyMs: 1, message: "" };

function plan(given: Partial<CheckPlan> = {}): CheckPlan {
  return {
    target: "api",
    name: "check",
    role: "liveness",
    failures: 3,
    successes: 1,
    everyMs: 10_000,
    timeoutMs: 1_000,
    jitter: 0,
    initialDelayMs: 0,
    how: { type: "tcp", host: "127.0.0.1", port: 1 },
    ...given,
  };
}

function scheduled(
  checks: readonly CheckPlan[],
  run: (check: CheckPlan, timeoutMs: number) => Promise<CheckResult> = async () => good,
) {
  const system = manualSystem();
  const starts: { name: string; at: number; timeoutMs: number }[] = [];
  const results: { name: string; at: number; ok: boolean; message: string }[] = [];
  const uptime = new Map<string, number | null>();
  const scheduler = checkScheduler({
    system,
    run(check, timeoutMs) {
      starts.push({ name: check.name, at: system.now(), timeoutMs });
      return run(check, timeoutMs);
    },
    onResult: (check, { ok, message }) => results.push({ name: check.name, at: system.now(), ok, message }),
    uptimeMs: (target) => (uptime.has(target) ? (uptime.get(target) ?? null) : Infinity),
  });
  scheduler.update(checks);
  return { system, scheduler, starts, results, uptime };
}

const gaps = (starts: readonly { at: number }[]): number[] =>
  starts.slice(1).map((start, at) => start.at - (starts[at]?.at ?? 0));

test("a check runs once per interval on a grid that does not drift", async () => {
  const { system, starts } = scheduled([plan()]);
  await system.advance(100_000);
  assert.equal(starts.length, 10);
  assert.deepEqual(new Set(gaps(starts)), new Set([10_000]));
});

test("jitter spreads starts within its share of the interval and does not accumulate", async () => {
  const { system, starts } = scheduled([plan({ jitter: 0.2 })]);
  await system.advance(1_000_000);
  const first = starts[0]?.at ?? 0;
  assert.equal(starts.length >= 99, true);
  for (const [at, start] of starts.entries()) {
    const offset = start.at - at * 10_000;
    assert.ok(offset >= 0 && offset <= 1_000 + 2_000, `start ${at} is ${offset} ms after its grid point`);
  }
  assert.ok(new Set(gaps(starts)).size > 10, `first at ${first}`);
});

test("a stuck check delays no other one, fails at its limit, and never overlaps itself", async () => {
  const stuck = new Promise<CheckResult>(() => {});
  const { system, starts, results, scheduler } = scheduled(
    [plan({ name: "stuck", everyMs: 1_000, timeoutMs: 60_000 }), plan({ name: "fine", everyMs: 1_000 })],
    (check) => (check.name === "stuck" ? stuck : Promise.resolve(good)),
  );
  await system.advance(20_000);
  const of = (name: string) => starts.filter((start) => start.name === name);
  assert.equal(of("fine").length, 20);
  assert.deepEqual(new Set(of("stuck").map((start) => start.timeoutMs)), new Set([800]));
  assert.deepEqual(new Set(gaps(of("stuck"))), new Set([1_000]));
  const failures = results.filter((result) => result.name === "stuck");
  assert.ok(
    failures.length >= 19 && failures.every((result) => !result.ok && /no result within 800 ms/.test(result.message)),
  );
  assert.equal(scheduler.stats().running <= 1, true);
});

test("a thousand checks, all stuck, still start on time", async () => {
  const stuck = new Promise<CheckResult>(() => {});
  const { system, starts, scheduler } = scheduled(
    Array.from({ length: 1_000 }, (_, at) => plan({ name: String(at), everyMs: 5_000, timeoutMs: 5_000 })),
    () => stuck,
  );
  await system.advance(10_000);
  assert.equal(starts.length, 2_000);
  assert.deepEqual({ ...scheduler.stats(), running: 0 }, { rounds: 2_000, running: 0, leftOut: 0, lateMsMax: 0 });
});

test("a check that rejects counts as failed and keeps its pace", async () => {
  const { system, results } = scheduled([plan()], () => Promise.reject(new Error("no such thing")));
  await system.advance(30_000);
  assert.equal(results.length, 3);
  assert.match(results[0]?.message ?? "", /could not be run: Error: no such thing/);
});

test("checks of a process wait while it is down and until its initial delay has passed", async () => {
  const { system, starts, uptime } = scheduled([plan({ everyMs: 1_000, initialDelayMs: 3_000 })]);
  uptime.set("api", null);
  await system.advance(5_000);
  uptime.set("api", 2_999);
  await system.advance(1_000);
  assert.equal(starts.length, 0);
  uptime.set("api", 3_000);
  await system.advance(1_000);
  assert.equal(starts.length, 1);
});

test("a changed check starts anew, a removed one says no more, the others keep their grid", async () => {
  let release: (result: CheckResult) => void = () => {};
  const { system, scheduler, starts, results } = scheduled([plan({ name: "kept" }), plan({ name: "gone" })], (check) =>
    check.name === "gone" ? new Promise((resolve) => (release = resolve)) : Promise.resolve(good),
  );
  await system.advance(1_000);
  scheduler.update([plan({ name: "kept" })]);
  release(good);
  await system.advance(29_000);
  assert.deepEqual(new Set(gaps(starts.filter((start) => start.name === "kept"))), new Set([10_000]));
  assert.equal(
    results.some((result) => result.name === "gone"),
    false,
  );
});

test("running the checks of a target now gives their results, and stopping ends everything", async () => {
  const { system, scheduler, results } = scheduled([
    plan({ name: "a" }),
    plan({ name: "b" }),
    plan({ name: "c", target: "db" }),
  ]);
  const now = await scheduler.runNow("api");
  assert.deepEqual(
    now.map(({ check, result }) => [check.name, result.ok]),
    [
      ["a", true],
      ["b", true],
    ],
  );
  assert.equal(results.length, 2);
  scheduler.stop();
  assert.equal(system.pending, 0);
});

test("a round is bounded by its own limit and by 0.8 of its interval", () => {
  assert.equal(roundMsMax({ timeoutMs: 500, everyMs: 10_000 }), 500);
  assert.equal(roundMsMax({ timeoutMs: 30_000, everyMs: 10_000 }), 8_000);
});

test("a heartbeat fails only after period and grace, whatever the wall clock does", async () => {
  const system = manualSystem();
  const pings = heartbeats(system);
  const how = { type: "heartbeat", slug: "nightly", periodMs: 1_000, graceMs: 500 } as const;
  pings.expect(["nightly"]);
  await system.advance(1_500);
  assert.equal(pings.check(how).ok, true);
  system.jumpWall(3_600_000);
  assert.equal(pings.check(how).ok, true);
  await system.advance(1);
  assert.equal(pings.check(how).ok, false);
  assert.match(pings.check(how).message, /no ping since the watch began/);
  assert.equal(pings.ping("nightly"), true);
  assert.equal(pings.check(how).ok, true);
  assert.equal(pings.ping("unheard-of"), false);
  pings.expect(["nightly", "weekly"]);
  await system.advance(1_501);
  assert.match(pings.check(how).message, /last ping, 2 s ago/);
});
