// Shares of the machine on real processes: every service in a control group of its own, what is set is what the kernel holds,
// a kernel's kill for want of memory is told from any other, and nothing is left behind. Needs root and control groups.
import { readText } from "../src/proc/read.ts";
import { controlGroups } from "../src/control-groups.ts";
import { folderHash, type ResourcesPlan } from "@prunella/adapters";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { isRunning, stage, until, type Stage } from "./harness.ts";

const probe = controlGroups(`probe-${process.pid}`);
const skip = probe.absent === null ? false : `no control groups to be had here: ${probe.absent}`;
probe.close();

const resources: ResourcesPlan = { cpu: 10, cpuMost: 80, memoryHigh: null, memoryMax: null, memoryMost: null };

function staged(t: TestContext): Stage {
  const made = stage();
  t.after(() => made.end());
  return made;
}

/** Groups that a process is in, of those that carry this data folder's name. */
function groupsOf(pid: number, folder: string): string[] {
  const name = `prunella-${folderHash(folder)}`;
  return (readText(`/proc/${pid}/cgroup`) ?? "")
    .split("\n")
    .filter((line) => line.includes(`/${name}/`))
    .map((line) => line.slice(line.indexOf(name) + name.length + 1));
}

test(
  "a service that declares resources lives in a group of its own, its children too, through restart and adoption",
  { skip },
  async (t) => {
    const s = staged(t);
    const plan = s.plan([{ env: { FAMILY: "1" }, resources }, { name: "other" }]);
    const first = await s.agent(plan);
    const link = await s.link();
    const { pid } = await link.event("started", (event) => event.target === "api");
    const other = await link.event("started", (event) => event.target === "other");
    await until(() => s.log("api").includes("listening"), "the service listens");
    const groups = groupsOf(pid, s.folder);
    assert.ok(groups.length > 0 && groups.every((group) => group === "api"), groups.join());
    assert.deepEqual(groupsOf(other.pid, s.folder), [], "who declares none is left where it was");
    await until(() => s.log("api").includes("family"), "its children run");
    const children = (/family (\d+) (\d+)/.exec(s.log("api")) ?? []).slice(1).map(Number);
    assert.equal(children.length, 2);
    for (const child of children) assert.deepEqual(groupsOf(child, s.folder), groups, `child ${child}`);

    const done = await link.order("api", { type: "share", resource: "cpu", to: 40 });
    assert.equal(done.kind, "succeeded");
    await link.observation("sample", (signal) => signal.target === "api" && signal.values["cpuWeight"] === 40);
    const beyond = await link.order("api", { type: "share", resource: "cpu", to: 160 });
    assert.deepEqual(beyond, { kind: "failed", reason: "the bounds of api are 10 to 80", effect: "none" });

    await first.kill("SIGKILL");
    const second = await s.agent(plan);
    await until(() => link.client.connected, "reconnected");
    assert.deepEqual(groupsOf(pid, s.folder), groups);
    await link.order("api", { type: "restart", graceful: true });
    const again = await link.event("started", (event) => event.target === "api" && event.pid !== pid && !event.adopted);
    assert.deepEqual(groupsOf(again.pid, s.folder), groups);
    const from = link.observations.length;
    await until(
      () =>
        link.observations.slice(from).some((signal) => signal.type === "sample" && signal.values["cpuWeight"] === 40),
      "the next process, under the next agent, has the share that was ordered",
    );
    await second.kill("SIGTERM");
    assert.equal(isRunning(again.pid), false);
    for (const hierarchy of ["cpu", "memory", "unified", "."])
      assert.equal(existsSync(`/sys/fs/cgroup/${hierarchy}/prunella-${folderHash(s.folder)}`), false, hierarchy);
  },
);

test(
  "a kill by the kernel at the service's own limit is told from a plain SIGKILL",
  { skip: skip || (probe.controllers.memory === null ? "no memory controller" : false) },
  async (t) => {
    const s = staged(t);
    const eats = "const held = []; setInterval(() => held.push(Buffer.alloc(8e6, 1)), 20); console.log('listening')";
    const limit = 120_000_000;
    const limited = { ...resources, memoryMax: limit, memoryMost: limit };
    await s.agent(
      s.plan([
        { name: "eater", command: [process.execPath, "-e", eats], resources: limited },
        { name: "victim", command: [process.execPath, "-e", "setInterval(() => {}, 1000)"], resources: limited },
      ]),
    );
    const link = await s.link();
    const eaten = await link.event("exited", (event) => event.target === "eater");
    assert.deepEqual(eaten.exit, { code: null, signal: "SIGKILL", outOfMemory: true, memoryLimitBytes: limit });
    const victim = await link.event("started", (event) => event.target === "victim");
    process.kill(victim.pid, "SIGKILL");
    const killed = await link.event("exited", (event) => event.target === "victim");
    assert.deepEqual(killed.exit, { code: null, signal: "SIGKILL", outOfMemory: false });
  },
);
