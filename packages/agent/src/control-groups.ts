// The kernel's control groups (cgroup version 1 or 2, each controller wherever it is mounted): one group for each service that
// declares `resources`, all below one parent of this data folder, inside the group the agent itself was given, so that limits
// laid on the agent hold for its services too. Where there are none, that is said once and nothing else changes.
// Invariant: only folders that carry this data folder's name are ever made, written to or removed.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ResourcesPlan } from "@prunella/adapters";
import { parseField } from "./proc/parse.ts";
import { readText } from "./proc/read.ts";

/** What a group's shares are set to now; by it a restarted process gets what its predecessor had. */
export interface Shares {
  cpu: number;
  memory: number | null;
}

export interface ControlGroups {
  /** Why nothing can be shared out; null: something can. */
  readonly absent: string | null;
  readonly controllers: { readonly cpu: 1 | 2 | null; readonly memory: 1 | 2 | null };
  /** Makes the group of a target, sets its shares and puts these processes into it. Returns what went wrong, or null. */
  place(target: string, pids: readonly number[], plan: ResourcesPlan, shares: Shares): string | null;
  /** Sets one share of a group that exists. Throws with the reason when it cannot. */
  set(target: string, resource: "cpu" | "memory", to: number): void;
  /** Metrics for the sample of a service: `cpuWeight`, `cpuWaitShare`, `memoryLimitBytes`, `memoryUsedShare`. */
  values(target: string, elapsedMs: number): Readonly<Record<string, number>>;
  /** How often the kernel killed in this group for want of memory; null when it has none. */
  kills(target: string): number | null;
  /** Removes a group that holds no process any more; one that still does is left, and removed when the agent ends or returns. */
  remove(target: string): void;
  /** Removes what is empty of all that this data folder's agents made. */
  close(): void;
}

interface Controller {
  readonly version: 1 | 2;
  /** The parent of all groups. */
  readonly parent: string;
}

/** Threads of one group whose waiting is measured; those beyond it are not. */
const threadsMax = 256;
/** Weight of a service that names none. */
export const usualWeight = 100;

/**
 * Nothing is looked for or made before the first service that declares resources needs it.
 * @param root where the group of this process is looked for: tests give folders of their own.
 */
export function controlGroups(
  folder: string,
  root: Root = { mounts: readText("/proc/self/mountinfo") ?? "", own: readText("/proc/self/cgroup") ?? "" },
): ControlGroups {
  let opened: ControlGroups | null = null;
  const open = (): ControlGroups => (opened ??= openGroups(folder, root));
  return {
    get absent() {
      return open().absent;
    },
    get controllers() {
      return open().controllers;
    },
    place: (target, pids, plan, shares) => open().place(target, pids, plan, shares),
    set: (target, resource, to) => open().set(target, resource, to),
    values: (target, elapsedMs) => opened?.values(target, elapsedMs) ?? {},
    kills: (target) => opened?.kills(target) ?? null,
    remove: (target) => opened?.remove(target),
    close: () => opened?.close(),
  };
}

interface Root {
  readonly mounts: string;
  readonly own: string;
}

