// What a person may order: restart, start, stop, pause, resume.
import type { Cli } from "../cli.ts";

export function controlCommands(cli: Cli): void {
  const { program, act } = cli;
  for (const action of ["restart", "start", "stop"] as const) {
    program
      .command(`${action} <target> [why]`)
      .description(`${action} a service by hand; journaled and verified like any repair`)
      .action(async (target: string, why = "by hand") =>
        act(`/api/v1/targets/${encodeURIComponent(target)}/actions`, { action, why }),
      );
  }
  program
    .command("pause [why]")
    .description("stop all new repairs at once")
    .option("--target <target>", "of one target only")
    .action(async (why = "by hand", given: { target?: string } = {}) =>
      act("/api/v1/pause", { why, target: given.target ?? null }),
    );
  program
    .command("resume")
    .description("let repairs go on")
    .option("--target <target>", "of one target only")
    .action(async (given: { target?: string }) => act("/api/v1/resume", { target: given.target ?? null }));
}
