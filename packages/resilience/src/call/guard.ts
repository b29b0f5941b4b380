// The reporting half of every policy of this folder: name, clock, listeners, and the checks of options. Lean, because
// an application may hold a policy per host, tenant or key.
import { BadOptionError } from "../hold/errors.ts";
import { announce } from "../hold/registry.ts";
import { Listeners } from "../report.ts";
import type { GuardEvent, GuardSnapshot, Reporting } from "../report.ts";
import { realSystem } from "../system.ts";
import type { System } from "../system.ts";

/** Options that every policy takes. */
export interface CallGuardOptions {
  /** Name in errors, events and metrics. A named policy announces itself to the default registry (default: its kind, not announced). */
  readonly name?: string;
  /** Clock, timers and chance (default: the real ones). */
  readonly system?: System;
}

export abstract class CallGuard implements Reporting {
  readonly guard: string;
  readonly name: string;
  protected readonly system: System;
  #listeners: Listeners | undefined;

  constructor(guard: string, options: CallGuardOptions) {
    this.guard = guard;
    this.name = options.name ?? guard;
    this.system = options.system ?? realSystem;
    if (options.name !== undefined) announce(this);
  }

  abstract snapshot(): GuardSnapshot;

  listen(listener: (event: GuardEvent) => void): () => void {
    return (this.#listeners ??= new Listeners()).add(listener);
  }

  /** Tells listeners; nearly free when there are none. */
  protected say(event: string, level: GuardEvent["level"], detail: GuardEvent["detail"] = {}): void {
    if (this.#listeners?.any !== true) return;
    this.#listeners.emit({ guard: this.guard, name: this.name, event, level, at: this.system.now(), detail });
  }

  /** Checks a numeric option; returns it. */
  protected number(field: string, value: number, min: number, max = Infinity): number {
    if (!(value >= min && value <= max))
      throw new BadOptionError(this.name, field, value, `a number from ${min} to ${max}`);
    return value;
  }

  /** Checks a whole-number option; returns it. */
  protected integer(field: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
    if (!Number.isInteger(value)) throw new BadOptionError(this.name, field, value, "a whole number");
    return this.number(field, value, min, max);
  }
}
