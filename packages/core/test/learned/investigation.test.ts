import assert from "node:assert/strict";
import { test } from "node:test";
import { causeOf, changeEvidence, movesOf, type LearnedEdges, type Point, type TargetSpec } from "@prunella/core";
import { sampleIncident } from "@prunella/core/suites";
import { world } from "../harness.ts";
import { normal, randomOf, spec, stage, startAt, type Values } from "./stage.ts";

function points(value: (second: number) => number, seconds = 600): Point[] {
  return Array.from({ length: seconds }, (_, at) => ({ at: startAt + at * 1_000, value: value(at) }));
}

/** Which moves are told, as "metric direction second", strongest first. */
function check(series: Readonly<Record<string, (second: number) => number>>, expected: string): void {
  const given = Object.fromEntries(Object.entries(series).map(([metric, value]) => [metric, points(value)]));
  const moves = movesOf(given, startAt, startAt + 600_000);
  assert.equal(
    moves
      .map(
        (move) =>
          `${move.metric} ${move.after > move.before ? "rose" : "fell"} ${Math.round((move.at - startAt) / 10_000) * 10}`,
      )
      .sort()
      .join(", "),
    expected,
  );
}

test("the moment at which a metric moved for good is found, one per family; noise and trifles are not told", () => {
  const random = randomOf(1);
  const noise = (level: number) => level + 0.05 * level * normal(random);
  check(
    { latencyMsP95: (second) => noise(second < 400 ? 20 : 90), cpuShare: () => noise(0.2) },
    "latencyMsP95 rose 400",
  );
  check(
    {
      latencyMsP95: (second) => noise(second < 400 ? 20 : 90),
      lagMsP99: (second) => noise(second < 400 ? 2 : 9),
      requestsPerSecond: (second) => noise(second < 450 ? 80 : 8),
    },
    "latencyMsP95 rose 400, requestsPerSecond fell 450",
  );
  check({ rssBytes: (second) => noise(second < 300 ? 1e8 : 1.08e8) }, "");
  check({ cpuShare: () => 0.1 }, "");
});

test("a move is told with the change that went before it, and without one that came later or long before", () => {
  const moves = [{ metric: "latencyMsP95", at: startAt + 430_000, before: 20, after: 90, strength: 3 }];
  const deploy = (at: number) => ({ at: startAt + at, what: "deploy", summary: "1f3a" });
  const [evidence] = changeEvidence(moves, [deploy(100_000), deploy(310_000), deploy(500_000)]);
  const clock = new Date(startAt + 430_000).toISOString().slice(11, 19);
  assert.equal(evidence?.summary, `latencyMsP95 rose from 20 to 90 at ${clock}, 2 min after deploy 1f3a`);
  assert.equal(evidence?.what, "change");
  assert.equal(changeEvidence(moves, [deploy(500_000)])[0]?.summary, `latencyMsP95 rose from 20 to 90 at ${clock}`);
  assert.doesNotMatch(changeEvidence(moves, [{ ...deploy(0), at: startAt - 900_000 }])[0]?.summary ?? "", /after/);
});

const chain: readonly TargetSpec[] = [
  spec("web", { addresses: ["127.0.0.1:1"], dependsOn: ["api"] }),
  spec("api", { addresses: ["127.0.0.1:2"] }),
  spec("stock", { addresses: ["127.0.0.1:3"] }),
];

function calls(on: ReturnType<typeof stage>, from: string, port: number, count = 5): void {
  for (let at = 0; at < count; at += 1)
    on.send({
      type: "outgoing",
      target: from,
      at: on.now() + at,
      address: `localhost:${port}`,
      count: 3,
      errors: 0,
      lastError: null,
    });
}

test("who calls whom is learned from outgoing calls, after a few of them, and survives a restart", () => {
  const on = stage({ targets: chain });
  calls(on, "api", 3, 2);
  on.pass(20);
  assert.deepEqual([...on.learner.edges(on.now())], []);
  calls(on, "api", 3);
  on.pass(20);
  const edges = (from: ReturnType<typeof stage>): string =>
    [...from.learner.edges(from.now())].map(([key, needs]) => `${key} -> ${[...needs].join()}`).join("; ");
  assert.equal(edges(on), "api -> stock");
  assert.equal(edges(stage({ targets: chain, saved: on.saved(), at: on.now() })), "api -> stock");
});

test("learned edges that close a circle are left out, so that no two targets wait for each other", () => {
  const on = stage({ targets: chain });
  calls(on, "api", 3);
  calls(on, "stock", 1);
  on.pass(20);
  assert.deepEqual([...on.learner.edges(on.now())], []);
});

test("cause suppresses effect along learned edges too", () => {
  const targets = new Map(chain.map((target) => [target.key, target]));
  const learned: LearnedEdges = new Map([["api", new Set(["stock"])]]);
  const crash = sampleIncident("INC-1", { target: "stock", kind: "crash" });
  const effect = sampleIncident("INC-2", { target: "web", kind: "unhealthy" });
  assert.equal(causeOf(effect, [crash, effect], targets), null);
  assert.equal(causeOf(effect, [crash, effect], targets, learned)?.id, "INC-1");
});

