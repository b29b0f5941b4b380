import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  differences,
  groupError,
  normaliseMessage,
  parseStack,
  type ErrorEvent,
  type StackFrame,
} from "@prunella/detect";

const eventOf = (stack: string): ErrorEvent => {
  const parsed = parseStack(stack)!;
  return { platform: parsed.platform, exceptions: parsed.exceptions };
};
const keyOf = (event: ErrorEvent): string => groupError(event).key;
const frame = (name: string, file = "/app/src/shop.js", more: Partial<StackFrame> = {}): StackFrame => ({
  function: name,
  filename: file,
  ...more,
});
const thrown = (frames: readonly StackFrame[], type = "TypeError", value = "x is undefined"): ErrorEvent => ({
  exceptions: [{ type, value, frames }],
});

/** Both are the same failure, or are not. */
function check(one: ErrorEvent, other: ErrorEvent, expected: "together" | "apart"): void {
  const [a, b] = [groupError(one), groupError(other)];
  assert.equal(a.key === b.key ? "together" : "apart", expected, JSON.stringify(differences(a, b)));
}

test("line numbers, messages and library frames do not count", () => {
  check(
    thrown(
      [frame("dispatch", "/app/node_modules/router/index.js"), frame("place", "/app/src/shop.js", { line: 10 })],
      "TypeError",
      "id 17",
    ),
    thrown(
      [frame("next", "/app/node_modules/other/index.js"), frame("place", "/app/src/shop.js", { line: 12 })],
      "TypeError",
      "id 18",
    ),
    "together",
  );
});

test("another function, file or type is another failure", () => {
  const event = thrown([frame("place")]);
  check(event, thrown([frame("cancel")]), "apart");
  check(event, thrown([frame("place", "/app/src/bill.js")]), "apart");
  check(event, thrown([frame("place")], "RangeError"), "apart");
});

test("where a deployment puts the files does not count", () => {
  check(
    thrown([frame("place", "/srv/releases/20260101/src/shop.js")]),
    thrown([frame("place", "C:\\deploy\\7\\src\\shop.js")]),
    "together",
  );
  check(
    thrown([frame("place", "https://a.example/assets/shop.3f2a9c1b.js?v=3")]),
    thrown([frame("place", "https://b.example/assets/shop.99aa77bb.js")]),
    "together",
  );
  check(
    thrown([frame("place", "webpack:///./src/shop.js")]),
    thrown([frame("place", "/opt/app/src/shop.js")]),
    "together",
  );
});

test("awaiting or not, with or without the runtime's machinery, it is the same failure", () => {
  check(
    eventOf("Error: x\n    at place (/app/src/a.js:1:2)\n    at serve (/app/src/b.js:1:2)"),
    eventOf(
      "Error: x\n    at async place (/app/src/a.js:1:2)\n    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)\n    at async Promise.all (index 3)\n    at async serve (/app/src/b.js:1:2)",
    ),
    "together",
  );
});

test("recursion of any depth is the same failure", () => {
  const deep = (depth: number): ErrorEvent =>
    thrown(
      [frame("main"), ...Array.from({ length: depth }, () => [frame("walk"), frame("visit")]).flat(), frame("leaf")],
      "RangeError",
    );
  check(deep(3), deep(50), "together");
  check(deep(3), thrown([frame("main"), frame("walk"), frame("leaf")], "RangeError"), "apart");
  assert.ok(groupError(deep(50)).why.some((line) => /recursion are folded/.test(line)));
});

test("a stack overflow is one failure wherever the stack happened to end", () => {
  const overflow = (last: readonly string[]): ErrorEvent =>
    thrown(
      [
        frame("main"),
        ...Array.from({ length: 40 }, () => ["a", "b", "c"])
          .flat()
          .concat(last)
          .map((name) => frame(name)),
      ],
      "RangeError",
    );
  check(overflow([]), overflow(["a"]), "together");
  check(overflow(["a"]), overflow(["a", "b"]), "together");
});

test("the cause counts: one symptom of two causes is two failures", () => {
  const outer = { type: "StartupError", value: "no start", frames: [frame("main")] };
  const because = (type: string, name: string): ErrorEvent => ({
    exceptions: [{ type, value: "y", frames: [frame(name)] }, outer],
  });
  check(because("OSError", "open"), because("OSError", "open"), "together");
  check(because("OSError", "open"), because("OSError", "connect"), "apart");
  check(because("OSError", "open"), { exceptions: [outer] }, "apart");
});

