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
        const copy = { characters: 0 };
        const kept = shortened(state, copy);
        if (copy.characters > savedCharactersMax) {
          refused += 1;
          continue;
        }
        characters += copy.characters;
        rows.push({ id, at: now, state: kept });
      }
      return rows;
    },
    get refused() {
      return refused;
    },
  };
}

/**
 * What JSON would make of a state, in one walk and without its text: seven digits say what is usual as well as seventeen, in
 * half the space; whole numbers (times, counts) stay exact. `copy` counts the characters that its JSON has, about.
 */
function shortened(value: unknown, copy: { characters: number }): Json {
  switch (typeof value) {
    case "number":
      copy.characters += numberCharacters;
      return Number.isInteger(value) ? value + 0 : Number.isFinite(value) ? sevenDigits(value) : null;
    case "string":
      copy.characters += value.length + 3;
      return value;
    case "boolean":
      copy.characters += 5;
      return value;
    case "object": {
      if (value === null) break;
      if (Array.isArray(value)) {
        copy.characters += 2;
        return value.map((each) => shortened(each, copy));
      }
      const of = value as Readonly<Record<string, unknown>>;
      const kept: Record<string, Json> = {};
      copy.characters += 2;
      for (const key of Object.keys(of)) {
        if (of[key] === undefined) continue;
        copy.characters += key.length + 4;
        kept[key] = shortened(of[key], copy);
      }
      return kept;
    }
    default:
      break;
  }
  copy.characters += 5;
  return null;
}

/** A number of seven digits, its point, its comma, and now and then an exponent. */
const numberCharacters = 10;

/** As `Number(value.toPrecision(7))`, without its text where powers of ten are exact. */
function sevenDigits(value: number): number {
  const digits = 6 - Math.floor(Math.log10(Math.abs(value)));
  if (!(digits > 0 && digits <= 22)) return Number(value.toPrecision(7));
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
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
