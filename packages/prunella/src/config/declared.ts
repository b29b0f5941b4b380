// What a service declares of its files: by that, and by nothing else, a repair may restore, unlock, clear or put aside. Paths are
// relative to the configuration's folder, and must not be the whole of anything that matters.
import type { DeclaredPlan, FolderPlan } from "@prunella/adapters";
import { homedir } from "node:os";
import path from "node:path";
import type { Cursor } from "./cursor.ts";
import { keysOf } from "./schema.ts";
import { size } from "./units.ts";

/** Files, locks and folders that one service may declare, each. */
export const declaredMax = 50;

export function readDeclared(service: Cursor, folder: string): DeclaredPlan | null {
  const cursor = service.at("files");
  if (!cursor.exists) return null;
  cursor.only(keysOf("files"));
  const release = cursor.at("release").text();
  const plan: DeclaredPlan = {
    configs: pathsOf(cursor.at("config"), folder),
    release: release === null ? null : path.resolve(folder, release),
    locks: pathsOf(cursor.at("locks"), folder),
    folders: cursor
      .at("folders")
      .items()
      .flatMap((item) => readFolder(item, folder)),
    records: cursor
      .at("records")
      .items()
      .flatMap((item) => readRecords(item, folder)),
  };
  for (const [name, list] of Object.entries(plan))
    if (Array.isArray(list) && list.length > declaredMax)
      cursor.at(name).problem(`holds ${list.length} entries, more than ${declaredMax}`, "declare fewer");
  return plan;
}

function pathsOf(cursor: Cursor, folder: string): string[] {
  return cursor.texts().map((text) => path.resolve(folder, text));
}

function readFolder(item: Cursor, folder: string): FolderPlan[] {
  if (!item.isMap) {
    item.problem("must be a mapping", "write { path: cache, use: cache, max: 1GB }");
    return [];
  }
  item.only(keysOf("folder"));
  const use = item.at("use").oneOf(["log", "cache", "data"] as const, "data");
  const full = folderPath(item.at("path"), folder, use !== "data");
  if (full === null) return [];
  return [
    { path: full, use, bytesMax: item.at("max").exists ? item.at("max").measure(size, 1e9, 1_000, 1e15, "1GB") : null },
  ];
}

function readRecords(item: Cursor, folder: string): { from: string; to: string }[] {
  if (!item.isMap) {
    item.problem("must be a mapping", "write { from: inbox, to: quarantine }");
    return [];
  }
  item.only(keysOf("records"));
  const from = folderPath(item.at("from"), folder, true);
  const to = folderPath(item.at("to"), folder, true);
  if (from === null || to === null) return [];
  if (from === to) item.problem("puts records aside into the folder they come from", "name another folder under to:");
  return [{ from, to }];
}

/** A folder; one whose files may be removed or moved must be narrower than a disk, a home or the configuration's own folder. */
function folderPath(cursor: Cursor, folder: string, mayChange: boolean): string | null {
  const text = cursor.text();
  if (text === null || text.trim() === "") {
    cursor.problem("is missing", "name a folder");
    return null;
  }
  const full = path.resolve(folder, text);
  const wide = [path.parse(full).root, homedir(), folder];
  if (mayChange && (wide.includes(full) || wide.some((each) => each !== "/" && each.startsWith(`${full}${path.sep}`))))
    cursor.problem(`is as wide as ${full}, and its files may be removed`, "name a folder that holds nothing else");
  else if (mayChange && /^\/(?:bin|boot|dev|etc|lib\w*|proc|root|run|sbin|sys|usr|var|home|opt|srv|tmp)$/.test(full))
    cursor.problem(`is ${full}, which belongs to the system`, "name a folder that holds nothing else");
  else return full;
  return null;
}
