import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LineJoiner, type LineJoinerSnapshot } from "@prunella/detect";

/** Text with one line each 10 ms; records are expected as text with "---" between them. */
function check(input: string, expected: string): void {
  const joiner = new LineJoiner();
  const records = input.split("\n").flatMap((line, at) => joiner.add(line, at * 10));
  records.push(...joiner.end());
  assert.equal(records.map(({ text }) => text).join("\n---\n"), expected);
}

test("plain lines are records of their own", () => {
  check("one\ntwo\n\nthree", "one\n---\ntwo\n---\nthree");
});

test("a V8 stack with its cause is one record", () => {
  const stack = `TypeError: x is not a function
    at f (/app/a.js:1:2)
    at async g (/app/b.js:3:4) {
  [cause]: Error: inner
      at h (/app/c.js:5:6)
}`;
  check(`listening\n${stack}\nnext`, `listening\n---\n${stack}\n---\nnext`);
});

test("an uncaught error with its source excerpt is one record", () => {
  const crash = `/app/a.js:10
    throw new Error("x");
    ^

Error: x
    at main (/app/a.js:10:11)

Node.js v24.1.0`;
  check(`${crash}\nrestarted`, `${crash}\n---\nrestarted`);
});

test("a Python traceback joins the line that announces it and the exception that ends it", () => {
  const record = `request failed
Traceback (most recent call last):
  File "/a.py", line 1, in f
    g()
OSError: x

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/a.py", line 9, in h
    f()
app.StartupError: no start`;
  check(`${record}\nnext request`, `${record}\n---\nnext request`);
});

test("a JVM stack with suppressed and caused-by parts is one record", () => {
  const record = `java.lang.RuntimeException: a
\tat com.example.A.b(A.java:1)
\tSuppressed: java.io.IOException: c
\t\tat com.example.C.close(C.java:2)
\t... 3 more
Caused by: java.sql.SQLException: d
\tat com.example.D.e(D.java:4)`;
  check(`${record}\nINFO next`, `${record}\n---\nINFO next`);
});

test("a Go panic with its goroutines is one record", () => {
  const record = `panic: boom

goroutine 1 [running]:
main.f(0x1)
\t/app/main.go:10 +0x1d
created by main.g in goroutine 5
\t/app/main.go:20 +0x99
exit status 2`;
  check(`${record}\nnext`, `${record}\n---\nnext`);
});

test("a pause longer than quietMs ends a record, and flush gives it out", () => {
  const joiner = new LineJoiner({ quietMs: 100 });
  joiner.add("Error: x", 0);
  joiner.add("    at f (a.js:1:2)", 10);
  assert.deepEqual(joiner.flush(50), []);
  assert.deepEqual(joiner.flush(110), [
    { text: "Error: x\n    at f (a.js:1:2)", lines: 2, firstAt: 0, lastAt: 10, dropped: 0 },
  ]);
  assert.deepEqual(joiner.add("    at late (b.js:1:2)", 500), []);
  assert.equal(joiner.end()[0]?.lines, 1);
});

test("lines and characters of a record are bounded and the rest is counted", () => {
  const joiner = new LineJoiner({ linesMax: 3, charactersMax: 40 });
  joiner.add("Error: x", 0);
  for (let at = 0; at < 10; at += 1) joiner.add(`    at f${String(at)} (a.js:1:2)`, at);
  const [record] = joiner.end();
  assert.ok(record!.lines <= 3);
  assert.ok(record!.text.length <= 42);
  assert.ok(record!.dropped >= 8);
});

test("options that are no positive number are refused by name", () => {
  assert.throws(() => new LineJoiner({ quietMs: 0 }), /quietMs must be 1 or more/);
});

test("no line is lost and a written joiner goes on as the first", () => {
  const line = fc.constantFrom(
    "a",
    "  b",
    "Error: x",
    "    at f (a.js:1:2)",
    "",
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in f',
    "ValueError: y",
    "}",
    "Caused by: z",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), fc.array(line, { maxLength: 30 }), (before, after) => {
      const joiner = new LineJoiner();
      const records = before.flatMap((each, at) => joiner.add(each, at));
      const twin = LineJoiner.restore(JSON.parse(JSON.stringify(joiner.snapshot())) as LineJoinerSnapshot);
      const rest = after.flatMap((each, at) => joiner.add(each, 100 + at));
      assert.deepEqual(
        after.flatMap((each, at) => twin.add(each, 100 + at)),
        rest,
      );
      records.push(...rest, ...joiner.end());
      const kept = records.flatMap(({ text }) => text.split("\n")).filter((each) => each !== "");
      assert.deepEqual(
        kept,
        [...before, ...after].filter((each) => each.trim() !== ""),
      );
    }),
  );
});
