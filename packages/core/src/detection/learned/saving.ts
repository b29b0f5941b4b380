// What of the learned state is written, and when: each part is a unit with an id; units that changed take turns, the one
// written longest ago first, within a budget of characters a turn. So a fleet of any size costs the disk the same, and
// after a restart each unit goes on from at most one round ago.
import type { Learned } from "../../ports.ts";
import type { TimeMs } from "../../signal/index.ts";
import type { Json } from "../finding.ts";

/** Longest state of one unit, characters of JSON; a longer one is not saved and counted. */
export const savedCharactersMax = 2_000_000;
/** Units that are saved; further ones are learned in memory only. */
export const unitsMax = 4_000;

export interface Unit {
  readonly id: string;
  /** The state as it is now; null: nothing worth keeping yet. */
  state(): unknown;
}

export interface Saver {
  /** A unit that may have changed since it was saved last. Cheap; call it whenever it learned. */
  changed(unit: Unit): void;
  forget(id: string): void;
  /** The units whose turn it is, their states together about `charactersMax` (one more unit may pass it). */
  save(now: TimeMs, charactersMax: number): Learned[];
  /** Units refused at `unitsMax`, or because their state was too long. */
  readonly refused: number;
}

export function newSaver(): Saver {
  // Insertion order is the order of turns.
  const waiting = new Map<string, Unit>();
  const known = new Set<string>();
  let refused = 0;
  return {
    changed(unit) {
      if (waiting.has(unit.id)) return;
      if (!known.has(unit.id)) {
        if (known.size >= unitsMax) {
          refused += 1;
          return;
        }
        known.add(unit.id);
      }
      waiting.set(unit.id, unit);
    },
    forget(id) {
      waiting.delete(id);
      known.delete(id);
    },
    save(now, charactersMax) {
      const rows: Learned[] = [];
      let characters = 0;
      for (const [id, unit] of waiting) {
        if (characters >= charactersMax) break;
        waiting.delete(id);
        const state = unit.state();
        if (state === null) continue;
        const text = JSON.stringify(state, shortened);
        if (text.length > savedCharactersMax) {
          refused += 1;
          continue;
        }
        characters += text.length;
        rows.push({ id, at: now, state: JSON.parse(text) as Json });
      }
      return rows;
    },
    get refused() {
      return refused;
    },
  };
}

/** Seven digits say what is usual as well as seventeen, in half the space; whole numbers (times, counts) stay exact. */
function shortened(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value;
}

/** Restores a unit, or begins anew when what was saved is of a form this build does not read. */
export function restored<T>(state: unknown, restore: (state: never) => T, fresh: () => T): T {
  if (state === undefined || state === null) return fresh();
  try {
    return restore(state as never);
  } catch {
    return fresh();
  }
}
