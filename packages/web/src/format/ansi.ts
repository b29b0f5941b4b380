// Log lines with ANSI escapes as spans of plain text with a class name each. Everything that is not a colour (cursor moves,
// titles, links) is dropped; nothing is ever interpreted as markup. Bounded: a long line is cut and says so.
import { harmless } from "./text.ts";

export interface Span {
  readonly text: string;
  /** Class names such as "ansi-red ansi-bold"; empty: as it is. */
  readonly look: string;
}

/** Characters shown of one line, and spans made of it; the rest is named, not shown. */
export const lineCharactersMax = 4_000;
const spansMax = 200;
const colours = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

export function ansiSpans(line: string): readonly Span[] {
  const isLong = line.length > lineCharactersMax * 2;
  const source = isLong ? line.slice(0, lineCharactersMax * 2) : line;
  const spans: Span[] = [];
  let look: Look = plain;
  let shown = 0;
  let at = 0;
  // CSI sequences, OSC sequences (ended by BEL or ST) and two-character escapes.
  const escapes = /\x1b(?:\[([0-9;:]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_ -/0-?])/g;
  const push = (text: string): void => {
    const room = lineCharactersMax - shown;
    if (text === "" || room <= 0 || spans.length >= spansMax) return;
    const part = text.slice(0, room);
    shown += part.length;
    spans.push({ text: harmless(part), look: names(look) });
  };
  for (const match of source.matchAll(escapes)) {
    push(source.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") look = styled(look, match[1] ?? "");
  }
  push(source.slice(at));
  const hidden = line.length - shown;
  if (shown >= lineCharactersMax && hidden > 0)
    spans.push({ text: ` … ${hidden.toLocaleString("en-GB")} more characters`, look: "ansi-cut" });
  return spans;
}

interface Look {
  readonly colour: string | null;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
}
const plain: Look = { colour: null, bold: false, dim: false, italic: false, underline: false };

function styled(look: Look, parameters: string): Look {
  const codes = parameters.split(/[;:]/).map(Number);
  let now = look;
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) now = plain;
    else if (code === 1) now = { ...now, bold: true };
    else if (code === 2) now = { ...now, dim: true };
    else if (code === 3) now = { ...now, italic: true };
    else if (code === 4) now = { ...now, underline: true };
    else if (code === 22) now = { ...now, bold: false, dim: false };
    else if (code === 23) now = { ...now, italic: false };
    else if (code === 24) now = { ...now, underline: false };
    else if (code >= 30 && code <= 37) now = { ...now, colour: colours[code - 30] ?? null };
    else if (code >= 90 && code <= 97) now = { ...now, colour: colours[code - 90] ?? null };
    else if (code === 39) now = { ...now, colour: null };
    else if (code === 38 || code === 48) {
      // 38;5;n or 38;2;r;g;b: of the 256 the first sixteen are known by name, the others stay plain.
      const isIndexed = codes[at + 1] === 5;
      const index = codes[at + 2] ?? -1;
      if (code === 38 && isIndexed && index < 16) now = { ...now, colour: colours[index % 8] ?? null };
      at += isIndexed ? 2 : 4;
    }
  }
  return now;
}

function names(look: Look): string {
  return [
    look.colour === null ? "" : `ansi-${look.colour}`,
    look.bold ? "ansi-bold" : "",
    look.dim ? "ansi-dim" : "",
    look.italic ? "ansi-italic" : "",
    look.underline ? "ansi-underline" : "",
  ]
    .filter(Boolean)
    .join(" ");
}
