// The newest lines of a target's log files for whoever has only the data folder: no agent runs that could tell when each line
// was written, so a line carries the time at which its file was last written.
import type { LogLine } from "@prunella/adapters";
import { statSync } from "node:fs";
import path from "node:path";
import { logFileOf } from "./log-file.ts";
import { tail } from "./log-tail.ts";

/** Read from the end of each file, bytes. */
const bytesMax = 8_000_000;

/** Oldest first, those of the error output after those of the output. Empty when there are no files. */
export function readLogs(dataFolder: string, target: string, lines: number, containing: string | null): LogLine[] {
  return (["out", "err"] as const)
    .flatMap((stream) => {
      const file = logFileOf(path.join(dataFolder, "logs"), target, stream);
      const at = Math.round(statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      return tail(file, { lines, containing, from: 0, bytesMax }).map((line): LogLine => ({
        target,
        stream,
        at,
        text: line.text,
      }));
    })
    .slice(-lines);
}
