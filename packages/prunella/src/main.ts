// The command line. Commands that start something (run, up) load the agent and little else; all others ask the control
// plane over its HTTP API and print what it says, as text or, with --json, as it came.
// What only reads works without a control plane too, straight from the data folder.
// Exit status: 0 fine; 1 failed, or (status) something needs a person; 2 bad usage or configuration; 3 no control plane.
import { CommanderError } from "commander";
import process from "node:process";
import { newCli, text, UnreachableError, UsageError } from "./cli.ts";
import { runCommands } from "./commands/run.ts";

// A reader that has seen enough (| head) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const cli = newCli();
runCommands(cli);
// The agent is this very process: what it never uses is not loaded into it.
if (!isRun(process.argv.slice(2))) (await import("./commands/index.ts")).register(cli);

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

/** The first word that is no option says which command it is; the value of an option is no such word. */
function isRun(words: readonly string[]): boolean {
  const withValue = new Set(
    cli.program.options.filter((option) => option.required).flatMap((option) => [option.long, option.short]),
  );
  const at = words.findIndex((word, index) => !word.startsWith("-") && !withValue.has(words[index - 1] ?? ""));
  const word = words[at];
  return word === "run" || word === "up" || word === "plan";
}
