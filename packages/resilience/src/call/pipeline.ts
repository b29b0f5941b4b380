// A whole policy in one executor: fallback > total timeout > retry > hedge > rate limit > bulkhead > breaker > attempt
// timeout > work. The order is fixed, because it is the one in which a timeout counts against the dependency, a refusal
// does not, and a call that waits between attempts holds no slot. Nest policies by hand for any other.
import type { Cancel, Work } from "../cancel.ts";
import { isRefusal } from "../errors.ts";
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";
import { breaker } from "./breaker.ts";
import type { Breaker, BreakerOptions, CallOutcome } from "./breaker.ts";
import { bulkhead } from "./bulkhead.ts";
import type { Bulkhead, BulkheadOptions } from "./bulkhead.ts";
import { CallRunner } from "./call.ts";
import type { CallLimiter } from "./call.ts";
import type { Fallback } from "./fallback.ts";
import { hedge } from "./hedge.ts";
import type { Hedge, HedgeOptions } from "./hedge.ts";
import { LatencyHistogram } from "./latency.ts";
import { retry } from "./retry.ts";
import type { Retry, RetryOptions } from "./retry.ts";
import { modes } from "./timeout.ts";
import type { TimeoutOptions } from "./timeout.ts";

/** A part is given as options, or ready-made to share it among policies. What is not named is left out. */
export interface PipelineOptions<Value = unknown> extends GuardOptions {
  readonly fallback?: Fallback<Value>;
  /** Bound of the whole call with all attempts and waits, in ms. */
  readonly totalTimeoutMs?: number;
  readonly retry?: Retry | RetryOptions;
  readonly hedge?: Hedge | HedgeOptions;
  /** Refuses an attempt without asking the dependency; `rateLimiter(…)` fits. */
  readonly limiter?: CallLimiter;
  readonly bulkhead?: Bulkhead | BulkheadOptions;
  readonly breaker?: Breaker | BreakerOptions;
  /** Bound of one attempt, in ms, or with its options. */
  readonly timeout?: number | Omit<TimeoutOptions, "name" | "system" | "discard">;
  /** Keeps a histogram of how long calls take, for `snapshot` (default false: it costs two clock reads a call). */
  readonly measure?: boolean;
  /** Called with a value that came after its caller was answered, to close what it holds. */
  readonly discard?: (value: unknown) => void;
}

/** @throws BadOptionError naming the option that is out of range. */
export function pipeline<Value = unknown>(options: PipelineOptions<Value>): Pipeline<Value> {
  return named(new Pipeline(options), options);
}

/** `Ours` is the type that a fallback may answer with; without a fallback any work fits. */
export class Pipeline<Ours = unknown> extends Guard {
  readonly breaker: Breaker | undefined;
  readonly bulkhead: Bulkhead | undefined;
  readonly retry: Retry | undefined;
  readonly hedge: Hedge | undefined;
  readonly fallback: Fallback<Ours> | undefined;
  /** Runs the calls; with a hedge, the part of the policy outside of it. */
  readonly #runner: CallRunner;
  /** With a hedge: the part inside of it. */
  readonly #inner: CallRunner | undefined = undefined;
  readonly #latency: LatencyHistogram | undefined;

  constructor(options: PipelineOptions<Ours>) {
    super("pipeline", options);
    const { breaker: guard, bulkhead: slots, retry: again, hedge: twice, limiter, discard, timeout = {} } = options;
    const {
      timeoutMs,
      mode = "early",
      precise,
      keepAlive,
    }: Partial<TimeoutOptions> = typeof timeout === "number" ? { timeoutMs: timeout } : timeout;
    this.oneOf("timeout.mode", mode, modes);
    const outside = {
      name: this.name,
      system: this.system,
      precise,
      keepAlive,
      discard,
      onTimeout: (bound: number, total: boolean) => this.trip("timed-out", { timeoutMs: bound, total }),
      totalMs: this.number(options, "totalTimeoutMs", Infinity, 0, Infinity),
    };
    const inside = {
      timeoutMs: this.check("timeout", timeoutMs ?? Infinity, 0, Infinity),
      cooperative: mode === "cooperative",
      limiter,
    };
    const inherited = { system: this.system, ...(options.name === undefined ? {} : { name: options.name }) };
    // Ready-made parts are known by what they do: `instanceof` would take one of another copy of this package for options.
    this.breaker = guard && ("snapshot" in guard ? guard : breaker({ ...inherited, ...guard }));
    this.bulkhead = slots && ("snapshot" in slots ? slots : bulkhead({ ...inherited, ...slots }));
    this.retry = again && ("snapshot" in again ? again : retry({ ...inherited, ...again }));
    this.hedge =
      twice && ("snapshot" in twice ? twice : hedge({ ...inherited, ...(discard && { discard }), ...twice }));
    this.fallback = options.fallback;
    this.#latency = options.measure === true ? new LatencyHistogram() : undefined;
    const whole = { ...outside, retry: this.retry, latency: this.#latency };
    const attempt = { ...inside, bulkhead: this.bulkhead, breaker: this.breaker };
    if (this.hedge === undefined) this.#runner = new CallRunner({ ...whole, ...attempt });
    else {
      this.#runner = new CallRunner(whole);
      this.#inner = new CallRunner({ ...outside, totalMs: Infinity, ...attempt });
    }
  }

  /**
   * Runs `work` under the policy. Rejects with the work's last error, TimeoutError, or a refusal (`isRefusal`).
   * @param cancel a signal, or the context of an outer policy. @param priority for the bulkhead, 0 the most urgent.
   */
  execute<Value extends Ours>(work: Work<Value>, cancel?: Cancel, priority = 0): Promise<Value> {
    if (this.fallback === undefined) return this.#run(work, cancel, priority);
    const covered = this.fallback.execute(() => this.#run(work, cancel, priority), cancel);
    return covered as Promise<Value>;
  }

  /** As `execute`, with the outcome as a value; never rejects. */
  tryExecute<Value extends Ours>(work: Work<Value>, cancel?: Cancel, priority = 0): Promise<CallOutcome<Value>> {
    return this.execute(work, cancel, priority).then(
      (value) => ({ ok: true, value }),
      (error: unknown) => ({ ok: false, refused: isRefusal(error), error }),
    );
  }

  protected look(): Look {
    const latency = this.#latency;
    const { calls, failed, refused, timedOut, late } = this.#runner.count;
    const inner = this.#inner?.count;
    return {
      values: latency && {
        latencyMsP50: latency.quantile(0.5),
        latencyMsP95: latency.quantile(0.95),
        latencyMsP99: latency.quantile(0.99),
      },
      counts: {
        calls,
        failed,
        refused,
        timedOut: timedOut + (inner?.timedOut ?? 0),
        late: late + (inner?.late ?? 0),
      },
    };
  }

  #run<Value>(work: Work<Value>, cancel: Cancel | undefined, priority: number): Promise<Value> {
    const { hedge } = this;
    const inner = this.#inner;
    if (hedge === undefined || inner === undefined) return this.#runner.run(work, cancel, priority);
    // Numbered through, over hedges and retries: work may go to another replica by it.
    let attempt = 0;
    const hedged: Work<Value> = (outer) =>
      hedge.execute((context) => inner.run(work, context, priority, (attempt += 1)), outer);
    return this.#runner.run(hedged, cancel, priority);
  }
}
