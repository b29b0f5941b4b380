import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { history, ringLog } from "@prunella/resilience";
import type { LogLine } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

test("CRIT-005: a list grows with every item, a history stays at its bound and counts them all", () => {
  const list: number[] = [];
  const bounded = history<number>({ system: manualSystem() });
  for (let at = 0; at < 50_000; at += 1) {
    list.push(at);
    bounded.add(at, at % 2 === 0 ? "mail" : "chat");
  }
  assert.equal(list.length, 50_000);
  assert.equal(bounded.size, 10_000);
  assert.equal(bounded.counters.total, 50_000);
  assert.deepEqual(
    [...bounded.counters.byChannel],
    [
      ["mail", 25_000],
      ["chat", 25_000],
    ],
  );
  assert.deepEqual(bounded.recent(2), [49_998, 49_999]);
  assert.equal(bounded.snapshot().counts["forgotten"], 40_000);
});

test("days are counted apart, by the wall clock in UTC, and the oldest day is forgotten", async () => {
  const system = manualSystem();
  const days = history<number>({ system, daysMax: 2 });
  days.add(1);
  await system.advance(86_400_000);
  days.add(2);
  days.add(3);
  assert.deepEqual(
    [...days.counters.byDay],
    [
      ["2023-11-14", 1],
      ["2023-11-15", 2],
    ],
  );
  system.jumpWall(86_400_000);
  days.add(4);
  assert.deepEqual(
    [...days.counters.byDay],
    [
      ["2023-11-15", 2],
      ["2023-11-16", 1],
    ],
  );
});

test("channels beyond the bound are counted together", () => {
  const own = history<number>({ channelsMax: 1, system: manualSystem() });
  for (const channel of ["a", "b", "c", "a"]) own.add(1, channel);
  assert.deepEqual(
    [...own.counters.byChannel],
    [
      ["a", 2],
      ["other", 2],
    ],
  );
});

test("a history agrees with a naive list for any sequence", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.array(fc.option(fc.integer(), { nil: "clear" as const })),
      (capacity, steps) => {
        const own = history<number>({ capacity, system: manualSystem() });
        let model: number[] = [];
        let total = 0;
        for (const each of steps) {
          if (typeof each === "string") {
            own.clear();
            model = [];
          } else {
            own.add(each);
            model = [...model, each].slice(-capacity);
            total += 1;
          }
          assert.deepEqual(own.recent(), model);
          assert.deepEqual(own.recent(3), model.slice(-3));
          assert.equal(own.counters.total, total);
          assert.equal((own.snapshot().counts["forgotten"] ?? 0) + own.size, total);
        }
      },
    ),
  );
});

test("MED-006: a log in a list grows without end, the ring log keeps the newest lines within both bounds", () => {
  const list: string[] = [];
  const log = ringLog({ capacity: 100, charactersMax: 1500, system: manualSystem() });
  for (let at = 0; at < 10_000; at += 1) {
    const message = `line ${at}`.padEnd(20);
    list.push(message);
    log.log("info", message);
  }
  assert.equal(list.length, 10_000);
  assert.equal(log.lines().length, 75, "1,500 characters of 20");
  assert.equal(log.lines().at(-1)?.message.trim(), "line 9999");
  assert.equal(log.snapshot().counts["overwritten"], 9925);
});

test("an error dumps what led to it, not more often than the gap allows, and a throwing receiver harms nobody", async () => {
  const system = manualSystem();
  const dumps: (readonly LogLine[])[] = [];
  const log = ringLog({
    system,
    level: "info",
    onDump: (lines) => {
      dumps.push(lines);
      throw new Error("disk full");
    },
  });
  log.log("debug", "not kept");
  log.log("info", "before", { user: 7 });
  log.log("error", "it broke");
  log.log("error", "again");
  assert.equal(dumps.length, 1);
  assert.deepEqual(
    dumps[0]?.map(({ message }) => message),
    ["before", "it broke"],
  );
  await system.advance(1000);
  log.log("fatal", "and again");
  assert.equal(dumps.length, 2);
  const { counts } = log.snapshot();
  assert.equal(counts["filtered"], 1);
  assert.equal(counts["dumpsSkipped"], 1);
});

test("the level can be driven from outside; a long message is cut and counted; levels can be asked for", () => {
  const log = ringLog({ messageMax: 5, system: manualSystem() });
  log.controls?.["set-level"]?.("warn");
  log.log("info", "lost");
  log.log("warn", "1234567");
  log.controls?.["set-level"]?.("nonsense");
  assert.equal(log.level, "warn");
  assert.deepEqual(
    log.lines("warn").map(({ message }) => message),
    ["12345…"],
  );
  assert.deepEqual(log.lines("error"), []);
  log.clear();
  assert.deepEqual(log.lines(), []);
});
