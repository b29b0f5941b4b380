// A service that logs 50 MB/s. With guards the newest lines are kept in a ring in memory and only what passes the level goes
// out; its level is raised from outside (guard "log", control "set-level"). Without, everything is kept and written.
import { ringLog } from "@prunella/resilience";
import { writeSync } from "node:fs";
import { guardsOn, serve } from "./kit.ts";

const ring = ringLog({ name: "log", capacity: 10_000, charactersMax: 4_000_000, level: "debug" });
const everything: string[] = [];
const padding = "x".repeat(900);
let number = 0;
let lost = 0;
let flooding = false;
let bytesPerSecondMax = 0;

/** One line a millisecond's worth: to the ring, and out as long as its level passes. */
function log(level: "debug" | "error", message: string): void {
  if (!guardsOn) {
    if (everything.length < 400_000) everything.push(message);
    write(message);
    return;
  }
  ring.log(level, message);
  if (level === "error" || ring.level === "debug" || ring.level === "trace") write(message);
  else lost += 1;
}

let waiting: string[] = [];
function write(message: string): void {
  waiting.push(message);
  if (waiting.length >= 500) flush();
}
function flush(): void {
  if (waiting.length === 0) return;
  // A file takes all of it at once.
  writeSync(1, `${waiting.join("\n")}\n`);
  waiting = [];
}

serve({
  "/flood": () => {
    if (flooding) return "flooding";
    flooding = true;
    const startedAt = performance.now();
    let written = 0;
    setInterval(() => {
      // 50 MB/s, made up of lines of about 1 kB.
      const due = ((performance.now() - startedAt) / 1_000) * 50_000;
      for (let lines = 0; written < due && lines < 5_000; lines += 1, written += 1)
        log("debug", `line ${(number += 1)} ${padding}`);
      flush();
      bytesPerSecondMax = Math.max(bytesPerSecondMax, (written * 915) / ((performance.now() - startedAt) / 1_000));
      if (written < due - 5_000) written = due;
    }, 20);
    return "flooding";
  },
  "/result": () => {
    const newest = ring.lines().at(-1);
    return {
      lines: number,
      megabytesPerSecond: Math.round(bytesPerSecondMax / 1e6),
      rssMb: Math.round(process.memoryUsage().rss / 1e6),
      heapMb: Math.round(process.memoryUsage().heapUsed / 1e6),
      kept: guardsOn ? ring.snapshot().values["lines"] : everything.length,
      newestKept: newest === undefined ? null : newest.message.split(" ")[1] === String(number - lost) || lost > 0,
      level: ring.level,
      lost,
      overwritten: ring.snapshot().counts["overwritten"],
      filtered: ring.snapshot().counts["filtered"],
      /** Every line was written, filtered or (in memory) overwritten: nothing is lost without being counted. */
      unaccounted: guardsOn
        ? number - (ring.snapshot().counts["written"] ?? 0) - (ring.snapshot().counts["filtered"] ?? 0)
        : null,
    };
  },
});
