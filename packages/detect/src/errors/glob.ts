// Glob patterns as rules use them: "*" any text, "?" one character, "[ab]" one of them, "\\" takes the next literally.
// Matching is a loop over both texts, never a regular expression: no pattern can make it slow.

const patternCharactersMax = 1000;
const textCharactersMax = 8192;

/** The whole text must match. At most 8,192 characters of it are read. */
export function globMatches(pattern: string, text: string, ignoreCase: boolean): boolean {
  const glob = units(ignoreCase ? pattern.toLowerCase() : pattern);
  const read = (ignoreCase ? text.toLowerCase() : text).slice(0, textCharactersMax);
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let starAt = 0;
  while (at < read.length) {
    const unit = glob[inGlob];
    if (unit === "*") {
      star = inGlob;
      starAt = at;
      inGlob += 1;
    } else if (unit !== undefined && fits(unit, read[at]!)) {
      at += 1;
      inGlob += 1;
    } else if (star >= 0) {
      starAt += 1;
      at = starAt;
      inGlob = star + 1;
    } else return false;
  }
  while (glob[inGlob] === "*") inGlob += 1;
  return inGlob === glob.length;
}

/** "*", "?", or a set of characters that fit one place; "^" first in a set turns it round. */
type Unit = "*" | "?" | { readonly among: string; readonly isNegated: boolean };

function units(pattern: string): Unit[] {
  const found: Unit[] = [];
  for (let at = 0; at < Math.min(pattern.length, patternCharactersMax); at += 1) {
    const character = pattern[at]!;
    const close = character === "[" ? pattern.indexOf("]", at + 2) : -1;
    if (character === "*") {
      if (found.at(-1) !== "*") found.push("*");
    } else if (character === "?") found.push("?");
    else if (close > 0) {
      const isNegated = /^[!^]/.test(pattern[at + 1]!);
      found.push({ among: expanded(pattern.slice(at + (isNegated ? 2 : 1), close)), isNegated });
      at = close;
    } else if (character === "\\" && at + 1 < pattern.length) {
      at += 1;
      found.push({ among: pattern[at]!, isNegated: false });
    } else found.push({ among: character, isNegated: false });
  }
  return found;
}

function expanded(set: string): string {
  return set.replaceAll(/(.)-(.)/g, (_, from: string, to: string) => {
    const first = from.charCodeAt(0);
    const size = Math.min(128, to.charCodeAt(0) - first + 1);
    return size > 0 ? String.fromCharCode(...Array.from({ length: size }, (_unused, index) => first + index)) : "";
  });
}

const fits = (unit: Unit, character: string): boolean =>
  unit === "?" || (unit !== "*" && unit.among.includes(character) !== unit.isNegated);
