// What a request was about, kept across awaits and attached to the errors it throws. Opt-in: nothing is followed until
// a storage (Node's AsyncLocalStorage) is passed in, because on Node 20 and 22 an active one makes every await dearer.
import type { Reporting } from "../report.ts";
import { causesOf } from "./causes.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { redactFields } from "./redact.ts";
import type { ContextFields, RedactOptions } from "./redact.ts";

/** As much of AsyncLocalStorage as is needed. */
export interface ContextStorage {
  run<Value>(store: ContextFields, work: () => Value): Value;
  getStore(): ContextFields | undefined;
}

export interface ErrorContextOptions extends GuardOptions, RedactOptions {
  /** `new AsyncLocalStorage()` of node:async_hooks; without it only the context passed to `work` by hand is known. */
  readonly storage?: ContextStorage;
  /** Most fields of one context (default 50); further ones are dropped and counted. */
  readonly fieldsMax?: number;
}

export interface ErrorContext extends Reporting {
  /** Runs `work` with these fields added to the ones around it; errors it throws or rejects with carry them. */
  with<Value>(fields: ContextFields, work: (fields: ContextFields) => Value, around?: ContextFields): Value;
  /** The fields here (with a storage), redacted: for a log line. */
  current(): ContextFields;
}

/** Where an error carries its context: error[contextSymbol]. */
export const contextSymbol: unique symbol = /* @__PURE__ */ Symbol.for("prunella.context") as never;

/** Keeps context for errors; follows awaits only with a `storage`. @throws BadOptionError for an option out of its range. */
export function errorContext(options: ErrorContextOptions = {}): ErrorContext {
  const guard = openGuard("context", options);
  const fieldsMax = guard.integer(options, "fieldsMax", 50, 1);
  guard.integer(options, "valueMax", 500, 1);
  const { storage } = options;
  const count = { entered: 0, attached: 0, fieldsDropped: 0 };

  function merged(around: ContextFields, fields: ContextFields): ContextFields {
    const all = Object.entries({ ...around, ...redactFields(fields, options) });
    count.fieldsDropped += Math.max(0, all.length - fieldsMax);
    return Object.fromEntries(all.slice(0, fieldsMax));
  }

  function attach(error: unknown, fields: ContextFields): void {
    // Neither a frozen error nor what is no object can carry anything.
    if (!Object.isExtensible(error)) return;
    // The innermost context is the whole truth: it holds the outer ones.
    if (Object.hasOwn(error as object, contextSymbol)) return;
    Object.defineProperty(error, contextSymbol, { value: fields, enumerable: false });
    count.attached += 1;
  }

  return guard.complete<ErrorContext>(
    {
      with(fields, work, around = storage?.getStore() ?? {}) {
        count.entered += 1;
        const whole = merged(around, fields);
        const guarded = (): ReturnType<typeof work> => {
          try {
            const value = work(whole);
            if (isPromise(value)) {
              const watched = value.then(undefined, (error: unknown) => {
                attach(error, whole);
                throw error;
              });
              return watched as ReturnType<typeof work>;
            }
            return value;
          } catch (error) {
            attach(error, whole);
            throw error;
          }
        };
        return storage === undefined ? guarded() : storage.run(whole, guarded);
      },
      current: () => storage?.getStore() ?? {},
    },
    () => ({ state: storage === undefined ? "explicit" : "followed", counts: count }),
  );
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** The context that an error, or the nearest of its causes, carries. */
export function contextOf(error: unknown): ContextFields | undefined {
  for (const each of causesOf(error)) {
    const fields = (each as { [contextSymbol]?: ContextFields })[contextSymbol];
    if (fields !== undefined) return fields;
  }
  return undefined;
}
