// What every Store shares about lists: their order, their page size, their cursors and what a text search looks at.
// Stores that use these agree with each other to the letter; the suite in suites/store.ts checks that they do.
import type { Severity } from "./detection/index.ts";
import { InvalidInputError } from "./errors.ts";
import type { Issue } from "./issue/index.ts";

/** Items of a page when the query names no limit, and the most it may name. */
export const pageLimitDefault = 50;
export const pageLimitMax = 500;
/** Words of a text search, and characters of the whole text. Longer searches are refused. */
export const searchWordsMax = 10;
export const searchCharactersMax = 400;

const severities: readonly Severity[] = ["low", "medium", "critical"];

/** Higher is worse; -1 for a word that is no severity. */
export function severityRank(severity: string): number {
  return severities.findIndex((known) => known === severity);
}

/**
 * Sort key of an id: numbers at the end count as numbers, so "T10" comes after "T9" and "CRIT-1000" after "CRIT-999".
 * Distinct ids have distinct keys. Compare keys with `compareText`.
 */
export function idOrder(id: string): string {
  const digits = /(?<!\d)\d{1,11}$/.exec(id)?.[0];
  return digits === undefined ? id : `${id.slice(0, -digits.length)}${digits.padStart(12, "0")} ${digits.length}`;
}

/** Order by code point, which is the byte order of UTF-8 and so that of databases; JavaScript's `<` differs above U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = a.charCodeAt(at) - b.charCodeAt(at);
    if (difference !== 0) return codePointRank(a.charCodeAt(at)) - codePointRank(b.charCodeAt(at));
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above every other code unit. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The page size of a query; throws InvalidInputError unless it is a whole number from 1 to `pageLimitMax`. */
export function pageLimit(limit: number | undefined): number {
  if (limit === undefined) return pageLimitDefault;
  if (Number.isInteger(limit) && limit >= 1 && limit <= pageLimitMax) return limit;
  throw new InvalidInputError(
    "limit",
    `must be a whole number from 1 to ${pageLimitMax}`,
    "ask for less and follow `next`",
  );
}

/** The lower-case words of a search; throws InvalidInputError when there are too many. */
export function searchWords(text: string | undefined): string[] {
  if (text === undefined) return [];
  const words = text
    .slice(0, searchCharactersMax + 1)
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (text.length <= searchCharactersMax && words.length <= searchWordsMax) return words;
  throw new InvalidInputError(
    "text",
    `must be at most ${searchWordsMax} words and ${searchCharactersMax} characters`,
    "search for fewer words",
  );
}

/** What a text search looks at, in lower case. */
export function searchText(issue: Issue): string {
  return [issue.id, issue.title, issue.target, issue.rootCause ?? ""].join("\n").toLowerCase();
}

/** Where a page ended: the sort value and the `idOrder` of its last item. A new row before it shifts nothing. */
export interface Mark {
  readonly value: number | string;
  readonly order: string;
}

/** Makes the opaque cursor of a list. `list` names the list, its sort and its direction: a cursor fits no other. */
export function cursorOf(list: string, mark: Mark): string {
  const json = JSON.stringify([list, mark.value, mark.order]);
  const ascii = json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  let hex = "";
  for (let at = 0; at < ascii.length; at += 1) hex += ascii.charCodeAt(at).toString(16);
  return hex;
}

/** Reads a cursor back; throws InvalidInputError when it is not one of this list. */
export function markOf(list: string, cursor: string | null | undefined): Mark | null {
  if (cursor === null || cursor === undefined) return null;
  const mark = decode(list, cursor);
  if (mark !== null) return mark;
  throw new InvalidInputError("after", "is not a cursor of this list and sort", "pass on `next` of the page before");
}

function decode(list: string, cursor: string): Mark | null {
  if (!/^(?:[2-7][0-9a-f]){1,32768}$/.test(cursor)) return null;
  const ascii = cursor.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16)));
  let parts: unknown;
  try {
    parts = JSON.parse(ascii);
  } catch {
    return null;
  }
  if (!Array.isArray(parts) || parts.length !== 3 || parts[0] !== list) return null;
  const [, value, order] = parts as unknown[];
  if (typeof order !== "string" || (typeof value !== "number" && typeof value !== "string")) return null;
  return { value, order };
}