test("the likeliest cause is the callee whose own slowness nobody below it accounts for, with the change before it", () => {
  const random = randomOf(6);
  const on = stage({ targets: chain, detection: { anomalies: false } });
  const values = (latency: number, load = 50): Values => ({
    latencyMsP95: latency * Math.exp(0.1 * normal(random)),
    requestsPerSecond: load + normal(random),
    errorsPerSecond: 0,
    cpuShare: 0.2 + 0.01 * normal(random),
  });
  const run = (seconds: number, slow: boolean): void =>
    on.pass(seconds, (at) => {
      on.send({ type: "sample", target: "web", at, values: values(slow ? 480 : 40) });
      on.send({ type: "sample", target: "api", at, values: values(slow ? 450 : 25) });
      on.send({ type: "sample", target: "stock", at, values: values(slow ? 430 : 8) });
    });
  calls(on, "api", 3);
  run(600, false);
  on.send({ id: "c1", type: "change", target: "stock", at: on.now(), what: "deploy", summary: "1f3a" });
  run(60, true);
  const evidence = on.learner.evidence({ target: "web", beganAt: on.now() - 50_000, detectedAt: on.now() }, on.views);
  const cause = evidence.find((each) => each.what === "dependency");
  assert.match(cause?.summary ?? "", /^likely cause: stock \(.*(times the usual|deploy: 1f3a)/);
});

test("when nothing stands out the ranking says that the evidence is thin", () => {
  const random = randomOf(6);
  const on = stage({ targets: chain, detection: { anomalies: false } });
  on.pass(700, (at) => {
    for (const { key } of chain)
      on.send({
        type: "sample",
        target: key,
        at,
        values: { latencyMsP95: 20 + normal(random), requestsPerSecond: 50 },
      });
  });
  const evidence = on.learner.evidence({ target: "web", beganAt: on.now(), detectedAt: on.now() }, on.views);
  assert.match(
    evidence.find((each) => each.what === "dependency")?.summary ?? "",
    /no likely cause among web, api: the evidence is thin/,
  );
});

test("an incident is diagnosed with what moved around it and the change before it", async () => {
  const on = await world({ targets: [{ key: "api", checks: [] }] });
  const random = randomOf(2);
  const now = (): number => 1_700_000_000_000 + on.system.now();
  const run = async (seconds: number, latency: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      void on.engine.ingest([
        {
          type: "sample",
          target: "api",
          // The world sends samples of its own on the second.
          at: now() + 3,
          values: { latencyMsP95: latency * Math.exp(0.1 * normal(random)) },
        },
      ]);
      await on.advance(1_000);
    }
  };
  await run(300, 20);
  void on.engine.ingest([{ id: "c1", type: "change", target: "api", at: now(), what: "deploy", summary: "1f3a" }]);
  await run(90, 300);
  await on.run("0s crash api");
  await on.advance(3_000);
  const incident = [...on.disk.incidents.values()].find((each) => each.kind === "crash");
  const moved = incident?.evidence.find((each) => each.what === "change" && each.summary.startsWith("latency"));
  assert.match(moved?.summary ?? "", /^latencyMsP95 rose from \d+.* to \d+.* at \d\d:\d\d:\d\d, .* after deploy 1f3a$/);
  await on.stop();
});

test("what the engine learned is in its store after a stop, and there when it starts again", async () => {
  const on = await world({ targets: [{ key: "api", checks: [] }] });
  await on.advance(60_000);
  on.engine.lines("api", [
    { at: 1_700_000_000_000 + on.system.now(), stream: "out", text: "request GET /a/1 200 in 3 ms" },
  ]);
  await on.advance(2_000);
  const template = on.engine.learned.templates("api", 0)[0];
  await on.stop();
  assert.ok(on.disk.learned.has("metric api rssBytes"), [...on.disk.learned.keys()].join());
  const again = await world({ targets: [{ key: "api", checks: [] }], disk: on.disk });
  again.engine.lines("api", [
    { at: 1_700_000_000_000 + again.system.now(), stream: "out", text: "request GET /a/2 200 in 9 ms" },
  ]);
  await again.advance(2_000);
  const after = again.engine.learned.templates("api", 0)[0];
  assert.deepEqual([after?.id, after?.count], [template?.id, 2]);
  await again.stop();
});

test("more log lines than can be analysed are shed, the oldest first, and counted", async () => {
  const on = await world();
  on.engine.lines(
    "api",
    Array.from({ length: 21_000 }, (_, at) => ({ at, stream: "out" as const, text: `line ${at}` })),
  );
  assert.equal(on.engine.health().linesShed, 1_000);
  assert.equal(on.engine.health().linesWaiting, 20_000);
  await on.advance(3_000);
  assert.equal(on.engine.health().linesWaiting, 0);
  await on.stop();
});
