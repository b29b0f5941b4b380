// Process check: some process of this machine goes by the name (its command name, or the base name of its program). One
// look at /proc serves all such checks that run within half a second.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { result, type CheckResult, type How } from "./result.ts";

const freshMs = 500;
let seen: { readonly at: number; readonly names: ReadonlyMap<string, number> } | null = null;

// eslint-disable-next-line typescript/require-await -- every kind of check has the same shape
export async function processCheck(how: How<"process">): Promise<CheckResult> {
  const startedAt = performance.now();
  if (seen === null || startedAt - seen.at > freshMs) seen = { at: startedAt, names: namesOfProcesses() };
  const pid = seen.names.get(how.name);
  return pid === undefined
    ? result(false, startedAt, `no process is called ${how.name}`)
    : result(true, startedAt, `process ${pid}`);
}

function namesOfProcesses(): Map<string, number> {
  const names = new Map<string, number>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const argv = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      names.set(readFileSync(`/proc/${entry}/comm`, "utf8").trimEnd(), pid);
      if (argv[0]) names.set(path.basename(argv[0]), pid);
    } catch {
      // It ended while we looked.
    }
  }
  return names;
}
