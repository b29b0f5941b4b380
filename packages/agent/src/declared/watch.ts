// Looks at everything services declare of their files: configurations and releases, locks, folders; tells the control plane, and
// takes what has proved itself for good. A fault is told together with what changed before it: files are looked at again right
// when a process ends.
import path from "node:path";
import type { Plan, ServicePlan } from "@prunella/adapters";
import type { FileFacts, ObservationSignal, TargetKey, TimeMs } from "@prunella/core";
import type { LogWrite } from "../words.ts";
import { folderWatch } from "./folders.ts";
import { goodFiles, type GoodFiles } from "./good-files.ts";
import { lockWatch } from "./locks.ts";

export interface DeclaredOptions {
  readonly dataFolder: string;
  readonly now: () => TimeMs;
  readonly plan: () => Plan;
  readonly targetsOf: (service: ServicePlan) => readonly TargetKey[];
  /** When the target's process started, or null when it does not run. */
  readonly startedAt: (target: TargetKey) => TimeMs | null;
  /** Every check passes, nothing fails in its requests and calls, its heartbeat is there. */
  readonly isWell: (target: TargetKey) => boolean;
  readonly observe: (signals: readonly ObservationSignal[]) => void;
  readonly log: LogWrite;
}

export interface Declared {
  /** Once a second. */
  look(): void;
  /** The files of one service, now: right before it is told that its process ended. */
  lookAtFiles(service: ServicePlan): void;
  /** Folders, at once: after something was cleared. */
  lookAtFolders(): void;
  /** The newest of everything, for a control plane that has just connected. */
  level(): readonly ObservationSignal[];
  readonly files: GoodFiles;
}

/** Folders are looked at this often, ms; a folder that takes long to walk, ten times as long as that takes. */
const foldersEveryMs = 2_000;

export function declaredWatch(options: DeclaredOptions): Declared {
  const files = goodFiles(path.join(options.dataFolder, "good"));
  const locks = lockWatch();
  const folders = folderWatch();
  const newest = new Map<string, ObservationSignal>();
  const wellSince = new Map<string, TimeMs>();
  let walking = false;
  let foldersDueAt = 0;

  function tell(signals: readonly ObservationSignal[]): void {
    if (signals.length === 0) return;
    for (const signal of signals) newest.set(`${signal.type} ${signal.target}`, signal);
    options.observe(signals);
  }

  function factsOf(service: ServicePlan, at: TimeMs): FileFacts[] {
    const { declared } = service;
    if (declared === undefined) return [];
    return [
      ...declared.configs.map((file) => files.look(file, "config", at)),
      ...(declared.release === null ? [] : [files.look(declared.release, "release", at)]),
    ];
  }

  function lookAtFiles(service: ServicePlan): void {
    const at = options.now();
    const facts = factsOf(service, at);
    if (facts.length === 0) return;
    tell(options.targetsOf(service).map((target) => ({ type: "files", target, at, files: facts })));
  }

  function prove(service: ServicePlan): void {
    const at = options.now();
    const running = options.targetsOf(service).flatMap((target) => {
      const startedAt = options.startedAt(target);
      return startedAt === null ? [] : [{ target, startedAt }];
    });
    if (running.length === 0 || !running.every(({ target }) => options.isWell(target))) {
      wellSince.delete(service.name);
      return;
    }
    const since = wellSince.get(service.name) ?? at;
    wellSince.set(service.name, since);
    const startedAt = Math.max(...running.map((each) => each.startedAt));
    const from = Math.max(since, startedAt);
    for (const file of service.declared?.configs ?? []) files.prove(file, "config", from, startedAt, at);
    const release = service.declared?.release ?? null;
    if (release !== null) files.prove(release, "release", from, startedAt, at);
  }

  async function walk(): Promise<void> {
    const startedAt = performance.now();
    walking = true;
    try {
      for (const service of options.plan().services) {
        const declared = service.declared?.folders ?? [];
        if (declared.length === 0) continue;
        const facts = (await Promise.all(declared.map((folder) => folders.look(folder)))).filter(
          (each) => each !== null,
        );
        const at = options.now();
        const [target] = options.targetsOf(service);
        if (facts.length > 0 && target !== undefined) tell([{ type: "folders", target, at, folders: facts }]);
      }
    } catch (error) {
      options.log("error", "folders-not-read", { reason: String(error) });
    }
    walking = false;
    const tookMs = performance.now() - startedAt;
    foldersDueAt = performance.now() + Math.max(foldersEveryMs, 10 * tookMs);
  }

  return {
    files,
    lookAtFiles,
    look() {
      for (const service of options.plan().services) {
        if (service.declared === undefined) continue;
        try {
          prove(service);
          lookAtFiles(service);
        } catch (error) {
          options.log("error", "files-not-kept", { service: service.name, reason: String(error) });
        }
        if (service.declared.locks.length === 0) continue;
        const at = options.now();
        const facts = service.declared.locks.map((file) => locks.look(file, at)).filter((each) => each !== null);
        tell(options.targetsOf(service).map((target) => ({ type: "locks", target, at, locks: facts })));
      }
      if (!walking && performance.now() >= foldersDueAt) void walk();
    },
    lookAtFolders() {
      foldersDueAt = 0;
      if (!walking) void walk();
    },
    level: () => [...newest.values()],
  };
}
