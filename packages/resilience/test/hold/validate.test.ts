import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { InvalidInputError, isSqlIdentifier, validate } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

type Check = "sourceId" | "intervalMs" | "url" | "sqlIdentifier";
function refused(check: Check, inputs: readonly unknown[]): void {
  const own = validate({ system: manualSystem() });
  for (const input of inputs)
    assert.throws(
      () => own[check](input, "field x"),
      (error) => error instanceof InvalidInputError && error.field === "field x" && error.message.includes(error.rule),
      JSON.stringify(input),
    );
  assert.equal(own.snapshot().counts["refused"], inputs.length);
}
const notText = [undefined, null, 1, {}, [], ["a"], true, () => "a", Symbol("a")];

test("CRIT-003: unchecked parameters pass anything on; checked ones are refused by field and rule, and counted", () => {
  const unchecked = (id: unknown): string => `/data/${String(id)}`;
  assert.equal(unchecked("../etc/passwd"), "/data/../etc/passwd");
  refused("sourceId", [...notText, "", "a b", "../etc/passwd", "a\n", "ä", "a;b", "a/b", "a".repeat(201), "％"]);
});

test("CRIT-003: intervals below 60 s, and what is no number, are refused", () => {
  refused("intervalMs", [
    undefined,
    null,
    "",
    "abc",
    "1e6",
    "-60000",
    " 60000",
    NaN,
    Infinity,
    59_999,
    -1,
    0,
    [60_000],
    1e15,
  ]);
  const own = validate();
  assert.equal(own.intervalMs(60_000), 60_000);
  assert.equal(own.intervalMs("90000"), 90_000);
});

test("CRIT-003: URLs without a host, with other protocols, credentials or odd characters are refused", () => {
  refused("url", [
    ...notText,
    "",
    "http://",
    "http:///path",
    "//host/path",
    "/path",
    "host",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "ftp://host/",
    "http://user:pass@host/",
    "http://host /",
    "http://host\n.evil/",
    "http:\\\\host",
    `http://host/${"a".repeat(2048)}`,
    "http://[::1",
    "http:host",
    "http://@host/",
    "http://:@host/",
  ]);
  const own = validate();
  assert.equal(own.url("https://example.com:8443/a?b=c"), "https://example.com:8443/a?b=c");
  assert.equal(validate({ protocols: ["redis"] }).url("redis://host:6379/0"), "redis://host:6379/0");
});

test("CRIT-003: a host that is none is refused: a lone dot, an empty label, a colon without its port", () => {
  refused("url", [
    "http://.:",
    "http://.",
    "http://./path",
    "http://..",
    "http://.:80/",
    "http://.host/",
    "http://host..",
    "http://ho..st/",
    "http://%2e/",
    "http://ho%2e%2est/",
    "http://\u3002/",
    "http://ho\u3002\u3002st/",
    "http://host:",
    "http://host:/path",
    "http://host:?query",
    "http://host:#part",
    "http://[::1]:",
    "http://:80/",
    "http://?query",
    "http://#part",
  ]);
  const other = validate({ protocols: ["redis"] });
  for (const url of [
    "redis://.",
    "redis://ho..st:1",
    "redis://%2e",
    "redis://ho%2e%2est",
    "redis://?x",
    "redis://host:",
  ])
    assert.throws(() => other.url(url), InvalidInputError, url);
  const own = validate();
  const accepted = {
    "http://host./": "http://host./",
    "http://a.b.:81": "http://a.b.:81/",
    "http://[::1]:81/": "http://[::1]:81/",
    "http://127.0.0.1:81": "http://127.0.0.1:81/",
    "http://host?a=:": "http://host/?a=:",
    "http://host/a@b:": "http://host/a@b:",
    "http://host#a..b:": "http://host/#a..b:",
    "HTTP://HOST:80": "http://host/",
  };
  for (const [url, normalised] of Object.entries(accepted)) assert.equal(own.url(url), normalised);
});

