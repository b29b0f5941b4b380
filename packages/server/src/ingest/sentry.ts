// Sentry's envelope and event, read liberally: a field of the wrong type is dropped, not the event; an unknown item is skipped.
// The grammar's own rules (lengths in bytes, one event, headers that are objects) are kept to the letter.
import type { ErrorFacts } from "@prunella/core";
import { RequestError } from "../problem.ts";
import { facts, lastException, stackOf } from "./error-facts.ts";
import { dict, list, number, string, timeMs, type Dict } from "./read.ts";

/** Bytes of a header line, of an event, of a check-in; items of one envelope. */
export const headerBytesMax = 8 * 1024;
export const eventBytesMax = 1024 * 1024;
export const checkInBytesMax = 100 * 1024;
export const itemsMax = 1_000;

export interface Item {
  readonly type: string;
  readonly header: Dict;
  readonly payload: Buffer;
}
export interface Envelope {
  readonly header: Dict;
  readonly eventId: string | null;
  /** Key of the DSN in the header, when there is one. */
  readonly dsnKey: string | null;
  readonly items: readonly Item[];
}

export interface SentryEvent {
  readonly id: string;
  /** When it happened by its sender's clock; null: it did not say. */
  readonly at: number | null;
  readonly level: "fatal" | "error" | "warning" | "info" | "debug";
  readonly error: ErrorFacts | null;
  readonly origin: string;
}

/** Throws RequestError 400 for what breaks the grammar. */
export function decodeEnvelope(body: Buffer): Envelope {
  let at = 0;
  const line = (what: string): Dict => {
    const end = body.indexOf(0x0a, at);
    const stop = end === -1 ? body.length : end;
    if (stop - at > headerBytesMax) throw bad(`${what} is longer than ${headerBytesMax} bytes`);
    const text = body.subarray(at, stop).toString("utf8");
    at = Math.min(body.length, stop + 1);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw bad(`${what} is no JSON`);
    }
    return dict(value) ?? refuse(`${what} is no object`);
  };
  const header = line("envelope header");
  const items: Item[] = [];
  while (at < body.length) {
    // The newline that may end an envelope.
    if (body[at] === 0x0a && at === body.length - 1) break;
    if (items.length >= itemsMax) throw bad(`holds more than ${itemsMax} items`);
    const item = line("item header");
    const type = string(item["type"], 64) ?? refuse("an item has no type");
    const length = item["length"];
    let payload: Buffer;
    if (length === undefined || length === null) {
      const end = body.indexOf(0x0a, at);
      const stop = end === -1 ? body.length : end;
      payload = body.subarray(at, stop);
      at = Math.min(body.length, stop + 1);
    } else {
      const bytes = number(length);
      if (bytes === null || !Number.isInteger(bytes) || bytes < 0) throw bad("an item's length is no whole number");
      if (at + bytes > body.length) throw bad("an item is shorter than its length says");
      payload = body.subarray(at, at + bytes);
      at += bytes;
      if (at < body.length) {
        if (body[at] !== 0x0a) throw bad("an item is longer than its length says");
        at += 1;
      }
    }
    items.push({ type, header: item, payload });
  }
  const events = items.filter(({ type }) => type === "event" || type === "transaction").length;
  if (events > 1) throw bad("holds more than one event or transaction");
  return {
    header,
    eventId: eventId(header["event_id"]),
    dsnKey: /^\w+:\/\/(\w+)[:@]/.exec(string(header["dsn"], 500) ?? "")?.[1] ?? null,
    items,
  };
}

/** Reads an event; `id` of the envelope wins over its own. Throws RequestError when it is no JSON object. */
export function decodeEvent(payload: Buffer, id: string | null): SentryEvent {
  if (payload.length > eventBytesMax)
    throw new RequestError(413, `event: is larger than ${eventBytesMax} bytes; send less of it`, { field: "event" });
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    throw bad("the event is no JSON");
  }
  const event = dict(value) ?? refuse("the event is no object");
  const exception = lastException(event["exception"]);
  const level = levels.find((each) => each === event["level"]) ?? "error";
  return {
    id: id ?? eventId(event["event_id"]) ?? refuse("event_id is missing or is no 32 hex digits"),
    at: timeMs(event["timestamp"]),
    level,
    error: exception === null ? messageFacts(event, level) : exceptionFacts(event, exception),
    origin:
      `sentry ${string(event["transaction"], 150) ?? string(event["logger"], 150) ?? string(event["platform"], 50) ?? ""}`.trim(),
  };
}

