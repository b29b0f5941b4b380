// One template: what its lines have in common, element by element, and what was seen at the places that vary.
// A place is shown as it was until a second text appears there, so "L1 cache" stays "L1 cache" while it is the only one.
import { kindConstant, kindPrefixed, kindValue, type Scan } from "./scan.ts";
import { isUnit } from "./vocabulary.ts";
import { runMark, type Skeleton } from "./skeleton.ts";

export const placeholder = "<*>";
const textCharactersMax = 120;

/** One token of the founding line. `varied`: shown as <*>. */
export interface Part {
  readonly text: string;
  readonly spaced: boolean;
  readonly kind: number;
  readonly hash: number;
  varied: boolean;
}

/** A constant token (shape 0) or a run of values. `open`: any text may stand here, shown as one <*>. */
export interface Element {
  hash: number;
  readonly shape: number;
  open: boolean;
  readonly parts: Part[];
}

export interface Template {
  readonly id: string;
  /** Rises with each new template: the older of two has the smaller number. */
  readonly created: number;
  /** Keys of skeletons that lead here, the founding one first. */
  readonly keys: number[];
  readonly elements: Element[];
  /** Lines counted. */
  count: number;
  /** Number of the last line that matched, for eviction. */
  last: number;
}

/** Hash of element `at` of the line just folded: a word's own, or the mark of a run. */
export function elementHash(scan: Scan, skeleton: Skeleton, at: number): number {
  return skeleton.shape[at] === 0 ? scan.hash[skeleton.first[at]!]! : runMark;
}

export function createElements(scan: Scan, skeleton: Skeleton): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < skeleton.count; at += 1) {
    const parts: Part[] = [];
    for (let token = skeleton.first[at]!; token < skeleton.after[at]!; token += 1) {
      const kind = scan.kind[token]!;
      const end = kind === kindPrefixed ? scan.split[token]! : scan.end[token]!;
      parts.push({
        text: detached(
          scan.line.slice(scan.start[token], Math.min(end, scan.start[token]! + textCharactersMax)),
          scan.line,
        ),
        spaced: scan.spaced[token] === 1,
        kind,
        hash: scan.hash[token]!,
        varied: kind === kindValue,
      });
    }
    elements.push({ hash: elementHash(scan, skeleton, at), shape: skeleton.shape[at]!, open: false, parts });
  }
  return elements;
}

/** Learns from a line with the same number of elements: a second text at a place makes the place vary. */
export function learn(elements: readonly Element[], scan: Scan, skeleton: Skeleton): void {
  for (let at = 0; at < elements.length; at += 1) {
    const element = elements[at]!;
    const shape = skeleton.shape[at]!;
    if (element.open || (shape === 0 && element.shape === 0 && element.hash === scan.hash[skeleton.first[at]!]))
      continue;
    if (element.shape !== shape || shape === 0) {
      element.open = true;
      element.hash = runMark;
      continue;
    }
    const { parts } = element;
    const first = skeleton.first[at]!;
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index]!;
      if (!part.varied && part.hash !== scan.hash[first + index] && part.kind !== kindConstant) part.varied = true;
    }
  }
}

/** Makes every place of `into` vary where `from` (same number of elements) differs. */
export function unite(into: readonly Element[], from: readonly Element[]): void {
  for (let at = 0; at < into.length; at += 1) {
    const element = into[at]!;
    const other = from[at]!;
    if (element.open || (element.shape === 0 && other.shape === 0 && element.hash === other.hash)) continue;
    if (other.open || element.shape !== other.shape || element.shape === 0) {
      element.open = true;
      element.hash = runMark;
      continue;
    }
    element.parts.forEach((part, index) => {
      const twin = other.parts[index]!;
      if (part.kind !== kindConstant && (twin.varied || twin.hash !== part.hash)) part.varied = true;
    });
  }
}

/** The template as text, each variable part as <*>. */
export function render(elements: readonly Element[]): string {
  let text = "";
  for (const element of elements) {
    if (element.open) {
      text += (element.parts[0]!.spaced ? " " : "") + placeholder;
      continue;
    }
    for (const part of element.parts) {
      // "8 KB" here and "1.2 MB" there: number and unit are one value.
      if (part.varied && isUnit(part.hash) && text.endsWith(placeholder)) continue;
      if (part.spaced) text += " ";
      if (part.varied) text += placeholder;
      else if (part.kind === kindPrefixed) text += part.text + placeholder;
      else text += part.text;
    }
  }
  return text.replaceAll(/<\*>(?:\.?<\*>)+/g, placeholder).trim();
}

/** A line up to this length may stay alive behind a text cut out of it (engines let a slice point into its parent). */
const keptLineCharactersMax = 512;

function detached(text: string, line: string): string {
  return line.length <= keptLineCharactersMax || text.length < 13 ? text : Array.from(text).join("");
}
