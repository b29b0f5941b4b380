// A circuit breaker (Nygard, Release It!): after enough failures it refuses calls for a while, then lets a few trials
// through and closes when they succeed. Every transition starts a new generation; a result belongs to the generation
// that admitted it, so a late one changes nothing. No timer: an open breaker looks at the monotonic clock when asked.
import type { GuardSnapshot } from "../report.ts";
import type { BreakerWindow, Tally } from "./breaker-window.ts";
import { contextOf, started } from "./context.ts";
import type { Cancel, Work } from "./context.ts";
import { CallGuard } from "./guard.ts";
import type { CallGuardOptions } from "./guard.ts";
import { BreakerOpenError, isRefusal, rejectSoon } from "./refusals.ts";

export type BreakerStateName = "closed" | "open" | "half-open" | "isolated";

export interface BreakerOptions extends CallGuardOptions {
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

const closed = 0;
const open = 1;
const halfOpen = 2;
const isolated = 3;
const names = ["closed", "open", "half-open", "isolated"] as const;
/** Permit of a call that passes unrecorded (metrics only). */
const unrecorded = -1;

/** @throws BadOptionError naming the option that is out of range. */
export function breaker(options: BreakerOptions = {}): Breaker {
  return new Breaker(options);
}

export class Breaker extends CallGuard {
  readonly #options: BreakerOptions;
  readonly #failuresMax: number;
  readonly #openMs: number;
  readonly #trials: number;
  readonly #tally: Tally | undefined;
  #metricsOnly: boolean;
  #state: 0 | 1 | 2 | 3 = closed;
  #generation = 1;
  /** Failures in a row while closed; failed trials while half-open. */
  #failures = 0;
  #openings = 0;
  #openUntil = 0;
  /** When a call was last refused or let through by an open breaker. */
  #askedAt = 0;
  #admitted = 0;
  #trialSuccesses = 0;
  #trialAt = 0;
  #lastError: unknown = undefined;
  #succeeded = 0;
  #failed = 0;
  #ignored = 0;
  #late = 0;
  #refused = 0;
  #opened = 0;
  /** Reactions of the current generation, made when first needed. */
  #ok: ((value: unknown) => unknown) | undefined = undefined;
  #bad: ((error: unknown) => never) | undefined = undefined;

