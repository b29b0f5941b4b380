// Where control groups are looked for, and what is written into them, on folders that stand in for the kernel's.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { controlGroups, placeOf, sharesOf, weightOf } from "../src/control-groups.ts";

const mounts1 = `30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`;

test("each controller is found where it is mounted, below the group this process was given", () => {
  const own = "4:memory:/box/a\n2:cpu,cpuacct:/\n0::/";
  assert.deepEqual(placeOf("cpu", mounts1, own), { version: 1, folder: "/sys/fs/cgroup/cpu,cpuacct" });
  assert.deepEqual(placeOf("memory", mounts1, own), { version: 1, folder: "/sys/fs/cgroup/memory/box/a" });
  assert.equal(placeOf("memory", "", own), null);
});

test("in a container whose mount shows a part of the tree the group is found inside that part", () => {
  const mounts = "31 25 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
  assert.equal(placeOf("memory", mounts, "4:memory:/docker/abc/x")?.folder, "/sys/fs/cgroup/memory/x");
});

test("weights are those of version 2, and survive the way to version 1 and back", () => {
  assert.deepEqual([sharesOf(100), sharesOf(1), sharesOf(10_000)], [1_024, 10, 102_400]);
  for (const weight of [1, 2, 7, 33, 100, 999, 10_000]) assert.equal(weightOf(sharesOf(weight)), weight);
});

/** A version 2 tree of plain files; what the kernel would do by itself is not done. */
function unified(t: TestContext, processes: string, group = "/unit"): { mounts: string; own: string; base: string } {
  const root = mkdtempSync(path.join(tmpdir(), "prunella-groups-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const base = path.join(root, "unit");
  const own = path.join(root, group);
  mkdirSync(own, { recursive: true });
  for (const folder of new Set([base, own])) {
    writeFileSync(path.join(folder, "cgroup.controllers"), "cpu memory pids\n");
    writeFileSync(path.join(folder, "cgroup.subtree_control"), "");
    writeFileSync(path.join(folder, "cgroup.type"), "domain\n");
    writeFileSync(path.join(folder, "cgroup.procs"), folder === own ? processes : "");
  }
  return { mounts: `29 1 0:25 / ${root} rw - cgroup2 cgroup2 rw`, own: `0::${group}`, base };
}

test("version 2: the agent moves into a leaf, and a service's weight and limits are written in its own words", (t) => {
  const tree = unified(t, "77\n");
  const groups = controlGroups("f", tree);
  assert.deepEqual([groups.absent, groups.controllers], [null, { cpu: 2, memory: 2 }]);
  assert.equal(readFileSync(path.join(tree.base, "prunella-agent/cgroup.procs"), "utf8"), "77");
  const plan = { cpu: 50, cpuMost: 400, memoryHigh: 80_000_000, memoryMax: 100_000_000, memoryMost: 100_000_000 };
  assert.equal(groups.place("web/1", [123], plan, { cpu: 200, memory: 100_000_000 }), null);
  const read = (file: string): string => readFileSync(path.join(tree.base, "prunella-f/web~1", file), "utf8");
  assert.deepEqual(["cpu.weight", "memory.high", "memory.max", "cgroup.procs"].map(read), [
    "200",
    "80000000",
    "100000000",
    "123",
  ]);
  const file = (name: string, text: string): void =>
    writeFileSync(path.join(tree.base, "prunella-f/web~1", name), text);
  file("memory.current", "95000000");
  file("memory.stat", "anon 1\ninactive_file 5000000\n");
  file("memory.events", "oom 3\noom_kill 2\n");
  const values = groups.values("web/1", 1_000);
  assert.deepEqual(values, { cpuWeight: 200, memoryLimitBytes: 100_000_000, memoryUsedShare: 0.9 });
  assert.equal(groups.kills("web/1"), 2);
  assert.throws(() => groups.set("web/1", "memory", 91_000_000), /uses 90 MB, too close/);
  assert.throws(() => groups.set("other", "cpu", 100), /other has no control group/);
});

test("version 2: a leaf that was handed down for the agent leaves the rest of its unit to the services", (t) => {
  const tree = unified(t, "77\n78\n", "/unit/prunella-agent");
  assert.equal(controlGroups("f", tree).absent, null);
  assert.ok(existsSync(path.join(tree.base, "prunella-f")));
});

test("version 2: a group that others live in stays as it is, and the reason says what to do", (t) => {
  const tree = unified(t, "77\n78\n");
  const groups = controlGroups("f", tree);
  assert.match(groups.absent ?? "", /it holds 2 processes: give Prunella a group of its own \(systemd: Delegate=yes/);
  assert.equal(existsSync(path.join(tree.base, "prunella-f")), false);
  assert.equal(groups.kills("web"), null);
  assert.deepEqual(groups.values("web", 1_000), {});
});

test("where nobody declares resources nothing is made, moved or asked", (t) => {
  const tree = unified(t, "77\n");
  const groups = controlGroups("f", tree);
  assert.deepEqual([groups.kills("web"), groups.values("web", 1_000)], [null, {}]);
  groups.remove("web");
  groups.close();
  assert.deepEqual(
    ["prunella-f", "prunella-agent"].map((name) => existsSync(path.join(tree.base, name))),
    [false, false],
  );
});

test("without any mount nothing is made and nothing fails", () => {
  const groups = controlGroups("f", { mounts: "", own: "" });
  assert.match(groups.absent ?? "", /the kernel offers no cpu controller here; the kernel offers no memory controller/);
  groups.remove("web");
  groups.close();
});
