// A cooperative deadline: the work is told to stop and its caller hears when it has ended. One reused record per call
// under way; its reactions are always the last thing that happens to it, so reuse is safe.
import { nothing, onCancel, Scope, started } from "../cancel.ts";
import type { Cancel, Work } from "../cancel.ts";
import { AbortedError, TimeoutError } from "../errors.ts";
import type { Lane } from "../deadlines.ts";
import type { Owner } from "../guard.ts";
import type { System } from "../system.ts";
import { Alarm, alarmLane } from "./alarm.ts";
import type { AlarmPlan } from "./alarm.ts";

/** Records kept for reuse. */
const spareMax = 256;

export class CooperativeRunner implements AlarmPlan {
  readonly owner: Owner;
  readonly system: System;
  readonly keepAlive: boolean | undefined;
  readonly precise: boolean | undefined;
  readonly timeoutMs: number;
  readonly lane: Lane | undefined;
  calls = 0;
  failed = 0;
  timedOut = 0;
  readonly late = 0;
  readonly spare: CooperativeCall[] = [];

  constructor(
    owner: Owner,
    { timeoutMs, keepAlive, precise }: Omit<AlarmPlan, "system"> & { readonly timeoutMs: number },
  ) {
    this.owner = owner;
    this.system = owner.system;
    this.keepAlive = keepAlive;
    this.precise = precise;
    this.timeoutMs = timeoutMs;
    this.lane = alarmLane(this, timeoutMs);
  }

  run<Value>(work: Work<Value>, cancel: Cancel | undefined, _priority: number): Promise<Value> {
    this.calls += 1;
    return (this.spare.pop() ?? new CooperativeCall(this)).run(work, cancel);
  }
}

class CooperativeCall extends Alarm {
  readonly #runner: CooperativeRunner;
  #scope: Scope | undefined = undefined;
  #unfollow = nothing;
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
    super(runner.lane, runner, runner.timeoutMs);
    this.#runner = runner;
  }

  run<Value>(work: Work<Value>, cancel: Cancel | undefined): Promise<Value> {
    const scope = new Scope(1);
    this.#scope = scope;
    this.arm();
    if (cancel !== undefined)
      this.#unfollow = onCancel(cancel, (reason) =>
        this.#tell(new AbortedError(this.#runner.owner.name, reason), reason),
      );
    return started(work, scope).then(this.#ok as (value: Value) => Value, this.#bad);
  }

  onDue(): void {
    const { owner, timeoutMs } = this.#runner;
    this.#runner.timedOut += 1;
    owner.trip("timed-out", { timeoutMs, total: false });
    const error = new TimeoutError(owner.name, timeoutMs);
    this.#tell(error, error);
  }

  #tell(error: TimeoutError | AbortedError, reason: unknown): void {
    this.#stopped ??= error;
    this.#scope?.abort(reason);
  }

  #end(): void {
    this.disarm();
    this.#unfollow();
    this.#unfollow = nothing;
    this.#scope = this.#stopped = undefined;
    const { spare } = this.#runner;
    if (spare.length < spareMax) spare.push(this);
  }
}
