// A loop whose iterations are bounded by its interval. One that stalls is told so (its signal aborts), abandoned and
// counted, and the next starts at its next period. Level-triggered: `wake` asks for a look soon, however often called.
import type { Reporting } from "../report.ts";
import type { Timer } from "../system.ts";
import { bounded } from "./bounded.ts";
import type { Bounded } from "./bounded.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { quietly } from "../cancel.ts";
import type { CancelSignal } from "../cancel.ts";
import { textOf } from "../text.ts";

export interface Iteration {
  /** 1 for the first. */
  readonly number: number;
  /** Aborts when the iteration is abandoned or the loop stops. */
  readonly signal: CancelSignal;
  /** Monotonic ms at which it is abandoned. */
  readonly deadline: number;
}

export interface LoopOptions extends GuardOptions {
  /** Period in ms; periods are counted from `start`, missed ones are skipped, never caught up. */
  readonly intervalMs: number;
  /** One iteration: looks at the state as it is and does what should be done. */
  readonly run: (iteration: Iteration) => unknown;
  /** Bound of one iteration in ms (default: the interval). */
  readonly timeoutMs?: number;
  /** Shortest time between the end of an iteration and the start of a woken one, in ms (default 0: next turn). */
  readonly wakeGapMs?: number;
  /** Abandoned iterations that may still be running (default 100). At the bound periods are skipped and counted until one ends. */
  readonly abandonedMax?: number;
  /** Hears what an iteration throws (default: nobody; it is counted and told as an event). Its own errors are ignored. */
  readonly onError?: (error: unknown, iteration: number) => void;
  /** Whether the loop's timer keeps the process alive (default false). */
  readonly keepAlive?: boolean;
}

export interface Loop extends Reporting {
  /** Starts with an iteration at once; does nothing while running. */
  start(): void;
  /** Asks for an iteration before the next period. During an iteration: one more after it. */
  wake(): void;
  /**
   * Starts no more, aborts the iteration in flight and resolves when it has ended, at the latest at its deadline.
   * No timer is left.
   */
  stop(): Promise<void>;
  readonly running: boolean;
}

/** A loop whose iterations are bounded by its interval. @throws BadOptionError for an option out of its range. */
export function loop(options: LoopOptions): Loop {
  const guard = openGuard("loop", options);
  const { system } = guard;
  const intervalMs = guard.number(options, "intervalMs", undefined, 1);
  const timeoutMs = guard.number(options, "timeoutMs", intervalMs, 1);
  const wakeGapMs = guard.number(options, "wakeGapMs", 0, 0);
  const abandonedMax = guard.integer(options, "abandonedMax", 100, 1);
  const keepAlive = options.keepAlive ?? false;
  const count = { started: 0, completed: 0, failed: 0, stalled: 0, skipped: 0, woken: 0 };
  let running = false;
  let origin = 0;
  let timer: Timer | undefined;
  let woken = false;
  let current: Bounded<unknown> | undefined;
  let stopping: Promise<void> | undefined;
  let deadline = 0;
  let abandoned = 0;
  let lastMs = 0;
  let lateMs = 0;
  let stalled = false;

  function sleepUntil(at: number): void {
    timer?.cancel();
    timer = system.setTimer(() => iterate(at), Math.max(0, at - system.now()), keepAlive);
  }

  /** The first period boundary after `now`. */
  function nextPeriod(now: number): number {
    return origin + (Math.floor((now - origin) / intervalMs) + 1) * intervalMs;
  }

  function schedule(afterStall = false): void {
    if (!running || stopping !== undefined) return;
    const now = system.now();
    // A stall ends about where a period begins: that period is started, however late its timer, not skipped.
    const next = nextPeriod(afterStall ? deadline - intervalMs / 10 : now);
    sleepUntil(woken ? Math.min(now + wakeGapMs, next) : next);
  }

  function iterate(dueAt: number): void {
    if (!running || current !== undefined) return;
    if (abandoned >= abandonedMax) {
      count.skipped += 1;
      guard.trip("skipped", { abandoned, abandonedMax });
      woken = false;
      schedule();
      return;
    }
    const startedAt = system.now();
    lateMs = startedAt - dueAt;
    if (woken) count.woken += 1;
    woken = false;
    count.started += 1;
    const number = count.started;
    deadline = startedAt + timeoutMs;
    const run = (signal: CancelSignal): unknown => options.run({ number, signal, deadline });
    const work = bounded(guard, "an iteration", timeoutMs, run, undefined, keepAlive);
    current = work;
    void work.outcome.then((outcome) => {
      current = undefined;
      lastMs = system.now() - startedAt;
      switch (outcome.kind) {
        case "done":
          count.completed += 1;
          // What was abandoned may never end ("recovered"); that the loop goes on all the same is told here.
          if (stalled && abandoned > 0) guard.tell("resumed", { iteration: number });
          stalled = false;
          break;
        case "failed":
          count.failed += 1;
          guard.trip("failed", { iteration: number, message: textOf(outcome.error) });
          quietly(options.onError, outcome.error, number);
          break;
        case "overrun":
          count.stalled += 1;
          stalled = true;
          abandon(work);
          guard.trip("stalled", { iteration: number, timeoutMs, abandoned });
          quietly(options.onError, outcome.error, number);
          break;
        case "cancelled":
          abandon(work);
          break;
      }
      schedule(outcome.kind === "overrun");
    });
  }

  /** Counts an iteration that was given up until it ends. */
  function abandon(work: Bounded<unknown>): void {
    abandoned += 1;
    void work.settled.then(() => {
      abandoned -= 1;
      if (abandoned === 0 && running) guard.tell("recovered");
    });
  }

  function wake(): void {
    if (!running || woken) return;
    woken = true;
    if (current === undefined) schedule();
  }

  /** Ends the iteration in flight: aborts it, and waits for it until its deadline. */
  async function halt(): Promise<void> {
    const work = current;
    let leftRunning = false;
    if (work !== undefined) {
      const limitMs = Math.max(0, deadline - system.now());
      const ended = bounded(guard, "stopping", limitMs, () => {
        work.cancel(new Error(`loop "${guard.name}" stops`));
        return work.settled;
      });
      leftRunning = (await ended.outcome).kind === "overrun";
    }
    guard.say("stopped", leftRunning ? "trip" : "info", { leftRunning });
  }

  return guard.complete<Loop>(
    {
      start() {
        if (running) return;
        running = true;
        origin = system.now();
        guard.tell("started", { intervalMs });
        // A loop that is still stopping begins when it has stopped, so that iterations never overlap.
        if (stopping === undefined) iterate(origin);
        else void stopping.then(() => (running && current === undefined ? sleepUntil(system.now()) : undefined));
      },
      wake,
      stop() {
        running = false;
        woken = false;
        timer?.cancel();
        stopping ??= halt().finally(() => (stopping = undefined));
        return stopping;
      },
      get running() {
        return running;
      },
      controls: { wake },
    },
    () => ({
      state: !running ? "stopped" : abandoned > 0 ? "stalled" : "ok",
      values: { intervalMs, inFlight: current === undefined ? 0 : 1, abandoned, lastMs, lateMs },
      counts: count,
    }),
  );
}
