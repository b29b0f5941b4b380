// The few words that the scanner knows by name. All are general English or notation; none belongs to a program.
import { hashOf } from "./characters.ts";

/** Words that stand for a value wherever they occur (the guidelines of Khan et al., ICSE 2022: booleans, default users). */
const replacedWords = ["true", "false", "null", "root", "admin"];

/** "user alice", "host db1": the next word names somebody or something. */
const nounsBeforeNames = ["user", "username", "host", "hostname"];

const dateWords =
  "Mon Tue Wed Thu Fri Sat Sun Monday Tuesday Wednesday Thursday Friday Saturday Sunday Jan Feb Mar Apr May Jun Jul Aug Sep Sept Oct Nov Dec January February March April June July August September October November December";

/** Prepositions after which a message often names somebody or something. */
const prepositions = "for from by on";

/** After a number these say how much of it; the same message may use several of them. */
const units =
  "B KB MB GB TB kB KiB MiB GiB TiB ns us ms s sec secs second seconds min mins minute minutes h hour hours day days";

/** Methods of HTTP: a request target follows. */
const methods = "GET HEAD POST PUT DELETE PATCH OPTIONS TRACE";

const bitReplaced = 1;
const bitDate = 2;
const bitNoun = 4;
const bitUnit = 8;
const bitPreposition = 16;
const bitMethod = 32;

// A small table answers "certainly not" for nearly every word without a map look-up.
const filter = new Uint8Array(4096);
const known = new Map<number, number>();

function learn(words: Iterable<string>, bit: number): void {
  for (const word of words) {
    const hash = hashOf(word);
    filter[hash & 4095]! |= bit;
    known.set(hash, (known.get(hash) ?? 0) | bit);
  }
}
const cased = (word: string): string[] => [word, word.toUpperCase(), word[0]!.toUpperCase() + word.slice(1)];
learn(replacedWords.flatMap(cased), bitReplaced);
learn(nounsBeforeNames.flatMap(cased), bitNoun);
learn(units.split(" "), bitUnit);
learn(prepositions.split(" "), bitPreposition);
learn(methods.split(" "), bitMethod);
learn(dateWords.split(" "), bitDate);

const has = (hash: number, bit: number): boolean =>
  (filter[hash & 4095]! & bit) !== 0 && ((known.get(hash) ?? 0) & bit) !== 0;

export const isReplacedWord = (hash: number): boolean => has(hash, bitReplaced);
export const startsDate = (hash: number): boolean => has(hash, bitDate);
export const afterWhichNamesFollow = (hash: number): boolean => has(hash, bitNoun);
export const isUnit = (hash: number): boolean => has(hash, bitUnit);
export const introducesName = (hash: number): boolean => has(hash, bitPreposition);
export const isMethod = (hash: number): boolean => has(hash, bitMethod);
