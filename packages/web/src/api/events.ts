// Server-sent events, the pure part: a parser that takes the stream in pieces of any size, and the folding of many changes
// into one. Both are bounded: a line longer than the limit is dropped, names beyond the limit fold into "everything".
import type { ChangeEvent } from "@prunella/contract";

export interface StreamEvent {
  readonly id: string | null;
  readonly type: string;
  readonly data: string;
}

/** Characters of one event at most; the server's are far smaller. */
export const eventCharactersMax = 1_000_000;

/** Feeds on text and calls `on` once per whole event. Comments keep the line alive and say nothing. */
export function eventParser(on: (event: StreamEvent) => void): (text: string) => void {
  let rest = "";
  let id: string | null = null;
  let type = "message";
  let data: string[] = [];
  let length = 0;
  let isTooLong = false;
  const line = (text: string): void => {
    if (text === "") {
      if (data.length > 0 && !isTooLong) on({ id, type, data: data.join("\n") });
      type = "message";
      data = [];
      length = 0;
      isTooLong = false;
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return;
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "id" && !value.includes("\0")) id = value;
    if (field === "event") type = value;
    if (field === "data") {
      length += value.length;
      isTooLong ||= length > eventCharactersMax;
      if (!isTooLong) data.push(value);
    }
  };
  return (text) => {
    rest += text;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    if (rest.length > eventCharactersMax) {
      rest = "";
      isTooLong = true;
    }
    for (const each of lines) line(each);
  };
}

/** What changed since the last look; null for a set means "more than is worth naming: look at everything". */
export interface Folded {
  readonly count: number;
  readonly targets: ReadonlySet<string> | null;
  readonly issues: ReadonlySet<string> | null;
  readonly repairs: ReadonlySet<string> | null;
}

/** Names kept of one kind before the fold says "everything". */
export const foldedNamesMax = 50;

export const nothingFolded: Folded = { count: 0, targets: new Set(), issues: new Set(), repairs: new Set() };

export function fold(into: Folded, change: Pick<ChangeEvent, "targets" | "issues" | "repairs">): Folded {
  return {
    count: into.count + 1,
    targets: joined(into.targets, change.targets),
    issues: joined(into.issues, change.issues),
    repairs: joined(into.repairs, change.repairs),
  };
}

function joined(held: ReadonlySet<string> | null, more: readonly string[]): ReadonlySet<string> | null {
  if (held === null) return null;
  const all = new Set([...held, ...more]);
  return all.size > foldedNamesMax ? null : all;
}
