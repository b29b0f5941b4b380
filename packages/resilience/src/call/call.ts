// One call through a whole policy, as one state machine: rate limit, slot, breaker, attempt timeout, retry, total
// timeout. The record of a call is reused; what reaches it late is told apart because the reactions it handed out are no
// longer its own. Slots and permits are given back before the caller is answered, and exactly once.
import type { System, Timer } from "../system.ts";
import type { Breaker } from "./breaker.ts";
import type { Bulkhead, SlotWaiter } from "./bulkhead.ts";
import { onCancel, Scope, started } from "./context.ts";
import type { Cancel, Work } from "./context.ts";
import type { LatencyHistogram } from "./latency.ts";
import { AbortedError, isRefusal, RateLimitedError, rejectSoon, TimeoutError } from "./refusals.ts";
import type { CallError } from "./refusals.ts";
import { FailedResult } from "./retry.ts";
import type { Retry } from "./retry.ts";
import { coarseMsMin, WheelEntry, wheelOf } from "./wheel.ts";
import type { Wheel } from "./wheel.ts";

/** What a policy needs of a rate limiter; `rateLimiter(…)` fits. */
export interface CallLimiter {
  tryTake(): boolean;
  /** Asked once after a refusal, for the time to wait. */
  check?(): { readonly allowed: boolean; readonly retryAfterMs: number };
}

export interface CallPlan {
  readonly name: string;
  readonly system: System;
  /** Bound of one attempt in ms; Infinity for none. */
  readonly timeoutMs: number;
  /** Whether the caller is answered at the deadline (true) or when the work has noticed it (false). */
  readonly early: boolean;
  readonly precise: boolean;
  readonly keepAlive: boolean;
  /** Bound of the whole call in ms; Infinity for none. */
  readonly totalMs: number;
  readonly limiter: CallLimiter | undefined;
  readonly bulkhead: Bulkhead | undefined;
  readonly breaker: Breaker | undefined;
  /** True when the breaker judges durations. */
  readonly measuresSlow: boolean;
  readonly retry: Retry | undefined;
  readonly latency: LatencyHistogram | undefined;
  readonly discard: ((value: unknown) => void) | undefined;
  readonly onTimeout: (timeoutMs: number, total: boolean) => void;
}

/** A plan with no parts, to start from. */
export const planOfNothing: Omit<CallPlan, "name" | "system" | "onTimeout"> = {
  timeoutMs: Infinity,
  early: true,
  precise: false,
  keepAlive: true,
  totalMs: Infinity,
  limiter: undefined,
  bulkhead: undefined,
  breaker: undefined,
  measuresSlow: false,
  retry: undefined,
  latency: undefined,
  discard: undefined,
};

/** Records kept for reuse by one policy. */
const spareMax = 256;

let latestResolve: (value: never) => void = () => {};
let latestReject: (error: unknown) => void = () => {};
const capture = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  latestResolve = resolve;
  latestReject = reject;
};
const settled = Promise.resolve();

/** Runs calls by a plan. */
export class CallRunner {
  readonly plan: CallPlan;
  /** Undefined when deadlines get timers of their own. */
  readonly wheel: Wheel | undefined;
  readonly totalWheel: Wheel | undefined;
  /** Whether the start of each call must be known. */
  readonly clocked: boolean;
  calls = 0;
  failed = 0;
  refused = 0;
  timedOut = 0;
  late = 0;
  readonly #spare: Call[] = [];

  constructor(plan: CallPlan) {
    this.plan = plan;
    const coarse = (ms: number): Wheel | undefined =>
      plan.precise || ms < coarseMsMin ? undefined : wheelOf(plan.system, plan.keepAlive);
    this.wheel = coarse(plan.timeoutMs);
    this.totalWheel = coarse(plan.totalMs);
    this.clocked = plan.latency !== undefined || (plan.retry?.totalMsMax ?? Infinity) !== Infinity;
  }

  run<Value>(work: Work<Value>, cancel: Cancel | undefined, priority: number): Promise<Value> {
    this.calls += 1;
    if (cancel?.aborted === true) {
      this.refused += 1;
      return rejectSoon(new AbortedError(this.plan.name, cancel.reason));
    }
    const promise = new Promise<Value>(capture as never);
    const call = this.#spare.pop() ?? new Call(this);
    call.begin(work, latestResolve as (value: unknown) => void, latestReject, cancel, priority);
    return promise;
  }

