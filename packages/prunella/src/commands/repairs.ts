// `repairs` and `remedies`: what was done, what would be done, and who allows it.
import { text, type Cli, type Row } from "../cli.ts";

export function repairCommands(cli: Cli): void {
  const { list, ask, act, say } = cli;
  const repairs = list("repairs", "runs of remedies, newest first", "/api/v1/repairs?limit=100", (each) => [
    each["id"],
    each["target"],
    each["remedy"],
    each["outcome"] ?? each["state"],
    each["createdAt"],
    each["why"],
  ]);
  repairs
    .command("show <id>")
    .description("one run, step by step")
    .action(async (id: string) => {
      const repair = await ask("GET", `/api/v1/repairs/${encodeURIComponent(id)}`);
      say(repair, () => JSON.stringify(repair, null, 2));
    });
  for (const verb of ["approve", "refuse", "cancel"] as const)
    repairs
      .command(`${verb} <id>`)
      .description(`${verb} a repair`)
      .action(async (id: string) => act(`/api/v1/repairs/${encodeURIComponent(id)}/${verb}`, {}));

  const remedies = list("remedies", "remedies as loaded", "/api/v1/remedies", (each) => [
    each["name"],
    each["modeInForce"],
    (each["kinds"] as string[]).join(","),
    `${text(each["verified"])} verified`,
    `${text(each["failed"])} failed`,
    `${text(each["recurred"])} recurred`,
  ]);
  remedies
    .command("explain <issue>")
    .description("what would run now, and which guard would stop it")
    .action(async (id: string) => {
      const answer = (await ask("GET", `/api/v1/issues/${encodeURIComponent(id)}/explain`)) as Row;
      say(answer, () => text(answer["answer"]));
    });
  remedies
    .command("promote <name>")
    .description("let a demoted remedy run in its configured mode again")
    .action(async (name: string) => act(`/api/v1/remedies/${encodeURIComponent(name)}/promote`, {}));
}
