// Actions on files that a service declared: rotate, prune, restore, quarantine, unlock. Each takes only what was declared for it;
// a path that was not is refused before anything happens.
import { existsSync, lstatSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { copyFile, rename, rm, stat, truncate } from "node:fs/promises";
import path from "node:path";
import type { DeclaredPlan } from "@prunella/adapters";
import type { Action, StepOutcome } from "@prunella/core";
import type { Declared } from "../declared/watch.ts";
import { prune } from "../declared/folders.ts";
import { unlock } from "../declared/locks.ts";
import type { Service } from "../service.ts";
import { failed, succeeded } from "./outcome.ts";

type FileAction = Extract<Action, { type: "rotate" | "prune" | "restore" | "quarantine" | "unlock" }>;

const nothing: DeclaredPlan = { configs: [], release: null, locks: [], folders: [], records: [] };

export async function onFiles(
  action: FileAction,
  service: Service,
  declared: Declared,
  now: () => number,
): Promise<StepOutcome> {
  const plan = service.plan.declared ?? nothing;
  switch (action.type) {
    case "restore":
      return restore(action, plan, declared, service, now());
    case "unlock":
      return unlocked(action, plan, declared);
    case "quarantine":
      return quarantine(action, plan);
    case "prune":
      return pruned(action, plan, declared);
    case "rotate":
      return rotated(action, plan, service);
    default:
      return action satisfies never;
  }
}

function restore(
  action: Extract<FileAction, { type: "restore" }>,
  plan: DeclaredPlan,
  declared: Declared,
  service: Service,
  now: number,
): StepOutcome {
  const role = action.what;
  const all = role === "release" ? (plan.release === null ? [] : [plan.release]) : plan.configs;
  const wanted = action.path === null ? all : all.filter((file) => file === action.path);
  if (wanted.length === 0)
    return failed(
      action.path === null
        ? `the service declares no ${role}`
        : `${action.path} is not declared as ${role} of the service`,
      "none",
    );
  const done: string[] = [];
  for (const file of wanted) {
    try {
      done.push(declared.files.restore(file, role, now));
    } catch (error) {
      return failed(reasonOf(error), done.length === 0 ? "none" : "some");
    }
  }
  declared.lookAtFiles(service.plan);
  return succeeded(done.join("; "));
}

function unlocked(
  action: Extract<FileAction, { type: "unlock" }>,
  plan: DeclaredPlan,
  declared: Declared,
): StepOutcome {
  const wanted = action.path === null ? plan.locks : plan.locks.filter((file) => file === action.path);
  if (wanted.length === 0)
    return failed(`${action.path ?? "no lock"} is not declared as a lock of the service`, "none");
  const done: string[] = [];
  for (const file of wanted) {
    try {
      done.push(unlock(file));
    } catch (error) {
      // Of several locks those that are held stay; of the one that was named, that is the answer.
      if (wanted.length === 1) return failed(reasonOf(error), "none");
    }
  }
  declared.look();
  return done.length === 0 ? failed("every lock is held by a process that lives", "none") : succeeded(done.join("; "));
}

function quarantine(action: Extract<FileAction, { type: "quarantine" }>, plan: DeclaredPlan): StepOutcome {
  const file = action.path;
  if (file === null) return failed("no record is named, and the diagnosis established none", "none");
  const rule = plan.records.find(({ from }) => path.dirname(file) === from);
  if (rule === undefined) return failed(`${file} lies in no folder that is declared for records`, "none");
  try {
    const facts = lstatSync(file, { throwIfNoEntry: false });
    if (facts === undefined) return succeeded(`${file} is gone already`);
    // A link would move something else than it seems, and its folder must be the declared one for real.
    if (!facts.isFile()) return failed(`${file} is not a plain file`, "none");
    if (realpathSync(path.dirname(file)) !== realpathSync(rule.from)) return failed(`${file} leads elsewhere`, "none");
    mkdirSync(rule.to, { recursive: true });
    let target = path.join(rule.to, path.basename(file));
    for (let at = 1; existsSync(target) && at < 1_000; at += 1)
      target = path.join(rule.to, `${path.basename(file)}.${at}`);
    renameSync(file, target);
    return succeeded(`${file} moved to ${target}`);
  } catch (error) {
    return failed(reasonOf(error), "some");
  }
}

async function pruned(
  action: Extract<FileAction, { type: "prune" }>,
  plan: DeclaredPlan,
  declared: Declared,
): Promise<StepOutcome> {
  const clearable = plan.folders.filter((folder) => folder.use !== "data");
  const wanted = action.path === null ? clearable : plan.folders.filter((folder) => folder.path === action.path);
  if (wanted.length === 0)
    return failed(`${action.path ?? "no folder"} is not declared as a log or cache folder of the service`, "none");
  if (wanted.some((folder) => folder.use === "data"))
    return failed(`${action.path} is declared as data, which is never cleared`, "none");
  const { keepShare, olderThanMs } = action;
  const done = await Promise.all(
    wanted.map(async (folder) => {
      const { files, bytes, cut } = await prune(folder, { keepShare, olderThanMs, nowMs: Date.now() });
      return `${folder.path}: ${files} files removed${cut === 0 ? "" : `, ${cut} in use cut short`}, ${(bytes / 1e6).toFixed(1)} MB freed`;
    }),
  );
  declared.lookAtFolders();
  return succeeded(done.join("; "));
}

async function rotated(
  action: Extract<FileAction, { type: "rotate" }>,
  plan: DeclaredPlan,
  service: Service,
): Promise<StepOutcome> {
  if (action.path === null) {
    const done = [await service.rotateNow("out"), await service.rotateNow("err")];
    return succeeded(`its own log: ${done.join(", ")}`);
  }
  const file = path.resolve(action.path);
  const folder = plan.folders.find((each) => each.use === "log" && file.startsWith(`${each.path}${path.sep}`));
  if (folder === undefined) return failed(`${file} lies in no folder that is declared for logs`, "none");
  const facts = lstatSync(file, { throwIfNoEntry: false });
  if (facts === undefined) return succeeded(`there is no ${file}`);
  if (!facts.isFile() || !realpathSync(path.dirname(file)).startsWith(realpathSync(folder.path)))
    return failed(`${file} leads elsewhere`, "none");
  for (let at = action.files; at > 1; at -= 1) await rename(`${file}.${at - 1}`, `${file}.${at}`).catch(() => {});
  const { size } = await stat(file);
  await copyFile(file, `${file}.1`);
  await truncate(file, 0);
  if (action.files < 1) await rm(`${file}.1`, { force: true });
  return succeeded(`${file}: ${size} bytes moved to ${file}.1`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
