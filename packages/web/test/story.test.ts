import type { Incident, Repair, Transition } from "@prunella/contract";
import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { treemap } from "../src/layout/treemap.ts";
import { flameOf, isCpuProfile } from "../src/screens/issue/flame.ts";
import { levelsOf, spanOf, storyOf } from "../src/screens/issue/story.ts";

const start = Date.UTC(2024, 0, 31, 12, 0, 0);
const at = (seconds: number): string => new Date(start + seconds * 1_000).toISOString();

const incident = (over: Partial<Incident> = {}): Incident => ({
  id: "INC-1",
  issue: "CRIT-001",
  target: "api",
  kind: "crash",
  severity: "critical",
  summary: "api ended",
  state: "ended",
  beganAt: at(0),
  detectedAt: at(1),
  diagnosedAt: at(2),
  repairStartedAt: at(5),
  recoveredAt: at(7),
  endedAt: at(17),
  outcome: "recovered",
  recoveredBy: "repair",
  firing: false,
  causedBy: null,
  remedy: "restart",
  attempts: 1,
  rootCause: null,
  evidence: [],
  escalation: null,
  blockedBy: null,
  drill: false,
  verdict: null,
  detectionMs: 1_000,
  repairMs: 6_000,
  ...over,
});
const repair = (over: Partial<Repair> = {}): Repair => ({
  id: "REP-1",
  incident: "INC-1",
  issue: "CRIT-001",
  target: "api",
  group: "api",
  remedy: "restart",
  plan: ["restart"],
  undo: null,
  state: "ended",
  outcome: "verified",
  attempt: 1,
  disruptive: true,
  createdAt: at(5),
  startedAt: at(5),
  dueAt: null,
  expiresAt: null,
  endedAt: at(17),
  verifyMs: 10_000,
  steps: [
    { key: "k", action: "restart", undo: false, intendedAt: at(5), doneAt: at(6), outcome: "succeeded", detail: "ok" },
  ],
  approvedBy: "policy",
  recurredAt: null,
  why: "",
  ...over,
});
const change = (seconds: number, over: Partial<Transition>): Transition => ({
  id: `T${seconds}`,
  at: at(seconds),
  stage: "finding",
  subject: "incident",
  subjectId: "INC-1",
  issue: "CRIT-001",
  incident: "INC-1",
  target: "api",
  from: "open",
  to: "diagnosed",
  by: "healing",
  why: "",
  ...over,
});
const told = (story: ReturnType<typeof storyOf>): string =>
  story.stretches
    .map((each) => `${each.name} ${(each.from - start) / 1_000}-${each.to === null ? "" : (each.to - start) / 1_000}`)
    .join(" | ");

test("a healed incident is told from the unseen beginning to the end of verification", () => {
  const story = storyOf(
    incident(),
    [repair()],
    [
      change(17, { stage: "verification", subject: "repair", subjectId: "REP-1", to: "verified" }),
      change(1, { from: null, to: "open" }),
      change(2, { stage: "diagnosis" }),
    ],
  );
  assert.equal(told(story), "unseen 0-1 | diagnosis 1-2 | waiting 2-5 | repair 5-6 | verification 6-17");
  assert.deepEqual(
    story.marks.map((mark) => `${(mark.at - start) / 1_000} ${mark.stage} ${mark.label}`),
    [
      "0 signal began",
      "1 finding detected",
      "2 diagnosis diagnosed",
      "6 repair succeeded: restart",
      "7 verification healthy again",
      "17 verification REP-1 verified",
    ],
  );
});

test("a story that goes on has an open end; a step without an answer is still the repair", () => {
  const open = incident({ state: "open", endedAt: null, recoveredAt: null, outcome: null });
  const acting = repair({
    state: "acting",
    outcome: null,
    endedAt: null,
    steps: [{ key: "k", action: "restart", undo: false, intendedAt: at(5), doneAt: null, outcome: null, detail: null }],
  });
  assert.equal(told(storyOf(open, [acting], [])), "unseen 0-1 | diagnosis 1-2 | waiting 2-5 | repair 5-");
  assert.equal(told(storyOf(open, [], [])), "unseen 0-1 | diagnosis 1-2 | waiting 2-");
});

