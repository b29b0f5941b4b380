// Cuts one line into constant words, punctuation and variable parts in a single pass. Knows what values look like
// (numbers, addresses, paths, dates, what follows "="), never which program wrote the line. The result lies in
// reused arrays: read it before the next scan. Work is bounded by `charactersMax` and `tokensMax`.
import {
  classDelimiter,
  classOf,
  classSpace,
  codeAt,
  digitOf,
  hashOf,
  hashPrime,
  hashSeed,
  traitAt,
  traitBackslash,
  traitDigit,
  traitDot,
  traitLetter,
  traitNotHex,
  traitOf,
  traitSlash,
  traitsBeyondAscii,
} from "./characters.ts";
import {
  colonHex,
  constantPrefix,
  groupRest,
  isAddress,
  isEquals,
  isFilename,
  isHostBeforePort,
  isLetterOrDigit,
  isOpening,
  isPath,
  isPort,
  isQualifiedName,
  isSentenceMark,
  isSignedOrVersion,
  isSpaceAt,
  isoDate,
  lessThan,
  looksLikeValue,
  matchEnd,
  namedDate,
  opensGroup,
  pathRest,
  requestLine,
  sentenceEnd,
  startsKey,
  targetRest,
  urlRest,
  wordRest,
} from "./word-forms.ts";
import { afterWhichNamesFollow, isMethod, isReplacedWord, isUnit, startsDate } from "./vocabulary.ts";

/** A word or punctuation mark that belongs to the template. */
export const kindConstant = 0;
/** A value by its looks: shown as <*> at once. */
export const kindValue = 1;
/** A value by its place, or something that may vary: matched as a value, shown as it is until a second text appears. */
export const kindLikely = 2;

/** "node-7": matched as a value, shown as "node-<*>" while the prefix stays the same. Its hash covers the prefix only. */
export const kindPrefixed = 3;

export interface ScanLimits {
  readonly charactersMax: number;
  readonly tokensMax: number;
}

const quotedCharactersMax = 200;

const equals = 61;
const colon = 58;
const comma = 44;
const space = 32;

export class Scan {
  readonly kind: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly hash: Int32Array;
  /** Of a kindPrefixed token: where its prefix ends. */
  readonly split: Int32Array;
  /** 1 when white space stands before the token. */
  readonly spaced: Uint8Array;
  count = 0;
  /** Whether the line was longer than the limits; the rest then counts as one value. */
  truncated = false;
  line = "";
  private length = 0;
  private readonly limits: ScanLimits;

  constructor(limits: ScanLimits) {
    this.limits = limits;
    const size = limits.tokensMax + 4;
    this.kind = new Uint8Array(size);
    this.start = new Int32Array(size);
    this.end = new Int32Array(size);
    this.hash = new Int32Array(size);
    this.split = new Int32Array(size);
    this.spaced = new Uint8Array(size);
  }

  read(line: string): void {
    const { charactersMax, tokensMax } = this.limits;
    const length = line.length > charactersMax ? charactersMax : line.length;
    this.line = line;
    this.length = length;
    this.count = 0;
    let at = 0;
    let spaced = 0;
    // What the place says about the next word: 0 nothing, 1 it is a value after "=" or "key:", 2 a name after
    // "user", 3 it is a value or the first key in a group after "=", 4 a path after "GET".
    let expected = 0;
    while (at < length && this.count < tokensMax) {
      const code = line.charCodeAt(at);
      const characterClass = code < 128 ? classOf[code]! : 0;
      if (characterClass === classSpace) {
        at += 1;
        spaced = 1;
        continue;
      }
      if (characterClass === classDelimiter) {
        const next = this.delimiter(at, code, spaced, expected);
        if (code === equals) expected = this.valueFollows(at) ? 1 : 0;
        else if (code === colon) expected = this.keyBefore(at) || this.listedKey(at) ? 1 : 0;
        else if (next > at + 1 || !opensGroup(code) || spaced === 1) expected = 0;
        else if (expected === 1) expected = 3;
        at = next;
        spaced = 0;
        continue;
      }
      const start = at;
      let hash = hashSeed;
      let traits = 0;
      let digits = 0;
      for (; at < length; at += 1) {
        const inner = line.charCodeAt(at);
        if (inner < 128) {
          if (classOf[inner] !== 0) break;
          traits |= traitOf[inner]!;
          digits += digitOf[inner]!;
        } else traits |= traitsBeyondAscii;
        hash = Math.imul(hash ^ inner, hashPrime);
      }
      at = this.word(start, at, hash, traits, digits, spaced, expected);
      expected = expected === 0 && codeAt(line, at) === space ? expectedAfter(hash, codeAt(line, at + 1)) : 0;
      spaced = 0;
    }
    this.truncated = at < line.length && line.slice(at, at + 64).trim() !== "";
    if (this.truncated) this.push(kindValue, at, line.length, 0, 1);
  }

