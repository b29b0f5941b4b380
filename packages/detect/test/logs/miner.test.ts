import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LogMiner, type MinerSnapshot } from "@prunella/detect";
import { families } from "./families.ts";

/** Lines in, the texts of their templates out, one a line. */
function check(lines: readonly string[], expected: readonly string[]): void {
  const miner = new LogMiner();
  const ids = lines.map((line) => miner.add(line));
  assert.deepEqual(
    ids.map((id) => miner.template(id)),
    expected,
  );
}

/** Grouping accuracy: the share of lines whose group is exactly the one that was meant. */
function accuracyOf(lines: readonly { readonly group: string; readonly line: string }[]): number {
  const miner = new LogMiner();
  const groupsOf = new Map<string, Set<string>>();
  const idsOf = new Map<string, Set<string>>();
  const pairs = lines.map(({ group, line }) => ({ group, id: miner.add(line) }));
  for (const { group, id } of pairs) {
    groupsOf.set(id, (groupsOf.get(id) ?? new Set()).add(group));
    idsOf.set(group, (idsOf.get(group) ?? new Set()).add(id));
  }
  return (
    pairs.filter(({ group, id }) => groupsOf.get(id)!.size === 1 && idsOf.get(group)!.size === 1).length / pairs.length
  );
}

test("values are recognised by their form at the first line", () => {
  check(
    [
      "worker 7 took 12.5 ms for 10.0.0.1:8080 at /var/data/a.bin",
      "job 3f2a9c1b-1111-4222-8333-444455556666 done in 3 s",
    ],
    ["worker <*> took <*> ms for <*> at <*>", "job <*> done in <*> s"],
  );
});

test("what follows an equals sign or a key with a colon is a value even if it is a word", () => {
  const miner = new LogMiner();
  assert.equal(miner.add("state=open kind:fast door 1"), miner.add("state=closed kind:slow door 2"));
});

test("a word in a list of keys and words is a value, a word after a single key is not", () => {
  const miner = new LogMiner();
  const id = miner.add("lost the lease, owner: alpha, next: bravo");
  assert.equal(miner.add("lost the lease, owner: carol, next: delta"), id);
  assert.equal(miner.template(id), "lost the lease, owner: <*>, next: <*>");
  assert.notEqual(miner.add("service: started"), miner.add("service: stopped"));
});

test("an empty quoted text is a value as any other", () => {
  const miner = new LogMiner();
  assert.equal(miner.add("serving with prefix ''"), miner.add("serving with prefix '/api'"));
});

test("a place that may vary is shown as it is until a second text appears", () => {
  const miner = new LogMiner();
  const id = miner.add("cache L1 flushed by mode=eager");
  assert.equal(miner.template(id), "cache L1 flushed by mode=eager");
  assert.equal(miner.add("cache L2 flushed by mode=lazy"), id);
  assert.equal(miner.template(id), "cache <*> flushed by mode=<*>");
});

test("words that differ in prose make different templates", () => {
  const miner = new LogMiner();
  assert.notEqual(miner.add("printing service started"), miner.add("printing service stopped"));
  assert.notEqual(miner.add("disk check: Permission denied"), miner.add("disk check: No such file"));
});

test("a word where a value stood before joins the older template", () => {
  const miner = new LogMiner();
  const id = miner.add("incoming connection from 10.1.2.3 refused by policy");
  assert.equal(miner.add("incoming connection from unknown refused by policy"), id);
});

test("lists of values of different length are one template", () => {
  const miner = new LogMiner();
  const id = miner.add("fan speeds ( 3552 3534 3375 )");
  assert.equal(miner.add("fan speeds ( 3552 3534 3375 4245 3515 )"), id);
  assert.equal(miner.template(id), "fan speeds ( <*> )");
});

test("many siblings at one word are merged and the oldest id stays", () => {
  const miner = new LogMiner();
  const ids = "alpha bravo carol delta eager fancy grand hotel india"
    .split(" ")
    .map((word) => miner.add(`scheduler moved task ${word} into the waiting room`));
  assert.equal(miner.add("scheduler moved task juliet into the waiting room"), ids[0]);
  assert.equal(miner.template(ids[3]!), "scheduler moved task <*> into the waiting room");
  assert.equal(miner.currentId(ids[3]!), ids[0]);
});

test("two words that vary together are found as well, and then cost nothing", () => {
  const miner = new LogMiner();
  const words = Array.from(
    { length: 400 },
    (_, at) => `${"abcdefghij"[at % 10]!}${"klmnopqrst"[Math.floor(at / 10) % 10]!}${"uvwx"[Math.floor(at / 100)]!}`,
  );
  const ids = words.map((word) =>
    miner.add(`the service reported that ${word} is now in a state of ${word}ness again`),
  );
  assert.equal(new Set(ids.slice(10)).size, 1);
  assert.equal(miner.templates().length, 1);
  assert.equal(miner.template(ids[0]!), "the service reported that <*> is now in a state of <*> again");
});

test("number and unit are one value once both have varied", () => {
  const miner = new LogMiner();
  const id = miner.add("kept in memory, size 8.8 KB, left 1 GB");
  assert.equal(miner.template(id), "kept in memory, size <*> KB, left <*> GB");
  assert.equal(miner.add("kept in memory, size 1.2 MB, left 9 GB"), id);
  assert.equal(miner.template(id), "kept in memory, size <*>, left <*> GB");
});

