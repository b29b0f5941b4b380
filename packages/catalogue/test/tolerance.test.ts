import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "@prunella/core";
import { jsonPath } from "../src/experiment/json-path.ts";
import { checkTolerance, isWithin, toleranceInWords, type Tolerance } from "../src/experiment/tolerance.ts";

function check(name: string, tolerance: unknown, within: readonly unknown[], outside: readonly unknown[]): void {
  test(name, () => {
    checkTolerance(tolerance as Json, "tolerance");
    const form = tolerance as Exclude<Tolerance, { type: "probe" }>;
    for (const value of within) assert.equal(isWithin(form, value), true, `within: ${JSON.stringify(value)}`);
    for (const value of outside) assert.equal(isWithin(form, value), false, `outside: ${JSON.stringify(value)}`);
  });
}

check(
  "a scalar is met by the very same value only",
  200,
  [200, { status: 200, body: "x" }],
  ["200", 201, null, { status: 201 }],
);
check("true is not 1", true, [true], [1, "true", false]);
check("two numbers are a range with both ends", [1, 3], [1, 2.5, 3, { status: 2 }, "2"], [0, 3.1, "", null, "x"]);
check("a longer list is membership", [200, 204, 301], [204, { status: 301 }], [202, 250]);
check("two texts are membership, not a range", ["ok", "fine"], ["ok"], ["nice"]);
check(
  "a regular expression looks at its target",
  { type: "regex", pattern: "^a+$", target: "body" },
  [{ body: "aaa" }],
  [{ body: "b" }, { status: 1 }, "aaa"],
);
check(
  "a range of a target",
  { type: "range", range: [1, 2], target: "stdout" },
  [{ stdout: " 1.5\n" }],
  [{ stdout: "3" }, { stdout: "" }],
);
check(
  "a jsonpath that expects a value",
  { type: "jsonpath", path: "$.a[0].b", expect: 1 },
  [{ a: [{ b: 1 }] }],
  [{ a: [{ b: 2 }] }, { a: [] }],
);
check(
  "a jsonpath that expects nothing is met by anything found",
  { type: "jsonpath", path: "$..x" },
  [{ a: { x: null } }],
  [{ a: 1 }],
);
check(
  "a jsonpath reads JSON in a text",
  { type: "jsonpath", path: "$.n", expect: 1, target: "stdout" },
  [{ stdout: '{"n":1}' }],
  [{ stdout: "no JSON" }],
);
check(
  "a jsonpath may expect a number of finds",
  { type: "jsonpath", path: "$[*]", count: 2 },
  [[1, 2]],
  [[1], [1, 2, 3]],
);

test("a form that is not known is refused with its field", () => {
  for (const [form, field] of [
    [{ type: "near", to: 1 }, "tolerance.type"],
    [{ type: "regex", pattern: "(" }, "tolerance.pattern"],
    [{ type: "range", range: [1] }, "tolerance.range"],
    [{ type: "jsonpath", path: "$[?(@.a > 1)]" }, "tolerance.path"],
    [[], "tolerance"],
  ] as const)
    assert.throws(() => checkTolerance(form as unknown as Json, "tolerance"), { field });
});

test("json paths find members, indexes, wildcards and descendants, and negative indexes count from the end", () => {
  const value = { store: { books: [{ title: "a", price: 1 }, { title: "b" }], "odd name": { price: 3 } } };
  const find = (path: string): unknown[] => jsonPath(path, "path")(value);
  assert.deepEqual(find("$.store.books[*].title"), ["a", "b"]);
  assert.deepEqual(find("$.store.books[-1].title"), ["b"]);
  assert.deepEqual(find("$..price").toSorted(), [1, 3]);
  assert.deepEqual(find("$['store']['odd name'].price"), [3]);
  assert.deepEqual(find("store.nothing"), []);
});

test("each form has words for a report", () => {
  assert.equal(toleranceInWords([1, 2]), "from 1 to 2");
  assert.equal(toleranceInWords(["a", "b"]), 'one of "a", "b"');
  assert.equal(toleranceInWords({ type: "jsonpath", path: "$.a", expect: 1 }), "$.a is 1");
});
