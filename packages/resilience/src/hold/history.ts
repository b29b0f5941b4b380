// The last entries, bounded, with counters that are kept apart: forgetting an entry never changes a count, and
// counting never needs an entry.
import type { Reporting } from "../report.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { Ring } from "./ring.ts";

export interface HistoryOptions extends GuardOptions {
  /** Most entries held (default 10,000); the oldest is forgotten. */
  readonly capacity?: number;
  /** Most channels counted by name (default 1,000); further ones are counted as "other". */
  readonly channelsMax?: number;
  /** Most days counted (default 400, UTC); the oldest day is forgotten. */
  readonly daysMax?: number;
}

export interface HistoryCounters {
  /** Entries ever added. */
  readonly total: number;
  readonly byChannel: ReadonlyMap<string, number>;
  /** Key: the UTC day as "2024-12-07". */
  readonly byDay: ReadonlyMap<string, number>;
}

export interface History<Entry> extends Reporting {
  readonly size: number;
  add(entry: Entry, channel?: string): void;
  /** The newest `count` entries, oldest of them first (default all). */
  recent(count?: number): Entry[];
  /** Live view; counters survive `clear`. */
  readonly counters: HistoryCounters;
  /** Forgets the entries, keeps the counters. */
  clear(): void;
}

const dayMs = 86_400_000;
/** Channel of entries beyond `channelsMax` different channels. */
const otherChannel = "other";

/** The last entries, with counters of their own. @throws BadOptionError for an option out of its range. */
export function history<Entry>(options: HistoryOptions = {}): History<Entry> {
  const guard = openGuard("history", options);
  const capacity = guard.integer(options, "capacity", 10_000, 1);
  const channelsMax = guard.integer(options, "channelsMax", 1000, 0);
  const daysMax = guard.integer(options, "daysMax", 400, 1);
  const byChannel = new Map<string, number>();
  const byDay = new Map<string, number>();
  let ring = new Ring<Entry>();
  let total = 0;
  let forgotten = 0;
  let dayNumber: number | undefined;
  let day = "";

  function today(): string {
    const number = Math.floor(guard.system.wallNow() / dayMs);
    if (number !== dayNumber) {
      dayNumber = number;
      day = new Date(number * dayMs).toISOString().slice(0, 10);
    }
    return day;
  }

  function countDay(): void {
    const key = today();
    byDay.set(key, (byDay.get(key) ?? 0) + 1);
    if (byDay.size <= daysMax) return;
    // Days come in order unless the wall clock jumps; the smallest key is the oldest either way.
    let oldest = key;
    for (const each of byDay.keys()) if (each < oldest) oldest = each;
    byDay.delete(oldest);
  }

  return guard.complete<History<Entry>>(
    {
      get size() {
        return ring.size;
      },
      add(entry, channel = "default") {
        total += 1;
        const key = byChannel.has(channel) || byChannel.size < channelsMax ? channel : otherChannel;
        byChannel.set(key, (byChannel.get(key) ?? 0) + 1);
        countDay();
        if (ring.size === capacity) {
          ring.shift();
          forgotten += 1;
        }
        ring.push(entry);
      },
      recent(count = capacity) {
        const first = Math.max(0, ring.size - Math.max(0, count));
        return Array.from({ length: ring.size - first }, (_, at) => ring.at(first + at) as Entry);
      },
      counters: {
        get total() {
          return total;
        },
        byChannel,
        byDay,
      },
      clear() {
        forgotten += ring.size;
        ring = new Ring();
      },
    },
    () => ({
      state: ring.size === capacity ? "full" : "ok",
      values: { size: ring.size, capacity, channels: byChannel.size, days: byDay.size },
      counts: { total, forgotten },
    }),
  );
}
