// `status`: one screen that answers whether everything is all right, what is being healed, and what needs a person.
import type { Status, Target } from "@prunella/contract";
import process from "node:process";
import { teach, type Cli } from "../cli.ts";
import { statusLines } from "../screen/status.ts";

/** What a status fits into when the output is no terminal. */
const screenDefault = { columns: 80, rows: 24 };

export function statusCommand(cli: Cli): void {
  const { program, ask, askList, say, paint } = cli;
  const status = program
    .command("status")
    .description("is everything all right, what is being healed, what needs me; exit status 1 when something does")
    .option("--all", "every line, also beyond one screen")
    .action(async (given: { all?: boolean }) => {
      const now = (await ask("GET", "/api/v1/status")) as Status;
      const targets = (await askList("/api/v1/targets", 5_000)).items as unknown as readonly Target[];
      // The prompt that follows takes a line too.
      const screen = {
        columns: process.stdout.columns ?? screenDefault.columns,
        rows: given.all === true ? Number.MAX_SAFE_INTEGER : (process.stdout.rows ?? screenDefault.rows) - 1,
      };
      say(now, () => statusLines(now, targets, screen, paint).join("\n"));
      if (now.verdict === "needs-person") process.exitCode = 1;
    });
  teach(status, [
    ["status", "one screen, worst first"],
    ["status --all", "every target, every decision"],
    ["status --json", "the same for programs"],
    ["status > /dev/null || page-someone", "exit status 1: something needs a person; 3: nothing answers"],
  ]);
}
