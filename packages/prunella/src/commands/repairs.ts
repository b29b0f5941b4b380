// `repairs` and `remedies`: what was done, what would be done, and who allows it.
import type { Explanation, Remedy, Repair } from "@prunella/contract";
import { Option } from "commander";
import { table, teach, text, wholeNumber, withQuery, type Cli } from "../cli.ts";
import { toneOf } from "../colour.ts";
import { listed, seconds } from "./records.ts";

export function repairCommands(cli: Cli): void {
  const { program, ask, askList, act, say, paint } = cli;
  const repairs = program
    .command("repairs")
    .description("runs of remedies, newest first")
    .option("--target <target>", "of one target")
    .option("--issue <issue>", "for one issue")
    .option("--incident <incident>", "for one incident")
    .option("--remedy <remedy>", "of one remedy")
    .addOption(
      new Option("--state <state...>", "only these").choices([
        "proposed",
        "scheduled",
        "acting",
        "verifying",
        "undoing",
        "ended",
      ]),
    )
    .option("--limit <number>", "at most this many", "50")
    .action(
      async (given: {
        target?: string;
        issue?: string;
        incident?: string;
        remedy?: string;
        state?: string[];
        limit: string;
      }) => {
        const { limit, ...query } = given;
        const { items, more } = await askList(
          withQuery("/api/v1/repairs", query),
          wholeNumber(limit, "--limit", 1, 10_000),
        );
        say({ items, more }, () =>
          listed(
            "repairs",
            (items as unknown as readonly Repair[]).map((each) => [
              each.id,
              text(each.target),
              text(each.remedy),
              paint(toneOf(each.outcome ?? each.state), each.outcome ?? each.state),
              each.createdAt,
              text(each.why),
            ]),
            more,
          ),
        );
      },
    );
  teach(repairs, [
    ["repairs --state proposed", "what waits for a decision"],
    ["repairs approve REP-3", "let it run"],
    ["repairs show REP-3", "step by step"],
  ]);
  teach(
    repairs
      .command("show <repair>")
      .description("one run, step by step")
      .action(async (id: string) => {
        const repair = (await ask("GET", `/api/v1/repairs/${encodeURIComponent(id)}`)) as Repair;
        say(repair, () => repairLines(repair, cli).join("\n"));
      }),
    [["repairs show REP-3", "what was intended when, what came of it, how it was verified"]],
  );
  const what = {
    approve: "let a proposed repair run; the guards still hold",
    refuse: "say no to a proposal",
    cancel: "stop a proposal or what is scheduled; what has begun is brought to its end",
  };
  for (const verb of ["approve", "refuse", "cancel"] as const)
    teach(
      repairs
        .command(`${verb} <repair> [why]`)
        .description(what[verb])
        .action(async (id: string, why?: string) =>
          act(`/api/v1/repairs/${encodeURIComponent(id)}/${verb}`, why === undefined ? {} : { why }),
        ),
      [[`repairs ${verb} REP-3`, what[verb]]],
    );

  const remedies = program
    .command("remedies")
    .description("what may be done about what, and how that went")
    .action(async () => {
      const page = (await ask("GET", "/api/v1/remedies")) as { items: Remedy[] };
      say(page, () =>
        listed(
          "remedies",
          page.items.map((each) => [
            text(each.name),
            each.modeInForce === each.mode ? each.mode : paint("bad", `${each.modeInForce} (demoted)`),
            each.kinds.map(text).join(","),
            `${each.verified} verified`,
            `${each.failed} failed`,
            `${each.recurred} recurred`,
            each.modeInForce === each.mode ? "" : text(each.modeWhy ?? ""),
          ]),
          false,
        ),
      );
    });
  teach(remedies, [
    ["remedies", "modes, and what their runs came to"],
    ["remedies explain CRIT-001", "what would run now, and which guard would stop it"],
  ]);
  teach(
    remedies
      .command("explain <issue>")
      .description("what would run now, and which guard would stop it")
      .action(async (id: string) => {
        const answer = (await ask("GET", `/api/v1/issues/${encodeURIComponent(id)}/explain`)) as Explanation;
        say(answer, () =>
          [
            text(answer.answer),
            ...answer.plan.map((step, at) => `  ${at + 1}. ${text(step)}`),
            ...(answer.alternatives.length > 1
              ? [`also fits: ${answer.alternatives.slice(1).map(text).join(", ")}`]
              : []),
          ].join("\n"),
        );
      }),
    [["remedies explain CRIT-001", "nothing is done; the same guards are asked"]],
  );
  teach(
    remedies
      .command("promote <remedy>")
      .description("let a demoted remedy run in its configured mode again")
      .action(async (name: string) => act(`/api/v1/remedies/${encodeURIComponent(name)}/promote`, {})),
    [["remedies promote restart", "after what made it fail was mended"]],
  );
}

function repairLines(repair: Repair, { paint }: Cli): string[] {
  const state = repair.outcome ?? repair.state;
  return [
    `${paint("strong", repair.id)} ${text(repair.remedy)} on ${text(repair.target)}: ${paint(toneOf(state), state)}`,
    ...table(
      [
        ["why", text(repair.why)],
        ["issue", repair.issue ?? "none: ordered by a person"],
        ["incident", repair.incident ?? "none"],
        ["attempt", String(repair.attempt)],
        ["created", repair.createdAt],
        ["approved by", text(repair.approvedBy ?? "nobody yet")],
        ...(repair.expiresAt === null ? [] : [["expires", `${repair.expiresAt}: no answer is a no`]]),
        ...(repair.dueAt === null ? [] : [["due", repair.dueAt]]),
        ["started", repair.startedAt ?? "not"],
        ["ended", repair.endedAt ?? "not"],
        ["verified by", `${seconds(repair.verifyMs)} of health without a break`],
        ["undo", text(repair.undo ?? "cannot be undone")],
        ...(repair.recurredAt === null ? [] : [["came back", repair.recurredAt]]),
      ].map((row) => row.map(String)),
    ),
    "",
    paint("soft", repair.steps.length === 0 ? "plan:" : "steps:"),
    ...(repair.steps.length === 0
      ? repair.plan.map((step, at) => `  ${at + 1}. ${text(step)}`)
      : repair.steps.map((step, at) => {
          const took =
            step.doneAt === null ? "under way" : seconds(Date.parse(step.doneAt) - Date.parse(step.intendedAt));
          return `  ${at + 1}. ${step.undo ? "undo: " : ""}${text(step.action)}: ${paint(step.outcome === "succeeded" ? "good" : "bad", step.outcome ?? "unknown yet")} (${took})${step.detail === null ? "" : ` ${text(step.detail)}`}`;
        })),
  ];
}
