// How many bits DEFLATE (RFC 1951) spends on each byte of a text at its highest level: what a match costs is shared by the
// bytes that it stands for. Tells what a compressed file is made of.
import { deflateRawSync } from "node:zlib";

/** Base length and extra bits by symbol from 257, base distance and extra bits by symbol (RFC 1951, 3.2.5). */
const lengths = bases([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5], 3);
const distances = bases(
  [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
  1,
);
lengths[28] = { base: 258, extra: 0 };
/** Order in which the lengths of the code for code lengths are sent. */
const codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

interface Range {
  readonly base: number;
  readonly extra: number;
}

function bases(extras: readonly number[], first: number): Range[] {
  let base = first;
  return extras.map((extra) => {
    const range = { base, extra };
    base += 2 ** extra;
    return range;
  });
}

/** Bits per byte of `text`, which must be ASCII, and of what describes the codes. */
export function bitsOf(text: string): { readonly each: Float64Array; readonly tables: number } {
  const packed = deflateRawSync(text, { level: 9 });
  const each = new Float64Array(text.length);
  let at = 0;
  let out = 0;
  let tables = 0;
  const bits = (count: number): number => {
    let value = 0;
    for (let bit = 0; bit < count; bit += 1, at += 1) value |= (((packed[at >> 3] ?? 0) >> (at & 7)) & 1) << bit;
    return value;
  };
  const decoder = (sizes: readonly number[]): (() => number) => {
    const symbols = new Map<string, number>();
    for (let size = 1, code = 0; size < 16; size += 1, code <<= 1)
      sizes.forEach((each, symbol) => each === size && symbols.set(`${size} ${code++}`, symbol));
    return () => {
      for (let size = 1, code = 0; size < 16; size += 1) {
        code = (code << 1) | bits(1);
        const symbol = symbols.get(`${size} ${code}`);
        if (symbol !== undefined) return symbol;
      }
      throw new Error("no DEFLATE stream");
    };
  };
  for (let last = 0; last === 0;) {
    const blockAt = at;
    last = bits(1);
    if (bits(2) !== 2) throw new Error("only blocks with codes of their own are read; give a longer text");
    const [literalCount, distanceCount, codeCount] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const codeSizes = Array.from({ length: 19 }, () => 0);
    for (const symbol of codeOrder.slice(0, codeCount)) codeSizes[symbol] = bits(3);
    const next = decoder(codeSizes);
    const sizes: number[] = [];
    while (sizes.length < literalCount + distanceCount) {
      const symbol = next();
      if (symbol < 16) sizes.push(symbol);
      else {
        const size = symbol === 16 ? (sizes.at(-1) ?? 0) : 0;
        const times = symbol === 16 ? 3 + bits(2) : symbol === 17 ? 3 + bits(3) : 11 + bits(7);
        for (let time = 0; time < times; time += 1) sizes.push(size);
      }
    }
    const literal = decoder(sizes.slice(0, literalCount));
    const distance = decoder(sizes.slice(literalCount));
    tables += at - blockAt;
    for (;;) {
      const symbolAt = at;
      const symbol = literal();
      if (symbol === 256) break;
      let length = 1;
      if (symbol > 256) {
        const { base, extra } = lengths[symbol - 257] as Range;
        length = base + bits(extra);
        bits((distances[distance()] as Range).extra);
      }
      each.fill((at - symbolAt) / length, out, out + length);
      out += length;
    }
  }
  return { each, tables };
}