test("the method of a request counts, its target and what is quoted do not", () => {
  const miner = new LogMiner();
  const id = miner.add('10.0.0.1 - - "GET /a?b=c HTTP/1.1" 200 12 "-" "Browser/5.0 (X; Y) Z/1"');
  assert.equal(miner.add('10.0.0.2 - al "GET / HTTP/1.1" 404 9 "https://a.b/" "tool/1"'), id);
  assert.notEqual(miner.add('10.0.0.2 - - "POST / HTTP/1.1" 404 9 "-" "tool/1"'), id);
});

test("keys of objects in a line are no values", () => {
  const miner = new LogMiner();
  assert.notEqual(miner.add('sent {"user":"al","id":5}'), miner.add('sent {"name":"al","id":5}'));
});

test("parameters carry text, type and the name in front", () => {
  const miner = new LogMiner();
  const { parameters } = miner.mine(
    "uid=42 sent 12 from 10.0.0.1 to /tmp/a.txt id 3f2a9c1b-1111-4222-8333-444455556666 flags 0x1f at 2026-01-02 03:04:05 took 15ms",
  );
  assert.deepEqual(
    parameters.map(({ text, type, name }) => `${name ?? ""}|${type}|${text}`),
    [
      "uid|number|42",
      "|number|12",
      "|ip|10.0.0.1",
      "|path|/tmp/a.txt",
      "|uuid|3f2a9c1b-1111-4222-8333-444455556666",
      "|hex|0x1f",
      "|date|2026-01-02 03:04:05",
      "|duration|15ms",
    ],
  );
});

test("lines in the styles of many programs are grouped as meant", () => {
  const accuracies = families.map(({ name, lines }) => ({ name, accuracy: accuracyOf(lines) }));
  const mean = accuracies.reduce((sum, each) => sum + each.accuracy, 0) / accuracies.length;
  assert.ok(mean >= 0.93, `mean ${mean.toFixed(3)}: ${JSON.stringify(accuracies)}`);
});

test("the same line gets the same id in another miner", () => {
  assert.equal(new LogMiner().add("user alice logged in"), new LogMiner().add("user alice logged in"));
});

const word = fc.constantFrom(
  "open",
  "close",
  "user",
  "for",
  "from",
  "=",
  "a=1",
  "x:",
  "12",
  "10.0.0.1",
  "(",
  ")",
  "[",
  "]",
  '"',
  "/a/b",
  "node-7",
  "L1",
  "<1",
  "sec",
  "Jan",
  "3",
  "é",
  "::",
  "fe80::1",
  "C:\\x",
  "...",
);
const line = fc.oneof(
  fc.array(word, { maxLength: 12 }).map((words) => words.join(" ")),
  fc.string({ maxLength: 60 }),
);

test("a miner that was written and read goes on with identical ids and texts", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), fc.array(line, { maxLength: 60 }), (before, after) => {
      const options = { templatesMax: 16 };
      const miner = new LogMiner(options);
      for (const each of before) miner.add(each);
      const twin = LogMiner.restore(JSON.parse(JSON.stringify(miner.snapshot())) as MinerSnapshot, options);
      for (const each of after) assert.equal(twin.add(each), miner.add(each));
      assert.deepEqual(twin.templates(), miner.templates());
      assert.deepEqual(twin.counters(), miner.counters());
    }),
    { numRuns: 300 },
  );
});

test("an id that was given keeps its meaning: a repeated line has its id or that of an older template", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
      const miner = new LogMiner();
      const ids = lines.map((each) => miner.add(each));
      lines.forEach((each, at) => assert.equal(miner.add(each), miner.currentId(ids[at]!)));
    }),
  );
});

test("a line of a megabyte is read to its bound and counted", () => {
  const miner = new LogMiner();
  const id = miner.add("payload " + "x y".repeat(350_000));
  assert.equal(miner.counters().truncated, 1);
  assert.ok(miner.template(id)!.length < 10_000);
  assert.ok(JSON.stringify(miner.snapshot()).length < 100_000);
});

test("lines that are all different never push out a template that was seen twice", () => {
  const miner = new LogMiner({ templatesMax: 64 });
  const id = miner.add("checkpoint written to disk");
  miner.add("checkpoint written to disk");
  const letters = "abcdefghijklmnopqrstuvwxyz";
  for (let at = 0; at < 20_000; at += 1) {
    let noise = "";
    for (let rest = at + 26 ** 3; rest > 0; rest = Math.floor(rest / 26))
      noise += letters[rest % 26]! + (rest % 3 === 0 ? " " : "");
    miner.add(noise);
  }
  assert.equal(miner.add("checkpoint written to disk"), id);
  assert.ok(miner.templates().length <= 64);
  assert.ok(miner.counters().evicted > 0);
});

test("memory is bounded by templatesMax whatever comes", () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 50, maxLength: 200 }), (lines) => {
      const miner = new LogMiner({ templatesMax: 16 });
      for (const each of lines) miner.add(each);
      const { templates, merged } = miner.snapshot();
      assert.ok(templates.length <= 16);
      assert.ok(merged.length <= 33);
      assert.ok(templates.every(({ keys }) => keys.length <= 64));
    }),
    { numRuns: 50 },
  );
});

test("options out of range and unknown snapshots are refused by name", () => {
  assert.throws(() => new LogMiner({ templatesMax: 3 }), /templatesMax must be a whole number from 16/);
  assert.throws(() => LogMiner.restore({ version: 2 } as unknown as MinerSnapshot), /version 2 is unknown/);
});
