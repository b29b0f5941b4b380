import type { Slo } from "@prunella/contract";
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../src/config/compile.ts";
import { openSloText, readOpenSlo, sloConfiguration } from "../src/report/openslo.ts";

const day = 86_400_000;
const compiled = (slo: string) =>
  compile(`services:\n  api:\n    command: node -v\n    slo: ${slo}\n`, "/tmp/prunella.yaml");
function slosOf(slo: string) {
  const result = compiled(slo);
  assert.ok(result.ok, JSON.stringify(result));
  return result.plan.targets[0]?.slos ?? [];
}
function problem(slo: string): string {
  const result = compiled(slo);
  assert.ok(!result.ok);
  return result.problems.map(({ line, field, rule, remedy }) => `${line} ${field} ${rule}; ${remedy}`).join("\n");
}

test("an objective is written as people say it", () => {
  assert.deepEqual(slosOf("{ availability: 99.9%, errors: 2%, p95: 3s, memory: 512MB, cpu: 70% }"), [
    { objective: "availability", goal: 0.999, limit: null, windowMs: 30 * day },
    { objective: "errors", goal: 0.98, limit: null, windowMs: 30 * day },
    { objective: "p95", goal: 0.95, limit: 3_000, windowMs: 30 * day },
    { objective: "memory", goal: 0.99, limit: 512e6, windowMs: 30 * day },
    { objective: "cpu", goal: 0.99, limit: 0.7, windowMs: 30 * day },
  ]);
  assert.deepEqual(slosOf("{ availability: 0.99, window: 7d }")[0], {
    objective: "availability",
    goal: 0.99,
    limit: null,
    windowMs: 7 * day,
  });
});

test("what cannot be an objective is refused with line, field, rule and remedy", () => {
  assert.match(
    problem("{ availability: 100% }"),
    /^4 services\.api\.slo\.availability leaves no error budget at all; write/,
  );
  assert.match(problem("{ availability: often }"), /is no share; write a percentage, such as 99\.9%/);
  assert.match(problem("{ errors: 0% }"), /leaves no error budget/);
  assert.match(problem("{ p95: quick }"), /slo\.p95 cannot be read; write for example 3s/);
  assert.match(problem("{ latency: 3s }"), /slo\.latency is not a known setting/);
  assert.match(problem("99%"), /must be a mapping; write for example slo/);
});

function slo(of: Partial<Slo>): Slo {
  return {
    target: "api",
    objective: "errors",
    goal: 0.98,
    limit: null,
    text: "98 % of requests without error",
    current: null,
    count: 0,
    of: 0,
    windowMs: 30 * day,
    budgetLeft: null,
    burnRates: [],
    state: "no-data",
    ...of,
  };
}

test("what is written as OpenSLO is read back as it was, and compiles to the same objectives", () => {
  const slos = [
    slo({}),
    slo({ objective: "availability", goal: 0.999 }),
    slo({ objective: "p95", goal: 0.95, limit: 250 }),
    slo({ objective: "memory", goal: 0.99, limit: 512_000_000 }),
    slo({ objective: "cpu", goal: 0.99, limit: 0.7 }),
    slo({ target: "web/1", windowMs: 7 * day }),
  ];
  const read = readOpenSlo(openSloText(slos));
  assert.deepEqual(read.problems, []);
  assert.deepEqual(
    read.slos,
    slos.map(({ target, objective, goal, limit, windowMs }) => ({ target, objective, goal, limit, windowMs })),
  );
  assert.match(
    sloConfiguration(read.slos),
    /"api": \{ slo: \{ errors: 2%, availability: 99\.9%, p95: 250ms, memory: 512000000B, cpu: 70%, window: 30d \} \}/,
  );
});

test("names are labels as the specification wants them", () => {
  const text = openSloText([slo({ target: "Ünïcode_Service/7".repeat(6) })]);
  const name = /^ {2}name: (.+)$/m.exec(text)?.[1] ?? "";
  assert.match(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  assert.ok(name.length <= 63);
});

const foreign = `apiVersion: openslo/v1
kind: SLI
metadata: { name: requests }
spec: { ratioMetric: { counter: true, bad: { metricSource: { type: Prometheus, spec: { query: 'sum(rate(http_requests_total{status=~"5.."}[5m]))' } } }, total: { metricSource: { type: Prometheus, spec: { query: x } } } } }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: checkout-errors }
spec:
  service: checkout
  indicatorRef: requests
  timeWindow: [{ duration: 4w, isRolling: true }]
  budgetingMethod: Timeslices
  objectives: [{ targetPercent: 99.5 }]
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: checkout-latency }
spec:
  service: checkout
  indicator: { metadata: { name: l }, spec: { thresholdMetric: { metricSource: { type: Prometheus, spec: { query: latency } } } } }
  objectives: [{ target: 0.95, op: lte, value: 0.4 }]
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: { name: pager }
---
apiVersion: openslo/v1alpha
kind: SLO
metadata: { name: old }
---
just text
`;

test("files of others are taken by what they plainly mean, and what is not taken is said", () => {
  const { slos, problems } = readOpenSlo(foreign);
  assert.deepEqual(slos, [
    { target: "checkout", objective: "errors", goal: 0.995, limit: null, windowMs: 28 * day },
    { target: "checkout", objective: "p95", goal: 0.95, limit: 400, windowMs: 30 * day },
  ]);
  assert.equal(problems.length, 4);
  assert.match(problems.join("\n"), /document 6 is no mapping/);
  assert.match(problems.join("\n"), /Timeslices.*taken as Occurrences/);
  assert.match(problems.join("\n"), /old: apiVersion is "openslo\/v1alpha"; only openslo\/v1 is read/);
});

test("a file that is no YAML, or a bomb of references, is refused in words", () => {
  assert.match(readOpenSlo("a: [").problems[0] ?? "", /no YAML/);
  const bomb = `a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n`;
  assert.equal(readOpenSlo(bomb).slos.length, 0);
  assert.equal(readOpenSlo(bomb).problems.length, 1);
});
