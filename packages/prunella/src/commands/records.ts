// `targets` and `incidents`: what is watched, and what happened.
import type { Incident, Target } from "@prunella/contract";
import { teach, table, text, wholeNumber, withQuery, type Cli } from "../cli.ts";
import { toneOf } from "../colour.ts";

export function recordCommands(cli: Cli): void {
  const { program, ask, askList, act, say, paint } = cli;

  teach(
    program
      .command("targets")
      .description("what is watched, and how it is")
      .option("--state <state>", "only those that are: healthy, starting, failing, down, stopped, healing, …")
      .option("--group <name>", "only instances of one service")
      .option("--limit <number>", "at most this many", "500")
      .action(async (given: { state?: string; group?: string; limit: string }) => {
        const limit = wholeNumber(given.limit, "--limit", 1, 10_000);
        const { items, more } = await askList(
          withQuery("/api/v1/targets", { state: given.state, group: given.group }),
          limit,
        );
        say({ items, more }, () =>
          listed(
            "targets",
            (items as unknown as readonly Target[]).map((each) => [
              text(each.key),
              each.kind,
              paint(toneOf(each.state), each.state),
              each.pid === null ? "" : `pid ${each.pid}`,
              each.openIssues.join(" "),
            ]),
            more,
          ),
        );
      }),
    [
      ["targets", "all, by name"],
      ["targets --state failing", "what is failing now"],
      ["targets --json", "with checks and latest values"],
    ],
  );

  const incidents = program
    .command("incidents")
    .description("occurrences, newest first")
    .option("--issue <issue>", "of one issue")
    .option("--target <target>", "of one target")
    .option("--open", "only those not ended")
    .option("--from <time>", "detected at or after (RFC 3339)")
    .option("--to <time>", "detected before (RFC 3339)")
    .option("--limit <number>", "at most this many", "50")
    .action(
      async (given: { issue?: string; target?: string; open?: boolean; from?: string; to?: string; limit: string }) => {
        const { items, more } = await askList(
          withQuery("/api/v1/incidents", {
            issue: given.issue,
            target: given.target,
            from: given.from,
            to: given.to,
            state: given.open === true ? ["open", "handed-over"] : undefined,
          }),
          wholeNumber(given.limit, "--limit", 1, 10_000),
        );
        say({ items, more }, () =>
          listed(
            "incidents",
            (items as unknown as readonly Incident[]).map((each) => [
              each.id,
              each.issue,
              text(each.target),
              text(each.kind),
              paint(toneOf(each.outcome ?? each.state), each.outcome ?? each.state),
              each.detectedAt,
              each.repairMs === null ? "" : seconds(each.repairMs),
              text(each.rootCause),
            ]),
            more,
          ),
        );
      },
    );
  teach(incidents, [
    ["incidents --open", "what is going on"],
    ["incidents --target api --limit 5", "the last five of one target"],
    ["incidents show INC-12", "one of them, with its evidence"],
  ]);

  teach(
    incidents
      .command("show <incident>")
      .description("one incident: times, cause, evidence, repairs")
      .action(async (id: string) => {
        const incident = (await ask("GET", `/api/v1/incidents/${encodeURIComponent(id)}`)) as Incident;
        const repairs = (await askList(withQuery("/api/v1/repairs", { incident: id }), 100)).items;
        say({ incident, repairs }, () =>
          [
            `${paint("strong", incident.id)} ${text(incident.summary)}`,
            ...table(
              [
                ["issue", incident.issue],
                ["target", incident.target],
                ["kind", incident.kind],
                ["state", paint(toneOf(incident.outcome ?? incident.state), incident.outcome ?? incident.state)],
                ["began", `${incident.beganAt}${incident.drill ? " (drill)" : " (last seen good; at the latest)"}`],
                ["detected", `${incident.detectedAt} (after ${seconds(incident.detectionMs)})`],
                ["repair began", incident.repairStartedAt ?? "not"],
                [
                  "recovered",
                  incident.recoveredAt === null
                    ? "not"
                    : `${incident.recoveredAt} (${seconds(incident.repairMs ?? 0)} after detection, ${incident.recoveredBy ?? ""})`,
                ],
                ["root cause", text(incident.rootCause ?? "not known")],
                ["remedy", incident.remedy ?? "none"],
                ...(incident.causedBy === null ? [] : [["caused by", incident.causedBy]]),
                ...(incident.blockedBy === null ? [] : [["held back", text(incident.blockedBy)]]),
                ...(incident.escalation === null ? [] : [["person called", text(incident.escalation)]]),
                ...(incident.verdict === null ? [] : [["judged", incident.verdict]]),
              ].map((row) => row.map(String)),
            ),
            ...(incident.evidence.length === 0 ? [] : ["", paint("soft", "evidence:")]),
            ...incident.evidence.flatMap((each) => [
              `  ${each.at} ${each.what}: ${text(each.summary)}`,
              ...(each.text === null
                ? []
                : each.text
                    .split("\n")
                    .slice(0, 30)
                    .map((line) => `      ${text(line)}`)),
            ]),
            ...(repairs.length === 0 ? [] : ["", paint("soft", "repairs:")]),
            ...table(
              repairs.map((each) => [
                `  ${text(each["id"])}`,
                text(each["remedy"]),
                text(each["outcome"] ?? each["state"]),
                text(each["why"]),
              ]),
            ),
          ].join("\n"),
        );
      }),
    [["incidents show INC-12", "one incident: times, cause, evidence, repairs"]],
  );

  teach(
    incidents
      .command("judge <incident> <verdict>")
      .description("say whether it was: real, noise, or none (takes a verdict back)")
      .action(async (id: string, verdict: string) =>
        act(`/api/v1/incidents/${encodeURIComponent(id)}/verdict`, { verdict: verdict === "none" ? null : verdict }),
      ),
    [["incidents judge INC-12 noise", "it counts as a false positive from now on"]],
  );
}

export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** A table, or that there is nothing; and that there is more. */
export function listed(name: string, rows: readonly (readonly string[])[], more: boolean): string {
  if (rows.length === 0) return `no ${name}`;
  return [...table(rows), ...(more ? ["(there are more: --limit)"] : [])].join("\n");
}
