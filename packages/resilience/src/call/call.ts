// One call through a whole policy, as one state machine: rate limit, slot, breaker, attempt timeout, retry, total
// timeout. The record of a call is reused; what reaches it late is told apart because the reactions it handed out are no
// longer its own. Slots and permits are given back before the caller is answered, and exactly once.
import { abortable, nothing, onCancel, quietly, rejectSoon, Scope, settled, started } from "../cancel.ts";
import type { Cancel, Work } from "../cancel.ts";
import type { Lane } from "../deadlines.ts";
import { AbortedError, isRefusal, RateLimitedError, TimeoutError } from "../errors.ts";
import type { GuardError } from "../errors.ts";
import type { System, Timer } from "../system.ts";
import type { Waiter } from "../wait-line.ts";
import { Alarm, alarmLane } from "./alarm.ts";
import type { AlarmPlan } from "./alarm.ts";
import type { Owner } from "../guard.ts";
import type { Breaker } from "./breaker.ts";
import type { Bulkhead } from "./bulkhead.ts";
import type { LatencyHistogram } from "./latency.ts";
import { FailedResult } from "./retry.ts";
import type { Retry } from "./retry.ts";

/** What a policy needs of a rate limiter; `rateLimiter(…)` fits. */
export interface CallLimiter {
  tryTake(): boolean;
  /** Asked once after a refusal, for the time to wait. */
  check?(): { readonly allowed: boolean; readonly retryAfterMs: number };
}

/** The parts of a policy; what is left out is not there. */
export interface CallPlan extends Omit<AlarmPlan, "system"> {
  /** Bound of one attempt in ms. */
  readonly timeoutMs?: number | undefined;
  /** "cooperative": the caller is answered when the work has noticed its deadline instead of at once. */
  readonly mode?: "early" | "cooperative" | undefined;
  /** Bound of the whole call in ms. */
  readonly totalMs?: number | undefined;
  readonly limiter?: CallLimiter | undefined;
  readonly bulkhead?: Bulkhead | undefined;
  readonly breaker?: Breaker | undefined;
  readonly retry?: Retry | undefined;
  readonly latency?: LatencyHistogram | undefined;
  readonly discard?: ((value: unknown) => void) | undefined;
}

/** Records kept for reuse by one policy. */
const spareMax = 256;

/** Runs calls by a plan, whose parts it keeps in fields of its own: one shape for every policy, so that reading them is quick. */
export class CallRunner implements AlarmPlan {
  readonly owner: Owner;
  readonly system: System;
  readonly keepAlive: boolean | undefined;
  readonly precise: boolean | undefined;
  readonly timeoutMs: number;
  readonly totalMs: number;
  readonly cooperative: boolean;
  readonly limiter: CallLimiter | undefined;
  readonly bulkhead: Bulkhead | undefined;
  readonly breaker: Breaker | undefined;
  readonly retry: Retry | undefined;
  readonly latency: LatencyHistogram | undefined;
  readonly discard: ((value: unknown) => void) | undefined;
  /** Undefined when deadlines get timers of their own. */
  readonly lane: Lane | undefined;
  readonly totalLane: Lane | undefined;
  /** Whether the start of each call must be known. */
  readonly clocked: boolean;
  /** Whether the breaker judges durations. */
  readonly measures: boolean;
  calls = 0;
  failed = 0;
  refused = 0;
  timedOut = 0;
  late = 0;
  #spare: Call[] | undefined = undefined;

  constructor(owner: Owner, plan: CallPlan) {
    this.owner = owner;
    this.system = owner.system;
    this.keepAlive = plan.keepAlive;
    this.precise = plan.precise;
    this.timeoutMs = plan.timeoutMs ?? Infinity;
    this.totalMs = plan.totalMs ?? Infinity;
    this.cooperative = plan.mode === "cooperative";
    this.limiter = plan.limiter;
    this.bulkhead = plan.bulkhead;
    this.breaker = plan.breaker;
    this.retry = plan.retry;
    this.latency = plan.latency;
    this.discard = plan.discard;
    this.lane = alarmLane(this, this.timeoutMs);
    this.totalLane = alarmLane(this, this.totalMs);
    this.clocked = plan.latency !== undefined || (plan.retry?.totalMsMax ?? Infinity) !== Infinity;
    this.measures = plan.breaker?.judgesDuration === true;
  }

