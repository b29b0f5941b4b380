import assert from "node:assert/strict";
import { test } from "node:test";
import { errorGrouper, RuleError, type ErrorEvent, type StackFrame } from "@prunella/detect";

const frames: readonly StackFrame[] = [
  { function: "dispatch", filename: "/app/node_modules/router/index.js", line: 3, column: 1 },
  { function: "place", filename: "/app/src/shop.js", line: 10, column: 5 },
];
const failure = (value: string, more: Partial<ErrorEvent> = {}): ErrorEvent => ({
  exceptions: [{ type: "TimeoutError", value, frames }],
  ...more,
});

test("the same failure is one group, new once, and the reasons are sentences", () => {
  const grouper = errorGrouper();
  const first = grouper.group(failure("no answer for order 1"), 1);
  const second = grouper.group(failure("no answer for order 2"), 2);
  assert.equal(first.isNew, true);
  assert.equal(second.isNew, false);
  assert.equal(second.group, first.group);
  assert.deepEqual(second.why, [
    "type TimeoutError",
    "1 frames count, from the crash outwards:",
    "  src/shop.js place",
    "1 frames of libraries and runtime are left out",
    "its key is known",
  ]);
});

test("a rule of the server decides before the sender, and the sender before the stack", () => {
  const fingerprintRules = 'error.value:"*payments*" -> payments-down title="Payments of {{ transaction }}"';
  const grouper = errorGrouper({ fingerprintRules });
  const event = failure("payments did not answer", { fingerprint: ["{{ transaction }}", "own"], transaction: "/pay" });
  const ruled = grouper.group(event, 1);
  assert.deepEqual(ruled.grouping.parts, ["payments-down"]);
  assert.equal(ruled.title, "Payments of /pay");
  assert.equal(ruled.why[0], "grouped by the rule in line 1: payments-down");
  const sent = errorGrouper().group(event, 1);
  assert.deepEqual(sent.grouping.parts, ["/pay", "own"]);
  assert.equal(sent.why[0], "grouped by the sender's fingerprint: /pay, own");
});

test("stack rules and source maps come before grouping", () => {
  const sourceMapOf = (file: string) =>
    file === "/app/dist/a.min.js"
      ? { originalPosition: () => ({ source: "src/cart.ts", line: 7, column: 2, name: "total" }) }
      : undefined;
  const minified = (name: string): ErrorEvent => ({
    exceptions: [
      {
        type: "TypeError",
        frames: [
          { function: "x", filename: "/app/dist/a.min.js", line: 1, column: 1 },
          { function: name, filename: "/app/dist/a.min.js", line: 1, column: 900 },
        ],
      },
    ],
  });
  const mapped = errorGrouper({ sourceMapOf }).group(minified("q"), 1);
  assert.ok(mapped.grouping.parts.includes("frame src/cart.ts total"), mapped.grouping.parts.join(", "));
  const ruled = errorGrouper({ stackRules: "stack.function:place -group" }).group(failure("late"), 1);
  assert.ok(!ruled.grouping.parts.some((part) => part.includes("place")), ruled.grouping.parts.join(", "));
});

test("a stack as text is grouped as the event it tells of, other text as a message", () => {
  const grouper = errorGrouper();
  const text = (line: number): string => `RangeError: bad ${line}\n    at place (/app/src/shop.js:${line}:1)`;
  assert.equal(grouper.groupText(text(1), 1).group, grouper.groupText(text(2), 2).group);
  const message = grouper.groupText("worker 7 died", 3);
  assert.equal(message.grouping.basis, "message");
  assert.equal(grouper.groupText("worker 8 died", 4).group, message.group);
});

test("what persons merged and took apart stays so after a restart", () => {
  const grouper = errorGrouper();
  const one = grouper.group(failure("a"), 1);
  const other = grouper.groupText("worker 7 died", 2);
  grouper.merge(other.group, one.group);
  const restored = errorGrouper({}, JSON.parse(JSON.stringify(grouper.snapshot())));
  assert.equal(restored.groupText("worker 9 died", 3).group, one.group);
  const apart = restored.unmerge([other.grouping.key]);
  assert.equal(restored.groupText("worker 9 died", 4).group, apart);
  assert.deepEqual(restored.keysOf(one.group), [one.grouping.key]);
});

test("a bad rule is refused with its place before any event comes", () => {
  assert.throws(() => errorGrouper({ fingerprintRules: "\nmessage:x ->" }), RuleError);
  assert.throws(() => errorGrouper({ stackRules: "stack.function:x fly" }), RuleError);
});