  /** The text of one token. */
  text(token: number): string {
    return this.line.slice(this.start[token], this.end[token]);
  }

  private push(kind: number, start: number, end: number, hash: number, spaced: number): void {
    const token = this.count;
    this.kind[token] = kind;
    this.start[token] = start;
    this.end[token] = end;
    this.hash[token] = hash;
    this.spaced[token] = spaced;
    this.count = token + 1;
  }

  /** Handles the delimiter at `at`; the answer is where to go on. */
  private delimiter(at: number, code: number, spaced: number, expected: number): number {
    const line = this.line;
    const last = this.count - 1;
    if (code === colon && last >= 0 && spaced === 0) {
      const joined = this.joinAtColon(at, last);
      if (joined > 0) return joined;
    }
    // "<1 sec": less than.
    if (code === 60 && spaced === 1 && matchEnd(lessThan, line, at) > 0) {
      const end = matchEnd(lessThan, line, at);
      this.push(kindValue, at, end, code, spaced);
      return end;
    }
    if ((code === 34 || code === 39 || code === 96) && (spaced === 1 || last < 0 || isOpening(codeAt(line, at - 1)))) {
      const end = this.quoted(at, code, spaced, expected);
      if (end > 0) return end;
    }
    this.push(kindConstant, at, at + 1, code, spaced);
    // "()" after a space, "[]" after "=": a value that happens to be empty.
    const closing = code === 40 ? 41 : code === 91 ? 93 : 0;
    if (closing !== 0 && codeAt(line, at + 1) === closing && (spaced === 1 || expected === 1)) {
      this.push(kindLikely, at + 1, at + 1, hashSeed, 0);
    }
    return at + 1;
  }

  /**
   * A quoted text is one value; a quoted key ("a": 1) is a constant. Not so the request line of a server ("GET /a
   * HTTP/1.1"), whose method says what happened. Answers where to go on, 0 when the quotation mark is a mere mark.
   */
  private quoted(at: number, code: number, spaced: number, expected: number): number {
    const line = this.line;
    const close = line.indexOf(line[at]!, at + 1);
    // "''" where "'/api'" may stand: a value that happens to be empty.
    if (close === at + 1 && close < this.length && !isLetterOrDigit(codeAt(line, close + 1))) {
      this.push(kindConstant, at, at + 1, code, spaced);
      this.push(kindLikely, close, close, hashSeed, 0);
      this.push(kindConstant, close, close + 1, code, 0);
      return close + 1;
    }
    if (close <= at + 1 || close - at > quotedCharactersMax || close >= this.length) return 0;
    if (isLetterOrDigit(codeAt(line, close + 1))) return 0;
    const inner = line.slice(at + 1, close);
    if (expected !== 1 && requestLine.test(inner)) return 0;
    const isKey = codeAt(line, close + 1) === colon;
    this.push(kindConstant, at, at + 1, code, spaced);
    this.push(isKey ? kindConstant : looksLikeValue(inner) ? kindValue : kindLikely, at + 1, close, hashOf(inner), 0);
    this.push(kindConstant, close, close + 1, code, 0);
    return close + 1;
  }

  /** "10.0.0.1:80", "07:07:00", "ab:cd:ef:01", "http://…", "C:\…": the colon belongs to the value. 0 when it does not. */
  private joinAtColon(at: number, last: number): number {
    const line = this.line;
    if (this.end[last] !== at || at + 1 >= this.length) return 0;
    const next = codeAt(line, at + 1);
    if (next === 47 && codeAt(line, at + 2) === 47) return this.extend(last, matchEnd(urlRest, line, at));
    if (next === 92 && this.start[last] === at - 1) return this.extend(last, matchEnd(pathRest, line, at + 1));
    const codeClass = next < 128 ? classOf[next]! : 0;
    if (codeClass !== 0 && next !== colon) return 0;
    const start = this.start[last]!;
    if (at - start <= 4) {
      const end = matchEnd(colonHex, line, start);
      if (end > at) return this.extend(last, end);
    }
    const end = sentenceEnd(line, at + 1, matchEnd(wordRest, line, at + 1));
    const piece = line.slice(at + 1, end);
    const kind = this.kind[last];
    if (kind === kindConstant) return isHostBeforePort(line.slice(start, at), piece) ? this.extend(last, end) : 0;
    if (kind === kindLikely && line.slice(start, at).includes("_")) return 0;
    return /[\d./]/.test(piece) ? this.extend(last, end) : 0;
  }

