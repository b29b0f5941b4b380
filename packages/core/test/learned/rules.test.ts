import assert from "node:assert/strict";
import { test } from "node:test";
import type { DetectRule, RuleHow } from "@prunella/core";
import { spec, stage, type Values } from "./stage.ts";

/** Feeds one value a second and says at which seconds the rule fires, as "from-to" stretches. */
function check(how: RuleHow, values: (second: number) => Values, seconds: number, expected: string): void {
  const on = stage({ detection: { rules: [rule(how)] } });
  const fires: number[] = [];
  on.pass(seconds, (at, second) => {
    const given = values(second);
    if (Object.keys(given).length > 0) on.send({ type: "sample", target: "api", at, values: given });
    if (on.findings().some((finding) => finding.kind === "rule")) fires.push(second);
  });
  assert.equal(stretches(fires), expected);
}

function rule(how: RuleHow, of: Partial<DetectRule> = {}): DetectRule {
  return { name: "mine", target: "api", metric: "m", kind: "rule", severity: "medium", how, ...of };
}

function stretches(seconds: readonly number[]): string {
  const found: string[] = [];
  for (let at = 0; at < seconds.length; at += 1) {
    const from = seconds[at]!;
    while (seconds[at + 1] === seconds[at]! + 1) at += 1;
    found.push(`${from}-${seconds[at]}`);
  }
  return found.join(" ");
}

const held = { forMs: 0, clearForMs: 0 };

test("a threshold fires after its time, and clears only behind the other level", () => {
  const course = (second: number): Values => ({ m: second < 20 ? 50 : second < 40 ? 120 : second < 60 ? 95 : 80 });
  check({ type: "threshold", above: 100, clearAbove: 90, forMs: 5_000, clearForMs: 0 }, course, 80, "25-59");
});

test("a rate of change fires while the value moves faster than allowed", () => {
  const course = (second: number): Values => ({ m: second < 30 ? 0 : (second - 30) * 10 });
  check({ type: "change-rate", windowMs: 5_000, measure: "per-second", above: 8, ...held }, course, 60, "35-59");
});

test("a metric that stops coming is absent after its time, and back at once", () => {
  check({ type: "absence", afterMs: 10_000 }, (second) => (second < 20 || second > 40 ? { m: 1 } : {}), 60, "30-40");
});

test("a ratio of two rates fires on enough events only", () => {
  const course = (second: number): Values => ({ m: second < 30 ? 0 : 4, all: 10 });
  check({ type: "ratio", of: "all", windowMs: 10_000, above: 0.2, totalMin: 20, ...held }, course, 60, "35-59");
  check(
    { type: "ratio", of: "all", windowMs: 10_000, above: 0.2, totalMin: 20, ...held },
    (second) => ({ m: second < 30 ? 0 : 0.5, all: 1 }),
    60,
    "",
  );
});

test("a quantile of a window fires on many slow values, not on one", () => {
  const how = { type: "quantile", share: 0.9, windowMs: 60_000, above: 100, ...held } as const;
  check(how, (second) => ({ m: second === 50 ? 5_000 : 20 }), 120, "");
  check(how, (second) => ({ m: second >= 60 ? 500 : 20 }), 120, "64-119");
});

test("a burn rate fires while an error budget is spent too fast, and not on a single failure", () => {
  const how = { type: "burn-rate", of: "all", objective: 0.999, periodMs: 30 * 86_400_000 } as const;
  check(how, (second) => ({ m: second === 100 ? 1 : 0, all: 100 }), 200, "");
  const on = stage({ detection: { rules: [rule(how)] } });
  on.pass(300, (at, second) =>
    on.send({ type: "sample", target: "api", at, values: { m: second > 100 ? 50 : 0, all: 100 } }),
  );
  assert.match(on.findings()[0]?.summary ?? "", /the error budget is spent .* times too fast/);
});

test("one of a group unlike its siblings fires a rule on peers, on its own target", () => {
  const how = { type: "peers", deviations: 5, side: "above", forMs: 20_000, clearForMs: 0 } as const;
  const targets = ["api/0", "api/1", "api/2", "api/3"].map((key) => spec(key));
  const on = stage({ targets, detection: { rules: [rule(how)] } });
  on.pass(60, (at) =>
    targets.forEach(({ key }, index) =>
      on.send({ type: "sample", target: key, at, values: { m: index === 2 ? 90 : 10 + index } }),
    ),
  );
  assert.deepEqual(
    on.findings("api/2").map((finding) => finding.kind),
    ["rule"],
  );
  assert.deepEqual(on.findings("api/1"), []);
});

test("groups of three and more are compared without a rule: who is unlike for two minutes is a low finding", () => {
  const targets = ["api/0", "api/1", "api/2"].map((key) => spec(key, { kind: "service" }));
  const on = stage({ targets });
  const run = (odd: number, seconds: number): void =>
    on.pass(seconds, (at) =>
      targets.forEach(({ key }, index) => {
        on.send({ type: "process", target: key, at, running: true, pid: 1, startedAt: at - 600_000 });
        on.send({ type: "sample", target: key, at, values: { rssBytes: index === odd ? 4e8 : 1e8, cpuShare: 0.2 } });
      }),
    );
  run(-1, 120);
  run(1, 90);
  assert.equal(on.began.length, 0, "not before it has lasted");
  run(1, 120);
  assert.deepEqual(
    on.began.map(
      (finding) => `${finding.target} ${finding.kind} ${finding.distinguisher} ${finding.severity} ${finding.ripe}`,
    ),
    ["api/1 peer-outlier rssBytes low false"],
  );
  assert.match(on.began[0]!.summary, /rssBytes of api\/1 is 4\d*, its siblings are around 1\d*/);
});

test("two instances are no group: neither is unlike the other", () => {
  const targets = ["api/0", "api/1"].map((key) => spec(key, { kind: "service" }));
  const on = stage({ targets });
  on.pass(300, (at) =>
    targets.forEach(({ key }, index) => {
      on.send({ type: "process", target: key, at, running: true, pid: 1, startedAt: at - 600_000 });
      on.send({ type: "sample", target: key, at, values: { rssBytes: index === 0 ? 4e8 : 1e8 } });
    }),
  );
  assert.deepEqual(on.began, []);
});

test("a rule's state survives a restart: what was pending goes on, and a firing burn rate still fires", () => {
  const how = { type: "threshold", above: 100, forMs: 60_000, clearForMs: 0 } as const;
  const first = stage({ detection: { rules: [rule(how)] } });
  const hot = (on: ReturnType<typeof stage>) => (at: number) =>
    on.send({ type: "sample", target: "api", at, values: { m: 120 } });
  first.pass(50, hot(first));
  assert.deepEqual(first.findings(), []);
  const second = stage({ detection: { rules: [rule(how)] }, saved: first.saved(), at: first.now() });
  second.pass(12, hot(second));
  assert.deepEqual(
    second.findings().map((finding) => finding.kind),
    ["rule"],
  );
});

test("a rule with a kind of its own speaks of the target, so that a remedy can be judged by it", () => {
  const how = { type: "threshold", above: 1, ...held } as const;
  const on = stage({ detection: { rules: [rule(how, { kind: "too-slow", severity: "critical" })] } });
  on.pass(3, (at) => on.send({ type: "sample", target: "api", at, values: { m: 5 } }));
  const [finding] = on.findings();
  assert.deepEqual([finding?.kind, finding?.ripe, finding?.severity], ["too-slow", true, "critical"]);
  assert.equal(on.views.get("api")?.healthySince, null);
});
