// `resources:` of a service: its shares of the machine, and how they follow its need. Every default is filled in here.
import type { ResourcesPlan } from "@prunella/adapters";
import { needDefaults, shareDefaults, type ShareRule } from "@prunella/core";
import type { Cursor } from "./cursor.ts";
import { keysOf } from "./schema.ts";
import { duration, size } from "./units.ts";

const hour = 3_600_000;
const usualWeight = 100;
/** Without bounds of its own a weight is raised to so many times itself at most. */
const usualRaise = 8;

export function readResources(cursor: Cursor): ResourcesPlan | null {
  if (!cursor.exists) return null;
  cursor.only(keysOf("resources"));
  const memory = cursor.at("memory");
  memory.only(keysOf("memory"));
  const share = cursor.at("share");
  if (share.isMap) share.only(keysOf("share"));
  const bytes = (field: string): number | null =>
    memory.at(field).exists ? memory.at(field).measure(size, 0, 1e6, 1e13, "512MB") : null;
  const cpu = cursor.at("cpu").whole(usualWeight, 1, 10_000);
  const raised = share.exists ? Math.min(10_000, cpu * usualRaise) : cpu;
  const cpuMost = share.isMap ? share.at("most").whole(raised, 1, 10_000) : raised;
  if (cpuMost < cpu) share.at("most").problem("is below the weight itself", `write at least ${cpu}`);
  const [memoryHigh, memoryMax, most] = [bytes("high"), bytes("max"), bytes("most")];
  if (memoryHigh !== null && memoryMax !== null && memoryHigh > memoryMax)
    memory.at("high").problem("is above max", "reclaim begins before the limit: make high smaller");
  if (most !== null && memoryMax === null) memory.at("most").problem("has no max to begin from", "write max as well");
  if (most !== null && memoryMax !== null && most < memoryMax)
    memory.at("most").problem("is below max", "make it larger than max");
  return { cpu, cpuMost, memoryHigh, memoryMax, memoryMost: most ?? memoryMax };
}

/** One rule for its CPU weight when it has `share`, one for its memory limit when it has `most`. */
export function readShares(
  service: string,
  cursor: Cursor,
  plan: ResourcesPlan,
  neighbours: readonly string[],
): ShareRule[] {
  const share = cursor.at("share");
  const of = (key: string): Cursor => (share.isMap ? share : cursor.at("nothing")).at(key);
  const rules: ShareRule[] = [];
  const times = {
    upAfterMs: of("up").measure(duration, shareDefaults.upAfterMs, 1_000, hour / 2, "15s"),
    downAfterMs: of("down").measure(duration, shareDefaults.downAfterMs, 1_000, hour / 2, "2m"),
    coolDownMs: of("coolDown").measure(duration, shareDefaults.coolDownMs, 1_000, hour, "30s"),
    neighbours,
  };
  if (share.exists) {
    if (!share.isMap && share.text() !== "auto")
      share.problem("is neither auto nor a mapping", "write share: auto, or by, target and most below it");
    const metric = of("by").text("cpuWaitShare") ?? "cpuWaitShare";
    const target = of("target").scalar;
    if (metric !== "cpuWaitShare" && !of("target").exists)
      share.problem(`says no target for ${metric}`, "write from where on it is in need, such as target: 200");
    if (of("target").exists && !(typeof target === "number" && target > 0 && Number.isFinite(target)))
      of("target").problem("is no number above 0", "write for example target: 0.2");
    const { cpu: base, cpuMost: most } = plan;
    rules.push({
      ...{ service, resource: "cpu", base, most, metric },
      target: typeof target === "number" && target > 0 ? target : needDefaults.cpuWaitShare,
      ...times,
    });
  }
  const { memoryMax: base, memoryMost: most } = plan;
  if (base !== null && most !== null && most > base)
    rules.push({
      ...{ service, resource: "memory", base, most, metric: "memoryUsedShare" },
      target: needDefaults.memoryUsedShare,
      ...times,
    });
  return rules;
}
