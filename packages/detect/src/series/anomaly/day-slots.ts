// Has such a value been seen at this time of day, on an earlier day? 48 half-hour slots with at most 12 representative
// values each. Today's values wait until their neighbourhood has passed, so that they cannot vouch for themselves; of
// those that wait, the smallest and the largest of every five minutes are kept.
import { closestPair, mergePair } from "./representatives.ts";

const dayMs = 86_400_000;
const slots = 48;
const slotMs = dayMs / slots;
const perSlot = 12;
const room = perSlot + 1;
const binMs = slotMs / 6;
/** Half-hours looked at on either side when points are rare. */
const reachMax = 3;
/** Two half-hours of bins, or reachMax + 1 of points that come more rarely than every 45 minutes. */
const waitingMax = 16;

/** Smallest and largest value of one bin of time, waiting: [start of the bin, smallest, largest]. */
type Waiting = readonly [at: number, low: number, high: number];

export interface DaySlotsSnapshot {
  readonly values: readonly number[];
  readonly sizes: readonly number[];
  readonly waiting: readonly Waiting[];
}

export class DaySlots {
  readonly #values: Float32Array;
  readonly #sizes: Uint8Array;
  #waiting: Waiting[];

  constructor(from?: DaySlotsSnapshot) {
    this.#values = from === undefined ? new Float32Array(slots * room) : Float32Array.from(from.values);
    this.#sizes = from === undefined ? new Uint8Array(slots) : Uint8Array.from(from.sizes);
    this.#waiting = from === undefined ? [] : [...from.waiting];
  }

  /** Distance to the nearest value of earlier days around this time of day, null when there is none. Remembers `value`. */
  observe(at: number, value: number, intervalMs: number): number | null {
    const reach = Math.min(reachMax, Math.max(1, Math.round(intervalMs / slotMs)));
    this.#admit(at - (reach + 1) * slotMs);
    const slot = slotOf(at);
    const distance = this.#sizes[slot] === 0 ? null : this.#nearest(slot, reach, value);
    this.#wait(Math.floor(at / binMs) * binMs, value);
    return distance;
  }

  #nearest(slot: number, reach: number, value: number): number {
    let nearest = Infinity;
    for (let near = slot - reach; near <= slot + reach; near++) {
      const which = (near + slots) % slots;
      const start = which * room;
      const end = start + this.#sizes[which]!;
      for (let i = start; i < end; i++) {
        const distance = Math.abs(this.#values[i]! - value);
        if (distance < nearest) nearest = distance;
      }
    }
    return nearest;
  }

  #wait(at: number, value: number): void {
    const last = this.#waiting.at(-1);
    if (last?.[0] === at)
      this.#waiting[this.#waiting.length - 1] = [at, Math.min(last[1], value), Math.max(last[2], value)];
    else this.#waiting.push([at, value, value]);
    if (this.#waiting.length > waitingMax) this.#waiting.shift();
  }

  #admit(before: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]![0] < before) {
      const [at, low, high] = this.#waiting.shift()!;
      const slot = slotOf(at);
      this.#remember(slot, low);
      if (high !== low) this.#remember(slot, high);
    }
  }

  #remember(slot: number, value: number): void {
    const values = this.#values;
    const start = slot * room;
    const size = this.#sizes[slot]!;
    let at = start + size;
    while (at > start && values[at - 1]! > value) at--;
    if (at > start && values[at - 1] === Math.fround(value)) return;
    values.copyWithin(at + 1, at, start + size);
    values[at] = value;
    if (size < perSlot) this.#sizes[slot] = size + 1;
    else mergePair(values, start, room, closestPair(values, start, room));
  }

  snapshot(): DaySlotsSnapshot {
    return { values: Array.from(this.#values), sizes: Array.from(this.#sizes), waiting: [...this.#waiting] };
  }
}

function slotOf(at: number): number {
  const time = at % dayMs;
  return Math.floor((time < 0 ? time + dayMs : time) / slotMs) % slots;
}
