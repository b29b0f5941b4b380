// A cursor into a YAML document that knows its line. Every problem is collected with field, line, rule and remedy, so that a
// configuration is checked whole before anything starts.
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from "yaml";

export interface Problem {
  readonly line: number;
  readonly field: string;
  readonly rule: string;
  readonly remedy: string;
}

/** Problems reported at most; the rest is only counted. */
export const problemsMax = 100;

export class Cursor {
  readonly path: string;
  readonly node: Node | null;
  readonly #problems: Problem[];
  readonly #lines: LineCounter;
  readonly #parentLine: number;

  constructor(path: string, node: Node | null, problems: Problem[], lines: LineCounter, parentLine: number) {
    this.path = path;
    this.node = node;
    this.#problems = problems;
    this.#lines = lines;
    this.#parentLine = parentLine;
  }

  get exists(): boolean {
    return this.node !== null && !(isScalar(this.node) && this.node.value === null);
  }
  get line(): number {
    const offset = this.node?.range?.[0];
    return offset === undefined ? this.#parentLine : this.#lines.linePos(offset).line;
  }
  problem(rule: string, remedy: string): null {
    if (this.#problems.length < problemsMax)
      this.#problems.push({ line: this.line, field: this.path === "" ? "(the file)" : this.path, rule, remedy });
    return null;
  }

  get isMap(): boolean {
    return isMap(this.node);
  }
  get isList(): boolean {
    return isSeq(this.node);
  }
  get scalar(): string | number | boolean | null {
    const value: unknown = isScalar(this.node) ? this.node.value : null;
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  }

  at(key: string): Cursor {
    const child: unknown = isMap(this.node) ? this.node.get(key, true) : null;
    return new Cursor(
      this.path === "" ? key : `${this.path}.${key}`,
      (child as Node | undefined) ?? null,
      this.#problems,
      this.#lines,
      this.line,
    );
  }

  /** Keys and children of a map; anything else is a problem. */
  entries(): [string, Cursor][] {
    if (!this.exists) return [];
    if (!isMap(this.node)) {
      this.problem("must be a mapping of names", "write one `name: …` per line, indented");
      return [];
    }
    return this.node.items.map((pair) => {
      const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
      return [key, this.at(key)];
    });
  }

  items(): Cursor[] {
    if (!this.exists) return [];
    if (!isSeq(this.node)) {
      this.problem("must be a list", "write one `- …` per line");
      return [];
    }
    return this.node.items.map(
      (item, at) => new Cursor(`${this.path}[${at}]`, item as Node, this.#problems, this.#lines, this.line),
    );
  }

  /** Reports keys that nobody reads, with the nearest known one. */
  only(known: readonly string[]): void {
    if (!isMap(this.node)) return;
    for (const [key, child] of this.entries()) {
      if (known.includes(key)) continue;
      const near = nearest(key, known);
      child.problem(
        `is not a known setting`,
        near === null ? `known here: ${known.join(", ")}` : `did you mean ${near}?`,
      );
    }
  }

  text(fallback: string | null = null): string | null {
    if (!this.exists) return fallback;
    const value = this.scalar;
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    this.problem("must be text", "write a single value");
    return fallback;
  }

  flag(fallback: boolean): boolean {
    if (!this.exists) return fallback;
    if (typeof this.scalar === "boolean") return this.scalar;
    this.problem("must be true or false", "write true or false");
    return fallback;
  }

  whole(fallback: number, min: number, max: number): number {
    if (!this.exists) return fallback;
    const value = this.scalar;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    this.problem(
      `must be a whole number from ${min} to ${max}`,
      `write a number such as ${Math.max(min, Math.min(max, fallback))}`,
    );
    return fallback;
  }

  /** A value read by one of units.ts, within bounds. */
  measure(
    read: (value: string | number) => number | null,
    fallback: number,
    min: number,
    max: number,
    example: string,
  ): number {
    if (!this.exists) return fallback;
    const value = this.scalar;
    const found = typeof value === "string" || typeof value === "number" ? read(value) : null;
    if (found === null) this.problem("cannot be read", `write for example ${example}`);
    else if (found < min || found > max)
      this.problem(`is out of bounds (${min} to ${max})`, `write for example ${example}`);
    else return found;
    return fallback;
  }

  /** A share as people write it: "50%", 0.5. */
  share(fallback: number, min: number, max: number): number {
    if (!this.exists) return fallback;
    const text = String(this.scalar ?? "").trim();
    const found = /^\d+(?:\.\d+)?\s*%$/.test(text)
      ? Number.parseFloat(text) / 100
      : text === ""
        ? Number.NaN
        : Number(text);
    if (found >= min && found <= max) return found;
    this.problem(`must be a share from ${min * 100} % to ${max * 100} %`, "write for example 50%");
    return fallback;
  }

  /** A value as it was written: "+1" is not 1. */
  get source(): string {
    const node: unknown = this.node;
    return isScalar(node) ? (node.source ?? String(node.value)) : "";
  }

  oneOf<T extends string>(values: readonly T[], fallback: T): T {
    if (!this.exists) return fallback;
    const value = this.scalar;
    const found = values.find((each) => each === value);
    if (found === undefined) this.problem(`must be one of ${values.join(", ")}`, `write ${fallback}, or leave it out`);
    return found ?? fallback;
  }

  /** One text or a list of texts. */
  texts(): string[] {
    if (!this.exists) return [];
    if (!isSeq(this.node)) return [this.text()].filter((value) => value !== null);
    return this.items()
      .map((item) => item.text())
      .filter((value) => value !== null);
  }

  /** A mapping of names to texts. */
  textMap(): Record<string, string> {
    return Object.fromEntries(
      this.entries().flatMap(([key, child]) => {
        const value = child.text();
        return value === null ? [] : [[key, value]];
      }),
    );
  }
}

/** Parses a document; syntax errors become problems too. */
export function read(source: string): { readonly root: Cursor; readonly problems: Problem[] } {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
  const problems: Problem[] = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    field: "(the file)",
    rule: `is not valid YAML: ${error.message}`,
    remedy: "mend the indentation, quotes or brackets at this line",
  }));
  return { root: new Cursor("", document.contents, problems, lines, 1), problems };
}

/** The known word closest to `word`, if it is close enough to be a slip (edit distance up to 2). */
export function nearest(word: string, known: readonly string[]): string | null {
  const scored = known
    .map((each) => ({ each, distance: distance(word.toLowerCase(), each.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  return best !== undefined && best.distance <= Math.min(2, Math.floor(word.length / 2)) ? best.each : null;
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1),
        ),
      );
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
