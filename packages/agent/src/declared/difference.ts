// What differs between two texts, in lines, for a person: "-" was, "+" is. Not minimal, but bounded and good enough to see the
// wrong value at a glance.
import { redact } from "@prunella/adapters";

/** Lines compared at most, and characters of the answer. */
export const linesMax = 400;
export const charactersMax = 2_000;

export function difference(before: string, after: string): string {
  const was = before.split("\n").slice(0, linesMax);
  const is = after.split("\n").slice(0, linesMax);
  // Longest common subsequence, by the usual table.
  const table: Uint16Array[] = Array.from({ length: was.length + 1 }, () => new Uint16Array(is.length + 1));
  for (let a = was.length - 1; a >= 0; a -= 1)
    for (let b = is.length - 1; b >= 0; b -= 1)
      table[a]![b] = was[a] === is[b] ? table[a + 1]![b + 1]! + 1 : Math.max(table[a + 1]![b]!, table[a]![b + 1]!);
  const lines: string[] = [];
  let a = 0;
  let b = 0;
  while (a < was.length || b < is.length) {
    if (a < was.length && b < is.length && was[a] === is[b]) {
      a += 1;
      b += 1;
    } else if (b >= is.length || (a < was.length && table[a + 1]![b]! >= table[a]![b + 1]!)) {
      lines.push(`-${was[a]}`);
      a += 1;
    } else {
      lines.push(`+${is[b]}`);
      b += 1;
    }
  }
  return redact(lines.join("\n")).slice(0, charactersMax);
}
