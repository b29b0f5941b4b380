// Where the data lives, and what is in that folder. One folder, one agent, one control plane.
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";

export interface DataFolder {
  readonly path: string;
  readonly database: string;
  /** The plan in force, as JSON; the control plane reads it at start. */
  readonly plan: string;
  readonly socket: string;
  /** What the control plane said when it was ready: url and pid. */
  readonly control: string;
  /** Token for the HTTP API, readable by the owner only. */
  readonly token: string;
  readonly cache: string;
}

/**
 * The folder for a configuration: the one that was named; else `.prunella` beside the configuration file; else a folder of
 * the user's state directory.
 */
export function dataFolder(named: string | null, configuration: string | null): DataFolder {
  const chosen =
    named ??
    process.env["PRUNELLA_DATA"] ??
    (configuration === null
      ? path.join(process.env["XDG_STATE_HOME"] ?? path.join(homedir(), ".local", "state"), "prunella")
      : path.join(path.dirname(path.resolve(configuration)), ".prunella"));
  const full = path.resolve(chosen);
  return {
    path: full,
    database: path.join(full, "prunella.db"),
    plan: path.join(full, "plan.json"),
    socket: path.join(full, "agent.sock"),
    control: path.join(full, "control.json"),
    token: path.join(full, "token"),
    cache: path.join(full, "cache"),
  };
}

/** Creates the folder, readable by its owner only. */
export function makeFolder(folder: DataFolder): void {
  if (!existsSync(folder.path)) mkdirSync(folder.path, { recursive: true, mode: 0o700 });
}
