// The list of primitives that report. One default list per process, found by other code (a preloaded probe, another
// copy of this package) under globalThis[Symbol.for("prunella.guards")]. It holds primitives weakly: being listed
// never keeps one alive.
import type { GuardEvent, GuardSnapshot, Reporting } from "../report.ts";

/** A list of primitives with one place to read, listen and drive. */
export interface Registry {
  /** Version of this shape, for code that finds it under the global symbol. */
  readonly version: 1;
  /** Lists a primitive, held weakly; returns the way to remove it. Beyond `guardsMax` it is turned away and counted. */
  add(guard: Reporting): () => void;
  /** Primitives that are alive, in the order in which they were added. */
  list(): readonly Reporting[];
  snapshots(): readonly GuardSnapshot[];
  /** Hears the events of all primitives, also of those added later; returns the way to stop. */
  listen(listener: (event: GuardEvent) => void): () => void;
  /** Gives a command to every primitive of that guard kind and name; returns how many took it. */
  control(guard: string, name: string, command: string, argument?: number | string): number;
  /** Primitives turned away because the list was full. */
  readonly turnedAway: number;
}

/** @param options.guardsMax most primitives listed at once (default 10,000). */
export function registry(options: { readonly guardsMax?: number } = {}): Registry {
  const guardsMax = options.guardsMax ?? 10_000;
  const held = new Set<WeakRef<Reporting>>();
  const known = new WeakMap<Reporting, WeakRef<Reporting>>();
  const unlisten = new WeakMap<Reporting, () => void>();
  const listeners = new Set<(event: GuardEvent) => void>();
  let turnedAway = 0;

  const alive = (): Reporting[] => {
    const guards: Reporting[] = [];
    for (const ref of held) {
      const guard = ref.deref();
      if (guard === undefined) held.delete(ref);
      else guards.push(guard);
    }
    return guards;
  };
  const relay = (event: GuardEvent): void => {
    // A throwing listener must not keep the event from the next one; the primitive's own hook hears of the first error.
    let failure: unknown;
    let failed = false;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        failure = failed ? failure : error;
        failed = true;
      }
    }
    if (failed) throw failure;
  };
  const hear = (guard: Reporting): void => {
    if (!unlisten.has(guard)) unlisten.set(guard, guard.listen(relay));
  };
  const deafen = (guard: Reporting): void => {
    unlisten.get(guard)?.();
    unlisten.delete(guard);
  };

  return {
    version: 1,
    add(guard) {
      const before = known.get(guard);
      if (before === undefined || !held.has(before)) {
        if (held.size >= guardsMax) alive();
        if (held.size >= guardsMax) {
          turnedAway += 1;
          return () => {};
        }
        const ref = new WeakRef(guard);
        known.set(guard, ref);
        held.add(ref);
        if (listeners.size > 0) hear(guard);
      }
      return () => {
        const ref = known.get(guard);
        if (ref !== undefined) held.delete(ref);
        known.delete(guard);
        deafen(guard);
      };
    },
    list: alive,
    snapshots: () => alive().map((guard) => guard.snapshot()),
    listen(listener) {
      const own = (event: GuardEvent): void => listener(event);
      listeners.add(own);
      for (const guard of alive()) hear(guard);
      return () => {
        listeners.delete(own);
        if (listeners.size === 0) for (const guard of alive()) deafen(guard);
      };
    },
    control(guard, name, command, argument) {
      let taken = 0;
      for (const each of alive()) {
        const drive = each.guard === guard && each.name === name ? each.controls?.[command] : undefined;
        if (drive === undefined) continue;
        drive(argument);
        taken += 1;
      }
      return taken;
    },
    get turnedAway() {
      return turnedAway;
    },
  };
}

/** Where the default registry is found: globalThis[registrySymbol]. */
export const registrySymbol: unique symbol = Symbol.for("prunella.guards") as never;

/** The registry of this process, made at first use; shared by all copies of this package. */
export function defaultRegistry(): Registry {
  const host = globalThis as { [registrySymbol]?: Registry };
  host[registrySymbol] ??= registry();
  return host[registrySymbol];
}

/** Lists a primitive in the default registry. Named primitives of this package do it themselves. */
export function announce(guard: Reporting): () => void {
  return defaultRegistry().add(guard);
}
