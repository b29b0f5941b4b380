// Commands that start, check or stop what the configuration names: run, up, check, down. They load the agent and little else.
import { Option } from "commander";
import { readFileSync } from "node:fs";
import process from "node:process";
import { UsageError, type Cli } from "../cli.ts";
import { dataFolder } from "../folder.ts";

export function runCommands(cli: Cli): void {
  const { program, options, configuration, folder, say } = cli;
  program
    .command("run")
    .description("watch and heal one command, with no configuration")
    .option("--name <name>", "name of the service", "service")
    .option("--check <url>", "http or tcp URL that must answer")
    .addOption(new Option("--port <port>", "port of Prunella's API").default("7410"))
    .option("--host <host>", "address of Prunella's API", "127.0.0.1")
    .argument("<command...>", "the command, after --")
    .action(async (command: string[], given: { name: string; check?: string; port: string; host: string }) => {
      const { up } = await import("../up.ts");
      const planArguments = [
        "--name",
        given.name,
        "--host",
        given.host,
        "--port",
        given.port,
        ...(given.check === undefined ? [] : ["--check", given.check]),
        "--",
        ...command,
      ];
      process.exitCode = await up({ folder: dataFolder(options().data ?? null, null), planArguments, quiet: false });
    });

  program
    .command("up")
    .description("run what the configuration says, and heal it")
    .option("-q, --quiet", "say only what is wrong")
    .action(async (given: { quiet?: boolean }) => {
      const file = configuration();
      if (file === null)
        throw new UsageError("there is no prunella.yaml here; name one with -c FILE, or use prunella run -- CMD");
      const { up } = await import("../up.ts");
      process.exitCode = await up({
        folder: dataFolder(options().data ?? null, file),
        planArguments: ["--file", file],
        quiet: given.quiet === true,
      });
    });

  program
    .command("plan", { hidden: true })
    .option("--file <file>")
    .option("--name <name>", "", "service")
    .option("--check <url>")
    .option("--host <host>", "", "127.0.0.1")
    .option("--port <port>", "", "7410")
    .argument("[command...]")
    .action(
      async (command: string[], given: { file?: string; name: string; check?: string; host: string; port: string }) => {
        const plan = await makePlan(command, given);
        if (plan !== null) process.stdout.write(JSON.stringify(plan));
      },
    );

  program
    .command("check")
    .description("check the configuration: line, field, rule, remedy")
    .option("--schema", "print the JSON Schema of prunella.yaml instead, for editors")
    .action(async (given: { schema?: boolean }) => {
      if (given.schema === true) {
        const { configurationSchema } = await import("../config/schema.ts");
        process.stdout.write(`${JSON.stringify(configurationSchema(), null, 2)}\n`);
        return;
      }
      const file = configuration();
      if (file === null) throw new UsageError("there is no prunella.yaml here; name one with -c FILE");
      const plan = (await makePlan([], { file, name: "", host: "", port: "0" })) as {
        targets: unknown[];
        remedies: unknown[];
      } | null;
      if (plan !== null)
        say(plan, () => `${file} is fine: ${plan.targets.length} targets, ${plan.remedies.length} remedies`);
    });

  program
    .command("down")
    .description("stop the services and Prunella of this data folder, also those a dead agent left behind")
    .action(async () => {
      const { down } = await import("../down.ts");
      process.exitCode = await down(folder());
    });
}

async function makePlan(
  command: readonly string[],
  given: {
    readonly file?: string;
    readonly name: string;
    readonly check?: string;
    readonly host: string;
    readonly port: string;
  },
): Promise<unknown> {
  const { compile, describeProblems, planOfCommand } = await import("../config/compile.ts");
  const file = given.file ?? "(command line)";
  let compiled;
  if (given.file === undefined) {
    compiled = planOfCommand({
      argv: command,
      name: given.name,
      check: given.check ?? null,
      http: { host: given.host, port: Number(given.port) },
      folder: process.cwd(),
    });
  } else {
    try {
      compiled = compile(readFileSync(given.file, "utf8"), given.file);
    } catch (error) {
      throw new UsageError(
        `${given.file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}); name the configuration with -c FILE`,
      );
    }
  }
  if (compiled.ok) return compiled.plan;
  process.stderr.write(`${describeProblems(compiled.problems, file)}\n`);
  process.exitCode = 2;
  return null;
}
