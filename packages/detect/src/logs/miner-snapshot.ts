// Templates as plain JSON, small: one array a part, no key names. Version 1; a change of meaning takes a new number.
import type { Element, Template } from "./template.ts";

/** text, spaced, kind, hash, varied */
type WrittenPart = readonly [string, 0 | 1, number, number, 0 | 1];
/** hash, shape, open, parts */
type WrittenElement = readonly [number, number, 0 | 1, readonly WrittenPart[]];
export interface WrittenTemplate {
  readonly id: string;
  readonly created: number;
  readonly count: number;
  readonly last: number;
  readonly keys: readonly number[];
  readonly elements: readonly WrittenElement[];
}

export interface MinerSnapshot {
  readonly version: 1;
  readonly created: number;
  readonly counters: {
    readonly lines: number;
    readonly truncated: number;
    readonly evicted: number;
    readonly merged: number;
  };
  readonly templates: readonly WrittenTemplate[];
  readonly merged: readonly (readonly [from: string, into: string])[];
}

export function writeTemplate(template: Template): WrittenTemplate {
  const { id, created, count, last, keys } = template;
  return { id, created, count, last, keys: [...keys], elements: template.elements.map(writeElement) };
}

export function readTemplate(written: WrittenTemplate): Template {
  const { id, created, count, last } = written;
  return { id, created, count, last, keys: [...written.keys], elements: written.elements.map(readElement) };
}

function writeElement({ hash, shape, open, parts }: Element): WrittenElement {
  return [
    hash,
    shape,
    open ? 1 : 0,
    parts.map((part) => [part.text, part.spaced ? 1 : 0, part.kind, part.hash, part.varied ? 1 : 0]),
  ];
}

function readElement([hash, shape, open, parts]: WrittenElement): Element {
  return {
    hash,
    shape,
    open: open === 1,
    parts: parts.map(([text, spaced, kind, hash, varied]) => ({
      text,
      spaced: spaced === 1,
      kind,
      hash,
      varied: varied === 1,
    })),
  };
}
