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
