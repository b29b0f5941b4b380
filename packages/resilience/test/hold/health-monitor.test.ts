import assert from "node:assert/strict";
import { test } from "node:test";
import { healthMonitor } from "@prunella/resilience";
import type { HealthResult } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import type { ManualSystem } from "@prunella/resilience/testing";

const never = (): Promise<never> => new Promise(() => {});
const after = (system: ManualSystem, ms: number): Promise<void> =>
  new Promise((resolve) => void system.setTimer(resolve, ms));

test("MED-001: one check that never answers stalls a naive monitor; here the round ends within 0.8 of the interval", async () => {
  const system = manualSystem();
  let naiveRounds = 0;
  const naive = async (): Promise<void> => {
    await Promise.all([Promise.resolve(), never()]);
    naiveRounds += 1;
  };
  void naive();

  const rounds: { at: number; statuses: string[] }[] = [];
  const monitor = healthMonitor({
    system,
    checks: [
      { name: "quick", check: () => after(system, 30) },
      { name: "deaf", check: never },
    ],
    onRound: (results) => rounds.push({ at: system.now(), statuses: results.map(({ status }) => status) }),
  });
  monitor.start();
  await system.advance(10_000);
  assert.equal(naiveRounds, 0);
  assert.deepEqual(rounds, [
    { at: 4000, statuses: ["healthy", "timed-out"] },
    { at: 9000, statuses: ["healthy", "timed-out"] },
  ]);
  void monitor.stop();
  await system.advance(4000);
});

test("MED-001: 200 checks at once, 10 of them stuck: the other 190 answer on time", async () => {
  const system = manualSystem();
  let results: readonly HealthResult[] = [];
  const monitor = healthMonitor({
    system,
    checks: Array.from({ length: 200 }, (_, at) => ({
      name: `check ${at}`,
      check: () => (at % 20 === 0 ? never() : after(system, 10)),
    })),
    onRound: (round) => (results = round),
  });
  monitor.start();
  await system.advance(4000);
  assert.equal(results.filter(({ status, durationMs }) => status === "healthy" && durationMs === 10).length, 190);
  assert.equal(results.filter(({ status }) => status === "timed-out").length, 10);
  await monitor.stop();
});

test("stop returns within one round with no timer left", async () => {
  const system = manualSystem();
  const monitor = healthMonitor({ system, checks: [{ name: "deaf", check: never }] });
  monitor.start();
  await system.advance(100);
  let stopped = false;
  void monitor.stop().then(() => (stopped = true));
  await system.advance(5000);
  assert.equal(stopped, true);
  assert.equal(system.pending, 0);
});

test("stop aborts obedient checks and returns at once", async () => {
  const system = manualSystem();
  let aborted = false;
  const monitor = healthMonitor({
    system,
    checks: [
      {
        name: "obedient",
        check: (signal) =>
          new Promise((_, reject) =>
            signal.addEventListener("abort", () => {
              aborted = true;
              reject(new Error("gone"));
            }),
          ),
      },
    ],
  });
  monitor.start();
  await system.advance(1);
  await monitor.stop();
  assert.equal(aborted, true);
  assert.equal(system.pending, 0);
});

test("a check whose earlier runs never end is not piled up, and recovers when one ends", async () => {
  const system = manualSystem();
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  let sick = true;
  const monitor = healthMonitor({
    system,
    outstandingMax: 2,
    checks: [
      {
        name: "db",
        check: () => {
          running += 1;
          most = Math.max(most, running);
          return sick
            ? new Promise<void>((resolve) =>
                release.push(() => {
                  running -= 1;
                  resolve();
                }),
              )
            : void (running -= 1);
        },
      },
    ],
  });
  monitor.start();
  await system.advance(60_000);
  assert.equal(most, 2);
  assert.equal(monitor.results()[0]?.status, "stuck");
  sick = false;
  for (const free of release) free();
  await system.advance(5000);
  assert.equal(monitor.results()[0]?.status, "healthy");
  await monitor.stop();
});

