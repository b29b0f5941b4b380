// Mends text whose UTF-8 bytes were once read as Windows-1252 ("âœ…" for a check mark), also when that happened twice or the
// bytes that Windows-1252 does not define were dropped on the way. Text that is sound is returned as it is.

/** Characters of Windows-1252 at 0x80 to 0x9F; the five it leaves undefined stand for themselves, as most decoders have it. */
const upper =
  "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f" +
  "\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";
const byteOf = new Map<string, number>(Array.from(upper, (char, at): [string, number] => [char, 0x80 + at]));
for (let byte = 0xa0; byte <= 0xff; byte += 1) byteOf.set(String.fromCharCode(byte), byte);
/** Undefined in Windows-1252, so that some programs drop them. */
const lostBytes = [0x81, 0x8d, 0x8f, 0x90, 0x9d];
/** Times a text may have been damaged over. */
const roundsMax = 10;

export interface Mended {
  readonly text: string;
  /** Places that were mended. */
  readonly count: number;
}

export function mendEncoding(text: string): Mended {
  let current = text;
  let count = 0;
  for (let round = 0; round < roundsMax; round += 1) {
    let mended = 0;
    current = current.replace(damaged, (run) => {
      const [whole, places] = mendRun(run);
      mended += places;
      return whole;
    });
    count += mended;
    if (mended === 0) break;
  }
  return { text: current, count };
}

/** A run of characters that stand for bytes above 0x7F. */
const damaged = new RegExp(
  `[${[...byteOf.keys()].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}]+`,
  "g",
);

/** Sequences of a run that are UTF-8 are decoded; anything else stays. */
function mendRun(run: string): [string, number] {
  const chars = Array.from(run);
  const bytes = chars.map((char) => byteOf.get(char) ?? 0);
  let out = "";
  let places = 0;
  for (let at = 0; at < bytes.length;) {
    const need = lengthOf(bytes[at] ?? 0);
    const whole = need === 0 ? null : decode(bytes.slice(at, at + need), need);
    if (whole !== null) {
      out += whole;
      places += 1;
      at += need;
      continue;
    }
    const short = need < 3 ? null : withLostByte(bytes, at, need);
    if (short !== null) {
      out += short;
      places += 1;
      at += need - 1;
      continue;
    }
    out += chars[at] ?? "";
    at += 1;
  }
  return [out, places];
}

/** One byte was dropped: taken for mended only when exactly one of the possible bytes makes a pictogram. */
function withLostByte(bytes: readonly number[], at: number, need: number): string | null {
  const kept = bytes.slice(at, at + need - 1);
  if (kept.length < need - 1) return null;
  const found = new Set<string>();
  for (let gap = 1; gap < need; gap += 1)
    for (const byte of lostBytes) {
      const char = decode([...kept.slice(0, gap), byte, ...kept.slice(gap)], need);
      if (char !== null && /^\p{Emoji_Presentation}$/u.test(char)) found.add(char);
    }
  const [only] = found;
  return found.size === 1 && only !== undefined ? only : null;
}

/** Length of a UTF-8 sequence by its first byte; 0: none starts here. */
function lengthOf(byte: number): number {
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xf0 && byte <= 0xf4 ? 4 : 0;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
function decode(bytes: readonly number[], need: number): string | null {
  if (bytes.length < need) return null;
  try {
    return utf8.decode(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}
