import {
  coverage,
  drillProofMs,
  nextActions,
  kpis,
  againstTargets,
  statusReport,
  shippedRemedies,
  wilson,
  type DrillProof,
  type Incident,
  type Issue,
  type ReportInput,
} from "@prunella/core";
import { sampleIncident, sampleIssue, sampleRepair, sampleStanding, sampleTally } from "@prunella/core/suites";
import assert from "node:assert/strict";
import { test } from "node:test";

const at = 1_000 * 86_400_000;
const mode = {
  id: "CRIT-001",
  severity: "critical",
  title: "dual-loop deadlock",
  rootCause: "nothing bounds it",
  solution: "a timeout",
} as const;

function run(of: Partial<DrillProof> = {}): DrillProof {
  return {
    drill: "CRIT-001",
    run: "RUN-1",
    at: at - 1_000,
    passed: true,
    shows: ["detection", "repair"],
    detectionMs: 10,
    repairMs: 20,
    recoveryMs: 25,
    summary: "4 of 4 conditions met",
    ...of,
  };
}

function recovered(id: string, of: Partial<Incident> = {}): Incident {
  return sampleIncident(id, {
    issue: "MED-001",
    state: "ended",
    outcome: "recovered",
    recoveredBy: "repair",
    firing: false,
    causedBy: null,
    beganAt: at - 60_000,
    detectedAt: at - 59_000,
    recoveredAt: at - 50_000,
    endedAt: at - 40_000,
    attempts: 1,
    drill: false,
    verdict: null,
    evidence: [],
    kind: "crash",
    ...of,
  });
}

function report(of: Partial<ReportInput> = {}) {
  const incidents = of.incidents ?? [];
  return statusReport({
    at,
    records: { from: at - 86_400_000, to: at, incidents, tallies: [], series: [] },
    before: null,
    issues: [],
    incidents,
    notified: new Set(),
    targets: new Map(),
    remedies: [],
    repairs: [],
    standings: [],
    settings: { paused: null, pausedTargets: {}, maintenance: [], storm: null },
    catalogue: [],
    drills: [],
    slos: [],
    longRuns: [],
    ...of,
  });
}

const found = (id: string, of: Partial<Issue> = {}): Issue =>
  sampleIssue(id, { status: "fixed", mergedInto: null, origin: "found", needsPerson: null, regressed: false, ...of });

const claimed = (id: string, status: string): Issue =>
  sampleIssue(id, {
    status: "pending",
    origin: "imported",
    incident: null,
    mergedInto: null,
    needsPerson: null,
    sections: { "Claimed status": status, "Claimed self-healing": "active" },
  });

test("an issue is fixed by an incident that was watched healthy, with its date", () => {
  const { matrix, summary } = report({ issues: [found("MED-001")], incidents: [recovered("INC-1")] });
  assert.equal(matrix[0]?.status, "fixed");
  assert.equal(matrix[0]?.proof?.by, "INC-1");
  assert.equal(matrix[0]?.proof?.at, at - 50_000);
  assert.equal(summary.byStatus.fixed, 1);
});

test("what a person called fixed without any evidence is pending, and says so", () => {
  const { matrix } = report({ issues: [found("MED-001")] });
  assert.equal(matrix[0]?.status, "pending");
  assert.match(matrix[0]?.remark ?? "", /called fixed by a person/);
});

test("an imported claim is never evidence for itself", () => {
  const { matrix, nextActions: actions } = report({ issues: [claimed("CRIT-001", "fixed")] });
  assert.equal(matrix[0]?.status, "pending");
  assert.equal(matrix[0]?.proof, null);
  assert.match(matrix[0]?.remark ?? "", /claimed fixed; nothing here shows it/);
  assert.ok(actions.some((action) => action.kind === "claim" && action.text.includes("CRIT-001")));
});

test("a claim under an id of the catalogue is fixed once that mode's drill has passed", () => {
  const { matrix } = report({ issues: [claimed("CRIT-001", "pending")], catalogue: [mode], drills: [run()] });
  assert.equal(matrix[0]?.status, "fixed");
  assert.equal(matrix[0]?.proof?.kind, "drill");
});

test("a drill proves nothing any more after thirty days, and is due again", () => {
  const { catalogue, nextActions: actions } = report({
    catalogue: [mode],
    drills: [run({ at: at - drillProofMs - 1 })],
  });
  assert.equal(catalogue[0]?.status, "pending");
  assert.ok(actions.some((action) => action.kind === "drill-stale" && action.urgency === "soon"));
});

test("a drill that failed last comes first among the actions", () => {
  const { nextActions: actions } = report({
    catalogue: [mode],
    drills: [run({ at: at - 10_000 }), run({ run: "RUN-2", passed: false, summary: "not detected" })],
  });
  assert.equal(actions[0]?.kind, "drill-failing");
  assert.match(actions[0]?.text ?? "", /not detected/);
});

test("coverage counts catalogue modes and issues that occurred, not claims", () => {
  const { layers, modes } = coverage({
    now: at,
    catalogue: [mode],
    drills: [run()],
    issues: [found("MED-001"), claimed("LOW-001", "fixed")],
    incidents: [recovered("INC-1", { recoveredBy: "itself" })],
    notified: new Set(),
  });
  assert.equal(modes.length, 2);
  const of = Object.fromEntries(layers.map((layer) => [layer.name, `${layer.count} of ${layer.of}`]));
  assert.deepEqual(of, { detection: "2 of 2", prevention: "0 of 2", repair: "1 of 2", monitoring: "0 of 2" });
  assert.deepEqual(layers[0]?.interval, wilson(2, 2));
});