test("CRIT-004: a name from input changes the statement; as a checked identifier it is refused", () => {
  const unchecked = (table: string): string => `SELECT * FROM ${table}`;
  assert.match(unchecked("users; DROP TABLE users"), /DROP TABLE/);
  refused("sqlIdentifier", [
    ...notText,
    "",
    "users; DROP TABLE users",
    "users--",
    "users/**/",
    '"users"',
    "`users`",
    "[users]",
    "us ers",
    "1users",
    "users\u0000",
    "users\n",
    "uѕers",
    "ｕsers",
    "SELECT",
    "select",
    "SeLeCt",
    "table",
    "order",
    "user",
    "pragma",
    "a".repeat(64),
    "users'",
    "users)",
    "main.users",
    "$users",
    "users$",
  ]);
  const own = validate();
  for (const name of ["users", "_x", "a1_b2", "name", "status"]) assert.equal(own.sqlIdentifier(name), name);
});

test("CRIT-004: whatever is accepted is a plain name and nothing else", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.stringMatching(/^[a-z_'";-]{1,12}$/)),
      (text) => {
        if (isSqlIdentifier(text)) assert.match(text, /^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/);
        else assert.ok(!/^[a-z]{8,12}x$/.test(text));
      },
    ),
  );
});

test("keywords depend on the dialect", () => {
  assert.equal(isSqlIdentifier("key", ["sqlite"]), false);
  assert.equal(isSqlIdentifier("key", ["postgres"]), true);
  assert.equal(isSqlIdentifier("user", ["sqlite"]), true);
  assert.equal(isSqlIdentifier("user", ["postgres"]), false);
});

test("what is as long, short or large as may be is accepted, and each kind of refusal is counted and told", () => {
  const own = validate({ system: manualSystem(), intervalMsMax: 90_000 });
  const told: unknown[] = [];
  own.listen(({ event, detail }) => told.push([event, detail["field"]]));
  assert.equal(own.sourceId("a".repeat(200)).length, 200);
  assert.equal(own.sqlIdentifier("a".repeat(63)).length, 63);
  assert.equal(own.url(`http://host/${"a".repeat(2036)}`).length, 2048);
  assert.deepEqual([own.intervalMs(60_000), own.intervalMs(90_000)], [60_000, 90_000]);
  for (const refusal of [
    () => own.sourceId("a".repeat(201)),
    () => own.sqlIdentifier("a".repeat(64)),
    () => own.sqlIdentifier("table", "name of the table"),
    () => own.url(`http://host/${"a".repeat(2037)}`),
    () => own.intervalMs(90_001),
    () => own.intervalMs(59_999),
    () => own.intervalMs("x"),
  ])
    assert.throws(refusal, InvalidInputError);
  const counts = { accepted: 5, refused: 7, sourceIds: 1, sqlIdentifiers: 2, urls: 1, intervals: 3, trips: 7 };
  assert.deepEqual(own.snapshot().counts, counts);
  const fields = ["source_id", "identifier", "name of the table", "url", "interval", "interval", "interval"];
  assert.deepEqual(
    told,
    fields.map((field) => ["refused", field]),
  );
});

test("the message says what came instead: a number or a word as it is, anything else by its type", () => {
  const own = validate({ system: manualSystem() });
  const got = (value: unknown): string | undefined => {
    try {
      return own.url(value);
    } catch (error) {
      return /got (.*)$/.exec(String(error))?.[1];
    }
  };
  assert.deepEqual([undefined, null, true, 7, Number.NaN].map(got), ["undefined", "null", "true", "7", "NaN"]);
  assert.deepEqual(
    [{}, [], () => 1, Symbol("a"), 1n].map(got),
    ["object", "array", "function", "symbol", "bigint"].map((type) => `a value of type ${type}`),
  );
  assert.equal(got("x y"), 'text of 3 characters beginning "x y"');
});

test("the refused value is not repeated in full, nor its control characters", () => {
  const own = validate();
  assert.throws(
    () => own.sourceId(`\u001b[31m${"secret".repeat(20)}`),
    (error) => !/\u001b/.test(String(error)) && String(error).length < 250,
  );
});

test("a dialect that is none is refused by name when the checks are made", () => {
  assert.throws(() => validate({ dialects: ["oracle" as "sqlite"] }), { name: "BadOptionError", field: "dialects" });
});