  /** Whether the token before is a value and only a space stands between. */
  private followsValue(start: number, spaced: number): boolean {
    const last = this.count - 1;
    return spaced === 1 && last >= 0 && this.kind[last] === kindValue && this.end[last] === start - 1;
  }

  private extend(token: number, end: number): number {
    const bounded = Math.min(end, this.length);
    this.kind[token] = kindValue;
    this.end[token] = bounded;
    return bounded;
  }

  /** After "=": does a value follow, and not the next key ("a= b=1")? */
  private valueFollows(at: number): boolean {
    const line = this.line;
    const next = codeAt(line, at + 1);
    if (next === equals || codeAt(line, at - 1) === equals) return false;
    if (next !== space) return true;
    return !startsKey(line, at + 1);
  }

  /** At ":": is it "key:value" with nothing between? */
  private keyBefore(at: number): boolean {
    const last = this.count - 2;
    if (last < 0 || this.end[last] !== at || this.kind[last] !== kindConstant) return false;
    const next = codeAt(this.line, at + 1);
    return (
      next !== colon &&
      next !== space &&
      codeAt(this.line, at - 1) !== colon &&
      isLetterOrDigit(codeAt(this.line, at - 1))
    );
  }

  /** At ": ": is it one of several, as in "client: a, server: b, host: c", with one word up to the next? */
  private listedKey(at: number): boolean {
    const line = this.line;
    const last = this.count - 2;
    if (last < 1 || this.kind[last] !== kindConstant || this.end[last] !== at || codeAt(line, at + 1) !== space)
      return false;
    if (codeAt(line, this.start[last - 1]!) !== comma || this.kind[last - 1] !== kindConstant) return false;
    const end = matchEnd(wordRest, line, at + 2);
    return end > 0 && (end >= line.length || codeAt(line, end) === comma);
  }

  /** Classifies the word [start, end) and pushes it as one or two tokens; the answer is where to go on. */
  private word(
    start: number,
    end: number,
    hash: number,
    traits: number,
    digits: number,
    spaced: number,
    expected: number,
  ): number {
    const line = this.line;
    const follows = end < this.length ? codeAt(line, end) : space;
    const isKey =
      (expected !== 1 && (follows === equals || (follows === space && isEquals(line, end)))) ||
      (expected === 3 && follows === colon && !isSpaceAt(line, end + 1));
    if (expected === 1 && (follows === 123 || follows === 40)) {
      const close = matchEnd(groupRest, line, end);
      if (close > 0) {
        const kind = /\d/.test(line.slice(end, close)) ? kindValue : kindLikely;
        this.push(kind, start, close, hashOf(line.slice(start, close)), spaced);
        return close;
      }
    }
    if (expected === 4 && codeAt(line, start) === 47) {
      this.push(kindValue, start, end, hash, spaced);
      return this.extend(this.count - 1, matchEnd(targetRest, line, start));
    }
    if ((traits & ~(traitLetter | traitNotHex)) === 0) {
      if (isReplacedWord(hash) && !isKey) this.push(kindValue, start, end, hash, spaced);
      else if (isUnit(hash) && this.followsValue(start, spaced)) this.push(kindLikely, start, end, hash, spaced);
      else if (startsDate(hash)) return this.dateOrWord(start, end, hash, spaced);
      else if (!isKey && (traits & traitNotHex) === 0 && end - start >= 8)
        this.push(kindValue, start, end, hash, spaced);
      else if (expected !== 0 && !isKey && isLetterOrDigit(codeAt(line, start)))
        this.push(kindLikely, start, end, hash, spaced);
      else this.push(kindConstant, start, end, hash, spaced);
      return end;
    }
    if (isKey) {
      // "/list?sort=name": the query belongs to the path.
      if (codeAt(line, start) === 47 && line.slice(start, end).includes("?")) {
        this.push(kindValue, start, end, hash, spaced);
        return this.extend(this.count - 1, matchEnd(urlRest, line, start));
      }
      this.push(kindConstant, start, end, hash, spaced);
      return end;
    }
    if ((traits & traitDigit) !== 0) return this.wordWithDigits(start, end, hash, traits, digits, spaced, expected);
    let kind = kindConstant;
    const first = codeAt(line, start);
    const letters = (traits & traitLetter) !== 0;
    if ((traits & traitSlash) !== 0 && letters && isPath(line, start, end)) kind = kindValue;
    else if ((traits & traitBackslash) !== 0 && letters) kind = kindValue;
    else if ((traits & traitAt) !== 0 && isAddress(line, start, end)) kind = kindValue;
    else if ((traits & traitDot) !== 0 && letters && isQualifiedName(line, start, end)) kind = kindValue;
    else if ((traits & traitDot) !== 0 && isFilename(line, start, end)) kind = kindLikely;
    else if (expected !== 0 && (letters || first === 47)) kind = kindLikely;
    this.push(kind, start, end, hash, spaced);
    return end;
  }

