// The main thread's end of the second thread: starts it, hands it lines to send, passes on commands. Never keeps the
// process alive, never throws; lines go nowhere once the thread is gone for good.
import type { Worker as Thread } from "node:worker_threads";
import type { ProbeCommand } from "./wire.ts";

const path = require("node:path") as typeof import("node:path");
const { Worker } = require("node:worker_threads") as typeof import("node:worker_threads");

/** Places in the memory that both threads share. */
const beatAt = 0;
const stateAt = 1;
const flushedAt = 2;
/** Values at `stateAt`. */
const stateStarting = 0;
const stateAway = 1;
const stateConnected = 2;

/** Lines kept while the thread has not been started. */
const linesMax = 50;
/** How long a dying process waits for its last words to be out, and how long if the thread is still starting. */
const flushMsMax = 50;
const flushStartingMsMax = 400;
/** Waits of a process that goes on living, together, in ten seconds. */
const waitBudgetMs = 100;
const waitBudgetPeriodMs = 10_000;
const restartsMax = 3;
const restartDelayMs = 5_000;

/** What the thread is given at its start. */
interface ThreadData {
  readonly shared: SharedArrayBuffer;
  readonly socketPath: string;
  readonly hello: string;
  readonly stallMs: number;
}

/** From the main thread to the second: a line to send; with `seq`, say so at `flushedAt` when it is out. */
type ToThread =
  string | { readonly line: string; readonly seq: number } | { readonly answer: string; readonly last: boolean };

interface Link {
  /** Starts the thread, if it does not run yet. */
  start(): void;
  send(message: object): void;
  /** Sends and waits until it is out: at most 50 ms (400 ms while the thread starts), not at all when nobody listens. */
  sendNow(message: object, dying: boolean): void;
  /** Answers a command; after the `last` answer the thread ends. */
  answer(message: object, last: boolean): void;
  /** The loop turns. */
  beat(): void;
}

function openLink(options: Omit<ThreadData, "shared">, onCommand: (command: ProbeCommand) => void): Link {
  const shared = new SharedArrayBuffer(16);
  const flags = new Int32Array(shared);
  const early: string[] = [];
  let thread: Thread | undefined;
  let restarts = 0;
  let ended = false;
  let seq = 0;
  let budgetMs = waitBudgetMs;
  let budgetFrom = 0;

  function start(): void {
    if (thread !== undefined || ended) return;
    Atomics.store(flags, stateAt, stateStarting);
    const workerData: ThreadData = { shared, ...options };
    thread = new Worker(path.join(__dirname, "worker.cjs"), {
      workerData,
      // Without NODE_OPTIONS and flags of the host: it must not preload anything, nor print.
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true,
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    thread.on("message", onCommand);
    thread.on("error", () => {});
    thread.on("messageerror", () => {});
    thread.on("exit", () => {
      thread = undefined;
      restarts += 1;
      if (restarts > restartsMax) ended = true;
      if (!ended) setTimeout(start, restartDelayMs).unref();
    });
    // Last: listening to messages would keep the process alive again.
    thread.unref();
    for (const line of early.splice(0)) post(line);
  }

  function post(message: ToThread): void {
    if (thread !== undefined) thread.postMessage(message);
    else if (typeof message === "string" && !ended) {
      early.push(message);
      if (early.length > linesMax) early.shift();
    }
  }

  return {
    start,
    send(message) {
      post(JSON.stringify(message));
    },
    sendNow(message, dying) {
      start();
      if (thread === undefined) return;
      seq += 1;
      post({ line: JSON.stringify(message), seq });
      const now = Date.now();
      if (Math.abs(now - budgetFrom) > waitBudgetPeriodMs) {
        budgetFrom = now;
        budgetMs = waitBudgetMs;
      }
      const starting = Atomics.load(flags, stateAt) === stateStarting;
      const dyingMs = starting ? flushStartingMsMax : flushMsMax;
      const deadline = now + (dying ? dyingMs : Math.min(flushMsMax, budgetMs));
      for (let left = deadline - now; left > 0; left = deadline - Date.now()) {
        const flushed = Atomics.load(flags, flushedAt);
        if (flushed >= seq) break;
        Atomics.wait(flags, flushedAt, flushed, left);
      }
      if (!dying) budgetMs -= Math.max(0, Date.now() - now);
    },
    answer(message, last) {
      if (last) ended = true;
      post({ answer: JSON.stringify(message), last });
    },
    beat() {
      Atomics.add(flags, beatAt, 1);
    },
  };
}

export type { ThreadData, ToThread };
export type LinkModule = {
  readonly openLink: typeof openLink;
  readonly flagsOf: { beatAt: number; stateAt: number; flushedAt: number; stateAway: number; stateConnected: number };
};
module.exports = {
  openLink,
  flagsOf: { beatAt, stateAt, flushedAt, stateAway, stateConnected },
} satisfies LinkModule;
