// Matchers of rule lines: `error.type:Foo`, `!message:"*timeout*"`, `stack.module:app.*`. Parsing with errors that name
// line and column, and matching. Matchers about a frame must all hit the same frame, those about an exception the same
// exception.
import type { ErrorEvent, ErrorException, StackFrame } from "./event.ts";
import { globMatches } from "./glob.ts";
import { isInApp } from "./in-app.ts";

const eventKeys = ["message", "logger", "level"] as const;
const exceptionKeys = ["error.type", "error.value"] as const;
const frameKeys = ["stack.abs_path", "stack.module", "stack.function", "stack.package", "family", "app"] as const;
const aliases: Readonly<Record<string, string>> = {
  type: "error.type",
  value: "error.value",
  path: "stack.abs_path",
  module: "stack.module",
  function: "stack.function",
  package: "stack.package",
};

export type MatcherKey =
  (typeof eventKeys)[number] | (typeof exceptionKeys)[number] | (typeof frameKeys)[number] | `tags.${string}`;

export interface Matcher {
  readonly key: MatcherKey;
  readonly pattern: string;
  readonly isNegated: boolean;
}

export class RuleError extends Error {
  override readonly name = "RuleError";
  readonly code = "rule-invalid";
  readonly line: number;
  readonly column: number;
  constructor(line: number, column: number, rule: string) {
    super(`line ${String(line)}, column ${String(column)}: ${rule}`);
    this.line = line;
    this.column = column;
  }
}

/** Reads one line from left to right; every error names its place. */
export class RuleReader {
  readonly text: string;
  readonly line: number;
  at = 0;

  constructor(text: string, line: number) {
    this.text = text;
    this.line = line;
  }

