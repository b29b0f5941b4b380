// Reads one record as JSON, logfmt or text with a header, and finds its message, level, time and fields. What it does
// not recognise stays in the message; nothing is lost but what a bound cuts.
import { levelOf, type LogLevel } from "./levels.ts";

export type FieldValue = string | number | boolean | null;

export interface LogRecord {
  readonly format: "json" | "logfmt" | "text";
  /** What the template miner should read. For a record without a message: its keys, "a=<value> b=<value>". */
  readonly message: string;
  readonly level?: LogLevel;
  /** Epoch ms, as far as the record carries a time with a date and zone. */
  readonly time?: number;
  /** At most 64; nested objects as dotted keys, two deep. Values cut at 1,024 characters. */
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** A stack trace carried in a field or in the lines below the first. */
  readonly stack?: string;
}

const jsonCharactersMax = 262_144;
const fieldsMax = 64;
const valueCharactersMax = 1024;
const depthMax = 3;

const messageKeys = ["message", "msg", "@message", "log", "event", "body", "text"];
const levelKeys = ["level", "severity", "lvl", "log.level", "levelname", "loglevel", "@level", "severity_text"];
const timeKeys = ["time", "timestamp", "ts", "@timestamp", "datetime", "date", "t"];
const stackKeys = [
  "stack",
  "error.stack",
  "err.stack",
  "exception.stacktrace",
  "error.stack_trace",
  "stack_trace",
  "stacktrace",
  "exc_info",
  "exception",
];
const errorTextKeys = ["error.message", "err.message", "exception.message", "error", "err"];

/** Never throws: what is not JSON or logfmt is text. */
export function readLogRecord(record: string): LogRecord {
  const start = record.trimStart();
  if (start.startsWith("{") && record.length <= jsonCharactersMax) {
    const fields = readJson(start);
    if (fields !== undefined) return fromFields("json", fields, record);
  }
  const pairs = readLogfmt(record);
  return pairs === undefined ? readText(record) : fromFields("logfmt", pairs, record);
}

function readJson(text: string): Record<string, FieldValue> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const fields: Record<string, FieldValue> = Object.create(null) as Record<string, FieldValue>;
  flatten(parsed as Record<string, unknown>, "", fields, 1);
  return fields;
}

function flatten(
  source: Record<string, unknown>,
  prefix: string,
  into: Record<string, FieldValue>,
  depth: number,
): void {
  for (const [key, value] of Object.entries(source)) {
    if (Object.keys(into).length >= fieldsMax) return;
    const name = prefix + key;
    if (typeof value === "object" && value !== null && !Array.isArray(value) && depth < depthMax)
      flatten(value as Record<string, unknown>, `${name}.`, into, depth + 1);
    else if (typeof value === "number" || typeof value === "boolean" || value === null) into[name] = value;
    else into[name] = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  }
}

// key=value, key="quoted value", bare keys; a record is logfmt when all of it reads so and a message, level or time is among the keys.
const pair = /\s*([A-Za-z_@][\w.@/-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)/y;

function readLogfmt(record: string): Record<string, FieldValue> | undefined {
  const text = record.trimEnd();
  if (text.length > jsonCharactersMax || !text.includes("=") || text.includes("\n")) return undefined;
  const fields: Record<string, FieldValue> = Object.create(null) as Record<string, FieldValue>;
  let count = 0;
  pair.lastIndex = 0;
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (match === null) return undefined;
    count += 1;
    if (count <= fieldsMax) fields[match[1]!] = match[2] === undefined ? scalar(match[3]!) : unescaped(match[2]);
  }
  const known = [...messageKeys, ...levelKeys, ...timeKeys].filter((key) => key in fields);
  return count >= 2 && known.length > 0 ? fields : undefined;
}

const unescaped = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_, mark: string) => (mark === "n" ? "\n" : mark === "t" ? "\t" : mark));

function scalar(text: string): FieldValue {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : text;
}

