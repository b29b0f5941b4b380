// `issues`: list, show, decide.
import { table, text, type Cli, type Row } from "../cli.ts";

export function issueCommands(cli: Cli): void {
  const { list, ask, act, say } = cli;
  const issues = list("issues", "issues, newest first", "/api/v1/issues?limit=200", (each) => [
    each["id"],
    each["severity"],
    each["status"],
    each["selfHealing"],
    each["target"],
    `${text(each["occurrences"])}x`,
    each["title"],
  ]);
  issues
    .command("show <id>")
    .description("one issue with its incidents and history")
    .action(async (id: string) => {
      const issue = (await ask("GET", `/api/v1/issues/${encodeURIComponent(id)}`)) as Row;
      const incidents = (await ask("GET", `/api/v1/issues/${encodeURIComponent(id)}/incidents`)) as { items: Row[] };
      const history = (await ask("GET", `/api/v1/issues/${encodeURIComponent(id)}/transitions?limit=100`)) as {
        items: Row[];
      };
      say({ issue, incidents: incidents.items, transitions: history.items }, () =>
        [
          `${text(issue["id"])} ${text(issue["title"])}`,
          ...table(
            [
              ["status", issue["status"]],
              ["severity", issue["severity"]],
              ["target", issue["target"]],
              ["root cause", issue["rootCause"] ?? "not known"],
              ["solution", issue["solution"] ?? "none"],
              ["self-healing", issue["selfHealing"]],
              ["occurrences", issue["occurrences"]],
              ["last seen", issue["lastSeen"]],
            ].map((row) => row.map(text)),
          ),
          "",
          ...incidents.items.map(
            (each) =>
              `${text(each["id"])} detected ${text(each["detectedAt"])} ${text(each["outcome"] ?? each["state"])}${each["repairMs"] === null ? "" : `, recovered after ${(Number(each["repairMs"]) / 1000).toFixed(1)} s`}`,
          ),
          "",
          ...history.items
            .toReversed()
            .map(
              (each) =>
                `${text(each["at"])} ${text(each["subjectId"])} ${text(each["from"] ?? "new")} -> ${text(each["to"])} (${text(each["by"])}) ${text(each["why"])}`,
            ),
        ].join("\n"),
      );
    });
  for (const verb of ["resolve", "ignore", "reopen"] as const) {
    issues
      .command(`${verb} <id> [why]`)
      .description(`${verb} an issue`)
      .action(async (id: string, why = "by hand") => act(`/api/v1/issues/${encodeURIComponent(id)}/${verb}`, { why }));
  }
  issues
    .command("snooze <id> <until> [why]")
    .description("until a time (RFC 3339)")
    .action(async (id: string, until: string, why = "by hand") =>
      act(`/api/v1/issues/${encodeURIComponent(id)}/snooze`, { until: "time", at: until, why }),
    );
  issues
    .command("assign <id> [person]")
    .description("to a person, or to nobody")
    .action(async (id: string, person?: string) =>
      act(`/api/v1/issues/${encodeURIComponent(id)}/assign`, { assignee: person ?? null }),
    );
  issues
    .command("comment <id> <text>")
    .description("add a comment")
    .action(async (id: string, comment: string) =>
      act(`/api/v1/issues/${encodeURIComponent(id)}/comments`, { text: comment }),
    );
  issues
    .command("merge <id> <into>")
    .description("fold one issue into another")
    .action(async (id: string, into: string) => act(`/api/v1/issues/${encodeURIComponent(id)}/merge`, { into }));
  issues
    .command("unmerge <id>")
    .description("let it stand for itself again, for good")
    .action(async (id: string) => act(`/api/v1/issues/${encodeURIComponent(id)}/unmerge`, {}));
}
