// Declared folders: how much they hold, what in them grows, how much room is left; and clearing logs and caches of their oldest
// files. Links are never followed, nothing outside the folder is ever touched, "data" is only looked at.
import { lstat, opendir, realpath, rm, statfs } from "node:fs/promises";
import path from "node:path";
import type { FolderPlan } from "@prunella/adapters";
import type { FolderFacts } from "@prunella/core";
import { truncateSync } from "node:fs";

/** Files looked at per folder, and folders deep; what is beyond is not counted. */
export const filesMax = 20_000;
const depthMax = 8;
/** A file written to this recently is in use: it is cut short, not removed, ms. */
const inUseMs = 10_000;

export interface FoundFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface FolderWatch {
  look(folder: FolderPlan): Promise<FolderFacts | null>;
}

export function folderWatch(): FolderWatch {
  const sizes = new Map<string, Map<string, number>>();
  return {
    async look(folder) {
      const files = await filesIn(folder.path);
      const disk = await statfs(folder.path).catch(() => null);
      if (files === null || disk === null) return null;
      const before = sizes.get(folder.path);
      let growing: string | null = null;
      let most = 0;
      const now = new Map<string, number>();
      for (const file of files) {
        now.set(file.path, file.bytes);
        const grown = file.bytes - (before?.get(file.path) ?? (before === undefined ? file.bytes : 0));
        if (grown <= most) continue;
        most = grown;
        growing = path.relative(folder.path, file.path);
      }
      sizes.set(folder.path, now);
      return {
        path: folder.path,
        use: folder.use,
        bytes: files.reduce((sum, file) => sum + file.bytes, 0),
        files: files.length,
        bytesMax: folder.bytesMax,
        freeBytes: disk.bavail * disk.bsize,
        totalBytes: disk.blocks * disk.bsize,
        freeInodes: disk.files === 0 ? null : disk.ffree,
        totalInodes: disk.files === 0 ? null : disk.files,
        growing,
      };
    },
  };
}

/** Regular files of a folder and the folders in it; null when it cannot be read. */
export async function filesIn(folder: string): Promise<FoundFile[] | null> {
  const files: FoundFile[] = [];
  async function walk(where: string, depth: number): Promise<void> {
    const entries = await opendir(where);
    for await (const entry of entries) {
      if (files.length >= filesMax) return;
      const full = path.join(where, entry.name);
      if (entry.isDirectory()) {
        if (depth < depthMax) await walk(full, depth + 1).catch(() => {});
      } else if (entry.isFile()) {
        const facts = await lstat(full).catch(() => null);
        // Space that is really taken: a file with holes takes less than it is long.
        if (facts !== null)
          files.push({ path: full, bytes: Math.min(facts.size, facts.blocks * 512), modifiedMs: facts.mtimeMs });
      }
    }
  }
  try {
    await walk(folder, 0);
    return files;
  } catch {
    return null;
  }
}

export interface Pruned {
  readonly files: number;
  readonly bytes: number;
  readonly cut: number;
}

/** Removes the oldest files until the folder holds at most `keepShare` of its room. Logs in use are cut short as the last resort. */
export async function prune(
  folder: FolderPlan,
  options: { readonly keepShare: number; readonly olderThanMs: number; readonly nowMs: number },
): Promise<Pruned> {
  if (folder.use === "data") throw new Error(`${folder.path} is declared as data, which is never cleared`);
  const root = await realpath(folder.path);
  const files = ((await filesIn(folder.path)) ?? []).sort((a, b) => a.modifiedMs - b.modifiedMs);
  const disk = await statfs(folder.path);
  let held = files.reduce((sum, file) => sum + file.bytes, 0);
  const room = Math.min(folder.bytesMax ?? Infinity, held + disk.bavail * disk.bsize);
  const target = room * options.keepShare;
  // Out of inodes it is their number that counts.
  const countMax = disk.files > 0 && disk.ffree / disk.files < 0.02 ? files.length / 2 : Infinity;
  let count = files.length;
  const pruned = { files: 0, bytes: 0, cut: 0 };
  for (const file of files) {
    if (held <= target && count <= countMax) break;
    const ageMs = options.nowMs - file.modifiedMs;
    if (ageMs < inUseMs || ageMs < options.olderThanMs || !(await isInside(file.path, root))) continue;
    await rm(file.path, { force: true });
    held -= file.bytes;
    count -= 1;
    pruned.files += 1;
    pruned.bytes += file.bytes;
  }
  // What is left is in use. A cache is rebuilt by its owner; a log goes on being written to from its start, which gives back
  // no inode.
  const tooMany = (): boolean => count > countMax && folder.use === "cache";
  const young = files.filter((file) => options.nowMs - file.modifiedMs < inUseMs);
  for (const file of tooMany() ? young : young.toSorted((a, b) => b.bytes - a.bytes)) {
    if (held <= target && !tooMany()) break;
    if ((file.bytes === 0 && !tooMany()) || !(await isInside(file.path, root))) continue;
    if (folder.use === "log") truncateSync(file.path, 0);
    else await rm(file.path, { force: true });
    held -= file.bytes;
    count -= 1;
    pruned.cut += 1;
    pruned.bytes += file.bytes;
  }
  return pruned;
}

/** The file's own folder, links resolved, still lies within the root. */
async function isInside(file: string, root: string): Promise<boolean> {
  const parent = await realpath(path.dirname(file)).catch(() => null);
  return parent !== null && (parent === root || parent.startsWith(`${root}${path.sep}`));
}
