// An exception from another system as the facts that core groups and shows. Stacks are written the way V8 writes them, newest
// frame first, whoever sent them, so that one rule finds the place of all.
import type { ErrorFacts } from "@prunella/core";
import { dict, list, number, string, type Dict } from "./read.ts";

/** Frames of one stack and characters of its text; frames are cut from the middle. */
const framesMax = 50;
const stackMax = 16_000;
const messageMax = 8_192;

export function facts(
  name: string | null,
  message: string | null,
  stack: string | null,
  code: string | null = null,
): ErrorFacts {
  return {
    name: (name === null || name === "" ? "Error" : name).slice(0, 200),
    message: (message ?? "").slice(0, messageMax),
    code: code === null ? null : code.slice(0, 100),
    stack: stack === null || stack === "" ? null : stack.slice(0, stackMax),
  };
}

/** A stack from Sentry's frames, which come oldest first. */
export function stackOf(name: string, message: string, frames: readonly unknown[]): string | null {
  const newest = frames
    .toReversed()
    .map(dict)
    .filter((frame) => frame !== null);
  if (newest.length === 0) return null;
  const shown =
    newest.length <= framesMax ? newest : [...newest.slice(0, framesMax / 2), ...newest.slice(-framesMax / 2)];
  // What is the application's own comes first in the choice of the place: a frame of a library is marked as internal.
  const hasOwn = shown.some((frame) => frame["in_app"] === true);
  const lines = shown.map((frame) => line(frame, hasOwn && frame["in_app"] !== true));
  return [`${name}: ${message}`, ...lines].join("\n").slice(0, stackMax);
}

function line(frame: Dict, isInternal: boolean): string {
  const where = string(frame["filename"], 300) ?? string(frame["abs_path"], 300) ?? string(frame["module"], 300) ?? "?";
  const at = [number(frame["lineno"]), number(frame["colno"])].filter((each) => each !== null).join(":");
  const name = string(frame["function"], 200) ?? "<anonymous>";
  const place = `${isInternal && !where.startsWith("node:") ? "node:internal/library " : ""}${where}${at === "" ? "" : `:${at}`}`;
  return `    at ${name.replaceAll(/\s+/g, "_")} (${place})`;
}

/** The exception that was finally thrown: the last of the list, which may also be a bare list or a single one. */
export function lastException(of: unknown): Dict | null {
  const values = Array.isArray(of) ? (of as unknown[]) : list(dict(of)?.["values"]);
  const last = values.map(dict).findLast((each) => each !== null);
  if (last !== undefined) return last;
  const single = dict(of);
  return single !== null && (single["type"] !== undefined || single["value"] !== undefined) ? single : null;
}
