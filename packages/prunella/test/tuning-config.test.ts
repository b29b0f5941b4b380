import assert from "node:assert/strict";
import { test } from "node:test";
import { compile, describeProblems } from "../src/config/compile.ts";

function planOf(service: string) {
  const compiled = compile(`services:\n  worker:\n    command: node worker.js\n${service}`, "/tmp/prunella.yaml");
  assert.ok(compiled.ok, compiled.ok ? "" : describeProblems(compiled.problems, "prunella.yaml"));
  return compiled.plan;
}

test("bounds alone let a remedy scale; with a measure the number follows the load", () => {
  assert.deepEqual(planOf("    scale: { min: 1, max: 4 }\n").scaling, []);
  assert.deepEqual(planOf("    scale: { min: 1, max: 4, by: queue jobs, target: 100, down: 2m }\n").scaling, [
    {
      service: "worker",
      min: 1,
      max: 4,
      metric: "queue jobs",
      target: 100,
      upAfterMs: 15_000,
      downAfterMs: 120_000,
      coolDownMs: 60_000,
    },
  ]);
});

test("a knob becomes a rule for each instance", () => {
  const knob = "guard: db, control: set-max, min: 1, max: 20, step: 2, start: 5, metric: latencyMsP95";
  const { tuning = [] } = planOf(`    instances: 2\n    tune: { pool: { ${knob} } }\n`);
  assert.deepEqual(
    tuning.map(({ name, target, set }) => [name, target, set]),
    ["worker/0", "worker/1"].map((target) => [`${target} pool`, target, { guard: "db", control: "set-max" }]),
  );
});

test("a knob that could never move, or starts out of bounds, is refused with its line", () => {
  const source = `services:
  worker:
    command: node worker.js
    tune:
      pool: { min: 5, max: 2, step: 9, start: 1, metric: "", goal: up }
`;
  const compiled = compile(source, "/tmp/prunella.yaml");
  assert.ok(!compiled.ok);
  assert.deepEqual(new Set(compiled.problems.map(({ line }) => line)), new Set([5]));
  const said = compiled.problems.map(({ field, rule }) => `${field} ${rule}`).join("\n");
  for (const part of [
    /starts outside its bounds/,
    /fits not once/,
    /how its value is set/,
    /metric is missing/,
    /neither lower/,
  ])
    assert.match(said, part);
});

test("resources become shares of the machine, and rules where they may follow the need", () => {
  const fixed = planOf("    resources: { cpu: 50, memory: { high: 80MB, max: 100MB } }\n");
  assert.deepEqual(fixed.services[0]?.resources, {
    cpu: 50,
    cpuMost: 50,
    memoryHigh: 80_000_000,
    memoryMax: 100_000_000,
    memoryMost: 100_000_000,
  });
  assert.deepEqual(fixed.shares, []);
  assert.equal(fixed.targets[0]?.memoryBytesMax, 100_000_000, "a leak is recycled before the kernel kills for it");
  const { services, shares = [] } = planOf(
    "    resources: { cpu: 50, memory: { max: 100MB, most: 300MB }, share: auto }\n",
  );
  assert.equal(services[0]?.resources?.cpuMost, 400);
  assert.deepEqual(
    shares.map(({ resource, base, most, metric, target }) => [resource, base, most, metric, target]),
    [
      ["cpu", 50, 400, "cpuWaitShare", 0.2],
      ["memory", 100_000_000, 300_000_000, "memoryUsedShare", 0.9],
    ],
  );
  const [own] = planOf("    resources: { share: { by: latencyMsP95, target: 200, most: 300, up: 5s } }\n").shares ?? [];
  assert.deepEqual([own?.metric, own?.target, own?.most, own?.upAfterMs], ["latencyMsP95", 200, 300, 5_000]);
});

test("shares that contradict themselves are refused with their field", () => {
  for (const [resources, expected] of [
    ["{ cpu: 0 }", /cpu must be a whole number from 1/],
    ["{ memory: { high: 2GB, max: 1GB } }", /memory\.high is above max/],
    ["{ memory: { most: 1GB } }", /memory\.most has no max/],
    ["{ memory: { max: 1GB, most: 500MB } }", /memory\.most is below max/],
    ["{ share: always }", /share is neither auto nor a mapping/],
    ["{ share: { by: latencyMsP95 } }", /share says no target for latencyMsP95/],
    ["{ cpu: 200, share: { most: 100 } }", /share\.most is below the weight itself/],
    ["{ cpus: 2 }", /cpus is not a known setting/],
  ] as const) {
    const compiled = compile(
      `services:\n  a:\n    command: node a.js\n    resources: ${resources}\n`,
      "/tmp/prunella.yaml",
    );
    assert.ok(!compiled.ok, resources);
    assert.match(compiled.problems.map(({ field, rule }) => `${field} ${rule}`).join("\n"), expected);
  }
});
