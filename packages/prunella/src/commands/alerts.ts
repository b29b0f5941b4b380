// Being told: silences, taking an issue on, and what was sent to whom.
import { InvalidInputError, parseMatchers } from "@prunella/core";
import { table, teach, text, UsageError, wholeNumber, withQuery, type Cli, type Row } from "../cli.ts";
import { duration } from "../config/units.ts";
import { listed } from "./records.ts";

export function alertCommands(cli: Cli): void {
  const { program, ask, askList, act, say } = cli;

  teach(
    program
      .command("notifications")
      .description("what was sent to whom, newest first")
      .option("--issue <issue>", "about one issue")
      .option("--limit <number>", "at most this many", "100")
      .action(async (given: { issue?: string; limit: string }) => {
        const limit = wholeNumber(given.limit, "--limit", 1, 10_000);
        const { items, more } = await askList(withQuery("/api/v1/notifications", { issue: given.issue }), limit);
        say({ items, more }, () =>
          listed(
            "notifications",
            items.map((each) =>
              [
                each["at"],
                each["receiver"],
                each["suppressedBy"] === null
                  ? each["state"]
                  : `${text(each["state"])} (${text(each["suppressedBy"])})`,
                each["status"],
                each["title"],
              ].map(text),
            ),
            more,
          ),
        );
      }),
    [
      ["notifications", "the last hundred"],
      ["notifications --issue CRIT-001", "who was told of one issue"],
    ],
  );

  const silence = program
    .command("silence [matchers...]")
    .description("tell nobody of what all matchers match; faults are still found, repaired and shown")
    .option("--for <duration>", "how long, such as 2h", "1h")
    .option("--comment <text>", "why", "")
    .action(async (matchers: string[], given: { for: string; comment: string }) => {
      if (matchers.length === 0) {
        const silences = (await ask("GET", "/api/v1/silences")) as { items: Row[] };
        say(silences, () =>
          silences.items.length === 0 ? "no silences" : table(silences.items.map(columns)).join("\n"),
        );
        return;
      }
      await act("/api/v1/silences", {
        matchers: read(matchers),
        endsAt: new Date(Date.now() + length(given.for, "--for")).toISOString(),
        comment: given.comment,
      });
    });
  silence
    .command("end <id>")
    .description("end a silence now")
    .action(async (id: string) => {
      const done = (await ask("DELETE", `/api/v1/silences/${encodeURIComponent(id)}`)) as Row;
      say(done, () => text(done["message"]));
    });

  program
    .command("acknowledge <issue> [why]")
    .alias("ack")
    .description("take an issue on: nobody else is called for it")
    .option("--for <duration>", "only for so long; then its escalation goes on")
    .action(async (issue: string, why = "", given: { for?: string } = {}) =>
      act(`/api/v1/issues/${encodeURIComponent(issue)}/acknowledge`, {
        why,
        ...(given.for === undefined ? {} : { forMs: length(given.for, "--for") }),
      }),
    );
}

function columns(silence: Row): string[] {
  const matchers = silence["matchers"] as { name: string; value: string; isRegex: boolean; isEqual: boolean }[];
  const signs = matchers.map(
    ({ name, value, isRegex, isEqual }) =>
      `${name}${isEqual ? "=" : "!"}${isRegex ? "~" : isEqual ? "" : "="}"${value}"`,
  );
  return [
    silence["id"],
    silence["state"],
    `until ${text(silence["endsAt"])}`,
    silence["createdBy"],
    signs.join(", "),
    silence["comment"],
  ].map(text);
}

function read(matchers: readonly string[]): unknown {
  try {
    return matchers.flatMap((each) => parseMatchers(each));
  } catch (error) {
    throw error instanceof InvalidInputError ? new UsageError(error.message) : error;
  }
}

function length(given: string, option: string): number {
  const ms = duration(given);
  if (ms === null || ms <= 0) throw new UsageError(`${option} ${given} cannot be read; write for example 2h or 30m`);
  return ms;
}
