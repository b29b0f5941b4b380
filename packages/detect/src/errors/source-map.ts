// A decoder for source map version 3 (ECMA-426): from a place in generated code to the place in the source. Reads the
// JSON as text, with or without sections; fetches nothing. Positions are 1-based lines and 1-based columns, as in stacks.

export interface OriginalPosition {
  readonly source: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** The name the generated token had in the source, if the map says. */
  readonly name?: string;
  /** The source line, if the map carries its sources. At most 400 characters. */
  readonly contextLine?: string;
}

export interface SourceMapLimits {
  /** Characters of the JSON. Default 64 Mi. */
  readonly charactersMax?: number;
  /** Mapped segments. Default 5,000,000 (100 MB). */
  readonly segmentsMax?: number;
}

interface RawMap {
  readonly version?: unknown;
  readonly sources?: unknown;
  readonly sourcesContent?: unknown;
  readonly sourceRoot?: unknown;
  readonly names?: unknown;
  readonly mappings?: unknown;
  readonly sections?: unknown;
}

const fields = 5;
const base64 = new Int8Array(128).fill(-1);
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
for (let value = 0; value < digits.length; value += 1) base64[digits.charCodeAt(value)] = value;

export class SourceMap {
  /** Generated column, source, line, column, name; five numbers a segment, sorted by line and column. -1 is "none". */
  private readonly segments: Int32Array;
  /** Index of the first segment of each generated line. */
  private readonly lineStarts: number[];
  private readonly sources: readonly string[];
  private readonly contents: readonly (string | null)[];
  private readonly names: readonly string[];

  private constructor(map: RawMap, segmentsMax: number) {
    const root =
      typeof map.sourceRoot === "string" && map.sourceRoot !== "" ? `${map.sourceRoot.replace(/\/$/, "")}/` : "";
    this.sources = textList(map.sources, "sources", true).map((source) => root + source);
    this.names = textList(map.names ?? [], "names", false);
    this.contents = Array.isArray(map.sourcesContent)
      ? map.sourcesContent.map((content: unknown) => (typeof content === "string" ? content : null))
      : [];
    if (typeof map.mappings !== "string") throw new SourceMapError('"mappings" must be text');
    [this.segments, this.lineStarts] = decode(map.mappings, segmentsMax, this.sources.length, this.names.length);
  }

  /** Throws a SourceMapError that names what is wrong. */
  static parse(text: string, limits: SourceMapLimits = {}): SourceMap | SectionedSourceMap {
    const { charactersMax = 67_108_864, segmentsMax = 5_000_000 } = limits;
    if (text.length > charactersMax)
      throw new SourceMapError(
        `the map has ${String(text.length)} characters; at most ${String(charactersMax)} are read`,
      );
    let map: RawMap;
    try {
      // ")]}'" and the rest of its line guard some maps against being run as a script.
      map = JSON.parse(text.replace(/^\)\]\}'?[^\n]*\n/, "")) as RawMap;
    } catch (cause) {
      throw new SourceMapError("the map is not JSON", { cause });
    }
    if (typeof map !== "object" || map === null || Array.isArray(map))
      throw new SourceMapError("the map must be a JSON object");
    if (map.version !== 3) throw new SourceMapError(`version ${JSON.stringify(map.version)} is not supported; 3 is`);
    return Array.isArray(map.sections)
      ? new SectionedSourceMap(map.sections, segmentsMax, SourceMap.of)
      : new SourceMap(map, segmentsMax);
  }

  private static of(this: void, map: RawMap, segmentsMax: number): SourceMap {
    return new SourceMap(map, segmentsMax);
  }

  /** The source of the segment at or before the place; undefined where the map has none on that line. */
  originalPosition(line: number, column: number): OriginalPosition | undefined {
    const from = this.lineStarts[line - 1];
    const to = this.lineStarts[line];
    if (from === undefined || to === undefined || from === to) return undefined;
    const target = column - 1;
    let low = from;
    let high = to - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.segments[middle * fields]! <= target) low = middle;
      else high = middle - 1;
    }
    const at = low * fields;
    const source = this.segments[at + 1]!;
    if (this.segments[at]! > target || source < 0) return undefined;
    const originalLine = this.segments[at + 2]! + 1;
    const name = this.names[this.segments[at + 4]!];
    const contextLine = lineOf(this.contents[source], originalLine);
    return {
      source: this.sources[source]!,
      line: originalLine,
      column: this.segments[at + 3]! + 1,
      ...(name === undefined ? {} : { name }),
      ...(contextLine === undefined ? {} : { contextLine }),
    };
  }
}

/** A map made of maps, each for a part of the generated file. */
export class SectionedSourceMap {
  private readonly sections: readonly { readonly line: number; readonly column: number; readonly map: SourceMap }[];

