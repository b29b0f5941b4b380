import assert from "node:assert/strict";
import { test } from "node:test";
import { forecastOf, growthTowards, type TargetSpec } from "@prunella/core";
import { normal, randomOf, spec, stage, type Values } from "./stage.ts";

/** Feeds a course once a second and says which kinds began, and when the first of them did, in seconds. */
function check(
  values: (second: number, random: () => number) => Values,
  seconds: number,
  expected: readonly string[],
  of: Partial<TargetSpec> = {},
  stepMs = 1_000,
) {
  const random = randomOf(3);
  const on = stage({
    targets: [spec("api", { kind: "service", startupMs: 1_000, ...of })],
    detection: { anomalies: false },
  });
  const startedAt = on.now();
  const at: Record<string, number> = {};
  on.pass(
    seconds,
    (now, second) => {
      on.send({ type: "process", target: "api", at: now, running: true, pid: 1, startedAt });
      on.send({ type: "sample", target: "api", at: now, values: values(second, random) });
      for (const finding of on.began) at[`${finding.kind} ${finding.distinguisher}`.trim()] ??= second;
    },
    stepMs,
  );
  assert.deepEqual(
    [...new Set(on.began.map((finding) => `${finding.kind} ${finding.distinguisher}`.trim()))],
    expected,
  );
  return { on, at };
}

const limit = { memoryBytesMax: 3e8 };

test("a quick leak is a memory leak within seconds, and ripe before its limit", () => {
  const leak = (second: number): Values => ({ rssBytes: 6e7 + (second < 20 ? 0 : (second - 20) * 1.2e7) });
  const { on } = check(leak, 38, ["memory-leak"], limit);
  const [finding] = on.findings();
  assert.equal(finding?.ripe, true);
  assert.ok(leak(37)["rssBytes"]! < 3e8);
});

test("a leak over hours is seen hours ahead, and ripe only when its limit is near", () => {
  // An hour of 100 MB, then 40 MB more an hour: the limit of 300 MB is met after six hours.
  const leak = (second: number, random: () => number): Values => ({
    rssBytes: 1e8 + Math.max(0, second / 3_600 - 1) * 4e7 + 3e5 * normal(random),
  });
  const { on, at } = check(leak, 4.5 * 3_600, ["exhaustion memory", "memory-leak"], limit, 5_000);
  assert.ok((at["memory-leak"] ?? Infinity) < 4.2 * 3_600, `seen after ${at["memory-leak"]} s`);
  const finding = on.findings().find((each) => each.kind === "memory-leak");
  assert.equal(finding?.ripe, false, "an hour and a half away is no reason to act");
  const forecast = forecastOf(on.views.get("api")!, "memory");
  const leftMs = ((3e8 - leak(4.5 * 3_600, () => 0.25)["rssBytes"]!) / 4e7) * 3_600_000;
  assert.ok(
    Math.abs((forecast?.untilLimitMs ?? 0) - leftMs) < 0.15 * leftMs,
    `${forecast?.untilLimitMs} against ${leftMs}`,
  );
});

test("memory that saws, steps or levels off is not forecast to run out", () => {
  const quiet = (course: (second: number) => number): void => {
    check((second, random) => ({ rssBytes: course(second) + 3e5 * normal(random) }), 7_200, [], limit, 5_000);
  };
  quiet((second) => 8e7 + (second % 300) * 2e5);
  quiet((second) => (second < 3_600 ? 8e7 : 1.6e8));
  quiet((second) => 1.8e8 - 1e8 * Math.exp(-second / 1_500));
  quiet(() => 2.4e8);
});

test("a disk that fills is forecast against nothing free, and a metric with a Max of its own against that", () => {
  const filling = (second: number, random: () => number): Values => ({
    diskFreeBytes: 5e10 - Math.max(0, second - 3_600) * 5e6 + 1e6 * normal(random),
    connections: 40 + Math.max(0, second - 3_600) * 0.03 + 0.3 * normal(random),
    connectionsMax: 200,
  });
  const { on } = check(filling, 3.2 * 3_600, ["exhaustion connections", "exhaustion disk"], {}, 5_000);
  const disk = on.findings().find((each) => each.distinguisher === "disk");
  assert.match(disk?.summary ?? "", /^disk of api will be used up in \d/);
  assert.equal(disk?.severity, "low");
});

test("an error budget that is being spent is forecast to its end", () => {
  const on = stage({
    detection: {
      anomalies: false,
      rules: [
        {
          name: "availability",
          target: "api",
          metric: "errorsPerSecond",
          kind: "rule",
          severity: "medium",
          how: { type: "burn-rate", of: "requestsPerSecond", objective: 0.99, periodMs: 86_400_000 },
        },
      ],
    },
  });
  const random = randomOf(8);
  on.pass(
    6 * 3_600,
    (at, second) =>
      on.send({
        type: "sample",
        target: "api",
        at,
        values: { requestsPerSecond: 50, errorsPerSecond: second < 7_200 ? 0.1 : 1.2 + 0.2 * random() },
      }),
    5_000,
  );
  assert.ok(
    on.began.some((each) => each.kind === "exhaustion" && each.distinguisher === "error budget of availability"),
    on.began.map((each) => each.summary).join("\n"),
  );
});

test("growth is a pure function of points and limit: too little, too uneven or too far is none", () => {
  const points = (value: (at: number) => number, seconds = 40) =>
    Array.from({ length: seconds }, (_, at) => ({ at: at * 1_000, value: value(at) }));
  const found = growthTowards(
    points((at) => 100 + at),
    200,
  );
  assert.ok(found !== null && Math.abs(found.perSecond - 1) < 0.05 && Math.abs(found.untilLimitMs - 61_000) < 3_000);
  assert.equal(
    growthTowards(
      points((at) => 100 + at),
      undefined,
    ),
    null,
  );
  assert.equal(
    growthTowards(
      points((at) => 100 + 0.1 * at),
      200,
    ),
    null,
    "a tenth of the limit at least",
  );
  assert.equal(
    growthTowards(
      points((at) => 100 + 30 * Math.sin(at)),
      200,
    ),
    null,
  );
  assert.equal(
    growthTowards(
      points((at) => 100 + at, 8),
      200,
    ),
    null,
    "six slices at least",
  );
});

test("what the patient look has seen survives a restart", () => {
  const target = spec("api", { kind: "service", startupMs: 1_000, ...limit });
  const leak = (second: number, random: () => number): Values => ({
    rssBytes: 1e8 + Math.max(0, second / 3_600 - 1) * 6e7 + 3e5 * normal(random),
  });
  const random = randomOf(2);
  const first = stage({ targets: [target], detection: { anomalies: false } });
  const startedAt = first.now();
  const run = (on: ReturnType<typeof stage>, from: number) => (at: number, second: number) => {
    on.send({ type: "process", target: "api", at, running: true, pid: 1, startedAt });
    on.send({ type: "sample", target: "api", at, values: leak(from + second, random) });
  };
  first.pass(3.2 * 3_600, run(first, 0), 5_000);
  const second = stage({ targets: [target], detection: { anomalies: false }, saved: first.saved(), at: first.now() });
  second.pass(120, run(second, 3.2 * 3_600), 5_000);
  assert.deepEqual(
    second
      .findings()
      .map((each) => each.kind)
      .sort(),
    first
      .findings()
      .map((each) => each.kind)
      .sort(),
  );
  assert.ok(second.findings().length > 0);
});
