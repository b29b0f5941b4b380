// What one can do with the list of primitives: read, listen, drive; and the repairs that the application offers beside
// them. The default registry is the process's one list (see store.ts) made whole.
import { BadOptionError } from "./errors.ts";
import { Listeners } from "./report.ts";
import type { GuardEvent, GuardSnapshot, Reporting } from "./report.ts";
import { defaultStore, newStore } from "./store.ts";
import type { Store } from "./store.ts";

/** What a supervisor may ask for. Plain data: it can come from another process as JSON. */
export type ControlCommand =
  /** Gives a command to every primitive of that name that takes it (and is of that kind, where `guard` says one). */
  | {
      readonly name: string;
      readonly control: string;
      readonly argument?: number | string | undefined;
      readonly guard?: string | undefined;
    }
  /** Runs a repair that the application registered. */
  | { readonly action: string; readonly argument?: unknown };

/** One of the application's own repairs. It should be safe to repeat. */
export type Action = (argument: unknown) => unknown;

/** A list of primitives with one place to read, listen and drive. */
export interface Registry extends Store {
  snapshots(): readonly GuardSnapshot[];
  /** Hears the events of all primitives, also of those added later; returns the way to stop. */
  listen(listener: (event: GuardEvent) => void): () => void;
  /** Offers a repair under a name, in place of an earlier one; returns the way to take it back. Held strongly, at most 100. */
  registerAction(name: string, perform: Action): () => void;
  /** Names of the repairs on offer. */
  actions(): readonly string[];
  /**
   * The one way to drive the process from outside. Resolves with the number of primitives that took the command, or with
   * what the repair gave (it may take as long as it likes: bound the wait). @throws BadOptionError, which names what there
   * is, when nothing fits; what the control or the repair throws.
   */
  control(command: ControlCommand): Promise<unknown>;
}

const actionsMax = 100;

/** A list of its own. @param options.guardsMax most primitives listed at once (default 10,000). */
export function registry({ guardsMax }: { readonly guardsMax?: number } = {}): Registry {
  return whole(newStore(guardsMax));
}

/** The registry of this process; shared by all copies of this package. */
export function defaultRegistry(): Registry {
  const store = defaultStore();
  return "control" in store ? (store as Registry) : whole(store);
}

/** Offers a repair of the application in the default registry; a supervisor runs it by name. Returns the way to take it back. */
export function registerAction(name: string, perform: Action): () => void {
  return defaultRegistry().registerAction(name, perform);
}

/** Adds to the list what a registry can, in place. */
function whole(store: Store): Registry {
  const deaf = new WeakMap<Reporting, () => void>();
  const listeners = new Listeners();
  const actions = new Map<string, Action>();

  const hear = (guard: Reporting): void => {
    if (listeners.size > 0 && !deaf.has(guard))
      deaf.set(
        guard,
        guard.listen((event) => listeners.emit(event)),
      );
  };
  const deafen = (guard: Reporting): void => {
    deaf.get(guard)?.();
    deaf.delete(guard);
  };
  const nothing = (field: string, value: unknown, there: Iterable<string>): BadOptionError =>
    new BadOptionError("registry", field, value, `one of: ${[...new Set(there)].slice(0, 100).join(", ") || "(none)"}`);

  return Object.assign(store, {
    changed: (guard: Reporting, added: boolean) => (added ? hear : deafen)(guard),
    snapshots: () =>
      store.list().flatMap((guard) => {
        try {
          return guard.snapshot();
        } catch {
          // One that cannot tell must not keep the others from being seen.
          return [];
        }
      }),
    listen(listener: (event: GuardEvent) => void) {
      const stop = listeners.listen(listener);
      store.list().forEach(hear);
      return () => {
        stop();
        if (listeners.size === 0) store.list().forEach(deafen);
      };
    },
    registerAction(name: string, perform: Action) {
      if (!actions.has(name) && actions.size >= actionsMax)
        throw new BadOptionError("registry", "action", name, `one of at most ${actionsMax}; take another back first`);
      actions.set(name, perform);
      return () => {
        if (actions.get(name) === perform) actions.delete(name);
      };
    },
    actions: () => [...actions.keys()],
    async control(command: ControlCommand) {
      const { argument } = command;
      if ("action" in command) {
        const perform = actions.get(command.action);
        if (perform === undefined) throw nothing("action", command.action, actions.keys());
        return perform(argument);
      }
      const { guard, name, control } = command;
      const all = store.list().filter((each) => guard === undefined || each.guard === guard);
      const meant = all.filter((each) => each.name === name);
      if (meant.length === 0)
        throw nothing(
          "name",
          name,
          all.map((each) => each.name),
        );
      const taking = meant.filter(({ controls = {} }) => Object.hasOwn(controls, control));
      if (taking.length === 0)
        throw nothing(
          "control",
          control,
          meant.flatMap(({ controls = {} }) => Object.keys(controls)),
        );
      for (const { controls } of taking) controls?.[control]?.(argument as number | string | undefined);
      return taking.length;
    },
  });
}