  /** @param attempt number of the first attempt. */
  run<Value>(work: Work<Value>, cancel: Cancel | undefined, priority: number, attempt = 1): Promise<Value> {
    this.calls += 1;
    if (cancel?.aborted === true) {
      this.refused += 1;
      return rejectSoon(new AbortedError(this.owner.name, cancel.reason));
    }
    const call = this.#spare?.pop() ?? new Call(this);
    const promise = new Promise<Value>((resolve, reject) => call.answerTo(resolve as (value: unknown) => void, reject));
    call.begin(work, abortable(cancel), priority, attempt);
    return promise;
  }

  keep(call: Call): void {
    const spare = (this.#spare ??= []);
    if (spare.length < spareMax) spare.push(call);
  }
}

/** Where a call is. `ending`: between two of the others, where it must not be ended from outside. */
type Phase = "idle" | "queued" | "running" | "waiting" | "ending";

class Call extends Alarm {
  readonly #runner: CallRunner;
  #phase: Phase = "idle";
  #work: Work<unknown> | undefined = undefined;
  #resolve: (value: unknown) => void = nothing;
  #reject: (error: unknown) => void = nothing;
  #cancel: Cancel | undefined = undefined;
  #priority = 0;
  #unfollow: (() => void) | undefined = undefined;
  #scope: Scope | undefined = undefined;
  #attempt = 0;
  #permit = 0;
  #startedAt = 0;
  #attemptAt = 0;
  #lastMs = 0;
  #lastError: unknown = undefined;
  #waiter: Waiter<number, void> | undefined = undefined;
  #total: TotalAlarm | undefined = undefined;
  /** Why a cooperative attempt was told to stop. */
  #stopped: GuardError | undefined = undefined;
  /** Whether that tells against the dependency. */
  #judges = false;
  #pauseTimer: Timer | undefined = undefined;
  /** What ends a wait between attempts; its identity tells whether it is still wanted. */
  #resume: (() => void) | undefined = undefined;
  #ok!: (value: unknown) => void;
  #bad!: (error: unknown) => void;

  constructor(runner: CallRunner) {
    super(runner.lane, runner, runner.timeoutMs);
    this.#runner = runner;
    this.#renew();
  }

