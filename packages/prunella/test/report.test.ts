import type { Report } from "@prunella/contract";
import { claimedRate } from "@prunella/core";
import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { issuesMarkdown, readIssues, reportHtml, reportMarkdown } from "../src/report/index.ts";
import { asLongRun } from "../src/sources.ts";

const time = "2031-01-02T03:04:05.000Z";
const none = { share: null, count: 0, of: 0, low: null, high: null };
const unproved = { proved: false, by: null, at: null };

function reportWith(text: string): Report {
  const row: Report["matrix"][number] = {
    id: "CRIT-001",
    origin: "found",
    severity: "critical",
    title: text === "" ? "x" : text,
    target: text,
    status: "fixed",
    regressed: true,
    remark: text,
    selfHealing: "active",
    rootCause: text,
    solution: text,
    occurrences: 2,
    proof: { at: time, kind: "incident", by: "INC-1", text },
  };
  return {
    at: time,
    from: time,
    to: "2031-01-03T03:04:05.000Z",
    previous: { from: time, to: time },
    summary: {
      total: 1,
      byStatus: { fixed: 1 },
      needsPerson: 0,
      selfHealingActive: 1,
      incidents: 1,
      incidentsBefore: 0,
      selfHealingCoverage: { share: 0.75, count: 3, of: 4, low: 0.3, high: 0.95 },
      automatedDetection: 1,
      automatedRepair: 1,
      monitoring: none,
    },
    matrix: [row],
    catalogue: [{ ...row, id: "MED-001", origin: "catalogue" }],
    issues: [
      {
        row,
        claim: {
          id: "CRIT-001",
          severity: "critical",
          title: "x",
          status: "fixed",
          selfHealing: "none",
          rootCause: null,
          solution: null,
          sections: { Verification: text, Text: text },
        },
        kind: "crash",
        firstSeen: time,
        lastSeen: time,
        incidentsInPeriod: 3,
        incidents: [
          {
            id: "INC-1",
            issue: "CRIT-001",
            target: text,
            kind: "crash",
            severity: "critical",
            summary: text,
            state: "ended",
            beganAt: time,
            detectedAt: time,
            diagnosedAt: null,
            repairStartedAt: null,
            recoveredAt: time,
            endedAt: time,
            outcome: "escalated",
            recoveredBy: null,
            firing: false,
            causedBy: null,
            remedy: null,
            attempts: 0,
            rootCause: text,
            evidence: [],
            escalation: text,
            blockedBy: null,
            drill: false,
            verdict: null,
            detectionMs: 12,
            repairMs: 1_200,
          },
        ],
      },
    ],
    sectionsLeftOut: 2,
    layers: [{ name: "detection", share: 0.5, count: 1, of: 2, low: 0.1, high: 0.9, parts: ["health checks"] }],
    modes: [
      {
        id: "CRIT-001",
        title: text,
        origin: "issue",
        layers: { detection: unproved, prevention: unproved, repair: unproved, monitoring: unproved },
      },
    ],
    kpis: [
      {
        name: "auto-recovery rate",
        group: "self-healing",
        target: "> 80 %",
        value: "75.0 %",
        measured: 0.75,
        count: 3,
        of: 4,
        low: 0.3,
        high: 0.95,
        met: false,
        previous: "50.0 %",
      },
    ],
    drills: [],
    detection: { count: 0, p50Ms: null, p90Ms: null, maxMs: null },
    repair: { count: 0, p50Ms: null, p90Ms: null, maxMs: null },
    targets: [
      { target: text, availability: none, errorRate: none, latencyMsP95: 3, memoryBytesMax: 1e8, cpuShareMean: 0.1 },
    ],
    slos: [
      {
        target: text,
        objective: "errors",
        goal: 0.98,
        limit: null,
        text,
        current: 0.9,
        count: 9,
        of: 10,
        windowMs: 86_400_000,
        budgetLeft: -4,
        burnRates: [],
        state: "exhausted",
      },
    ],
    longRuns: [
      {
        kind: "soak",
        at: time,
        coveredMs: 60_000,
        passed: true,
        summary: text,
        figures: [{ name: text, value: text }],
        rates: [{ name: text, share: 0.5, count: 1, of: 2, low: 0.1, high: 0.9 }],
        command: text,
      },
    ],
    nextActions: [{ urgency: "now", kind: "kpi", about: text, text }],
  };
}

