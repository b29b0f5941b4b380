// The list of primitives that report. One per process, found by other code (a preloaded probe, another copy of this package)
// under globalThis[Symbol.for("prunella.guards")]. Holds primitives weakly: being listed never keeps one alive. Kept apart from
// registry.ts, so that whoever uses a single primitive does not carry what only a supervisor needs.
import type { Reporting } from "./report.ts";

export interface Store {
  /** Version of this shape, for code that finds it under the global symbol. */
  readonly version: 1;
  /** Lists a primitive, held weakly; returns the way to remove it. Beyond `guardsMax` it is turned away and counted. */
  add(guard: Reporting): () => void;
  /** Primitives that are alive, in the order in which they were added. */
  list(): readonly Reporting[];
  /** Primitives turned away because the list was full. */
  readonly turnedAway: number;
}

interface OwnStore extends Store {
  turnedAway: number;
  /** Told of every primitive that comes or is taken out; set by whoever makes a registry of it. */
  changed?: (guard: Reporting, added: boolean) => void;
}

/** @param guardsMax most primitives listed at once. */
export function newStore(guardsMax = 10_000): Store {
  const held = new Set<WeakRef<Reporting>>();
  const known = new WeakMap<Reporting, WeakRef<Reporting>>();
  const store: OwnStore = {
    version: 1,
    turnedAway: 0,
    list: () =>
      [...held].flatMap((ref) => {
        const guard = ref.deref();
        if (guard === undefined) held.delete(ref);
        return guard ?? [];
      }),
    add(guard) {
      if (!known.has(guard)) {
        if (held.size >= guardsMax && store.list().length >= guardsMax) {
          store.turnedAway += 1;
          return () => {};
        }
        const ref = new WeakRef(guard);
        known.set(guard, ref);
        held.add(ref);
        store.changed?.(guard, true);
      }
      return () => {
        held.delete(known.get(guard) as WeakRef<Reporting>);
        known.delete(guard);
        store.changed?.(guard, false);
      };
    },
  };
  return store;
}

/** Where the list of this process is found: globalThis[registrySymbol]. */
export const registrySymbol: unique symbol = /* @__PURE__ */ Symbol.for("prunella.guards") as never;

/** The list of this process, made at first use; shared by all copies of this package. */
export function defaultStore(): Store {
  const host = globalThis as { [registrySymbol]?: Store };
  return (host[registrySymbol] ??= newStore());
}

/** Lists a primitive in the list of this process. Named primitives of this package do it themselves. */
export function announce(guard: Reporting): () => void {
  return defaultStore().add(guard);
}
