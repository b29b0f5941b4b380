// Matchers: read from text, checked once, and asked often. Their regular expressions come from people who may configure
// Prunella; a length limit and the anchors keep them within reason.
import { InvalidInputError } from "../errors.ts";
import type { Matcher } from "./alert.ts";

/** Matchers in one silence or route, and characters of one value. */
export const matchersMax = 20;
export const matcherValueMax = 500;

/** Compiled expressions kept; beyond it the oldest is compiled anew when asked for. */
const compiledMax = 1_000;
const compiled = new Map<string, RegExp>();

export function matchesAll(matchers: readonly Matcher[], labels: Readonly<Record<string, string>>): boolean {
  return matchers.every((matcher) => matches(matcher, labels));
}

export function matches(matcher: Matcher, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, matcher.name) ? (labels[matcher.name] ?? "") : "";
  return (matcher.isRegex ? expression(matcher.value).test(value) : value === matcher.value) === matcher.isEqual;
}

/** Reads `name="v"`, `name!=v`, `name=~"a|b"`, `name!~x`; several joined by commas, braces optional. Throws InvalidInputError. */
export function parseMatchers(text: string, field = "matchers"): Matcher[] {
  const inner = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1] ?? text;
  const found: Matcher[] = [];
  const part = /\s*([a-zA-Z_][a-zA-Z0-9_.-]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}]*))\s*(,|$)/sy;
  while (part.lastIndex < inner.length) {
    const match = part.exec(inner);
    if (match === null)
      throw new InvalidInputError(
        field,
        `cannot be read (${inner.slice(0, 60)})`,
        'write for example severity="critical", target=~"api|web"',
      );
    const [, name = "", sign = "=", quoted, bare = ""] = match;
    const value =
      quoted === undefined ? bare.trim() : quoted.replace(/\\(.)/gs, (_, char: string) => (char === "n" ? "\n" : char));
    found.push({ name, value, isRegex: sign.endsWith("~"), isEqual: !sign.startsWith("!") });
  }
  return checkMatchers(found, field);
}

/** Throws InvalidInputError for an expression that cannot be compiled and for more than can be looked at. */
export function checkMatchers(matchers: readonly Matcher[], field: string): Matcher[] {
  if (matchers.length > matchersMax)
    throw new InvalidInputError(field, `holds ${matchers.length} matchers`, `write at most ${matchersMax}`);
  for (const { name, value, isRegex } of matchers) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_.-]{0,99}$/.test(name))
      throw new InvalidInputError(
        field,
        `names the label ${JSON.stringify(name.slice(0, 40))}`,
        "use letters, digits, . - and _",
      );
    if (value.length > matcherValueMax)
      throw new InvalidInputError(
        field,
        `holds a value of ${value.length} characters`,
        `write at most ${matcherValueMax}`,
      );
    if (!isRegex) continue;
    try {
      expression(value);
    } catch (error) {
      throw new InvalidInputError(
        field,
        `holds ${JSON.stringify(value)}, which is no regular expression (${error instanceof Error ? error.message : String(error)})`,
        "correct it, or use = for a plain value",
      );
    }
  }
  return [...matchers];
}

/** A selection that nothing would be left out of: empty, or every matcher also takes a label that is not there. */
export function matchesEverything(matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => matches(matcher, {}));
}

export function matcherText({ name, value, isRegex, isEqual }: Matcher): string {
  return `${name}${isEqual ? (isRegex ? "=~" : "=") : isRegex ? "!~" : "!="}${JSON.stringify(value)}`;
}

function expression(value: string): RegExp {
  const known = compiled.get(value);
  if (known !== undefined) return known;
  const made = new RegExp(`^(?:${value})$`, "su");
  compiled.set(value, made);
  if (compiled.size > compiledMax) compiled.delete(compiled.keys().next().value ?? "");
  return made;
}
