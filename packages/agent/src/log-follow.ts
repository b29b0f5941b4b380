// Follows one log file that a service writes to: each round gives the lines that were added since the last. Bounded in bytes
// and lines a round; what is beyond a bound is counted and stays in the file. Keeps its place through rotation. No line waits
// here: a place in the file is all that is remembered.
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { lineCharactersMax } from "./log-tail.ts";

export interface FollowedLines {
  readonly lines: readonly string[];
  /** Lines left out because of a bound. */
  readonly lostLines: number;
  /** Bytes skipped because the writer was too far ahead; how many lines that were is not known. */
  readonly lostBytes: number;
}

export interface Budget {
  readonly linesMax: number;
  /** At least a line's length, or nothing is read. */
  readonly bytesMax: number;
}

export interface LogFollower {
  /** Lines added since the last call, oldest first. Reads nothing when the file has not grown. */
  next(budget: Budget): FollowedLines;
}

/** A follower that is further behind skips to the last `skippedToBytes`. */
export const behindBytesMax = 1_048_576;
const skippedToBytes = 131_072;
/** Longest line in bytes; of a longer one the beginning is given and the rest passed over. */
const lineBytesMax = 65_536;
/** A line without its end is given after so many rounds without growth. */
const quietRounds = 3;
const nothing: FollowedLines = { lines: [], lostLines: 0, lostBytes: 0 };

/** Shared: rounds never overlap. */
const buffer = Buffer.allocUnsafe(262_144);

/** @param from offset at which to begin; what lies before is history. */
export function logFollower(file: string, from: number): LogFollower {
  let offset = from;
  /** The rest of an overlong line is being passed over. */
  let passing = false;
  let sizeBefore = -1;
  let rounds = 0;
  let rotatedInode = inodeOf(`${file}.1`);

  function read(name: string, budget: Budget): FollowedLines & { readonly ended: boolean } {
    let descriptor: number;
    try {
      descriptor = openSync(name, "r");
    } catch {
      return { ...nothing, ended: true };
    }
    try {
      const size = fstatSync(descriptor).size;
      const idle = size === sizeBefore;
      sizeBefore = size;
      rounds = idle ? rounds + 1 : 0;
      let lostBytes = 0;
      if (size - offset > behindBytesMax) {
        lostBytes = size - skippedToBytes - offset;
        offset = size - skippedToBytes;
        passing = true;
      }
      const wanted = Math.min(buffer.length, budget.bytesMax, size - offset);
      if (wanted <= 0) return { ...nothing, lostBytes, ended: true };
      const held = readSync(descriptor, buffer, 0, wanted, offset);
      const taken = take(buffer.subarray(0, held), budget.linesMax, rounds >= quietRounds);
      offset += taken.bytes;
      return { lines: taken.lines, lostLines: taken.lost, lostBytes, ended: offset >= size || taken.bytes === 0 };
    } catch {
      return { ...nothing, ended: true };
    } finally {
      closeSync(descriptor);
    }
  }

  function take(piece: Buffer, linesMax: number, quiet: boolean): { lines: string[]; lost: number; bytes: number } {
    const lines: string[] = [];
    let lost = 0;
    let at = 0;
    const give = (line: Buffer): void => {
      if (lines.length >= linesMax) lost += 1;
      else lines.push(textOf(line));
    };
    while (at < piece.length) {
      const end = piece.indexOf(10, at);
      if (end < 0) break;
      if (passing) passing = false;
      else give(piece.subarray(at, end));
      at = end + 1;
    }
    const rest = piece.subarray(at);
    if (rest.length === 0) return { lines, lost, bytes: at };
    if (passing) return { lines, lost, bytes: piece.length };
    if (rest.length >= lineBytesMax) {
      give(rest);
      passing = true;
      return { lines, lost, bytes: piece.length };
    }
    if (quiet) {
      give(rest);
      return { lines, lost, bytes: piece.length };
    }
    return { lines, lost, bytes: at };
  }

  return {
    next(budget) {
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      // The size alone cannot tell: after a rotation the file may have grown to the old place, or past it, again.
      const inode = inodeOf(`${file}.1`);
      if (size === offset && size === sizeBefore && inode === rotatedInode) return nothing;
      if (size >= offset && inode === rotatedInode) return read(file, budget);
      // It was rotated: what had not been read yet is now the end of the rotated file.
      const left = inode === rotatedInode ? { ...nothing, ended: true } : read(`${file}.1`, budget);
      if (!left.ended) return left;
      rotatedInode = inode;
      offset = 0;
      passing = false;
      sizeBefore = -1;
      const begun = read(file, {
        linesMax: Math.max(0, budget.linesMax - left.lines.length),
        bytesMax: budget.bytesMax,
      });
      return {
        lines: [...left.lines, ...begun.lines],
        lostLines: left.lostLines + begun.lostLines,
        lostBytes: left.lostBytes + begun.lostBytes,
      };
    },
  };
}

function textOf(line: Buffer): string {
  // A character is at most 4 bytes.
  const text = line.subarray(0, 4 * lineCharactersMax).toString();
  return text.slice(0, lineCharactersMax).replace(/\r$/, "");
}

function inodeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? 0;
}
