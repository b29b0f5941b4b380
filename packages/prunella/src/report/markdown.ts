// Text in Markdown, both ways. Text from signals and imported files is untrusted: what is written out renders as itself and
// never as markup, a link or a tag, and what was written out is read back word for word.

/** Characters that mean something in Markdown or HTML. */
const special = /[\\`*_{}[\]<>#|~&!$]/g;

/** One line of text, for a table cell or a sentence; line breaks become spaces. */
export function escapeText(text: string): string {
  return text
    .replaceAll(/\s*[\r\n]+\s*/g, " ")
    .replaceAll(special, (char) => `\\${char}`)
    .replace(
      /^(\s*)([-+=]|\d+[.)])/,
      (_all, space: string, mark: string) => `${space}${mark.slice(0, -1)}\\${mark.slice(-1)}`,
    );
}

/** The reverse of escapeText: a backslash before ASCII punctuation goes. */
export function unescapeText(text: string): string {
  return text.replaceAll(/\\([!-/:-@[-`{-~])/g, "$1");
}

export function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Cells of a table row, unescaped; null when the line is none. */
export function cellsOf(line: string): string[] | null {
  const trimmed = line.trim();
  if (!trimmed.startsWith("|")) return null;
  const cells: string[] = [];
  let cell = "";
  for (let at = 1; at < trimmed.length; at += 1) {
    const char = trimmed[at] ?? "";
    if (char === "\\" && at + 1 < trimmed.length) {
      cell += char + (trimmed[at + 1] ?? "");
      at += 1;
    } else if (char === "|") {
      cells.push(cell);
      cell = "";
    } else cell += char;
  }
  if (cell.trim() !== "") cells.push(cell);
  return cells.map((each) => unescapeText(each.trim()));
}

export const fence = /^ {0,3}(`{3,}|~{3,})/;
/** What begins a heading, a rule, a part, a fence or a table; escaped at the start of a line of running text. */
const structure = /^( {0,3})(\\*)(#{1,6}(?:\s|$)|-{3,}\s*$|\*\*[^*\n]+:\*\*|`{3,}|~{3,}|\|)/;

/**
 * Text that is Markdown itself (paragraphs, lists, fenced code), so that it stays inside its part: tags and link targets are
 * written as entities, and lines that would end the part get a backslash. Fenced code is left as it is.
 */
export function escapeBody(text: string): string {
  return mapProse(text, escapeLine);
}

export function unescapeBody(text: string): string {
  return mapProse(text, unescapeLine);
}

export function escapeLine(line: string): string {
  return escapeInline(line).replace(structure, "$1\\$2$3");
}

/** Within a line: entities first, so that a text that holds one is read back as it was. */
export function escapeInline(line: string): string {
  return line
    .replaceAll(/&(amp|lt|#40|#58);/g, "&amp;$1;")
    .replaceAll("<", "&lt;")
    .replaceAll("](", "]&#40;")
    .replaceAll("]:", "]&#58;");
}

export function unescapeInline(line: string): string {
  return line.replaceAll(
    /&(amp|lt|#40|#58);/g,
    (_all, name: string) => ({ amp: "&", lt: "<", "#40": "(", "#58": ":" })[name] ?? "",
  );
}

function unescapeLine(line: string): string {
  return unescapeInline(
    line.replace(/^( {0,3})\\(\\*)(#{1,6}(?:\s|$)|-{3,}\s*$|\*\*[^*\n]+:\*\*|`{3,}|~{3,}|\|)/, "$1$2$3"),
  );
}

/** Applies `change` to each line outside fenced code; a fence that is never closed is no fence. */
function mapProse(text: string, change: (line: string) => string): string {
  const lines = text.split("\n");
  const out: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const end = fenceEnd(lines, at);
    if (end === null) {
      out.push(change(line));
      continue;
    }
    out.push(...lines.slice(at, end + 1));
    at = end;
  }
  return out.join("\n");
}

/** Index of the line that closes the fence opened at `at`; null when none is opened there, or it is never closed. */
export function fenceEnd(lines: readonly string[], at: number): number | null {
  const opening = fence.exec(lines[at] ?? "")?.[1];
  if (opening === undefined) return null;
  for (let next = at + 1; next < lines.length; next += 1) {
    const closing = /^ {0,3}(`{3,}|~{3,})\s*$/.exec(lines[next] ?? "")?.[1];
    if (closing !== undefined && closing[0] === opening[0] && closing.length >= opening.length) return next;
  }
  return null;
}
