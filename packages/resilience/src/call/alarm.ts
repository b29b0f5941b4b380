// A deadline that its owner arms and disarms again and again: in the shared lane of its length, or, where that would be too
// coarse, by a timer of its own.
import { Deadline, laneOf } from "../deadlines.ts";
import type { Lane } from "../deadlines.ts";
import type { System, Timer } from "../system.ts";

export interface AlarmPlan {
  readonly system: System;
  /** Whether timers are its own in any case (default false). */
  readonly precise?: boolean | undefined;
  /** Whether it keeps the process alive while armed (default true). */
  readonly keepAlive?: boolean | undefined;
}

/** The lane of an alarm, looked up once by whoever makes many. */
export function alarmLane({ system, precise, keepAlive = true }: AlarmPlan, lengthMs: number): Lane | undefined {
  return precise === true ? undefined : laneOf(system, lengthMs, keepAlive);
}

export abstract class Alarm extends Deadline {
  readonly #lane: Lane | undefined;
  readonly #plan: AlarmPlan;
  readonly #lengthMs: number;
  #timer: Timer | undefined = undefined;

  constructor(lane: Lane | undefined, plan: AlarmPlan, lengthMs: number) {
    super();
    this.#lane = lane;
    this.#plan = plan;
    this.#lengthMs = lengthMs;
  }

  /** Does nothing when its length is Infinity. */
  arm(): void {
    if (this.#lane !== undefined) this.#lane.add(this);
    else if (this.#lengthMs !== Infinity)
      this.#timer = this.#plan.system.setTimer(() => this.onDue(), this.#lengthMs, this.#plan.keepAlive ?? true);
  }

  disarm(): void {
    if (this.#lane !== undefined) this.#lane.remove(this);
    else if (this.#timer !== undefined) {
      this.#timer.cancel();
      this.#timer = undefined;
    }
  }
}
