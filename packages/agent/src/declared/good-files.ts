// Keeps each declared configuration file, and where the release link pointed, as they were when the service last ran well; says
// what differs now; puts the good one back (the bad one is kept beside it as evidence). What counts as "ran well" the caller says.
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import type { FileFacts, TimeMs } from "@prunella/core";
import { difference } from "./difference.ts";

/** Largest configuration file that is kept, bytes; larger ones are watched for changes and cannot be restored. */
export const fileBytesMax = 1_000_000;
/** A file is first taken for good when its service has run well with it this long, ms. */
export const firstGoodMs = 4_000;
/** A change is taken for good when the service was started with it and has run well this long, or well this long anyway, ms. */
export const provenMs = 60_000;
export const provenUnstartedMs = 600_000;
/** Bad ones kept per file; the oldest goes. */
export const badKept = 3;

interface Known {
  /** Content (config) or target of the link (release) when it last ran well. */
  good: string | null;
  /** null: missing. */
  now: string | null;
  mark: string;
  changedAt: TimeMs;
}

export interface GoodFiles {
  /** Looks at the file and says how it is. */
  look(file: string, role: FileFacts["role"], now: TimeMs): FileFacts;
  /** The service runs well since `wellSince` and was started at `startedAt`: what has proved itself becomes the good one. */
  prove(file: string, role: FileFacts["role"], wellSince: TimeMs, startedAt: TimeMs, now: TimeMs): void;
  /** Puts the good one back; answers what was done, or throws with the reason why it cannot. */
  restore(file: string, role: FileFacts["role"], now: TimeMs): string;
}

/** @param folder where the good ones are kept, readable by their owner only. */
export function goodFiles(folder: string): GoodFiles {
  const known = new Map<string, Known>();

  const placeOf = (file: string): string =>
    path.join(folder, createHash("sha256").update(file).digest("hex").slice(0, 24));

  function recall(file: string): string | null {
    try {
      const kept = JSON.parse(readFileSync(`${placeOf(file)}.json`, "utf8")) as { path?: unknown; good?: unknown };
      return kept.path === file && typeof kept.good === "string" ? kept.good : null;
    } catch {
      return null;
    }
  }

  function keep(file: string, good: string): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const draft = `${placeOf(file)}.new`;
    writeFileSync(draft, JSON.stringify({ path: file, good }), { mode: 0o600 });
    renameSync(draft, `${placeOf(file)}.json`);
  }

  function refresh(file: string, role: FileFacts["role"], now: TimeMs): Known {
    const mark = markOf(file, role);
    const before = known.get(file);
    if (before !== undefined && before.mark === mark) return before;
    const content = contentOf(file, role);
    // A change that happened while nobody looked is dated by the file itself.
    const changedAt =
      before === undefined ? Math.min(now, modifiedAt(file) ?? now) : before.now === content ? before.changedAt : now;
    const next: Known = { good: before === undefined ? recall(file) : before.good, now: content, mark, changedAt };
    known.set(file, next);
    return next;
  }

  return {
    look(file, role, now) {
      const { good, now: content, changedAt } = refresh(file, role, now);
      const state = content === null ? "missing" : good === null ? "unknown" : content === good ? "good" : "changed";
      return {
        path: file,
        role,
        state,
        changedAt,
        syntax: content === null || state === "good" ? null : syntaxOf(file, role, content),
        difference:
          good === null || content === good
            ? ""
            : role === "release"
              ? `-${good}\n+${content ?? "(nothing)"}`
              : difference(good, content ?? ""),
        restorable: good !== null,
      };
    },
    prove(file, role, wellSince, startedAt, now) {
      const entry = refresh(file, role, now);
      if (entry.now === null || entry.now === entry.good || entry.now.length > fileBytesMax) return;
      const provenForMs = now - Math.max(wellSince, entry.changedAt);
      const needsMs = entry.good === null ? firstGoodMs : entry.changedAt <= startedAt ? provenMs : provenUnstartedMs;
      if (provenForMs < needsMs || syntaxOf(file, role, entry.now) !== null) return;
      keep(file, entry.now);
      entry.good = entry.now;
    },
    restore(file, role, now) {
      const entry = refresh(file, role, now);
      if (entry.good === null) throw new Error(`nothing is kept of ${file}: it has not run well with it yet`);
      if (entry.now === entry.good) return `${file} is as it was when it last ran well`;
      const draft = `${file}.prunella-new`;
      rmSync(draft, { force: true });
      if (role === "release") symlinkSync(entry.good, draft);
      else {
        keepBad(file);
        writeFileSync(draft, entry.good, { mode: existsSync(file) ? statSync(file).mode & 0o777 : 0o600 });
      }
      const bad = entry.now;
      renameSync(draft, file);
      known.delete(file);
      refresh(file, role, now);
      return role === "release"
        ? `${file} points to ${entry.good} again (was ${bad ?? "missing"})`
        : `${file} restored; the bad one is kept as ${file}.bad.1`;
    },
  };
}

/** Cheap to read, and different after every change that matters. */
function markOf(file: string, role: FileFacts["role"]): string {
  try {
    if (role === "release") return readlinkSync(file);
    const facts = statSync(file);
    return `${facts.mtimeMs} ${facts.size} ${facts.ino}`;
  } catch {
    return "(missing)";
  }
}

function contentOf(file: string, role: FileFacts["role"]): string | null {
  try {
    if (role === "release") return lstatSync(file).isSymbolicLink() ? readlinkSync(file) : null;
    const { size } = statSync(file);
    return size > fileBytesMax ? `(${size} bytes)` : readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function modifiedAt(file: string): number | null {
  return lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/** What is wrong with the syntax of a file whose name says what it holds; null: nothing, or nobody can say. */
export function syntaxOf(file: string, role: FileFacts["role"], content: string): string | null {
  if (role !== "config" || !file.endsWith(".json")) return null;
  try {
    JSON.parse(content);
    return null;
  } catch (error) {
    return `it is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : "unreadable"}`;
  }
}

function keepBad(file: string): void {
  if (!existsSync(file)) return;
  for (let at = badKept; at > 1; at -= 1)
    if (existsSync(`${file}.bad.${at - 1}`)) renameSync(`${file}.bad.${at - 1}`, `${file}.bad.${at}`);
  renameSync(file, `${file}.bad.1`);
}
