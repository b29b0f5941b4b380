import { completeIssueQuery, issueQueryCharactersMax, parseIssueQuery, withCompletion } from "@prunella/contract";
import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";

const check = (query: string, filter: object, ...problems: string[]): void => {
  const parsed = parseIssueQuery(query);
  assert.deepEqual(parsed.filter, filter, query);
  assert.deepEqual(
    parsed.problems.map((problem) => `${problem.at} ${problem.part}: ${problem.message.split(";")[0] ?? ""}`),
    problems,
    query,
  );
};

test("a query of the issue list says what it filters", () => {
  check("", {});
  check("   ", {});
  check("is:open severity:critical target:api heal:failed", {
    status: ["pending", "in-progress"],
    severity: ["critical"],
    selfHealing: ["suspended"],
    target: "api",
  });
  check("pool is:fixed EXHAUSTED", { status: ["fixed"], text: "pool EXHAUSTED" });
  check("is:fixed,ignored", { status: ["fixed", "ignored"] });
  check("is:fixed is:snoozed", { status: ["fixed", "snoozed"] });
  check("severity:critical,medium severity:low", { severity: ["critical", "medium", "low"] });
  check("is:needs-person is:assigned is:regressed", { needsPerson: true, assigned: true, regressed: true });
  check("is:unassigned", { assigned: false });
  check("kind:crash assignee:Zoë", { kind: "crash", assignee: "Zoë" });
  check("IS:Open Severity:LOW", { status: ["pending", "in-progress"], severity: ["low"] });
});

test("quotes keep blanks together and need not be closed", () => {
  check('target:"web front" "checkout failed"', { target: "web front", text: "checkout failed" });
  check('target:"web fro', { target: "web fro" });
});

test("a minus takes values away", () => {
  check("-is:fixed", { status: ["pending", "in-progress", "ignored", "snoozed"] });
  check("is:open -is:pending", { status: ["in-progress"] });
  check("is:fixed -is:fixed", { status: [] });
  check("-severity:low -is:needs-person", { severity: ["critical", "medium"], needsPerson: false });
  check("-word", { text: "-word" });
});

test("what is not understood is named with its place and filters nothing", () => {
  check(
    "is:open severity:dreadful",
    { status: ["pending", "in-progress"] },
    "8 severity:dreadful: severity:dreadful is not known",
  );
  check("colour:red", {}, "0 colour:red: colour is no field");
  check("target:", {}, "0 target:: target: has no value");
  check("-target:api", {}, "0 -target:api: -target cannot be negated");
  check("target:a target:b", { target: "a" }, "9 target:b: target is named twice");
  check("__proto__:x", { text: "__proto__:x" });
  check("constructor:x", {}, "0 constructor:x: constructor is no field");
  check(
    `${"a".repeat(issueQueryCharactersMax)}b`,
    { text: "a".repeat(issueQueryCharactersMax) },
    `${issueQueryCharactersMax} b: the query is longer than ${issueQueryCharactersMax} characters`,
  );
});

test("an address with a port is a word, not a field", () => {
  check("ECONNREFUSED 127.0.0.1:5432", { text: "ECONNREFUSED 127.0.0.1:5432" });
});

test("any text is parsed, and every problem names a part of it", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300, unit: "grapheme" }), (text) => {
      for (const problem of parseIssueQuery(text).problems) assert.ok(text.startsWith(problem.part, problem.at));
    }),
  );
});

test("fields and then values are offered for what is being typed", () => {
  const known = { targets: ["api", "web front"], kinds: ["crash"], assignees: ["Anna"] };
  assert.deepEqual(completeIssueQuery("", known), ["is:", "severity:", "heal:", "target:", "kind:", "assignee:"]);
  assert.deepEqual(completeIssueQuery("is:open se", known), ["severity:"]);
  assert.deepEqual(completeIssueQuery("severity:", known), ["severity:critical", "severity:medium", "severity:low"]);
  assert.deepEqual(completeIssueQuery("-is:f", known), ["-is:fixed"]);
  assert.deepEqual(completeIssueQuery("target:", known), ["target:api", 'target:"web front"']);
  assert.deepEqual(completeIssueQuery("target:api", known), [], "nothing is left to complete");
  assert.deepEqual(completeIssueQuery("assignee:a", known), ["assignee:Anna"]);
  assert.deepEqual(completeIssueQuery("colour:", known), []);
});

test("a completion takes the place of what was typed", () => {
  assert.equal(withCompletion("is:open se", "severity:"), "is:open severity:");
  assert.equal(withCompletion("is:open severity:c", "severity:critical"), "is:open severity:critical ");
  assert.equal(withCompletion("is:open ", "target:api"), "is:open target:api ");
});
