// Every family of commands but those that run something.
import type { Cli } from "../cli.ts";
import { alertCommands } from "./alerts.ts";
import { completionCommand } from "./completion.ts";
import { controlCommands } from "./controls.ts";
import { drillCommands } from "./drill.ts";
import { issueCommands } from "./issues.ts";
import { logCommand } from "./logs.ts";
import { recordCommands } from "./records.ts";
import { repairCommands } from "./repairs.ts";
import { reportCommands } from "./report.ts";
import { statusCommand } from "./status.ts";
import { tokenCommands } from "./tokens.ts";
import { topCommand } from "./top.ts";

export function register(cli: Cli): void {
  for (const family of [
    statusCommand,
    topCommand,
    recordCommands,
    issueCommands,
    repairCommands,
    controlCommands,
    alertCommands,
    tokenCommands,
    logCommand,
    reportCommands,
    drillCommands,
    completionCommand,
  ])
    family(cli);
}
