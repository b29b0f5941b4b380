// Facts about the machine and the agent itself that go out as samples of Prunella's own target.
import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { parseField } from "./proc/parse.ts";
import { readText } from "./proc/read.ts";

/**
 * A count that rises whenever the kernel kills for want of memory: of our own control group where there is one, else of the
 * whole machine. Null where neither can be read.
 */
export function memoryKills(): number | null {
  const group = /^0::(.*)$/m.exec(readText("/proc/self/cgroup") ?? "")?.[1];
  const events = group === undefined ? null : readText(`/sys/fs/cgroup${group}/memory.events`);
  const count = parseField(events ?? "", "oom_kill") ?? parseField(machineCounters(), "oom_kill");
  return count === null ? null : Number(count);
}

function machineCounters(): string {
  try {
    return readFileSync("/proc/vmstat", "latin1");
  } catch {
    return "";
  }
}

/** Free space of the file system that holds `folder`, for whoever is not root. */
export async function diskValues(folder: string): Promise<Record<string, number>> {
  try {
    const facts = await statfs(folder);
    return {
      diskFreeBytes: facts.bavail * facts.bsize,
      diskFreeShare: facts.blocks === 0 ? 1 : facts.bavail / facts.blocks,
    };
  } catch {
    return {};
  }
}

/** What the machine has of memory, and what of it could be had now. */
export function memoryValues(): Record<string, number> {
  const text = readText("/proc/meminfo") ?? "";
  const bytes = (name: string): number => Number(/^(\d+) kB/.exec(parseField(text, name) ?? "")?.[1]) * 1_024;
  const [machineMemoryBytes, machineMemoryFreeBytes] = [bytes("MemTotal"), bytes("MemAvailable")];
  return Number.isFinite(machineMemoryBytes + machineMemoryFreeBytes)
    ? { machineMemoryBytes, machineMemoryFreeBytes }
    : {};
}

/** CPU and memory of the agent itself; call once per interval. */
export function ownUsage(): (elapsedMs: number) => Record<string, number> {
  let last = process.cpuUsage();
  return (elapsedMs) => {
    const used = process.cpuUsage(last);
    last = process.cpuUsage();
    return {
      agentRssBytes: process.memoryUsage.rss(),
      agentCpuShare: (used.user + used.system) / 1_000 / Math.max(1, elapsedMs),
    };
  };
}
