import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { Incident, Repair } from "@prunella/contract";
import { readDefinition } from "../src/drill/definition.ts";
import { drillExperiment } from "../src/drill/files.ts";
import { verdictOf, type FaultRecord } from "../src/drill/verdict.ts";
import { programFile } from "../src/drill/world.ts";
import type { Journal } from "../src/experiment/run.ts";
import { isProduction } from "../src/inject/index.ts";
import { failureModes } from "../src/modes.ts";
import { readToxic } from "../src/proxy/toxics.ts";

test("the catalogue has its 21 rows, each with a drill that can be read and whose programs exist", () => {
  assert.equal(failureModes.length, 21);
  assert.equal(new Set(failureModes.map((mode) => mode.id)).size, 21);
  for (const mode of failureModes) {
    const experiment = drillExperiment(mode.id);
    const definition = readDefinition(experiment.extensions);
    assert.equal(definition?.drill, mode.id);
    assert.ok(definition.faults.length > 0, `${mode.id} expects an incident`);
    assert.ok(definition.conditions.length > 0, `${mode.id} has conditions`);
    assert.ok(definition.metric !== null, `${mode.id} asks for its metric`);
    for (const service of Object.values(definition.services))
      assert.ok(existsSync(programFile(service.program)), `${mode.id}: ${service.program}`);
    const activities = new Set(experiment.method.map((activity) => activity.name));
    for (const each of definition.conditions) assert.ok(activities.has(each.from), `${mode.id}: ${each.from}`);
    for (const each of definition.faults) assert.ok(activities.has(each.began), `${mode.id}: ${each.began}`);
  }
});

const at = (second: number): string => new Date(1_700_000_000_000 + second * 1_000).toISOString();
const incident = {
  id: "INC-1",
  issue: "LOW-001",
  summary: "queue orders high-water",
  beganAt: at(0),
  detectedAt: at(1),
  recoveredAt: at(9),
  outcome: "recovered",
  drill: true,
  rootCause: "producers are faster",
  evidence: [
    { at: at(1), what: "note", summary: "high-water", text: null, data: { event: "high-water" } },
    { at: at(4), what: "note", summary: "relieved", text: null, data: { event: "relieved" } },
  ],
} as unknown as Incident;
const state = (met: boolean) => ({ steady_state_met: met, probes: [] });
const journal = (over: Partial<Journal> = {}): Journal =>
  ({
    status: "completed",
    deviated: false,
    start: at(0),
    end: at(10),
    steady_states: { before: state(true), after: state(true), during: [], after_rollbacks: null },
    run: [
      {
        activity: { name: "flood" },
        status: "succeeded",
        output: { body: { sizeMax: 1_000 } },
        start: at(0),
        end: at(2),
        duration: 2,
      },
    ],
    rollbacks: [],
    ...over,
  }) as unknown as Journal;
const definition = readDefinition([
  {
    name: "prunella",
    drill: "MED-003",
    faults: [
      {
        name: "flood",
        began: "flood",
        target: "queue",
        kind: "guard-tripped",
        rootCause: "producers",
        repairedBy: ["relieved"],
      },
    ],
    conditions: [
      {
        name: "bounded",
        demanded: "at most 1000",
        from: "flood",
        path: "$.body.sizeMax",
        tolerance: { type: "range", range: [1, 1_000] },
      },
    ],
  },
]);
assert.ok(definition !== null);
const [fault] = definition.faults;
assert.ok(fault !== undefined);
const record = (over: Partial<FaultRecord> = {}): FaultRecord => ({
  fault,
  beganAt: Date.parse(at(0)),
  incident,
  repairs: [],
  ...over,
});

