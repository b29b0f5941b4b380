// Who listens on a TCP port of this machine: /proc/net/tcp names the socket, the descriptors of a process own it.
import { readdirSync, readFileSync } from "node:fs";
import { parseField, parseListeners } from "./proc/parse.ts";
import {
  bootedAtMs,
  commandLine,
  linkOf,
  listPids,
  markerOf,
  readStat,
  readText,
  ticksPerSecond,
} from "./proc/read.ts";

export interface PortOwner {
  readonly pid: number;
  readonly startTicks: number;
  readonly session: number;
  readonly command: string;
  readonly user: string;
  readonly startedAtMs: number;
  /** Value of the marker it was started with, or null. */
  readonly marker: string | null;
}

export interface PortFacts {
  readonly taken: boolean;
  /** Empty although taken: the owner belongs to another user or another container, and may not be looked at. */
  readonly owners: readonly PortOwner[];
}

export function portFacts(port: number): PortFacts {
  const inodes = new Set(
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => {
      try {
        return parseListeners(readFileSync(file, "latin1"), port);
      } catch {
        return [];
      }
    }),
  );
  if (inodes.size === 0) return { taken: false, owners: [] };
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  return { taken: true, owners: listPids().flatMap((pid) => (holds(pid, links) ? (describe(pid) ?? []) : [])) };
}

function holds(pid: number, links: ReadonlySet<string>): boolean {
  let entries: string[];
  try {
    entries = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false;
  }
  return entries.some((entry) => links.has(linkOf(`/proc/${pid}/fd/${entry}`) ?? ""));
}

function describe(pid: number): PortOwner | null {
  const stat = readStat(pid);
  if (stat === null) return null;
  const uid = parseField(readText(`/proc/${pid}/status`) ?? "", "Uid")?.split("\t")[0] ?? "?";
  return {
    pid,
    startTicks: stat.startTicks,
    session: stat.session,
    command: commandLine(pid) || stat.name,
    user: userName(uid),
    startedAtMs: bootedAtMs() + (stat.startTicks * 1_000) / ticksPerSecond,
    marker: markerOf(pid),
  };
}

function userName(uid: string): string {
  const passwd = readText("/etc/passwd") ?? "";
  const line = passwd.split("\n").find((each) => each.split(":")[2] === uid);
  return line?.split(":")[0] ?? uid;
}
