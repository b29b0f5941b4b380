// Checks of what comes from outside: source ids, intervals, URLs, SQL identifiers. Refuses with the field, the rule
// and the remedy, and counts. An accepted SQL identifier can be put into a statement; everything else is a parameter.
import type { Reporting } from "../report.ts";
import { InvalidInputError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { keywords } from "./sql-keywords.ts";

/** Type and length, and only harmless characters of the beginning: the message may end up in a log or a page. */
function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean" || value === null || value === undefined)
    return String(value);
  if (typeof value !== "string") return `a value of type ${Array.isArray(value) ? "array" : typeof value}`;
  return `text of ${value.length} characters beginning "${value.slice(0, 20).replace(/[^\w .:/@-]/g, "?")}"`;
}

export type SqlDialect = "sqlite" | "postgres";

export interface ValidateOptions extends GuardOptions {
  /** Shortest interval in ms (default 60,000). */
  readonly intervalMsMin?: number;
  /** Longest interval in ms (default 366 days). */
  readonly intervalMsMax?: number;
  /** Longest source id in characters (default 200). */
  readonly sourceIdMax?: number;
  /** Protocols of URLs (default http and https). */
  readonly protocols?: readonly string[];
  /** Longest URL in characters (default 2,048). */
  readonly urlMax?: number;
  /** Whose keywords an identifier must not be (default both). */
  readonly dialects?: readonly SqlDialect[];
}

/** Each check returns the value or throws InvalidInputError; `field` is the name used in the message. */
export interface Validate extends Reporting {
  /** `^[a-zA-Z0-9_-]+$` */
  sourceId(value: unknown, field?: string): string;
  /** A number of ms, or a text of digits, within the bounds. */
  intervalMs(value: unknown, field?: string): number;
  /** An absolute URL with a host (no empty label, no colon without a port) and an allowed protocol, without credentials. Returns it normalised. */
  url(value: unknown, field?: string): string;
  /** `^[a-zA-Z_][a-zA-Z0-9_]*$`, at most 63 characters, no keyword. */
  sqlIdentifier(value: unknown, field?: string): string;
}

interface Host {
  readonly URL: new (text: string) => {
    readonly protocol: string;
    readonly hostname: string;
    readonly href: string;
  };
}

/** Checks with counters. @throws BadOptionError for an option out of its range. */
export function validate(options: ValidateOptions = {}): Validate {
  const guard = openGuard("validate", options);
  const intervalMsMin = guard.number(options, "intervalMsMin", 60_000, 0);
  const intervalMsMax = guard.number(options, "intervalMsMax", 366 * 86_400_000, intervalMsMin);
  const sourceIdMax = guard.integer(options, "sourceIdMax", 200, 1);
  const urlMax = guard.integer(options, "urlMax", 2048, 1);
  const protocols = options.protocols ?? ["http", "https"];
  const dialects = options.dialects ?? ["sqlite", "postgres"];
  for (const dialect of dialects) guard.oneOf("dialects", dialect, Object.keys(keywords));
  const count = { accepted: 0, refused: 0, sourceIds: 0, intervals: 0, urls: 0, sqlIdentifiers: 0 };

  type Counter = "sourceIds" | "intervals" | "urls" | "sqlIdentifiers";

  /** Counts per kind hold the refusals. */
  function refuse(counter: Counter, field: string, rule: string, value: unknown): never {
    count.refused += 1;
    count[counter] += 1;
    guard.trip("refused", { field, rule });
    throw new InvalidInputError(guard.name, field, rule, shown(value));
  }

  function accept<Value>(value: Value): Value {
    count.accepted += 1;
    return value;
  }

  return guard.complete<Validate>(
    {
      sourceId(value, field = "source_id") {
        const rule = `1 to ${sourceIdMax} letters, digits, "_" or "-" (^[a-zA-Z0-9_-]+$)`;
        if (typeof value !== "string" || value.length > sourceIdMax || !/^[a-zA-Z0-9_-]+$/.test(value))
          refuse("sourceIds", field, rule, value);
        return accept(value);
      },
      intervalMs(value, field = "interval") {
        const number = typeof value === "string" && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
        if (typeof number !== "number" || !(number >= intervalMsMin && number <= intervalMsMax))
          refuse("intervals", field, `a number of ms from ${intervalMsMin} to ${intervalMsMax}`, value);
        return accept(number);
      },
      url(value, field = "url") {
        const rule = `an absolute URL with a host, ${protocols.join(" or ")}, no credentials, at most ${urlMax} characters`;
        const parsed = typeof value === "string" && value.length <= urlMax ? parseUrl(value) : undefined;
        const fits =
          parsed !== undefined &&
          // An empty label is no part of a name; one dot at the end is that of a complete name. An escape is never undone.
          !/^\.|\.\.|%/.test(parsed.hostname) &&
          protocols.includes(parsed.protocol.slice(0, -1));
        if (!fits) refuse("urls", field, rule, value);
        return accept(parsed.href);
      },
      sqlIdentifier(value, field = "identifier") {
        if (!isSqlIdentifier(value, dialects)) {
          const rule = `a name of at most 63 letters, digits and "_" (^[a-zA-Z_][a-zA-Z0-9_]*$) that is no SQL keyword`;
          return refuse("sqlIdentifiers", field, rule, value);
        }
        return accept(value);
      },
    },
    () => ({ state: "ok", values: {}, counts: count }),
  );
}

/** Whether a text can stand as a name in a statement of these dialects (default both). */
export function isSqlIdentifier(
  value: unknown,
  dialects: readonly SqlDialect[] = ["sqlite", "postgres"],
): value is string {
  if (typeof value !== "string" || value.length > 63 || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(value)) return false;
  const word = value.toLowerCase();
  return !dialects.some((dialect) => keywords[dialect].has(word));
}

function parseUrl(text: string): InstanceType<Host["URL"]> | undefined {
  // Parsers drop tabs and line breaks inside a URL and trim spaces: refused, not repaired.
  // What stands before the path holds no credentials, not even empty ones, and no colon without its port.
  if (/[\s\0-\x1f\x7f\\]/.test(text) || !/^[a-z][\w+.-]*:\/\/[^/?#@]*[^/?#@:]([/?#]|$)/i.test(text)) return undefined;
  try {
    return new (globalThis as unknown as Host).URL(text);
  } catch {
    return undefined;
  }
}
