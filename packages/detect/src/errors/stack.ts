// Reads the text of a stack trace into exceptions with frames, oldest first, whatever runtime printed it. Chains
// ("Caused by", "[cause]", "During handling of …") and groups (AggregateError, ExceptionGroup) keep their shape.
import { exceptionsMax, framesMax, type ErrorException, type StackFrame } from "./event.ts";
import { geckoFrame, goFrame, jvmFrame, lineCharactersMax, pythonFrame, v8Frame } from "./stack-lines.ts";

export type StackPlatform = "javascript" | "python" | "java" | "go";

export interface ParsedStack {
  readonly platform: StackPlatform;
  /** Oldest first: the last one was finally thrown. */
  readonly exceptions: readonly ErrorException[];
}

/** Lines of one text that are read; the middle of a longer one is left out. */
const linesMax = 2000;

interface Draft {
  type: string | undefined;
  value: string | undefined;
  /** As they were printed. */
  readonly frames: StackFrame[];
  readonly parent: number | undefined;
  isGroup: boolean;
}

/** Undefined when the text holds no frame of any notation that is known. */
export function parseStack(text: string): ParsedStack | undefined {
  const all = text.split("\n");
  const lines = (all.length > linesMax ? [...all.slice(0, linesMax / 2), ...all.slice(-linesMax / 2)] : all).map(
    (line) => line.slice(0, lineCharactersMax).trimEnd(),
  );
  if (
    lines.some(
      (line) =>
        /^\s*(?:[|+]\s*)*(?:Exception Group )?Traceback \(most recent call last\)/.test(line) ||
        pythonFrame(line) !== undefined,
    )
  )
    return result("python", parsePython(lines), false);
  if (lines.some((line) => /^goroutine \d+ \[/.test(line))) return result("go", parseGo(lines), true);
  if (lines.some((line) => jvmFrame(line) !== undefined)) return result("java", parsePrinted(lines, jvmFrame), true);
  const javascript = parsePrinted(lines, (line) => v8Frame(line) ?? geckoFrame(line));
  return javascript.some((draft) => draft.frames.length > 0) ? result("javascript", javascript, true) : undefined;
}

/** `newestFirst`: both frames and exceptions were printed from the crash backwards. */
function result(platform: StackPlatform, drafts: readonly Draft[], newestFirst: boolean): ParsedStack | undefined {
  if (drafts.length === 0) return undefined;
  const exceptions = drafts
    .slice(0, exceptionsMax)
    .map(({ type, value, frames, parent, isGroup }, id): ErrorException => {
      const ordered = newestFirst ? frames.toReversed() : frames;
      return {
        ...(type === undefined ? {} : { type }),
        ...(value === undefined ? {} : { value }),
        frames: ordered.slice(-framesMax),
        id,
        ...(parent === undefined ? {} : { parentId: parent }),
        ...(isGroup ? { isGroup } : {}),
      };
    });
  return { platform, exceptions: newestFirst ? exceptions.toReversed() : exceptions };
}

const header = /^(?:Uncaught (?:\(in promise\) )?|Unhandled \w+: )?([A-Za-z_$][\w$.]*)(?: \[([\w-]+)\])?(?:: ([^]*))?$/;

function readHeader(line: string): Pick<Draft, "type" | "value"> {
  const text = line
    .trim()
    .replace(/^(?:Exception in thread "[^"]*" |panic: )/, "")
    .replace(/ \{$/, "");
  const match = header.exec(text);
  if (
    match === null ||
    (match[3] === undefined &&
      !/(?:Error|Exception|Throwable|Fault|Exit|Interrupt|Warning)$|^[\w$]+(?:\.[\w$]+)+$/.test(match[1]!))
  )
    return { type: undefined, value: text === "" ? undefined : text };
  return { type: match[1], value: match[3] ?? "" };
}

const draft = (line: string, parent?: number): Draft => ({ ...readHeader(line), frames: [], parent, isGroup: false });

/** V8, Firefox, Safari and the JVM: a header, frames, then causes and members, each with a header of its own. */
function parsePrinted(lines: readonly string[], read: (line: string) => StackFrame | undefined): Draft[] {
  const drafts: Draft[] = [];
  let current: Draft | undefined;
  let group = -1;
  let suppressed = -1;
  const start = (line: string, parent?: number): void => {
    current = draft(line, parent);
    drafts.push(current);
  };
  for (const line of lines) {
    const found = read(line);
    if (found !== undefined) {
      // Frames of suppressed exceptions are no part of the failure.
      if (suppressed >= 0 && indent(line) > suppressed) continue;
      suppressed = -1;
      if (current === undefined) start("");
      if (current!.frames.length < linesMax) current!.frames.push(found);
      continue;
    }
    const cause = /^\s*(?:Caused by|\[cause\]|\[errors\]: \[ ?\[cause\]): (.*)$/.exec(line);
    if (/^\s+Suppressed: /.test(line)) suppressed = indent(line);
    else if (cause !== null && (suppressed < 0 || indent(line) <= suppressed)) {
      suppressed = -1;
      start(cause[1]!, drafts.length === 0 ? undefined : drafts.length - 1);
    } else if (/^\s*\[errors\]: \[/.test(line)) {
      group = drafts.length - 1;
      if (current !== undefined) current.isGroup = true;
    } else if (group >= 0 && /^\s*\](?:,|$)/.test(line)) group = -1;
    else if (group >= 0 && /^\s+(?:\w*Error|\w*Exception)\b.*$/.test(line)) start(line, group);
    else if (current === undefined || (current.frames.length === 0 && drafts.length === 1)) {
      if (line.trim() === "") continue;
      if (current === undefined || (current.type === undefined && header.test(line.trim()))) {
        drafts.length = 0;
        start(line);
      } else current.value = `${current.value ?? ""}\n${line}`.trim();
    }
  }
  return drafts;
}

const indent = (line: string): number => line.length - line.trimStart().length;

/** Python prints the root cause first, and frames from the outermost inwards. */
function parsePython(lines: readonly string[]): Draft[] {
  const drafts: Draft[] = [];
  let frames: StackFrame[] = [];
  let isOpen = false;
  let isGroup = false;
  let group: number | undefined;
  lines.forEach((raw) => {
    const isMember = /^\s*[|+]/.test(raw);
    const line = raw.replace(/^(?:\s*[|+](?:-[+-]*(?: \d+ )?[+-]*)?)+ ?/, "");
    if (/Traceback \(most recent call last\)/.test(line)) {
      frames = [];
      isOpen = true;
      isGroup = /Exception Group Traceback/.test(line);
      return;
    }
    const found = pythonFrame(line);
    if (found !== undefined) {
      isOpen = true;
      if (frames.length < linesMax) frames.push(found);
      return;
    }
    const last = frames.at(-1);
    if (isOpen && /^\s{2,}\S/.test(line)) {
      if (last !== undefined && last.contextLine === undefined && !/^\s*[\^~]+$|\[Previous line repeated/.test(line))
        frames[frames.length - 1] = { ...last, contextLine: line.trim() };
      return;
    }
    if (!isOpen || line.trim() === "" || !header.test(line.trim())) return;
    const parent = isMember && !isGroup ? group : undefined;
    drafts.push({ ...draft(line, parent), frames, isGroup });
    if (isGroup) group = drafts.length - 1;
    frames = [];
    isOpen = false;
  });
  if (drafts.length === 0 && frames.length > 0) drafts.push({ ...draft(""), frames });
  // A group is printed before its members: it was thrown last, so it comes last.
  const outer = drafts.findIndex((each) => each.isGroup);
  return outer < 0 ? drafts : moveToEnd(drafts, outer);
}

function moveToEnd(drafts: readonly Draft[], outer: number): Draft[] {
  const members = drafts.filter((_, at) => at !== outer);
  return [
    ...members.map((each) => (each.parent === undefined ? each : { ...each, parent: members.length })),
    drafts[outer]!,
  ];
}

/** The panicking goroutine only: the others are bystanders. */
function parseGo(lines: readonly string[]): Draft[] {
  const at = lines.findIndex((line) => /^(?:panic: |fatal error: )/.test(line));
  const message = at < 0 ? "" : lines[at]!.replace(/^(?:panic: |fatal error: )/, "").replace(/ \[recovered\].*$/, "");
  const known = /^runtime error: /.test(message);
  const panic: Draft = {
    type: at >= 0 && lines[at]!.startsWith("fatal error") ? "fatal error" : known ? "runtime error" : "panic",
    value: known ? message.slice("runtime error: ".length) : message,
    frames: [],
    parent: undefined,
    isGroup: false,
  };
  const first = lines.findIndex((line) => /^goroutine \d+ \[/.test(line));
  for (let line = first + 1; line < lines.length && !/^goroutine \d+ \[/.test(lines[line]!); line += 1) {
    const found = goFrame(lines[line]!, lines[line + 1]);
    if (found === undefined) continue;
    // What panic() itself calls is the same for every panic.
    if (found.function === "panic" || found.module === "runtime") continue;
    panic.frames.push(found);
  }
  return [panic];
}
