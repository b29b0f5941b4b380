// Declared lock files: which process each names, and whether that process lives. Removed only when it is dead, looked at again
// right before.
import { readFileSync, rmSync, statSync } from "node:fs";
import type { LockFacts, TimeMs } from "@prunella/core";
import { bootedAtMs, readStat, ticksPerSecond } from "../proc/read.ts";

/** A process that began this much later than its lock was written cannot have written it: its number was given again, ms. */
const slackMs = 2_000;

export interface Locks {
  look(file: string, now: TimeMs): LockFacts | null;
}

export function lockWatch(): Locks {
  const known = new Map<string, { readonly state: string; readonly since: TimeMs }>();
  return {
    look(file, now) {
      const owner = ownerOf(file);
      if (owner === null) {
        known.delete(file);
        return null;
      }
      const state = `${owner.pid} ${owner.alive}`;
      const before = known.get(file);
      const since = before?.state === state ? before.since : now;
      known.set(file, { state, since });
      return { path: file, pid: owner.pid, ownerAlive: owner.alive, since };
    },
  };
}

/** The process a lock file names, and whether it lives; null when there is no such file. */
export function ownerOf(file: string): { readonly pid: number | null; readonly alive: boolean | null } | null {
  let text: string;
  let writtenAt: number;
  try {
    writtenAt = statSync(file).mtimeMs;
    text = readFileSync(file, "utf8").slice(0, 1_000);
  } catch {
    return null;
  }
  const pid = Number(/(?:"pid"\s*:\s*|^\s*)(\d{1,9})\b/.exec(text)?.[1] ?? Number.NaN);
  if (!Number.isInteger(pid) || pid <= 0) return { pid: null, alive: null };
  const stat = readStat(pid);
  if (stat === null || stat.state === "Z" || stat.state === "X") return { pid, alive: false };
  const startedAt = bootedAtMs() + (stat.startTicks * 1_000) / ticksPerSecond;
  return { pid, alive: startedAt <= writtenAt + slackMs };
}

/** Removes a lock whose owner is dead; answers what was done, or throws with the reason why not. */
export function unlock(file: string): string {
  const owner = ownerOf(file);
  if (owner === null) return `there is no ${file}`;
  if (owner.alive !== false)
    throw new Error(
      owner.pid === null
        ? `${file} names no process, so nobody can say that it is stale`
        : `process ${owner.pid}, which ${file} names, lives`,
    );
  rmSync(file);
  return `${file} removed: process ${owner.pid} is dead`;
}
