import { Argument, Command } from "commander";
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError, withQuery } from "../src/cli.ts";
import { coloured } from "../src/colour.ts";
import { candidates } from "../src/commands/completion.ts";
import { snoozeOf } from "../src/commands/issues.ts";
import { newLines } from "../src/commands/logs.ts";
import { periodOf } from "../src/commands/report.ts";

function program(): Command {
  const root = new Command("prunella").option("--data <dir>", "folder").option("--json", "as JSON");
  const issues = root.command("issues").option("--severity <severity>", "only these");
  issues.command("show <issue>");
  issues.command("merge <issue> <into>");
  root.command("hidden", { hidden: true });
  root.command("completion").addArgument(new Argument("<shell>").choices(["bash", "zsh"]));
  return root;
}
const ids = async (source: string) =>
  source === "issue" || source === "into"
    ? [
        { word: "CRIT-001", about: "a" },
        { word: "MED-002", about: "b" },
      ]
    : [];
const check = async (words: readonly string[], expected: readonly string[]): Promise<void> =>
  assert.deepEqual(
    (await candidates(program(), words, ids)).map(({ word }) => word),
    expected,
    words.join(" "),
  );

test("completion offers commands, options, choices and ids, each where it fits", async () => {
  await check([""], ["issues", "completion"]);
  await check(["is"], ["issues"]);
  await check(["issues", "show", "C"], ["CRIT-001"]);
  await check(["issues", "merge", "CRIT-001", ""], ["CRIT-001", "MED-002"]);
  await check(["issues", "--s"], ["--severity"]);
  await check(["--data", "/tmp", "iss"], ["issues"]);
  await check(["completion", "z"], ["zsh"]);
  await check(["issues", "--j"], ["--json"]);
  await check(["issues", "show", "CRIT-001", ""], []);
});

test("colours: the command line beats NO_COLOR, NO_COLOR beats the terminal", () => {
  assert.equal(coloured(undefined, true, {}), true);
  assert.equal(coloured(undefined, false, {}), false);
  assert.equal(coloured("auto", true, { NO_COLOR: "1" }), false);
  assert.equal(coloured("auto", true, { NO_COLOR: "" }), true);
  assert.equal(coloured("always", false, { NO_COLOR: "1" }), true);
  assert.equal(coloured(false, true, {}), false);
  assert.equal(coloured(undefined, true, { TERM: "dumb" }), false);
  assert.equal(coloured(undefined, false, { FORCE_COLOR: "1" }), true);
  assert.equal(coloured(undefined, true, { FORCE_COLOR: "0" }), false);
});

test("a snooze is said in exactly one way", () => {
  assert.deepEqual(snoozeOf("2h", {}), { forMs: 7_200_000 });
  assert.deepEqual(snoozeOf("2031-01-01T08:00:00Z", {}), { until: "2031-01-01T08:00:00.000Z" });
  assert.deepEqual(snoozeOf(undefined, { for: "30m" }), { forMs: 1_800_000 });
  assert.deepEqual(snoozeOf(undefined, { occurrences: "10" }), { occurrences: 10 });
  assert.deepEqual(snoozeOf(undefined, { worse: true }), { worse: true });
  assert.throws(() => snoozeOf(undefined, {}), UsageError);
  assert.throws(() => snoozeOf("2h", { worse: true }), UsageError);
  assert.throws(() => snoozeOf(undefined, { occurrences: "0" }), /--occurrences: "0" is no whole number from 1/);
  assert.throws(() => snoozeOf("soon", {}), /until: soon is no time; write one such as/);
});

test("a period is said in one way, and ends now unless it says otherwise", () => {
  const now = Date.parse("2031-01-10T00:00:00Z");
  assert.deepEqual(periodOf({}, 86_400_000, now), { from: "2031-01-09T00:00:00.000Z", to: "2031-01-10T00:00:00.000Z" });
  assert.deepEqual(periodOf({ last: "7d" }, 1, now), {
    from: "2031-01-03T00:00:00.000Z",
    to: "2031-01-10T00:00:00.000Z",
  });
  assert.deepEqual(periodOf({ from: "2031-01-01" }, 1, now).from, "2031-01-01T00:00:00.000Z");
  assert.throws(() => periodOf({ last: "7d", from: "2031-01-01" }, 1, now), UsageError);
  assert.throws(() => periodOf({ last: "a week" }, 1, now), /--last: a week is no duration/);
});

test("following a log prints each line once, in order, also when lines repeat", () => {
  const line = (text: string, stream = "out") => ({ stream, at: "", text });
  const known = [line("a"), line("b"), line("b")];
  assert.deepEqual(newLines(known, [...known, line("c")]), [line("c")]);
  assert.deepEqual(newLines(known, known), []);
  assert.deepEqual(newLines(known, [line("b"), line("b"), line("b")]), [line("b")]);
  assert.deepEqual(newLines([], known), known);
  assert.deepEqual(newLines(known, [line("x"), line("y")]), [line("x"), line("y")]);
  assert.deepEqual(newLines([line("a", "err")], [line("a"), line("a", "err"), line("z")]), [line("z")]);
});

test("a query leaves out what was not given and repeats lists", () => {
  assert.equal(withQuery("/x?a=1", { b: undefined, c: ["y", "z"], d: null, e: true }), "/x?a=1&c=y&c=z&e=true");
  assert.equal(withQuery("/x", {}), "/x");
});