const nasty = "<script>alert(1)</script> \"' & | `x` [a](javascript:b) ![i](http://x) \u202e\u0007 </style>";

test("whatever an issue says, the page holds no script, no foreign element and no request", () => {
  fc.assert(
    fc.property(fc.oneof(fc.constant(nasty), fc.string()), (text) => {
      const page = reportHtml(reportWith(text));
      const elements = new Set([...page.matchAll(/<\/?([a-zA-Z!][a-zA-Z0-9]*)/g)].map((match) => match[1]));
      for (const element of elements)
        assert.ok(
          "!doctype html head meta title style body header h1 h2 h3 h4 p main div b table thead tbody tr th td section strong pre ol li figure figcaption svg rect line circle text".includes(
            element ?? "?",
          ),
          element,
        );
      assert.doesNotMatch(page, /<[^>]*\son\w+=/i);
      assert.doesNotMatch(page, /(?:src|href)=|url\(|@import/i);
      assert.doesNotMatch(page, /[\u0000-\u0008\u202e]/);
    }),
  );
});

test("the page forbids scripts and requests by its own policy and says what it counted", () => {
  const page = reportHtml(reportWith("plain"));
  assert.match(page, /Content-Security-Policy" content="default-src &#39;none&#39;; style-src/);
  assert.match(page, /75\.0 % \(3 of 4, 95 % interval 30–95 %\)/);
  assert.match(page, /<svg/);
  assert.match(page, /@media print/);
});

test("the Markdown of a report can be imported, and its issues are a fixed point", () => {
  fc.assert(
    fc.property(fc.oneof(fc.constant(nasty), fc.string()), (text) => {
      const read = readIssues(reportMarkdown(reportWith(text)));
      const claims = read.rows.flatMap(({ claim }) => (claim === null ? [] : [claim]));
      assert.deepEqual(
        readIssues(issuesMarkdown(claims)).rows.map(({ claim }) => claim),
        claims,
      );
    }),
  );
});

test("a claim in a report is named one, and imported again it is the part it was", () => {
  const markdown = reportMarkdown(reportWith("all rejected"));
  assert.match(markdown, /\*\*Claimed \(Verification\):\*\* all rejected/);
  const [row] = readIssues(markdown).rows;
  assert.equal(row?.claim?.sections["Verification"], "all rejected");
});

test("untrusted text is no markup in Markdown", () => {
  const markdown = reportMarkdown(reportWith(nasty));
  assert.doesNotMatch(markdown, /(?<!\\)<script/);
  assert.doesNotMatch(markdown, /(?<!\\)\]\(javascript/);
});

test("a recorded run is taken only when every field is one", () => {
  const run = {
    kind: "soak",
    at: 1,
    coveredMs: 2,
    passed: true,
    summary: "s",
    figures: [{ name: "a", value: "b" }],
    rates: [{ name: "recovered", count: 3, of: 4 }],
    command: "c",
  };
  assert.deepEqual(asLongRun(run), run);
  for (const field of Object.keys(run)) assert.equal(asLongRun({ ...run, [field]: {} }), null, field);
  assert.equal(asLongRun(null), null);
  const { rates, ...older } = run;
  assert.deepEqual(asLongRun(older)?.rates, [], "records of before counts were kept are taken");
  assert.deepEqual(asLongRun({ ...run, rates: [...rates, { name: "more than all", count: 5, of: 4 }, null] }), run);
});

test("what a long run counted is told with its share and interval, whatever the number of cases", () => {
  const { share, count, of, interval } = claimedRate(0, 400);
  const [low, high] = interval ?? [null, null];
  const rates = [{ name: "false positives among incidents", share, count, of, low, high }];
  const report = reportWith("x");
  const withRates = { ...report, longRuns: report.longRuns.map((run) => ({ ...run, rates })) };
  assert.match(
    reportMarkdown(withRates),
    /false positives among incidents: 0\.0 % \(0 of 400, 95 % interval 0\.0–1\.0 %\)/,
  );
  assert.match(
    reportHtml(withRates),
    /false positives among incidents: 0\.0 % \(0 of 400, 95 % interval 0\.0–1\.0 %\)/,
  );
});
