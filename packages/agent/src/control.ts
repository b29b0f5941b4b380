// Keeps the control plane running: started again at once when it ends, with a growing wait (0, 100 ms, 200 ms … 5 s) while it
// fails to stay up, replaced when it is silent. It is a process like any other: in its own session, output to a log file.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { sleep, trySignal, writersOf } from "./group.ts";
import { rotate, sizeOf } from "./log-file.ts";
import { isAlive, readStat } from "./proc/read.ts";
import type { LogWrite } from "./words.ts";

export interface ControlOptions {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** The process to remember, null when there is none. */
  readonly remember: (process: { pid: number; startTicks: number } | null) => void;
  /** It ended unasked and `pid` took its place. */
  readonly onReplaced: (summary: string) => void;
  readonly log: LogWrite;
}

export interface Control {
  readonly pid: number | null;
  /** Kills it because it does not answer; it is then started again. */
  replace(reason: string): void;
  rotateIfLarge(): Promise<void>;
  /** Ends it: SIGTERM, then SIGKILL after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/** Up for this long counts as having stayed up. */
const steadyMs = 10_000;
const waitMsMax = 5_000;
const logBytesMax = 10_000_000;
const logFiles = 3;

/** Of what it wrote before it ended, for the reason. */
const lastBytes = 4_096;
const ownWord = "prunella: ";

/** The line that says why a process ended: the last one of ours ("prunella: …"), or else of an error. Empty: none does. */
export function reasonIn(output: string): string {
  const lines = output.split("\n");
  const own = lines.findLast((line) => line.startsWith(ownWord))?.slice(ownWord.length);
  return (own ?? lines.findLast((line) => /^\w*Error\b/.test(line)) ?? "").slice(0, 500);
}

/** Wait before start number `failures` in a row, in ms: 0, 100, 200, 400 … 5,000. */
export function restartWaitMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(waitMsMax, 100 * 2 ** (failures - 1));
}

/** @param before the control plane of an agent that died: it is ended first, because two would only fence each other. */
export async function superviseControl(
  options: ControlOptions,
  before: { readonly pid: number; readonly startTicks: number } | null,
): Promise<Control> {
  let child: ChildProcess | null = null;
  let stopping = false;
  let failures = 0;
  let startedAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let why = "";
  let rotating = false;
  let logFrom = 0;

  if (before !== null && isAlive(before.pid, before.startTicks)) {
    trySignal(-before.pid, "SIGTERM");
    for (let waited = 0; waited < 1_000 && isAlive(before.pid, before.startTicks); waited += 20) await sleep(20);
    if (isAlive(before.pid, before.startTicks)) trySignal(-before.pid, "SIGKILL");
  }
  start(null);

  function start(replaces: string | null): void {
    const [program = "", ...args] = options.command;
    startedAt = performance.now();
    logFrom = sizeOf(options.logFile);
    let descriptor: number | null = null;
    try {
      descriptor = openSync(options.logFile, "a", 0o600);
      const mine = spawn(program, args, {
        cwd: options.cwd,
        env: { ...process.env, ...options.environment },
        detached: true,
        stdio: ["ignore", descriptor, descriptor],
      });
      child = mine;
      mine.once("error", (error) => {
        if (mine.pid === undefined) ended(mine, `could not be started: ${error.message}`);
      });
      mine.once("exit", (code, signal) => ended(mine, signal === null ? `exit status ${code}` : `ended by ${signal}`));
      if (mine.pid !== undefined) {
        options.remember({ pid: mine.pid, startTicks: readStat(mine.pid)?.startTicks ?? 0 });
        if (replaces !== null) options.onReplaced(`${replaces}; process ${mine.pid} took its place`);
      }
    } catch (error) {
      again(`could not be started: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      if (descriptor !== null) closeSync(descriptor);
    }
  }

  /** What it wrote since it was started; its log is small enough to be read whole. */
  function lastOutput(): string {
    try {
      return readFileSync(options.logFile).subarray(logFrom).subarray(-lastBytes).toString();
    } catch {
      return "";
    }
  }

  function ended(which: ChildProcess, how: string): void {
    if (child !== which) return;
    child = null;
    // Whatever it started must not outlive it.
    if (which.pid !== undefined) trySignal(-which.pid, "SIGKILL");
    if (!stopping) again(`the control plane (process ${which.pid ?? "none"}) ${why === "" ? how : why}`);
    why = "";
  }

  function again(how: string): void {
    if (performance.now() - startedAt >= steadyMs) failures = 0;
    const waitMs = restartWaitMs(failures);
    failures += 1;
    const why = reasonIn(lastOutput());
    options.log("error", "control-ended", { how, ...(why === "" ? {} : { why }), waitMs });
    options.remember(null);
    if (waitMs === 0) start(how);
    else timer = setTimeout(() => start(how), waitMs);
  }

  return {
    get pid() {
      return child?.pid ?? null;
    },
    replace(reason) {
      if (child?.pid === undefined || why !== "") return;
      why = reason;
      trySignal(-child.pid, "SIGKILL");
    },
    async rotateIfLarge() {
      if (rotating || sizeOf(options.logFile) <= logBytesMax) return;
      rotating = true;
      // No process carries an empty marker: the control plane is known by its group alone.
      await rotate(
        options.logFile,
        logFiles,
        writersOf(() => child?.pid ?? null, ""),
      );
      rotating = false;
    },
    async stop(timeoutMs) {
      stopping = true;
      clearTimeout(timer);
      const last = child;
      if (last?.pid === undefined) return;
      const ended = new Promise<void>((resolve) => {
        last.once("exit", () => resolve());
      });
      trySignal(-last.pid, "SIGTERM");
      const late = setTimeout(() => trySignal(-(last.pid ?? 0), "SIGKILL"), timeoutMs);
      await ended;
      clearTimeout(late);
      options.remember(null);
    },
  };
}
