// Bounds how long work may take. Early: the caller is answered at the deadline whatever the work does. Cooperative: the
// work is told to stop and the caller hears when it has. Either way the context is aborted, and on success nothing is.
import type { GuardSnapshot } from "../report.ts";
import { CallRunner, planOfNothing } from "./call.ts";
import { CooperativeRunner } from "./cooperative.ts";
import type { Cancel, Work } from "./context.ts";
import { CallGuard } from "./guard.ts";
import type { CallGuardOptions } from "./guard.ts";
import { AbortedError, rejectSoon } from "./refusals.ts";

export interface TimeoutOptions extends CallGuardOptions {
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

/** @throws BadOptionError naming the option that is out of range. */
export function timeout(options: TimeoutOptions | number): Timeout {
  return new Timeout(typeof options === "number" ? { timeoutMs: options } : options);
}

/** Never early; late by at most 10 ms on a free event loop unless `precise`. A synchronous loop cannot be stopped by it. */
export class Timeout extends CallGuard {
  readonly timeoutMs: number;
  readonly #early: CallRunner | undefined;
  readonly #cooperative: CooperativeRunner | undefined;

  constructor(options: TimeoutOptions) {
    super("timeout", options);
    this.timeoutMs = this.number("timeoutMs", options.timeoutMs, 0);
    const plan = {
      name: this.name,
      system: this.system,
      timeoutMs: this.timeoutMs,
      precise: options.precise ?? false,
      keepAlive: options.keepAlive ?? true,
      onTimeout: () => this.say("timed-out", "trip", { timeoutMs: this.timeoutMs }),
    };
    if (options.mode === "cooperative") this.#cooperative = new CooperativeRunner(plan);
    else this.#early = new CallRunner({ ...planOfNothing, ...plan, discard: options.discard });
  }

  /** Rejects with TimeoutError at the deadline (cooperative: when the work has ended badly after it), with AbortedError on abort. */
  execute<Value>(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    if (this.#cooperative === undefined) return (this.#early as CallRunner).run(work, cancel, 0);
    if (cancel?.aborted === true) return rejectSoon(new AbortedError(this.name, cancel.reason));
    return this.#cooperative.run(work, cancel);
  }

  snapshot(): GuardSnapshot {
    const { calls = 0, failed = 0, timedOut = 0 } = this.#early ?? this.#cooperative ?? {};
    return {
      guard: this.guard,
      name: this.name,
      state: "ok",
      values: { timeoutMs: this.timeoutMs },
      counts: { calls, failed, timedOut, late: this.#early?.late ?? 0 },
    };
  }
}
