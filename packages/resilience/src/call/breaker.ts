// A circuit breaker (Nygard, Release It!): after enough failures it refuses calls for a while, then lets a few trials
// through and closes when they succeed. Every transition starts a new generation; a result belongs to the generation
// that admitted it, so a late one changes nothing. No timer: an open breaker looks at the monotonic clock when asked.
import { abortable, contextOf, rejectSoon, started } from "../cancel.ts";
import type { Cancel, Reactions, Work } from "../cancel.ts";
import { BreakerOpenError, isRefusal } from "../errors.ts";
import { Guard, named, noOptions } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";
import type { Controls, GuardEvent } from "../report.ts";
import type { BreakerWindow, Tally } from "./breaker-window.ts";

export type BreakerStateName = "closed" | "open" | "half-open" | "isolated";

export interface BreakerOptions extends GuardOptions {
  /** Failures in a row that open it (default 5). Not used when `window` is given. */
  readonly failures?: number;
  /** Opens on rates over a window instead: `countWindow(…)` or `timeWindow(…)`. */
  readonly window?: BreakerWindow;
  /** Time it stays open, in ms (default 300,000). */
  readonly openMs?: number;
  /** Each reopening without a closing in between stays open this many times longer (default 1: always `openMs`). */
  readonly openFactor?: number;
  /** Longest time it stays open, in ms (default 3,600,000, or `openMs` if that is more). */
  readonly openMsMax?: number;
  /** Calls let through while half-open; their results decide (default 1). */
  readonly trials?: number;
  /** Failed trials that are forgiven; one more opens it again (default 0, below `trials`). */
  readonly trialFailuresMax?: number;
  /** A trial that has not settled after this time, in ms, is given up and a new one let through (default 60,000). */
  readonly trialMsMax?: number;
  /** Whether an error counts against the dependency (default: all but this package's refusals, see `isRefusal`). */
  readonly isFailure?: (error: unknown) => boolean;
  /** Whether a value counts as a failure, an HTTP 503 for instance (default: none does). */
  readonly isFailedResult?: (value: unknown) => boolean;
  /** Changes state and reports, but refuses nobody (default false). */
  readonly metricsOnly?: boolean;
}

/** State of a breaker as JSON, for a process that ends before its breaker closes. */
export interface BreakerState {
  readonly version: 1;
  readonly state: BreakerStateName;
  readonly failures: number;
  /** Openings since it was last closed. */
  readonly openings: number;
  /** Time left of the open state when exported, in ms. */
  readonly openMsLeft: number;
  /** Wall clock at the export, in ms since 1970. */
  readonly wallAt: number;
}

/** What became of a call, as a value. `refused`: the work was not called. */
export type CallOutcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly refused: boolean; readonly error: unknown };

const stateNames: readonly BreakerStateName[] = ["closed", "open", "half-open", "isolated"];
/** Openings above this many in a row are counted as this many. */
const openingsMax = 1000;

/** Permit of a call that passes unrecorded (metrics only). */
const unrecorded = -1;

/** @throws BadOptionError naming the option that is out of range. */
export function breaker(options: BreakerOptions = noOptions): Breaker {
  return named(new Breaker(options), options);
}

export class Breaker extends Guard {
  readonly #options: BreakerOptions;
  readonly #failuresMax: number;
  readonly #openMs: number;
  readonly #openMsMax: number;
  readonly #trials: number;
  readonly #trialFailuresMax: number;
  readonly #trialMsMax: number;
  readonly #tally: Tally | undefined;
  readonly #isFailedResult: ((value: unknown) => boolean) | undefined;
  /** Whether it wants to know how long calls take. */
  readonly judgesDuration: boolean;
  #succeeded = 0;
  #refused = 0;
  #metricsOnly: boolean;
  #state: BreakerStateName = "closed";
  #generation = 1;
  /** Failures in a row while closed; failed trials while half-open. */
  #failures = 0;
  #openings = 0;
  /** While open: until when. While half-open: when the latest trial has had its time. */
  #dueAt = 0;
  #admitted = 0;
  #trialSuccesses = 0;
  #lastError: unknown = undefined;
  /** Reactions of the current generation, made when first needed. */
  #reactions: Reactions | undefined = undefined;

