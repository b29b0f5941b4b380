import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, type Finding } from "@prunella/core";
import { sampleIncident, sampleRepair } from "@prunella/core/suites";
import { check, normal, randomOf, spec, stage, startAt, type Random, type Values } from "./stage.ts";

const busy = (random: Random): Values => ({
  latencyMsP95: 40 * Math.exp(0.3 * normal(random)),
  requestsPerSecond: 80 + 8 * normal(random),
  cpuShare: 0.2 + 0.02 * normal(random),
  rssBytes: 9e7 + 1e6 * normal(random),
  errorsPerSecond: random() < 0.02 ? 1 : 0,
});

test("ordinary values say nothing", () => {
  check(busy, busy, "");
});

test("one family of metrics far from its past is a low finding that explains itself", () => {
  const on = check(busy, (random) => ({ ...busy(random), rssBytes: 2.2e8 }), "anomaly low");
  const finding = on.began.at(-1)!;
  assert.match(finding.summary, /^rssBytes of api is unusual: \d+ where \d+ to \d+ is usual$/);
  assert.match(finding.evidence[0]!.summary, /rssBytes: \d+ is above the recent range .*never seen before/);
});

test("what users feel, corroborated by a second family, is medium and no more", () => {
  const worse = (random: Random): Values => ({
    ...busy(random),
    latencyMsP95: 900,
    errorsPerSecond: 30,
    cpuShare: 0.99,
    rssBytes: 3e8,
  });
  const on = check(busy, worse, "anomaly medium");
  assert.equal(new Set(on.began.map((finding) => finding.distinguisher)).size, 1, "folded into one");
});

test("an anomaly is never ripe for repair, and neither breaks the healthy stretch nor fails a verification", () => {
  const on = check(busy, (random) => ({ ...busy(random), cpuShare: 0.9, latencyMsP95: 700 }), "anomaly medium");
  const finding = on.began.at(-1)!;
  assert.equal(finding.ripe, false);
  const view = on.views.get("api")!;
  assert.notEqual(view.healthySince, null);
  const incident = sampleIncident("INC-1", { kind: "anomaly", ripe: true, firing: true });
  const repair = sampleRepair("REP-1", {
    startedAt: on.now() - 60_000,
    state: { name: "verifying", since: on.now() - 60_000, deadlineAt: on.now() + 60_000 },
  });
  assert.equal(judge(repair, view, [incident], on.now()).verdict, "verified");
});

test("a counter that goes on counting, and one that starts again, are ordinary", () => {
  let total = 0;
  const counts = (random: Random): Values => ({ handled: (total += 20 + Math.floor(5 * random())) });
  check(counts, counts, "");
  total = 0;
  check(
    counts,
    (random) => {
      if (total > 60_000) total = 0;
      return counts(random);
    },
    "",
  );
});

test("nothing is told before a series was watched for its learning time, and what a start looks like is not learned", () => {
  const random = randomOf(3);
  const on = stage({ targets: [spec("api", { kind: "service", startupMs: 5_000 })] });
  const run = (pid: number, startedAt: number, values: (second: number) => Values) => (at: number, second: number) => {
    on.send({ type: "process", target: "api", at, running: true, pid, startedAt });
    on.send({ type: "sample", target: "api", at, values: values(second) });
  };
  on.pass(
    600,
    run(1, startAt, (second) => ({ ...busy(random), ...(second > 550 ? { cpuShare: 1 } : {}) })),
  );
  assert.equal(on.began.length, 0, "ten minutes are less than the fifteen it learns");
  on.pass(
    3_600,
    run(1, startAt, () => busy(random)),
  );
  const restartedAt = on.now();
  // The start: half a minute of full processor and little memory, as after a deploy.
  on.pass(
    50,
    run(2, restartedAt, () => ({ ...busy(random), cpuShare: 1, rssBytes: 3e7, latencyMsP95: 900 })),
  );
  on.pass(
    600,
    run(2, restartedAt, () => busy(random)),
  );
  assert.deepEqual(
    on.began.map((finding) => finding.summary),
    [],
  );
});

test("what was learned survives a restart: no second learning time, and the same alarm", () => {
  const random = randomOf(5);
  const first = stage();
  first.pass(3_600, (at) => first.send({ type: "sample", target: "api", at, values: busy(random) }), 2_000);
  const second = stage({ saved: first.saved(), at: first.now() });
  const worse = (at: number): void =>
    second.send({ type: "sample", target: "api", at, values: { ...busy(random), latencyMsP95: 2_000 } });
  second.pass(60, worse, 2_000);
  assert.deepEqual(kinds(second.began), ["anomaly"]);
  const third = stage({ at: first.now() });
  third.pass(
    60,
    (at) => third.send({ type: "sample", target: "api", at, values: { ...busy(random), latencyMsP95: 2_000 } }),
    2_000,
  );
  assert.deepEqual(kinds(third.began), [], "without what was learned it has to learn first");
});

test("a saved state of an unknown form is let go, and learning begins anew", () => {
  const on = stage({ saved: [{ id: "metric api cpuShare", at: 1, state: { firstAt: 1, detector: { version: 99 } } }] });
  on.pass(60, (at) => on.send({ type: "sample", target: "api", at, values: { cpuShare: 0.1 } }));
  assert.equal(on.learner.read.counters()["seriesLearned"], 1);
});

