// The forms of words and values: what is a path, a date, a host with a port, a prefix with a number. Each function looks
// at one place of a line and reads no further than the word or pattern there.
import { codeAt } from "./characters.ts";

const equals = 61;
const colon = 58;
const space = 32;

const months = "(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}";
const clock = "\\d{1,2}:\\d{2}(?::\\d{2})?(?:[.,]\\d{1,9})?";
export const namedDate = new RegExp(
  `(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? +)?(?:${months} +\\d{1,2}|\\d{1,2} +${months})(?:,? +\\d{4})?(?: +${clock})?(?: +(?:AM|PM))?(?: +[A-Z]{3,4}(?![\\w-]))?(?: +\\d{4}(?![\\w-]))?`,
  "y",
);
export const isoDate = new RegExp(
  `\\d{1,4}[-/.]\\d{1,2}[-/.]\\d{1,4}(?:[T ,:]{1,2}${clock})?(?: ?(?:Z|[+-]\\d{2}:?\\d{2})(?![\\w]))?`,
  "y",
);
export const requestLine = /^[A-Z]{3,8} (?:\/|\*|[a-z]+:\/\/)/;
/** A request target runs to the next space, whatever its query holds. */
export const targetRest = /[^\s"]+/y;
export const urlRest = /[^\s"'<>)\]},;]+/y;
export const pathRest = /[^\s"'<>)\]},;:]+/y;
/** "{12}" or "(a.b)" after a name that is a value: part of it. */
export const groupRest = /\{[^\s={}()]{1,60}\}|\([^\s={}()]{1,60}\)/y;
export const wordRest = /[^\s=,;:|"'()[\]{}<>#`]+/y;
export const colonHex = /(?:[\da-f]{1,4}:){2,15}[\da-f.:]{1,15}(?![\w])|[\da-f]{1,4}::[\da-f.:]{1,30}(?![\w])/iy;

export const lessThan = /<\d[\d.]*(?=\s)/y;
export function matchEnd(pattern: RegExp, line: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(line) ? pattern.lastIndex : 0;
}

/** `word` or `word =` ahead: the start of another key. */
const keyAhead = /\s*[\w.$-]+ ?=/y;
export function startsKey(line: string, from: number): boolean {
  return matchEnd(keyAhead, line, from) > 0;
}

/** " =" or " = " at `at`, but no comparison. */
export function isEquals(line: string, at: number): boolean {
  return codeAt(line, at + 1) === equals && codeAt(line, at + 2) !== equals;
}

/** Letters and dashes, then a run of separators, then digits and dots: "core.12", "node-7", "ratio......0". */
const prefixed = /^([\w-]*[a-z\d]?\.{3,}|[a-z_]*[a-z][.\-+~$&!]+)\d[\d.]*$/i;
export function constantPrefix(line: string, start: number, stop: number): number {
  const last = codeAt(line, stop - 1);
  if (last < 48 || last > 57 || stop - start > 80) return 0;
  const word = line.slice(start, stop);
  const match = prefixed.exec(word);
  return match === null ? 0 : start + match[1]!.length;
}

export function isPath(line: string, start: number, end: number): boolean {
  const first = codeAt(line, start);
  if (first === 46 && /^\.{1,2}\//.test(line.slice(start, end))) return true;
  if (first === 47 || first === 126) return end - start > 1;
  // "a/b/c", but not "read/write".
  return /^[^/]*\/[^/]*\/./.test(line.slice(start, end));
}

/** Three parts or more joined by dots: a host, a package, a class. */
export function isQualifiedName(line: string, start: number, end: number): boolean {
  let parts = 0;
  let size = 0;
  for (let at = start; at <= end; at += 1) {
    if (at < end && codeAt(line, at) !== 46) size += 1;
    else if (size > 0) {
      parts += 1;
      size = 0;
    } else if (at < end - 1) return false;
  }
  return parts >= 3;
}

/** A file of data or a program, by its ending. Not source code: a source file often says which message it is. */
export function isFilename(line: string, start: number, end: number): boolean {
  return filename.test(line.slice(start, end));
}
const filename =
  /^[^/.][^/]*\.(?:avi|bak|bin|bmp|cfg|cnf|conf|crt|css|csv|dat|db|deb|dll|doc|docx|dylib|exe|gif|gz|htm|html|ico|img|ini|iso|jar|jpe?g|json|key|lock|log|map|md|mov|mp[34]|msi|parquet|pdf|pem|pid|plist|png|pptx?|properties|rpm|so|sock|sqlite|sql|svg|swp|sys|tar|te?mp|tgz|toml|tsv|ttf|txt|war|wav|webm|webp|woff2?|xlsx?|xml|xz|ya?ml|zip|zst)[.!?]?$/i;

export function isAddress(line: string, start: number, end: number): boolean {
  return /^[\w.+-]+@[\w-]+(\.[\w-]+)*$/.test(line.slice(start, end));
}

export function looksLikeValue(text: string): boolean {
  return /^[\d.:,+-]*\d$|^\/|^[\da-f]{8}-[\da-f]{4}-/i.test(text) || /\d\D*\d\D*\d/.test(text);
}

export function isSignedOrVersion(line: string, start: number): boolean {
  const first = codeAt(line, start);
  const second = codeAt(line, start + 1);
  return (first === 43 || first === 45 || first === 118) && second >= 48 && second <= 57;
}

/** "name.example:443", but not "file.c:12". */
export function isHostBeforePort(name: string, port: string): boolean {
  return /^\d{2,5}$/.test(port) && /^(?:[a-z\d-]+\.[a-z]{2,}|localhost)$/.test(name) && !sourceFile.test(name);
}
const sourceFile = /\.(?:c|cc|cpp|cs|go|h|hpp|java|js|jsx|kt|lua|mjs|php|pl|py|rb|rs|scala|sh|swift|ts|tsx)$/i;

/** ":" and a digit at `at`. */
export function isPort(line: string, at: number): boolean {
  const digit = codeAt(line, at + 1);
  return codeAt(line, at) === colon && digit >= 48 && digit <= 57;
}

/** `end` without the sentence marks before it. */
export function sentenceEnd(line: string, start: number, end: number): number {
  let stop = end;
  while (stop > start + 1 && isSentenceMark(codeAt(line, stop - 1))) stop -= 1;
  return stop;
}

export const isLetterOrDigit = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code > 127;
export const isSpaceAt = (line: string, at: number): boolean => codeAt(line, at) === space;
export const isSentenceMark = (code: number): boolean => code === 46 || code === 33 || code === 63;
export const opensGroup = (code: number): boolean => code === 40 || code === 91 || code === 123 || code === 60;
export const isOpening = (code: number): boolean => opensGroup(code) || code === 61 || code === 58 || code === 44;
