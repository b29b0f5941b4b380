// Two loops that inform each other and cannot stall each other: each has its own period and bound, updates travel
// through a bounded queue each way, and waiting for the other side's answer is bounded too.
import type { Reporting } from "../report.ts";
import { bounded, valueOf } from "./bounded.ts";
import { boundedQueue } from "./bounded-queue.ts";
import type { BoundedQueue } from "./bounded-queue.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { loop } from "./loop.ts";
import type { Iteration, Loop } from "./loop.ts";

/** What one side sees of the other. */
export interface CrossLink<Incoming, Outgoing> {
  /** What the other side told since the last iteration, oldest first. */
  readonly updates: readonly Incoming[];
  /** Tells the other side and wakes it. When `updatesMax` are waiting there the oldest is shed and counted. */
  tell(update: Outgoing): void;
  /**
   * Tells and waits until the iteration of the other side that took the update has ended.
   * @throws TimeoutError after `answerMs`; the update may still be taken.
   */
  ask(update: Outgoing): Promise<void>;
}

export interface DualLoopSide<Incoming, Outgoing> {
  /** Name of the side ("detection"); the loop is called `${name}.${side}`. */
  readonly name: string;
  readonly intervalMs: number;
  /** Bound of one iteration in ms (default: the interval). */
  readonly timeoutMs?: number;
  readonly run: (iteration: Iteration, link: CrossLink<Incoming, Outgoing>) => unknown;
  readonly onError?: (error: unknown, iteration: number) => void;
}

export interface DualLoopOptions<ToFirst, ToSecond> extends GuardOptions {
  readonly first: DualLoopSide<ToFirst, ToSecond>;
  readonly second: DualLoopSide<ToSecond, ToFirst>;
  /** Most updates waiting in each direction (default 1,000); the oldest is shed. */
  readonly updatesMax?: number;
  /** Shortest rest of a side before it is woken by an update, in ms (default a twentieth of its interval): two sides cannot spin. */
  readonly wakeGapMs?: number;
  /** Longest wait of `ask` in ms (default: half the interval of the asking side). */
  readonly answerMs?: number;
}

export interface DualLoop extends Reporting {
  readonly first: Loop;
  readonly second: Loop;
  start(): void;
  /** Stops both; resolves when nothing runs, at the latest after the longer of the two bounds. */
  stop(): Promise<void>;
}

interface Update<Value> {
  readonly value: Value;
  readonly taken: (() => void) | undefined;
}

/** Two loops with bounded updates between them. @throws BadOptionError for an option out of its range. */
export function dualLoop<ToFirst, ToSecond>(options: DualLoopOptions<ToFirst, ToSecond>): DualLoop {
  const guard = openGuard("dual-loop", options);
  const updatesMax = guard.integer(options, "updatesMax", 1000, 1);
  const queue = <Value>(): BoundedQueue<Update<Value>> =>
    boundedQueue({ system: guard.system, capacity: updatesMax, policy: "drop-oldest" });
  const toFirst = queue<ToFirst>();
  const toSecond = queue<ToSecond>();
  const count = { asked: 0, unanswered: 0 };

  function side<In, Out>(
    own: DualLoopSide<In, Out>,
    inbox: BoundedQueue<Update<In>>,
    outbox: BoundedQueue<Update<Out>>,
    other: () => Loop,
  ): Loop {
    const answerMs = guard.number(options, "answerMs", own.intervalMs / 2, 0);
    const send = (value: Out, taken?: () => void): void => {
      outbox.offer({ value, taken });
      other().wake();
    };
    return loop({
      ...(options.name === undefined ? {} : { name: `${options.name}.${own.name}` }),
      system: guard.system,
      intervalMs: own.intervalMs,
      wakeGapMs: options.wakeGapMs ?? own.intervalMs / 20,
      ...(own.timeoutMs === undefined ? {} : { timeoutMs: own.timeoutMs }),
      ...(own.onError === undefined ? {} : { onError: own.onError }),
      async run(iteration) {
        const updates = inbox.takeAll();
        try {
          await own.run(iteration, {
            updates: updates.map((update) => update.value),
            tell: (value) => send(value),
            async ask(value) {
              count.asked += 1;
              const { signal } = iteration;
              const answer = bounded(
                guard,
                "a cross-loop update",
                answerMs,
                () => new Promise<void>((resolve) => send(value, resolve)),
                signal,
                false,
              );
              const outcome = await answer.outcome;
              if (outcome.kind === "overrun") {
                count.unanswered += 1;
                guard.trip("unanswered", { from: own.name, answerMs });
              }
              valueOf(outcome);
            },
          });
        } finally {
          for (const update of updates) update.taken?.();
        }
      },
    });
  }

  const first: Loop = side(options.first, toFirst, toSecond, () => second);
  const second: Loop = side(options.second, toSecond, toFirst, () => first);

  // What happens to a side happens to the pair: whoever listens to the pair hears it too.
  for (const [own, { name: side }] of [
    [first, options.first],
    [second, options.second],
  ] as const)
    own.listen(({ event, level, detail }) => guard.say(event, level, { side, ...detail }));

  return guard.complete<DualLoop>(
    {
      first,
      second,
      start() {
        first.start();
        second.start();
      },
      async stop() {
        await Promise.all([first.stop(), second.stop()]);
      },
    },
    () => {
      const sides = [first.snapshot(), second.snapshot()];
      const sum = (key: string): number => sides.reduce((total, { counts }) => total + (counts[key] ?? 0), 0);
      return {
        state: sides.some(({ state }) => state === "stalled") ? "stalled" : first.running ? "ok" : "stopped",
        values: { toFirst: toFirst.size, toSecond: toSecond.size, updatesMax },
        counts: {
          ...count,
          stalled: sum("stalled"),
          completed: sum("completed"),
          updatesShed: toFirst.accounts.shed + toSecond.accounts.shed,
        },
      };
    },
  );
}
