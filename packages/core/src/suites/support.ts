// What the suites are made of: a place to test in, a case, and assertions that need no test runner.
import { assert } from "../errors.ts";
import type { Page, Store } from "../ports.ts";

/** An empty store in a place of its own, not opened yet, with the default retention. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Another handle on the same data, as a restarted process would have it; the one before is not closed. Not opened yet. */
  reopen(): Promise<Store>;
  /** Closes every handle and removes the data. */
  close(): Promise<void>;
}

export interface StoreCase {
  readonly name: string;
  /** Rejects when the store does not do what `name` says. `random` gives numbers in [0, 1); seed it and print the seed. */
  run(open: () => Promise<StoreUnderTest>, random: () => number): Promise<void>;
}

/** Follows `next` to the end and returns all items; more than 10,000 pages are a loop. */
export async function walk<T>(page: (after: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let after: string | null = null;
  for (let pages = 0; pages < 10_000; pages += 1) {
    const { items: more, next }: Page<T> = await page(after);
    items.push(...more);
    if (next === null) return items;
    after = next;
  }
  throw new Error("the list has no end");
}

/** Asserts that two values are the same as JSON, whatever the order of their keys. */
export function equal(actual: unknown, expected: unknown, what = "value"): void {
  const [found, wanted] = [canonical(actual), canonical(expected)];
  if (found === wanted) return;
  let at = 0;
  while (found[at] === wanted[at]) at += 1;
  const around = (text: string): string => text.slice(Math.max(0, at - 200), at + 200);
  assert(false, `${what}: expected …${around(wanted)}…, found …${around(found)}…`);
}

function canonical(value: unknown): string {
  const sorted = (_key: string, part: unknown): unknown =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part;
  return JSON.stringify(value, sorted) ?? "undefined";
}
