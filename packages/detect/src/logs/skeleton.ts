// Folds the tokens of a line into elements: constant tokens stay single, neighbouring values and what separates them
// become one run. Two lines with the same constants and runs at the same places have the same key.
import { hashPrime, hashSeed } from "./characters.ts";
import { kindConstant, type Scan } from "./scan.ts";

export const runMark = 0x5f3759df;
const separatorsMax = 3;

export class Skeleton {
  /** First token of each element, and the first token after it. */
  readonly first: Int32Array;
  readonly after: Int32Array;
  /** 0 for a constant; for a run a hash of its inner form (how many values, what separates them). */
  readonly shape: Int32Array;
  count = 0;
  /** 53 bits over constants and places of runs. */
  key = 0;

  constructor(tokensMax: number) {
    this.first = new Int32Array(tokensMax + 4);
    this.after = new Int32Array(tokensMax + 4);
    this.shape = new Int32Array(tokensMax + 4);
  }

  fold(scan: Scan): void {
    const { kind, hash, spaced } = scan;
    const tokens = scan.count;
    let low = hashSeed;
    let high = highSeed;
    let count = 0;
    // Separators after a value: part of the run if another value follows, constants if not.
    let pending = 0;
    let inRun = false;
    for (let token = 0; token <= tokens; token += 1) {
      const isValue = token < tokens && kind[token] !== kindConstant;
      if (isValue && inRun) {
        let shape = this.shape[count - 1]!;
        for (let back = token - pending; back < token; back += 1)
          shape = Math.imul(shape ^ hash[back]! ^ spaced[back]!, hashPrime);
        this.shape[count - 1] = Math.imul(shape ^ (runMark + spaced[token]!), hashPrime) | 1;
        this.after[count - 1] = token + 1;
        pending = 0;
        continue;
      }
      if (inRun) {
        if (token < tokens && pending < separatorsMax && isSeparator(scan, token)) {
          pending += 1;
          continue;
        }
        inRun = false;
      }
      // What is still pending, then this token.
      for (let next = token - pending; next <= token && next < tokens; next += 1) {
        const startsRun = isValue && next === token;
        const element = startsRun ? runMark : hash[next]!;
        low = Math.imul(low ^ element, hashPrime);
        high = Math.imul(high + element, highPrime) ^ (high >>> 15);
        this.first[count] = next;
        this.after[count] = next + 1;
        this.shape[count] = startsRun ? runMark | 1 : 0;
        count += 1;
      }
      pending = 0;
      inRun = isValue;
    }
    this.count = count;
    this.key = keyFrom(high, low);
  }
}

/** The key of a sequence of element hashes: the same number that `fold` gives a line with these elements. */
export function keyOf(elements: Iterable<{ readonly hash: number }>): number {
  let low = hashSeed;
  let high = highSeed;
  for (const { hash } of elements) {
    low = Math.imul(low ^ hash, hashPrime);
    high = Math.imul(high + hash, highPrime) ^ (high >>> 15);
  }
  return keyFrom(high, low);
}

const highSeed = 0x9e3779b9 | 0;
const highPrime = 0x85ebca6b | 0;
const keyFrom = (high: number, low: number): number => (high & 0x1fffff) * 4294967296 + (low >>> 0);

/** Punctuation that may stand between the values of one run. */
function isSeparator(scan: Scan, token: number): boolean {
  const start = scan.start[token]!;
  const end = scan.end[token]!;
  if (end - start > 2) return false;
  for (let at = start; at < end; at += 1) {
    const code = scan.line.charCodeAt(at);
    // , - / : = | # >
    if (
      code !== 44 &&
      code !== 45 &&
      code !== 47 &&
      code !== 58 &&
      code !== 61 &&
      code !== 124 &&
      code !== 35 &&
      code !== 62
    )
      return false;
  }
  return true;
}
