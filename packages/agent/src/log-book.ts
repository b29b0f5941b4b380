// The log files of all services: how far each has grown (for the times of lines, and to rotate in time), and on request the
// newest of their lines that fit, back through the rotated files.
import type { LogLine } from "@prunella/adapters";
import type { TargetKey } from "@prunella/core";
import { sizeOf } from "./log-file.ts";
import { search } from "./log-search.ts";
import { logTimes, type LogTimes } from "./log-times.ts";
import type { Service } from "./service.ts";

const linesMax = 5_000;
/** Read for one request, of each stream, its rotated files included. */
const bytesMax = 32_000_000;
const streams = ["out", "err"] as const;

export interface LogSearch {
  readonly lines: number;
  /** Only lines that hold this text; null: all. */
  readonly containing: string | null;
  /** Only lines that hold one of these, whatever their case; null: all. */
  readonly anyOf: readonly string[] | null;
}

export interface LogBook {
  /** Notes how large the files of a service are now; rotates those beyond their limit. Call once a second. */
  look(service: Service, at: number): void;
  /** Bytes a second that a service wrote into its log between the last two looks; null before there were two. */
  bytesPerSecond(target: TargetKey): number | null;
  /** The newest lines of both streams that fit, oldest first, at most 5,000 and what fits into one message. */
  lines(service: Service, wanted: LogSearch): Promise<LogLine[]>;
  /** A service is gone: forgets its notes. */
  forget(target: TargetKey): void;
}

export function logBook(now: () => number): LogBook {
  const times = new Map<string, LogTimes>();
  /** Size of each stream at the last look, and how fast both streams of a target grew until then. */
  const sizes = new Map<string, { readonly size: number; readonly at: number }>();
  const rates = new Map<TargetKey, number>();
  const keyOf = (target: TargetKey, stream: string): string => `${target} ${stream}`;
  return {
    look(service, at) {
      let rate: number | null = null;
      for (const stream of streams) {
        const size = sizeOf(service.logFile(stream));
        const key = keyOf(service.target, stream);
        let clock = times.get(key);
        if (clock === undefined) times.set(key, (clock = logTimes(now)));
        clock.note(size, at);
        const before = sizes.get(key);
        sizes.set(key, { size, at });
        // A file that became smaller was rotated: what was written since then is what it holds.
        if (before !== undefined && at > before.at)
          rate = (rate ?? 0) + ((size < before.size ? size : size - before.size) * 1_000) / (at - before.at);
        if (size > service.plan.logs.bytesMax) void service.rotateIfLarge(stream);
      }
      if (rate !== null) rates.set(service.target, rate);
    },
    bytesPerSecond: (target) => rates.get(target) ?? null,
    async lines(service, { lines: count, containing, anyOf }) {
      const { target } = service;
      const wanted = Math.min(count, linesMax);
      const words = anyOf?.map((word) => word.toLowerCase()) ?? null;
      const fits = (line: string): boolean => {
        if (containing !== null && !line.includes(containing)) return false;
        if (words === null) return true;
        const lower = line.toLowerCase();
        return words.some((word) => lower.includes(word));
      };
      const lines: LogLine[] = [];
      for (const stream of streams) {
        const clock = times.get(keyOf(target, stream));
        const options = { lines: wanted, fits, bytesMax, filesMax: service.plan.logs.files };
        for (const line of (await search(service.logFile(stream), options)).toReversed()) {
          // Notes reach back one rotation; of older files it is known when they were last written to.
          const at = line.age > 1 ? Math.round(line.fileAt) : (clock?.at(line.offset, line.age === 1) ?? now());
          lines.push({ target, stream, at, text: line.text });
        }
      }
      // Sorting is stable: lines of one stream keep their order.
      return fitting(lines.sort((one, other) => one.at - other.at).slice(-wanted));
    },
    forget(target) {
      rates.delete(target);
      for (const stream of streams) {
        times.delete(keyOf(target, stream));
        sizes.delete(keyOf(target, stream));
      }
    },
  };
}

/** Newest lines whose JSON fits into one message. */
function fitting(lines: readonly LogLine[]): LogLine[] {
  let room = 800_000;
  let first = lines.length;
  while (first > 0) {
    room -= Buffer.byteLength(JSON.stringify(lines[first - 1])) + 1;
    if (room < 0) break;
    first -= 1;
  }
  return lines.slice(first);
}