  constructor(options: BreakerOptions = {}) {
    super("breaker", options);
    this.#options = options;
    this.#failuresMax = this.integer("failures", options.failures ?? 5, 1);
    this.#openMs = this.number("openMs", options.openMs ?? 300_000, 0, Number.MAX_VALUE);
    this.#trials = this.integer("trials", options.trials ?? 1, 1);
    this.integer("trialFailuresMax", options.trialFailuresMax ?? 0, 0, this.#trials - 1);
    this.number("openFactor", options.openFactor ?? 1, 1, 1000);
    this.number("openMsMax", options.openMsMax ?? this.#openMs, this.#openMs, Number.MAX_VALUE);
    this.number("trialMsMax", options.trialMsMax ?? 60_000, 0);
    this.#tally = options.window?.start();
    this.#metricsOnly = options.metricsOnly ?? false;
  }

  get state(): BreakerStateName {
    return names[this.#state];
  }

  /** Whether it wants to know how long calls take. */
  get judgesDuration(): boolean {
    return this.#options.window?.slowMs !== undefined;
  }

  /** Time until a call may pass, in ms: 0 when one may now, undefined when isolated or when trials are under way. */
  get retryAfterMs(): number | undefined {
    if (this.#state === closed) return 0;
    if (this.#state === open) return Math.max(0, this.#openUntil - this.system.now());
    return this.#state === halfOpen && this.#admitted < this.#trials ? 0 : undefined;
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
    if (this.#state === closed || this.#metricsOnly) return true;
    if (this.#state === open) return this.system.now() >= this.#openUntil;
    if (this.#state === isolated) return false;
    return this.#admitted < this.#trials || this.#trialOverdue();
  }

  /**
   * A permit for one call, or 0 when it is refused. Every permit must be given back by exactly one of `recordSuccess`,
   * `recordFailure` and `release`; a trial's permit that never is, is given up after `trialMsMax`.
   */
  tryAcquire(): number {
    return this.#state === closed ? this.#generation : this.#acquireTrial();
  }

  /** The call of this permit succeeded. `durationMs` matters for a window that knows slow calls. */
  recordSuccess(permit: number, durationMs = 0): void {
    if (permit !== this.#generation) return this.#missed(permit);
    this.#succeeded += 1;
    if (this.#state === closed) {
      this.#failures = 0;
      if (this.#tally !== undefined) this.#count(this.#tally, false, durationMs);
      return;
    }
    this.#trialSuccesses += 1;
    if (this.#trialSuccesses >= this.#trials - (this.#options.trialFailuresMax ?? 0)) this.close();
  }

  /** The call of this permit failed with `error`; an error that `isFailure` does not count gives the permit back. */
  recordFailure(permit: number, error: unknown, durationMs = 0): void {
    if (!this.#counts(error)) return this.release(permit);
    this.#fail(permit, error, durationMs);
  }

  /** The call of this permit gave a value: a success, unless `isFailedResult` says otherwise. */
  recordResult(permit: number, value: unknown, durationMs = 0): void {
    if (this.#options.isFailedResult?.(value) === true) this.#fail(permit, undefined, durationMs);
    else this.recordSuccess(permit, durationMs);
  }

  /** Gives a permit back without a judgement: the call was not made, or its caller gave it up. */
  release(permit: number): void {
    if (permit !== this.#generation) return this.#missed(permit);
    this.#ignored += 1;
    if (this.#state === halfOpen) this.#admitted = Math.max(0, this.#admitted - 1);
  }

  /** The error that a caller gets who was refused just now. */
  refusal(): BreakerOpenError {
    const retryAfterMs = this.#state === open ? Math.max(0, this.#openUntil - this.#askedAt) : this.retryAfterMs;
    return new BreakerOpenError(this.name, retryAfterMs, this.#lastError);
  }

  /** Opens it now, for `forMs` (default: as after a failure); half-open after that. */
  open(forMs?: number): void {
    if (forMs !== undefined) this.number("forMs", forMs, 0, Number.MAX_VALUE);
    this.#open("commanded", forMs);
  }

  /** Refuses every call until `close` is called. */
  isolate(): void {
    this.#become(isolated);
    this.say("isolated", "trip");
  }

  /** Closes it and forgets all failures. */
  close(): void {
    const was = this.#state;
    this.#become(closed);
    this.#openings = 0;
    this.#lastError = undefined;
    this.#tally?.reset();
    if (was !== closed) this.say("closed", "info", { was: names[was] });
  }

  /** The state as JSON. The contents of a window are not part of it. */
  exportState(): BreakerState {
    return {
      version: 1,
      state: this.state,
      failures: this.#failures,
      openings: this.#openings,
      openMsLeft: this.#state === open ? (this.retryAfterMs ?? 0) : 0,
      wallAt: this.system.wallNow(),
    };
  }

  /** Takes over an exported state. Time that passed since then by the wall clock counts, up to the time that was left. */
  importState(state: BreakerState): void {
    if (state.version !== 1) this.number("version", state.version, 1, 1);
    const passedMs = Math.max(0, this.system.wallNow() - state.wallAt);
    const to = names.indexOf(state.state);
    this.#become(to === -1 ? closed : (to as 0 | 1 | 2 | 3));
    this.#failures = this.#state === closed ? this.integer("failures", state.failures, 0) : 0;
    this.#openings = this.integer("openings", state.openings, 0);
    this.#openUntil = this.system.now() + Math.max(0, this.number("openMsLeft", state.openMsLeft, 0) - passedMs);
  }

  snapshot(): GuardSnapshot {
    const { guard, name } = this;
    return {
      guard,
      name,
      state: this.state,
      values: {
        failures: this.#failures,
        trialsUnderWay: this.#state === halfOpen ? this.#admitted - this.#trialSuccesses - this.#failures : 0,
        retryAfterMs: this.retryAfterMs ?? -1,
        metricsOnly: Number(this.#metricsOnly),
      },
      counts: {
        succeeded: this.#succeeded,
        failed: this.#failed,
        ignored: this.#ignored,
        late: this.#late,
        refused: this.#refused,
        opened: this.#opened,
      },
    };
  }

  get controls(): Readonly<Record<string, (argument?: number | string) => void>> {
    return {
      open: (forMs) => this.open(forMs === undefined ? undefined : Number(forMs)),
      close: () => this.close(),
      isolate: () => this.isolate(),
      "metrics-only": (on) => void (this.#metricsOnly = on === undefined || Number(on) !== 0),
    };
  }

  #acquireTrial(): number {
    if (this.#state === open) {
      this.#askedAt = this.system.now();
      if (this.#askedAt >= this.#openUntil) this.#halfOpen();
    }
    if (this.#state === halfOpen) {
      if (this.#admitted >= this.#trials && this.#trialOverdue()) this.#halfOpen();
      if (this.#admitted < this.#trials) {
        this.#admitted += 1;
        this.#trialAt = this.system.now();
        return this.#generation;
      }
    }
    this.#refused += 1;
    return this.#metricsOnly ? unrecorded : 0;
  }

  #trialOverdue(): boolean {
    return this.system.now() - this.#trialAt >= (this.#options.trialMsMax ?? 60_000);
  }

  #halfOpen(): void {
    const overdue = this.#state === halfOpen;
    this.#become(halfOpen);
    this.say(overdue ? "trial-overdue" : "half-opened", overdue ? "trip" : "info", { trials: this.#trials });
  }

  #fail(permit: number, error: unknown, durationMs: number): void {
    if (permit !== this.#generation) return this.#missed(permit);
    this.#failed += 1;
    this.#failures += 1;
    this.#lastError = error;
    if (this.#state === halfOpen) {
      if (this.#failures > (this.#options.trialFailuresMax ?? 0)) this.#open("trial-failed");
    } else if (this.#tally !== undefined) this.#count(this.#tally, true, durationMs);
    else if (this.#failures >= this.#failuresMax) this.#open("failures");
  }

  #count(tally: Tally, failure: boolean, durationMs: number): void {
    const slow = durationMs >= (this.#options.window?.slowMs ?? Infinity);
    const why = tally.record(failure, slow, this.system);
    if (why !== undefined) this.#open(why);
  }

  #open(why: string, forMs?: number): void {
    const { openFactor = 1, openMsMax = Math.max(3_600_000, this.#openMs) } = this.#options;
    // Bounded before it is multiplied, so that no number of reopenings overflows.
    const grownMs = this.#openMs * Math.min(openFactor ** this.#openings, Number.MAX_SAFE_INTEGER);
    const openMs = forMs ?? Math.min(grownMs, openMsMax);
    const failures = this.#failures;
    this.#become(open);
    this.#openings = Math.min(this.#openings + 1, 1000);
    this.#openUntil = this.system.now() + openMs;
    this.#opened += 1;
    this.#tally?.reset();
    this.say("opened", "trip", { why, openMs, failures, openings: this.#openings });
  }

  #become(state: 0 | 1 | 2 | 3): void {
    this.#state = state;
    this.#generation += 1;
    this.#failures = 0;
    this.#admitted = 0;
    this.#trialSuccesses = 0;
    this.#ok = undefined;
    this.#bad = undefined;
  }

  #missed(permit: number): void {
    if (permit !== unrecorded) this.#late += 1;
  }

  #counts(error: unknown): boolean {
    const { isFailure } = this.#options;
    if (isFailure === undefined) return !isRefusal(error);
    try {
      return isFailure(error);
    } catch {
      return true;
    }
  }

  #run<Value>(work: Work<Value>, cancel: Cancel | undefined, permit: number): Promise<Value> {
    if (cancel !== undefined || this.#options.window?.slowMs !== undefined) return this.#measured(work, cancel, permit);
    const result = started(work, contextOf(undefined));
    if (permit !== this.#generation || this.#ok === undefined) return this.#react(result, permit);
    return result.then(this.#ok as (value: Value) => Value, this.#bad);
  }

  /** Attaches the ready-made reactions of the generation, making them if need be; a stray permit gets its own. */
  #react<Value>(result: Promise<Value>, permit: number): Promise<Value> {
    const ok = (value: unknown): unknown => {
      this.recordResult(permit, value);
      return value;
    };
    const bad = (error: unknown): never => {
      this.recordFailure(permit, error);
      throw error;
    };
    if (permit === this.#generation) {
      this.#ok = ok;
      this.#bad = bad;
    }
    return result.then(ok as (value: Value) => Value, bad);
  }

  /** The way of a call that has a caller who may abort, or whose duration matters. */
  #measured<Value>(work: Work<Value>, cancel: Cancel | undefined, permit: number): Promise<Value> {
    const measures = this.#options.window?.slowMs !== undefined;
    const startedAt = measures ? this.system.now() : 0;
    const durationMs = (): number => (measures ? this.system.now() - startedAt : 0);
    return started(work, contextOf(cancel)).then(
      (value) => {
        this.recordResult(permit, value, durationMs());
        return value;
      },
      (error: unknown) => {
        if (cancel?.aborted === true) this.release(permit);
        else this.recordFailure(permit, error, durationMs());
        throw error;
      },
    );
  }
}

class Refused {
  readonly ok = false;
  readonly refused = true;
  #error: BreakerOpenError | undefined;
  readonly #by: Breaker;

  constructor(by: Breaker) {
    this.#by = by;
    this.#error = undefined;
  }

  get error(): BreakerOpenError {
    return (this.#error ??= this.#by.refusal());
  }
}

const succeeded = <Value>(value: Value): CallOutcome<Value> => ({ ok: true, value });
const failed = (error: unknown): CallOutcome<never> => ({ ok: false, refused: false, error });
