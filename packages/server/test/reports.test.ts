import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, failures, startAt, target } from "./harness.ts";

after(() => assert.deepEqual(failures, []));

const claim = {
  id: "CRIT-003",
  severity: "critical",
  title: "Missing input validation",
  status: "fixed",
  selfHealing: "active",
  rootCause: "No parameter checks",
  solution: null,
  sections: { Verification: "- all rejected" },
};

test("the report is there as JSON, and as text only where somebody renders it", async () => {
  const with_ = await api({
    server: { render: { report: (report, format) => `${format} ${report.matrix.length}`, issues: () => "issues" } },
  });
  const json = await with_.ask("/api/v1/report?compare=true");
  assert.equal(json.status, 200);
  assert.equal(json.json.summary.total, 0);
  assert.notEqual(json.json.previous, null);
  const html = await with_.ask("/api/v1/report?format=html");
  assert.equal(html.text, "html 0");
  assert.match(String(html.headers["content-type"]), /^text\/html/);
  assert.match(String(html.headers["content-security-policy"]), /default-src 'none'/);
  assert.equal((await with_.ask("/api/v1/report?format=markdown")).text, "markdown 0");
  await with_.close();
  const without = await api();
  assert.equal((await without.ask("/api/v1/report?format=html")).status, 501);
  await without.close();
});

test("a period that ends before it begins is refused with the field", async () => {
  const of = await api();
  const answer = await of.ask("/api/v1/report?from=2031-01-02T00:00:00Z&to=2031-01-01T00:00:00Z");
  assert.equal(answer.status, 400);
  assert.equal(answer.json.field, "from");
  await of.close();
});

test("an imported issue keeps its id, is pending whatever it claims, and goes out as it came", async () => {
  const of = await api();
  const first = await of.ask("/api/v1/issues/import", { issues: [claim] });
  assert.equal(first.status, 200, first.text);
  assert.deepEqual(first.json.rows[0].taken, "new");
  const issue = (await of.ask("/api/v1/issues/CRIT-003")).json;
  assert.equal(issue.status, "pending");
  assert.equal(issue.origin, "imported");
  assert.deepEqual((await of.ask("/api/v1/issues/export")).json.issues, [claim]);
  assert.equal((await of.ask("/api/v1/issues/import", { issues: [claim] })).json.rows[0].taken, "unchanged");
  const changed = await of.ask("/api/v1/issues/import", { issues: [{ ...claim, title: "No validation" }] });
  assert.equal(changed.json.rows[0].taken, "changed");
  const report = (await of.ask("/api/v1/report")).json;
  assert.equal(report.matrix[0].status, "pending");
  assert.equal(report.matrix[0].proof, null);
  assert.equal((await of.ask("/api/v1/status")).json.openIssues, 0);
  await of.close();
});

test("an issue found later never gets the number of an imported one", async () => {
  const of = await api();
  await of.ask("/api/v1/issues/import", { issues: [{ ...claim, id: "CRIT-007" }] });
  // It resolves when it is stored, and that takes time to pass.
  void of.engine.ingest([
    {
      id: "1",
      type: "reported",
      target: "api",
      at: of.now(),
      finding: { kind: "odd", distinguisher: "", state: "firing", severity: "critical", summary: "odd" },
    },
  ]);
  await of.advance(2_000);
  const { items } = (await of.ask("/api/v1/issues?kind=odd")).json;
  assert.equal(items[0].id, "CRIT-008");
  const again = await of.ask("/api/v1/issues/import", { issues: [{ ...claim, id: "CRIT-008" }] });
  assert.equal(again.json.rows[0].taken, "refused");
  assert.match(again.json.rows[0].why, /found here/);
  await of.close();
});

test("a row that cannot be taken says why and does not stop the others", async () => {
  const of = await api();
  const { json } = await of.ask("/api/v1/issues/import", {
    issues: [
      { ...claim, id: "nonsense" },
      { ...claim, id: "MED-001", title: "  " },
      { ...claim, id: "MED-002", sections: { "__proto__x\n": "x" } },
      { ...claim, id: "MED-003" },
      { ...claim, id: "MED-003" },
    ],
  });
  assert.deepEqual(
    json.rows.map((row: { taken: string }) => row.taken),
    ["refused", "refused", "refused", "new", "refused"],
  );
  assert.match(json.rows[0].why, /id: .*write one like CRIT-001/);
  await of.close();
});

test("coverage has four layers, each with its counts", async () => {
  const of = await api({
    server: {
      sources: {
        catalogue: () => [
          { id: "CRIT-001", severity: "critical", title: "deadlock", rootCause: "none", solution: "timeout" },
        ],
        drills: async () => [
          {
            drill: "CRIT-001",
            run: "RUN-1",
            at: startAt,
            passed: true,
            shows: ["detection"],
            detectionMs: 1,
            repairMs: null,
            recoveryMs: null,
            summary: "passed",
          },
        ],
      },
    },
  });
  const { json } = await of.ask("/api/v1/coverage");
  assert.deepEqual(
    json.layers.map((layer: { name: string; count: number; of: number }) => [layer.name, layer.count, layer.of]),
    [
      ["detection", 1, 1],
      ["prevention", 0, 1],
      ["repair", 0, 1],
      ["monitoring", 0, 1],
    ],
  );
  assert.equal(json.modes[0].layers.detection.by, "RUN-1");
  await of.close();
});

test("objectives say what was achieved and what is left of the budget", async () => {
  const of = await api({
    targets: [
      target({ key: "api", slos: [{ objective: "errors", goal: 0.98, limit: null, windowMs: 30 * 86_400_000 }] }),
    ],
  });
  assert.equal((await of.ask("/api/v1/slos")).json.items[0].state, "no-data");
  for (let second = 0; second < 40; second += 1) {
    await of.engine.ingest([
      { type: "traffic", target: "api", at: of.now(), requests: 100, errors: 1, latency: [100] },
      { type: "process", target: "api", at: of.now(), running: true, pid: 7, startedAt: startAt },
    ]);
    await of.advance(1_000);
  }
  const [slo] = (await of.ask("/api/v1/slos?target=api")).json.items;
  assert.equal(slo.objective, "errors");
  assert.ok(Math.abs(slo.current - 0.99) < 1e-9, String(slo.current));
  assert.ok(Math.abs(slo.budgetLeft - 0.5) < 1e-9, String(slo.budgetLeft));
  assert.equal(slo.state, "ok");
  assert.deepEqual(
    slo.burnRates.map((burn: { windowMs: number }) => burn.windowMs / 60_000),
    [5, 30, 60, 120, 360, 1_440, 4_320],
  );
  const kpis = (await of.ask("/api/v1/kpis")).json;
  assert.equal(kpis.errorRate.of, slo.of);
  await of.close();
});