for (const heldMs of [4000, 4500])
  test(`a check that holds the thread for ${heldMs} of a round's 4000 ms is told, goes last next time, and costs nobody a verdict`, async () => {
    const manual = manualSystem();
    let aheadMs = 0;
    const system = { ...manual, now: () => manual.now() + aheadMs };
    const order: string[] = [];
    const events: string[] = [];
    const blocker = (): void => {
      order.push("blocker");
      aheadMs += heldMs;
    };
    const innocent = (): void => void order.push("innocent");
    const monitor = healthMonitor({
      system,
      checks: [
        { name: "blocker", check: blocker },
        { name: "innocent", check: innocent },
      ],
    });
    monitor.listen(({ event, detail }) => events.push(`${event} ${String(detail["check"])}`));
    monitor.start();
    await manual.advance(0);
    assert.deepEqual(order, ["blocker"]);
    assert.deepEqual(
      monitor.results().map(({ check }) => check),
      ["blocker"],
      "no verdict on the innocent",
    );
    await manual.advance(5000);
    assert.deepEqual(order.slice(1, 3), ["innocent", "blocker"]);
    assert.equal(events.filter((event) => event === "blocking blocker").length, 1, "told once");
    assert.equal(monitor.results().find(({ check }) => check === "innocent")?.status, "healthy");
    assert.equal(monitor.snapshot().counts["blocked"], order.filter((name) => name === "blocker").length);
    await monitor.stop();
  });

test("a check that holds the thread just as long as it may keeps its place", async () => {
  const manual = manualSystem();
  let aheadMs = 0;
  const order: string[] = [];
  const monitor = healthMonitor({
    system: { ...manual, now: () => manual.now() + aheadMs },
    checks: [
      {
        name: "slow",
        check: () => {
          order.push("slow");
          aheadMs += 50;
        },
      },
      { name: "quick", check: () => void order.push("quick") },
    ],
  });
  monitor.start();
  await manual.advance(5000);
  assert.deepEqual(order, ["slow", "quick", "slow", "quick"]);
  assert.deepEqual([monitor.snapshot().counts["blocked"], monitor.snapshot().counts["trips"]], [0, 0]);
  await monitor.stop();
});

test("health changes are told once, with the count of verdicts in a row", async () => {
  const system = manualSystem();
  let answer: boolean | Error = true;
  const events: string[] = [];
  const monitor = healthMonitor({
    system,
    intervalMs: 1000,
    checks: [
      {
        name: "api",
        check: () => {
          if (answer instanceof Error) throw answer;
          return answer;
        },
      },
    ],
  });
  monitor.listen(({ event }) => events.push(event));
  monitor.start();
  await system.advance(1000);
  answer = false;
  await system.advance(1000);
  answer = new Error("refused");
  await system.advance(1000);
  assert.equal(monitor.results()[0]?.inARow, 2);
  answer = true;
  await system.advance(1000);
  assert.deepEqual(events, ["started", "became-unhealthy", "became-healthy"]);
  monitor.remove("api");
  assert.equal(monitor.snapshot().values["checks"], 0);
  await monitor.stop();
});

test("one check too many is refused by name", () => {
  assert.throws(
    () =>
      healthMonitor({
        checksMax: 1,
        checks: [
          { name: "a", check: never },
          { name: "b", check: never },
        ],
      }),
    /checks is 2, but must be at most 1 checks/,
  );
});

