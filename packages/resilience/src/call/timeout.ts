// Bounds how long work may take. Early: the caller is answered at the deadline whatever the work does. Cooperative: the
// work is told to stop and the caller hears when it has. Either way the context is aborted, and on success nothing is.
import { rejectSoon } from "../cancel.ts";
import type { Cancel, Work } from "../cancel.ts";
import { AbortedError } from "../errors.ts";
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look, Owner } from "../guard.ts";
import { CallRunner } from "./call.ts";
import { CooperativeRunner } from "./cooperative.ts";

export interface TimeoutOptions extends GuardOptions {
  /** Bound in ms; Infinity for none. Values above 2^31 work. */
  readonly timeoutMs: number;
  /**
   * "early" (default) rejects at the deadline, also when the work never ends. "cooperative" aborts the context and waits:
   * work that ignores it is waited for, and a value that it still gives is returned.
   */
  readonly mode?: "early" | "cooperative";
  /** Own timer per call instead of the shared wheel: late by the host's lateness only, at several times the price (default false; always below 50 ms). */
  readonly precise?: boolean;
  /** Whether a running call keeps the process alive until its deadline (default true). */
  readonly keepAlive?: boolean;
  /** Called with a value that came after its caller was answered, to close what it holds. */
  readonly discard?: (value: unknown) => void;
}

export const modes: readonly string[] = ["early", "cooperative"];

/** @throws BadOptionError naming the option that is out of range. */
export function timeout(options: TimeoutOptions | number): Timeout {
  const own = typeof options === "number" ? { timeoutMs: options } : options;
  return named(new Timeout(own), own);
}

/** Never early; late by at most 10 ms on a free event loop unless `precise`. A synchronous loop cannot be stopped by it. */
export class Timeout extends Guard {
  readonly timeoutMs: number;
  readonly #runner: CallRunner | CooperativeRunner;

  constructor(options: TimeoutOptions) {
    super("timeout", options);
    this.timeoutMs = this.check("timeoutMs", options.timeoutMs, 0, Infinity);
    this.oneOf("mode", options.mode ?? "early", modes);
    const owner = this as unknown as Owner;
    this.#runner =
      options.mode === "cooperative" ? new CooperativeRunner(owner, options) : new CallRunner(owner, options);
  }

  /** Rejects with TimeoutError at the deadline (cooperative: when the work has ended badly after it), with AbortedError on abort. */
  execute<Value>(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    if (cancel?.aborted === true) return rejectSoon(new AbortedError(this.name, cancel.reason));
    return this.#runner.run(work, cancel, 0);
  }

  protected look(): Look {
    const { calls, failed, timedOut, late } = this.#runner;
    return { values: { timeoutMs: this.timeoutMs }, counts: { calls, failed, timedOut, late } };
  }
}
