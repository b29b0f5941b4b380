// Starts one process of a service: no shell, a session of its own, output straight into its log files. Says exactly why when
// it cannot.
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readFileSync, readSync, statSync } from "node:fs";
import path from "node:path";
import type { ServicePlan } from "@prunella/adapters";
import { parseUser } from "./proc/parse.ts";

export type Launch =
  | { readonly kind: "started"; readonly child: ChildProcess; readonly pid: number }
  | { readonly kind: "failed"; readonly reason: string };

export interface LaunchOptions {
  readonly plan: ServicePlan;
  readonly outFile: string;
  readonly errFile: string;
  /** Added last: the marker, the probe. */
  readonly environment: Readonly<Record<string, string>>;
}

export async function launch(options: LaunchOptions): Promise<Launch> {
  const { plan } = options;
  const [program = "", ...args] = plan.command;
  const problem = problemWith(plan);
  if (problem !== null) return { kind: "failed", reason: problem };
  const descriptors: number[] = [];
  try {
    const identity = plan.user === null ? {} : userOf(plan.user);
    if (identity === null) return { kind: "failed", reason: `there is no user ${plan.user} on this machine` };
    const out = openSync(options.outFile, "a", 0o600);
    descriptors.push(out);
    const err = openSync(options.errFile, "a", 0o600);
    descriptors.push(err);
    const child = spawn(program, args, {
      cwd: plan.cwd,
      env: { ...process.env, ...plan.env, ...options.environment },
      detached: true,
      stdio: ["ignore", out, err],
      ...identity,
    });
    const { pid } = child;
    if (pid !== undefined) {
      child.on("error", () => {});
      return { kind: "started", child, pid };
    }
    const error = await new Promise<Error>((resolve) => child.once("error", resolve));
    return { kind: "failed", reason: reasonOf(error, program) };
  } catch (error) {
    return { kind: "failed", reason: reasonOf(error, program) };
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** Does this command run Node? By its name, or by the first line of the script it names. */
export function runsNode(command: readonly string[], cwd: string): boolean {
  const program = command[0] ?? "";
  if (/^(node|nodejs|npm|npx|yarn|pnpm|tsx|ts-node)$/.test(path.basename(program))) return true;
  if (!program.includes("/")) return false;
  const head = Buffer.alloc(200);
  try {
    const descriptor = openSync(path.resolve(cwd, program), "r");
    try {
      const held = readSync(descriptor, head, 0, head.length, 0);
      return /^#!.*\bnode\b/.test(head.toString("latin1", 0, held).split("\n")[0] ?? "");
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}

/** The numeric ids of a user, or null when there is no such user. */
export function userOf(user: string): { readonly uid: number; readonly gid: number } | null {
  return parseUser(readFileSync("/etc/passwd", "utf8"), user);
}

// The kernel reports a missing folder and a missing program by the same error; tell them apart before.
function problemWith(plan: ServicePlan): string | null {
  const facts = statSync(plan.cwd, { throwIfNoEntry: false });
  if (facts === undefined) return `the working folder ${plan.cwd} does not exist`;
  if (!facts.isDirectory()) return `the working folder ${plan.cwd} is not a folder`;
  try {
    accessSync(plan.cwd, constants.X_OK);
  } catch {
    return `the working folder ${plan.cwd} may not be entered`;
  }
  return null;
}

function reasonOf(error: unknown, program: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
      return `the program ${program} was not found (ENOENT)`;
    case "EACCES":
      return `the program ${program} may not be executed (EACCES): check its permissions`;
    case "ENOEXEC":
      return `${program} is not a program this machine can execute (ENOEXEC): a script needs a #! line`;
    case "EMFILE":
    case "ENFILE":
      return `no file descriptor is free (${code}): the limit on open files is reached`;
    case "EAGAIN":
    case "ENOMEM":
      return `the machine has no room for another process (${code})`;
    case "ENOSPC":
      return "the disk that holds the logs is full (ENOSPC)";
    case "EPERM":
      return `starting ${program} is not permitted (EPERM): another user needs root`;
    default:
      return message;
  }
}