  skipSpace(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at += 1;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  startsWith(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  fail(rule: string): never {
    throw new RuleError(this.line, this.at + 1, rule);
  }

  /** A quoted text with \" and \\, or everything up to `stop`. */
  value(stop: RegExp): string {
    if (this.text[this.at] !== '"') {
      const from = this.at;
      while (!this.isAtEnd && !stop.test(this.text[this.at]!)) this.at += 1;
      return this.text.slice(from, this.at);
    }
    const from = this.at;
    let value = "";
    this.at += 1;
    while (this.text[this.at] !== '"') {
      if (this.isAtEnd) {
        this.at = from;
        this.fail('the quotation mark is not closed; end the text with "');
      }
      // A backslash before a quotation mark or itself is an escape; before a glob character it belongs to the glob.
      if (this.text[this.at] === "\\" && /["\\]/.test(this.text[this.at + 1] ?? "")) this.at += 1;
      value += this.text[this.at]!;
      this.at += 1;
    }
    this.at += 1;
    return value;
  }

  /** One matcher; its pattern ends at `stop`. */
  matcher(stop = /\s/): Matcher {
    const isNegated = this.text[this.at] === "!";
    if (isNegated) this.at += 1;
    const from = this.at;
    const name = this.value(/[\s:]/);
    if (this.text[this.at] !== ":") {
      this.at = from;
      this.fail(`"${name}" must be a matcher: write key:pattern, for example error.type:TimeoutError`);
    }
    const key = keyNamed(name);
    if (key === undefined) {
      this.at = from;
      this.fail(
        `"${name}" is no key; use one of ${[...exceptionKeys, ...eventKeys, "tags.<name>", ...frameKeys].join(", ")}`,
      );
    }
    this.at += 1;
    const valueAt = this.at;
    const pattern = this.value(stop);
    this.at = pattern === "" ? valueAt : this.at;
    if (pattern === "") this.fail(`${name} needs a pattern after the colon; write "*" for any`);
    if (key === "app" && !/^(?:yes|no|1|0|true|false)$/i.test(pattern)) {
      this.at = valueAt;
      this.fail(`app is yes or no, not "${pattern}"`);
    }
    if (key === "family") {
      const unknown = pattern.split(",").find((each) => !/^(?:javascript|native|other|all)$/.test(each.trim()));
      if (unknown !== undefined) {
        this.at = valueAt;
        this.fail(`family is javascript, native or other, not "${unknown}"`);
      }
    }
    return { key, pattern, isNegated };
  }
}

function keyNamed(name: string): MatcherKey | undefined {
  const key = Object.hasOwn(aliases, name) ? aliases[name]! : name;
  if (key.startsWith("tags.") && key.length > 5) return key as `tags.${string}`;
  return [...eventKeys, ...exceptionKeys, ...frameKeys].find((each) => each === key);
}

const isFrameKey = (key: MatcherKey): boolean => (frameKeys as readonly string[]).includes(key);
const isExceptionKey = (key: MatcherKey): boolean => (exceptionKeys as readonly string[]).includes(key);

/** Whether all matchers hold for the event. */
export function matchesEvent(matchers: readonly Matcher[], event: ErrorEvent): boolean {
  const exceptions = event.exceptions ?? [];
  const frames = [...exceptions.flatMap((exception) => exception.frames ?? []), ...(event.frames ?? [])];
  const ofFrames = matchers.filter(({ key }) => isFrameKey(key));
  const ofExceptions = matchers.filter(({ key }) => isExceptionKey(key));
  return (
    matchers.every(
      (matcher) => isFrameKey(matcher.key) || isExceptionKey(matcher.key) || holdsForEvent(matcher, event),
    ) &&
    (ofExceptions.length === 0 || hits(ofExceptions, exceptions, holdsForException)) &&
    (ofFrames.length === 0 || hits(ofFrames, frames, (matcher, frame) => holdsForFrame(matcher, frame, event)))
  );
}

/** Whether all matchers hold for one frame; those about event or exception look at the event. */
export function matchesFrame(matchers: readonly Matcher[], frame: StackFrame, event: ErrorEvent): boolean {
  return matchers.every((matcher) => {
    if (isFrameKey(matcher.key)) return holdsForFrame(matcher, frame, event);
    return isExceptionKey(matcher.key)
      ? (event.exceptions ?? []).some((exception) => holdsForException(matcher, exception))
      : holdsForEvent(matcher, event);
  });
}

/** One item that all matchers hold for. With nothing to look at, only negated matchers hold. */
function hits<T>(
  matchers: readonly Matcher[],
  items: readonly T[],
  holds: (matcher: Matcher, item: T) => boolean,
): boolean {
  if (items.length === 0) return matchers.every(({ isNegated }) => isNegated);
  return items.some((item) => matchers.every((matcher) => holds(matcher, item)));
}

function holdsForEvent({ key, pattern, isNegated }: Matcher, event: ErrorEvent): boolean {
  let found: boolean;
  if (key === "message") {
    const texts = [event.message, event.messageTemplate, ...(event.exceptions ?? []).map((each) => each.value)];
    found = texts.some((text) => text !== undefined && globMatches(pattern, text, true));
  } else if (key === "level") found = (event.level ?? "error").toLowerCase() === pattern.toLowerCase();
  else if (key === "logger") found = globMatches(pattern, event.logger ?? "", true);
  else {
    const name = key.slice("tags.".length);
    const tags = event.tags ?? {};
    found = Object.hasOwn(tags, name) && globMatches(pattern, tags[name]!, true);
  }
  return found !== isNegated;
}

function holdsForException({ key, pattern, isNegated }: Matcher, exception: ErrorException): boolean {
  const text = key === "error.type" ? exception.type : exception.value;
  return (text !== undefined && globMatches(pattern, text, true)) !== isNegated;
}

function holdsForFrame({ key, pattern, isNegated }: Matcher, frame: StackFrame, event: ErrorEvent): boolean {
  return frameHas(key, pattern, frame, event) !== isNegated;
}

function frameHas(key: MatcherKey, pattern: string, frame: StackFrame, event: ErrorEvent): boolean {
  switch (key) {
    case "stack.abs_path": {
      const paths = [frame.absPath, frame.filename].filter((path) => path !== undefined);
      return paths.some((path) => {
        const slashed = path.replaceAll("\\", "/");
        // A relative name also matches patterns that begin with a folder.
        return (
          globMatches(pattern, slashed, true) || (!slashed.startsWith("/") && globMatches(pattern, `/${slashed}`, true))
        );
      });
    }
    case "stack.module":
      return globMatches(pattern, frame.module ?? "", false) && frame.module !== undefined;
    case "stack.function":
      return frame.function !== undefined && globMatches(pattern, frame.function, false);
    case "stack.package":
      return frame.package !== undefined && globMatches(pattern, frame.package, true);
    case "family": {
      const family = familyOf(frame.platform ?? event.platform);
      return pattern.split(",").some((each) => each.trim() === family || each.trim() === "all");
    }
    case "app":
      return isInApp(frame) === /^(?:yes|1|true)$/i.test(pattern);
    default:
      return false;
  }
}

function familyOf(platform: string | undefined): "javascript" | "native" | "other" {
  if (platform === "javascript" || platform === "node") return "javascript";
  return platform !== undefined && ["c", "cocoa", "native", "objc", "rust", "swift"].includes(platform)
    ? "native"
    : "other";
}
