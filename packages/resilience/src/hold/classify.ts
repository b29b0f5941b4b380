// What an error asks for: a transient one to be tried again, a configuration error to be corrected by a person, an
// unexpected one to be made loud. The tables are in classify-tables.ts; own rules come first.
import type { Reporting } from "../report.ts";
import { parseRetryAfter, retryAfterOf } from "../call/backoff.ts";
import { byCode, byHttpStatus, byMessage, bySqlState } from "./classify-tables.ts";
import { causesOf } from "./causes.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { textOf } from "../text.ts";

export type ErrorKind =
  /** May pass by itself: retry, and count. */
  | "transient"
  /** Will not pass until somebody changes something: disable what is configured so. */
  | "configuration"
  /** A bug, or something nobody thought of: log as critical and rethrow. */
  | "unexpected";

export interface Classified {
  readonly kind: ErrorKind;
  /** What decided: "code ECONNREFUSED", "http 503", "sqlstate 40P01", "rule 2", "no rule". */
  readonly because: string;
  /** When the error itself says how long to wait, in ms. */
  readonly retryAfterMs?: number;
}

/** Own rule: answers a kind, or undefined to leave it to the next. */
export type ClassifyRule = (error: unknown) => ErrorKind | undefined;

/** Classifies by the tables alone; the error first, then its causes (at most 10), the first that any table knows decides. */
export function classify(error: unknown): Classified {
  for (const each of causesOf(error)) {
    const known = lookUp(each);
    if (known !== undefined) return known;
  }
  return { kind: "unexpected", because: "no rule" };
}

function lookUp(error: unknown): Classified | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, status, statusCode, name, message } = error as Record<string, unknown>;
  const wait = waitOf(error);
  const retryAfter = wait === undefined ? {} : { retryAfterMs: wait };
  for (const key of [code, name]) {
    const kind = typeof key === "string" ? byCode(key) : undefined;
    if (kind !== undefined) return { kind, because: `code ${String(key)}`, ...retryAfter };
  }
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) {
    const kind = bySqlState(code);
    if (kind !== undefined) return { kind, because: `sqlstate ${code}`, ...retryAfter };
  }
  const http = typeof status === "number" ? status : statusCode;
  if (typeof http === "number") {
    const kind = byHttpStatus(http);
    if (kind !== undefined) return { kind, because: `http ${http}`, ...retryAfter };
  }
  if (typeof message === "string") {
    const kind = byMessage(message);
    if (kind !== undefined) return { kind, because: `message ${message.slice(0, 40)}`, ...retryAfter };
  }
  return undefined;
}

/** The error's own wish, or that of a Retry-After header that it carries in seconds. */
function waitOf(error: object): number | undefined {
  const { headers } = error as { headers?: { get?: (name: string) => unknown } & Record<string, unknown> };
  const field = typeof headers?.get === "function" ? headers.get("retry-after") : headers?.["retry-after"];
  return retryAfterOf(error) ?? parseRetryAfter(String(field), Number.NaN);
}

export interface ClassifierOptions extends GuardOptions {
  /** Own rules, asked in order before the tables; one that throws is passed over. */
  readonly rules?: readonly ClassifyRule[];
}

export interface Classifier extends Reporting {
  classify(error: unknown): Classified;
}

/** A classifier with own rules that counts what it sees and tells unexpected errors as trips. */
export function classifier(options: ClassifierOptions = {}): Classifier {
  const guard = openGuard("classifier", options);
  const count = { transient: 0, configuration: 0, unexpected: 0 };

  function decide(error: unknown): Classified {
    for (const [at, rule] of (options.rules ?? []).entries()) {
      try {
        const kind = rule(error);
        if (kind !== undefined) return { kind, because: `rule ${at + 1}` };
      } catch {
        // A rule that cannot judge this error leaves it to the next.
      }
    }
    return classify(error);
  }

  return guard.complete<Classifier>(
    {
      classify(error) {
        const result = decide(error);
        count[result.kind] += 1;
        if (result.kind !== "transient")
          guard.say(result.kind, "trip", { because: result.because, message: textOf(error) });
        return result;
      },
    },
    () => ({ state: "ok", values: {}, counts: count }),
  );
}
