// The command line. Commands that start something (run, up) load the agent and little else; all others ask the control
// plane over its HTTP API and print what it says, as text or, with --json, as it came.
// What only reads works without a control plane too, straight from the data folder.
// Exit status: 0 fine; 1 failed, or (status) something needs a person; 2 bad usage or configuration; 3 no control plane.
import { CommanderError } from "commander";
import process from "node:process";
import { newCli, text, UnreachableError, UsageError } from "./cli.ts";
import { alertCommands } from "./commands/alerts.ts";
import { completionCommand } from "./commands/completion.ts";
import { controlCommands } from "./commands/controls.ts";
import { drillCommands } from "./commands/drill.ts";
import { issueCommands } from "./commands/issues.ts";
import { logCommand } from "./commands/logs.ts";
import { recordCommands } from "./commands/records.ts";
import { repairCommands } from "./commands/repairs.ts";
import { reportCommands } from "./commands/report.ts";
import { runCommands } from "./commands/run.ts";
import { statusCommand } from "./commands/status.ts";
import { topCommand } from "./commands/top.ts";

// A reader that has seen enough (| head) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const cli = newCli();
for (const register of [
  runCommands,
  statusCommand,
  topCommand,
  recordCommands,
  issueCommands,
  repairCommands,
  controlCommands,
  alertCommands,
  logCommand,
  reportCommands,
  drillCommands,
  completionCommand,
])
  register(cli);

try {
  await cli.program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`prunella: ${text(error instanceof Error ? error.message : String(error))}\n`);
    process.exitCode = error instanceof UsageError ? 2 : error instanceof UnreachableError ? 3 : 1;
  }
} finally {
  await cli.close();
}