  constructor(
    sections: readonly unknown[],
    segmentsMax: number,
    create: (map: RawMap, segmentsMax: number) => SourceMap,
  ) {
    this.sections = sections
      .map((section, index) => {
        const { offset, map } = (section ?? {}) as { offset?: { line?: unknown; column?: unknown }; map?: RawMap };
        if (typeof offset?.line !== "number" || typeof offset.column !== "number" || typeof map !== "object")
          throw new SourceMapError(`sections[${String(index)}] needs offset.line, offset.column and map`);
        return { line: offset.line, column: offset.column, map: create(map, segmentsMax) };
      })
      .toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  originalPosition(line: number, column: number): OriginalPosition | undefined {
    const section = this.sections.findLast(
      (each) => each.line < line - 1 || (each.line === line - 1 && each.column <= column - 1),
    );
    if (section === undefined) return undefined;
    const shift = section.line === line - 1 ? section.column : 0;
    return section.map.originalPosition(line - section.line, column - shift);
  }
}

export class SourceMapError extends Error {
  override readonly name = "SourceMapError";
  readonly code = "source-map-invalid";
  constructor(rule: string, options?: ErrorOptions) {
    super(`source map: ${rule}`, options);
  }
}

function textList(value: unknown, field: string, allowNull: boolean): string[] {
  if (!Array.isArray(value)) throw new SourceMapError(`"${field}" must be a list`);
  return value.map((each: unknown) => {
    if (typeof each === "string") return each;
    if (allowNull && each === null) return "";
    throw new SourceMapError(`"${field}" must hold texts only`);
  });
}

function decode(mappings: string, segmentsMax: number, sources: number, names: number): [Int32Array, number[]] {
  let out = new Int32Array(Math.min(segmentsMax, Math.max(16, mappings.length >> 2)) * fields);
  const lineStarts = [0];
  const state = [0, 0, 0, 0, 0];
  let count = 0;
  let at = 0;
  let isSorted = true;
  let previous = -1;
  while (at < mappings.length) {
    const code = mappings.charCodeAt(at);
    if (code === 59) {
      lineStarts.push(count);
      state[0] = 0;
      previous = -1;
      at += 1;
      continue;
    }
    if (code === 44) {
      at += 1;
      continue;
    }
    let read = 0;
    while (at < mappings.length && mappings.charCodeAt(at) !== 44 && mappings.charCodeAt(at) !== 59) {
      let value = 0;
      let shift = 0;
      let digit: number;
      do {
        digit = base64[mappings.charCodeAt(at)] ?? -1;
        if (digit < 0)
          throw new SourceMapError(
            `"mappings" has ${JSON.stringify(mappings[at] ?? "its end")} at ${String(at)} where a base64 digit must stand`,
          );
        value += (digit & 31) * 2 ** shift;
        shift += 5;
        at += 1;
        if (shift > 35) throw new SourceMapError(`"mappings" has a number that is too long at ${String(at)}`);
      } while ((digit & 32) !== 0);
      if (read >= fields)
        throw new SourceMapError(`"mappings" has a segment with more than five numbers at ${String(at)}`);
      state[read]! += value % 2 === 1 ? -Math.floor(value / 2) : value / 2;
      read += 1;
    }
    if (read !== 1 && read !== 4 && read !== 5)
      throw new SourceMapError(
        `"mappings" has a segment of ${String(read)} numbers at ${String(at)}; 1, 4 or 5 are allowed`,
      );
    if (count >= segmentsMax) throw new SourceMapError(`the map has more than ${String(segmentsMax)} segments`);
    if (read >= 4 && (state[1]! < 0 || state[1]! >= sources))
      throw new SourceMapError(`"mappings" names source ${String(state[1])}, but there are ${String(sources)}`);
    if (read === 5 && (state[4]! < 0 || state[4]! >= names))
      throw new SourceMapError(`"mappings" names name ${String(state[4])}, but there are ${String(names)}`);
    if ((count + 1) * fields > out.length) {
      const larger = new Int32Array(out.length * 2);
      larger.set(out);
      out = larger;
    }
    out.set([state[0]!, read >= 4 ? state[1]! : -1, state[2]!, state[3]!, read === 5 ? state[4]! : -1], count * fields);
    if (state[0]! < previous) isSorted = false;
    previous = state[0]!;
    count += 1;
  }
  lineStarts.push(count);
  const segments = out.slice(0, count * fields);
  if (!isSorted) sortLines(segments, lineStarts);
  return [segments, lineStarts];
}

/** Some generators write columns of a line out of order; the specification lets them. */
function sortLines(segments: Int32Array, lineStarts: readonly number[]): void {
  for (let line = 0; line + 1 < lineStarts.length; line += 1) {
    const from = lineStarts[line]! * fields;
    const rows: Int32Array[] = [];
    for (let at = from; at < lineStarts[line + 1]! * fields; at += fields) rows.push(segments.slice(at, at + fields));
    rows.sort((a, b) => a[0]! - b[0]!);
    rows.forEach((row, index) => segments.set(row, from + index * fields));
  }
}

const contextCharactersMax = 400;

function lineOf(content: string | null | undefined, line: number): string | undefined {
  if (content === null || content === undefined) return undefined;
  let from = 0;
  for (let at = 1; at < line; at += 1) {
    const next = content.indexOf("\n", from);
    if (next < 0) return undefined;
    from = next + 1;
  }
  const end = content.indexOf("\n", from);
  const text = content.slice(from, Math.min(end < 0 ? content.length : end, from + contextCharactersMax));
  return text.replace(/\r$/, "");
}
