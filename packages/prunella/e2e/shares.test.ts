// Two real services compete for one processor: the one in need gets more of it, as measured by the kernel's own count of time,
// and gives it back when the need is gone. Needs root, control groups and taskset.
import { controlGroups } from "@prunella/agent";
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { prunella, until } from "./monitoring-harness.ts";

const groups = controlGroups(`probe-${process.pid}`);
const hasCpu = groups.controllers.cpu !== null;
const absent = groups.absent;
groups.close();
const skip = !hasCpu
  ? `no control group of the CPU to be had here: ${absent ?? "only memory's"}`
  : existsSync("/usr/bin/taskset")
    ? false
    : "taskset is not installed";

/** Busy while the file `go` lies in its folder. */
const burns = `const { existsSync } = require("node:fs");
let go = true;
setInterval(() => (go = existsSync(process.argv[2])), 100);
(function turn() { if (go) { const end = Date.now() + 20; while (Date.now() < end); } setTimeout(turn, go ? 0 : 50); })();`;

interface Target {
  readonly key: string;
  readonly pid: number | null;
  readonly values: Readonly<Record<string, number>>;
}

test(
  "the service in need gets its share of the processor, and gives it back",
  { skip, timeout: 180_000 },
  async (t) => {
    const first = /Cpus_allowed_list:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
    const service = (file: string): string => `taskset -c ${first} node burn.cjs ${file}`;
    // Small weights: beside everything else on this machine the two together count for little.
    const it = await prunella(
      t,
      `services:
  web:
    command: ${service("web.go")}
    probe: off
    resources: { cpu: 10, share: { target: 0.3, most: 40, up: 4s, down: 4s, coolDown: 1s } }
  batch:
    command: ${service("batch.go")}
    probe: off
    resources: { cpu: 10 }
http: { port: 0 }
`,
      {},
      { "burn.cjs": burns, "web.go": "", "batch.go": "" },
    );
    const target = async (key: string): Promise<Target> =>
      (await it.api("/api/v1/targets")).items.find((each: Target) => each.key === key);
    const weight = async (): Promise<number | undefined> => (await target("web")).values["cpuWeight"];
    const running = async (key: string): Promise<number> =>
      (await until(
        `${key} runs`,
        async () => (await target(key)).pid,
        (pid) => pid !== null,
        30,
      )) ?? 0;
    const pids = { web: await running("web"), batch: await running("batch") };
    /** How often batch's time web had of the processor while both were busy. */
    async function ratio(): Promise<number> {
      const before = [ticks(pids.web), ticks(pids.batch)] as const;
      await sleep(2_500);
      return (ticks(pids.web) - before[0]) / Math.max(1, ticks(pids.batch) - before[1]);
    }
    const even = await ratio();
    await until("web has the most it may", weight, (value) => value === 40, 90);
    const raised = await ratio();
    rmSync(path.join(it.folder, "web.go"));
    await until("web is back at its own weight", weight, (value) => value === 10, 90);
    writeFileSync(path.join(it.folder, "web.go"), "");
    await sleep(300);
    const back = await ratio();
    t.diagnostic(`web's time to batch's: ${even.toFixed(2)}, in need ${raised.toFixed(2)}, back ${back.toFixed(2)}`);
    assert.ok(even > 0.7 && even < 1.5, `even: ${even}`);
    assert.ok(raised > 2 && raised < 6, `raised: ${raised}`);
    assert.ok(back > 0.7 && back < 1.5, `back: ${back}`);

    const { items } = await it.api("/api/v1/repairs");
    const mine = items.filter((each: { remedy: string }) => each.remedy === "share cpu web");
    assert.ok(mine.length >= 4, JSON.stringify(items));
    assert.deepEqual(
      [(await target("web")).pid, (await target("batch")).pid],
      [pids.web, pids.batch],
      "nothing was restarted",
    );
    assert.deepEqual((await it.api("/api/v1/incidents")).items, []);
  },
);

/** Processor time of a process in the kernel's ticks. */
function ticks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
