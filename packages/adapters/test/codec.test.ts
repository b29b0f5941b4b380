import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodeToAgent, decodeToControl, encodeMessage, messageBytesMax, messageReader } from "@prunella/adapters";

function read(chunks: readonly Buffer[], bytesMax?: number): { messages: unknown[]; fault: string | null } {
  const messages: unknown[] = [];
  let fault: string | null = null;
  const reader = messageReader(
    (message) => messages.push(message),
    (reason) => (fault = reason),
    bytesMax,
  );
  for (const chunk of chunks) reader(chunk);
  return { messages, fault };
}

test("messages come out whole and in order however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 8 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 20 }),
      (messages, cuts) => {
        const bytes = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
        const points = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
        const chunks = [0, ...points].map((from, at) => bytes.subarray(from, points[at] ?? bytes.length));
        const expected: unknown = JSON.parse(JSON.stringify(messages));
        assert.deepEqual(read(chunks), { messages: expected, fault: null });
      },
    ),
  );
});

test("a line that never ends is given up at the bound, and nothing after it is read", () => {
  const { messages, fault } = read(
    [Buffer.from('{"a":1}\n'), Buffer.alloc(60, "x"), Buffer.alloc(60, "x"), Buffer.from('\n{"b":2}\n')],
    100,
  );
  assert.deepEqual(messages, [{ a: 1 }]);
  assert.equal(fault, "a line is longer than 100 bytes");
});

test("a line that is not JSON ends the conversation", () => {
  assert.deepEqual(read([Buffer.from("{}\nnonsense\n{}\n")]), { messages: [{}], fault: "a line is not JSON" });
});

test("a message longer than the bound is not sent, and one of just the bound is", () => {
  const frame = encodeMessage({ type: "heartbeat", slug: "" }).length;
  const fits = encodeMessage({ type: "heartbeat", slug: "x".repeat(messageBytesMax - frame - 1) });
  assert.deepEqual(read([Buffer.from(fits)]).fault, null);
  assert.throws(
    () => encodeMessage({ type: "heartbeat", slug: "ü".repeat(messageBytesMax / 2) }),
    /at most 1000000 fit/,
  );
});

test("what a control plane may not say is refused", () => {
  const order = { key: "k", fence: 1, target: "api", action: { type: "start" }, timeoutMs: 1 };
  assert.ok(decodeToAgent({ type: "order", id: 1, order }));
  assert.ok(decodeToAgent({ type: "hello", version: 1, fence: 0, pid: 1 }));
  for (const bad of [
    null,
    [],
    "hello",
    { type: "unheard-of" },
    { type: "constructor" },
    { type: "hello", version: 2, fence: 0, pid: 1 },
    { type: "acknowledge", through: "1" },
    { type: "acknowledge", through: -1 },
    { type: "order", id: 1, order: { ...order, key: 1 } },
    { type: "order", id: 1, order: { ...order, key: "x".repeat(201) } },
    { type: "order", id: 1, order: { ...order, action: "start" } },
    { type: "question", id: 1, question: { target: "api" } },
    { type: "logs", id: 1, target: "api", lines: 3 },
  ])
    assert.equal(decodeToAgent(bad), null, JSON.stringify(bad));
});

test("what an agent may not say is refused", () => {
  assert.ok(decodeToControl({ type: "observations", signals: [{ type: "process" }] }));
  for (const bad of [
    { type: "observations", signals: [1] },
    { type: "event", number: 1, signal: {} },
    { type: "reply", id: 1 },
  ])
    assert.equal(decodeToControl(bad), null);
});

test("no input makes the decoders throw", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      decodeToAgent(value);
      decodeToControl(value);
    }),
  );
});