  private wordWithDigits(
    start: number,
    end: number,
    hash: number,
    traits: number,
    digits: number,
    spaced: number,
    expected: number,
  ): number {
    const line = this.line;
    let stop = end;
    while (stop > start + 1 && isSentenceMark(codeAt(line, stop - 1))) stop -= 1;
    const first = codeAt(line, start);
    let kind = kindValue;
    if (first >= 48 && first <= 57) {
      const date = stop - start >= 8 ? matchEnd(isoDate, line, start) : 0;
      if (date > stop) {
        this.push(kindValue, start, date, hash, spaced);
        return date;
      }
    } else if (((traits & traitLetter) === 0 && first !== 46) || isSignedOrVersion(line, start)) {
      // Signs and digits, "+1s0ms", "v1.2".
    } else if ((traits & traitSlash) !== 0) {
      if (this.isRequestProtocol(start, stop)) return this.extend(this.count - 1, end);
      if (first === 47 || digits >= 3) stop = end;
      else kind = kindLikely;
    } else if ((traits & traitBackslash) !== 0) {
      stop = end;
    } else if (expected !== 1) {
      const prefix = constantPrefix(line, start, stop);
      if (prefix > start && !(stop === end && isPort(line, end))) {
        const prefixHash = hashOf(line.slice(start, prefix));
        if (line.startsWith("...", prefix - 3)) {
          this.push(kindConstant, start, prefix, prefixHash, spaced);
          this.push(kindValue, prefix, stop, hash, 0);
        } else {
          this.push(kindPrefixed, start, stop, prefixHash, spaced);
          this.split[this.count - 1] = prefix;
        }
        if (stop < end) this.push(kindConstant, stop, end, hashOf(line.slice(stop, end)), 0);
        return end;
      }
      const isHex = (traits & traitNotHex) === 0 && stop - start >= 6;
      if (!isHex && digits < 3) kind = kindLikely;
    } else if (digits < 3 && !((traits & traitNotHex) === 0 && stop - start >= 6)) kind = kindLikely;
    if (stop > start + 1 && codeAt(line, stop - 1) === 37) stop -= 1;
    this.push(kind, start, stop, stop === end ? hash : hashOf(line.slice(start, stop)), spaced);
    if (stop < end) this.push(kindConstant, stop, end, hashOf(line.slice(stop, end)), 0);
    return end;
  }

  /** "GET /a HTTP/1.1": the protocol belongs to the request target. */
  private isRequestProtocol(start: number, stop: number): boolean {
    const last = this.count - 1;
    return (
      last >= 0 &&
      this.kind[last] === kindValue &&
      codeAt(this.line, this.start[last]!) === 47 &&
      this.end[last] === start - 1 &&
      /^HTTP\/\d(\.\d)?$/.test(this.line.slice(start, stop))
    );
  }

  private dateOrWord(start: number, end: number, hash: number, spaced: number): number {
    const stop = Math.min(matchEnd(namedDate, this.line, start), this.length);
    if (stop > end) this.push(kindValue, start, stop, hash, spaced);
    else this.push(kindConstant, start, end, hash, spaced);
    return Math.max(stop, end);
  }
}

/** What a word lets one expect after a space and before `next`; see `read`. */
function expectedAfter(hash: number, next: number): number {
  if (afterWhichNamesFollow(hash)) return 2;
  return next === 47 && isMethod(hash) ? 4 : 0;
}
