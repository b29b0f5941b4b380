// What every primitive of this folder shares: name, clock, listeners, and the check of its numeric options.
import { Listeners } from "../report.ts";
import type { GuardEvent, GuardSnapshot, Reporting } from "../report.ts";
import { realSystem } from "../system.ts";
import type { System } from "../system.ts";
import { BadOptionError } from "./errors.ts";
import { announce } from "./registry.ts";

/** Options that every primitive takes. */
export interface GuardOptions {
  /** Name in snapshots, events and metrics. A named primitive announces itself to the default registry (default: not). */
  readonly name?: string;
  /** Clock, timers and chance (default: the real ones). */
  readonly system?: System;
}

/** The reporting half of a primitive, filled in by its factory. */
export class Guard {
  readonly guard: string;
  readonly name: string;
  readonly system: System;
  readonly #named: boolean;
  readonly #listeners = new Listeners();

  constructor(guard: string, options: GuardOptions) {
    this.guard = guard;
    this.name = options.name ?? guard;
    this.#named = options.name !== undefined;
    this.system = options.system ?? realSystem;
  }

  readonly listen = (listener: (event: GuardEvent) => void): (() => void) => this.#listeners.add(listener);

  /** Tells listeners; nearly free when there are none. */
  say(event: string, level: GuardEvent["level"], detail: GuardEvent["detail"] = {}): void {
    if (!this.#listeners.any) return;
    this.#listeners.emit({ guard: this.guard, name: this.name, event, level, at: this.system.now(), detail });
  }

  /** Completes a primitive with the members of Reporting (`look` is its snapshot) and announces it when it was named. */
  complete<Face extends Reporting>(
    face: Omit<Face, "guard" | "name" | "listen" | "snapshot">,
    look: () => Omit<GuardSnapshot, "guard" | "name">,
  ): Face {
    const { guard, name, listen } = this;
    const snapshot = (): GuardSnapshot => ({ guard, name, ...look() });
    const whole = Object.assign(face, { guard, name, listen, snapshot }) as unknown as Face;
    if (this.#named) announce(whole);
    return whole;
  }

  /** Checks a numeric option; returns it. */
  number(field: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
    if (!(value >= min && value <= max))
      throw new BadOptionError(this.name, field, value, `a number from ${min} to ${max}`);
    return value;
  }

  /** Checks a whole-number option; returns it. */
  integer(field: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
    if (!Number.isInteger(value) || value < min || value > max)
      throw new BadOptionError(this.name, field, value, `a whole number from ${min} to ${max}`);
    return value;
  }
}
