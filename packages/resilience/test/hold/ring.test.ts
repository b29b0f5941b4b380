import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Ring } from "../../src/hold/ring.ts";

test("a ring agrees with a plain array, and what was taken out is held no longer", () =>
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("push", "push", "shift", "pop"), { maxLength: 120, size: "max" }),
      (commands) => {
        const ring = new Ring<number>();
        const model: number[] = [];
        for (const [at, command] of commands.entries()) {
          if (command === "push") {
            ring.push(at);
            model.push(at);
          } else assert.equal(ring[command](), model[command]());
          assert.equal(ring.size, model.length);
          assert.deepEqual(ring.toArray(), model);
          // Every slot is one of those before or behind the items, as it is circular.
          const around = Array.from({ length: 200 }, (_, index) => ring.at(index));
          assert.deepEqual(new Set(around.filter((each) => each !== undefined)), new Set(model));
        }
      },
    ),
  ));
