// `logs`: the last lines of a service's output.
import { text, type Cli, type Row } from "../cli.ts";

export function logCommand(cli: Cli): void {
  const { program, ask, say } = cli;
  program
    .command("logs <target>")
    .description("last lines of a service's output")
    .option("-n <lines>", "how many", "50")
    .option("--contains <text>", "only lines that contain this")
    .action(async (target: string, given: { n: string; contains?: string }) => {
      const answer = (await ask(
        "GET",
        `/api/v1/targets/${encodeURIComponent(target)}/logs?lines=${encodeURIComponent(given.n)}${given.contains === undefined ? "" : `&containing=${encodeURIComponent(given.contains)}`}`,
      )) as { items?: Row[]; lines?: Row[] };
      say(answer, () => (answer.items ?? answer.lines ?? []).map((each) => text(each["text"])).join("\n"));
    });
}
