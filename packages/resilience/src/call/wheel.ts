// A coarse hierarchical timer wheel (Varghese and Lauck 1987): arming and disarming cost a few nanoseconds and read no
// clock. Never early; late by at most two grains of 5 ms on a free event loop. An empty wheel has no timer, one that
// waits for something far away hardly wakes; delays have no upper bound. One entry is in at most one wheel.
import type { System, Timer } from "../system.ts";

/** Resolution in ms. */
export const grainMs = 5;
/** Delays below this (ms) deserve a timer of their own: the wheel's lateness would be a large part of them. */
export const coarseMsMin = 50;
/** Slots of each of the three levels: 5 ms, 2.56 s and 22 min apart. What is further away than 7.7 days is placed again on the way. */
const slotCount = 512;
const spans = [1, slotCount, slotCount ** 2] as const;

/** Something to be woken. Owners extend it, so that arming allocates nothing. */
export abstract class WheelEntry {
  next: WheelEntry | undefined = undefined;
  previous: WheelEntry | undefined = undefined;
  /** The delay in ms while it waits for the first tick, then the number of the tick at which it is due. */
  at = 0;

  /** Called once, from the wheel's tick. Must not throw. */
  abstract onDue(): void;
}

/** Head of a circular list of entries. */
class Head extends WheelEntry {
  constructor() {
    super();
    this.next = this;
    this.previous = this;
  }

  onDue(): void {}
}

export class Wheel {
  readonly #system: System;
  readonly #keepAlive: boolean;
  /** New entries. They get their deadline at the next tick, which is later than their arrival: hence never early. */
  readonly #fresh = new Head();
  readonly #levels: (Head | undefined)[][] = [[], [], []];
  #tick = 0;
  #size = 0;
  #timer: Timer | undefined;
  #wakeAt = 0;
  /** True when the timer is set for the next grain, or the tick is running and will set it. */
  #soon = false;

  constructor(system: System, keepAlive: boolean) {
    this.#system = system;
    this.#keepAlive = keepAlive;
  }

  /** Entries armed now. */
  get size(): number {
    return this.#size;
  }

  add(entry: WheelEntry, delayMs: number): void {
    entry.at = delayMs;
    link(entry, this.#fresh);
    this.#size += 1;
    if (!this.#soon) this.#hurry();
  }

  /** Disarms; an entry that is not armed is left alone. */
  remove(entry: WheelEntry): void {
    if (entry.next === undefined) return;
    unlink(entry);
    this.#size -= 1;
    // A tick that is close is left to find the wheel empty: cancelling it for every call would cost more.
    if (this.#size === 0 && !this.#soon) this.#stop();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Sees to a tick within a grain, without putting off one that is due sooner. */
  #hurry(): void {
    const now = this.#system.now();
    if (this.#timer !== undefined && this.#wakeAt <= now + grainMs) this.#soon = true;
    else this.#sleep(grainMs, now);
  }

  #sleep(delayMs: number, now: number): void {
    this.#stop();
    this.#soon = delayMs <= grainMs;
    this.#wakeAt = now + delayMs;
    this.#timer = this.#system.setTimer(this.#turn, delayMs, this.#keepAlive);
  }

  readonly #turn = (): void => {
    this.#timer = undefined;
    this.#soon = true;
    const now = this.#system.now();
    const due = new Head();
    this.#advance(Math.floor(now / grainMs), due);
    for (let entry = this.#fresh.next as WheelEntry; entry !== this.#fresh; entry = this.#fresh.next as WheelEntry) {
      unlink(entry);
      entry.at = Math.max(this.#tick + 1, Math.ceil((now + entry.at) / grainMs));
      this.#place(entry, due);
    }
    try {
      for (let entry = due.next as WheelEntry; entry !== due; entry = due.next as WheelEntry) {
        this.remove(entry);
        entry.onDue();
      }
    } finally {
      this.#rest(due, now);
    }
  };

  /** Moves on to `tick`: what is due goes to `due`, what comes near goes down a level. A long pause costs no more than a turn of each level. */
  #advance(tick: number, due: Head): void {
    const from = this.#tick;
    this.#tick = tick;
    for (const [level, span] of spans.entries()) {
      const last = Math.floor(tick / span);
      for (let at = Math.max(Math.floor(from / span), last - slotCount) + 1; at <= last; at += 1) {
        const slot = this.#levels[level]?.[at % slotCount];
        if (slot === undefined || slot.next === slot) continue;
        for (let entry = slot.next as WheelEntry; entry !== slot;) {
          const following = entry.next as WheelEntry;
          unlink(entry);
          this.#place(entry, due);
          entry = following;
        }
      }
    }
  }

  #place(entry: WheelEntry, due: Head): void {
    const ahead = entry.at - this.#tick;
    if (ahead <= 0) return link(entry, due);
    const level = ahead < slotCount ? 0 : ahead < slotCount ** 2 ? 1 : 2;
    const at = Math.min(entry.at, this.#tick + slotCount ** 3 - 1);
    const slots = this.#levels[level] as (Head | undefined)[];
    link(entry, (slots[Math.floor(at / spans[level]) % slotCount] ??= new Head()));
  }

  /** Sets the timer for the next slot that holds anything; none when the wheel is empty. */
  #rest(due: Head, now: number): void {
    // Only when an entry threw: the others keep their right to be woken, at the next tick.
    for (let entry = due.next as WheelEntry; entry !== due; entry = due.next as WheelEntry) {
      unlink(entry);
      entry.at = 0;
      link(entry, this.#fresh);
    }
    this.#soon = false;
    if (this.#size === 0) return;
    if (this.#fresh.next !== this.#fresh) return this.#sleep(grainMs, now);
    const wakeAt = Math.min(...spans.map((span, level) => this.#nextSlot(level, span)));
    this.#sleep(wakeAt * grainMs - now, now);
  }

  /** The tick at which the next slot of a level that holds anything begins. */
  #nextSlot(level: number, span: number): number {
    const slots = this.#levels[level] as (Head | undefined)[];
    const current = Math.floor(this.#tick / span);
    for (let at = current + 1; slots.length > 0 && at <= current + slotCount; at += 1) {
      const slot = slots[at % slotCount];
      if (slot !== undefined && slot.next !== slot) return at * span;
    }
    return Infinity;
  }
}

const wheels = new WeakMap<System, { lasting?: Wheel; loose?: Wheel }>();

/** The wheel of a system; one whose armed entries keep the process alive, one whose do not. */
export function wheelOf(system: System, keepAlive: boolean): Wheel {
  let pair = wheels.get(system);
  if (pair === undefined) wheels.set(system, (pair = {}));
  if (keepAlive) return (pair.lasting ??= new Wheel(system, true));
  return (pair.loose ??= new Wheel(system, false));
}

function link(entry: WheelEntry, head: Head): void {
  const last = head.previous as WheelEntry;
  entry.previous = last;
  entry.next = head;
  last.next = entry;
  head.previous = entry;
}

function unlink(entry: WheelEntry): void {
  (entry.previous as WheelEntry).next = entry.next;
  (entry.next as WheelEntry).previous = entry.previous;
  entry.next = undefined;
  entry.previous = undefined;
}
