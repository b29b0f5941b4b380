import type { Issue, Repair, Status, Target } from "@prunella/contract";
import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { bare } from "../src/cli.ts";
import { columnsOf } from "../src/screen/lines.ts";
import { statusLines } from "../src/screen/status.ts";
import { emptyModel, frame, press, type Model } from "../src/screen/top.ts";

const time = "2031-01-02T03:04:05.000Z";
const plain = (_tone: string, text: string): string => text;
const painted = (_tone: string, text: string): string => (text === "" ? "" : `\u001b[31m${text}\u001b[39m`);

function issue(id: string, title: string): Issue {
  return {
    id,
    severity: "critical",
    class: "fault",
    title,
    status: "in-progress",
    regressed: false,
    target: "api",
    kind: "crash",
    distinguisher: "",
    selfHealing: "active",
    needsPerson: title,
    rootCause: null,
    solution: null,
    assignee: null,
    occurrences: 1,
    firstSeen: time,
    lastSeen: time,
    fixedAt: null,
    snoozedUntil: null,
    incident: null,
    mergedInto: null,
    origin: "found",
    grouping: null,
    acknowledged: null,
    escalationStep: null,
  };
}
function repair(id: string, why: string): Repair {
  return {
    id,
    incident: null,
    issue: null,
    target: "api",
    group: "api",
    remedy: "restart",
    plan: [why],
    undo: null,
    state: "proposed",
    outcome: null,
    attempt: 1,
    disruptive: true,
    createdAt: time,
    startedAt: time,
    dueAt: null,
    expiresAt: null,
    endedAt: null,
    verifyMs: 1,
    steps: [],
    approvedBy: null,
    recurredAt: null,
    why,
  };
}
function target(key: string, state: Target["state"]): Target {
  return {
    key,
    kind: "service",
    group: key,
    state,
    stateSince: time,
    pid: 123_456,
    startedAt: time,
    dependsOn: [],
    checks: [],
    values: { rssBytes: 1e8, cpuShare: 0.5 },
    openIssues: ["CRIT-001"],
    repair: null,
    paused: null,
    maintenance: null,
    labels: {},
  };
}
function status(of: Partial<Status> = {}): Status {
  return {
    at: time,
    verdict: "needs-person",
    summary: "3 issues need a person.",
    paused: null,
    storm: null,
    maintenance: [],
    targets: {},
    stages: {},
    needsPerson: [],
    approvals: [],
    healing: [],
    openIssues: 3,
    itself: {
      version: "1",
      pid: 1,
      startedAt: time,
      agentConnected: true,
      detectionAgeMs: 1,
      healingAgeMs: 1,
      signalsWaiting: 0,
      signalsTaken: 0,
      signalsShed: 0,
      effectsInFlight: 0,
      storeFailures: 0,
      storeBytes: 0,
      rssBytes: 0,
    },
    ...of,
  };
}

const word = fc.oneof(
  fc.string({ maxLength: 90 }),
  fc.constantFrom("名前が長い".repeat(20), "\u001b[2J\u0007", "a b ".repeat(60)),
);
const states = ["healthy", "down", "failing", "healing", "unknown"] as const;

test("a status never takes more lines or columns than the screen has, whatever there is to say", () => {
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 40 }),
      fc.array(word, { maxLength: 40 }),
      fc.array(word, { maxLength: 60 }),
      word,
      fc.integer({ min: 10, max: 60 }),
      fc.integer({ min: 30, max: 160 }),
      fc.boolean(),
      (needs, approvals, keys, summary, rows, columns, colour) => {
        const lines = statusLines(
          status({
            summary,
            needsPerson: needs.map((text, at) => issue(`CRIT-${at}`, text)),
            approvals: approvals.map((text, at) => repair(`REP-${at}`, text)),
            healing: approvals.map((text, at) => repair(`REP-${at}`, text)),
          }),
          keys.map((key, at) => target(key, states[at % states.length] ?? "healthy")),
          { rows, columns },
          colour ? painted : plain,
        );
        assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
        for (const line of lines) {
          assert.ok(columnsOf(line) <= columns, `${columnsOf(line)} columns: ${JSON.stringify(line)}`);
          assert.doesNotMatch(bare(line), /[\u0000-\u001f\u007f-\u009f]/);
        }
      },
    ),
  );
});

test("on 24 x 80 what needs a person is seen beside a hundred targets, and what is hidden is counted", () => {
  const lines = statusLines(
    status({ needsPerson: [issue("CRIT-001", "the disk is full")], approvals: [repair("REP-7", "restart it")] }),
    Array.from({ length: 100 }, (_, at) => target(`service-${at}`, at === 50 ? "down" : "healthy")),
    { rows: 24, columns: 80 },
    plain,
  );
  const screen = lines.join("\n");
  assert.ok(lines.length <= 24);
  assert.match(screen, /CRIT-001 the disk is full/);
  assert.match(screen, /REP-7 .*repairs approve REP-7/);
  assert.match(screen, /service-50 +down/);
  const shown = lines.filter((line) => line.includes("service-")).length;
  assert.match(screen, new RegExp(`and ${100 - shown} more: prunella targets`));
});

test("a frame of top is exactly as large as the screen", () => {
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 30 }),
      fc.constantFrom("targets", "issues", "repairs"),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 200 }),
      fc.boolean(),
      fc.option(fc.array(word, { maxLength: 30 })),
      (words, pane, rows, columns, help, opened) => {
        const model: Model = {
          ...emptyModel,
          status: status(),
          pane: pane as Model["pane"],
          targets: words.map((text) => target(text, "healthy")),
          issues: words.map((text, at) => issue(`CRIT-${at}`, text)),
          repairs: words.map((text, at) => repair(`REP-${at}`, text)),
          selected: { targets: 999, issues: 3, repairs: 0 },
          help,
          opened,
        };
        const lines = frame(model, { rows, columns }, painted);
        assert.equal(lines.length, rows);
        for (const line of lines) {
          assert.equal(columnsOf(line), columns, JSON.stringify(line));
          assert.doesNotMatch(bare(line), /[\u0000-\u001f\u007f-\u009f]/);
        }
      },
    ),
  );
});

test("the chosen row stays in sight and never leaves the list", () => {
  let model: Model = {
    ...emptyModel,
    status: status(),
    targets: Array.from({ length: 50 }, (_, at) => target(`t${at}`, "healthy")),
  };
  const seen = (): string => frame(model, { rows: 12, columns: 80 }, plain).find((line) => line.startsWith("> ")) ?? "";
  for (const [key, expected] of [
    ["end", "t49"],
    ["down", "t49"],
    ["up", "t48"],
    ["home", "t0"],
    ["up", "t0"],
    ["pagedown", "t6"],
  ] as const) {
    model = press(model, key, 6);
    assert.match(seen(), new RegExp(`^> ${expected} `));
  }
});

test("what cannot be asked is said, with the age of what is shown", () => {
  const lines = frame(
    { ...emptyModel, status: status(), trouble: "the control plane does not answer" },
    { rows: 12, columns: 100 },
    plain,
  );
  assert.match(lines[0] ?? "", /does not answer; what follows is from 03:04:05 UTC/);
});