function openGroups(folder: string, root: Root): ControlGroups {
  const name = `prunella-${folder}`;
  const reasons: string[] = [];
  const found = { cpu: controllerOf("cpu"), memory: controllerOf("memory") };
  const every = [...new Set([found.cpu, found.memory].filter((each) => each !== null).map(({ parent }) => parent))];
  const waited = new Map<string, Map<number, number>>();
  sweepEmpty();

  function controllerOf(resource: "cpu" | "memory"): Controller | null {
    const place = placeOf(resource, root.mounts, root.own);
    if (place === null) {
      reasons.push(`the kernel offers no ${resource} controller here`);
      return null;
    }
    // A group that was handed down for this: "prunella-agent" holds the agent, its siblings are ours to make.
    const base = path.basename(place.folder) === agentLeaf ? path.dirname(place.folder) : place.folder;
    const parent = path.join(base, name);
    try {
      if (place.version === 2) enable(base, resource);
      mkdirSync(parent, { recursive: true });
      if (place.version === 2) writeFileSync(path.join(parent, "cgroup.subtree_control"), `+${resource}`);
      return { version: place.version, parent };
    } catch (error) {
      reasons.push(`${base} may not be used: ${message(error)}`);
      return null;
    }
  }

  const fileOf = (resource: "cpu" | "memory", target: string, file: string): string | null => {
    const controller = found[resource];
    return controller === null ? null : path.join(controller.parent, leaf(target), file);
  };

  function write(resource: "cpu" | "memory", target: string, file: string, value: string): void {
    const full = fileOf(resource, target, file);
    if (full !== null) writeFileSync(full, value);
  }

  function set(target: string, resource: "cpu" | "memory", to: number): void {
    const controller = found[resource];
    if (controller === null) throw new Error(`there is no ${resource} controller: ${reasons.join("; ")}`);
    if (!existsSync(path.join(controller.parent, leaf(target)))) throw new Error(`${target} has no control group`);
    if (resource === "cpu") {
      if (controller.version === 1) write("cpu", target, "cpu.shares", String(sharesOf(to)));
      else write("cpu", target, "cpu.weight", String(to));
      weighParent();
      return;
    }
    // Below what is in use the kernel would reclaim in distress, or kill.
    const used = usedBytes(target);
    if (used !== null && used > 0.95 * to)
      throw new Error(
        `${target} uses ${Math.round(used / 1e6)} MB, too close to a limit of ${Math.round(to / 1e6)} MB`,
      );
    write("memory", target, controller.version === 1 ? "memory.limit_in_bytes" : "memory.max", String(to));
  }

  /** All services together weigh what they weigh one by one, against whatever runs beside them. */
  function weighParent(): void {
    const { cpu } = found;
    if (cpu === null) return;
    const file = cpu.version === 1 ? "cpu.shares" : "cpu.weight";
    const sum = leaves(cpu.parent).reduce(
      (total, each) => total + Number(readText(path.join(cpu.parent, each, file)) ?? 0),
      0,
    );
    if (sum <= 0) return;
    const most = cpu.version === 1 ? 262_144 : 10_000;
    try {
      writeFileSync(path.join(cpu.parent, file), String(Math.min(most, Math.max(cpu.version === 1 ? 2 : 1, sum))));
    } catch {
      // Then they share what one group has.
    }
  }

  function usedBytes(target: string): number | null {
    const controller = found.memory;
    if (controller === null) return null;
    const v1 = controller.version === 1;
    const usage = numberOf(fileOf("memory", target, v1 ? "memory.usage_in_bytes" : "memory.current"));
    if (usage === null) return null;
    // What the kernel can drop at once is not in use.
    const stat = readText(fileOf("memory", target, "memory.stat") ?? "") ?? "";
    const idle = parseField(stat, v1 ? "total_inactive_file" : "inactive_file");
    return Math.max(0, usage - Number(idle ?? 0));
  }

  /** Seconds its threads waited for a processor while they could have run, as a share of the time: 1 is one thread, always. */
  function waitShare(target: string, elapsedMs: number): number | null {
    const { cpu } = found;
    if (cpu === null) return null;
    const list = readText(fileOf("cpu", target, cpu.version === 1 ? "tasks" : "cgroup.threads") ?? "");
    if (list === null) return null;
    const before = waited.get(target);
    const now = new Map<number, number>();
    let waitedNs = 0;
    for (const line of list.split("\n", threadsMax)) {
      const thread = Number(line);
      const text = line === "" ? null : readText(`/proc/${thread}/schedstat`);
      const total = text === null ? Number.NaN : Number(text.split(" ")[1]);
      if (!Number.isFinite(total)) continue;
      now.set(thread, total);
      const last = before?.get(thread);
      if (last !== undefined) waitedNs += Math.max(0, total - last);
    }
    waited.set(target, now);
    return before === undefined ? null : waitedNs / 1e6 / Math.max(1, elapsedMs);
  }

  function remove(target: string): void {
    waited.delete(target);
    for (const parent of every) tryRemove(path.join(parent, leaf(target)));
    weighParent();
  }

  function sweepEmpty(): void {
    for (const parent of every) for (const each of leaves(parent)) tryRemove(path.join(parent, each));
  }

  return {
    absent: found.cpu === null && found.memory === null ? reasons.join("; ") : null,
    controllers: { cpu: found.cpu?.version ?? null, memory: found.memory?.version ?? null },
    place(target, pids, plan, shares) {
      try {
        for (const parent of every) mkdirSync(path.join(parent, leaf(target)), { recursive: true });
        if (found.cpu !== null) set(target, "cpu", shares.cpu);
        if (found.memory !== null) {
          const v1 = found.memory.version === 1;
          if (plan.memoryHigh !== null)
            write("memory", target, v1 ? "memory.soft_limit_in_bytes" : "memory.high", String(plan.memoryHigh));
          if (shares.memory !== null)
            write("memory", target, v1 ? "memory.limit_in_bytes" : "memory.max", String(shares.memory));
        }
        // A process that ended meanwhile is no error.
        for (const parent of every)
          for (const pid of pids) {
            try {
              writeFileSync(path.join(parent, leaf(target), "cgroup.procs"), String(pid));
            } catch (error) {
              if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
            }
          }
        return null;
      } catch (error) {
        return message(error);
      }
    },
    set,
    values(target, elapsedMs) {
      const values: Record<string, number> = {};
      const { cpu, memory } = found;
      const weight =
        cpu === null ? null : numberOf(fileOf("cpu", target, cpu.version === 1 ? "cpu.shares" : "cpu.weight"));
      if (cpu !== null && weight !== null) values["cpuWeight"] = cpu.version === 1 ? weightOf(weight) : weight;
      const wait = waitShare(target, elapsedMs);
      if (wait !== null) values["cpuWaitShare"] = wait;
      const file = memory?.version === 1 ? "memory.limit_in_bytes" : "memory.max";
      const limit = memory === null ? null : numberOf(fileOf("memory", target, file));
      const used = usedBytes(target);
      // Version 1 says "none" by a number beyond any machine.
      if (limit !== null && limit < 2 ** 60) {
        values["memoryLimitBytes"] = limit;
        if (used !== null) values["memoryUsedShare"] = used / limit;
      }
      return values;
    },
    kills(target) {
      if (found.memory === null) return null;
      const file = found.memory.version === 1 ? "memory.oom_control" : "memory.events";
      const count = parseField(readText(fileOf("memory", target, file) ?? "") ?? "", "oom_kill");
      return count === null ? null : Number(count);
    },
    remove,
    close() {
      sweepEmpty();
      for (const parent of every) tryRemove(parent);
    },
  };
}

