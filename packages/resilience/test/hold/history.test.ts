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
  for (const nonsense of ["nonsense", "toString", 30, undefined])
    assert.throws(() => log.controls?.["set-level"]?.(nonsense), { name: "BadOptionError", field: "level" });
  assert.equal(log.level, "warn");
  assert.deepEqual(
    log.lines("warn").map(({ message }) => message),
    ["12345…"],
  );
  assert.deepEqual(log.lines("error"), []);
  log.clear();
  assert.deepEqual(log.lines(), []);
});

test("a line as long as may be is kept whole", () => {
  const log = ringLog({ messageMax: 5, system: manualSystem() });
  for (const message of ["12345", "123456"]) log.log("info", message);
  assert.deepEqual(
    log.lines().map(({ message }) => message),
    ["12345", "12345…"],
  );
  assert.equal(log.snapshot().counts["cut"], 1);
});

test("what a history holds is in its snapshot; asking for none, or less, gives none", () => {
  const own = history<number>({ capacity: 2, system: manualSystem() });
  const looks = [1, 2, 3].map((entry) => {
    own.add(entry);
    const { state, values, counts } = own.snapshot();
    return [state, values["size"], counts["total"], counts["forgotten"]];
  });
  assert.deepEqual(looks, [
    ["ok", 1, 1, 0],
    ["full", 2, 2, 0],
    ["full", 2, 3, 1],
  ]);
  assert.deepEqual([own.recent(0), own.recent(-1), own.recent(1)], [[], [], [3]]);
  assert.deepEqual(own.snapshot().values, { size: 2, capacity: 2, channels: 1, days: 1 });
  own.clear();
  assert.deepEqual([own.size, own.snapshot().counts["forgotten"], own.counters.total], [0, 3, 3]);
});

test("a day before the oldest one, after a jump of the wall clock, is the one that is forgotten", () => {
  const system = manualSystem();
  const own = history<number>({ daysMax: 2, system });
  for (const days of [0, 1, -10]) {
    system.jumpWall(days * 86_400_000);
    own.add(1);
  }
  assert.deepEqual([...own.counters.byDay.keys()], ["2023-11-14", "2023-11-15"]);
});

test("what a ring log holds, overwrites, cuts and dumps is counted; full is told once until it is cleared", async () => {
  const system = manualSystem();
  const dumps: string[][] = [];
  const log = ringLog({
    ...{ system, capacity: 3, charactersMax: 30, messageMax: 25, dumpLevel: "warn", dumpGapMs: 100 },
    onDump: (lines) => dumps.push(lines.map(({ message }) => message)),
  });
  const told: string[] = [];
  log.listen(({ event, level, detail }) => told.push(`${event}:${level} ${JSON.stringify(detail)}`));
  log.log("trace", "too fine");
  log.log("debug", "0123456789", { text: "ab", number: 1 });
  assert.deepEqual(log.snapshot().values, { lines: 1, capacity: 3, characters: 30, charactersMax: 30 });
  assert.equal(log.snapshot().state, "ok");
  log.log("info", "x");
  assert.deepEqual(log.snapshot().values["characters"], 1);
  for (const message of ["b", "c", "d"]) log.log("info", message);
  assert.equal(log.snapshot().state, "full");
  assert.deepEqual(
    log.lines().map(({ message, at }) => `${message} ${at - system.wallNow()}`),
    ["b 0", "c 0", "d 0"],
  );
  log.log("warn", "e");
  await system.advance(99);
  log.log("error", "f");
  await system.advance(1);
  log.log("error", "g".repeat(26));
  assert.deepEqual(dumps, [
    ["c", "d", "e"],
    ["e", "f", `${"g".repeat(25)}…`],
  ]);
  log.controls?.["dump"]?.();
  assert.equal(dumps.length, 3, "asked for: at once");
  assert.deepEqual(told, ['full:info {"lines":1,"characters":1}']);
  const { counts } = log.snapshot();
  assert.deepEqual(counts, { written: 8, filtered: 1, overwritten: 5, cut: 1, dumps: 3, dumpsSkipped: 1, trips: 0 });
  log.clear();
  assert.deepEqual([log.snapshot().values["characters"], log.snapshot().state], [0, "ok"]);
  log.log("info", "h".repeat(25), { one: "more" });
  assert.equal(log.lines().length, 1, "a line larger than the bound is kept alone");
  log.level = "fatal";
  log.log("error", "not kept");
  assert.equal(log.snapshot().counts["filtered"], 2);
});

test("a level that is none is refused by name, wherever it is given", () => {
  const verbose = "verbose" as "debug";
  assert.throws(() => ringLog({ level: verbose }), { name: "BadOptionError", field: "level" });
  assert.throws(() => ringLog({ dumpLevel: verbose }), { name: "BadOptionError", field: "dumpLevel" });
  const log = ringLog({ system: manualSystem() });
  assert.throws(() => (log.level = verbose), { field: "level" });
  assert.equal(log.level, "debug");
});

test("what is no text is kept as its text, so that the bound in characters holds", () => {
  const log = ringLog({ charactersMax: 100, system: manualSystem() });
  for (let at = 0; at < 50; at += 1) log.log("error", new Error("odd") as unknown as string);
  log.log("info", Object.create(null) as string);
  assert.ok((log.snapshot().values["characters"] as number) <= 100);
  assert.equal(log.lines()[0]?.message, "Error: odd");
});

test("a receiver of dumps that logs errors itself is dumped once", () => {
  let dumps = 0;
  const log = ringLog({
    system: manualSystem(),
    dumpGapMs: 0,
    onDump: () => {
      dumps += 1;
      log.log("error", "could not write the dump");
    },
  });
  log.log("error", "it broke");
  assert.equal(dumps, 1);
  assert.equal(log.snapshot().counts["dumpsSkipped"], 1);
  log.log("error", "again");
  assert.equal(dumps, 2);
});

test("a ring log agrees with a naive list for any lines, levels and bounds", () => {
  const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ level: fc.nat(5), length: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ keep: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.constant("clear" as const) },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 60 }),
      fc.array(step, { maxLength: 60 }),
      (capacity, charactersMax, steps) => {
        const log = ringLog({ system: manualSystem(), capacity, charactersMax, level: "trace" });
        let lines: { readonly level: number; readonly message: string }[] = [];
        let least = 0;
        const counts = { written: 0, filtered: 0, overwritten: 0 };
        const characters = (): number => lines.reduce((sum, { message }) => sum + message.length, 0);
        for (const one of steps) {
          if (one === "clear") {
            lines = [];
            log.clear();
          } else if ("keep" in one) log.level = levels[(least = one.keep)] ?? "trace";
          else {
            const message = "x".repeat(one.length);
            log.log(levels[one.level] ?? "trace", message);
            if (one.level < least) counts.filtered += 1;
            else {
              counts.written += 1;
              lines.push({ level: one.level, message });
            }
            while (lines.length > 1 && (lines.length > capacity || characters() > charactersMax)) {
              lines.shift();
              counts.overwritten += 1;
            }
          }
          for (const [at, level] of levels.entries())
            assert.deepEqual(
              log.lines(level).map(({ message }) => message),
              lines.filter((each) => each.level >= at).map(({ message }) => message),
            );
          assert.equal(log.snapshot().values["characters"], characters());
        }
        const { written, filtered, overwritten } = log.snapshot().counts;
        assert.deepEqual({ written, filtered, overwritten }, counts);
      },
    ),
  );
});
