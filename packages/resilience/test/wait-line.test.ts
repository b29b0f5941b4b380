// Random sequences of joining, serving and giving up against a plain list of those who wait.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import * as fc from "fast-check";
import { AbortedError, WaitTimeoutError } from "../src/errors.ts";
import { manualSystem } from "@prunella/resilience/testing";
import { WaitLine, type WaitOptions, type Waiter } from "../src/wait-line.ts";
import { settle, watch, type Watched } from "./call/helpers.ts";

const step = fc.record({
  op: fc.constantFrom("join", "join", "join", "oldest", "newest", "leave", "abort", "wait", "reject all"),
  pick: fc.nat(100),
  timeoutMs: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
  what: fc.option(fc.constant("a seat"), { nil: undefined }),
});

test("a line serves its oldest or newest, whoever gives up is out of it first, and neither timer nor listener is left", () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const system = manualSystem();
      const left: number[] = [];
      const line = new WaitLine<number, string>(system, "the line", (payload) => {
        assert.ok(![...line.payloads()].includes(payload), "it is out already");
        left.push(payload);
      });
      interface Member {
        readonly id: number;
        readonly waiter: Waiter<number, string>;
        readonly caller: AbortController;
        readonly seen: Watched<string>;
        readonly dueAt: number;
        readonly what: string;
        end: string;
      }
      const all: Member[] = [];
      let waiting: Member[] = [];
      const expectedLeft: number[] = [];
      const gone = (member: Member | undefined, end: string, leaves = true): void => {
        if (member === undefined || !waiting.includes(member)) return;
        member.end = end;
        waiting = waiting.filter((each) => each !== member);
        if (leaves) expectedLeft.push(member.id);
      };
      for (const { op, pick, timeoutMs, what } of steps) {
        const any = all[pick % Math.max(1, all.length)];
        if (op === "join") {
          const caller = new AbortController();
          const options: WaitOptions = { signal: caller.signal, timeoutMs, ...(what === undefined ? {} : { what }) };
          const waiter = line.join(all.length, options);
          const dueAt = system.now() + (timeoutMs ?? Infinity);
          const member = { id: all.length, waiter, caller, dueAt, what: what ?? "a turn", end: "pending" };
          all.push({ ...member, seen: watch(waiter.promise) });
          waiting.push(all.at(-1) as Member);
        } else if (op === "oldest" || op === "newest") {
          const member = op === "oldest" ? waiting[0] : waiting.at(-1);
          const served = line.shift(op === "newest");
          assert.equal(served, member?.waiter);
          served?.resolve("served");
          gone(member, "served", false);
        } else if (op === "leave") {
          any?.waiter.leave(new Error("had enough"));
          gone(any, "Error: had enough");
        } else if (op === "abort") {
          any?.caller.abort("by the caller");
          gone(any, "AbortError");
        } else if (op === "reject all") {
          line.rejectAll(() => new Error("closed"));
          for (const member of [...waiting]) gone(member, "Error: closed", false);
        } else {
          await system.advance(pick);
          const late = waiting.filter(({ dueAt }) => dueAt <= system.now());
          for (const member of late.toSorted((a, b) => a.dueAt - b.dueAt || a.id - b.id)) gone(member, "too long");
        }
        await settle();
        assert.equal(line.size, waiting.length);
        assert.equal(line.peek(), waiting[0]?.id);
        assert.deepEqual(
          [...line.payloads()],
          waiting.map(({ id }) => id),
        );
        assert.deepEqual(left, expectedLeft);
        assert.equal(system.pending, waiting.filter(({ dueAt }) => dueAt < Infinity).length);
        for (const { id, seen, end, caller, what: waitedFor } of all) {
          const { state, value, error } = seen;
          if (end === "pending") assert.equal(state, "pending", `member ${id}`);
          else if (end === "served") assert.equal(value, "served");
          else if (end === "too long") {
            assert.ok(error instanceof WaitTimeoutError);
            assert.match(error.message, new RegExp(`for ${waitedFor} of "the line"`));
          } else if (end === "AbortError") {
            assert.ok(error instanceof AbortedError);
            assert.equal(error.cause, "by the caller");
            assert.match(error.message, /"the line"/);
          } else assert.equal(String(error), end);
          assert.equal(getEventListeners(caller.signal, "abort").length, end === "pending" ? 1 : 0);
        }
      }
    }),
  ));

test("a wait may bring its own error, made only when it is needed", async () => {
  const system = manualSystem();
  const line = new WaitLine<undefined, void>(system, "the line");
  let made = 0;
  const timeoutError = (): Error => new Error(`own error ${(made += 1)}`);
  const served = line.wait(undefined, { timeoutMs: 10, timeoutError });
  line.shift()?.resolve();
  await served;
  const late = watch(line.wait(undefined, { timeoutMs: 10, timeoutError }));
  await system.advance(10);
  assert.equal(String(late.error), "Error: own error 1");
});
