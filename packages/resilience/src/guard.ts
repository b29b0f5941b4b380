// What every primitive shares: name, clock, listeners, the count of its trips, and the check of its numeric options.
// Lean, because an application may hold a primitive per host, tenant or key.
import { BadOptionError } from "./errors.ts";
import { announce } from "./store.ts";
import { Listeners } from "./report.ts";
import type { GuardEvent, GuardSnapshot, Reporting } from "./report.ts";
import { realSystem } from "./system.ts";
import type { System } from "./system.ts";

/** Options that every primitive takes. */
export interface GuardOptions {
  /** Name in errors, events and metrics. A named primitive announces itself to the default registry (default: its kind, not announced). */
  readonly name?: string | undefined;
  /** Clock, timers and chance (default: the real ones). */
  readonly system?: System | undefined;
}

/** What is particular in a snapshot: state (default "ok"), gauges and counters, those of `count` as 0. */
export interface Look {
  readonly state?: string;
  readonly values?: GuardSnapshot["values"] | undefined;
  readonly counts?: GuardSnapshot["counts"];
}

/** Shared, because primitives keep their options, and an empty object is made with room for four fields. */
export const noOptions: GuardOptions = {};

/** What the base keeps from users, for whoever works in the name of a primitive. */
export interface Owner {
  readonly name: string;
  readonly system: System;
  trip: Guard["trip"];
}

/** Largest whole number that stays exact; the bound of what must be finite. */
const finite = Number.MAX_SAFE_INTEGER;

/** Announces a finished primitive if it was given a name. Not before it is finished: a snapshot may be asked for at once. */
export function named<Made extends Reporting>(made: Made, options: GuardOptions): Made {
  if (options.name !== undefined) announce(made);
  return made;
}

/** Base of all primitives. */
export abstract class Guard implements Reporting {
  readonly guard: string;
  readonly name: string;
  protected readonly system: System;
  #listeners: Listeners | undefined = undefined;
  /** What `count` has counted, `trips` among it; made when the first is needed, because most primitives see little trouble. */
  #rare: Record<string, number> | undefined = undefined;

  /** @param from name and system where the options have none. */
  constructor(guard: string, options: GuardOptions, from: GuardOptions = options) {
    this.guard = guard;
    this.name = options.name ?? from.name ?? guard;
    this.system = options.system ?? from.system ?? realSystem;
  }

  protected abstract look(): Look;

  snapshot(): GuardSnapshot {
    const { guard, name } = this;
    const { state = "ok", values = {}, counts } = this.look();
    return { guard, name, state, values, counts: { ...counts, trips: 0, ...this.#rare } };
  }

  listen(listener: (event: GuardEvent) => void): () => void {
    return (this.#listeners ??= new Listeners()).listen(listener);
  }

  /** Counts what happens rarely. `look` names it with 0. */
  protected count(what: string): void {
    const rare = (this.#rare ??= {});
    rare[what] = (rare[what] ?? 0) + 1;
  }

  /** Tells of something that a control plane should look at. */
  protected trip(event: string, detail?: GuardEvent["detail"]): void {
    this.say(event, "trip", detail);
  }

  /** Tells of a return to normal, or of something good to know. */
  protected tell(event: string, detail?: GuardEvent["detail"]): void {
    this.say(event, "info", detail);
  }

  /** Tells listeners; nearly free when there are none. */
  protected say(event: string, level: GuardEvent["level"], detail: GuardEvent["detail"] = {}): void {
    if (level === "trip") this.count("trips");
    const { guard, name } = this;
    if (this.#listeners?.size) this.#listeners.emit({ guard, name, event, level, at: this.system.now(), detail });
  }

  /** Checks a number; returns it. The bound `max` of what may be infinite is Infinity. */
  protected check(field: string, value: unknown, min: number, max = finite, whole = false): number {
    if (typeof value !== "number" || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      throw new BadOptionError(this.name, field, value, `a ${whole ? "whole " : ""}number from ${min} to ${max}`);
    return value;
  }

  /** Refuses a word that is not on the list. */
  protected oneOf(field: string, word: string, words: readonly string[]): void {
    if (!words.includes(word)) throw new BadOptionError(this.name, field, word, `one of ${words.join(", ")}`);
  }

  /** The numeric option `field`, checked. */
  protected number<Field extends string>(
    options: { readonly [key in Field]?: unknown },
    field: Field,
    fallback: number | undefined,
    min: number,
    max?: number,
  ): number {
    return this.check(field, options[field] ?? fallback, min, max);
  }

  /** The whole-number option `field`, checked. */
  protected integer<Field extends string>(
    options: { readonly [key in Field]?: unknown },
    field: Field,
    fallback: number | undefined,
    min: number,
    max?: number,
  ): number {
    return this.check(field, options[field] ?? fallback, min, max, true);
  }
}
