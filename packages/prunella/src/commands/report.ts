// `kpis` and `report`: how well it goes, computed from the records.
import { Option } from "commander";
import process from "node:process";
import { table, text, type Cli, type Row } from "../cli.ts";

export function reportCommands(cli: Cli): void {
  const { program, ask, say } = cli;
  program
    .command("kpis")
    .description("the KPIs against their targets, with counts")
    .action(async () => {
      const kpis = (await ask("GET", "/api/v1/kpis")) as { rows: Row[] };
      say(kpis, () =>
        table(
          kpis.rows.map((each) => [
            text(each["name"]),
            text(each["value"]),
            `target ${text(each["target"])}`,
            each["met"] === null ? "no data" : each["met"] === true ? "met" : "missed",
          ]),
        ).join("\n"),
      );
    });

  program
    .command("report")
    .description("the status report from live data")
    .addOption(new Option("--format <format>").choices(["json"]).default("json"))
    .action(async () => {
      const report = await ask("GET", "/api/v1/report?format=json");
      process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    });
}
