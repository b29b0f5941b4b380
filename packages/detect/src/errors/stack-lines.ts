// One line of a stack trace, in the notations of V8, Firefox and Safari, Python, the JVM and Go, as a frame.
import type { StackFrame } from "./event.ts";

export const lineCharactersMax = 2048;

const v8At = /^\s*at (async )?(?:(.+?) ?\((.*)\)|(.+))$/;
const place = /^(.*?):(\d{1,9})(?::(\d{1,9}))?$/;
const jvmAt = /^\s*at (?:([\w.$@ -]+)\/\/?)?([\w$.<>/-]+)\.([\w$<>-]+)\(([^)]*)\)/;

/** "    at f (/a/b.js:1:2)" as Node, Chrome and Edge write it. */
export function v8Frame(line: string): StackFrame | undefined {
  if (!/^\s*at \S/.test(line)) return undefined;
  // The inspector opens a brace behind the last frame when properties follow.
  const match = v8At.exec(line.replace(/ \{$/, ""));
  if (match === null) return undefined;
  const [, isAsync, name, inner, bare] = match;
  // "eval (eval at f (a.js:1:2), <anonymous>:3:4)": the outer file is where the code is.
  const evaluated = /^eval at .*?\(([^()]+:\d+:\d+)\)/.exec(inner ?? "");
  const spot = place.exec(evaluated?.[1] ?? inner ?? bare ?? "");
  const isPlace = spot !== null && (inner !== undefined || /[/\\.:]/.test(spot[1]!));
  if (inner === undefined && !isPlace && !/^\s.* at (?:async )?[\w$.<>]+$/.test(line)) return undefined;
  return frame({
    function: name ?? (isPlace ? undefined : bare),
    ...(isPlace ? located(spot[1]!, spot[2], spot[3]) : inner === undefined ? {} : located(inner)),
    ...(isAsync === undefined ? {} : { isAsync: true }),
  });
}

/** "f@https://host/a.js:1:2" as Firefox and Safari write it; "async*f@…" resumes after an await. */
export function geckoFrame(line: string): StackFrame | undefined {
  const match = /^\s*(async\*)?([^@\s]*?(?: [^@\s]+)?)@(\S.*?)$/.exec(line);
  if (match === null) return undefined;
  const [, isAsync, name, rest] = match;
  const spot = place.exec(rest!.replace(/ line \d+ > (?:eval|Function).*$/, ""));
  if (spot === null && !/^\[native code\]$/.test(rest!)) return undefined;
  return frame({
    function: name === "" ? undefined : name,
    ...(spot === null ? located(rest!) : located(spot[1]!, spot[2], spot[3])),
    ...(isAsync === undefined ? {} : { isAsync: true }),
  });
}

/** "\tat com.example.Orders.place(Orders.java:12)"; also Kotlin, Scala and Groovy. */
export function jvmFrame(line: string): StackFrame | undefined {
  const match = jvmAt.exec(line);
  if (match === null) return undefined;
  const [, library, module, name, spot] = match;
  const [file, number] = spot!.split(":");
  if (!/\.(?:java|kt|scala|groovy|clj)$|^(?:Native Method|Unknown Source|<generated>|)$/.test(file!)) return undefined;
  const jar = /[~]?\[([^\]]+)\]/.exec(line)?.[1];
  return frame({
    function: name,
    module: module!.replace(/^.*\//, ""),
    ...(file === "" || !/\./.test(file!) ? {} : { filename: file }),
    ...(number === undefined ? {} : { line: Number(number) }),
    ...(jar === undefined && library === undefined ? {} : { package: jar ?? library }),
  });
}

/** '  File "a.py", line 3, in f' */
export function pythonFrame(line: string): StackFrame | undefined {
  const match = /^\s*File "([^"]+)", line (\d{1,9})(?:, in (.+))?$/.exec(line);
  return match === null ? undefined : frame({ function: match[3], ...located(match[1]!, match[2]) });
}

/** "main.(*Server).serve(0xc000…)" followed by "\t/app/main.go:12 +0x1d". */
export function goFrame(line: string, next: string | undefined): StackFrame | undefined {
  const spot = /^\s+(\S.*?\.(?:go|s)):(\d{1,9})(?: \+0x[\da-f]+)?$/.exec(next ?? "");
  const call = /^(?:created by )?((?:[\w.~-]+\/)*[\w~-]+)\.(.+?)(?:\([^()]*\))?(?: in goroutine \d+)?$/.exec(line);
  if (spot === null || call === null) return undefined;
  return frame({ function: call[2], module: call[1]!.replaceAll("%2e", "."), ...located(spot[1]!, spot[2]) });
}

function located(file: string, line?: string, column?: string): Partial<StackFrame> {
  const path = file.replace(/^file:\/\//, "");
  return {
    filename: path,
    absPath: path,
    ...(line === undefined ? {} : { line: Number(line) }),
    ...(column === undefined ? {} : { column: Number(column) }),
  };
}

function frame(parts: { [K in keyof StackFrame]: StackFrame[K] | undefined }): StackFrame {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as StackFrame;
}
