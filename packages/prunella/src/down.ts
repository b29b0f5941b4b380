// `prunella down`: asks the agent of a data folder to stop; when the agent is dead, a short-lived successor adopts what it
// left behind and stops it, so nothing is orphaned.
import type { Plan } from "@prunella/adapters";
import { startAgent } from "@prunella/agent";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import type { DataFolder } from "./folder.ts";

export async function down(folder: DataFolder): Promise<number> {
  if (!existsSync(folder.plan)) {
    process.stdout.write(`nothing was ever started on ${folder.path}\n`);
    return 0;
  }
  const plan = JSON.parse(readFileSync(folder.plan, "utf8")) as Plan;
  let successor;
  try {
    // Nothing is started: the successor knows no service as wanted, it only adopts and stops what runs.
    successor = await startAgent({
      plan: { ...plan, services: [], checks: [] },
      dataFolder: folder.path,
      controlCommand: [],
    });
  } catch (error) {
    const pid = /pid (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    if (pid === undefined) throw error;
    process.kill(Number(pid), "SIGTERM");
    process.stdout.write(`asked the agent (pid ${pid}) to stop\n`);
    return 0;
  }
  await successor.stop();
  process.stdout.write("stopped what was left\n");
  return 0;
}
