// A cooperative deadline: the work is told to stop and its caller hears when it has ended. One reused record per call
// under way; its reactions are always the last thing that happens to it, so reuse is safe.
import type { System, Timer } from "../system.ts";
import { onCancel, Scope, started } from "./context.ts";
import type { Cancel, Work } from "./context.ts";
import { AbortedError, TimeoutError } from "./refusals.ts";
import { coarseMsMin, WheelEntry, wheelOf } from "./wheel.ts";
import type { Wheel } from "./wheel.ts";

export interface CooperativePlan {
  readonly name: string;
  readonly system: System;
  readonly timeoutMs: number;
  readonly precise: boolean;
  readonly keepAlive: boolean;
  readonly onTimeout: () => void;
}

/** Records kept for reuse. */
const spareMax = 256;

export class CooperativeRunner {
  readonly plan: CooperativePlan;
  readonly wheel: Wheel | undefined;
  calls = 0;
  failed = 0;
  timedOut = 0;
  readonly spare: CooperativeCall[] = [];

  constructor(plan: CooperativePlan) {
    this.plan = plan;
    this.wheel = plan.precise || plan.timeoutMs < coarseMsMin ? undefined : wheelOf(plan.system, plan.keepAlive);
  }

  run<Value>(work: Work<Value>, cancel: Cancel | undefined): Promise<Value> {
    this.calls += 1;
    const call = this.spare.pop() ?? new CooperativeCall(this);
    return call.run(work, cancel);
  }
}

class CooperativeCall extends WheelEntry {
  readonly #runner: CooperativeRunner;
  #scope: Scope | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #stopFollowing: (() => void) | undefined = undefined;
  /** Why the work was told to stop. */
  #stopped: TimeoutError | AbortedError | undefined = undefined;
  readonly #ok = (value: unknown): unknown => {
    this.#end();
    return value;
  };
  readonly #bad = (thrown: unknown): never => {
    const stopped = this.#stopped;
    this.#runner.failed += 1;
    this.#end();
    if (stopped === undefined) throw thrown;
    stopped.cause ??= thrown;
    throw stopped;
  };

  constructor(runner: CooperativeRunner) {
    super();
    this.#runner = runner;
  }

  run<Value>(work: Work<Value>, cancel: Cancel | undefined): Promise<Value> {
    const { wheel, plan } = this.#runner;
    const scope = new Scope(1);
    this.#scope = scope;
    if (wheel !== undefined) wheel.add(this, plan.timeoutMs);
    else if (plan.timeoutMs !== Infinity)
      this.#timer = plan.system.setTimer(() => this.onDue(), plan.timeoutMs, plan.keepAlive);
    if (cancel !== undefined)
      this.#stopFollowing = onCancel(cancel, (reason) => this.#tell(new AbortedError(plan.name, reason), reason));
    return started(work, scope).then(this.#ok as (value: Value) => Value, this.#bad);
  }

  onDue(): void {
    const { plan } = this.#runner;
    this.#runner.timedOut += 1;
    plan.onTimeout();
    const error = new TimeoutError(plan.name, plan.timeoutMs);
    this.#tell(error, error);
  }

  #tell(error: TimeoutError | AbortedError, reason: unknown): void {
    this.#stopped ??= error;
    this.#scope?.abort(reason);
  }

  #end(): void {
    this.#runner.wheel?.remove(this);
    this.#timer?.cancel();
    this.#stopFollowing?.();
    this.#timer = undefined;
    this.#stopFollowing = undefined;
    this.#scope = undefined;
    this.#stopped = undefined;
    const { spare } = this.#runner;
    if (spare.length < spareMax) spare.push(this);
  }
}
