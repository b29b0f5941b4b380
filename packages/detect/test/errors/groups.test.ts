import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  compareReleases,
  ErrorGroups,
  escalationLimit,
  HourlyCounts,
  judgeRegression,
  type ErrorGroupsSnapshot,
  type Resolution,
} from "@prunella/detect";

test("the first event of a key is new, the next is not", () => {
  const groups = new ErrorGroups();
  const first = groups.assign("1:a", 0);
  assert.equal(first.isNew, true);
  assert.deepEqual([groups.assign("1:a", 1).group, groups.assign("1:a", 1).isNew], [first.group, false]);
});

test("merged keys go to the group they were merged into, now and later", () => {
  const groups = new ErrorGroups();
  const [a, b, c] = ["1:a", "1:b", "1:c"].map((key) => groups.assign(key, 0).group) as [string, string, string];
  groups.merge(b, a);
  groups.merge(c, b);
  for (const key of ["1:a", "1:b", "1:c"]) assert.equal(groups.assign(key, 1).group, a);
  assert.equal(groups.current(c), a);
});

test("an unmerged event that arrives again stays unmerged", () => {
  const groups = new ErrorGroups();
  const a = groups.assign("1:a", 0).group;
  const b = groups.assign("1:b", 0).group;
  groups.merge(b, a);
  const alone = groups.unmerge(["1:b"]);
  assert.equal(groups.assign("1:b", 5).group, alone);
  const c = groups.assign("1:c", 6).group;
  groups.merge(c, a);
  assert.equal(groups.assign("1:b", 7).group, alone);
  const restored = ErrorGroups.restore(JSON.parse(JSON.stringify(groups.snapshot())) as ErrorGroupsSnapshot);
  assert.equal(restored.assign("1:b", 8).group, alone);
});

test("while a project moves to a new algorithm the old key finds the group", () => {
  const groups = new ErrorGroups();
  const old = groups.assign("1:a", 0).group;
  assert.deepEqual({ ...groups.assign("2:x", 1, ["1:a"]), why: "" }, { group: old, isNew: false, why: "" });
  assert.equal(groups.assign("2:x", 2).group, old);
});

test("a flood of new keys never pushes out what a person placed, and is counted", () => {
  const groups = new ErrorGroups({ keysMax: 100 });
  const a = groups.assign("1:a", 0).group;
  groups.merge(groups.assign("1:b", 0).group, a);
  for (let at = 0; at < 5000; at += 1) groups.assign(`1:flood${String(at)}`, at);
  assert.equal(groups.assign("1:b", 6000).group, a);
  assert.ok(groups.counters().keys <= 100);
  assert.ok(groups.counters().forgotten > 4000);
});

test("what cannot be merged or unmerged is refused with the reason", () => {
  const groups = new ErrorGroups();
  const { group } = groups.assign("1:a", 0);
  assert.throws(() => groups.merge("g99", group), /group g99 is unknown/);
  assert.throws(() => groups.merge(group, "g99"), /group g99 is unknown/);
  assert.throws(() => groups.unmerge(["1:none"]), /key 1:none is unknown/);
  assert.throws(() => groups.unmerge([]), /unmerge needs a key/);
  assert.throws(() => new ErrorGroups({ keysMax: 0 }), /keysMax must be/);
});

test("written and read groups go on the same, whatever was done", () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e");
  const step = fc.oneof(
    fc.record({ do: fc.constant("assign" as const), key, other: key }),
    fc.record({ do: fc.constant("merge" as const), key, other: key }),
    fc.record({ do: fc.constant("unmerge" as const), key, other: key }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.array(key, { maxLength: 10 }), (steps, later) => {
      const groups = new ErrorGroups({ keysMax: 4 });
      steps.forEach((each, now) => {
        const mine = groups.assign(each.key, now).group;
        if (each.do === "merge") {
          const { group } = groups.assign(each.other, now);
          if (groups.keysOf(mine).length > 0) groups.merge(mine, group);
        } else if (each.do === "unmerge") groups.unmerge([each.key]);
      });
      const twin = ErrorGroups.restore(JSON.parse(JSON.stringify(groups.snapshot())) as ErrorGroupsSnapshot, {
        keysMax: 4,
      });
      for (const each of later) assert.deepEqual(twin.assign(each, 100), groups.assign(each, 100));
    }),
  );
});

