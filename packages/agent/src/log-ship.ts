// Sends the lines that services write to the control plane, in batches, once a second. The agent does not look into them.
// While nobody reads, nothing is sent and places are kept: up to a megabyte a file is caught up with later. What is left out
// at a bound is counted, and told at most once a minute for each target.
import type { TargetKey, TimeMs } from "@prunella/core";
import { logFollower, type LogFollower } from "./log-follow.ts";
import { sizeOf } from "./log-file.ts";

/** Lines of one stream of a service a second. */
export const linesPerSecondMax = 500;
/** Bytes read a second over all services, and of one stream. */
const roundBytesMax = 2_000_000;
const streamBytesMax = 262_144;
const tellEveryMs = 60_000;

/** What the shipper needs of a service. */
export interface Writer {
  readonly target: TargetKey;
  readonly adopted: boolean;
  readonly record: { readonly outFrom: number; readonly errFrom: number };
  logFile(stream: "out" | "err"): string;
}

export interface LogShipOptions {
  /** False when the control plane is away or reads too slowly. */
  readonly ready: () => boolean;
  readonly send: (batch: LogBatch) => void;
  readonly countLost: (count: number, reason: string) => void;
}

export interface LogBatch {
  readonly target: TargetKey;
  readonly stream: "out" | "err";
  /** To the second: when they were read. */
  readonly at: TimeMs;
  readonly lines: readonly string[];
  /** Lines left out right before or among these; at least so many when bytes were skipped. */
  readonly lost: number;
}

export interface LogShip {
  /** Call once a second. */
  round(services: Iterable<Writer>, at: TimeMs): void;
  forget(target: TargetKey): void;
}

export function logShip(options: LogShipOptions): LogShip {
  const followers = new Map<string, LogFollower>();
  const lost = new Map<TargetKey, { count: number; since: TimeMs }>();
  let turn = 0;

  function followerOf(service: Writer, stream: "out" | "err"): LogFollower {
    const key = `${service.target} ${stream}`;
    let follower = followers.get(key);
    if (follower === undefined) {
      const file = service.logFile(stream);
      // Of a process that was adopted, what it wrote before is history; a new one is read from its first line.
      const began = stream === "out" ? service.record.outFrom : service.record.errFrom;
      const size = sizeOf(file);
      follower = logFollower(file, service.adopted || began > size ? size : began);
      followers.set(key, follower);
    }
    return follower;
  }

  return {
    round(services, at) {
      if (!options.ready()) return;
      const all = [...services];
      let bytes = roundBytesMax;
      turn += 1;
      for (let index = 0; index < all.length; index += 1) {
        // Services take turns at being first, so that a loud one cannot silence the others for good.
        const service = all[(index + turn) % all.length]!;
        for (const stream of ["err", "out"] as const) {
          const { lines, lostLines, lostBytes } = followerOf(service, stream).next({
            linesMax: linesPerSecondMax,
            bytesMax: Math.min(streamBytesMax, bytes),
          });
          for (const line of lines) bytes -= line.length + 1;
          // A line is about a hundred bytes; how many were skipped is not looked at, only that they were.
          const missing = lostLines + Math.ceil(lostBytes / 100);
          if (missing > 0) {
            const known = lost.get(service.target) ?? { count: 0, since: at };
            lost.set(service.target, { ...known, count: known.count + missing });
          }
          if (lines.length > 0 || missing > 0)
            options.send({ target: service.target, stream, at, lines, lost: missing });
        }
      }
      for (const [target, { count, since }] of lost) {
        if (at - since < tellEveryMs) continue;
        lost.delete(target);
        options.countLost(
          count,
          `${target} writes more lines than are analysed (${linesPerSecondMax} a second); they are in its log files`,
        );
      }
    },
    forget(target) {
      for (const stream of ["out", "err"]) followers.delete(`${target} ${stream}`);
      lost.delete(target);
    },
  };
}
