// A log that cannot grow: the newest lines in memory, bounded by count and by characters. An error line hands what
// led to it to `onDump`. Writing to disk and its rotation are left to whoever receives the dump.
import type { Reporting } from "../report.ts";
import { quietly } from "../cancel.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { Ring } from "./ring.ts";
import { textOf } from "../text.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

export interface LogLine {
  /** Milliseconds since 1970 (wall clock). */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

export interface RingLogOptions extends GuardOptions {
  /** Most lines held (default 1,000); the oldest is overwritten and counted. */
  readonly capacity?: number;
  /** Most characters held over all lines (default 1,000,000). */
  readonly charactersMax?: number;
  /** Longest message in characters (default 10,000); a longer one is cut and marked with "…". */
  readonly messageMax?: number;
  /** Lines below this level are not kept (default "debug"). */
  readonly level?: LogLevel;
  /** Receives the kept lines, oldest first, when a line of `dumpLevel` or above is written. Its errors are ignored. */
  readonly onDump?: (lines: readonly LogLine[]) => void;
  /** Default "error". */
  readonly dumpLevel?: LogLevel;
  /** Shortest time between two dumps in ms (default 1,000); a dump within it is counted and not made. */
  readonly dumpGapMs?: number;
}

export interface RingLog extends Reporting {
  /** Level below which nothing is kept; may be changed at any time. */
  level: LogLevel;
  log(level: LogLevel, message: string, fields?: LogLine["fields"]): void;
  /** The kept lines of at least `level`, oldest first. */
  lines(level?: LogLevel): LogLine[];
  clear(): void;
}

const rank: Readonly<Record<LogLevel, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };

/** A log in memory that cannot grow. @throws BadOptionError for an option out of its range. */
export function ringLog(options: RingLogOptions = {}): RingLog {
  const guard = openGuard("ring-log", options);
  const { system } = guard;
  const capacity = guard.integer(options, "capacity", 1000, 1);
  const charactersMax = guard.integer(options, "charactersMax", 1_000_000, 1);
  const messageMax = guard.integer(options, "messageMax", 10_000, 1);
  const dumpGapMs = guard.number(options, "dumpGapMs", 1000, 0);
  const dumpRank = rank[known("dumpLevel", options.dumpLevel ?? "error")];
  const count = { written: 0, filtered: 0, overwritten: 0, cut: 0, dumps: 0, dumpsSkipped: 0 };
  let level = known("level", options.level ?? "debug");
  let ring = new Ring<{ readonly line: LogLine; readonly characters: number }>();
  let characters = 0;
  let dumpedAt = -Infinity;
  let dumping = false;
  let full = false;

  function known(field: string, word: LogLevel): LogLevel {
    guard.oneOf(field, word, Object.keys(rank));
    return word;
  }

  function keep(line: LogLine): void {
    const own = charactersOf(line);
    ring.push({ line, characters: own });
    characters += own;
    while (ring.size > 1 && (ring.size > capacity || characters > charactersMax)) {
      characters -= ring.shift()?.characters ?? 0;
      count.overwritten += 1;
      if (!full) guard.tell("full", { lines: ring.size, characters });
      full = true;
    }
  }

  function lines(atLeast: LogLevel = "trace"): LogLine[] {
    return ring
      .toArray()
      .filter(({ line }) => rank[line.level] >= rank[atLeast])
      .map(({ line }) => line);
  }

  function dump(): void {
    if (options.onDump === undefined) return;
    const now = system.now();
    // A receiver may log errors itself.
    if (dumping || now - dumpedAt < dumpGapMs) {
      count.dumpsSkipped += 1;
      return;
    }
    dumpedAt = now;
    count.dumps += 1;
    dumping = true;
    quietly(options.onDump, lines());
    dumping = false;
  }

  return guard.complete<RingLog>(
    {
      get level() {
        return level;
      },
      set level(next) {
        level = known("level", next);
      },
      log(at, message, fields) {
        if (rank[at] < rank[level]) {
          count.filtered += 1;
          return;
        }
        count.written += 1;
        // Also what is no text, an error above all, is one here: the bound is counted in its characters.
        const whole = textOf(message);
        const long = whole.length > messageMax;
        if (long) count.cut += 1;
        const text = long ? `${whole.slice(0, messageMax)}…` : whole;
        keep({ at: system.wallNow(), level: at, message: text, ...(fields === undefined ? {} : { fields }) });
        if (rank[at] >= dumpRank) dump();
      },
      lines,
      clear() {
        ring = new Ring();
        characters = 0;
        full = false;
        guard.tell("cleared");
      },
      controls: {
        "set-level": (argument) => {
          level = known("level", argument as LogLevel);
        },
        dump: () => {
          dumpedAt = -Infinity;
          dump();
        },
      },
    },
    () => ({
      state: full ? "full" : "ok",
      values: { lines: ring.size, capacity, characters, charactersMax },
      counts: count,
    }),
  );
}

function charactersOf(line: LogLine): number {
  let characters = line.message.length;
  for (const [key, value] of Object.entries(line.fields ?? {}))
    characters += key.length + (typeof value === "string" ? value.length : 8);
  return characters;
}
