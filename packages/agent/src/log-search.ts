// Finds the newest lines of a log that fit, from the end of the newest file back through the rotated ones. Reads in pieces
// and lets others run between them, so that a search through tens of megabytes neither stalls nor swells the agent.
import { open } from "node:fs/promises";
import { statSync } from "node:fs";
import { lineCharactersMax } from "./log-tail.ts";

export interface FoundLine {
  readonly text: string;
  /** Where it starts in its file; `age` 0 is the current file, 1 the newest rotated one. */
  readonly offset: number;
  readonly age: number;
  /** Last change of its file, ms since the epoch. */
  readonly fileAt: number;
}

export interface SearchOptions {
  readonly lines: number;
  readonly fits: (line: string) => boolean;
  /** Bytes read in all, from the newest back. */
  readonly bytesMax: number;
  /** Rotated files looked at. */
  readonly filesMax: number;
}

const pieceBytes = 262_144;

/** Newest first. */
export async function search(file: string, options: SearchOptions): Promise<FoundLine[]> {
  const found: FoundLine[] = [];
  let left = options.bytesMax;
  for (let age = 0; age <= options.filesMax && found.length < options.lines && left > 0; age += 1) {
    const name = age === 0 ? file : `${file}.${age}`;
    const facts = statSync(name, { throwIfNoEntry: false });
    if (facts === undefined) {
      if (age === 0) continue;
      break;
    }
    left -= await searchFile(name, age, facts.size, facts.mtimeMs, left, options, found);
  }
  return found;
}

async function searchFile(
  name: string,
  age: number,
  size: number,
  fileAt: number,
  bytesMax: number,
  options: SearchOptions,
  found: FoundLine[],
): Promise<number> {
  let handle;
  try {
    handle = await open(name, "r");
  } catch {
    return 0;
  }
  const lowest = Math.max(0, size - bytesMax);
  let end = size;
  // The beginning of a line whose end was in the piece after this one.
  let tail: Buffer = Buffer.alloc(0);
  try {
    while (end > lowest && found.length < options.lines) {
      const from = Math.max(lowest, end - pieceBytes);
      const piece = Buffer.allocUnsafe(end - from);
      const { bytesRead } = await handle.read(piece, 0, piece.length, from);
      const text = Buffer.concat([piece.subarray(0, bytesRead), tail]);
      let until = text.length;
      if (until > 0 && end === size && text[until - 1] === 10) until -= 1;
      while (found.length < options.lines) {
        const before = until === 0 ? -1 : text.lastIndexOf(10, until - 1);
        // Where a line begins is known at the start of the file only, or after a line break.
        if (before < 0 && from > 0) break;
        give(text.subarray(before + 1, until), from + before + 1);
        if (before < 0) {
          until = -1;
          break;
        }
        until = before;
      }
      tail = until < 0 ? Buffer.alloc(0) : Buffer.from(text.subarray(0, Math.min(until, pieceBytes)));
      end = from;
    }
    return size - end;
  } catch {
    return size - end;
  } finally {
    await handle.close();
  }

  function give(line: Buffer, offset: number): void {
    const text = line
      .subarray(0, 4 * lineCharactersMax)
      .toString()
      .replace(/\r$/, "");
    if (text !== "" && options.fits(text)) found.push({ text: text.slice(0, lineCharactersMax), offset, age, fileAt });
  }
}