function fromFields(format: "json" | "logfmt", fields: Record<string, FieldValue>, record: string): LogRecord {
  const pick = (keys: readonly string[]): [string, FieldValue] | undefined => {
    const key = keys.find((each) => each in fields && fields[each] !== "" && fields[each] !== null);
    return key === undefined ? undefined : [key, fields[key]!];
  };
  const message = pick(messageKeys) ?? pick(errorTextKeys);
  const level = pick(levelKeys);
  const time = pick(timeKeys);
  const stack = pick(stackKeys);
  const rest: Record<string, FieldValue> = Object.create(null) as Record<string, FieldValue>;
  for (const [key, value] of Object.entries(fields))
    if (key !== message?.[0] && key !== level?.[0] && key !== time?.[0] && !(key === stack?.[0] && isStack(stack[1])))
      rest[key] = typeof value === "string" ? value.slice(0, valueCharactersMax) : value;
  return {
    format,
    message: message === undefined ? keysAsMessage(rest, record) : String(message[1]),
    ...optional("level", levelOf(level?.[1])),
    ...optional("time", timeOf(time?.[1])),
    fields: rest,
    ...optional("stack", stack !== undefined && isStack(stack[1]) ? String(stack[1]) : undefined),
  };
}

/** A record of values only: its keys are its template. */
function keysAsMessage(fields: Readonly<Record<string, FieldValue>>, record: string): string {
  const keys = Object.keys(fields);
  if (keys.length === 0) return record;
  return keys.map((key) => `${key}=${String(fields[key])}`).join(" ");
}

const stamp =
  /^\[?(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d{2}:?\d{2}))?)\]?[ \t:|-]*/;
const syslogStamp = /^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} (?:[\w.:-]+ )?(?=[\w./-]+(?:\[\d+\])?: )/;
const klog = /^([IWEF])\d{4} \d{2}:\d{2}:\d{2}\.\d+\s+\d+ \S+:\d+\] /;
const levelWord = /^[[(<]?([A-Za-z]{3,13})[\])>]?(?=[\s:|\]-])[ \t:|-]*/;
const klogLevels: Readonly<Record<string, LogLevel>> = { I: "info", W: "warn", E: "error", F: "fatal" };

function readText(record: string): LogRecord {
  const breakAt = record.indexOf("\n");
  let line = breakAt < 0 ? record : record.slice(0, breakAt);
  const below = breakAt < 0 ? undefined : record.slice(breakAt + 1);
  let time: number | undefined;
  let level: LogLevel | undefined;
  const kubernetes = klog.exec(line);
  if (kubernetes !== null) {
    level = klogLevels[kubernetes[1]!];
    line = line.slice(kubernetes[0].length);
  } else {
    const dated = stamp.exec(line) ?? syslogStamp.exec(line);
    if (dated !== null && dated[0].length < line.length) {
      time = timeOf(dated[1]);
      line = line.slice(dated[0].length);
    }
    const word = levelWord.exec(line);
    const found = word === null ? undefined : levelOf(word[1]);
    // A level word is a header only after a stamp, in brackets or alone in capitals: "Error: x" is a message, and so is
    // "ERROR IN TRANSIT".
    const isHeader = dated !== null || /^[[(<]/.test(line) || /^[A-Z]{3,13}\b(?![^A-Za-z]{0,4}[A-Z]{2,}\b)/.test(line);
    if (found !== undefined && isHeader && word![0].length < line.length) {
      level = found;
      line = line.slice(word![0].length);
    }
  }
  return {
    format: "text",
    message: line,
    ...optional("level", level),
    ...optional("time", time),
    fields: {},
    ...optional("stack", below !== undefined && isStack(below) ? record : undefined),
  };
}

const isStack = (value: FieldValue): boolean =>
  typeof value === "string" &&
  /^\s*(?:at \S|File "|Traceback|Caused by:|goroutine \d)|\n\s+at |\n\s*File "|^\S+@\S+:\d+/m.test(value);

/** Epoch ms from an ISO text with a zone, or from a number of seconds, ms, us or ns. */
function timeOf(value: FieldValue | undefined): number | undefined {
  if (typeof value === "string") {
    if (/^\d{9,19}(?:\.\d+)?$/.test(value)) return timeOf(Number(value));
    const iso = value
      .replace(",", ".")
      .replace(/^(\d{4}-\d{2}-\d{2}) /, "$1T")
      .replace(/ (?=[Z+-])/, "");
    if (!/(?:Z|[+-]\d{2}:?\d{2})$/.test(iso)) return undefined;
    const parsed = Date.parse(iso.replace(/(\.\d{3})\d+/, "$1"));
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  if (typeof value !== "number" || !(value > 1e8)) return undefined;
  if (value < 1e11) return Math.round(value * 1000);
  if (value < 1e14) return Math.round(value);
  return Math.round(value < 1e17 ? value / 1e3 : value / 1e6);
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
