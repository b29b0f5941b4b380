import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Draft,
  isStale,
  layersShown,
  newView,
  observe,
  detect,
  remedyProofs,
  bookDrills,
  worldFrom,
  type EventSignal,
  type Signal,
  type TargetSpec,
} from "@prunella/core";
import { memoryDisk, memoryStore } from "@prunella/core/testing";

const spec: TargetSpec = {
  key: "api",
  kind: "service",
  group: "api",
  dependsOn: [],
  addresses: [],
  checks: [],
  startupMs: 0,
  labels: {},
};
const start = 1_700_000_000_000;
const guard = (
  at: number,
  event: string,
  level: "info" | "trip" = "trip",
  detail: Record<string, string | number> = {},
): EventSignal => ({
  id: `g${at}${event}`,
  type: "guard",
  target: "api",
  at: start + at,
  guard: "breaker",
  name: "stock",
  event,
  level,
  detail,
});
const gauge = (at: number, state: string): Signal => ({
  type: "gauges",
  target: "api",
  at: start + at,
  gauges: [{ guard: "breaker", name: "stock", state, values: { failures: 5 }, counts: {} }],
});
function trips(signals: readonly Signal[], now: number): readonly { summary: string; events: number }[] {
  const view = newView(spec);
  observe(view, { type: "process", target: "api", at: start, running: true, pid: 1, startedAt: start });
  for (const signal of signals) observe(view, signal);
  return detect(view, start + now).filter((finding) => finding.kind === "guard-tripped");
}

test("good news of a guard that never tripped is no finding", () => {
  assert.deepEqual(trips([guard(1_000, "closed", "info")], 1_500), []);
});

test("a breaker's trip holds for as long as the breaker says that it is open, and no longer", () => {
  const opened = [guard(1_000, "opened", "trip", { failures: 5 })];
  assert.equal(trips([...opened, gauge(2_000, "open"), gauge(299_000, "open")], 300_000).length, 1);
  // The note that it closed is still to be told; after that it is over.
  const view = newView(spec);
  observe(view, { type: "process", target: "api", at: start, running: true, pid: 1, startedAt: start });
  for (const signal of [...opened, gauge(2_000, "open"), gauge(9_000, "closed")]) observe(view, signal);
  const [told] = detect(view, start + 9_100).filter((finding) => finding.kind === "guard-tripped");
  assert.match(told?.evidence.at(-1)?.summary ?? "", /breaker stock: closed again/);
});

test("a guard in a bad state is a finding although its trip was never heard", () => {
  const [found] = trips([gauge(1_000, "open")], 1_100);
  assert.match(found?.summary ?? "", /breaker stock open/);
});

test("a trip of a guard whose state nobody knows is over after a minute of silence", () => {
  const view = newView(spec);
  observe(view, { type: "process", target: "api", at: start, running: true, pid: 1, startedAt: start });
  observe(view, guard(1_000, "opened"));
  for (const trip of view.trips.values()) Object.assign(trip, { notes: [] });
  assert.equal(detect(view, start + 60_000).filter((each) => each.kind === "guard-tripped").length, 1);
  assert.equal(detect(view, start + 62_000).filter((each) => each.kind === "guard-tripped").length, 0);
});

test("a pass is proof for its time, and nothing that never passed is", () => {
  assert.equal(isStale(null, 10), true);
  assert.equal(isStale(5, 10, 4), true);
  assert.equal(isStale(6, 10, 4), false);
});

test("a run shows a layer only when it passed with healing and every condition of the layer was met", () => {
  const condition = (layer: "detection" | "repair", met: boolean) => ({
    name: "c",
    demanded: "",
    measured: 1,
    met,
    layer,
  });
  const run = {
    state: "passed",
    withoutHealing: false,
    conditions: [condition("detection", true), condition("repair", true)],
  } as const;
  assert.deepEqual(layersShown(run), ["detection", "repair"]);
  assert.deepEqual(layersShown({ ...run, withoutHealing: true }), []);
  assert.deepEqual(layersShown({ ...run, state: "failed" }), []);
});

const day = 86_400_000;
const plan = { drill: "CRIT-001", remedies: ["replace-blocked"], staleMs: 30 * day, since: 0 };
const run = (state: "passed" | "failed", endedAt: number, withoutHealing = false) => ({
  drill: "CRIT-001",
  state,
  endedAt,
  withoutHealing,
});

test("a remedy stands against nothing while its drill passes, and loses its mode when it fails or grows stale", () => {
  const against = (runs: readonly ReturnType<typeof run>[], now: number) =>
    remedyProofs([plan], runs, now)[0]?.against ?? null;
  assert.equal(against([run("passed", 10 * day)], 20 * day), null);
  assert.match(against([run("failed", 11 * day), run("passed", 10 * day)], 20 * day) ?? "", /failed/);
  assert.match(against([run("passed", 10 * day)], 41 * day) ?? "", /last passed 31 days ago/);
  assert.match(against([], 31 * day) ?? "", /never passed/);
  assert.equal(against([], 29 * day), null, "a new schedule gets its time");
  assert.equal(
    against([run("failed", 12 * day, true), run("passed", 10 * day)], 20 * day),
    null,
    "without healing says nothing",
  );
});

test("a demotion by a drill ends when the drill passes; one for another reason stays", async () => {
  const opened = await memoryStore(memoryDisk()).open();
  const draft = new Draft(worldFrom(opened, [spec]), start);
  bookDrills(draft, [{ remedy: "replace-blocked", against: "its drill CRIT-001 failed" }]);
  assert.equal(draft.standing("replace-blocked").demotedTo, "suggest");
  bookDrills(draft, [{ remedy: "replace-blocked", against: null }]);
  assert.equal(draft.standing("replace-blocked").demotedTo, null);
  draft.putStanding({ ...draft.standing("other"), demotedTo: "suggest", why: "2 runs in a row did not help" });
  assert.equal(bookDrills(draft, [{ remedy: "other", against: null }]).changed, false);
  assert.equal(draft.standing("other").demotedTo, "suggest");
});
