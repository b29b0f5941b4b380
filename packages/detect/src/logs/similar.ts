// Decides, when a line differs from a template in an element or two, whether these are values after all.
// The rules look at the word's form and its neighbours only: a wrong "yes" joins two messages, a wrong "no" splits one.
import { kindConstant, type Scan } from "./scan.ts";
import { runMark, type Skeleton } from "./skeleton.ts";
import { isLetterOrDigit } from "./word-forms.ts";
import { introducesName } from "./vocabulary.ts";
import { elementHash, type Element } from "./template.ts";

/** A line that differs in more places has nothing to do with the template. */
const placesMax = 3;

/** The places where line and template differ, at most three; undefined when there are more. */
export function differencesOf(elements: readonly Element[], scan: Scan, skeleton: Skeleton): number[] | undefined {
  let places: number[] | undefined;
  for (let at = 0; at < elements.length; at += 1) {
    const element = elements[at]!;
    if (element.hash === elementHash(scan, skeleton, at)) continue;
    if (element.open && element.shape === 0 && isWord(scan, skeleton.first[at]!)) continue;
    if (places === undefined) places = [at];
    else if (places.length === placesMax) return undefined;
    else places.push(at);
  }
  return places ?? [];
}

const isWord = (scan: Scan, token: number): boolean => isLetterOrDigit(scan.line.charCodeAt(scan.start[token]!));

/** May element `place` vary, so that the line belongs to the template? */
export function mayVary(elements: readonly Element[], place: number, scan: Scan, skeleton: Skeleton): boolean {
  const token = skeleton.first[place]!;
  const isRun = skeleton.shape[place] !== 0;
  const element = elements[place]!;
  const words = wordsBeside(elements, place);
  if (isRun || element.hash === runMark) {
    const word = isRun ? element.parts[0]!.text : scan.text(token);
    if (!/[a-z]/i.test(word)) return false;
    return words >= 3 || (words >= 2 && isEnclosed(elements, place));
  }
  const mine = scan.text(token);
  const theirs = element.parts[0]!.text;
  // "-" stands for "none" in many formats.
  if (elements.length >= 6 && (mine === "-" || theirs === "-")) return isPlainName(mine === "-" ? theirs : mine);
  if (words >= 3 && isIdentifier(mine) && isIdentifier(theirs)) return true;
  if (words < 4) return false;
  if (isPlainName(mine) && isPlainName(theirs) && (isNamePlace(elements, place) || isGroup(elements, place)))
    return true;
  return isProgramName(mine, theirs) && followsPlainWord(elements, place) && endsAfter(elements, place);
}

/** Siblings that differ at the same words only: from so many on the words are values, the more the less they have in common. */
const siblingsMin = 8;
const siblingsOfShortMin = 24;

/** How many templates must differ there and nowhere else before the places may be opened; all must be words. */
export function siblingsNeeded(
  elements: readonly Element[],
  places: readonly number[],
  scan: Scan,
  skeleton: Skeleton,
): number {
  const areWords = places.every((place) => {
    const element = elements[place]!;
    const isConstant = skeleton.shape[place] === 0 && element.shape === 0 && !element.open;
    return isConstant && /^\w/.test(element.parts[0]!.text) && isWord(scan, skeleton.first[place]!);
  });
  const words = wordsBeside(elements, ...places);
  if (!areWords || words < 2 * places.length) return Number.POSITIVE_INFINITY;
  return words > 2 * places.length ? siblingsMin : siblingsOfShortMin;
}

/** How many constant words (two letters or more) the template has apart from those at the places. */
function wordsBeside(elements: readonly Element[], ...places: readonly number[]): number {
  let words = 0;
  elements.forEach((element, at) => {
    if (!places.includes(at) && element.shape === 0 && !element.open && /[a-z]{2}/i.test(element.parts[0]!.text))
      words += 1;
  });
  return words;
}

/** Carries a mark inside that prose words lack: a dot, an underscore, a slash, an at sign. */
function isIdentifier(word: string): boolean {
  return /^[\w].*[._/\\@].*\w$/.test(word) && !word.includes("..");
}

/** A lower- or mixed-case word without an ending of "-ing": not a state in capitals, not an activity. */
function isPlainName(word: string): boolean {
  return /^[a-z][\w-]*$/i.test(word) && /[a-z]/.test(word) && !word.endsWith("ing");
}

/** After "for", "from", "by", "on", and before a value, a bracket, another such word or the end. */
function isNamePlace(elements: readonly Element[], place: number): boolean {
  const before = elements[place - 1];
  if (before === undefined || before.shape !== 0 || before.open || !introducesName(before.hash)) return false;
  const after = elements[place + 1];
  if (after === undefined || after.hash === runMark) return true;
  return after.parts[0]!.kind === kindConstant && (introducesName(after.hash) || /^[[({<]/.test(after.parts[0]!.text));
}

/** Alone between brackets, or the last in a list between brackets. */
function isGroup(elements: readonly Element[], place: number): boolean {
  const before = elements[place - 1]?.parts[0]!.text;
  const after = elements[place + 1]?.parts[0]!.text;
  return before !== undefined && after !== undefined && /^[[({<,]$/.test(before) && /^[\])}>]$/.test(after);
}

/** One with a capital inside, the other with a capital somewhere: "HealthMonitor" and "RPC". */
function isProgramName(one: string, other: string): boolean {
  const inner = /[a-z\d][A-Z]/;
  return (
    /^\w+\.?$/.test(one) &&
    /^\w+\.?$/.test(other) &&
    (inner.test(one) ? /[A-Z]/.test(other) : /[A-Z]/.test(one) && inner.test(other))
  );
}

function followsPlainWord(elements: readonly Element[], place: number): boolean {
  const before = elements[place - 1];
  return before !== undefined && before.shape === 0 && !before.open && /^[a-z]+$/.test(before.parts[0]!.text);
}

/** At the end, or before something other than a word. */
function endsAfter(elements: readonly Element[], place: number): boolean {
  const after = elements[place + 1];
  return after === undefined || !/^\w/.test(after.parts[0]!.text);
}

/** Next to a bracket or quote. */
function isEnclosed(elements: readonly Element[], place: number): boolean {
  const marks = /^[[({"'<>\])}]$/;
  return [elements[place - 1], elements[place + 1]].some(
    (next) => next !== undefined && marks.test(next.parts[0]!.text),
  );
}
