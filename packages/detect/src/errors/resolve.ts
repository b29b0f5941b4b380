// Brings frames of generated code back to their sources. Which map belongs to which file is the caller's knowledge.
import type { StackFrame } from "./event.ts";
import { isInApp } from "./in-app.ts";
import type { OriginalPosition } from "./source-map.ts";

/** Answers with the map of a generated file, by its absPath or filename, or undefined. */
export type SourceMapLookup = (
  file: string,
) => { originalPosition(line: number, column: number): OriginalPosition | undefined } | undefined;

/**
 * Frames oldest first, as in an event. A minified function name is replaced by the name that the caller's place maps to:
 * a map names the token called there, which is this function. Frames without a map or place stay as they are.
 */
export function resolveFrames(frames: readonly StackFrame[], lookup: SourceMapLookup): StackFrame[] {
  const positions = frames.map((frame) => {
    const file = frame.absPath ?? frame.filename;
    return file === undefined || frame.line === undefined || frame.column === undefined
      ? undefined
      : lookup(file)?.originalPosition(frame.line, frame.column);
  });
  return frames.map((frame, at) => {
    const position = positions[at];
    if (position === undefined) return frame;
    const called = at === 0 ? undefined : positions[at - 1]?.name;
    const { function: name, inApp, contextLine: _generated, ...rest } = frame;
    const original = isMinifiedName(name) ? called : name;
    const resolved: StackFrame = {
      ...rest,
      ...(original === undefined ? {} : { function: original }),
      filename: position.source,
      absPath: position.source,
      line: position.line,
      column: position.column,
      ...(position.contextLine === undefined ? {} : { contextLine: position.contextLine }),
    };
    // A bundle is one file: only the source says whose code it is.
    return inApp === false ? { ...resolved, inApp } : { ...resolved, inApp: isInApp(resolved) };
  });
}

/** One or two characters, or a bundler's placeholder: the next build calls it something else. */
export function isMinifiedName(name: string | undefined): boolean {
  if (name === undefined) return true;
  const last = name.slice(name.lastIndexOf(".") + 1).replace(/^(?:async |new )/, "");
  return /^[\w$]{1,2}$/.test(last) || last === "" || last === "<anonymous>" || last === "anonymous";
}
