import type { Claim } from "@prunella/contract";
import * as fc from "fast-check";
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { mendEncoding } from "../src/report/encoding.ts";
import { issuesMarkdown, readIssues } from "../src/report/index.ts";
import { escapeBody, escapeText, unescapeBody, unescapeText } from "../src/report/markdown.ts";

const claimsOf = (text: string): Claim[] =>
  readIssues(text).rows.flatMap(({ claim }) => (claim === null ? [] : [claim]));

/** UTF-8 bytes read as Windows-1252, the way it happens to files. */
function damage(text: string): string {
  return new TextDecoder("windows-1252").decode(Buffer.from(text));
}

// Text that tries to break out: markup, structure, escapes, fences, entities, wide and damaged characters.
const piece = fc.oneof(
  fc.constantFrom(
    ..."|\\`*_#<>&[]()!~$-+=:;.\n \"'".split(""),
    "```",
    "~~~",
    "---",
    "### CRIT-001: x",
    "**Status:** fixed",
    "**Root Cause:**",
    "| CRIT-002 | Low | x |",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[a]: http://x",
    "&lt;",
    "&amp;lt;",
    "\\\\|",
    "✅",
    "â³",
    damage("✅"),
    "ß",
    "名",
    "\t",
    "\u0000",
  ),
  fc.string({ maxLength: 6 }),
);
const anyText = fc.array(piece, { maxLength: 14 }).map((parts) => parts.join(""));
const anyDocument = fc
  .array(
    fc.oneof(
      anyText,
      fc
        .tuple(anyText, anyText, anyText)
        .map(([a, b, c]) => `| CRIT-001 | Critical | ${a} | ${b} | Active | ${c} | x |`),
      fc.constantFrom(
        "| ID | Severity | Issue | Status | Self-Healing | Root Cause | Solution |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| MED-001 | Medium | Slow | ✅ Fixed | 🔄 Planned | a | b |",
        "### MED-001: Slow",
        "#### LOW-002: Other",
        "**Verification:**",
        "**Effort:** 4 hours  ",
        "- item",
        "```python",
        "```",
        "",
      ),
    ),
    { maxLength: 30 },
  )
  .map((lines) => lines.join("\n"));

test("import, export, import is a fixed point for any document", () => {
  fc.assert(
    fc.property(anyDocument, (document) => {
      const first = claimsOf(document);
      const exported = issuesMarkdown(first);
      assert.deepEqual(claimsOf(exported), first);
      assert.equal(issuesMarkdown(claimsOf(exported)), exported);
    }),
    { numRuns: 1_500 },
  );
});

test("a table cell is read back as it was written, whatever it holds", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const line = text.replaceAll(/\s*[\r\n]+\s*/g, " ");
      assert.equal(unescapeText(escapeText(text)), line);
    }),
  );
});

test("running text is read back as it was written, whatever it holds", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(unescapeBody(escapeBody(text)), text);
    }),
    { numRuns: 1_000 },
  );
});

test("no tag and no link target leaves in running text", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const prose = escapeBody(text.replaceAll(/`{3,}|~{3,}/g, ""));
      assert.ok(!prose.includes("<"), prose);
      assert.ok(!prose.includes("]("), prose);
    }),
  );
});

test("damage by reading UTF-8 as Windows-1252 is mended, also twice over; sound text stays", () => {
  const text = "✅ Fixed – “quoted” … naïve 名前 🔄";
  assert.equal(mendEncoding(damage(text)).text, text);
  assert.equal(mendEncoding(damage(damage(text))).text, text);
  assert.deepEqual(mendEncoding(text), { text, count: 0 });
  assert.equal(mendEncoding("Größe, café, Ã alone, 5 € – ok").text, "Größe, café, Ã alone, 5 € – ok");
});

test("an hourglass whose undefined byte was dropped on the way is mended", () => {
  assert.deepEqual(mendEncoding("â³ Pending"), { text: "⏳ Pending", count: 1 });
});

test("each row says what was read otherwise, or why it was not taken", () => {
  const { rows } = readIssues(
    [
      "| ID | Severity | Issue | Status | Self-Healing | Root Cause | Solution |",
      "| --- | --- | --- | --- | --- | --- | --- |",
      "| CRIT-001 | Severe | A | Done | ✅ Active | r | s |",
      "| 17 | Low | B | Fixed | None | r | s |",
      "| LOW-001 | Low |  | Fixed | None | r | s |",
      "| CRIT-001 | Critical | C | Fixed | None | r | s |",
    ].join("\n"),
  );
  assert.deepEqual(
    rows.map((row) => [row.line, row.claim?.severity ?? null, row.claim?.status ?? null]),
    [
      [3, "critical", "pending"],
      [4, null, null],
      [5, null, null],
      [6, null, null],
    ],
  );
  assert.match(rows[0]?.notes.join() ?? "", /severity "Severe" is not known.*status "Done" is not one of/);
  assert.match(rows[1]?.notes.join() ?? "", /is no id; write one like CRIT-001/);
  assert.match(rows[3]?.notes.join() ?? "", /line 3 already/);
});

test("parts of a report that are figures of another system are left, and said", () => {
  const { rows, left } = readIssues(
    "## Executive Summary\n\nx\n\n## Metrics and KPIs\n\n| Metric | Target |\n| - | - |\n| Availability | 99 |",
  );
  assert.equal(rows.length, 0);
  assert.deepEqual(
    left.map((part) => part.heading),
    ["Executive Summary", "Metrics and KPIs"],
  );
});

const realReport = process.env["PRUNELLA_STATUS_REPORT"] ?? "";

test(
  "a real report of 21 rows is read whole, and is a fixed point",
  { skip: existsSync(realReport) ? false : "PRUNELLA_STATUS_REPORT names no file" },
  () => {
    const read = readIssues(readFileSync(realReport, "utf8"));
    assert.ok(read.mended > 0);
    assert.equal(read.rows.length, 21);
    const claims = read.rows.map(({ claim }) => claim);
    assert.ok(!claims.includes(null));
    assert.deepEqual(claimsOf(issuesMarkdown(claims as Claim[])), claims);
  },
);