  /** Called by the executor of the caller's promise. */
  answerTo(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(work: Work<unknown>, cancel: Cancel | undefined, priority: number, attempt: number): void {
    this.#work = work;
    this.#priority = priority;
    this.#attempt = attempt - 1;
    if (this.#runner.clocked) this.#startedAt = this.#runner.system.now();
    if (cancel !== undefined) this.#follow(cancel);
    if (this.#runner.totalMs !== Infinity) (this.#total ??= new TotalAlarm(this, this.#runner)).begin();
    this.#next();
  }

  /** The deadline of an attempt. */
  onDue(): void {
    if (this.#phase !== "running") return;
    const { owner, timeoutMs } = this.#runner;
    this.#runner.timedOut += 1;
    const error = new TimeoutError(owner.name, timeoutMs);
    const isOver = this.#interrupt(error, error, true);
    owner.trip("timed-out", { timeoutMs, total: false });
    if (isOver) this.#over(error);
  }

  /** The deadline of the whole call. */
  expire(): void {
    if (this.#phase === "idle" || this.#phase === "ending") return;
    const { owner, totalMs, timeoutMs } = this.#runner;
    this.#runner.timedOut += 1;
    // With a bound per attempt the dependency was judged already; without one this is the judgement.
    const error = new TimeoutError(owner.name, totalMs, "the whole call", this.#lastError);
    this.#stop(error, error, timeoutMs === Infinity);
    owner.trip("timed-out", { timeoutMs: totalMs, total: true });
  }

  /** Begins the next attempt. A limiter that throws, or a priority that there is not, is its failure. */
  #next(): void {
    this.#attempt += 1;
    // Until its work is called or it queues, an abort by a limiter or a listener is seen to at the next step.
    this.#phase = "ending";
    try {
      this.#admit();
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  #admit(): void {
    const { limiter, breaker, bulkhead, owner } = this.#runner;
    if (limiter !== undefined && !limiter.tryTake()) {
      const decision = limiter.check?.();
      if (decision?.allowed !== true) return this.#refuse(new RateLimitedError(owner.name, decision?.retryAfterMs));
    }
    if (bulkhead === undefined || bulkhead.tryAcquire()) return this.#launch();
    // Fail fast: nobody waits for a slot behind an open breaker.
    if (breaker?.wouldPass() === false) {
      breaker.tryAcquire();
      return this.#refuse(breaker.refusal());
    }
    const waiter = bulkhead.wait(this.#priority);
    if (waiter === undefined) return this.#refuse(bulkhead.refusal());
    this.#phase = "queued";
    this.#waiter = waiter;
    waiter.promise.then(
      () => {
        if (this.#waiter === waiter) this.#launch();
        else bulkhead.release();
      },
      (error: unknown) => {
        if (this.#waiter === waiter) this.#over(error);
      },
    );
    // By a listener that heard of the queue.
    if (this.#isAborted()) return this.#stop(this.#abortion(), undefined, false);
  }

  /** Calls the work. The slot is ours. */
  #launch(): void {
    const { breaker, bulkhead, system } = this.#runner;
    this.#waiter = undefined;
    this.#phase = "ending";
    if (breaker !== undefined) {
      this.#permit = breaker.tryAcquire();
      if (this.#permit === 0) {
        bulkhead?.release();
        return this.#refuse(breaker.refusal());
      }
    }
    if (this.#isAborted()) {
      // By a listener of one of the parts, in this very turn.
      breaker?.release(this.#permit);
      bulkhead?.release();
      return this.#refuse(this.#abortion());
    }
    this.#phase = "running";
    const scope = new Scope(this.#attempt);
    this.#scope = scope;
    if (this.#runner.measures) this.#attemptAt = system.now();
    this.arm();
    // The work may abort this very call, after which the reactions are no longer these.
    const ok = this.#ok;
    const bad = this.#bad;
    void started(this.#work as Work<unknown>, scope).then(ok, bad);
  }

  /** Reactions that know whether the attempt they were made for is still under way. */
  #renew(): void {
    const runner = this.#runner;
    const ok = (value: unknown): void => {
      if (this.#ok === ok) return this.#succeeded(value);
      runner.late += 1;
      quietly(runner.discard, value);
    };
    const bad = (error: unknown): void => {
      if (this.#bad === bad) this.#failed(error);
      else runner.late += 1;
    };
    this.#ok = ok;
    this.#bad = bad;
  }

  #succeeded(value: unknown): void {
    const { breaker, bulkhead, retry } = this.#runner;
    // From here on an abort, by a listener of one of the parts for instance, comes too late for this attempt.
    this.#phase = "ending";
    this.disarm();
    breaker?.recordResult(this.#permit, value, this.#durationMs());
    bulkhead?.release();
    try {
      if (retry?.judgesResults === true && !retry.succeeded(value) && this.#stopped === undefined)
        return this.#over(new FailedResult(value));
    } catch (thrown) {
      return this.#answer(thrown);
    }
    this.#end();
    this.#resolve(value);
    this.#recycle();
  }

  #failed(thrown: unknown): void {
    this.#phase = "ending";
    this.disarm();
    const stopped = this.#stopped;
    this.#stopped = undefined;
    if (stopped !== undefined) stopped.cause ??= thrown;
    const error = stopped ?? thrown;
    this.#settle(error, stopped === undefined || this.#judges, this.#durationMs());
    this.#over(error);
  }

  /** An attempt has failed: its permit and its slot are given back. */
  #settle(error: unknown, judges: boolean, durationMs: number): void {
    const { breaker, bulkhead } = this.#runner;
    if (judges) breaker?.recordFailure(this.#permit, error, durationMs);
    else breaker?.release(this.#permit);
    bulkhead?.release();
  }

  #refuse(refusal: unknown): void {
    // The caller has not got its promise yet: see rejectSoon.
    void settled.then(() => this.#over(refusal));
  }

  /** An attempt has ended badly: makes another one, or answers. */
  #over(error: unknown): void {
    const { retry, system } = this.#runner;
    if (this.#isAborted()) return this.#answer(this.#abortion());
    // Over in time, too, when a cooperative attempt has only now noticed that the whole call is.
    if (retry === undefined || this.#total?.isOver === true) return this.#answer(error);
    let delayMs: number;
    try {
      const elapsedMs = this.#runner.clocked ? system.now() - this.#startedAt : 0;
      delayMs = retry.delayAfter(error, this.#attempt, this.#lastMs, elapsedMs);
    } catch (thrown) {
      return this.#answer(thrown);
    }
    // By a listener that heard of the retry.
    if (this.#isAborted()) return this.#answer(this.#abortion());
    if (delayMs < 0) return this.#answer(error);
    if (!(error instanceof FailedResult)) this.#lastError = error;
    this.#lastMs = delayMs;
    this.#pause(delayMs);
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
    void new Promise<void>((due) => {
      this.#pauseTimer = this.#runner.system.setTimer(due, delayMs, true);
    }).then(resume);
  }

  /** The caller no longer wants the call, or its whole time is over. */
  #stop(error: GuardError, reason: unknown, judges: boolean): void {
    switch (this.#phase) {
      case "idle":
      case "ending":
        return;
      case "queued":
        // A slot that was granted in this very turn is given back by the reaction in #next.
        this.#waiter?.leave(error);
        this.#waiter = undefined;
        break;
      case "waiting":
        this.#pauseTimer?.cancel();
        this.#resume = undefined;
        break;
      case "running":
        if (!this.#interrupt(error, reason, judges)) return;
    }
    this.#answer(error);
  }

  /** Tells the work to stop. True when its attempt is over with that: what it still gives will be late. */
  #interrupt(error: GuardError, reason: unknown, judges: boolean): boolean {
    const scope = this.#scope;
    if (this.#runner.cooperative) {
      if (this.#stopped === undefined) this.#judges = judges;
      this.#stopped ??= error;
      scope?.abort(reason);
      return false;
    }
    this.#phase = "ending";
    this.disarm();
    this.#renew();
    this.#scope = undefined;
    scope?.abort(reason);
    this.#settle(error, judges, this.#runner.timeoutMs);
    return true;
  }

  #answer(error: unknown): void {
    this.#end();
    if (error instanceof FailedResult) this.#resolve(error.value);
    else {
      if (isRefusal(error)) this.#runner.refused += 1;
      else this.#runner.failed += 1;
      this.#reject(error);
    }
    this.#recycle();
  }

  /** Leaves nothing behind: no timer, no listener. */
  #end(): void {
    const { latency, system } = this.#runner;
    if (latency !== undefined) latency.record(system.now() - this.#startedAt);
    if (this.#unfollow !== undefined) {
      this.#unfollow();
      this.#unfollow = this.#cancel = undefined;
    }
    this.#total?.disarm();
  }

  #recycle(): void {
    this.#phase = "idle";
    this.#work = this.#scope = this.#stopped = this.#lastError = this.#pauseTimer = undefined;
    this.#lastMs = 0;
    this.#runner.keep(this);
  }

  #durationMs(): number {
    return this.#runner.measures ? this.#runner.system.now() - this.#attemptAt : 0;
  }

  // A method: engines do not make a private getter fast.
  #isAborted(): boolean {
    return this.#cancel?.aborted === true;
  }

  #abortion(): AbortedError {
    return new AbortedError(this.#runner.owner.name, this.#cancel?.reason);
  }

  #follow(cancel: Cancel): void {
    this.#cancel = cancel;
    let following = true;
    const stop = onCancel(cancel, (reason) => {
      if (following) this.#stop(new AbortedError(this.#runner.owner.name, reason), reason, false);
    });
    this.#unfollow = () => {
      following = false;
      stop();
    };
  }
}

/** The deadline of a whole call, beside that of its attempt. */
class TotalAlarm extends Alarm {
  isOver = false;
  readonly #call: Call;

  constructor(call: Call, runner: CallRunner) {
    super(runner.totalLane, runner, runner.totalMs);
    this.#call = call;
  }

  begin(): void {
    this.isOver = false;
    this.arm();
  }

  onDue(): void {
    this.isOver = true;
    this.#call.expire();
  }
}
