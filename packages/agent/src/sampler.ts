// What each service uses, once a second, from /proc, summed over its processes. Files of /proc are kept open (at most
// `descriptorsMax`), so a process costs two reads a second; what is dear (the tree, kinds of descriptors) is looked at rarely.
import { closeSync, openSync, readdirSync, statSync } from "node:fs";
import { familyTree } from "./group.ts";
import { descriptorKind, parseIo, parseStat } from "./proc/parse.ts";
import { bytesPerPage, linkOf, readDescriptor, readText, ticksPerSecond } from "./proc/read.ts";

/** Kept open for processes in all, and never more than a quarter of what the agent may open; others are not sampled. */
const descriptorsMax = 2_000;
/** Ticks of the sampler between two looks at the process tree, and between two at the kinds of descriptors of one service. */
const treeEvery = 5;
const kindsEvery = 15;
/** A service with more descriptors than this is not asked for their kinds: the count says enough. */
const kindsMax = 2_000;

interface Watched {
  readonly stat: number;
  /** -1: may not be read (another user's process). */
  readonly io: number;
  cpuTicks: number;
  readBytes: number;
  writtenBytes: number;
}

export interface Sampler {
  /** One round over the main processes of all services, by target. `elapsedMs` since the last round scales the rates. */
  sample(roots: ReadonlyMap<string, number>, elapsedMs: number): Map<string, Record<string, number>>;
  close(): void;
}

export function sampler(): Sampler {
  const keepMax = Math.min(descriptorsMax, openFilesMax() / 4);
  const tree = familyTree();
  const watched = new Map<number, Watched>();
  const kinds = new Map<string, Record<string, number>>();
  let round = 0;
  let known = "";

  function forget(pid: number): void {
    const entry = watched.get(pid);
    if (entry === undefined) return;
    watched.delete(pid);
    closeSync(entry.stat);
    if (entry.io >= 0) closeSync(entry.io);
  }

  function watch(pid: number): Watched | null {
    const found = watched.get(pid);
    if (found !== undefined) return found;
    if ((watched.size + 1) * 2 > keepMax) return null;
    try {
      const stat = openSync(`/proc/${pid}/stat`, "r");
      const entry: Watched = { stat, io: tryOpen(`/proc/${pid}/io`), cpuTicks: -1, readBytes: -1, writtenBytes: -1 };
      watched.set(pid, entry);
      return entry;
    } catch {
      return null;
    }
  }

  function measure(pids: readonly number[], elapsedMs: number): Record<string, number> | null {
    const total = {
      rssBytes: 0,
      cpuTicks: 0,
      threads: 0,
      descriptors: 0,
      readBytes: 0,
      writtenBytes: 0,
      processes: 0,
      zombies: 0,
    };
    for (const pid of pids) {
      const entry = watch(pid);
      if (entry === null) continue;
      const text = readDescriptor(entry.stat);
      const stat = text === null || text === "" ? null : parseStat(text);
      if (stat === null) {
        forget(pid);
        continue;
      }
      if (stat.state === "Z") {
        // It has ended and waits for its parent to ask how.
        total.zombies += 1;
        continue;
      }
      total.processes += 1;
      total.rssBytes += stat.residentPages * bytesPerPage;
      total.threads += stat.threads;
      total.descriptors += descriptorCount(pid);
      if (entry.cpuTicks >= 0) total.cpuTicks += Math.max(0, stat.cpuTicks - entry.cpuTicks);
      entry.cpuTicks = stat.cpuTicks;
      const io = entry.io < 0 ? null : parseIo(readDescriptor(entry.io) ?? "");
      if (io === null) continue;
      if (entry.readBytes >= 0) {
        total.readBytes += Math.max(0, io.readBytes - entry.readBytes);
        total.writtenBytes += Math.max(0, io.writtenBytes - entry.writtenBytes);
      }
      entry.readBytes = io.readBytes;
      entry.writtenBytes = io.writtenBytes;
    }
    if (total.processes === 0) return null;
    const seconds = Math.max(0.001, elapsedMs / 1_000);
    return {
      rssBytes: total.rssBytes,
      cpuShare: total.cpuTicks / ticksPerSecond / seconds,
      threads: total.threads,
      descriptors: total.descriptors,
      processes: total.processes,
      zombies: total.zombies,
      readBytesPerSecond: total.readBytes / seconds,
      writtenBytesPerSecond: total.writtenBytes / seconds,
    };
  }

  return {
    sample(roots, elapsedMs) {
      const identity = [...roots.values()].join();
      if (round % treeEvery === 0 || identity !== known) {
        const pids = new Set(roots.values());
        tree.refresh(pids);
        const living = new Set([...pids].flatMap((pid) => tree.membersOf(pid)));
        for (const pid of [...watched.keys()]) if (!living.has(pid)) forget(pid);
        for (const target of kinds.keys()) if (!roots.has(target)) kinds.delete(target);
      }
      known = identity;
      const samples = new Map<string, Record<string, number>>();
      let turn = 0;
      for (const [target, root] of roots) {
        const pids = tree.membersOf(root);
        const values = measure(pids, elapsedMs);
        // Services take turns, so that the dear look never falls on one instant.
        const due = (round + turn) % kindsEvery === 0 || !kinds.has(target);
        if (values !== null && due && (values["descriptors"] ?? 0) <= kindsMax)
          kinds.set(target, { ...countKinds(pids), ...descriptorLimit(root) });
        turn += 1;
        if (values !== null) samples.set(target, { ...values, ...kinds.get(target) });
      }
      round += 1;
      return samples;
    },
    close() {
      for (const pid of [...watched.keys()]) forget(pid);
    },
  };
}

function openFilesMax(): number {
  const soft = /^Max open files\s+(\d+)/m.exec(readText("/proc/self/limits") ?? "")?.[1];
  return soft === undefined ? Infinity : Number(soft);
}

function tryOpen(file: string): number {
  try {
    return openSync(file, "r");
  } catch {
    return -1;
  }
}

/** Since Linux 6.2 the size of /proc/PID/fd is the number of entries; before, it is 0 and they are counted. */
function descriptorCount(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  try {
    const { size } = statSync(folder);
    return size > 0 ? size : readdirSync(folder).length;
  } catch {
    return 0;
  }
}

/** What the kernel lets the main process open. */
function descriptorLimit(pid: number): Record<string, number> {
  const soft = /^Max open files\s+(\d+)/m.exec(readText(`/proc/${pid}/limits`) ?? "")?.[1];
  return soft === undefined ? {} : { descriptorsMax: Number(soft) };
}

function countKinds(pids: readonly number[]): Record<string, number> {
  const counts = { socket: 0, pipe: 0, file: 0, other: 0 };
  for (const pid of pids) {
    let entries: string[];
    try {
      entries = readdirSync(`/proc/${pid}/fd`);
    } catch {
      continue;
    }
    for (const entry of entries) {
      const link = linkOf(`/proc/${pid}/fd/${entry}`);
      if (link !== null) counts[descriptorKind(link)] += 1;
    }
  }
  return {
    descriptorsSocket: counts.socket,
    descriptorsPipe: counts.pipe,
    descriptorsFile: counts.file,
    descriptorsOther: counts.other,
  };
}