test("releases are ordered by semantic version, else by creation, else not at all", () => {
  const created = (release: string): number | undefined => ({ abc: 1, def: 2 })[release];
  const table: readonly (readonly [string, string, string])[] = [
    ["1.2.3", "1.2.10", "older"],
    ["v2.0", "1.99.99", "newer"],
    ["1.0.0-rc.1", "1.0.0", "older"],
    ["1.0.0-rc.2", "1.0.0-rc.10", "older"],
    ["1.0.0-alpha", "1.0.0-alpha.1", "older"],
    ["1.0.0-1", "1.0.0-alpha", "older"],
    ["1.0.0+build.5", "1.0.0+build.7", "same"],
    ["web@1.2.3", "web@1.2.4", "older"],
    ["web@1.2.3", "api@1.2.4", "unknown"],
    ["abc", "def", "older"],
    ["abc", "xyz", "unknown"],
    ["xyz", "xyz", "same"],
  ];
  for (const [one, other, expected] of table)
    assert.equal(compareReleases(one, other, created), expected, `${one} ${other}`);
});

test("only a later event in a release with the fix is a regression", () => {
  const check = (resolution: Resolution, at: number, release: string | undefined, expected: boolean): void =>
    assert.equal(
      judgeRegression(release === undefined ? { at } : { at, release }, resolution).isRegression,
      expected,
      JSON.stringify([resolution, at, release]),
    );
  check({ mode: "now", at: 100 }, 101, undefined, true);
  check({ mode: "now", at: 100 }, 99, "9.9.9", false);
  check({ mode: "release", at: 100, release: "1.2.0" }, 200, "1.2.0", true);
  check({ mode: "release", at: 100, release: "1.2.0" }, 200, "1.10.0", true);
  check({ mode: "release", at: 100, release: "1.2.0" }, 200, "1.1.9", false);
  check({ mode: "release", at: 100, release: "1.2.0" }, 50, "1.10.0", false);
  check({ mode: "release", at: 100, release: "1.2.0" }, 200, undefined, false);
  check({ mode: "release", at: 100, release: "1.2.0" }, 200, "3f2a9c1", false);
  check({ mode: "next-release", at: 100, current: "1.2.0" }, 200, "1.2.0", false);
  check({ mode: "next-release", at: 100, current: "1.2.0" }, 200, "1.2.1", true);
  check({ mode: "commit", at: 100, commit: "3f2a" }, 200, "1.2.1", false);
  check({ mode: "commit", at: 100, commit: "3f2a", release: "1.2.1" }, 200, "1.2.1", true);
});

const week = 168;
const hour = 3_600_000;

test("the limit of a young failure is ten times its busiest hour", () => {
  assert.equal(escalationLimit([1, 4, 2], 3 * hour).limit, 40);
});

test("the limit of an old failure follows the definitions", () => {
  const steady = Array.from({ length: week }, () => 10);
  // mean 10, sd 0, cv 0: spike = 10 + 5 * 10, bursty = 10 * 5.
  assert.equal(escalationLimit(steady, week * hour).limit, 60);
  const counts = Array.from({ length: week }, (_, at) => (at % 24 === 0 ? 100 : 2));
  const mean = counts.reduce((sum, count) => sum + count, 0) / week;
  const deviation = Math.sqrt(counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / week);
  const weighted = counts.reduce((sum, count, at) => sum + count * (at + 1), 0) / ((week * (week + 1)) / 2);
  const spike = weighted + Math.min(Math.max((mean + 5 * deviation) / mean, 5), 8) * mean;
  const bursty = 100 * Math.min(Math.max(2, 5 * Math.E ** ((-0.65 * deviation) / mean)), 5);
  assert.ok(Math.abs(escalationLimit(counts, week * hour).limit - Math.max(spike, bursty)) < 1e-9);
});

test("a failure escalates when an hour goes beyond its limit", () => {
  const counts = new HourlyCounts(0);
  for (let at = 0; at < week; at += 1) counts.add(at * hour, 10);
  counts.add(week * hour, 60);
  assert.equal(counts.isEscalating(week * hour).isEscalating, false);
  counts.add(week * hour + 1000);
  assert.deepEqual(counts.isEscalating(week * hour + 2000).isEscalating, true);
  assert.equal(
    HourlyCounts.restore(JSON.parse(JSON.stringify(counts.snapshot())) as ReturnType<HourlyCounts["snapshot"]>).current(
      week * hour,
    ),
    61,
  );
});

test("a failure does not escalate in its very first hour, there is nothing to compare with", () => {
  const counts = new HourlyCounts(5 * hour + 1);
  counts.add(5 * hour + 1, 500);
  assert.equal(counts.isEscalating(5 * hour + 2).isEscalating, false);
  counts.add(6 * hour, 5_001);
  assert.equal(counts.isEscalating(6 * hour + 1).isEscalating, true);
});

test("late events count in their hour, those older than a week not at all, and a long pause empties the week", () => {
  const counts = new HourlyCounts(0);
  counts.add(200 * hour, 5);
  counts.add(199 * hour, 7);
  counts.add(1 * hour, 9);
  assert.equal(
    counts.snapshot().counts.reduce((sum, count) => sum + count, 0),
    12,
  );
  assert.equal(counts.current(1000 * hour), 0);
  assert.equal(counts.limit(1000 * hour).limit, 0);
});
