import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { logWatch, type LogWatch, type LogWatchResult, type LogWatchSnapshot } from "@prunella/detect";

const minute = 60_000;
const throughJson = (snapshot: LogWatchSnapshot): LogWatchSnapshot =>
  JSON.parse(JSON.stringify(snapshot)) as LogWatchSnapshot;

/** Plays `linesOf(minute)` evenly spread over each minute; the findings as "minute kind state template". */
function play(watch: LogWatch, minutes: number, linesOf: (at: number) => readonly string[], from = 0): string[] {
  const results: LogWatchResult[] = [];
  for (let at = from; at < from + minutes; at++) {
    const lines = linesOf(at);
    lines.forEach((line, i) => results.push(watch.line(line, at * minute + (i / lines.length) * minute)));
    results.push(watch.tick((at + 1) * minute - 1));
  }
  return results.flatMap(({ findings }) =>
    findings.map(({ at, kind, state, template }) => `${Math.floor(at / minute)} ${kind} ${state} ${template}`),
  );
}

const served = (at: number): string[] =>
  Array.from({ length: 20 }, (_, i) => `{"level":30,"msg":"served /orders/${at}${i} in ${i} ms"}`);

test("lines of a service become records with template, parameters and likeness of failure", () => {
  const watch = logWatch();
  watch.line('{"level":"info","msg":"order 17 placed by alice@example.com"}', 0);
  watch.line("2026-01-02T03:04:05Z ERROR cannot reach the database", 10);
  watch.line("Error: connect ECONNREFUSED 127.0.0.1:5432", 20);
  watch.line("    at connect (/app/src/db.js:10:5)", 21);
  const first = watch.line("the end", 30).records;
  assert.equal(first[0]?.record.stack?.includes("db.js"), true);
  assert.ok(first[0].errorLikeness.score >= 0.5);
  assert.equal(watch.template(first[0].template), "Error: connect ECONNREFUSED <*>");
  const last = watch.tick(10_000).records;
  assert.deepEqual(
    last.map(({ record, isNew, at, errorLikeness }) => [record.message, isNew, at, errorLikeness.score]),
    [["the end", true, 30, 0]],
  );
});

test("a failure never seen before is a finding that names its template", () => {
  const findings = play(logWatch(), 20, (at) => [
    ...served(at),
    ...(at === 15 ? ["payment of order 99 failed: card refused"] : []),
  ]);
  assert.deepEqual(findings, ["15 new-template firing payment of order <*> failed: card refused"]);
});

test("templates that turn out to be one neither disappear nor rise", () => {
  const names = "alpha bravo carol delta eager fancy grand hotel india juliet".split(" ");
  // Seven names for half an hour; the eighth is news, and with the ninth it shows that names are values.
  const findings = play(logWatch(), 120, (at) => [
    ...served(at),
    ...Array.from(
      { length: 24 },
      (_, i) => `scheduler moved task ${names[i % (at < 30 ? 7 : names.length)]!} into the waiting room`,
    ),
  ]);
  assert.deepEqual(findings, ["30 new-template firing scheduler moved task hotel into the waiting room"]);
});

test("a watch that was written and read goes on the same, wherever it was cut", () => {
  const word = fc.constantFrom("order", "placed", "failed", "17", "x=1", "at main (a.js:1:2)", "{", "Error: no", "");
  const line = fc.array(word, { maxLength: 6 }).map((words) => words.join(" "));
  const step = fc.tuple(line, fc.integer({ min: -1_000, max: 90_000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(80), (steps, cut) => {
      const through = logWatch();
      let stopped = logWatch();
      let now = 0;
      for (const [i, [text, passed]] of steps.entries()) {
        now += passed;
        if (i === cut) stopped = logWatch({}, throughJson(stopped.snapshot()));
        assert.deepEqual(stopped.line(text, now), through.line(text, now));
        assert.deepEqual(stopped.tick(now), through.tick(now));
      }
      assert.deepEqual(throughJson(stopped.snapshot()), throughJson(through.snapshot()));
    }),
  );
});

test("what varies in a template may be what tells a failure", () => {
  const watch = logWatch();
  const scores = ["order 17 was placed", "order 18 was refused", "order 19 was placed"].map(
    (text, at) => watch.line(text, at * 10).records[0]?.errorLikeness.score,
  );
  assert.deepEqual([...scores.slice(1), watch.tick(10_000).records[0]?.errorLikeness.score], [0, 0.5, 0]);
});

test("hostile lines are read in bounded memory and never throw", () => {
  const watch = logWatch({ templatesMax: 100 });
  const lines = [
    "x".repeat(1_000_000),
    "[".repeat(1_000_000),
    `{"msg":${"[".repeat(100_000)}`,
    `{"msg":"${"\\u0000".repeat(1000)}"}`,
    "a=".repeat(100_000),
    "\u0000\uFFFF\uD800",
    ...Array.from(
      { length: 3_000 },
      (_, i) => `unique${"abcdefghij"[i % 10]!.repeat(1 + (i % 97))} words ${i}x number`,
    ),
  ];
  for (const [i, line] of lines.entries()) watch.line(line, i * 1_000);
  const { miner, watch: rates, joiner } = watch.snapshot();
  assert.ok(miner.templates.length <= 100, `${miner.templates.length} templates`);
  assert.ok(rates.templates.length <= 100, `${rates.templates.length} watched`);
  assert.ok(JSON.stringify(joiner).length < 100_000);
});

test("a snapshot of another version is refused in words", () => {
  const snapshot = { ...logWatch().snapshot(), version: 2 } as unknown as LogWatchSnapshot;
  assert.throws(() => logWatch({}, snapshot), /snapshot\.version must be 1, not 2/);
});
