// One log file that a service writes to directly (opened for appending; no pipe, so neither side notices the other's death
// and no line waits in the agent). Rotation keeps every line exactly once although the writer never reopens the file:
//   1. while the service runs, all but the newest bytes are copied to FILE.new;
//   2. the service is stopped (SIGSTOP) until /proc says that every thread of every member has stopped, at most 50 ms;
//   3. nobody can write now: the rest is copied, FILE.1… are shifted, FILE is truncated, FILE.new becomes FILE.1;
//   4. the service goes on (SIGCONT). If 2 fails, or somebody else had stopped it, rotation is put off.
// An agent that dies in step 3 leaves FILE.new beside stopped processes; `recover` finishes or undoes what it began.
import path from "node:path";
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";

/** Stops and continues whoever writes to the file. */
export interface Writers {
  /** False: they did not all stop in time, or were stopped already; nothing is stopped then. */
  pause(): Promise<boolean>;
  resume(): void;
}

export type Rotation =
  | { readonly kind: "rotated"; readonly bytes: number; readonly pausedMs: number }
  | { readonly kind: "put-off"; readonly reason: string };

/** More than this is not copied while the writers stand still; the rotation is put off instead. */
const pausedBytesMax = 33_554_432;
/** Rounds of copying beside a running writer before it is stopped for the rest. */
const roundsMax = 8;
const pieceBytes = 262_144;

/** Size in bytes, 0 when there is no file. */
/** Path of a log file: `logs/<target>.out.log`, a "/" of the target written "~". */
export function logFileOf(logFolder: string, target: string, stream: "out" | "err"): string {
  return path.join(logFolder, `${target.replaceAll("/", "~")}.${stream}.log`);
}

export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Moves what `file` holds to `file.1`, older ones to `file.2` … and keeps `files` of them (at least one). */
export async function rotate(file: string, files: number, writers: Writers): Promise<Rotation> {
  const draft = `${file}.new`;
  let copied: number;
  try {
    copied = await copyBeside(file, draft);
  } catch (error) {
    rmSync(draft, { force: true });
    return { kind: "put-off", reason: reasonOf(error) };
  }
  const startedAt = performance.now();
  if (!(await writers.pause())) {
    rmSync(draft, { force: true });
    return { kind: "put-off", reason: "the service did not stand still within 50 ms" };
  }
  try {
    const bytes = copyRest(file, draft, copied);
    shiftOlder(file, files);
    truncateSync(file, 0);
    // From here on the draft holds the only copy.
    renameSync(draft, `${file}.1`);
    return { kind: "rotated", bytes, pausedMs: performance.now() - startedAt };
  } catch (error) {
    if (sizeOf(file) > 0) rmSync(draft, { force: true });
    return { kind: "put-off", reason: reasonOf(error) };
  } finally {
    writers.resume();
  }
}

/**
 * Brings an interrupted rotation to an end; true when there was one, in which case the service may still be stopped. Safe
 * because the writers have stood still since: the copy is complete if and only if the file was truncated.
 */
export function recover(file: string, files: number): boolean {
  const draft = `${file}.new`;
  if (!existsSync(draft)) return false;
  if (sizeOf(file) === 0 && sizeOf(draft) > 0) {
    // Its older files may have been shifted already; then there is no .1 in the way.
    if (existsSync(`${file}.1`)) shiftOlder(file, files);
    renameSync(draft, `${file}.1`);
  } else rmSync(draft, { force: true });
  return true;
}

async function copyBeside(file: string, draft: string): Promise<number> {
  const source = await open(file, "r");
  const target = await open(draft, "w", 0o600);
  const piece = Buffer.allocUnsafe(pieceBytes);
  let at = 0;
  try {
    for (let round = 0; round < roundsMax; round += 1) {
      const until = (await source.stat()).size;
      if (round > 0 && until - at < pieceBytes) break;
      while (at < until) {
        const { bytesRead } = await source.read(piece, 0, Math.min(pieceBytes, until - at), at);
        if (bytesRead === 0) break;
        await target.write(piece, 0, bytesRead, at);
        at += bytesRead;
      }
    }
    return at;
  } finally {
    await source.close();
    await target.close();
  }
}

function copyRest(file: string, draft: string, copied: number): number {
  const source = openSync(file, "r");
  const target = openSync(draft, "r+");
  try {
    const size = fstatSync(source).size;
    if (size < copied) throw new Error("somebody else truncated the file");
    if (size - copied > pausedBytesMax) throw new Error(`the writer is ahead by ${size - copied} bytes`);
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (let at = copied; at < size;) {
      const read = readSync(source, piece, 0, Math.min(pieceBytes, size - at), at);
      if (read === 0) throw new Error("the file became shorter");
      for (let written = 0; written < read;) written += writeSync(target, piece, written, read - written, at + written);
      at += read;
    }
    return size;
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

/** Makes room for a new `.1`; the oldest of `files` (at least one) goes. */
function shiftOlder(file: string, files: number): void {
  for (let at = Math.max(1, files) - 1; at >= 1; at -= 1) {
    if (existsSync(`${file}.${at}`)) renameSync(`${file}.${at}`, `${file}.${at + 1}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
