import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseStack, type StackFrame } from "@prunella/detect";

const place = ({ function: name, module, filename, line, column, isAsync }: StackFrame): string =>
  `${isAsync === true ? "async " : ""}${module ?? ""}|${name ?? ""}|${filename ?? ""}:${String(line ?? "")}:${String(column ?? "")}`;

/** Each exception, oldest first, as "type: value" and its frames, oldest first. */
function check(text: string, platform: string, expected: readonly (readonly [string, ...string[]])[]): void {
  const parsed = parseStack(text);
  assert.equal(parsed?.platform, platform);
  assert.deepEqual(
    parsed.exceptions.map(({ type, value, frames }) => [`${type ?? ""}: ${value ?? ""}`, ...(frames ?? []).map(place)]),
    expected,
  );
}

test("V8: plain, async, anonymous, method and eval frames", () => {
  check(
    `TypeError: Cannot read properties of undefined (reading 'x')
second line of the message
    at Shop.place [as order] (/app/src/orders.js:10:5)
    at new Cart (file:///app/src/cart.mjs:3:1)
    at async /app/src/c.js:1:2
    at eval (eval at build (/app/src/d.js:4:5), <anonymous>:1:1)
    at async Promise.all (index 0)`,
    "javascript",
    [
      [
        "TypeError: Cannot read properties of undefined (reading 'x')\nsecond line of the message",
        "async |Promise.all|index 0::",
        "|eval|/app/src/d.js:4:5",
        "async ||/app/src/c.js:1:2",
        "|new Cart|/app/src/cart.mjs:3:1",
        "|Shop.place [as order]|/app/src/orders.js:10:5",
      ],
    ],
  );
});

test("V8: causes come before what they caused", () => {
  check(
    `Error: outer
    at f (/app/a.js:1:2) {
  [cause]: RangeError: inner
      at g (/app/b.js:3:4) {
    code: 'E'
  }
}`,
    "javascript",
    [
      ["RangeError: inner", "|g|/app/b.js:3:4"],
      ["Error: outer", "|f|/app/a.js:1:2"],
    ],
  );
});

test("V8: members of an aggregate error belong to it", () => {
  const parsed = parseStack(`AggregateError: All promises were rejected
    at all (/app/a.js:1:2) {
  [errors]: [
    Error: one
        at fa (/app/f.js:1:2),
    TypeError: two
        at fb (/app/f.js:5:2)
  ]
}`);
  const group = parsed!.exceptions.at(-1)!;
  assert.equal(group.isGroup, true);
  assert.deepEqual(
    parsed!.exceptions.slice(0, -1).map(({ type, parentId }) => [type, parentId]),
    [
      ["TypeError", group.id],
      ["Error", group.id],
    ],
  );
});

test("Firefox and Safari", () => {
  check(
    `place@https://shop.example/assets/app.js:1:2345
async*handler@https://shop.example/assets/app.js:1:99
[native code]
global code@https://shop.example/:5:1`,
    "javascript",
    [
      [
        ": ",
        "|global code|https://shop.example/:5:1",
        "async |handler|https://shop.example/assets/app.js:1:99",
        "|place|https://shop.example/assets/app.js:1:2345",
      ],
    ],
  );
});

test("Python: the chain, source lines and marks", () => {
  const text = `Traceback (most recent call last):
  File "/srv/app/db.py", line 3, in connect
    raise OSError("x")
OSError: x

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/main.py", line 5, in main
    connect()
    ~~~~~~~^^
app.errors.StartupError: cannot start`;
  check(text, "python", [
    ["OSError: x", "|connect|/srv/app/db.py:3:"],
    ["app.errors.StartupError: cannot start", "|main|/srv/app/main.py:5:"],
  ]);
  assert.equal(parseStack(text)!.exceptions[1]!.frames![0]!.contextLine, "connect()");
});

test("Python: an exception group holds its members", () => {
  const parsed = parseStack(`  + Exception Group Traceback (most recent call last):
  |   File "/a.py", line 9, in main
  |     run()
  | ExceptionGroup: two failed (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/a.py", line 2, in one
    |     x()
    | ValueError: one
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/a.py", line 4, in two
    |     y()
    | OSError: two
    +------------------------------------`);
  const types = parsed!.exceptions.map(({ type, isGroup }) => [type, isGroup === true]);
  assert.deepEqual(types, [
    ["ValueError", false],
    ["OSError", false],
    ["ExceptionGroup", true],
  ]);
  assert.equal(parsed!.exceptions[0]!.parentId, parsed!.exceptions[2]!.id);
});

test("JVM: causes, modules, suppressed parts left out", () => {
  check(
    `Exception in thread "main" java.lang.RuntimeException: failed
\tat com.example.Orders.place(Orders.java:10)
\tat java.base/java.lang.Thread.run(Thread.java:833)
\tSuppressed: java.io.IOException: close
\t\tat com.example.Res.close(Res.java:1)
\t... 3 more
Caused by: java.sql.SQLException: no connection
\tat com.example.Db.lambda$get$0(Db.kt:7) ~[db.jar:1.0]
\tat com.example.Native.call(Native Method)`,
    "java",
    [
      ["java.sql.SQLException: no connection", "com.example.Native|call|::", "com.example.Db|lambda$get$0|Db.kt:7:"],
      [
        "java.lang.RuntimeException: failed",
        "java.lang.Thread|run|Thread.java:833:",
        "com.example.Orders|place|Orders.java:10:",
      ],
    ],
  );
});

test("Go: the panicking goroutine only", () => {
  check(
    `panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
panic({0x1, 0x2})
\t/usr/local/go/src/runtime/panic.go:770 +0x132
main.(*Server).handle(0xc000010000, 0x5)
\t/srv/app/main.go:10 +0x1d
github.com/acme/shop/internal/db.Query(...)
\t/srv/app/internal/db/db.go:44
created by main.run in goroutine 5
\t/srv/app/main.go:20 +0x99

goroutine 7 [select]:
main.other()
\t/srv/app/other.go:1 +0x1`,
    "go",
    [
      [
        "runtime error: index out of range [5] with length 3",
        "main|run|/srv/app/main.go:20:",
        "github.com/acme/shop/internal/db|Query|/srv/app/internal/db/db.go:44:",
        "main|(*Server).handle|/srv/app/main.go:10:",
      ],
    ],
  );
});

test("text without a frame is no stack, and no text makes it throw", () => {
  assert.equal(parseStack("all is well\nat noon we eat"), undefined);
  assert.equal(parseStack(""), undefined);
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "    at f (a.js:1:2)",
      "Caused by: x",
      "  [errors]: [",
      "goroutine 1 [running]:",
      "panic: x",
      "Traceback (most recent call last):",
      '  File "a", line 1',
      "\tat a.b.c(D.java:1)",
      "f@x:1:2",
    ),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
      const parsed = parseStack(lines.join("\n"));
      for (const { frames } of parsed?.exceptions ?? []) assert.ok((frames ?? []).length <= 200);
    }),
  );
});

test("an endless stack is cut in the middle and read in bounded time", () => {
  const frames = Array.from({ length: 200_000 }, (_, at) => `    at f${String(at)} (/app/a.js:${String(at)}:1)`);
  const parsed = parseStack(`RangeError: Maximum call stack size exceeded\n${frames.join("\n")}`);
  assert.equal(parsed!.exceptions[0]!.frames!.length, 200);
  assert.ok(parseStack(`Error: ${"x ".repeat(500_000)}\n    at f (${"(".repeat(500_000)}`) !== null);
});
