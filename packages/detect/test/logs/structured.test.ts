import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { errorLikeness, levelOf, readLogRecord } from "@prunella/detect";

test("JSON records give message, level, time, fields and stack", () => {
  const record = readLogRecord(
    '{"level":50,"time":1700000000123,"msg":"boom","err":{"type":"Error","stack":"Error: x\\n    at f (a.js:1:2)"},"user":"al","ok":true}',
  );
  assert.equal(record.format, "json");
  assert.equal(record.message, "boom");
  assert.equal(record.level, "error");
  assert.equal(record.time, 1_700_000_000_123);
  assert.equal(record.stack, "Error: x\n    at f (a.js:1:2)");
  assert.deepEqual({ ...record.fields }, { "err.type": "Error", user: "al", ok: true });
});

test("logfmt records are recognised by a known key", () => {
  const record = readLogRecord('ts=2026-01-02T03:04:05Z level=warn msg="slow \\"query\\"" took=1.5 ok=true');
  assert.equal(record.format, "logfmt");
  assert.equal(record.message, 'slow "query"');
  assert.equal(record.level, "warn");
  assert.equal(record.time, Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.deepEqual({ ...record.fields }, { took: 1.5, ok: true });
});

test("pairs without a known key, prose and broken JSON are text", () => {
  for (const text of ["a=1 b=2", "x = 3 is set", '{"a":', "[1,2]", ""]) {
    const record = readLogRecord(text);
    assert.equal(record.format, "text");
    assert.equal(record.message, text);
  }
});

test("headers of text lines are taken off", () => {
  const table: readonly (readonly [string, string, string | undefined])[] = [
    ["2026-01-02T03:04:05.678Z ERROR it broke", "it broke", "error"],
    ["[2026-01-02 03:04:05] [warn] it creaks", "it creaks", "warn"],
    ["2026-01-02 03:04:05,678 - INFO - fine", "fine", "info"],
    ["Jan  2 03:04:05 host app[12]: hello", "app[12]: hello", undefined],
    ["E0102 03:04:05.678901       1 main.go:12] no route", "no route", "error"],
    ["WARN: low space", "low space", "warn"],
    ["Error: x is not a function", "Error: x is not a function", undefined],
    ["ERROR IN TRANSIT", "ERROR IN TRANSIT", undefined],
    ["ERROR it broke", "it broke", "error"],
    ["information for all", "information for all", undefined],
  ];
  for (const [line, message, level] of table) {
    const record = readLogRecord(line);
    assert.equal(record.message, message);
    assert.equal(record.level, level, line);
  }
});

test("a stack below the first line is found", () => {
  const text = "2026-01-02T03:04:05Z ERROR request failed\nTypeError: x\n    at f (a.js:1:2)";
  assert.equal(readLogRecord(text).stack, text);
  assert.equal(readLogRecord(text).message, "request failed");
});

test("reading never throws and bounds the fields", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const record = readLogRecord(text);
      assert.ok(Object.keys(record.fields).length <= 64);
    }),
  );
  const wide = JSON.stringify(
    Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${String(at)}`, "v".repeat(2000)])),
  );
  const { fields } = readLogRecord(wide);
  assert.equal(Object.keys(fields).length, 64);
  assert.ok(Object.values(fields).every((value) => String(value).length <= 1024));
});

test("keys of objects' prototypes are ordinary keys", () => {
  assert.deepEqual(
    { ...readLogRecord('{"__proto__":1,"constructor":2,"msg":"x"}').fields },
    JSON.parse('{"__proto__":1,"constructor":2}'),
  );
});

test("levels are words and numbers of the common loggers", () => {
  assert.equal(levelOf("WARNING"), "warn");
  assert.equal(levelOf(60), "fatal");
  assert.equal(levelOf("toString"), undefined);
  assert.equal(levelOf(200), undefined);
});

test("failures are recognised without a level, harmless lines with one are weighed", () => {
  const failures = [
    "connect ECONNREFUSED 10.0.0.1:5432",
    "Connection refused by peer",
    "java.lang.OutOfMemoryError: Java heap space",
    "worker crashed, restarting",
    "cannot open file",
    "request timed out after 30 s",
    "No such file or directory",
  ];
  const fine = [
    "0 errors, 12 warnings",
    "finished without errors",
    "request done error=null",
    "timeout set to 30 s",
    "listening on port 80",
    "backup finished, failed: 0",
    "no errors found",
    "information updated",
  ];
  for (const text of failures) assert.ok(errorLikeness(text).score >= 0.5, text);
  for (const text of fine)
    assert.ok(errorLikeness(text).score < 0.5, `${text}: ${JSON.stringify(errorLikeness(text))}`);
  assert.ok(errorLikeness("all good", "error").score >= 0.5);
  assert.ok(errorLikeness("something went wrong", "info", true).score >= 0.5);
  assert.ok(errorLikeness("retry failed", "debug").score < 0.5);
});
