// What each character means to the scanner, as tables indexed by character code. One addition and one "or" per
// character replace a chain of comparisons in the hot loop; nothing else in the package reads them.

/** Ends a word. Whitespace and delimiters are the only classes above zero. */
export const classSpace = 1;
export const classDelimiter = 2;

/** Bits of `traitOf`: which kinds of character a word holds. */
export const traitDigit = 1;
export const traitLetter = 2;
export const traitNotHex = 4;
export const traitDot = 8;
export const traitSlash = 16;
export const traitBackslash = 32;
export const traitAt = 64;

/** 0 in a word, else classSpace or classDelimiter. Codes above 127 belong to words. */
export const classOf = new Uint8Array(128);
/** The trait bits of one character. */
export const traitOf = new Uint8Array(128);
/** 1 for a digit: summed up over a word it counts its digits. */
export const digitOf = new Uint8Array(128);

for (let code = 0; code <= 32; code += 1) classOf[code] = classSpace;
for (const delimiter of "=,;:|\"'()[]{}<>#`") classOf[delimiter.charCodeAt(0)] = classDelimiter;
for (let code = 33; code < 127; code += 1) {
  const character = String.fromCharCode(code);
  let traits = 0;
  if (/\d/.test(character)) traits |= traitDigit;
  if (/[a-z]/i.test(character)) traits |= traitLetter;
  if (!/[\da-f]/i.test(character)) traits |= traitNotHex;
  if (character === ".") traits |= traitDot;
  if (character === "/") traits |= traitSlash;
  if (character === "\\") traits |= traitBackslash;
  if (character === "@") traits |= traitAt;
  traitOf[code] = traits;
  digitOf[code] = traits & traitDigit;
}
/** Codes above 127 are letters of some script, never hexadecimal. */
export const traitsBeyondAscii = traitLetter | traitNotHex;

/** The code at `at`, 0 beside the line: a number always, because one NaN makes the engine give up fast code. */
export function codeAt(line: string, at: number): number {
  return at >= 0 && at < line.length ? line.charCodeAt(at) : 0;
}

/** FNV-1a over UTF-16 code units, 32 bits: the hash of a word. */
export const hashSeed = 0x811c9dc5 | 0;
export const hashPrime = 0x01000193;
export function hashOf(text: string): number {
  let hash = hashSeed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), hashPrime);
  return hash;
}