test("members of an aggregate error count as kinds, not by number or order", () => {
  const group = (names: readonly string[]): ErrorEvent => ({
    exceptions: [
      ...names.map((name, at) => ({ type: "Error", value: name, frames: [frame(name)], id: at + 1, parentId: 0 })),
      { type: "AggregateError", value: "all failed", frames: [frame("all")], id: 0, isGroup: true },
    ],
  });
  check(group(["a", "b"]), group(["b", "a", "a", "b"]), "together");
  check(group(["a", "b"]), group(["a", "c"]), "apart");
});

test("a type made up by the sender does not count and the function is the title", () => {
  const event = (type: string): ErrorEvent => ({
    exceptions: [{ type, value: "x", isSynthetic: true, frames: [frame("place")] }],
  });
  check(event("Error"), event("Unknown"), "together");
  assert.equal(groupError(event("Error")).title, "place");
});

test("frames of libraries only: they count, and so does the message without its parameters", () => {
  const event = (value: string): ErrorEvent => thrown([frame("afterConnect", "node:net")], "Error", value);
  check(event("connect ECONNREFUSED 10.0.0.1:5432"), event("connect ECONNREFUSED 10.9.8.7:15432"), "together");
  check(event("connect ECONNREFUSED 10.0.0.1:5432"), event("connect ETIMEDOUT 10.0.0.1:5432"), "apart");
});

test("minified names of a hashed bundle do not count", () => {
  const event = (name: string, file: string): ErrorEvent => thrown([frame(name, file)], "TypeError", "x of order 5");
  check(event("a", "https://x.example/app.3f2a9c1b.js"), event("Qe", "https://x.example/app.77bb88cc.js"), "together");
  assert.equal(groupError(event("a", "https://x.example/app.3f2a9c1b.js")).basis, "type-and-value");
});

test("without a stack type and message group, without an exception the message", () => {
  check(
    { exceptions: [{ type: "E", value: "user 42 is gone" }] },
    { exceptions: [{ type: "E", value: "user 7 is gone" }] },
    "together",
  );
  check({ message: "user 42 is gone" }, { message: "user 7 is gone" }, "together");
  check(
    { messageTemplate: "user %s is gone", message: "user al is gone" },
    { messageTemplate: "user %s is gone", message: "user bo is gone" },
    "together",
  );
  assert.equal(groupError({}).basis, "nothing");
});

test("a fingerprint replaces or divides the default group", () => {
  const event = thrown([frame("place")]);
  check({ ...event, fingerprint: ["mine"] }, { ...thrown([frame("other")]), fingerprint: ["mine"] }, "together");
  check({ ...event, fingerprint: ["{{ default }}", "eu"] }, { ...event, fingerprint: ["{{default}}", "us"] }, "apart");
  check({ ...event, fingerprint: ["{{ default }}"] }, event, "together");
  assert.equal(groupError({ ...event, fingerprint: ["mine"] }).basis, "fingerprint");
});

test("the explanation names what counted and what was left out", () => {
  const { why, parts } = groupError(thrown([frame("dispatch", "/app/node_modules/router/index.js"), frame("place")]));
  assert.deepEqual(parts, ["type TypeError", "frame src/shop.js place"]);
  assert.ok(why.includes("1 frames of libraries and runtime are left out"));
});

test("keys name their algorithm", () => {
  assert.match(keyOf(thrown([frame("place")])), /^1:[\da-f]{32}$/);
});

test("parameters of messages are taken out", () => {
  assert.equal(
    normaliseMessage(
      "user 42 at 10.1.2.3:80 id 3f2a9c1b-1111-4222-8333-444455556666 a@b.com https://x.y/z?q=1 took 12ms 0xdeadbeef 2026-01-02T03:04:05Z order_123 utf8 50%",
    ),
    "user <number> at <ip> id <uuid> <email> <url> took <number>ms <hex> <date> order_<number> utf8 <number>%",
  );
});

test("hostile events are grouped in bounded time and never throw", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(
      "a".repeat(50_000),
      "1".repeat(50_000),
      "a1".repeat(30_000),
      "(".repeat(20_000),
      "::".repeat(20_000),
      "$1".repeat(20_000),
      ".".repeat(50_000),
    ),
  );
  const anyFrame = fc.record({ function: text, filename: text, module: text, contextLine: text }, { requiredKeys: [] });
  fc.assert(
    fc.property(text, text, fc.array(anyFrame, { maxLength: 5 }), (type, value, frames) => {
      const event = { exceptions: [{ type, value, frames }] };
      assert.equal(keyOf(event), keyOf(structuredClone(event)));
    }),
    { numRuns: 200 },
  );
});
