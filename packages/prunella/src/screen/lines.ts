// Text that fits: cutting and padding by the columns a terminal needs, with the colours of `paint` counting nothing.
import { bare } from "../cli.ts";

/** Columns that text takes. Wide characters (CJK, most pictograms) take two, combining marks none. */
export function columnsOf(painted: string): number {
  let columns = 0;
  for (const char of bare(painted)) columns += widthOf(char);
  return columns;
}

function widthOf(char: string): number {
  if (/\p{Mark}|\u200d|[\ufe00-\ufe0f]/u.test(char)) return 0;
  if (/\p{Emoji_Presentation}/u.test(char)) return 2;
  const code = char.codePointAt(0) ?? 0;
  const isWide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return isWide ? 2 : 1;
}

/** Cut to so many columns, with a mark where something is missing; colours are closed. */
export function cut(painted: string, columns: number): string {
  if (columns <= 0) return "";
  if (columnsOf(painted) <= columns) return painted;
  let out = "";
  let used = 0;
  let open = false;
  for (let at = 0; at < painted.length;) {
    const escape = /^\u001b\[[0-9;]*m/.exec(painted.slice(at))?.[0];
    if (escape !== undefined) {
      out += escape;
      open = true;
      at += escape.length;
      continue;
    }
    const char = String.fromCodePoint(painted.codePointAt(at) ?? 0);
    if (used + widthOf(char) > columns - 1) break;
    out += char;
    used += widthOf(char);
    at += char.length;
  }
  return `${out}…${open ? "\u001b[0m" : ""}`;
}

/** Cut or filled to exactly so many columns. */
export function fit(painted: string, columns: number): string {
  const short = cut(painted, columns);
  return short + " ".repeat(Math.max(0, columns - columnsOf(short)));
}

/** Words wrapped into lines of at most so many columns, at most `linesMax` of them; what is left out is marked. */
export function wrap(text: string, columns: number, linesMax: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (columnsOf(longer) <= columns || line === "") {
      line = longer;
      continue;
    }
    lines.push(line);
    line = word;
  }
  if (line !== "") lines.push(line);
  const kept = lines.slice(0, linesMax).map((each) => cut(each, columns));
  const last = kept.length - 1;
  if (lines.length > linesMax && last >= 0) kept[last] = cut(`${kept[last] ?? ""} …`, columns);
  return kept;
}

/** "12 s", "3 min", "2 h", "5 d": how long ago, or how long it takes. */
export function ago(ms: number): string {
  if (ms < 1_000) return "now";
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`;
}
