// What a person may order: restart, start, stop, pause, resume, maintenance windows.
import type { Status } from "@prunella/contract";
import { table, teach, text, UsageError, type Cli } from "../cli.ts";
import { duration } from "../config/units.ts";
import { timeOf } from "./issues.ts";

export function controlCommands(cli: Cli): void {
  const { program, ask, act, say } = cli;
  for (const action of ["restart", "start", "stop"] as const)
    teach(
      program
        .command(`${action} <target> [why]`)
        .description(`${action} a service by hand; journaled and verified like any repair`)
        .action(async (target: string, why = "by hand") =>
          act(`/api/v1/targets/${encodeURIComponent(target)}/actions`, { action, why }),
        ),
      [[`${action} api "new certificate"`, "the reason stays in the records"]],
    );
  teach(
    program
      .command("pause [why]")
      .description("stop all new repairs at once; what has begun is brought to its end")
      .option("--target <target>", "of one target only")
      .option("--for <duration>", "of one target, for a while: 30m, 2h")
      .action(async (why = "by hand", given: { target?: string; for?: string } = {}) => {
        const forMs = given.for === undefined ? undefined : lasting(given.for, "--for");
        await act("/api/v1/pause", { why, target: given.target ?? null, ...(forMs === undefined ? {} : { forMs }) });
      }),
    [
      ['pause "we are deploying"', "everything, until prunella resume"],
      ["pause --target api --for 30m", "one target, for half an hour"],
    ],
  );
  teach(
    program
      .command("resume")
      .description("let repairs go on; also ends storm mode")
      .option("--target <target>", "of one target only")
      .action(async (given: { target?: string }) => act("/api/v1/resume", { target: given.target ?? null })),
    [["resume", "repairs go on"]],
  );

  const maintenance = program
    .command("maintenance")
    .description("windows of time in which no repair starts; faults are still found and filed");
  teach(maintenance, [
    ["maintenance", "windows that are not over"],
    ['maintenance add --for 2h "database upgrade"', "everything, from now"],
    ["maintenance end M1", "early"],
  ]);
  const show = async (): Promise<void> => {
    const page = (await ask("GET", "/api/v1/maintenance")) as { items: Status["maintenance"] };
    say(page, () =>
      page.items.length === 0
        ? "no maintenance"
        : table(
            page.items.map((each) => [
              each.id,
              text(each.target ?? "everything"),
              each.from,
              each.to,
              text(each.by),
              text(each.why),
            ]),
          ).join("\n"),
    );
  };
  teach(maintenance.command("list", { isDefault: true }).description("windows that are not over").action(show), [
    ["maintenance list", "windows that are not over"],
  ]);
  teach(
    maintenance
      .command("add [why]")
      .description("open a window")
      .option("--target <target>", "one target or group; default: everything")
      .option("--from <time>", "RFC 3339; default: now")
      .option("--to <time>", "RFC 3339")
      .option("--for <duration>", "instead of --to: 30m, 2h, 1d")
      .action(async (why = "by hand", given: { target?: string; from?: string; to?: string; for?: string } = {}) => {
        if ((given.to === undefined) === (given.for === undefined))
          throw new UsageError("say how long in one way: --for 2h, or --to 2031-01-31T08:00:00Z");
        const from = given.from === undefined ? undefined : timeOf(given.from, "--from");
        const to =
          given.to === undefined
            ? new Date(
                (from === undefined ? Date.now() : Date.parse(from)) + lasting(given.for ?? "", "--for"),
              ).toISOString()
            : timeOf(given.to, "--to");
        await act("/api/v1/maintenance", {
          target: given.target ?? null,
          to,
          why,
          ...(from === undefined ? {} : { from }),
        });
      }),
    [
      ['maintenance add --for 2h "database upgrade"', "everything, from now"],
      ["maintenance add --target api --from 2031-01-31T02:00:00Z --for 1h", "one target, at night"],
    ],
  );
  teach(
    maintenance
      .command("end <window>")
      .description("end a window early")
      .action(async (id: string) => act(`/api/v1/maintenance/${encodeURIComponent(id)}`, {}, "DELETE")),
    [["maintenance end M1", "repairs go on at once"]],
  );
}

export function lasting(value: string, name: string): number {
  const ms = duration(value);
  if (ms === null || ms < 1_000)
    throw new UsageError(`${name}: ${value} is no duration; write one such as 30m, 2h or 1d`);
  return Math.round(ms);
}