test("a failed drill, a false alarm and a stale drill prove no layer", () => {
  const { layers } = coverage({
    now: at,
    catalogue: [mode],
    drills: [run({ passed: false }), run({ at: at - drillProofMs - 1 })],
    issues: [found("MED-001")],
    incidents: [recovered("INC-1", { verdict: "noise" })],
    notified: new Set(["INC-1"]),
  });
  for (const layer of layers) assert.equal(layer.count, 0);
});

test("a mode found in production adds to the denominator", () => {
  const of = (issues: readonly Issue[]): number =>
    coverage({ now: at, catalogue: [mode], drills: [], issues, incidents: [], notified: new Set() }).modes.length;
  assert.equal(of([]), 1);
  assert.equal(of([found("MED-001"), found("MED-002")]), 3);
});

test("drills and production are counted apart", () => {
  const { kpis: rows, drillKpis } = report({
    incidents: [recovered("INC-1"), recovered("INC-2", { drill: true }), recovered("INC-3", { drill: true })],
  });
  const auto = (of: typeof rows) => of.find((row) => row.name === "auto-recovery rate");
  assert.equal(auto(rows)?.of, 1);
  assert.equal(auto(drillKpis)?.of, 2);
});

test("runs of drills give the drills' own figures and never production's", () => {
  const { kpis: rows, drillKpis } = report({
    drills: [run({ detectionMs: 40 }), run({ run: "RUN-2", passed: false, detectionMs: 60, repairMs: null })],
  });
  const named = (of: typeof rows, name: string) => of.find((row) => row.name === name);
  assert.equal(named(drillKpis, "auto-recovery rate")?.value, "50.0 %");
  assert.equal(named(drillKpis, "detection time (median)")?.measured, 40);
  assert.equal(named(drillKpis, "repair time (median)")?.count, 1);
  assert.equal(named(rows, "auto-recovery rate")?.value, "no data");
});

test("p95 is taken over all requests together", () => {
  const fast = Array.from({ length: 11 }, (_, bucket) => (bucket === 10 ? 9_900 : 0));
  const slow = Array.from({ length: 57 }, (_, bucket) => (bucket === 56 ? 100 : 0));
  const of = kpis(
    {
      from: 0,
      to: at,
      incidents: [],
      series: [],
      tallies: [sampleTally({ latency: fast }), sampleTally({ target: "web", latency: slow })],
    },
    false,
  );
  assert.equal(of.latencyCount, 10_000);
  assert.ok((of.latencyMsP95 ?? 0) < 2, `${of.latencyMsP95}`);
  assert.deepEqual(of.targets.map(({ target, latencyMsP95 }) => [target, (latencyMsP95 ?? 0) > 1_000]).sort(), [
    ["api", false],
    ["web", true],
  ]);
});

test("a row without data is neither met nor missed", () => {
  const empty = kpis({ from: 0, to: at, incidents: [], tallies: [], series: [] }, false);
  for (const row of againstTargets(empty)) {
    assert.equal(row.met, null, row.name);
    assert.equal(row.value, "no data");
  }
});

test("the period before stands beside this one", () => {
  const before = { from: 0, to: at, incidents: [recovered("INC-0")], tallies: [sampleTally()], series: [] };
  const { kpis: rows, summary, previous } = report({ before });
  assert.deepEqual(previous, { from: 0, to: at });
  assert.equal(summary.incidentsBefore, 1);
  assert.match(rows.find((row) => row.name === "availability")?.previous ?? "", /99\.7/);
});

test("a budget nearly spent and a remedy near demotion are said", () => {
  const remedy = shippedRemedies[0];
  assert.ok(remedy !== undefined);
  const runs = remedy.budgets[0]?.runs ?? 1;
  const repairs = Array.from({ length: Math.max(runs, remedy.recurrence.max) }, (_, number) =>
    sampleRepair(`REP-${number}`, {
      remedy,
      target: "api",
      startedAt: at - 1_000,
      recurredAt: at - 500,
      state: { name: "ended", at: at - 600, outcome: "verified" },
    }),
  );
  const kinds = report({ remedies: [remedy], repairs }).nextActions.map((action) => action.kind);
  assert.ok(kinds.includes("budget"));
  assert.ok(kinds.includes("near-demotion"));
});

test("a demoted remedy, a pause and a decision that waits are said", () => {
  const actions = nextActions({
    now: at,
    issues: [found("CRIT-009", { status: "in-progress", needsPerson: "look" })],
    targets: new Map(),
    remedies: [],
    repairs: [sampleRepair("REP-1", { state: { name: "proposed", expiresAt: at + 1, asks: true } })],
    standings: [sampleStanding("restart", { demotedTo: "suggest", why: "3 returns" })],
    settings: { paused: { at, by: "anna", why: "deploy" }, pausedTargets: {}, maintenance: [], storm: null },
    catalogue: [],
    drills: [],
    slos: [],
    kpis: [],
    claimsWithoutEvidence: [],
  });
  assert.deepEqual(
    actions.map((action) => action.kind),
    ["paused", "needs-person", "decision", "demoted"],
  );
});
