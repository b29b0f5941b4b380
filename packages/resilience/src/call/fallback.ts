// What to answer when the work fails: the last good value while it is fresh enough, then a chain of alternatives, each
// tried when the one before has failed. The caller's own abort is never covered up. If nothing helps, the first error
// is thrown.
import { contextOf, started } from "../cancel.ts";
import type { CallContext, Cancel, Work } from "../cancel.ts";
import type { AbortedError } from "../errors.ts";
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";

/** An alternative: sees the error that made it necessary. */
export type Alternative<Value> = (error: unknown, context: CallContext) => Value | PromiseLike<Value>;

export interface FallbackOptions<Value> extends GuardOptions {
  /** Alternatives in the order in which they are tried (default: none). */
  readonly chain?: readonly Alternative<Value>[];
  /** Age up to which the last good value is given instead of an error, in ms (default 0: not kept). One value is kept. */
  readonly staleMsMax?: number;
  /** Whether an error is covered (default: all). AbortedError never is. */
  readonly handles?: (error: unknown) => boolean;
}

/** @throws BadOptionError naming the option that is out of range. */
export function fallback<Value>(options: FallbackOptions<Value>): Fallback<Value> {
  return named(new Fallback(options), options);
}

export class Fallback<Value> extends Guard {
  readonly #options: FallbackOptions<Value>;
  readonly #staleMsMax: number;
  readonly #keep: ((value: Value) => Value) | undefined;
  #last: { readonly value: Value; readonly at: number } | undefined = undefined;
  readonly #count = { covered: 0, stale: 0, uncovered: 0 };

  constructor(options: FallbackOptions<Value>) {
    super("fallback", options);
    this.#options = options;
    this.#staleMsMax = this.number(options, "staleMsMax", 0, 0, Infinity);
    this.#keep =
      this.#staleMsMax === 0
        ? undefined
        : (value) => {
            this.#last = { value, at: this.system.now() };
            return value;
          };
  }

  execute(work: Work<Value>, cancel?: Cancel): Promise<Value> {
    const context = contextOf(cancel);
    return started(work, context).then(this.#keep, (error: unknown) => this.#cover(error, context));
  }

  protected look(): Look {
    return {
      values: { alternatives: this.#options.chain?.length ?? 0, staleMsMax: this.#staleMsMax },
      counts: this.#count,
    };
  }

  async #cover(error: unknown, context: CallContext): Promise<Value> {
    const { handles, chain = [] } = this.#options;
    // By its code, as it may be that of another copy of this package.
    if (
      (error as Partial<AbortedError> | null)?.code === "PRUNELLA_ABORT" ||
      context.aborted ||
      handles?.(error) === false
    )
      throw error;
    const ageMs = this.#last === undefined ? Infinity : this.system.now() - this.#last.at;
    if (this.#last !== undefined && ageMs <= this.#staleMsMax) {
      this.#count.stale += 1;
      this.trip("fell-back", { to: "stale", ageMs });
      return this.#last.value;
    }
    let why = error;
    for (const [at, alternative] of chain.entries()) {
      try {
        const value = await alternative(why, context);
        this.#count.covered += 1;
        this.trip("fell-back", { to: at });
        return value;
      } catch (thrown) {
        why = thrown;
      }
      if (context.aborted) break;
    }
    this.#count.uncovered += 1;
    throw error;
  }
}
