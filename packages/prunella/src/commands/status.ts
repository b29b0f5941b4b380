// `status`: one screen that answers whether everything is all right, what is being healed, and what needs a person.
import process from "node:process";
import { table, text, type Cli, type Row } from "../cli.ts";

export function statusCommand(cli: Cli): void {
  const { program, ask, say } = cli;
  program
    .command("status")
    .description("is everything all right, what is being healed, what needs me")
    .action(async () => {
      const status = (await ask("GET", "/api/v1/status")) as Row & {
        verdict: string;
        summary: string;
        needsPerson: Row[];
        approvals: Row[];
        healing: Row[];
        targets: Record<string, number>;
        openIssues: number;
      };
      const targets = (await ask("GET", "/api/v1/targets?limit=500")) as { items: Row[] };
      say(status, () =>
        [
          status.summary,
          "",
          ...table(
            targets.items.map((each) => [
              text(each["key"]),
              text(each["state"]),
              each["pid"] === null ? "" : `pid ${text(each["pid"])}`,
              (each["openIssues"] as string[]).join(" "),
            ]),
          ),
          ...(status.healing.length > 0
            ? [
                "",
                "being healed:",
                ...status.healing.map(
                  (each) =>
                    `  ${text(each["id"])} ${text(each["target"])}: ${text(each["remedy"])}, ${text(each["state"])}`,
                ),
              ]
            : []),
          ...(status.approvals.length > 0
            ? [
                "",
                "waits for your decision:",
                ...status.approvals.map(
                  (each) =>
                    `  ${text(each["id"])} ${text(each["target"])}: ${(each["plan"] as string[]).join(", then ")}  (prunella repairs approve ${text(each["id"])})`,
                ),
              ]
            : []),
          ...(status.needsPerson.length > 0
            ? [
                "",
                "needs you:",
                ...status.needsPerson.map(
                  (each) => `  ${text(each["id"])} ${text(each["title"])}\n      ${text(each["needsPerson"])}`,
                ),
              ]
            : []),
        ].join("\n"),
      );
      if (status.verdict === "needs-person") process.exitCode = 1;
    });
}
