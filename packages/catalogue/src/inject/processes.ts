// Faults of a service's process: killed, stopped, and short of CPU.
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { number, pidOf, word, type Injector } from "./injector.ts";

const abortsWhen = "another target that was healthy turns bad";

export const kill: Injector = {
  kind: "kill",
  what: "sends a signal that ends the process",
  takes: { signal: "SIGKILL (default), SIGTERM, SIGSEGV, SIGABRT" },
  blastRadius: "the main process of one target",
  abortsWhen,
  undoes: "nothing to undo: what heals the service starts it again",
  async inject(context) {
    const pid = pidOf(context);
    const signal = word(context, "signal", "SIGKILL", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT"]);
    process.kill(pid, signal);
    return { summary: `${signal} to pid ${pid}`, detail: { pid }, undo: async () => "nothing to undo" };
  },
};

export const stop: Injector = {
  kind: "stop",
  what: "stops the process (SIGSTOP): it holds its sockets and answers nothing",
  takes: {},
  blastRadius: "the main process of one target",
  abortsWhen,
  undoes: "SIGCONT, if it is still the same process",
  async inject(context) {
    const pid = pidOf(context);
    const start = startOf(pid);
    process.kill(pid, "SIGSTOP");
    await settled(pid, true);
    return {
      summary: `SIGSTOP to pid ${pid}`,
      detail: { pid },
      async undo() {
        // A pid may have been given to somebody else in the meantime.
        if (start === null || startOf(pid) !== start) return `pid ${pid} is gone`;
        process.kill(pid, "SIGCONT");
        await settled(pid, false);
        return `SIGCONT to pid ${pid}`;
      },
    };
  },
};

export const cpu: Injector = {
  kind: "cpu",
  what: "burns CPU beside the service, on the same machine",
  takes: { workers: "processes that spin (default: one a core; 1 to 64)" },
  blastRadius: "everything on this machine competes for the CPU; the spinning processes are of normal priority",
  abortsWhen,
  undoes: "the spinning processes are killed; each also ends by itself with the time limit",
  async inject(context) {
    const workers = number(context, "workers", availableParallelism(), 1, 64);
    const children: ChildProcess[] = Array.from({ length: workers }, () =>
      spawn(
        process.execPath,
        [
          "-e",
          `const until = Date.now() + ${Math.round(context.forMs)}; while (Date.now() < until) Math.sqrt(Math.random());`,
        ],
        { stdio: "ignore", env: {} },
      ),
    );
    for (const child of children) child.on("error", () => undefined);
    return {
      summary: `${workers} processes spin for ${context.forMs / 1_000} s`,
      detail: { pids: children.map((child) => child.pid ?? 0) },
      async undo() {
        for (const child of children) child.kill("SIGKILL");
        return `${workers} spinning processes killed`;
      },
    };
  },
};

/** The kernel stops and continues a process in its own time: waits until it stands, or no longer does; at most a second. */
async function settled(pid: number, stands: boolean): Promise<void> {
  for (let looks = 0; looks < 100 && (statOf(pid)[0] === "T") !== stands; looks += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Start time of a process in ticks since boot, which tells it from a later one with the same pid. */
function startOf(pid: number): string | null {
  return statOf(pid)[19] ?? null;
}

/** What /proc tells of a process after its name, from its state on; nothing when it is gone. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
