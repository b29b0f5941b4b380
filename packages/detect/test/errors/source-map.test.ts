import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { resolveFrames, SourceMap, SourceMapError, type StackFrame } from "@prunella/detect";

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
function encode(value: number): string {
  let rest = value < 0 ? -value * 2 + 1 : value * 2;
  let text = "";
  do {
    const digit = rest % 32;
    rest = Math.floor(rest / 32);
    text += digits[digit + (rest > 0 ? 32 : 0)]!;
  } while (rest > 0);
  return text;
}

/** Rows of [generated line from 0, generated column, source, line, column, name], sorted by line. */
type Row = readonly [number, number, number, number, number, (number | undefined)?];
function mappingsOf(rows: readonly Row[]): string {
  let text = "";
  let line = 0;
  let isFirst = true;
  const last = [0, 0, 0, 0, 0];
  for (const [generated, ...numbers] of rows) {
    while (line < generated) {
      text += ";";
      line += 1;
      last[0] = 0;
      isFirst = true;
    }
    if (!isFirst) text += ",";
    isFirst = false;
    numbers.forEach((number, at) => {
      if (number === undefined) return;
      text += encode(number - last[at]!);
      last[at] = number;
    });
  }
  return text;
}

const map = (rows: readonly Row[], extra: object = {}): string =>
  JSON.stringify({
    version: 3,
    sources: ["src/a.ts", "src/b.ts"],
    names: ["place", "query"],
    mappings: mappingsOf(rows),
    ...extra,
  });

test("a place maps to the segment at or before it on its line", () => {
  const decoded = SourceMap.parse(
    map(
      [
        [0, 0, 0, 0, 0],
        [0, 10, 0, 4, 2, 0],
        [2, 5, 1, 7, 9, 1],
      ],
      { sourceRoot: "app", sourcesContent: ["l1\nl2\nl3\nl4\n  place();\n", null] },
    ),
  );
  assert.deepEqual(decoded.originalPosition(1, 15), {
    source: "app/src/a.ts",
    line: 5,
    column: 3,
    name: "place",
    contextLine: "  place();",
  });
  assert.deepEqual(decoded.originalPosition(3, 6), { source: "app/src/b.ts", line: 8, column: 10, name: "query" });
  assert.equal(decoded.originalPosition(2, 1), undefined);
  assert.equal(decoded.originalPosition(3, 2), undefined);
  assert.equal(decoded.originalPosition(99, 1), undefined);
});

test("sections are maps shifted to their place", () => {
  const inner = JSON.parse(map([[0, 4, 0, 1, 1]])) as object;
  const decoded = SourceMap.parse(
    JSON.stringify({ version: 3, sections: [{ offset: { line: 10, column: 100 }, map: inner }] }),
  );
  assert.equal(decoded.originalPosition(11, 105)?.line, 2);
  assert.equal(decoded.originalPosition(11, 50), undefined);
});

test("the guard line before the JSON is skipped", () => {
  assert.equal(SourceMap.parse(`)]}'\n${map([[0, 0, 0, 0, 0]])}`).originalPosition(1, 1)?.line, 1);
});

test("whatever was encoded is found again", () => {
  const row = fc.tuple(
    fc.nat(20),
    fc.nat(300),
    fc.nat(1),
    fc.nat(5000),
    fc.nat(300),
    fc.option(fc.nat(1), { nil: undefined }),
  );
  fc.assert(
    fc.property(fc.uniqueArray(row, { selector: ([line, column]) => line * 1000 + column, maxLength: 60 }), (rows) => {
      const sorted = rows.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
      const decoded = SourceMap.parse(map(sorted));
      for (const [line, column, source, originalLine, originalColumn] of sorted) {
        const position = decoded.originalPosition(line + 1, column + 1);
        assert.deepEqual(
          [position?.source, position?.line, position?.column],
          [["src/a.ts", "src/b.ts"][source], originalLine + 1, originalColumn + 1],
        );
      }
    }),
  );
});

test("segments out of order within a line are found as well", () => {
  const text = JSON.stringify({ version: 3, sources: ["a"], names: [], mappings: `${encode(10)}AAA,${encode(-5)}ACA` });
  assert.equal(SourceMap.parse(text).originalPosition(1, 7)?.line, 2);
  assert.equal(SourceMap.parse(text).originalPosition(1, 12)?.line, 1);
});

test("bad maps are refused with what is wrong", () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ["{", /not JSON/],
    ["[]", /must be a JSON object/],
    ['{"version":2}', /version 2 is not supported; 3 is/],
    ['{"version":3,"sources":1,"mappings":""}', /"sources" must be a list/],
    ['{"version":3,"sources":[]}', /"mappings" must be text/],
    ['{"version":3,"sources":["a"],"mappings":"A!"}', /"!" at 1 where a base64 digit/],
    ['{"version":3,"sources":["a"],"mappings":"AA"}', /segment of 2 numbers/],
    ['{"version":3,"sources":["a"],"mappings":"ACAA"}', /names source 1, but there are 1/],
    ['{"version":3,"sources":["a"],"mappings":"AAAAAA"}', /more than five numbers/],
    ['{"version":3,"sources":["a"],"mappings":"gggggggggA"}', /too long/],
    ['{"version":3,"sections":[{}]}', /sections\[0\] needs offset/],
  ];
  for (const [text, message] of table)
    assert.throws(
      () => SourceMap.parse(text),
      (error) => error instanceof SourceMapError && message.test(error.message),
      text,
    );
  assert.throws(() => SourceMap.parse(map([[0, 0, 0, 0, 0]]), { charactersMax: 5 }), /at most 5 are read/);
  assert.throws(
    () =>
      SourceMap.parse(
        map([
          [0, 0, 0, 0, 0],
          [0, 1, 0, 0, 1],
        ]),
        { segmentsMax: 1 },
      ),
    /more than 1 segments/,
  );
  fc.assert(
    fc.property(fc.string(), (mappings) => {
      try {
        SourceMap.parse(JSON.stringify({ version: 3, sources: ["a"], names: [], mappings }));
      } catch (error) {
        assert.ok(error instanceof SourceMapError);
      }
    }),
  );
});

test("minified frames get source, place, context and the name that the caller's place maps to", () => {
  const decoded = SourceMap.parse(
    map(
      [
        [0, 100, 0, 4, 2, 1],
        [0, 200, 1, 7, 9],
      ],
      { sourcesContent: ["1\n2\n3\n4\n  query();\n", null] },
    ),
  );
  const frames: StackFrame[] = [
    { function: "a", filename: "https://x.example/app.3f2a9c1b.js", line: 1, column: 101 },
    { function: "b", filename: "https://x.example/app.3f2a9c1b.js", line: 1, column: 205 },
    { function: "other", filename: "lib.js", line: 1, column: 1 },
  ];
  const resolved = resolveFrames(frames, (file) => (file.includes("app.") ? decoded : undefined));
  assert.deepEqual(
    resolved.map((frame) => [frame.function, frame.filename, frame.line, frame.contextLine, frame.inApp]),
    [
      [undefined, "src/a.ts", 5, "  query();", true],
      ["query", "src/b.ts", 8, undefined, true],
      ["other", "lib.js", 1, undefined, undefined],
    ],
  );
});
