import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../src/config/compile.ts";
import { dueMsMax, mayBegin } from "../src/game-days.ts";

const at = {
  now: Date.UTC(2024, 0, 2, 3, 30),
  dueAt: Date.UTC(2024, 0, 2, 3, 30),
  incidents: [],
  running: null,
  paused: false,
};
const anyTime = { window: null, timezone: "UTC" };

test("a drill that is due begins when nothing stands against it", () => {
  assert.deepEqual(mayBegin(anyTime, at), { run: true });
});

test("a drill waits while an incident is open, and gives up when it has waited too long", () => {
  const incidents = [{ id: "INC-7", state: "open", drill: false }] as const;
  assert.deepEqual(mayBegin(anyTime, { ...at, incidents }), { run: false, why: "INC-7 is open", again: true });
  const late = { ...at, incidents, now: at.now + dueMsMax };
  assert.deepEqual(mayBegin(anyTime, late), { run: false, why: "INC-7 is open", again: false });
  assert.equal(mayBegin(anyTime, { ...at, incidents: [{ id: "INC-8", state: "open", drill: true }] }).run, true);
  assert.equal(mayBegin(anyTime, { ...at, paused: true }).run, false);
  assert.equal(mayBegin(anyTime, { ...at, running: "DRILL-1" }).run, false);
});

test("outside of its window a drill is skipped, also when the window goes over midnight", () => {
  const within = (fromMinute: number, toMinute: number): boolean =>
    mayBegin({ window: { fromMinute, toMinute }, timezone: "UTC" }, at).run;
  assert.equal(within(180, 240), true);
  assert.equal(within(240, 300), false);
  assert.equal(within(23 * 60, 4 * 60), true);
  assert.equal(within(23 * 60, 3 * 60), false);
  assert.equal(mayBegin({ window: { fromMinute: 240, toMinute: 300 }, timezone: "Europe/Berlin" }, at).run, true);
});

function problemsOf(drills: string): string[] {
  const compiled = compile(`services:\n  a: { command: "true" }\ndrills:\n${drills}\n`, "/tmp/prunella.yaml");
  return compiled.ok ? [] : compiled.problems.map((problem) => `${problem.field} ${problem.rule}`);
}

test("a schedule is read with its window, its remedies and the age at which it proves nothing", () => {
  const text = `services:\n  a: { command: "true" }\ndrills:\n  - { run: CRIT-001, cron: "0 3 * * 2", window: "02:00-05:00", remedies: [replace-blocked], stale: 7d }\n`;
  const compiled = compile(text, "/tmp/prunella.yaml");
  assert.ok(compiled.ok);
  assert.deepEqual(compiled.plan.drills, [
    {
      drill: "CRIT-001",
      experiment: null,
      cron: "0 3 * * 2",
      timezone: null,
      window: { fromMinute: 120, toMinute: 300 },
      remedies: ["replace-blocked"],
      staleMs: 7 * 86_400_000,
    },
  ]);
});

test("what a schedule says wrongly is told by field and rule", () => {
  assert.match(problemsOf(`  - { run: NOPE-001, cron: "0 3 * * 2" }`)[0] ?? "", /drills\[0\]\.run names NOPE-001/);
  assert.match(problemsOf(`  - { run: CRIT-001, cron: "at three" }`)[0] ?? "", /cron cannot be read/);
  assert.match(
    problemsOf(`  - { run: CRIT-001, cron: "0 3 * * 2", window: "at night" }`)[0] ?? "",
    /window is not a window/,
  );
  assert.match(problemsOf(`  - { run: CRIT-001, cron: "0 3 * * 2", remedies: [nothing] }`)[0] ?? "", /names nothing/);
  assert.match(problemsOf(`  - { cron: "0 3 * * 2" }`)[0] ?? "", /either run or experiment/);
  assert.match(problemsOf(`  - { experiment: ./none.json, cron: "0 3 * * 2" }`)[0] ?? "", /does not exist/);
});
