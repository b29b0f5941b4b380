// The variable parts of one line: their text, what they look like, and the key in front of them if there is one.
import { kindConstant, type Scan } from "./scan.ts";
import type { Skeleton } from "./skeleton.ts";
import type { Element } from "./template.ts";

export type ParameterType =
  | "number"
  | "hex"
  | "uuid"
  | "ip"
  | "mac"
  | "host"
  | "email"
  | "url"
  | "path"
  | "date"
  | "time"
  | "duration"
  | "size"
  | "percent"
  | "boolean"
  | "identifier"
  | "text"
  | "list";

export interface Parameter {
  /** At most 400 characters. */
  readonly text: string;
  readonly type: ParameterType;
  /** "uid" in "uid=0", "size" in "size: 12"; absent when no key stands in front. */
  readonly name?: string;
}

const textCharactersMax = 400;

/** Reads them from the line that lies in `scan` and `skeleton`, by the template it was counted under. */
export function parametersOf(elements: readonly Element[], scan: Scan, skeleton: Skeleton): Parameter[] {
  const parameters: Parameter[] = [];
  const put = (from: number, to: number, list: boolean): void => {
    const text = scan.line.slice(scan.start[from], scan.end[to]).slice(0, textCharactersMax);
    const name = nameBefore(scan, from);
    const type = list && to > from && typeOf(text) === "text" ? "list" : typeOf(text);
    parameters.push(name === undefined ? { text, type } : { text, type, name });
  };
  elements.forEach((element, at) => {
    const first = skeleton.first[at]!;
    const last = skeleton.after[at]! - 1;
    if (element.open) put(first, last, true);
    else
      element.parts.forEach((part, index) => {
        const token = first + index;
        if (part.kind !== kindConstant && (part.varied || part.kind !== 2)) put(token, token, false);
      });
  });
  return parameters;
}

const key = /([A-Za-z_][\w.-]{0,60})\s?[=:]\s?["'[({]?$/;
function nameBefore(scan: Scan, token: number): string | undefined {
  const start = scan.start[token]!;
  return key.exec(scan.line.slice(Math.max(0, start - 66), start))?.[1];
}

// The first form that fits names the type; the order matters.
const forms: readonly (readonly [ParameterType, RegExp])[] = [
  ["number", /^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$|^\d{1,3}(?:,\d{3})+$/i],
  ["boolean", /^(?:true|false)$/i],
  ["uuid", /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i],
  ["ip", /^\/?\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}|\/\d{1,2})?$/],
  ["percent", /^[+-]?\d+(?:\.\d+)?%$/],
  ["size", /^\d+(?:\.\d+)? ?(?:[kKMGT]i?B?|B|bytes)$/],
  ["duration", /^[+-]?(?:\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?))+$/],
  ["time", /^\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?$/],
  ["mac", /^[\da-f]{2}(?:[:-][\da-f]{2}){5,}$/i],
  ["ip", /^[\da-f]{0,4}(?::[\da-f]{0,4}){2,7}$/i],
  ["hex", /^(?:0x[\da-f]+|(?=.*[a-f])(?=.*\d)[\da-f]{6,}|[\da-f]{16,})$/i],
  ["url", /^[a-z][\w+.-]*:\/\/\S+$/i],
  ["email", /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/],
  [
    "date",
    /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ,:].*)?$|^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? +)?(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w* +\d|\d{1,2} +[A-Z][a-z]{2})/,
  ],
  ["path", /^(?:~|\.{1,2})?\/\S*|^[A-Za-z]:\\|^[\w.-]+(?:\/[\w.-]+){2,}$/],
  ["host", /^[a-z\d-]+(?:\.[a-z\d-]+)+(?::\d{1,5})?$/i],
  ["identifier", /^[\w$@:./#-]*\d[\w$@:./#-]*$|^[\w$-]+(?:\.[\w$-]+)+$|^\w*_\w*$/],
];

/** What one value looks like; "text" when nothing fits. */
export function typeOf(text: string): ParameterType {
  const bounded = text.length > textCharactersMax ? text.slice(0, textCharactersMax) : text;
  for (const [type, form] of forms) if (form.test(bounded)) return type;
  return "text";
}