test("every kind of verdict has its count, its result and its place in the state", async () => {
  const system = manualSystem();
  const answers: Record<string, () => unknown> = {
    fine: () => after(system, 30),
    no: () => false,
    throws: () => Promise.reject(new Error("refused")),
    deaf: never,
    own: never,
  };
  let rounds = 0;
  const monitor = healthMonitor({
    system,
    intervalMs: 1000,
    outstandingMax: 2,
    checks: Object.entries(answers).map(([name, check]) => ({
      name,
      check,
      ...(name === "own" ? { timeoutMs: 100 } : {}),
    })),
    onRound: () => {
      rounds += 1;
      throw new Error("listener's trouble");
    },
  });
  const told: string[] = [];
  monitor.listen(({ event, level, detail }) =>
    told.push(`${event}:${level} ${Object.values(detail).join(" ")}`.trim()),
  );
  assert.deepEqual(monitor.results(), [], "nobody was asked yet");
  monitor.start();
  monitor.start();
  await system.advance(50);
  assert.equal(monitor.snapshot().values["outstanding"], 2);
  await system.advance(800);
  const byName = (): Record<string, string> =>
    Object.fromEntries(
      monitor
        .results()
        .map(({ check, status, durationMs, inARow, error }) => [
          check,
          `${status} ${durationMs} ${inARow} ${error instanceof Error ? error.name : ""}`.trim(),
        ]),
    );
  assert.deepEqual(byName(), {
    fine: "healthy 30 1",
    no: "unhealthy 0 1",
    throws: "unhealthy 0 1 Error",
    deaf: "timed-out 800 1 TimeoutError",
    own: "timed-out 100 1 TimeoutError",
  });
  assert.equal(monitor.results().find(({ check }) => check === "own")?.at, 100);
  assert.deepEqual(told, [
    "started:info 5",
    "became-unhealthy:trip no unhealthy",
    "became-unhealthy:trip throws unhealthy",
    "became-unhealthy:trip own timed-out",
    "became-unhealthy:trip deaf timed-out",
  ]);
  await system.advance(2000);
  assert.deepEqual([byName()["deaf"], byName()["own"], byName()["fine"]], ["stuck 0 3", "stuck 0 3", "healthy 30 3"]);
  assert.equal(rounds, 3);
  const { state, values, counts } = monitor.snapshot();
  assert.equal(state, "unhealthy");
  assert.deepEqual(values, { checks: 5, unhealthy: 4, outstanding: 4, roundLastMs: 30, roundMs: 800 });
  assert.deepEqual(counts, { rounds: 3, healthy: 3, unhealthy: 6, timedOut: 4, stuck: 2, blocked: 0, trips: 4 });
  await monitor.stop();
  await monitor.stop();
  assert.deepEqual(told.slice(5), ["stopped:info"]);
});

test("a check may be replaced, removed and asked for at once while the monitor runs", async () => {
  const system = manualSystem();
  const monitor = healthMonitor({ system, intervalMs: 1000, checksMax: 1, checks: [{ name: "db", check: never }] });
  const told: string[] = [];
  monitor.listen(({ event, detail }) => told.push(`${event} ${detail["check"] ?? ""}`.trim()));
  monitor.start();
  await system.advance(800);
  monitor.add({ name: "db", check: () => true });
  assert.deepEqual(monitor.results(), [], "what is new was not examined yet");
  assert.throws(() => monitor.add({ name: "api", check: never }), /at most 1 checks/);
  assert.throws(() => monitor.add({ name: "db", check: never, timeoutMs: -1 }), /db.timeoutMs is -1/);
  monitor.controls?.["check"]?.();
  await system.advance(0);
  assert.deepEqual(
    monitor.results().map(({ status, at }) => `${status} ${at}`),
    ["healthy 800"],
  );
  monitor.remove("api");
  monitor.remove("db");
  assert.deepEqual(told, ["started", "became-unhealthy db", "removed db"]);
  assert.equal(monitor.snapshot().state, "ok");
  await monitor.stop();
});

test("a stop in the middle of a round gives no verdicts and counts no round", async () => {
  const system = manualSystem();
  const rounds: unknown[] = [];
  const monitor = healthMonitor({
    system,
    checks: [{ name: "db", check: (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve)) }],
    onRound: (results) => rounds.push(results),
  });
  monitor.start();
  await system.advance(100);
  await monitor.stop();
  await system.advance(0);
  assert.deepEqual([rounds, monitor.results(), monitor.snapshot().counts["rounds"]], [[], [], 0]);
  assert.equal(monitor.snapshot().values["outstanding"], 0);
  assert.equal(system.pending, 0);
});
