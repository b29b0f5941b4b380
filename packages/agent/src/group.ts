// The processes of one service as a whole: signal them, wait until they are gone, stop them for an instant. Acts only on
// processes that it has just identified by group, session or marker.
import { membersOf, readStat, readText, listPids } from "./proc/read.ts";
import { parseStat, type ProcessStat } from "./proc/parse.ts";
import { readdirSync } from "node:fs";
import type { Writers } from "./log-file.ts";

/** Longest time the members of a service are given to stand still for a rotation. */
export const pauseMsMax = 50;

/** Sends a signal to each process; those that are gone already are no error. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) trySignal(pid, signal);
}

/** Signals one process (or, negative, a group). False when there is none, or it may not be signalled. */
export function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/**
 * Ends every process of a service that is left, whatever group or session it moved to. Looks again after each round,
 * because a process may have forked meanwhile. Returns those still alive after `timeoutMs`.
 */
export async function sweep(leader: number | null, marker: string, timeoutMs: number): Promise<readonly ProcessStat[]> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = membersOf(leader, marker);
    if (left.length === 0) return left;
    signalAll(
      left.map((member) => member.pid),
      "SIGKILL",
    );
    if (performance.now() >= deadline) return left;
    await sleep(10);
  }
}

/** Stops a service for an instant. Members are looked for again after each round of stopping: one may have been forked. */
export function writersOf(leader: () => number | null, marker: string): Writers {
  let stopped: number[] = [];
  const resume = (): void => {
    signalAll(stopped, "SIGCONT");
    stopped = [];
  };
  return {
    resume,
    async pause() {
      const deadline = performance.now() + pauseMsMax;
      const before = membersOf(leader(), marker);
      // Whoever stopped it, a debugger or a person, wants it to stay so.
      if (before.some((member) => member.state === "T" || member.state === "t")) return false;
      for (;;) {
        const members = stopped.length === 0 ? before : membersOf(leader(), marker);
        const fresh = members.filter((member) => !stopped.includes(member.pid)).map((member) => member.pid);
        stopped.push(...fresh);
        signalAll(fresh, "SIGSTOP");
        if (fresh.length === 0 && members.every((member) => standsStill(member.pid))) return true;
        if (performance.now() >= deadline) {
          resume();
          return false;
        }
        await sleep(1);
      }
    },
  };
}

/** Every thread of a process is stopped (or the process ended). */
function standsStill(pid: number): boolean {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return true;
  }
  return threads.every((thread) => {
    const text = readText(`/proc/${pid}/task/${thread}/stat`);
    const state = text === null || text === "" ? "X" : (parseStat(text)?.state ?? "X");
    return "TtZX".includes(state);
  });
}

/** Processes below `root` by parentage, group or session, `root` first; a process seen once is not looked at again soon. */
export interface FamilyTree {
  membersOf(root: number): readonly number[];
  /** Looks at the processes that are new since the last time. */
  refresh(roots: ReadonlySet<number>): void;
}

export function familyTree(): FamilyTree {
  let known = new Map<number, number | null>();
  let refreshes = 0;
  let families = new Map<number, number[]>();
  return {
    membersOf: (root) => families.get(root) ?? [root],
    refresh(roots) {
      refreshes += 1;
      // A number may go to another process in time: forget everything now and then.
      const last = refreshes % 12 === 0 ? new Map<number, number | null>() : known;
      const next = new Map<number, number | null>();
      for (const pid of listPids()) {
        const root = last.get(pid);
        if (root !== undefined && (root === null || roots.has(root))) next.set(pid, root);
        else next.set(pid, rootOf(pid, roots, next));
      }
      known = next;
      families = new Map([...roots].map((root) => [root, [root]]));
      for (const [pid, root] of known) if (root !== null && pid !== root) families.get(root)?.push(pid);
    },
  };
}

function rootOf(pid: number, roots: ReadonlySet<number>, known: ReadonlyMap<number, number | null>): number | null {
  if (roots.has(pid)) return pid;
  const stat = readStat(pid);
  if (stat === null) return null;
  if (roots.has(stat.session)) return stat.session;
  if (roots.has(stat.group)) return stat.group;
  return known.get(stat.parent) ?? null;
}

/** Waits for a promise, at most so long; leaves no timer behind. True when the promise was first. */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const first = await Promise.race([promise.then(() => true as const), late]);
  clearTimeout(timer);
  return first;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
