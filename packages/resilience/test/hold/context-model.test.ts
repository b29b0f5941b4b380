// Random trees of nested contexts, several under way at once, against a plain model of the fields that hold at each place.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import * as fc from "fast-check";
import { contextOf, errorContext, type ContextFields } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

interface Scene {
  readonly fields: ContextFields;
  /** Turns of the microtask queue before it goes on, so that scenes interleave; -1: synchronous. */
  readonly turns: number;
  readonly inner: Scene | undefined;
  /** What becomes of it, unless the inner scene's failure passes through. */
  readonly fails: boolean;
  /** Whether it survives the inner scene's failure. */
  readonly catches: boolean;
}

const names = ["request", "user", "step", "password"] as const;
const secret = "hunter2";
const fieldsMax = 3;
const fields: fc.Arbitrary<ContextFields> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...names), fc.nat(9)), { selector: ([name]) => name, maxLength: 4 })
  .map((pairs) => Object.fromEntries(pairs.map(([name, value]) => [name, name === "password" ? secret : value])));
const scene = (depth: number): fc.Arbitrary<Scene> =>
  fc.record({
    fields,
    turns: fc.integer({ min: -1, max: 4 }),
    inner: depth === 0 ? fc.constant(undefined) : fc.option(scene(depth - 1), { nil: undefined }),
    fails: fc.boolean(),
    catches: fc.boolean(),
  });

/** The model: later fields win, the first `fieldsMax` names stay, secrets are hidden. */
function merged(around: ContextFields, own: ContextFields): ContextFields {
  const all = { ...around, ...own };
  if (own["password"] !== undefined) all["password"] = "[hidden]";
  return Object.fromEntries(Object.entries(all).slice(0, fieldsMax));
}

for (const followed of [true, false])
  test(`errorContext, ${followed ? "with a storage" : "by hand"}: each place and each error knows its own fields and nobody else's`, () =>
    fc.assert(
      fc.asyncProperty(fc.array(scene(3), { maxLength: 5 }), async (scenes) => {
        const own = errorContext({
          system: manualSystem(),
          fieldsMax,
          ...(followed ? { storage: new AsyncLocalStorage<ContextFields>() } : {}),
        });
        let entered = 0;
        /** Errors made, with the fields that hold where each was thrown. */
        const thrown = new Map<Error, ContextFields>();

        function fail(here: ContextFields): never {
          const error = new Error("failed");
          thrown.set(error, here);
          throw error;
        }
        const check = (known: ContextFields, here: ContextFields): void => {
          assert.deepEqual(known, here);
          assert.deepEqual(own.current(), followed ? here : {});
        };
        function play({ turns, inner, fails, catches, fields: added }: Scene, around: ContextFields): unknown {
          entered += 1;
          const here = merged(around, added);
          const work = (known: ContextFields): unknown => {
            check(known, here);
            if (turns < 0) {
              // A synchronous scene does not look at an asynchronous one inside it.
              if (fails) fail(here);
              return undefined;
            }
            return (async () => {
              for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
              check(known, here);
              if (inner !== undefined) {
                try {
                  await play(inner, here);
                } catch (error) {
                  if (!catches) throw error;
                }
              }
              check(known, here);
              if (fails) fail(here);
            })();
          };
          return followed ? own.with(added, work) : own.with(added, work, around);
        }
        await Promise.all(
          scenes.map(async (each) => {
            try {
              await play(each, {});
            } catch (error) {
              assert.ok(thrown.has(error as Error), String(error));
            }
          }),
        );
        for (const [error, here] of thrown) assert.deepEqual(contextOf(error), here);
        assert.doesNotMatch(JSON.stringify([...thrown.keys()].map((error) => contextOf(error))), /hunter2/);
        assert.deepEqual(own.current(), {}, "nothing is left outside");
        const { entered: counted, attached } = own.snapshot().counts;
        assert.deepEqual([counted, attached], [entered, thrown.size]);
      }),
      { numRuns: 200 },
    ));
