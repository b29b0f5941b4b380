// Two loops that work, stall and talk at random: nothing that was told is lost unseen, doubled or turned round, and neither
// side can make the other rest for more than its own two periods.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { dualLoop, TimeoutError, type CrossLink, type Iteration } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

/** One iteration: updates told at its beginning, whether it asks, how long it takes; -1: for ever. */
const step = fc.record({ tells: fc.nat(4), asks: fc.boolean(), takesMs: fc.constantFrom(0, 5, 60, 300, -1) });

test("dualLoop: updates arrive once and in order or are counted as shed, asking is bounded, and neither side holds the other up", () =>
  fc.assert(
    fc.asyncProperty(
      fc.tuple(fc.constantFrom(50, 80, 200), fc.constantFrom(50, 80, 200)),
      fc.integer({ min: 1, max: 6 }),
      fc.tuple(fc.array(step, { minLength: 1, maxLength: 6 }), fc.array(step, { minLength: 1, maxLength: 6 })),
      async (intervals, updatesMax, scripts) => {
        const system = manualSystem();
        const told = [0, 0];
        const heard: number[][] = [[], []];
        const starts: number[][] = [[], []];
        const asked = [0, 0];
        let unanswered = 0;
        const asks: { of: 0 | 1; value: number; askedAt: number; answered: boolean | undefined }[] = [];
        /** When the iteration that took an update ended, by the side that took it. */
        const doneAt = [new Map<number, number>(), new Map<number, number>()] as const;
        const run =
          (side: 0 | 1) =>
          async ({ number, signal }: Iteration, link: CrossLink<number, number>): Promise<void> => {
            const script = scripts[side];
            const { tells, asks: isAsking, takesMs } = script[(number - 1) % script.length] as (typeof script)[number];
            (starts[side] as number[]).push(system.now());
            assert.ok(link.updates.length <= updatesMax);
            (heard[side] as number[]).push(...link.updates);
            const next = (): number => (told[side] = (told[side] as number) + 1);
            for (let at = 0; at < tells; at += 1) link.tell(next());
            if (isAsking) {
              asked[side] = (asked[side] as number) + 1;
              const value = next();
              const question: (typeof asks)[number] = { of: side, value, askedAt: system.now(), answered: undefined };
              asks.push(question);
              try {
                await link.ask(value);
                question.answered = true;
              } catch (error) {
                question.answered = false;
                if (error instanceof TimeoutError) unanswered += 1;
                assert.ok(error instanceof TimeoutError || signal.aborted, String(error));
              }
              assert.ok(system.now() - question.askedAt <= intervals[side] / 2, "asking is bounded");
            }
            // Deaf to its signal: nothing but the bound ends it.
            await new Promise<void>((resolve) => {
              if (takesMs >= 0) system.setTimer(resolve, takesMs);
            });
            for (const update of link.updates) doneAt[side].set(update, system.now());
          };
        const both = dualLoop<number, number>({
          system,
          updatesMax,
          first: { name: "first", intervalMs: intervals[0], run: run(0) },
          second: { name: "second", intervalMs: intervals[1], run: run(1) },
        });
        let unansweredTold = 0;
        both.listen(({ event }) => (unansweredTold += event === "unanswered" ? 1 : 0));
        both.start();
        const spanMs = 2000;
        await system.advance(spanMs);
        for (const side of [0, 1] as const) {
          // An iteration ends within a period of its beginning, and the next begins within another one.
          const began = [...(starts[side] as number[]), spanMs];
          assert.equal(began[0], 0);
          for (const [at, startedAt] of began.slice(1).entries())
            assert.ok(
              startedAt - (began[at] as number) <= 2 * intervals[side],
              `side ${side} rested until ${startedAt}`,
            );
          const received = heard[side] as number[];
          assert.ok(
            received.every((value, at) => at === 0 || value > (received[at - 1] as number)),
            "in order, each once",
          );
        }
        const { values, counts } = both.snapshot();
        const sum = ([a = 0, b = 0]: readonly number[]): number => a + b;
        const waiting = sum([values["toFirst"] as number, values["toSecond"] as number]);
        assert.equal(sum(told), sum(heard.map((each) => each.length)) + waiting + (counts["updatesShed"] as number));
        assert.equal(counts["asked"], sum(asked));
        assert.deepEqual([counts["unanswered"], unansweredTold], [unanswered, unanswered]);
        const completed = [both.first, both.second].map((each) => each.snapshot().counts["completed"] as number);
        assert.equal(counts["completed"], sum(completed));
        for (const { of, value, askedAt, answered } of asks) {
          const dueAt = askedAt + intervals[of] / 2;
          if (dueAt > spanMs) continue;
          const heardAt = doneAt[of === 0 ? 1 : 0].get(value) ?? Infinity;
          // In the very millisecond of the bound either may come first.
          if (heardAt !== dueAt) assert.equal(answered, heardAt < dueAt, `update ${value} of side ${of}`);
        }
        const stopping = both.stop();
        await system.advance(Math.max(...intervals));
        await stopping;
        const last = starts.map((each) => each.length);
        await system.advance(1000);
        assert.deepEqual(
          starts.map((each) => each.length),
          last,
          "nothing begins after the stop",
        );
        assert.equal(system.pending, 0, "no timer is left");
      },
    ),
    { numRuns: 100 },
  ));
