// Looks at the processes of this machine through /proc. Every answer may be stale the moment it is given: callers check
// identity (pid and start ticks) before they act on a process.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";
import { parseField, parseStat, type ProcessStat } from "./parse.ts";

/** Name of the environment variable by which the processes of a service are known; its value is "<folder hash>:<target>". */
export const markerName = "PRUNELLA_SERVICE";

const { clockTicks, pageBytes } = auxiliary();
/** Clock ticks per second, and bytes per page, of this kernel. */
export const ticksPerSecond = clockTicks;
export const bytesPerPage = pageBytes;

const scratch = Buffer.allocUnsafe(16_384);

/** The first 16 kB of a file, or null when it cannot be read. Makes little garbage; for /proc. */
export function readText(file: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    return null;
  }
  try {
    return readDescriptor(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The first 16 kB behind an open descriptor, or null (the process ended). */
export function readDescriptor(descriptor: number): string | null {
  try {
    return scratch.toString("latin1", 0, readSync(descriptor, scratch, 0, scratch.length, 0));
  } catch {
    return null;
  }
}

export function readStat(pid: number): ProcessStat | null {
  const text = readText(`/proc/${pid}/stat`);
  return text === null || text === "" ? null : parseStat(text);
}

/** That very process exists and has not ended (a zombie has). */
export function isAlive(pid: number, startTicks: number): boolean {
  const stat = readStat(pid);
  // When no descriptor is free nothing can be read; that is no reason to believe it dead.
  if (stat === null) return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined;
  return stat.startTicks === startTicks && stat.state !== "Z" && stat.state !== "X";
}

export function listPids(): number[] {
  const pids: number[] = [];
  for (const entry of readdirSync("/proc")) {
    const code = entry.charCodeAt(0);
    if (code >= 49 && code <= 57) pids.push(Number(entry));
  }
  return pids;
}

/** Value of the marker in the environment that the process was started with, or null. */
export function markerOf(pid: number): string | null {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return null;
  }
  const wanted = `${markerName}=`;
  const at = environment.startsWith(wanted) ? 0 : environment.indexOf(`\0${wanted}`) + 1;
  if (at === 0 && !environment.startsWith(wanted)) return null;
  const from = at + wanted.length;
  const end = environment.indexOf("\0", from);
  return Buffer.from(environment.slice(from, end < 0 ? undefined : end), "latin1").toString();
}

/** Every living process that belongs to a service: its group, its session, and whoever carries its marker. */
export function membersOf(leader: number | null, marker: string): ProcessStat[] {
  const members: ProcessStat[] = [];
  for (const pid of listPids()) {
    if (pid === process.pid) continue;
    const stat = readStat(pid);
    if (stat === null || stat.state === "Z" || stat.state === "X") continue;
    const inGroup = leader !== null && (stat.group === leader || stat.session === leader);
    if (inGroup || markerOf(pid) === marker) members.push(stat);
  }
  return members;
}

/** Every process of the machine that carries a marker of this data folder. */
export function markedProcesses(folder: string): { readonly stat: ProcessStat; readonly target: string }[] {
  const found: { stat: ProcessStat; target: string }[] = [];
  for (const pid of listPids()) {
    const marker = pid === process.pid ? null : markerOf(pid);
    if (marker === null || !marker.startsWith(`${folder}:`)) continue;
    const stat = readStat(pid);
    if (stat !== null && stat.state !== "Z" && stat.state !== "X")
      found.push({ stat, target: marker.slice(folder.length + 1) });
  }
  return found;
}

/** Identity of this boot of the machine; pids and start ticks mean nothing across boots. */
export function bootId(): string {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "unknown";
}

/** Seconds since 1970 at which the machine was started. */
export function bootedAtMs(): number {
  return Number(parseField(readFileSync("/proc/stat", "latin1"), "btime")) * 1_000;
}

export function commandLine(pid: number): string {
  const text = readText(`/proc/${pid}/cmdline`);
  return text === null ? "" : Buffer.from(text, "latin1").toString().replaceAll("\0", " ").trim().slice(0, 500);
}

export function linkOf(file: string): string | null {
  try {
    return readlinkSync(file);
  } catch {
    return null;
  }
}

/** Page size and tick rate as the kernel told this process at its start. */
function auxiliary(): { readonly clockTicks: number; readonly pageBytes: number } {
  let clockTicks = 100;
  let pageBytes = 4_096;
  try {
    const vector = readFileSync("/proc/self/auxv");
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      const key = vector.readBigUInt64LE(at);
      if (key === 6n) pageBytes = Number(vector.readBigUInt64LE(at + 8));
      if (key === 17n) clockTicks = Number(vector.readBigUInt64LE(at + 8));
    }
  } catch {
    // The usual values hold nearly everywhere.
  }
  return { clockTicks, pageBytes };
}