/** The agent's own group below one that was handed down, where version 2 demands that a group with members has no processes. */
export const agentLeaf = "prunella-agent";

/**
 * Version 2 hands a controller down only from a group that holds no process itself. Where this process is alone in it, it
 * moves into a leaf of its own; where it is not, that is somebody else's group and stays as it is.
 */
function enable(base: string, resource: string): void {
  const control = path.join(base, "cgroup.subtree_control");
  if (readFileSync(control, "latin1").split(/\s+/).includes(resource)) return;
  // The top of the whole tree may hold processes beside groups; every other group has a type.
  const isTop = !existsSync(path.join(base, "cgroup.type"));
  const inside = isTop ? [] : readFileSync(path.join(base, "cgroup.procs"), "latin1").split("\n").filter(Boolean);
  if (inside.length > 1)
    throw new Error(
      `it holds ${inside.length} processes: give Prunella a group of its own (systemd: Delegate=yes, DelegateSubgroup=${agentLeaf})`,
    );
  if (inside.length === 1) {
    mkdirSync(path.join(base, agentLeaf), { recursive: true });
    writeFileSync(path.join(base, agentLeaf, "cgroup.procs"), inside[0] ?? "");
  }
  writeFileSync(control, `+${resource}`);
}

/** The folder of this process's own group for one controller; null when the controller is not to be had. */
export function placeOf(
  resource: "cpu" | "memory",
  mounts: string,
  own: string,
): { readonly version: 1 | 2; readonly folder: string } | null {
  for (const line of mounts.split("\n")) {
    const [front = "", back = ""] = line.split(" - ");
    const [, , , mountRoot = "/", mountPoint = ""] = front.split(" ");
    const [type, , options = ""] = back.split(" ");
    if (type === "cgroup" && options.split(",").includes(resource)) {
      const group = own.split("\n").find((each) => each.split(":")[1]?.split(",").includes(resource) === true);
      if (group !== undefined) return { version: 1, folder: below(mountPoint, mountRoot, group) };
    }
    if (type === "cgroup2") {
      const group = own.split("\n").find((each) => each.startsWith("0::"));
      if (group === undefined) continue;
      const folder = below(mountPoint, mountRoot, group);
      const offered = readText(path.join(folder, "cgroup.controllers")) ?? "";
      if (offered.split(/\s+/).includes(resource)) return { version: 2, folder };
    }
  }
  return null;
}

/** In a container the mount may show only a part of the tree, and the group is named from the top of the whole. */
function below(mountPoint: string, mountRoot: string, group: string): string {
  const named = group.split(":").slice(2).join(":");
  const inside = mountRoot !== "/" && named.startsWith(mountRoot) ? named.slice(mountRoot.length) : named;
  return path.resolve(mountPoint, `.${inside}`);
}

/** A weight of version 2 (1 to 10,000, usually 100) as shares of version 1 (2 to 262,144, usually 1,024), and back. */
export const sharesOf = (weight: number): number => Math.min(262_144, Math.max(2, Math.round((weight * 1_024) / 100)));
export const weightOf = (shares: number): number => Math.min(10_000, Math.max(1, Math.round((shares * 100) / 1_024)));

const leaf = (target: string): string => target.replaceAll("/", "~");

function leaves(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** The kernel refuses to remove a group that holds a process. */
function tryRemove(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is in use, or gone already.
  }
}

function numberOf(file: string | null): number | null {
  const text = file === null ? null : readText(file);
  const value = text === null ? Number.NaN : Number(text.trim());
  return Number.isFinite(value) && text !== "" ? value : null;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
