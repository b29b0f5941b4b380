// Coarse deadlines: arming and disarming cost a few nanoseconds and read no clock. Deadlines of one length stand in one
// lane in the order of their arrival, so the first is always due first (as in Node's own timer lists). Never early; late by
// at most two grains on a free event loop. An empty lane has no timer; lengths have no upper bound.
import type { System, Timer } from "./system.ts";

/** Resolution in ms. */
export const grainMs = 5;
/** Lengths below this (ms) deserve a timer of their own: the lateness would be a large part of them. */
export const coarseMsMin = 50;
/** Lanes shared by all owners of deadlines of that length; an owner beyond has one to itself. */
const lanesMax = 1000;

/** Something to be woken. Owners extend it, so that arming allocates nothing. One entry is in at most one lane. */
export abstract class Deadline {
  next: Deadline | undefined = undefined;
  previous: Deadline | undefined = undefined;
  /** When it is due, in ms; known only after the first tick. */
  at = 0;

  /** Called once, from the lane's tick. Must not throw. */
  abstract onDue(): void;
}

/** Head of a circular list. */
class Head extends Deadline {
  constructor() {
    super();
    this.next = this.previous = this;
  }

  onDue(): void {}
}

export class Lane {
  readonly #system: System;
  readonly #lengthMs: number;
  readonly #keepAlive: boolean;
  /** Those that arrived since the last tick. They are dated at the next, which is later than their arrival: hence never early. */
  readonly #fresh = new Head();
  readonly #dated = new Head();
  #timer: Timer | undefined = undefined;
  /** True when a tick comes within a grain. */
  #soon = false;

  constructor(system: System, lengthMs: number, keepAlive: boolean) {
    this.#system = system;
    this.#lengthMs = lengthMs;
    this.#keepAlive = keepAlive;
  }

  add(entry: Deadline): void {
    link(entry, this.#fresh);
    if (!this.#soon) this.#sleep(grainMs);
  }

  /** Disarms; an entry that is not armed is left alone. */
  remove(entry: Deadline): void {
    if (entry.next === undefined) return;
    unlink(entry);
    // A tick that is close is left to find the lane empty: cancelling it for every call would cost more.
    if (!this.#soon && this.#dated.next === this.#dated && this.#fresh.next === this.#fresh) this.#stop();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #sleep(delayMs: number): void {
    this.#stop();
    this.#soon = delayMs <= grainMs;
    this.#timer = this.#system.setTimer(this.#tick, delayMs, this.#keepAlive);
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    const now = this.#system.now();
    const dated = this.#dated;
    for (let entry = this.#fresh.next as Deadline; entry !== this.#fresh; entry = this.#fresh.next as Deadline) {
      unlink(entry);
      entry.at = now + this.#lengthMs;
      link(entry, dated);
    }
    try {
      for (let entry = dated.next as Deadline; entry !== dated && entry.at <= now; entry = dated.next as Deadline) {
        unlink(entry);
        entry.onDue();
      }
    } finally {
      this.#soon = false;
      const first = dated.next as Deadline;
      if (this.#fresh.next !== this.#fresh) this.#sleep(grainMs);
      else if (first !== dated) this.#sleep(Math.max(grainMs, first.at - now));
    }
  };
}

const shared = new WeakMap<System, Map<string, Lane>>();

/** The lane for deadlines of this length; undefined when they deserve timers of their own. */
export function laneOf(system: System, lengthMs: number, keepAlive: boolean): Lane | undefined {
  if (lengthMs < coarseMsMin || lengthMs === Infinity) return undefined;
  let lanes = shared.get(system);
  if (lanes === undefined) shared.set(system, (lanes = new Map()));
  const key = `${lengthMs} ${keepAlive}`;
  const lane = lanes.get(key) ?? new Lane(system, lengthMs, keepAlive);
  if (lanes.size < lanesMax) lanes.set(key, lane);
  return lane;
}

function link(entry: Deadline, head: Deadline): void {
  const last = head.previous as Deadline;
  entry.previous = last;
  entry.next = head;
  last.next = entry;
  head.previous = entry;
}

function unlink(entry: Deadline): void {
  (entry.previous as Deadline).next = entry.next;
  (entry.next as Deadline).previous = entry.previous;
  entry.next = undefined;
  entry.previous = undefined;
}
