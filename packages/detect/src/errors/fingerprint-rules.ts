// Fingerprint rules of a server, one a line, the first that matches wins:
//   error.type:Foo message:"*timeout*" -> group-name, {{ transaction }} title="Timeout in {{ transaction }}"
// Empty lines and lines that begin with "#" are left out. Parsing is all or nothing: a bad line names its place.
import type { ErrorEvent } from "./event.ts";
import { isInApp } from "./in-app.ts";
import { matchesEvent, RuleReader, type Matcher } from "./matchers.ts";

export interface FingerprintRule {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly matchers: readonly Matcher[];
  /** Texts that may hold variables. */
  readonly fingerprint: readonly string[];
  readonly title?: string;
}

export interface AppliedRule {
  readonly rule: FingerprintRule;
  /** Variables replaced; "{{ default }}" is kept for the grouping to replace. */
  readonly fingerprint: readonly string[];
  readonly title?: string;
}

const rulesMax = 500;
const matchersMax = 20;
const partsMax = 20;
const lineCharactersMax = 2000;

const variables = [
  "default",
  "transaction",
  "error.type",
  "error.value",
  "stack.function",
  "stack.abs_path",
  "stack.filename",
  "stack.module",
  "stack.package",
  "logger",
  "level",
  "message",
] as const;
const short: Readonly<Record<string, string>> = {
  type: "error.type",
  value: "error.value",
  function: "stack.function",
  path: "stack.abs_path",
  module: "stack.module",
  package: "stack.package",
};

/** Throws a RuleError with line and column for the first line that is wrong. At most 500 rules. */
export function parseFingerprintRules(text: string): FingerprintRule[] {
  const rules: FingerprintRule[] = [];
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    const reader = new RuleReader(raw.trimEnd(), index + 1);
    if (line.length > lineCharactersMax)
      reader.fail(`the line is longer than ${String(lineCharactersMax)} characters; split the rule`);
    if (rules.length >= rulesMax) reader.fail(`more than ${String(rulesMax)} rules; remove some`);
    rules.push(readRule(reader, line));
  });
  return rules;
}

/** The first rule that matches, with its variables replaced; undefined when none does. */
export function applyFingerprintRules(rules: readonly FingerprintRule[], event: ErrorEvent): AppliedRule | undefined {
  const rule = rules.find((each) => matchesEvent(each.matchers, event));
  if (rule === undefined) return undefined;
  const fingerprint = rule.fingerprint.map((part) => replaceVariables(part, event));
  return { rule, fingerprint, ...(rule.title === undefined ? {} : { title: replaceVariables(rule.title, event) }) };
}

/** "{{ transaction }}" and the others, also in a client's own fingerprint. What the event lacks reads "<no-transaction>". */
export function replaceVariables(text: string, event: ErrorEvent): string {
  return text.replaceAll(/\{\{\s*([^{}\s]+)\s*\}\}/g, (all, name: string) => {
    const key = name.toLowerCase();
    if (key === "default") return all;
    return valueOf(short[key] ?? name, event) ?? (isVariable(name) ? `<no-${name.replace(/^.*\./, "")}>` : all);
  });
}

function readRule(reader: RuleReader, text: string): FingerprintRule {
  const matchers: Matcher[] = [];
  reader.skipSpace();
  while (!reader.startsWith("->")) {
    if (reader.isAtEnd) reader.fail('"->" and a fingerprint are missing after the matchers');
    if (matchers.length >= matchersMax) reader.fail(`more than ${String(matchersMax)} matchers in one rule; split it`);
    matchers.push(reader.matcher());
    reader.skipSpace();
  }
  if (matchers.length === 0) reader.fail('a rule needs a matcher before "->"');
  reader.at += 2;
  reader.skipSpace();
  const fingerprint: string[] = [];
  let title: string | undefined;
  while (!reader.isAtEnd) {
    if (reader.startsWith("title=")) {
      reader.at += "title=".length;
      title = reader.value(/\s/);
      if (title === "") reader.fail('title needs a text: title="…"');
      checkVariables(reader, title);
    } else {
      const part = readPart(reader);
      if (part === "") reader.fail("a part of the fingerprint is empty; put a text or a variable between the commas");
      checkVariables(reader, part);
      if (fingerprint.length >= partsMax) reader.fail(`more than ${String(partsMax)} parts in one fingerprint`);
      fingerprint.push(part);
    }
    reader.skipSpace();
    if (reader.startsWith(",")) {
      reader.at += 1;
      reader.skipSpace();
      if (reader.isAtEnd || reader.startsWith(",")) reader.fail("a comma must be followed by another part");
    }
  }
  if (fingerprint.length === 0) reader.fail('a fingerprint is missing after "->"; write a name or {{ default }}');
  return { line: reader.line, text, matchers, fingerprint, ...(title === undefined ? {} : { title }) };
}

/** A quoted text, or bare text up to a comma or space; a variable in braces may hold spaces. */
function readPart(reader: RuleReader): string {
  if (reader.startsWith('"')) return reader.value(/\s/);
  let part = "";
  while (!reader.isAtEnd && !/[\s,]/.test(reader.text[reader.at]!)) {
    if (reader.startsWith("{{")) {
      const close = reader.text.indexOf("}}", reader.at);
      if (close < 0) reader.fail('"{{" is not closed; end the variable with "}}"');
      part += `{{ ${reader.text.slice(reader.at + 2, close).trim()} }}`;
      reader.at = close + 2;
    } else {
      part += reader.text[reader.at]!;
      reader.at += 1;
    }
  }
  return part;
}

const isVariable = (name: string): boolean =>
  (variables as readonly string[]).includes(name) || Object.hasOwn(short, name) || /^tags\.\S+$/.test(name);

function checkVariables(reader: RuleReader, part: string): void {
  for (const [, name] of part.matchAll(/\{\{\s*([^{}]*?)\s*\}\}/g))
    if (!isVariable(name!)) reader.fail(`"${name!}" is no variable; use one of ${variables.join(", ")}, tags.<name>`);
}

function valueOf(name: string, event: ErrorEvent): string | undefined {
  const thrown = event.exceptions?.at(-1);
  const frames = thrown?.frames ?? event.frames ?? [];
  const crash = frames.findLast(isInApp) ?? frames.at(-1);
  switch (name) {
    case "transaction":
      return event.transaction;
    case "error.type":
      return thrown?.type;
    case "error.value":
      return thrown?.value;
    case "stack.function":
      return crash?.function;
    case "stack.abs_path":
      return crash?.absPath ?? crash?.filename;
    case "stack.filename":
      return crash?.filename;
    case "stack.module":
      return crash?.module;
    case "stack.package":
      return crash?.package;
    case "logger":
      return event.logger;
    case "level":
      return event.level ?? "error";
    case "message":
      return event.messageTemplate ?? event.message ?? thrown?.value;
    default:
      return name.startsWith("tags.") && Object.hasOwn(event.tags ?? {}, name.slice(5))
        ? event.tags![name.slice(5)]
        : undefined;
  }
}
