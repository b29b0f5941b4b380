// The tolerance forms of Chaos Toolkit: which values of a probe are steady. An object with a `status` is judged by it, as
// HTTP answers and ended processes are.
import { InvalidInputError, type Json } from "@prunella/core";
import { jsonPath } from "./json-path.ts";
import { textOf } from "./text.ts";

export type Tolerance =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly type: "regex"; readonly pattern: string; readonly target?: string }
  | {
      readonly type: "jsonpath";
      readonly path: string;
      readonly expect?: Json;
      readonly count?: number;
      readonly target?: string;
    }
  | { readonly type: "range"; readonly range: readonly [number, number]; readonly target?: string }
  /** Run by the experiment's runner, which hands in what the probe said. */
  | { readonly type: "probe"; readonly [key: string]: Json };

type Fields = { readonly [key: string]: Json };

/** Throws InvalidInputError when the form is not known or can never hold. */
export function checkTolerance(value: Json, path: string): void {
  const refuse = (field: string, rule: string, mend: string): never => {
    throw new InvalidInputError(field, rule, mend);
  };
  if (Array.isArray(value)) {
    if (value.length === 0) refuse(path, "is an empty list, which no value is in", "name the values");
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const fields = value as Fields;
  switch (fields["type"]) {
    case "regex":
      try {
        RegExp(textOf(fields["pattern"]));
      } catch (error) {
        refuse(`${path}.pattern`, `is no regular expression (${String(error)})`, "correct it");
      }
      if (typeof fields["pattern"] !== "string") refuse(`${path}.pattern`, "is missing", "write the expression");
      return;
    case "jsonpath":
      jsonPath(textOf(fields["path"]), `${path}.path`);
      return;
    case "range": {
      const range = fields["range"];
      if (!Array.isArray(range) || range.length !== 2 || range.some((bound) => typeof bound !== "number"))
        refuse(`${path}.range`, "must be two numbers", "write [lowest, highest]");
      return;
    }
    case "probe":
      return;
    default:
      refuse(
        `${path}.type`,
        `is ${JSON.stringify(fields["type"] ?? null)}, which is no tolerance`,
        "use regex, jsonpath, range or probe",
      );
  }
}

/** Whether the value of a probe lies within its tolerance. Never throws: a value of the wrong kind is not steady. */
export function isWithin(tolerance: Exclude<Tolerance, { readonly type: "probe" }>, value: unknown): boolean {
  if (Array.isArray(tolerance)) {
    const status = statusOf(value);
    const [low, high] = tolerance as readonly Json[];
    // Two numbers are a range; anything else is a list of values.
    if (tolerance.length === 2 && typeof low === "number" && typeof high === "number") {
      const number = numberOf(status);
      return number !== null && number >= low && number <= high;
    }
    return (tolerance as readonly Json[]).some((each) => equal(each, status));
  }
  if (typeof tolerance !== "object" || tolerance === null) return equal(tolerance as Json, statusOf(value));
  const form = tolerance as Exclude<Tolerance, string | number | boolean | null | readonly Json[]>;
  switch (form.type) {
    case "regex": {
      const subject = part(value, form.target);
      return RegExp(form.pattern).test(typeof subject === "string" ? subject : JSON.stringify(subject ?? null));
    }
    case "jsonpath": {
      const found = jsonPath(form.path, "path")(parsed(part(value, form.target)));
      if (form.count !== undefined && found.length !== form.count) return false;
      if (form.expect === undefined) return found.length > 0;
      const expected = form.expect;
      return Array.isArray(expected)
        ? equal(expected, found) || (found.length === 1 && equal(expected, found[0]))
        : found.length > 0 && found.every((each) => equal(expected, each));
    }
    case "range": {
      const number = numberOf(statusOf(part(value, form.target)));
      return number !== null && number >= form.range[0] && number <= form.range[1];
    }
    case "probe":
      return false;
    default:
      return form satisfies never;
  }
}

/** The tolerance in words, for a report. */
export function toleranceInWords(tolerance: Tolerance): string {
  if (Array.isArray(tolerance)) {
    const values = tolerance as readonly Json[];
    return values.length === 2 && values.every((each) => typeof each === "number")
      ? `from ${String(values[0])} to ${String(values[1])}`
      : `one of ${values.map((each) => JSON.stringify(each)).join(", ")}`;
  }
  if (typeof tolerance !== "object" || tolerance === null) return JSON.stringify(tolerance);
  const form = tolerance as Exclude<Tolerance, string | number | boolean | null | readonly Json[]>;
  switch (form.type) {
    case "regex":
      return `matches ${form.pattern}`;
    case "jsonpath":
      return `${form.path}${form.expect === undefined ? " exists" : ` is ${JSON.stringify(form.expect)}`}`;
    case "range":
      return `from ${form.range[0]} to ${form.range[1]}`;
    case "probe":
      return "a probe that says so";
    default:
      return form satisfies never;
  }
}

function part(value: unknown, target: string | undefined): unknown {
  if (target !== undefined && typeof value === "object" && value !== null && target in value)
    return (value as Record<string, unknown>)[target];
  return target === undefined ? value : undefined;
}

function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function statusOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "status" in value ? value.status : value;
}

function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  const text = typeof value === "string" ? value.trim() : "";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || a === null) return a === b;
  return JSON.stringify(a) === JSON.stringify(b);
}
