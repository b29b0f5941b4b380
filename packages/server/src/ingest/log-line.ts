// The structure of a log line: JSON, logfmt or plain text; its level and its message.
import { dict, string } from "./read.ts";

export type Level = "trace" | "debug" | "info" | "warn" | "error" | "fatal";
export interface LineStructure {
  readonly format: "json" | "logfmt" | "plain";
  readonly level: Level;
  readonly message: string;
}

/** `said`: the level that its sender gave beside the line. */
export function structureOf(line: string, said?: string): LineStructure {
  const outside = levelOf(said);
  if (line.startsWith("{") && line.length <= 64_000) {
    try {
      const of = dict(JSON.parse(line));
      if (of !== null) {
        const level = levelOf(of["level"] ?? of["severity"] ?? of["lvl"]);
        const message = string(of["msg"] ?? of["message"] ?? of["event"], 8_192) ?? line.slice(0, 8_192);
        return { format: "json", level: outside ?? level ?? "info", message };
      }
    } catch {
      // It only looked like JSON.
    }
  }
  const pairs = [...line.slice(0, 16_000).matchAll(/(?:^|\s)([a-zA-Z_][\w.-]*)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)];
  const field = (...names: string[]): string | undefined => {
    const match = pairs.find(([, name]) => names.includes(name ?? ""));
    return match === undefined ? undefined : (match[2] ?? match[3]);
  };
  if (pairs.length >= 2 && field("level", "lvl", "msg") !== undefined)
    return {
      format: "logfmt",
      level: outside ?? levelOf(field("level", "lvl", "severity")) ?? "info",
      message: field("msg", "message") ?? line.slice(0, 8_192),
    };
  const word = /\b(TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL|PANIC)\b/.exec(line.slice(0, 120))?.[1];
  return { format: "plain", level: outside ?? levelOf(word) ?? "info", message: line.slice(0, 8_192) };
}

/** Words of most loggers, and pino's and bunyan's numbers. */
function levelOf(of: unknown): Level | null {
  if (typeof of === "number")
    return of >= 60
      ? "fatal"
      : of >= 50
        ? "error"
        : of >= 40
          ? "warn"
          : of >= 30
            ? "info"
            : of >= 20
              ? "debug"
              : "trace";
  if (typeof of !== "string") return null;
  const word = of.toLowerCase();
  const known: Readonly<Record<string, Level>> = {
    trace: "trace",
    debug: "debug",
    info: "info",
    notice: "info",
    warn: "warn",
    warning: "warn",
    err: "error",
    error: "error",
    fatal: "fatal",
    critical: "fatal",
    crit: "fatal",
    panic: "fatal",
    emerg: "fatal",
    alert: "fatal",
  };
  return known[word] ?? null;
}