test("a drill passes when the fault was found, named, repaired and is over, and every condition holds", () => {
  const verdict = verdictOf(definition, journal(), [record()], null);
  assert.deepEqual(
    verdict.conditions.filter((each) => !each.met),
    [],
  );
  assert.equal(verdict.passed, true);
  assert.deepEqual(
    [verdict.beganAt, verdict.detectedAt, verdict.repairedAt, verdict.recoveredAt].map((each) =>
      new Date(each ?? 0).toISOString(),
    ),
    [at(0), at(1), at(4), at(9)],
  );
});

function fails(
  name: string,
  over: { record?: Partial<FaultRecord>; journal?: Partial<Journal> },
  condition: RegExp,
): void {
  test(`a drill fails when ${name}`, () => {
    const verdict = verdictOf(
      definition as NonNullable<typeof definition>,
      journal(over.journal),
      [record(over.record)],
      null,
    );
    assert.equal(verdict.passed, false);
    assert.ok(
      verdict.conditions.some((each) => !each.met && condition.test(each.name)),
      JSON.stringify(verdict.conditions),
    );
  });
}
fails("Prunella has no incident of it", { record: { incident: null } }, /detected/);
fails("it was found too late", { record: { incident: { ...incident, detectedAt: at(61) } } }, /detected/);
fails("the cause was not named", { record: { incident: { ...incident, rootCause: "something" } } }, /root cause/);
fails("nothing says that it was repaired", { record: { incident: { ...incident, evidence: [] } } }, /repaired/);
fails("it is not over", { record: { incident: { ...incident, recoveredAt: null } } }, /recovered/);
fails("a person was called for it", { record: { incident: { ...incident, outcome: "escalated" } } }, /recovered/);
fails("it was not booked as a drill", { record: { incident: { ...incident, drill: false } } }, /booked/);
fails("a condition was never measured", { journal: { run: [] } }, /bounded/);
fails(
  "it is not steady again",
  { journal: { steady_states: { ...journal().steady_states, after: state(false) } } },
  /steady again/,
);
fails("it was interrupted", { journal: { status: "interrupted" } }, /to its end/);

test("a remedy's repair counts from the end of the last step of the run that was verified", () => {
  const byRepair: FaultRecord = {
    ...record(),
    fault: { ...fault, repairedBy: { type: "repair" } },
    repairs: [
      { outcome: "failed", steps: [{ outcome: "succeeded", doneAt: at(2) }] },
      { outcome: "verified", steps: [{ outcome: "succeeded", doneAt: at(5) }] },
    ].map((each) => ({ id: "REP-1", remedy: "r", plan: [], createdAt: at(1), ...each })) as unknown as Repair[],
  };
  assert.equal(verdictOf(definition, journal(), [byRepair], null).repairedAt, Date.parse(at(5)));
});

test("the times told are those of the fault that took longest", () => {
  const slow = { ...incident, id: "INC-2", recoveredAt: at(20) };
  assert.equal(verdictOf(definition, journal(), [record(), record({ incident: slow })], null).incident, "INC-2");
});

test("what people label as production is known by several labels", () => {
  for (const labels of [{ environment: "production" }, { env: "prod" }, { stage: "PROD" }, { tier: "Production" }])
    assert.equal(isProduction({ labels: labels as unknown as Record<string, string> }), true);
  assert.equal(isProduction({ labels: { environment: "staging", product: "prod" } }), false);
});

test("a toxic is read with its defaults, and what it does not know is refused by name", () => {
  assert.deepEqual(readToxic({ type: "latency", attributes: { latency: 100 } }), {
    name: "latency_downstream",
    type: "latency",
    stream: "downstream",
    toxicity: 1,
    attributes: { latency: 100, jitter: 0 },
  });
  for (const [toxic, field] of [
    [{ type: "loss" }, "type"],
    [{ type: "latency", attributes: { delay: 1 } }, "attributes.delay"],
    [{ type: "latency", attributes: { latency: -1 } }, "attributes.latency"],
    [{ type: "latency", toxicity: 2 }, "toxicity"],
    [{ type: "latency", stream: "sideways" }, "stream"],
  ] as const)
    assert.throws(() => readToxic(toxic), { field });
});