  keep(call: Call): void {
    if (this.#spare.length < spareMax) this.#spare.push(call);
  }

  /** A result that nobody waits for any more. */
  cameLate(value: unknown): void {
    this.late += 1;
    this.dispose(value);
  }

  dispose(value: unknown): void {
    try {
      this.plan.discard?.(value);
    } catch {
      // Nobody waits for this value, so nobody can be told.
    }
  }
}

/** Where a call is. `ending`: its attempt is being given up and must not be ended a second time. */
type Phase = "idle" | "queued" | "running" | "waiting" | "ending";

class Call extends WheelEntry {
  readonly #runner: CallRunner;
  readonly #plan: CallPlan;
  #phase: Phase = "idle";
  #work: Work<unknown> | undefined = undefined;
  #resolve: (value: unknown) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #cancel: Cancel | undefined = undefined;
  #priority = 0;
  #stopFollowing: (() => void) | undefined = undefined;
  #scope: Scope | undefined = undefined;
  #attempt = 0;
  #permit = 0;
  #startedAt = 0;
  #attemptAt = 0;
  #lastMs = 0;
  #lastError: unknown = undefined;
  #timer: Timer | undefined = undefined;
  #waiter: SlotWaiter | undefined = undefined;
  #total: Deadline | undefined = undefined;
  /** Why a cooperative attempt was told to stop. */
  #stopped: CallError | undefined = undefined;
  /** Whether that tells against the dependency. */
  #judges = false;
  /** What ends a wait between attempts; its identity tells whether it is still wanted. */
  #resume: (() => void) | undefined = undefined;
  #ok!: (value: unknown) => void;
  #bad!: (error: unknown) => void;

  constructor(runner: CallRunner) {
    super();
    this.#runner = runner;
    this.#plan = runner.plan;
    this.#renew();
  }

