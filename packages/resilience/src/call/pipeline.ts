// A whole policy in one executor: fallback > total timeout > retry > hedge > rate limit > bulkhead > breaker > attempt
// timeout > work. The order is fixed, because it is the one in which a timeout counts against the dependency, a refusal
// does not, and a call that waits between attempts holds no slot. Nest policies by hand for any other.
import type { Cancel, Work } from "../cancel.ts";
import { isRefusal } from "../errors.ts";
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look, Owner } from "../guard.ts";
import { Breaker } from "./breaker.ts";
import type { BreakerOptions, CallOutcome } from "./breaker.ts";
import { Bulkhead } from "./bulkhead.ts";
import type { BulkheadOptions } from "./bulkhead.ts";
import { CallRunner } from "./call.ts";
import type { CallLimiter } from "./call.ts";
import type { Fallback } from "./fallback.ts";
import { Hedge } from "./hedge.ts";
import type { HedgeOptions } from "./hedge.ts";
import { LatencyHistogram } from "./latency.ts";
import { Retry } from "./retry.ts";
import type { RetryOptions } from "./retry.ts";
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
  readonly #timeout: PipelineOptions["timeout"];
  readonly #totalMs: number | undefined;
  readonly #limiter: CallLimiter | undefined;
  readonly #measures: boolean;
  readonly #discard: ((value: unknown) => void) | undefined;
  /** Runs the calls; with a hedge, the part of the policy outside of it. Made at the first call: many policies never see one. */
  #runner: CallRunner | undefined = undefined;
  /** With a hedge: the part inside of it. */
  #inner: CallRunner | undefined = undefined;

  constructor(options: PipelineOptions<Ours>) {
    super("pipeline", options);
    const { name, timeout } = options;
    const from = { name, system: this.system };
    this.breaker = partOf(Breaker, options.breaker, from);
    this.bulkhead = partOf(Bulkhead, options.bulkhead, from);
    this.retry = partOf(Retry, options.retry, from);
    // A loser's value, too, comes after its caller was answered.
    this.hedge = partOf(Hedge, options.hedge, from, options.discard && { discard: options.discard });
    this.fallback = options.fallback;
    this.#timeout = timeout;
    if (timeout != null) this.check("timeout", typeof timeout === "object" ? timeout.timeoutMs : timeout, 0, Infinity);
    this.oneOf("timeout.mode", boundOf(timeout)?.mode ?? "early", modes);
    this.number(options, "totalTimeoutMs", Infinity, 0, Infinity);
    this.#totalMs = options.totalTimeoutMs;
    this.#limiter = options.limiter;
    this.#measures = options.measure === true;
    this.#discard = options.discard;
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
    const { calls, failed, refused, timedOut, late, latency } = this.#runner ?? this.#start();
    const inner = this.#inner;
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

  #start(): CallRunner {
    const { breaker, bulkhead, retry, hedge } = this;
    const { precise, keepAlive, ...bound } = boundOf(this.#timeout) ?? {};
    const both = { precise, keepAlive, discard: this.#discard };
    const latency = this.#measures ? new LatencyHistogram() : undefined;
    const whole = { ...both, totalMs: this.#totalMs, retry, latency };
    const attempt = { ...both, ...bound, limiter: this.#limiter, bulkhead, breaker };
    const owner = this as unknown as Owner;
    if (hedge !== undefined) this.#inner = new CallRunner(owner, attempt);
    return (this.#runner = new CallRunner(owner, hedge === undefined ? { ...whole, ...attempt } : whole));
  }

  #run<Value>(work: Work<Value>, cancel: Cancel | undefined, priority: number): Promise<Value> {
    const runner = this.#runner ?? this.#start();
    const { hedge } = this;
    const inner = this.#inner;
    if (hedge === undefined || inner === undefined) return runner.run(work, cancel, priority);
    // Numbered through, over hedges and retries: work may go to another replica by it.
    let attempt = 0;
    const hedged: Work<Value> = (outer) =>
      hedge.execute((context) => inner.run(work, context, priority, (attempt += 1)), outer);
    return runner.run(hedged, cancel, priority);
  }
}

function boundOf(timeout: PipelineOptions["timeout"]): Partial<TimeoutOptions> | undefined {
  return typeof timeout === "number" ? { timeoutMs: timeout } : timeout;
}

/**
 * A part that was given ready-made, or one of the policy's own, which has its name and its clock. Known by what it does:
 * `instanceof` would take a part of another copy of this package for options.
 */
function partOf<Part extends Guard, Options extends GuardOptions>(
  kind: new (options: Options, from: GuardOptions) => Part,
  given: Part | Options | undefined,
  from: GuardOptions,
  more?: Partial<Options>,
): Part | undefined {
  if (given === undefined || "snapshot" in given) return given;
  const options = more === undefined ? given : { ...more, ...given };
  return named(new kind(options, from), from.name === undefined ? options : from);
}
