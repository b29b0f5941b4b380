// Our own log: one JSON object a line, pino's shape (level, time, event), written without a dependency so that the agent can
// use it too. Values are data: nothing in them is interpreted.
import type { Log } from "@prunella/core";
import type { Writable } from "node:stream";

const levels = { debug: 20, info: 30, warn: 40, error: 50 } as const;

export function jsonLog(to: Writable, least: keyof typeof levels = "info"): Log {
  return {
    write(level, event, fields) {
      if (levels[level] < levels[least]) return;
      to.write(`${JSON.stringify({ level: levels[level], time: Date.now(), pid: process.pid, event, ...fields })}\n`);
    },
  };
}