test("an alarm ends when values are ordinary again, and a lasting change becomes ordinary after fifteen minutes", () => {
  const random = randomOf(11);
  const on = stage();
  const send = (values: () => Values) => (at: number) =>
    on.send({ type: "sample", target: "api", at, values: values() });
  on.pass(
    3_600,
    send(() => busy(random)),
    2_000,
  );
  on.pass(
    60,
    send(() => ({ ...busy(random), cpuShare: 0.95 })),
    2_000,
  );
  assert.match(on.findings()[0]!.summary, /^cpuShare of api is unusual: 0\.95 where/, "the value at its farthest");
  on.pass(
    180,
    send(() => busy(random)),
    2_000,
  );
  assert.deepEqual(kinds(on.findings()), []);
  on.pass(
    60,
    send(() => ({ ...busy(random), rssBytes: 4e8 })),
    2_000,
  );
  assert.deepEqual(kinds(on.findings()), ["anomaly"]);
  on.pass(
    1_000,
    send(() => ({ ...busy(random), rssBytes: 4e8 })),
    2_000,
  );
  assert.deepEqual(kinds(on.findings()), []);
});

test("a target that is switched off is not learned of; its rules still hold", () => {
  const rule = {
    name: "hot",
    target: "api",
    metric: "cpuShare",
    kind: "rule",
    severity: "low",
    how: { type: "threshold", above: 0.8, forMs: 0, clearForMs: 0 },
  } as const;
  check(busy, (random) => ({ ...busy(random), cpuShare: 0.95 }), "rule low", { off: ["api"], rules: [rule] });
});

test("series beyond the bound are refused and counted, and those before them go on", () => {
  const on = stage();
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`m${at}`, 1]));
  on.pass(3, (at) => on.send({ type: "sample", target: "api", at, values: many }));
  const counters = on.learner.read.counters();
  assert.equal(counters["seriesLearned"], 80);
  assert.ok((counters["seriesRefused"] ?? 0) > 0);
});

test("24 hours of noisy traffic with daily seasons, spikes, deploys and pauses: few findings, all of them low or medium", () => {
  const random = randomOf(2_024);
  const targets = ["web", "api", "stock"].map((key) => spec(key, { kind: "service", startupMs: 5_000 }));
  const on = stage({ targets });
  const state = targets.map(() => ({ pid: 1, startedAt: startAt - 600_000, rss: 8e7, spikeUntil: 0, jobUntil: 0 }));
  const told: Finding[] = on.began;
  on.pass(
    86_400,
    (at) => {
      targets.forEach(({ key }, index) => {
        const one = state[index]!;
        const hour = (at % 86_400_000) / 3_600_000;
        // A working day, a spike of load every few hours, a job each hour, a deploy twice a day, heap growth and collection.
        const season = 1 + 0.6 * Math.sin(((hour - 9) / 24) * 2 * Math.PI);
        if (random() < 5_000 / (4 * 3_600_000)) one.spikeUntil = at + 180_000;
        if (at % 3_600_000 < 5_000) one.jobUntil = at + 60_000;
        if (random() < 5_000 / 43_200_000) Object.assign(one, { pid: one.pid + 1, startedAt: at, rss: 5e7 });
        const load = season * (at < one.spikeUntil ? 3 : 1) * (1 + 0.1 * normal(random));
        one.rss = one.rss > 1.6e8 ? 9e7 : one.rss + 2e4 * load;
        on.send({ type: "process", target: key, at, running: true, pid: one.pid, startedAt: one.startedAt });
        const pause = random() < 0.004 ? 120 * random() : 0;
        on.send({
          type: "sample",
          target: key,
          at,
          values: {
            requestsPerSecond: Math.max(0, 50 * load),
            errorsPerSecond: random() < 0.01 * load ? 1 : 0,
            latencyMsP95: 20 * Math.exp(0.4 * normal(random)) * Math.sqrt(load) + pause,
            lagMsP99: 1 + random() + pause,
            cpuShare: Math.min(1, 0.08 * load + (at < one.jobUntil ? 0.3 : 0) + 0.01 * Math.abs(normal(random))),
            rssBytes: one.rss + 5e5 * normal(random),
            heapUsedBytes: one.rss * 0.6 + 4e6 * random(),
            descriptors: 24 + Math.floor(3 * load),
          },
        });
      });
    },
    5_000,
  );
  const count = told.length;
  console.log(`24 simulated hours, 24 series: ${count} findings (${summary(told)})`);
  assert.ok(
    told.every((finding) => finding.severity !== "critical" && !finding.ripe),
    told.map((finding) => finding.summary).join("\n"),
  );
  assert.ok(
    count <= 24,
    `${count} findings in a day of three targets:\n${told.map((each) => each.summary).join("\n")}`,
  );
});

function kinds(findings: readonly Finding[]): string[] {
  return findings.map((finding) => finding.kind);
}

function summary(findings: readonly Finding[]): string {
  const counts = new Map<string, number>();
  for (const { kind, severity } of findings)
    counts.set(`${kind} ${severity}`, (counts.get(`${kind} ${severity}`) ?? 0) + 1);
  return [...counts].map(([what, number]) => `${number} ${what}`).join(", ");
}
