// Stack-trace rules of a server, one a line, all that match apply in order:
//   stack.function:handle* +app          family:javascript path:*/vendor/* -group
//   [ function:dispatch ] | function:run* -app       error.type:StackOverflow max-frames=5
// Flags: +app -app (whose code), +group -group (does the frame count); "^" before a flag also sets the frames towards
// the crash, "v" those away from it. "[ matcher ] |" looks at the caller, "| [ matcher ]" at the callee.
import type { ErrorEvent, ErrorException, StackFrame } from "./event.ts";
import { matchesFrame, RuleReader, type Matcher } from "./matchers.ts";

export interface FrameAction {
  readonly flag: "app" | "group";
  readonly value: boolean;
  readonly range: "this" | "towards-crash" | "away-from-crash";
}

export interface StackRule {
  readonly line: number;
  readonly text: string;
  readonly caller?: Matcher;
  readonly matchers: readonly Matcher[];
  readonly callee?: Matcher;
  readonly actions: readonly FrameAction[];
  /** Only so many frames, from the crash, count. */
  readonly framesMax?: number;
}

const rulesMax = 500;

/** Throws a RuleError with line and column for the first line that is wrong. At most 500 rules. */
export function parseStackRules(text: string): StackRule[] {
  const rules: StackRule[] = [];
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    const reader = new RuleReader(raw.trimEnd(), index + 1);
    if (rules.length >= rulesMax) reader.fail(`more than ${String(rulesMax)} rules; remove some`);
    rules.push(readRule(reader, line));
  });
  return rules;
}

/** The event with its frames marked and thinned; without a rule that matches it is the same event. */
export function applyStackRules(rules: readonly StackRule[], event: ErrorEvent): ErrorEvent {
  if (rules.length === 0) return event;
  const change = (frames: readonly StackFrame[] | undefined, owner: ErrorEvent): readonly StackFrame[] | undefined =>
    frames === undefined ? undefined : applyToFrames(rules, frames, owner);
  const frames = change(event.frames, event);
  const exceptions = event.exceptions?.map((exception): ErrorException => {
    const changed = change(exception.frames, { ...event, exceptions: [exception] });
    return changed === undefined ? exception : { ...exception, frames: changed };
  });
  return { ...event, ...(frames === undefined ? {} : { frames }), ...(exceptions === undefined ? {} : { exceptions }) };
}

function applyToFrames(rules: readonly StackRule[], frames: readonly StackFrame[], event: ErrorEvent): StackFrame[] {
  const current = [...frames];
  const counts = frames.map(() => true);
  let limit = Number.POSITIVE_INFINITY;
  for (const rule of rules) {
    for (let at = 0; at < current.length; at += 1) {
      if (!matchesFrame(rule.matchers, current[at]!, event)) continue;
      // Oldest first: the caller is the frame before.
      if (rule.caller !== undefined && !isHit(rule.caller, current[at - 1], event)) continue;
      if (rule.callee !== undefined && !isHit(rule.callee, current[at + 1], event)) continue;
      if (rule.framesMax !== undefined) limit = rule.framesMax;
      for (const { flag, value, range } of rule.actions) {
        const [from, to] =
          range === "this" ? [at, at] : range === "towards-crash" ? [at + 1, current.length - 1] : [0, at - 1];
        for (let target = from; target <= to; target += 1)
          if (flag === "app") current[target] = { ...current[target], inApp: value };
          else counts[target] = value;
      }
    }
  }
  const kept = current.filter((_, at) => counts[at]);
  return Number.isFinite(limit) ? kept.slice(kept.length - Math.min(limit, kept.length)) : kept;
}

const isHit = (matcher: Matcher, frame: StackFrame | undefined, event: ErrorEvent): boolean =>
  frame !== undefined && matchesFrame([matcher], frame, event);

function readRule(reader: RuleReader, text: string): StackRule {
  const matchers: Matcher[] = [];
  const actions: FrameAction[] = [];
  let caller: Matcher | undefined;
  let callee: Matcher | undefined;
  let framesMax: number | undefined;
  reader.skipSpace();
  if (reader.startsWith("[")) {
    caller = readSibling(reader);
    if (!reader.startsWith("|")) reader.fail('"|" must follow the caller in brackets');
    reader.at += 1;
    reader.skipSpace();
  }
  while (!reader.isAtEnd) {
    if (reader.startsWith("|")) {
      reader.at += 1;
      reader.skipSpace();
      if (!reader.startsWith("[")) reader.fail("the callee must stand in brackets: | [ function:name ]");
      callee = readSibling(reader);
    } else if (/^[\^v]?[+-](?:app|group)(?=\s|$)/.test(reader.text.slice(reader.at))) actions.push(readAction(reader));
    else if (reader.startsWith("max-frames=")) {
      reader.at += "max-frames=".length;
      const number = reader.value(/\s/);
      if (!/^\d{1,4}$/.test(number)) reader.fail(`max-frames is a number from 0 to 9999, not "${number}"`);
      framesMax = Number(number);
    } else if (/^[\^v]?[+-]\S*/.test(reader.text.slice(reader.at)))
      reader.fail("a flag is +app, -app, +group or -group, with ^ or v before it");
    else matchers.push(reader.matcher());
    reader.skipSpace();
  }
  if (matchers.length === 0) reader.fail("a rule needs a matcher");
  if (actions.length === 0 && framesMax === undefined)
    reader.fail("a rule needs an action: +app, -app, +group, -group or max-frames=N");
  return {
    line: reader.line,
    text,
    matchers,
    actions,
    ...(caller === undefined ? {} : { caller }),
    ...(callee === undefined ? {} : { callee }),
    ...(framesMax === undefined ? {} : { framesMax }),
  };
}

function readSibling(reader: RuleReader): Matcher {
  reader.at += 1;
  reader.skipSpace();
  const matcher = reader.matcher(/[\s\]]/);
  reader.skipSpace();
  if (!reader.startsWith("]")) reader.fail('"]" is missing after the matcher');
  reader.at += 1;
  reader.skipSpace();
  return matcher;
}

function readAction(reader: RuleReader): FrameAction {
  const [all, mark, sign, flag] = /^([\^v]?)([+-])(app|group)/.exec(reader.text.slice(reader.at))!;
  reader.at += all.length;
  return {
    flag: flag as "app" | "group",
    value: sign === "+",
    range: mark === "^" ? "towards-crash" : mark === "v" ? "away-from-crash" : "this",
  };
}
