import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  eventCharactersMax,
  eventParser,
  fold,
  foldedNamesMax,
  nothingFolded,
  type StreamEvent,
} from "../src/api/events.ts";

const parsed = (...pieces: readonly string[]): StreamEvent[] => {
  const events: StreamEvent[] = [];
  const parse = eventParser((event) => events.push(event));
  for (const piece of pieces) parse(piece);
  return events;
};

test("events are read with their ids; comments and retry lines say nothing", () => {
  assert.deepEqual(parsed('retry: 2000\n\n: still here\n\nid: 7\nevent: change\ndata: {"a":1}\n\n'), [
    { id: "7", type: "change", data: '{"a":1}' },
  ]);
});

test("lines of data are joined, an id holds until the next one, an unfinished event is not given out", () => {
  assert.deepEqual(parsed("id: 1\ndata: a\ndata: b\n\ndata: c\n\ndata: d"), [
    { id: "1", type: "message", data: "a\nb" },
    { id: "1", type: "message", data: "c" },
  ]);
});

test("where the stream is cut changes nothing", () => {
  const text = ": hello\r\n\r\nid: 1\r\nevent: change\r\ndata: {}\r\n\r\nid: 2\ndata: x\n\nevent: reset\ndata: y\n\n";
  const whole = parsed(text);
  assert.equal(whole.length, 3);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 6 }), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      assert.deepEqual(parsed(...places.slice(1).map((end, at) => text.slice(places[at], end))), whole);
    }),
  );
});

test("an event that is too long is dropped, and the next one is read", () => {
  const events = parsed(`data: ${"x".repeat(eventCharactersMax + 10)}\n\n`, "data: y\n\n");
  assert.deepEqual(
    events.map((event) => event.data),
    ["y"],
  );
});

test("many changes fold into one that names each thing once", () => {
  const change = (targets: string[], issues: string[] = [], repairs: string[] = []) => ({ targets, issues, repairs });
  const folded = [change(["a"], ["I1"]), change(["b"], ["I1"], ["R1"]), change(["a"])].reduce(fold, nothingFolded);
  assert.equal(folded.count, 3);
  assert.deepEqual([...(folded.targets ?? [])], ["a", "b"]);
  assert.deepEqual([...(folded.issues ?? [])], ["I1"]);
  assert.deepEqual([...(folded.repairs ?? [])], ["R1"]);
});

test("a storm folds into `everything` instead of an endless list", () => {
  let folded = nothingFolded;
  for (let at = 0; at < 1_000; at += 1)
    folded = fold(folded, { targets: [`t${at}`], issues: [`I${at % foldedNamesMax}`], repairs: [] });
  assert.equal(folded.count, 1_000);
  assert.equal(folded.targets, null);
  assert.equal(folded.issues?.size, foldedNamesMax);
});
