// Single look-ups gathered into batches (the idea of Facebook's DataLoader): callers ask for one key, the source is
// asked for many. Keys asked for twice within a batch are sent once; nothing is cached after its batch.
import type { Reporting } from "../report.ts";
import type { Timer } from "../system.ts";
import { bounded, valueOf } from "./bounded.ts";
import { ClosedError, GuardError, QueueFullError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import type { CancelSignal } from "../cancel.ts";
import { textOf } from "../text.ts";

export interface LoaderOptions<Key, Value> extends GuardOptions {
  /** Answers for each key, in the order of the keys: its value, or an Error for that key alone. */
  readonly load: (keys: readonly Key[], signal: CancelSignal) => PromiseLike<readonly (Value | Error)[]>;
  /** Time in which keys are gathered, in ms (default 0: until the promise jobs at hand have run). */
  readonly windowMs?: number;
  /** Most keys of a batch (default 100); a full batch leaves at once. */
  readonly sizeMax?: number;
  /** Batches at the source at once (default 10). */
  readonly batchesMax?: number;
  /** Most keys asked for and not answered (default 10,000), then QueueFullError. */
  readonly keysMax?: number;
  /** Bound of one batch in ms (default 30,000), then TimeoutError for its keys. */
  readonly batchMs?: number;
}

export interface Loader<Key, Value> extends Reporting {
  load(key: Key): Promise<Value>;
  /** Refuses newcomers and keys that are not sent yet; what is at the source is answered. */
  close(): void;
}

interface Wanted<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/** Gathers look-ups into batches. @throws BadOptionError for an option out of its range. */
export function loader<Key, Value>(options: LoaderOptions<Key, Value>): Loader<Key, Value> {
  const guard = openGuard("loader", options);
  const { system } = guard;
  const windowMs = guard.number(options, "windowMs", 0, 0);
  const sizeMax = guard.integer(options, "sizeMax", 100, 1);
  const batchesMax = guard.integer(options, "batchesMax", 10, 1);
  const keysMax = guard.integer(options, "keysMax", 10_000, 1);
  const batchMs = guard.number(options, "batchMs", 30_000, 1, Infinity);
  const gathered = new Map<Key, Wanted<Value>>();
  const count = { keys: 0, joined: 0, batches: 0, failed: 0, refused: 0 };
  let sent = 0;
  let batches = 0;
  let scheduled = false;
  let due = false;
  let timer: Timer | undefined;
  let closed = false;
  /** From the first refusal on, until half of the keys are answered. */
  let full = false;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    const ready = (): void => {
      scheduled = false;
      due = true;
      dispatch();
    };
    if (windowMs > 0) timer = system.setTimer(ready, windowMs, true);
    // Two jobs later: callers that were resolved by the same event have asked by then.
    else void Promise.resolve().then(() => Promise.resolve().then(ready));
  }

  /** Sends full batches at once and the rest when its window is over, as far as the source may be asked. */
  function dispatch(): void {
    while (batches < batchesMax && gathered.size > 0 && (due || gathered.size >= sizeMax)) {
      const keys = [...gathered.keys()].slice(0, sizeMax);
      const wanted = keys.map((key) => gathered.get(key) as Wanted<Value>);
      for (const key of keys) gathered.delete(key);
      void send(keys, wanted);
    }
    if (gathered.size === 0) due = false;
  }

  async function send(keys: readonly Key[], wanted: readonly Wanted<Value>[]): Promise<void> {
    count.batches += 1;
    batches += 1;
    sent += keys.length;
    try {
      const run = bounded(guard, "a batch", batchMs, (signal) => options.load(keys, signal));
      const values = valueOf(await run.outcome);
      if (!Array.isArray(values) || values.length !== keys.length)
        throw new GuardError(
          "BATCH_LENGTH",
          guard.name,
          `load of "${guard.name}" must answer one value per key: ${keys.length} keys, ${Array.isArray(values) ? `${values.length} values` : typeof values}`,
        );
      wanted.forEach((each, at) => {
        const value = values[at] as Value | Error;
        if (value instanceof Error) each.reject(value);
        else each.resolve(value);
      });
    } catch (error) {
      count.failed += 1;
      guard.trip("batch-failed", { keys: keys.length, message: textOf(error) });
      for (const each of wanted) each.reject(error);
    } finally {
      batches -= 1;
      sent -= keys.length;
      if (full && gathered.size + sent <= keysMax / 2) {
        full = false;
        guard.tell("relieved");
      }
      dispatch();
    }
  }

  return guard.complete<Loader<Key, Value>>(
    {
      async load(key) {
        if (closed) throw new ClosedError(guard.name, "loader");
        count.keys += 1;
        const before = gathered.get(key);
        if (before !== undefined) {
          count.joined += 1;
          return before.promise;
        }
        if (gathered.size + sent >= keysMax) {
          count.refused += 1;
          const first = !full;
          full = true;
          if (first) guard.trip("refused", { keysMax });
          throw new QueueFullError(guard.name, keysMax, "keys");
        }
        const wanted = { resolve: (_value: Value) => {}, reject: (_error: unknown) => {} };
        const promise = new Promise<Value>((resolve, reject) => Object.assign(wanted, { resolve, reject }));
        gathered.set(key, Object.assign(wanted, { promise }));
        if (gathered.size >= sizeMax) dispatch();
        if (gathered.size > 0) schedule();
        return promise;
      },
      close() {
        closed = true;
        timer?.cancel();
        for (const each of gathered.values()) each.reject(new ClosedError(guard.name, "loader"));
        gathered.clear();
        guard.tell("closed");
      },
    },
    () => ({
      state: closed ? "closed" : full ? "full" : "ok",
      values: { gathered: gathered.size, sent, batches },
      counts: count,
    }),
  );
}
