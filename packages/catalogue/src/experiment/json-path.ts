// The part of JSONPath (RFC 9535) that tolerances need: members, indexes, wildcards and descendants. Filters and slices are
// refused: an expression that is half understood would decide wrongly.
import { InvalidInputError } from "@prunella/core";

/** Values a query may find; one that finds more is cut, which no tolerance needs. */
const foundMax = 10_000;

type Step =
  | { readonly kind: "name"; readonly name: string; readonly deep: boolean }
  | { readonly kind: "index"; readonly index: number; readonly deep: boolean }
  | { readonly kind: "all"; readonly deep: boolean };

/** The query of an expression. Throws InvalidInputError naming `field`. */
export function jsonPath(expression: string, field: string): (value: unknown) => unknown[] {
  const steps = parse(expression, field);
  return (value) => steps.reduce<unknown[]>((found, step) => apply(found, step), [value]);
}

function parse(expression: string, field: string): Step[] {
  const steps: Step[] = [];
  let rest = expression.trim();
  if (rest.startsWith("$")) rest = rest.slice(1);
  else rest = `.${rest}`;
  while (rest !== "") {
    const match =
      /^(\.\.?)(\*|[\w-]+)/.exec(rest) ??
      /^(\.\.)?\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+)|(\*))\]/.exec(rest);
    if (match === null)
      throw new InvalidInputError(
        field,
        `cannot be read from ${JSON.stringify(rest.slice(0, 40))} on`,
        "use $.name, ['name'], [0], [*] and ..name; filters and slices are not supported",
      );
    rest = rest.slice(match[0].length);
    const deep = match[1] === "..";
    if (match.length === 3) {
      const name = match[2] ?? "";
      steps.push(name === "*" ? { kind: "all", deep } : { kind: "name", name, deep });
    } else if (match[4] !== undefined) steps.push({ kind: "index", index: Number(match[4]), deep });
    else if (match[5] !== undefined) steps.push({ kind: "all", deep });
    else steps.push({ kind: "name", name: (match[2] ?? match[3] ?? "").replaceAll(/\\(.)/g, "$1"), deep });
  }
  return steps;
}

function apply(found: readonly unknown[], step: Step): unknown[] {
  const from = step.deep ? found.flatMap((value) => descendants(value)) : found;
  return from.flatMap((value) => children(value, step)).slice(0, foundMax);
}

function children(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  switch (step.kind) {
    case "name":
      return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
    case "index": {
      if (!Array.isArray(value)) return [];
      const at = step.index < 0 ? value.length + step.index : step.index;
      return at in value ? [value[at] as unknown] : [];
    }
    case "all":
      return Object.values(value);
    default:
      return step satisfies never;
  }
}

function descendants(value: unknown): unknown[] {
  const all: unknown[] = [];
  const queue = [value];
  for (let next = queue.shift(); next !== undefined && all.length < foundMax; next = queue.shift()) {
    all.push(next);
    if (typeof next === "object" && next !== null)
      queue.push(...Object.values(next).filter((each) => typeof each === "object" && each !== null));
  }
  return all;
}
