// Something made at first use, once, however many ask at the same time. A failed first try does not poison the next.
import type { Reporting } from "../report.ts";
import { bounded, valueOf } from "./bounded.ts";
import type { Outcome } from "./bounded.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import type { CancelSignal } from "../cancel.ts";
import { textOf } from "../text.ts";

export interface LazyOptions extends GuardOptions {
  /** Bound of making it in ms (default 30,000), then TimeoutError. */
  readonly timeoutMs?: number;
  /** Time after a failure in which callers get that failure without a new try, in ms (default 0). */
  readonly failureGapMs?: number;
}

export interface Lazy<Value> extends Reporting {
  /** The value; made now when it is not there. @throws what making it throws; TimeoutError. */
  get(): Promise<Value>;
  /** The value if it is there; makes nothing. */
  peek(): Value | undefined;
  /** Forgets the value: the next `get` makes a new one. What is being made is answered to its callers and not kept. */
  reset(): void;
}

/** Something made at first use. `make` should heed its signal. @throws BadOptionError for an option out of its range. */
export function lazy<Value>(
  make: (signal: CancelSignal) => Value | PromiseLike<Value>,
  options: LazyOptions = {},
): Lazy<Value> {
  const guard = openGuard("lazy", options);
  const { system } = guard;
  const timeoutMs = guard.number(options, "timeoutMs", 30_000, 1, Infinity);
  const failureGapMs = guard.number(options, "failureGapMs", 0, 0);
  const count = { made: 0, failed: 0, joined: 0, resets: 0 };
  let ready: { readonly value: Value } | undefined;
  let making: Promise<Outcome<Value>> | undefined;
  let failure: { readonly outcome: Outcome<Value>; readonly until: number } | undefined;

  function start(): Promise<Outcome<Value>> {
    const startedAt = system.now();
    // Set before it starts: one that asks for itself waits for itself, up to its bound, and is made once.
    let answer!: (outcome: Outcome<Value>) => void;
    const own = new Promise<Outcome<Value>>((resolve) => (answer = resolve));
    making = own;
    void bounded(guard, "making the value", timeoutMs, make).outcome.then((outcome) => {
      const wanted = making === own;
      if (wanted) making = undefined;
      if (outcome.kind === "done") {
        count.made += 1;
        if (wanted) ready = { value: outcome.value };
        guard.tell("made", { ms: system.now() - startedAt });
      } else {
        count.failed += 1;
        if (wanted) failure = { outcome, until: system.now() + failureGapMs };
        guard.trip("failed", { why: textOf(outcome.error) });
      }
      answer(outcome);
    });
    return own;
  }

  function reset(): void {
    count.resets += 1;
    ready = making = failure = undefined;
    guard.tell("reset");
  }

  return guard.complete<Lazy<Value>>(
    {
      async get() {
        if (ready !== undefined) return ready.value;
        if (failure !== undefined && system.now() < failure.until) return valueOf(failure.outcome);
        if (making !== undefined) count.joined += 1;
        return valueOf(await (making ?? start()));
      },
      peek: () => ready?.value,
      reset,
      controls: { reset },
    },
    () => ({
      state: ready === undefined ? "empty" : "ready",
      values: { making: making === undefined ? 0 : 1 },
      counts: count,
    }),
  );
}
