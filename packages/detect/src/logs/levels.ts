// Severity words and numbers of the common loggers, brought to six levels.

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

const words: Readonly<Record<string, LogLevel>> = {
  trace: "trace",
  finest: "trace",
  finer: "trace",
  verbose: "debug",
  debug: "debug",
  dbg: "debug",
  fine: "debug",
  config: "info",
  info: "info",
  inf: "info",
  information: "info",
  informational: "info",
  notice: "info",
  log: "info",
  warn: "warn",
  wrn: "warn",
  warning: "warn",
  err: "error",
  error: "error",
  severe: "error",
  eror: "error",
  crit: "fatal",
  critical: "fatal",
  alert: "fatal",
  emerg: "fatal",
  emergency: "fatal",
  panic: "fatal",
  fatal: "fatal",
};

/** From a word in any case, or pino's and bunyan's numbers (10 to 60). Undefined when it is none of them. */
export function levelOf(value: unknown): LogLevel | undefined {
  if (typeof value === "string")
    return Object.hasOwn(words, value.toLowerCase()) ? words[value.toLowerCase()] : undefined;
  if (typeof value !== "number" || value < 10 || value > 69) return undefined;
  return (["trace", "debug", "info", "warn", "error", "fatal"] as const)[Math.floor(value / 10) - 1];
}
