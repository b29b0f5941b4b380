// Random sequences of calls against a plain model of what a fallback answers, counts and lets through.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AbortedError, fallback, isRefusal } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

const ends = ["value", "throws", "rejects", "foreign", "aborted", "caller-left"] as const;
const alternatives = ["value", "throws", "rejects", "caller-leaves"] as const;

test("fallback: fresh enough, else the first alternative that helps, else the first error; aborts are never covered", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 50, 500, Infinity),
      fc.array(
        fc.record({
          gapMs: fc.constantFrom(0, 1, 10, 40, 50, 499, 500),
          end: fc.constantFrom(...ends),
          chain: fc.array(fc.constantFrom(...alternatives), { minLength: 3, maxLength: 3 }),
        }),
        { maxLength: 20 },
      ),
      fc.nat(3),
      async (staleMsMax, calls, chainLength) => {
        const system = manualSystem();
        let current: (typeof calls)[number] | undefined;
        let caller = new AbortController();
        /** What each alternative was told, in this call. */
        let told: unknown[] = [];
        const errorOf = (at: number): Error => new Error(`alternative ${at}`);
        const errors = Array.from({ length: chainLength }, (_, at) => errorOf(at));
        const own = fallback<string>({
          system,
          staleMsMax,
          handles: (error) => !(error instanceof RangeError),
          chain: errors.map((error, at) => (why) => {
            told.push(why);
            const what = current?.chain[at];
            if (what === "value") return `alternative ${at}`;
            if (what === "caller-leaves") caller.abort();
            if (what === "rejects") return Promise.reject(error);
            throw error;
          }),
        });
        let last: { value: string; at: number } | undefined;
        const count = { covered: 0, stale: 0, uncovered: 0 };
        for (const [number, call] of calls.entries()) {
          await system.advance(call.gapMs);
          current = call;
          caller = new AbortController();
          told = [];
          const failure =
            call.end === "foreign"
              ? new RangeError("foreign")
              : call.end === "aborted"
                ? new AbortedError("other", "left")
                : new Error("boom");
          const answer: unknown = await own
            .execute(() => {
              if (call.end === "value") return `value ${number}`;
              if (call.end === "caller-left") caller.abort();
              if (call.end === "throws") throw failure;
              return Promise.reject(failure);
            }, caller.signal)
            .catch((error: unknown) => error);

          // The model.
          let expected: unknown = failure;
          const heard: unknown[] = [];
          if (call.end === "value") {
            expected = `value ${number}`;
            if (staleMsMax > 0) last = { value: `value ${number}`, at: system.now() };
          } else if (call.end === "throws" || call.end === "rejects") {
            if (last !== undefined && system.now() - last.at <= staleMsMax) {
              expected = last.value;
              count.stale += 1;
            } else {
              const tried = call.chain.slice(0, chainLength);
              const ending = tried.findIndex((what) => what === "value" || what === "caller-leaves");
              const reached = ending === -1 ? tried.length : ending + 1;
              heard.push(...[failure, ...errors].slice(0, reached));
              if (tried[ending] === "value") {
                expected = `alternative ${ending}`;
                count.covered += 1;
              } else count.uncovered += 1;
            }
          }
          assert.equal(answer, expected);
          assert.deepEqual(told, heard, "each alternative hears why it is asked");
          assert.equal(isRefusal(answer), call.end === "aborted");
        }
        const { covered, stale, uncovered, trips } = own.snapshot().counts;
        assert.deepEqual({ covered, stale, uncovered }, count);
        assert.equal(trips, count.covered + count.stale, "each answer that is not the work's own is told");
        assert.equal(system.pending, 0);
      },
    ),
    { numRuns: 300 },
  ));
