// A coarse timer wheel (Varghese and Lauck 1987): arming and disarming cost a few nanoseconds and read no clock. Never
// early; late by at most two grains of 5 ms on a free event loop. An empty wheel has no timer; delays have no upper
// bound. One entry is in at most one wheel.
import type { System, Timer } from "../system.ts";

/** Resolution in ms. */
export const grainMs = 5;
/** Delays below this (ms) deserve a timer of their own: the wheel's lateness would be a large part of them. */
export const coarseMsMin = 50;
/** Slots of the wheel; a delay beyond slots x grain goes round more than once. */
const slotCount = 512;

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
  readonly #slots: Head[] = [];
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
    const tick = Math.floor(now / grainMs);
    const due = new Head();
    this.#collect(due, tick);
    this.#tick = tick;
    this.#place(now);
    try {
      for (let entry = due.next; entry !== due; entry = due.next) {
        this.remove(entry as WheelEntry);
        (entry as WheelEntry).onDue();
      }
    } finally {
      this.#rest(due, now);
    }
  };

  /** Moves what is due by `tick` to `due`. After a long pause every slot is looked at once, not once per tick missed. */
  #collect(due: Head, tick: number): void {
    for (let at = Math.max(this.#tick + 1, tick - slotCount + 1); at <= tick; at += 1) {
      const slot = this.#slots[at % slotCount];
      if (slot === undefined) continue;
      for (let entry = slot.next as WheelEntry; entry !== slot;) {
        const following = entry.next as WheelEntry;
        if (entry.at <= tick) {
          unlink(entry);
          link(entry, due);
        }
        entry = following;
      }
    }
  }

  #place(now: number): void {
    for (let entry = this.#fresh.next as WheelEntry; entry !== this.#fresh; entry = this.#fresh.next as WheelEntry) {
      unlink(entry);
      entry.at = Math.max(this.#tick + 1, Math.ceil((now + entry.at) / grainMs));
      link(entry, (this.#slots[entry.at % slotCount] ??= new Head()));
    }
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
    for (let ahead = 1; ahead <= slotCount; ahead += 1) {
      const slot = this.#slots[(this.#tick + ahead) % slotCount];
      if (slot !== undefined && slot.next !== slot) return this.#sleep((this.#tick + ahead) * grainMs - now, now);
    }
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
