// Runs health checks in rounds. A round ends within its share of the interval whatever a check does; a stuck or slow
// check costs its own verdict, never the others' time. After `stop` nothing is left running but what ignores its signal.
import type { Reporting } from "../report.ts";
import { bounded } from "./bounded.ts";
import { BadOptionError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { loop } from "./loop.ts";
import { quietly } from "../cancel.ts";
import type { CancelSignal } from "../cancel.ts";

export type HealthStatus =
  | "healthy"
  | "unhealthy"
  /** No answer within the check's bound. */
  | "timed-out"
  /** Not started: `outstandingMax` earlier runs of it never ended. */
  | "stuck"
  /** Never examined: the monitor stopped, or another check held the thread for the whole round. */
  | "unknown";

export interface HealthResult {
  readonly check: string;
  readonly status: HealthStatus;
  /** Time the check took, in ms. */
  readonly durationMs: number;
  /** Monotonic ms of the verdict. */
  readonly at: number;
  /** Verdicts in a row with the same health (healthy or not), this one included. */
  readonly inARow: number;
  readonly error?: unknown;
}

export interface HealthCheck {
  readonly name: string;
  /** Healthy unless it answers `false` or throws. */
  readonly check: (signal: CancelSignal) => unknown;
  /** Bound in ms (default and maximum: the bound of the round). */
  readonly timeoutMs?: number;
}

export interface HealthMonitorOptions extends GuardOptions {
  readonly checks?: readonly HealthCheck[];
  /** Period of the rounds in ms (default 5,000). */
  readonly intervalMs?: number;
  /** Share of the interval after which a round ends (default 0.8). */
  readonly roundShare?: number;
  /** Most checks (default 1,000); one more is refused with BadOptionError. */
  readonly checksMax?: number;
  /** Runs of one check that may be unfinished at once (default 3); at the bound its verdict is "stuck". */
  readonly outstandingMax?: number;
  /** A check that holds the thread longer than this (ms, default 50) is started last in later rounds. */
  readonly blockMs?: number;
  /** Hears the results of each round; its errors are ignored. */
  readonly onRound?: (results: readonly HealthResult[]) => void;
}

export interface HealthMonitor extends Reporting {
  start(): void;
  /** Aborts the round in flight and resolves when its checks ended, at the latest after one round's bound. */
  stop(): Promise<void>;
  /** Adds a check; one of the same name is replaced. */
  add(check: HealthCheck): void;
  remove(name: string): void;
  /** The last verdict of each check. */
  results(): readonly HealthResult[];
}

type Verdict = Exclude<HealthStatus, "unknown">;

interface Watched {
  readonly check: HealthCheck;
  outstanding: number;
  blocks: boolean;
  last: HealthResult | undefined;
}

/** A monitor of health checks; nothing runs before `start`. @throws BadOptionError for an option out of its range or too many checks. */
export function healthMonitor(options: HealthMonitorOptions = {}): HealthMonitor {
  const guard = openGuard("health-monitor", options);
  const { system } = guard;
  const intervalMs = guard.number(options, "intervalMs", 5000, 1);
  const roundMs = intervalMs * guard.number(options, "roundShare", 0.8, 0.01, 1);
  const checksMax = guard.integer(options, "checksMax", 1000, 1);
  const outstandingMax = guard.integer(options, "outstandingMax", 3, 1);
  const blockMs = guard.number(options, "blockMs", 50, 0);
  const watched = new Map<string, Watched>();
  const count = { rounds: 0, healthy: 0, unhealthy: 0, timedOut: 0, stuck: 0, blocked: 0 };
  let roundLastMs = 0;

  function add(check: HealthCheck): void {
    if (!watched.has(check.name) && watched.size >= checksMax)
      throw new BadOptionError(guard.name, "checks", watched.size + 1, `at most ${checksMax} checks`);
    guard.check(`${check.name}.timeoutMs`, check.timeoutMs ?? roundMs, 0);
    watched.set(check.name, { check, outstanding: 0, blocks: false, last: undefined });
  }
  for (const check of options.checks ?? []) add(check);

  async function round(signal: CancelSignal): Promise<void> {
    const startedAt = system.now();
    const all = [...watched.values()];
    const inOrder = [...all.filter((each) => !each.blocks), ...all.filter((each) => each.blocks)];
    const results = await Promise.all(inOrder.map((each) => examine(each, startedAt, signal)));
    if (signal.aborted) return;
    count.rounds += 1;
    roundLastMs = system.now() - startedAt;
    quietly(options.onRound, results);
  }

  async function examine(each: Watched, roundStartedAt: number, signal: CancelSignal): Promise<HealthResult> {
    if (each.outstanding >= outstandingMax) return conclude(each, "stuck", 0);
    const startedAt = system.now();
    const leftMs = roundStartedAt + roundMs - startedAt;
    // Another check held the thread for the whole round: that says nothing about this one.
    if (leftMs <= 0) return each.last ?? noVerdict(each);
    const limitMs = Math.min(each.check.timeoutMs ?? roundMs, leftMs);
    each.outstanding += 1;
    const run = bounded(guard, `check "${each.check.name}"`, limitMs, (own) => each.check.check(own), signal, false);
    const heldMs = system.now() - startedAt;
    if (heldMs > blockMs) {
      count.blocked += 1;
      if (!each.blocks) guard.trip("blocking", { check: each.check.name, heldMs });
    }
    each.blocks = heldMs > blockMs;
    void run.settled.then(() => (each.outstanding -= 1));
    const outcome = await run.outcome;
    const durationMs = system.now() - startedAt;
    // The monitor stops: no verdict, the last one stands.
    if (outcome.kind === "cancelled") return each.last ?? noVerdict(each);
    if (outcome.kind === "done") return conclude(each, outcome.value === false ? "unhealthy" : "healthy", durationMs);
    return conclude(each, outcome.kind === "overrun" ? "timed-out" : "unhealthy", durationMs, outcome.error);
  }

  const noVerdict = ({ check }: Watched): HealthResult => ({
    check: check.name,
    status: "unknown",
    durationMs: 0,
    at: system.now(),
    inARow: 0,
  });

  function conclude(each: Watched, status: Verdict, durationMs: number, error?: unknown): HealthResult {
    count[status === "timed-out" ? "timedOut" : status] += 1;
    const healthy = status === "healthy";
    const before = each.last;
    const same = before !== undefined && (before.status === "healthy") === healthy;
    const { name } = each.check;
    each.last = {
      check: name,
      status,
      durationMs,
      at: system.now(),
      inARow: same ? before.inARow + 1 : 1,
      ...(error === undefined ? {} : { error }),
    };
    if (!healthy && !same) guard.trip("became-unhealthy", { check: name, status });
    else if (healthy && before !== undefined && !same) guard.tell("became-healthy", { check: name });
    return each.last;
  }

  const rounds = loop({ system, intervalMs, run: ({ signal }) => round(signal) });

  return guard.complete<HealthMonitor>(
    {
      start() {
        if (!rounds.running) guard.tell("started", { checks: watched.size });
        rounds.start();
      },
      stop() {
        if (rounds.running) guard.tell("stopped");
        return rounds.stop();
      },
      add,
      remove(name) {
        if (watched.delete(name)) guard.tell("removed", { check: name });
      },
      results: () => [...watched.values()].flatMap(({ last }) => (last === undefined ? [] : [last])),
      controls: { check: () => rounds.wake() },
    },
    () => {
      const all = [...watched.values()];
      const unhealthy = all.filter(({ last }) => last !== undefined && last.status !== "healthy").length;
      return {
        state: !rounds.running ? "stopped" : unhealthy > 0 ? "unhealthy" : "ok",
        values: {
          checks: all.length,
          unhealthy,
          outstanding: all.reduce((total, each) => total + each.outstanding, 0),
          roundLastMs,
          roundMs,
        },
        counts: count,
      };
    },
  );
}
