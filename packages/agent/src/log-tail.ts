// Reads the last lines of a log file and of the rotated one before it, without reading more than it must.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export interface TailLine {
  readonly text: string;
  /** Offset in its file at which the line starts; `rotated` tells which file. */
  readonly offset: number;
  readonly rotated: boolean;
}

export interface TailOptions {
  readonly lines: number;
  /** Only lines that hold this text; null: all. */
  readonly containing: string | null;
  /** Nothing before this offset of the current file is read; above 0 the rotated file is not read either. */
  readonly from: number;
  /** At most this many bytes are read from the end of each file. */
  readonly bytesMax: number;
}

/** Longest line given, in characters; the rest of a longer one is cut. */
export const lineCharactersMax = 2_000;

/** The last lines of `file`, oldest first, continued into `file.1` when there are not enough. */
export function tail(file: string, options: TailOptions): TailLine[] {
  const current = tailOf(file, options.lines, options.containing, options.from, options.bytesMax, false);
  if (options.from > 0 || current.length >= options.lines) return current;
  const missing = options.lines - current.length;
  return [...tailOf(`${file}.1`, missing, options.containing, 0, options.bytesMax, true), ...current];
}

function tailOf(
  file: string,
  linesMax: number,
  containing: string | null,
  from: number,
  bytesMax: number,
  rotated: boolean,
): TailLine[] {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    return [];
  }
  try {
    const size = fstatSync(descriptor).size;
    // A file that was truncated meanwhile is read from its start.
    const lowest = Math.max(from <= size ? from : 0, size - bytesMax);
    const text = Buffer.allocUnsafe(size - lowest);
    const held = readSync(descriptor, text, 0, text.length, lowest);
    return linesOf(text.subarray(0, held), linesMax, containing, lowest, rotated, lowest > from && lowest > 0);
  } catch {
    return [];
  } finally {
    closeSync(descriptor);
  }
}

/** Lines of a piece of a file, from its end; the first one is left out when it may have begun before the piece. */
function linesOf(
  text: Buffer,
  linesMax: number,
  containing: string | null,
  base: number,
  rotated: boolean,
  partial: boolean,
): TailLine[] {
  const lines: TailLine[] = [];
  let end = text.length;
  if (end > 0 && text[end - 1] === 10) end -= 1;
  while (end >= 0 && text.length > 0 && lines.length < linesMax) {
    const before = end === 0 ? -1 : text.lastIndexOf(10, end - 1);
    if (before < 0 && partial) break;
    const line = text
      .subarray(before + 1, end)
      .toString()
      .replace(/\r$/, "");
    if (containing === null || line.includes(containing))
      lines.push({ text: line.slice(0, lineCharactersMax), offset: base + before + 1, rotated });
    if (before < 0) break;
    end = before;
  }
  return lines.reverse();
}