  begin(
    work: Work<unknown>,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    cancel: Cancel | undefined,
    priority: number,
  ): void {
    this.#work = work;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#priority = priority;
    this.#attempt = 0;
    if (this.#runner.clocked) this.#startedAt = this.#plan.system.now();
    if (cancel !== undefined) this.#follow(cancel);
    if (this.#plan.totalMs !== Infinity) this.#armTotal();
    this.#next();
  }

  /** The deadline of an attempt. */
  onDue(): void {
    if (this.#phase !== "running") return;
    this.#runner.timedOut += 1;
    const { timeoutMs, early, name } = this.#plan;
    this.#plan.onTimeout(timeoutMs, false);
    const error = new TimeoutError(name, timeoutMs);
    if (!early) return this.#tellToStop(error, error, true);
    this.#giveUpAttempt(error);
    this.#plan.breaker?.recordFailure(this.#permit, error, timeoutMs);
    this.#plan.bulkhead?.release();
    this.#over(error);
  }

  /** The deadline of the whole call. */
  expire(): void {
    if (this.#phase === "idle" || this.#phase === "ending") return;
    this.#runner.timedOut += 1;
    const { totalMs, timeoutMs, name } = this.#plan;
    this.#plan.onTimeout(totalMs, true);
    // With a bound per attempt the dependency was judged already; without one this is the judgement.
    this.#stop(new TimeoutError(name, totalMs, this.#lastError), timeoutMs === Infinity);
  }

  /** Begins the next attempt. */
  #next(): void {
    this.#attempt += 1;
    const { limiter, breaker, bulkhead } = this.#plan;
    if (limiter !== undefined && !limiter.tryTake()) {
      const decision = limiter.check?.();
      if (decision?.allowed !== true)
        return this.#refuse(new RateLimitedError(this.#plan.name, decision?.retryAfterMs));
    }
    if (bulkhead === undefined || bulkhead.tryAcquire()) return this.#launch();
    // Fail fast: nobody waits for a slot behind an open breaker.
    if (breaker !== undefined && !breaker.wouldPass()) return this.#refuse(this.#breakerRefusal(breaker));
    const waiter = bulkhead.wait(this.#priority);
    if (waiter === undefined) return this.#refuse(bulkhead.refusal());
    this.#phase = "queued";
    this.#waiter = waiter;
    waiter.granted.then(
      () => {
        if (this.#waiter === waiter) this.#launch();
        else bulkhead.release();
      },
      (error: unknown) => {
        if (this.#waiter === waiter) this.#over(error);
      },
    );
  }

  #breakerRefusal(breaker: Breaker): CallError {
    breaker.tryAcquire();
    return breaker.refusal();
  }

  /** Calls the work. The slot is ours. */
  #launch(): void {
    const { breaker, bulkhead, timeoutMs, measuresSlow, system } = this.#plan;
    this.#waiter = undefined;
    if (breaker !== undefined) {
      this.#permit = breaker.tryAcquire();
      if (this.#permit === 0) {
        bulkhead?.release();
        return this.#refuse(breaker.refusal());
      }
    }
    this.#phase = "running";
    const scope = new Scope(this.#attempt);
    this.#scope = scope;
    if (measuresSlow) this.#attemptAt = system.now();
    if (timeoutMs !== Infinity) this.#arm(timeoutMs);
    // The work may abort this very call, after which the reactions are no longer these.
    const ok = this.#ok;
    const bad = this.#bad;
    void started(this.#work as Work<unknown>, scope).then(ok, bad);
  }

  /** Reactions that know whether the attempt they were made for is still under way. */
  #renew(): void {
    const ok = (value: unknown): void => {
      if (this.#ok === ok) this.#succeeded(value);
      else this.#runner.cameLate(value);
    };
    const bad = (error: unknown): void => {
      if (this.#bad === bad) this.#failed(error);
      else this.#runner.late += 1;
    };
    this.#ok = ok;
    this.#bad = bad;
  }

  #succeeded(value: unknown): void {
    const { breaker, bulkhead, retry } = this.#plan;
    this.#disarm();
    breaker?.recordResult(this.#permit, value, this.#duration());
    bulkhead?.release();
    if (retry !== undefined) {
      if (retry.isFailedResult(value) && this.#stopped === undefined) return this.#over(new FailedResult(value));
      retry.succeeded();
    }
    this.#end();
    this.#resolve(value);
    this.#recycle();
  }

  #failed(thrown: unknown): void {
    const { breaker, bulkhead } = this.#plan;
    this.#disarm();
    const stopped = this.#stopped;
    this.#stopped = undefined;
    if (stopped !== undefined) stopped.cause ??= thrown;
    const error = stopped ?? thrown;
    if (stopped !== undefined && !this.#judges) breaker?.release(this.#permit);
    else breaker?.recordFailure(this.#permit, error, this.#duration());
    bulkhead?.release();
    this.#over(error);
  }

  #refuse(refusal: CallError): void {
    // The caller has not got its promise yet: see rejectSoon.
    this.#phase = "ending";
    void settled.then(() => this.#over(refusal));
  }

  /** An attempt has ended badly: makes another one, or answers. */
  #over(error: unknown): void {
    const { retry, system } = this.#plan;
    const cancel = this.#cancel;
    if (cancel?.aborted === true) return this.#answer(new AbortedError(this.#plan.name, cancel.reason));
    if (retry === undefined || this.#expired) return this.#answer(error);
    let delayMs = -1;
    try {
      const elapsedMs = this.#runner.clocked ? system.now() - this.#startedAt : 0;
      delayMs = retry.delayAfter(error, this.#attempt, this.#lastMs, elapsedMs);
    } catch (thrown) {
      return this.#answer(thrown);
    }
    if (delayMs < 0) return this.#answer(error);
    if (error instanceof FailedResult) retry.discard(error.value);
    else this.#lastError = error;
    this.#lastMs = delayMs;
    this.#pause(delayMs);
  }

  /** True when the whole call's time is over and a cooperative attempt has only now noticed. */
  get #expired(): boolean {
    return this.#total?.over === true;
  }

  /** Waits, then begins the next attempt, in the async context in which the last one ended. */
  #pause(delayMs: number): void {
    this.#phase = "waiting";
    const resume = (): void => {
      if (this.#resume !== resume) return;
      this.#resume = undefined;
      this.#next();
    };
    this.#resume = resume;
    if (delayMs === 0) return void settled.then(resume);
    void new Promise<void>((resolve) => {
      this.#timer = this.#plan.system.setTimer(resolve, delayMs, true);
    }).then(resume);
  }

  /** The caller no longer wants the call, or its whole time is over. */
  #stop(error: CallError, judges: boolean): void {
    const { bulkhead, breaker, early } = this.#plan;
    switch (this.#phase) {
      case "idle":
      case "ending":
        return;
      case "queued":
        // A slot that was granted in this very turn is given back by the reaction in #next.
        this.#waiter?.giveUp(error);
        this.#waiter = undefined;
        return this.#answer(error);
      case "waiting":
        this.#timer?.cancel();
        this.#timer = undefined;
        this.#resume = undefined;
        return this.#answer(error);
      case "running":
        if (!early) return this.#tellToStop(error, error instanceof AbortedError ? error.cause : error, judges);
        this.#giveUpAttempt(error instanceof AbortedError ? error.cause : error);
        if (judges) breaker?.recordFailure(this.#permit, error);
        else breaker?.release(this.#permit);
        bulkhead?.release();
        return this.#answer(error);
    }
  }

  /** Cooperative: the work is told, and the caller hears when it has ended. */
  #tellToStop(error: CallError, reason: unknown, judges: boolean): void {
    if (this.#stopped === undefined) {
      this.#stopped = error;
      this.#judges = judges;
    }
    this.#scope?.abort(reason);
  }

  /** Early: the work is told, and what it still gives will be late. */
  #giveUpAttempt(reason: unknown): void {
    this.#phase = "ending";
    this.#disarm();
    this.#renew();
    this.#scope?.abort(reason);
    this.#scope = undefined;
  }

  #answer(error: unknown): void {
    this.#end();
    if (error instanceof FailedResult) {
      this.#resolve(error.value);
    } else {
      if (isRefusal(error)) this.#runner.refused += 1;
      else this.#runner.failed += 1;
      this.#reject(error);
    }
    this.#recycle();
  }

  /** Leaves nothing behind: no timer, no listener. */
  #end(): void {
    const { latency, system } = this.#plan;
    if (latency !== undefined) latency.record(system.now() - this.#startedAt);
    if (this.#stopFollowing !== undefined) this.#unfollow();
    this.#total?.disarm();
  }

  #recycle(): void {
    this.#phase = "idle";
    this.#work = undefined;
    this.#scope = undefined;
    this.#stopped = undefined;
    this.#lastError = undefined;
    this.#lastMs = 0;
    this.#runner.keep(this);
  }

  #duration(): number {
    return this.#plan.measuresSlow ? this.#plan.system.now() - this.#attemptAt : 0;
  }

  #arm(timeoutMs: number): void {
    const { wheel } = this.#runner;
    if (wheel !== undefined) wheel.add(this, timeoutMs);
    else this.#timer = this.#plan.system.setTimer(() => this.onDue(), timeoutMs, this.#plan.keepAlive);
  }

  #disarm(): void {
    this.#runner.wheel?.remove(this);
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
  }

  #armTotal(): void {
    this.#total ??= new Deadline(this, this.#runner);
    this.#total.arm();
  }

  #follow(cancel: Cancel): void {
    this.#cancel = cancel;
    let following = true;
    const stop = onCancel(cancel, (reason) => {
      if (following) this.#stop(new AbortedError(this.#plan.name, reason), false);
    });
    this.#stopFollowing = () => {
      following = false;
      stop();
    };
  }

  #unfollow(): void {
    this.#stopFollowing?.();
    this.#stopFollowing = undefined;
    this.#cancel = undefined;
  }
}

/** The deadline of a whole call, beside that of its attempt. */
class Deadline extends WheelEntry {
  over = false;
  readonly #call: Call;
  readonly #runner: CallRunner;
  #timer: Timer | undefined = undefined;

  constructor(call: Call, runner: CallRunner) {
    super();
    this.#call = call;
    this.#runner = runner;
  }

  arm(): void {
    this.over = false;
    const { totalWheel, plan } = this.#runner;
    if (totalWheel !== undefined) totalWheel.add(this, plan.totalMs);
    else this.#timer = plan.system.setTimer(() => this.onDue(), plan.totalMs, plan.keepAlive);
  }

  disarm(): void {
    this.#runner.totalWheel?.remove(this);
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  onDue(): void {
    this.over = true;
    this.#call.expire();
  }
}