const levels = ["fatal", "error", "warning", "info", "debug"] as const;

function exceptionFacts(event: Dict, exception: Dict): ErrorFacts {
  const message = string(exception["value"], 8_192) ?? "";
  const frames = list(dict(exception["stacktrace"])?.["frames"]);
  const isSynthetic = dict(exception["mechanism"])?.["synthetic"] === true;
  const own = frames.map(dict).findLast((frame) => frame?.["in_app"] === true);
  const name = isSynthetic
    ? (string(own?.["function"], 200) ?? "Error")
    : (string(exception["type"], 200) ?? (message === "" ? "Error" : message.slice(0, 80)));
  const code =
    string(dict(dict(event["contexts"])?.["error"])?.["code"], 100) ?? string(dict(event["extra"])?.["code"], 100);
  return facts(name, message, stackOf(name, message, frames), code);
}

/** A message without an exception is an error when its sender says so; it is grouped by its template. */
function messageFacts(event: Dict, level: string): ErrorFacts | null {
  if (level !== "fatal" && level !== "error") return null;
  const entry = dict(event["logentry"]) ?? dict(event["message"]);
  const text =
    string(entry?.["message"], 8_192) ?? string(entry?.["formatted"], 8_192) ?? string(event["message"], 8_192);
  return text === null || text === "" ? null : facts(string(event["logger"], 200) ?? "Message", text, null);
}

export interface CheckIn {
  readonly slug: string;
  readonly status: "in_progress" | "ok" | "error";
}

export function decodeCheckIn(payload: Buffer): CheckIn | null {
  if (payload.length > checkInBytesMax) return null;
  const of = parsed(payload);
  const slug = string(of?.["monitor_slug"], 128);
  const status = (["in_progress", "ok", "error"] as const).find((each) => each === of?.["status"]);
  return slug === null || status === undefined ? null : { slug, status };
}

/** What a client says it lost before it could send it: how many, by reason. */
export function decodeClientReport(payload: Buffer): ReadonlyMap<string, number> {
  const lost = new Map<string, number>();
  for (const each of list(parsed(payload)?.["discarded_events"]).slice(0, 100).map(dict)) {
    const count = number(each?.["quantity"]);
    const reason = string(each?.["reason"], 64);
    if (reason === null || count === null || count <= 0 || each?.["category"] === "internal") continue;
    const known = clientReasons.has(reason) ? reason : "other";
    lost.set(known, (lost.get(known) ?? 0) + Math.min(1e9, Math.floor(count)));
  }
  return lost;
}
const clientReasons = new Set([
  "queue_overflow",
  "cache_overflow",
  "ratelimit_backoff",
  "network_error",
  "sample_rate",
  "before_send",
  "event_processor",
  "send_error",
  "internal_sdk_error",
  "insufficient_data",
  "backpressure",
  "buffer_overflow",
  "ignored",
  "invalid",
]);

/** Log records of level error and above, as errors of their text. */
export function decodeLogs(payload: Buffer): { readonly at: number | null; readonly error: ErrorFacts }[] {
  return list(parsed(payload)?.["items"])
    .slice(0, 1_000)
    .flatMap((item) => {
      const log = dict(item);
      const body = string(log?.["body"], 8_192);
      if (log === null || body === null || !["error", "fatal"].includes(string(log["level"]) ?? "")) return [];
      return [{ at: timeMs(log["timestamp"]), error: facts("Log", body, null) }];
    });
}

/** Key of the header `X-Sentry-Auth: Sentry sentry_key=…, …`. */
export function keyOfHeader(header: string | undefined): string | null {
  if (header === undefined || !/^sentry\s/i.test(header)) return null;
  return /(?:^|[\s,])sentry_key=([\w-]{1,64})/.exec(header)?.[1] ?? null;
}

function parsed(payload: Buffer): Dict | null {
  try {
    return dict(JSON.parse(payload.toString("utf8")));
  } catch {
    return null;
  }
}

function eventId(value: unknown): string | null {
  const text = typeof value === "string" ? value.replaceAll("-", "").toLowerCase() : "";
  return /^[0-9a-f]{32}$/.test(text) ? text : null;
}

function bad(what: string): RequestError {
  return new RequestError(400, `body: ${what}; see https://develop.sentry.dev/sdk/envelopes/`, { field: "body" });
}
function refuse(what: string): never {
  throw bad(what);
}