test("what was handed over to a person is said to be so; repairs of other incidents are left out", () => {
  const story = storyOf(
    incident({ state: "handed-over", outcome: "escalated", endedAt: null, recoveredAt: null }),
    [repair({ outcome: "failed", endedAt: at(8) }), repair({ id: "REP-9", incident: "INC-9", startedAt: at(3) })],
    [],
  );
  assert.equal(
    told(story),
    "unseen 0-1 | diagnosis 1-2 | waiting 2-5 | repair 5-6 | verification 6-8 | handed over 8-",
  );
});

test("the axis shows the incident with a margin, never less than ten seconds and never the future", () => {
  const story = storyOf(incident(), [], []);
  const near = spanOf(story, "incident", start + 60_000);
  assert.ok(near.from < start && near.to > start + 17_000 && near.to < start + 25_000);
  const wide = spanOf(story, "minutes", start + 60_000);
  assert.deepEqual([(wide.from - start) / 60_000, (wide.to - start) / 60_000], [-5, 1]);
});

test("names on the axis never cover each other", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ x: fc.integer({ min: 0, max: 800 }), width: fc.integer({ min: 20, max: 200 }) }), {
        maxLength: 20,
      }),
      (labels) => {
        const sorted = labels.sort((a, b) => a.x - b.x);
        const levels = levelsOf(sorted, 5);
        assert.equal(levels.length, sorted.length);
        sorted.forEach((a, i) =>
          sorted.forEach((b, j) => {
            if (i < j && levels[i] !== null && levels[i] === levels[j]) assert.ok(a.x + a.width <= b.x);
          }),
        );
      },
    ),
  );
});

test("a health map fills its box, keeps proportions and overlaps nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 }), (weights) => {
      const tiles = treemap(
        weights.map((weight, key) => ({ key, weight })),
        (item) => item.weight,
        600,
        300,
      );
      assert.equal(tiles.length, weights.length);
      const total = weights.reduce((a, b) => a + b, 0);
      for (const tile of tiles) {
        assert.ok(Math.abs(tile.width * tile.height - (tile.item.weight / total) * 180_000) < 1);
        assert.ok(
          tile.x >= -1e-6 && tile.y >= -1e-6 && tile.x + tile.width <= 600.001 && tile.y + tile.height <= 300.001,
        );
      }
    }),
  );
  assert.deepEqual(
    treemap([], () => 1, 10, 10),
    [],
  );
  assert.deepEqual(
    treemap([1], () => 1, 0, 10),
    [],
  );
});

test("a CPU profile becomes frames whose shares add up; what is no profile is refused", () => {
  const node = (id: number, functionName: string, children: number[] = []) => ({
    id,
    callFrame: { functionName, url: "/app.js", lineNumber: 9 },
    children,
  });
  const profile = {
    nodes: [node(1, "(root)", [2, 3]), node(2, "handle", [4]), node(3, ""), node(4, "parse")],
    samples: [4, 4, 2, 3],
    timeDeltas: [10, 10, 10, 10],
  };
  assert.ok(isCpuProfile(profile));
  assert.deepEqual(
    flameOf(profile).map((frame) => [frame.name, frame.place, frame.depth, frame.start, frame.share, frame.selfShare]),
    [
      ["handle", "/app.js:10", 0, 0, 0.75, 0.25],
      ["parse", "/app.js:10", 1, 0, 0.5, 0.5],
      ["(anonymous)", "/app.js:10", 0, 0.75, 0.25, 0.25],
    ],
  );
  for (const other of [null, 7, {}, { nodes: [] }, { nodes: [1] }]) assert.equal(isCpuProfile(other), false);
  const ring = { nodes: [node(1, "a", [2]), node(2, "b", [1])], samples: [1], timeDeltas: [1] };
  assert.deepEqual(flameOf(ring), [], "a ring has no root and shows nothing");
});