  constructor(options: BreakerOptions, from?: GuardOptions) {
    super("breaker", options, from);
    this.#options = options;
    this.#failuresMax = this.integer(options, "failures", 5, 1);
    this.#openMs = this.number(options, "openMs", 300_000, 0);
    this.#openMsMax = this.number(options, "openMsMax", Math.max(3_600_000, this.#openMs), this.#openMs);
    this.number(options, "openFactor", 1, 1, 1000);
    this.#trials = this.integer(options, "trials", 1, 1);
    this.#trialFailuresMax = this.integer(options, "trialFailuresMax", 0, 0, this.#trials - 1);
    this.#trialMsMax = this.number(options, "trialMsMax", 60_000, 0, Infinity);
    this.#tally = options.window?.start();
    this.#isFailedResult = options.isFailedResult;
    this.judgesDuration = options.window?.slowMs !== undefined;
    this.#metricsOnly = options.metricsOnly ?? false;
  }

  get state(): BreakerStateName {
    return this.#state;
  }

  /** Time until a call may pass, in ms: 0 when one may now, undefined when isolated or when trials are under way. */
  get retryAfterMs(): number | undefined {
    if (this.#state === "open") return Math.max(0, this.#dueAt - this.system.now());
    return this.wouldPass() ? 0 : undefined;
  }

  /**
   * Runs `work` if calls may pass. Rejects with BreakerOpenError otherwise, else settles as the work does. When `cancel`
   * is given and aborted, an error of the work counts neither way.
   */
  execute<Value>(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    const permit = this.tryAcquire();
    return permit === 0 ? rejectSoon(this.refusal()) : this.#run(work, cancel, permit);
  }

  /** As `execute`, with the outcome as a value. A refusal comes at once, without a promise; its `error` is made when read. */
  tryExecute<Value>(work: Work<Value>, cancel?: Cancel): CallOutcome<Value> | Promise<CallOutcome<Value>> {
    const permit = this.tryAcquire();
    return permit === 0 ? new Refused(this) : this.#run(work, cancel, permit).then(succeeded, failed);
  }

  /** True when `tryAcquire` would give a permit; takes none. */
  wouldPass(): boolean {
    return this.#metricsOnly || this.#state === "closed" || this.#mayTry();
  }

  /**
   * A permit for one call, or 0 when it is refused. Every permit must be given back by exactly one of `recordSuccess`,
   * `recordFailure`, `recordResult` and `release`; a trial's permit that never is, is given up after `trialMsMax`.
   */
  tryAcquire(): number {
    return this.#state === "closed" ? this.#generation : this.#acquireTrial();
  }

  /** The call of this permit succeeded. `durationMs` matters for a window that knows slow calls. */
  recordSuccess(permit: number, durationMs = 0): void {
    if (permit !== this.#generation) return this.#missed(permit);
    this.#succeeded += 1;
    if (this.#state === "closed") {
      this.#failures = 0;
      if (this.#tally !== undefined) this.#judge(this.#tally, false, durationMs);
    } else if (this.#isSlow(durationMs)) this.#failTrial();
    else if ((this.#trialSuccesses += 1) >= this.#trials - this.#trialFailuresMax) this.close();
  }

  /** The call of this permit failed with `error`; an error that `isFailure` does not count gives the permit back. */
  recordFailure(permit: number, error: unknown, durationMs = 0): void {
    if (judged(this.#options.isFailure, error) ?? !isRefusal(error)) this.#fail(permit, error, durationMs);
    else this.release(permit);
  }

  /** The call of this permit gave a value: a success, unless `isFailedResult` says otherwise. */
  recordResult(permit: number, value: unknown, durationMs = 0): void {
    if (judged(this.#isFailedResult, value) === true) this.#fail(permit, undefined, durationMs);
    else this.recordSuccess(permit, durationMs);
  }

  /** Gives a permit back without a judgement: the call was not made, or its caller gave it up. */
  release(permit: number): void {
    if (permit !== this.#generation) return this.#missed(permit);
    this.count("ignored");
    if (this.#admitted > 0) this.#admitted -= 1;
  }

  /** The error that a caller gets who was refused just now. */
  refusal(): BreakerOpenError {
    return new BreakerOpenError(this.name, this.retryAfterMs, this.#lastError);
  }

  /** Opens it now, for `forMs` (default: as after a failure); half-open after that. */
  open(forMs?: number): void {
    this.#open("commanded", forMs === undefined ? undefined : this.check("forMs", forMs, 0));
  }

  /** Refuses every call until `close` is called. */
  isolate(): void {
    this.#become("isolated", "isolated", "trip");
  }

  /** Closes it and forgets all failures. */
  close(): void {
    this.#openings = 0;
    this.#lastError = undefined;
    this.#become("closed", "closed");
  }

  /** The state as JSON. The contents of a window are not part of it. */
  exportState(): BreakerState {
    return {
      version: 1,
      state: this.#state,
      failures: this.#failures,
      openings: this.#openings,
      openMsLeft: this.retryAfterMs ?? 0,
      wallAt: this.system.wallNow(),
    };
  }

  /** Takes over an exported state. Time that passed since then by the wall clock counts, up to the time that was left. */
  importState(state: BreakerState): void {
    this.number(state, "version", undefined, 1, 1);
    this.oneOf("state", state.state, stateNames);
    const openings = this.integer(state, "openings", undefined, 0, openingsMax);
    const failures = this.integer(state, "failures", undefined, 0);
    const leftMs = this.number(state, "openMsLeft", undefined, 0);
    const passedMs = this.system.wallNow() - this.number(state, "wallAt", undefined, 0);
    this.#openings = openings;
    this.#dueAt = this.system.now() + leftMs - Math.min(leftMs, Math.max(0, passedMs));
    this.#become(state.state, "imported");
    if (state.state === "closed") this.#failures = failures;
  }

  protected look(): Look {
    return {
      state: this.#state,
      values: {
        failures: this.#failures,
        trialsUnderWay: Math.max(0, this.#admitted - this.#trialSuccesses - this.#failures),
        retryAfterMs: this.retryAfterMs ?? -1,
        metricsOnly: Number(this.#metricsOnly),
      },
      counts: { succeeded: this.#succeeded, failed: 0, ignored: 0, late: 0, refused: this.#refused, opened: 0 },
    };
  }

  get controls(): Controls {
    return {
      open: (forMs) => this.open(forMs === undefined ? undefined : Number(forMs)),
      close: () => this.close(),
      isolate: () => this.isolate(),
      "metrics-only": (on = 1) => void (this.#metricsOnly = this.check("metrics-only", Number(on), 0, 1) !== 0),
    };
  }

  /** True when a call may pass as a trial: it has been open for long enough, or a trial is free or has had its time. */
  #mayTry(): boolean {
    const isDue = this.system.now() >= this.#dueAt;
    return this.#state === "open" ? isDue : this.#state === "half-open" && (isDue || this.#admitted < this.#trials);
  }

  #acquireTrial(): number {
    const trials = this.#trials;
    if (this.#mayTry()) {
      if (this.#state === "open") this.#become("half-open", "half-opened", "info", { trials });
      else if (this.#admitted >= trials) this.#become("half-open", "trial-overdue", "trip", { trials });
    }
    if (this.#state === "half-open" && this.#admitted < trials) {
      this.#admitted += 1;
      this.#dueAt = this.system.now() + this.#trialMsMax;
      return this.#generation;
    }
    // Closed meanwhile by whoever heard that it is half open.
    if (this.#state === "closed") return this.#generation;
    this.#refused += 1;
    return this.#metricsOnly ? unrecorded : 0;
  }

  #fail(permit: number, error: unknown, durationMs: number): void {
    if (permit !== this.#generation) return this.#missed(permit);
    this.count("failed");
    this.#lastError = error;
    if (this.#state === "half-open") return this.#failTrial();
    this.#failures += 1;
    if (this.#tally !== undefined) this.#judge(this.#tally, true, durationMs);
    else if (this.#failures >= this.#failuresMax) this.#open("failures");
  }

  #failTrial(): void {
    this.#failures += 1;
    if (this.#failures > this.#trialFailuresMax) this.#open("trial-failed");
  }

  #judge(tally: Tally, failure: boolean, durationMs: number): void {
    const why = tally.record(failure, this.#isSlow(durationMs), this.system);
    if (why !== undefined) this.#open(why);
  }

  #isSlow(durationMs: number): boolean {
    return durationMs >= (this.#options.window?.slowMs ?? Infinity);
  }

  #open(why: string, forMs?: number): void {
    // Bounded before it is multiplied, so that no number of reopenings overflows.
    const grown = Math.min((this.#options.openFactor ?? 1) ** this.#openings, Number.MAX_SAFE_INTEGER);
    const openMs = forMs ?? Math.min(this.#openMs * grown, this.#openMsMax);
    const failures = this.#failures;
    this.#openings = Math.min(this.#openings + 1, openingsMax);
    this.#dueAt = this.system.now() + openMs;
    this.count("opened");
    this.#become("open", "opened", "trip", { why, openMs, failures, openings: this.#openings });
  }

  /** Begins a new generation: whatever was admitted before is late from now on. */
  #become(
    state: BreakerStateName,
    event: string,
    level: GuardEvent["level"] = "info",
    detail: GuardEvent["detail"] = {},
  ): void {
    const was = this.#state;
    this.#state = state;
    this.#generation += 1;
    this.#failures = this.#admitted = this.#trialSuccesses = 0;
    this.#reactions = undefined;
    this.#tally?.reset();
    if (was !== "closed" || state !== was) this.say(event, level, { was, ...detail });
  }

  #missed(permit: number): void {
    if (permit !== unrecorded) this.count("late");
  }

  #run<Value>(work: Work<Value>, cancel: Cancel | undefined, permit: number): Promise<Value> {
    // Reactions without a caller or a start of their own serve all calls of the generation.
    const watched = abortable(cancel);
    const shared = watched === undefined && !this.judgesDuration && permit === this.#generation;
    const { ok, bad } = shared ? (this.#reactions ??= this.#react(permit)) : this.#react(permit, watched);
    return started(work, contextOf(cancel)).then(ok as (value: Value) => Value, bad);
  }

  #react(permit: number, watched?: Cancel): Reactions {
    const clock = (): number => (this.judgesDuration ? this.system.now() : 0);
    const startedAt = clock();
    return {
      ok: (value) => {
        this.recordResult(permit, value, clock() - startedAt);
        return value;
      },
      bad: (error) => {
        if (watched?.aborted === true) this.release(permit);
        else this.recordFailure(permit, error, clock() - startedAt);
        throw error;
      },
    };
  }
}

/** What a classifier says; one that throws has found a failure. */
function judged(classifier: ((subject: unknown) => boolean) | undefined, subject: unknown): boolean | undefined {
  try {
    return classifier?.(subject);
  } catch {
    return true;
  }
}

class Refused {
  readonly ok = false;
  readonly refused = true;
  readonly #by: Breaker;
  #error: BreakerOpenError | undefined = undefined;

  constructor(by: Breaker) {
    this.#by = by;
  }

  get error(): BreakerOpenError {
    return (this.#error ??= this.#by.refusal());
  }
}

const succeeded = <Value>(value: Value): CallOutcome<Value> => ({ ok: true, value });
const failed = (error: unknown): CallOutcome<never> => ({ ok: false, refused: false, error });
