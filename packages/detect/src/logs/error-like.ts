// Does this message report a failure? Judged by level, by words and by a stack, because many programs write failures
// at "info" and harmless lines at "error". "0 errors", "no error" and "error=null" count as healthy.
import type { LogLevel } from "./levels.ts";

export interface ErrorLikeness {
  /** 0 to 1; 0.5 and above means "reports a failure". */
  readonly score: number;
  /** What spoke for or against it, in order of weight. */
  readonly why: readonly string[];
}

const charactersMax = 2048;

const strong =
  /\b(?:panic(?:ked)?|fatal|segfault|segmentation fault|core dumped|out of memory|oom[- ]?kill(?:ed|er)?|deadlock(?:ed)?|stack overflow|corrupt(?:ed|ion)?|unhandled|uncaught|traceback|assertion failed)\b/i;
const plain =
  /\b(?:errors?|fail(?:ed|ure|ures|ing|s)?|exceptions?|critical|abort(?:ed|ing)?|crash(?:ed|ing)?|refused|unreachable|unavailable|denied|forbidden|unauthori[sz]ed|rejected|invalid|malformed|illegal|timed? ?out|timeout|expired|dropped|lost|broken|cannot|can't|could not|couldn't|unable|not found|no such|no space|too many|exhausted|overflow|violation|conflict|bad|dead|killed|died|terminated abnormally|exited abnormally|missing|unexpected)\b/i;
/** Type names and system error codes, in their own spelling. */
const named =
  /\b[A-Z]\w*(?:Error|Exception|Failure)\b|\bE(?:CONN|TIMED|HOST|NET|ACCES|PERM|NOENT|NOSPC|MFILE|NFILE|PIPE|IO|ADDR|AGAIN|BUSY)[A-Z]*\b/;
const negated =
  /\b(?:no|0|zero|without(?: any)?|any) (?:errors?|failures?|exceptions?)\b|\b(?:errors?|failures?|failed|err|exceptions?|timeouts?|dropped|lost|rejected)["']?\s?[=:]\s?(?:0|null|nil|none|false|""|\[\]|<nil>)(?![\w.])|\b0 (?:failed|errors?|dropped|lost|rejected)\b|\berrors? (?:recovered|fixed|handled)\b|\b(?:recovered|succeeded|success)\b/gi;
const settingAfter = /\b(?:timeout|retry|error)s? (?:set|=|is set|configured|handler|page|rate|log|level|budget)\b/gi;

/** `text` is a message or a template; at most 2,048 characters are read. */
export function errorLikeness(text: string, level?: LogLevel, hasStack = false): ErrorLikeness {
  const why: string[] = [];
  const read = text.slice(0, charactersMax);
  const cleared = read.replace(negated, " ").replace(settingAfter, " ");
  let score = 0;
  const raise = (by: number, reason: string): void => {
    score = 1 - (1 - score) * (1 - by);
    why.push(reason);
  };
  if (hasStack) raise(0.6, "carries a stack trace");
  const severe = strong.exec(cleared);
  if (severe !== null) raise(0.75, `says "${severe[0].toLowerCase()}"`);
  else {
    const word = plain.exec(cleared) ?? named.exec(cleared);
    if (word !== null) raise(0.5, `says "${word[0].toLowerCase()}"`);
  }
  if (level === "fatal") raise(0.95, "level fatal");
  else if (level === "error") raise(0.8, "level error");
  else if (level === "warn") raise(0.2, "level warn");
  else if (level === "debug" || level === "trace") {
    score *= 0.5;
    why.push(`level ${level} halves it`);
  }
  if (cleared !== read && score < 0.5) why.push("what looks like a failure is denied or a setting");
  return { score: Math.round(score * 1000) / 1000, why };
}
