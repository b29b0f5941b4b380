// Virtual time: a heap of events ordered by time, then by a seeded tie-break, then by sequence. One event at a time; after
// each, the real event loop turns once so that every promise job it started has ended. Everything that happens goes through
// here, so the hash of the trace says whether two runs took the same path.
import { setImmediate as realTurn } from "node:timers/promises";
import type { System, Timer } from "@prunella/resilience";
import type { Random } from "./random.ts";

interface Entry {
  readonly at: number;
  readonly tie: number;
  readonly sequence: number;
  readonly what: string;
  readonly run: () => void;
  cancelled: boolean;
}

/** More events than this in one run is a runaway and fails it. */
export const eventsMax = 2_000_000;

export class Scheduler {
  now = 0;
  events = 0;
  traceHash = 0x811c9dc5;
  readonly tail: string[] = [];
  readonly #ties: Random;
  readonly #heap: Entry[] = [];
  #sequence = 0;

  constructor(ties: Random) {
    this.#ties = ties;
  }

  at(delayMs: number, what: string, run: () => void): Timer {
    const entry: Entry = {
      at: this.now + Math.max(0, Math.round(delayMs)),
      tie: this.#ties.next(),
      sequence: this.#sequence++,
      what,
      run,
      cancelled: false,
    };
    push(this.#heap, entry);
    return { cancel: () => void (entry.cancelled = true) };
  }

  /** Runs the next event; false when none is left. */
  async step(): Promise<boolean> {
    for (;;) {
      const entry = pop(this.#heap);
      if (entry === undefined) return false;
      if (entry.cancelled) continue;
      this.now = Math.max(this.now, entry.at);
      this.note(entry.what);
      this.events += 1;
      entry.run();
      await realTurn();
      return true;
    }
  }

  /** Adds a line to the trace. */
  note(what: string): void {
    const line = `${this.now} ${what}`;
    for (let at = 0; at < line.length; at += 1)
      this.traceHash = Math.imul(this.traceHash ^ line.charCodeAt(at), 0x01000193);
    this.tail.push(line);
    if (this.tail.length > 400) this.tail.splice(0, 200);
  }

  get pending(): number {
    return this.#heap.filter((entry) => !entry.cancelled).length;
  }

  /** A System for one life of one process: when `alive` says no, its timers never fire. */
  system(name: string, random: Random, alive: () => boolean): System {
    return {
      now: () => this.now,
      wallNow: () => this.now,
      random: () => random.next(),
      setTimer: (fire, delayMs) => this.at(Math.max(1, delayMs), `timer ${name}`, () => void (alive() && fire())),
    };
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.sequence < b.sequence;
}

function push(heap: Entry[], entry: Entry): void {
  heap.push(entry);
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(heap[at]!, heap[parent]!)) break;
    [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
    at = parent;
  }
}

function pop(heap: Entry[]): Entry | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  heap[0] = last;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    let least = at;
    if (left < heap.length && before(heap[left]!, heap[least]!)) least = left;
    if (left + 1 < heap.length && before(heap[left + 1]!, heap[least]!)) least = left + 1;
    if (least === at) return top;
    [heap[at], heap[least]] = [heap[least]!, heap[at]!];
    at = least;
  }
}
