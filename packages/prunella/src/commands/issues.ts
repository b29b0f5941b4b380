// `issues`: list, show, decide, import, export.
import type { Imported, Incident, Issue, IssueDrill, Transition } from "@prunella/contract";
import { Option } from "commander";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { teach, table, text, UsageError, wholeNumber, withQuery, type Cli } from "../cli.ts";
import { toneOf } from "../colour.ts";
import { duration } from "../config/units.ts";
import { fileCharactersMax, readIssues } from "../report/index.ts";
import { ago } from "../screen/lines.ts";
import { listed, seconds } from "./records.ts";

/** Rows sent at once, so that a request stays well below the size a server takes. */
const importRowsMax = 50;

export function issueCommands(cli: Cli): void {
  const { program, ask, askList, act, say, paint } = cli;
  const path = (id: string, rest = ""): string => `/api/v1/issues/${encodeURIComponent(id)}${rest}`;
  const issues = program
    .command("issues")
    .description("issues, last seen first")
    .option("--open", "only pending and in progress")
    .addOption(
      new Option("--status <status...>", "only these").choices([
        "pending",
        "in-progress",
        "fixed",
        "ignored",
        "snoozed",
      ]),
    )
    .addOption(new Option("--severity <severity...>", "only these").choices(["critical", "medium", "low"]))
    .option("--target <target>", "of one target")
    .option("--kind <kind>", "of one kind of fault")
    .option("--search <words>", "words that all occur in id, title, target or root cause")
    .option("--needs-person", "only those that ask for a person")
    .addOption(
      new Option("--sort <by>", "order")
        .choices(["lastSeen", "firstSeen", "severity", "occurrences", "id"])
        .default("lastSeen"),
    )
    .option("--limit <number>", "at most this many", "50")
    .action(
      async (given: {
        open?: boolean;
        status?: string[];
        severity?: string[];
        target?: string;
        kind?: string;
        search?: string;
        needsPerson?: boolean;
        sort: string;
        limit: string;
      }) => {
        const { items, more } = await askList(
          withQuery("/api/v1/issues", {
            status: given.open === true ? ["pending", "in-progress"] : given.status,
            severity: given.severity,
            target: given.target,
            kind: given.kind,
            text: given.search,
            needsPerson: given.needsPerson,
            sort: given.sort,
            descending: given.sort === "id" ? false : undefined,
          }),
          wholeNumber(given.limit, "--limit", 1, 10_000),
        );
        say({ items, more }, () =>
          listed(
            "issues",
            (items as unknown as readonly Issue[]).map((each) => [
              each.id,
              paint(toneOf(each.severity), each.severity),
              `${paint(toneOf(each.status), each.status)}${each.regressed ? " (came back)" : ""}`,
              each.selfHealing,
              text(each.origin === "imported" ? "(imported)" : each.target),
              `${each.occurrences}x`,
              text(each.title),
            ]),
            more,
          ),
        );
      },
    );
  teach(issues, [
    ["issues --open --severity critical", "what is bad and not fixed"],
    ['issues --search "timeout api"', "by words"],
    ["issues --needs-person", "what waits for me"],
    ["issues snooze MED-002 --for 2h", "not now"],
    ["issues import report.md", "another report's issues, as claims"],
  ]);

  teach(
    issues
      .command("show <issue>")
      .description("one issue with its incidents, history and comments")
      .action(async (id: string) => {
        const issue = (await ask("GET", path(id))) as Issue;
        const incidents = (await askList(path(id, "/incidents"), 20)).items as unknown as readonly Incident[];
        const history = (await askList(path(id, "/transitions"), 100)).items as unknown as readonly Transition[];
        const comments = (await ask("GET", path(id, "/comments"))) as {
          items: { at: string; by: string; text: string }[];
        };
        const drills = ((await ask("GET", path(id, "/drills"))) as { items: readonly IssueDrill[] }).items;
        say({ issue, incidents, drills, transitions: history, comments: comments.items }, () =>
          [
            `${paint("strong", issue.id)} ${text(issue.title)}`,
            ...table(
              [
                ["status", `${paint(toneOf(issue.status), issue.status)}${issue.regressed ? " (came back)" : ""}`],
                ["severity", paint(toneOf(issue.severity), issue.severity)],
                ["target", text(issue.origin === "imported" ? "none: imported, a claim" : issue.target)],
                ["root cause", text(issue.rootCause ?? "not known")],
                ["solution", text(issue.solution ?? "none")],
                ["self-healing", issue.selfHealing],
                ["occurrences", String(issue.occurrences)],
                ["last seen", issue.lastSeen],
                ...(issue.needsPerson === null ? [] : [["needs you", paint("bad", text(issue.needsPerson))]]),
                ...(issue.snoozedUntil === null ? [] : [["snoozed until", text(issue.snoozedUntil)]]),
                ...(issue.assignee === null ? [] : [["assigned to", text(issue.assignee)]]),
                ...(issue.mergedInto === null ? [] : [["merged into", issue.mergedInto]]),
              ].map((row) => row.map(String)),
            ),
            ...(incidents.length === 0 ? [] : ["", paint("soft", "incidents:")]),
            ...incidents.map(
              (each) =>
                `  ${each.id} detected ${each.detectedAt} ${paint(toneOf(each.outcome ?? each.state), each.outcome ?? each.state)}${each.repairMs === null ? "" : `, recovered after ${seconds(each.repairMs)}`}`,
            ),
            ...(drills.length === 0 ? [] : ["", paint("soft", "drills:")]),
            ...drills.map(
              (each) =>
                `  ${text(each.drill)} ${paint(each.state === "passed" && !each.stale ? "good" : "bad", each.state === "none" ? "not run yet" : each.state)}${each.ageMs === null ? "" : ` ${ago(each.ageMs)}${each.ageMs < 1_000 ? "" : " ago"}`}${each.stale && each.state === "passed" ? ", too long ago to prove anything" : ""}${each.remedies.length === 0 ? "" : `, proves ${text(each.remedies.join(", "))}`}: ${text(each.summary)}`,
            ),
            ...(comments.items.length === 0 ? [] : ["", paint("soft", "comments:")]),
            ...comments.items.map((each) => `  ${each.at} ${text(each.by)}: ${text(each.text)}`),
            "",
            paint("soft", "history:"),
            ...history
              .toReversed()
              .map(
                (each) =>
                  `  ${each.at} ${text(each.subjectId)} ${text(each.from ?? "new")} -> ${text(each.to)} (${text(each.by)}) ${text(each.why)}`,
              ),
          ].join("\n"),
        );
      }),
    [["issues show CRIT-001", "the whole story, from first sight to verified"]],
  );

  const what = {
    resolve: "call it fixed; if the fault is still seen it comes back as regressed",
    ignore: "page nobody for it; repairs go on by their own rules",
    reopen: "take it up again",
  };
  for (const verb of ["resolve", "ignore", "reopen"] as const)
    teach(
      issues
        .command(`${verb} <issue> [why]`)
        .description(what[verb])
        .action(async (id: string, why = "by hand") => act(path(id, `/${verb}`), { why })),
      [[`issues ${verb} CRIT-001 "why"`, what[verb]]],
    );

  teach(
    issues
      .command("snooze <issue> [until] [why]")
      .description("let it sleep: until a time, for a while, until so many more, or until it gets worse")
      .option("--for <duration>", "such as 30m, 2h, 3d")
      .option("--until <time>", "RFC 3339")
      .option("--occurrences <number>", "until it has been seen so many more times")
      .option("--worse", "until its severity rises, or it comes twice as often")
      .action(
        async (
          id: string,
          until: string | undefined,
          why = "by hand",
          given: { for?: string; until?: string; occurrences?: string; worse?: boolean } = {},
        ) => act(path(id, "/snooze"), { ...snoozeOf(until, given), why }),
      ),
    [
      ["issues snooze MED-002 2h", "for two hours"],
      ["issues snooze MED-002 --until 2031-01-01T08:00:00Z", "until a time"],
      ["issues snooze MED-002 --occurrences 10", "until it has been seen ten more times"],
      ["issues snooze MED-002 --worse", "until it gets worse"],
    ],
  );
  teach(
    issues
      .command("assign <issue> [person]")
      .description("to a person, or to nobody")
      .action(async (id: string, person?: string) => act(path(id, "/assign"), { assignee: person ?? null })),
    [["issues assign CRIT-001 anna", "it is Anna's, and no longer asks for a person"]],
  );
  teach(
    issues
      .command("comment <issue> <text>")
      .description("add a comment")
      .action(async (id: string, comment: string) => act(path(id, "/comments"), { text: comment })),
    [['issues comment CRIT-001 "the new driver leaks"', "kept with the issue"]],
  );
  teach(
    issues
      .command("merge <issue> <into>")
      .description("fold one issue into another")
      .action(async (id: string, into: string) => act(path(id, "/merge"), { into })),
    [["issues merge MED-004 MED-002", "further occurrences of MED-004 count on MED-002"]],
  );
  teach(
    issues
      .command("unmerge <issue>")
      .description("let it stand for itself again, for good")
      .action(async (id: string) => act(path(id, "/unmerge"), {})),
    [["issues unmerge MED-004", "it stands for itself again"]],
  );

  teach(
    issues
      .command("import <file>")
      .description(
        "file the issues of a report in Markdown (or of an export in JSON) as claims; says what it took of each row",
      )
      .option("--dry-run", "say what would be taken, and file nothing")
      .action(async (file: string, given: { dryRun?: boolean }) => importFile(cli, file, given.dryRun === true)),
    [
      ["issues import status-report.md", "encoding damage is mended; ids stay as they are"],
      ["issues import status-report.md --dry-run", "say it, file nothing"],
    ],
  );
  teach(
    issues
      .command("export")
      .description("all issues in the form that import takes")
      .addOption(new Option("--format <format>", "of the output").choices(["markdown", "json"]).default("markdown"))
      .option("--out <file>", "write it there")
      .action(async (given: { format: "markdown" | "json"; out?: string }) => {
        const format = cli.options().json === true ? "json" : given.format;
        const body = await cli.askText(withQuery("/api/v1/issues/export", { format }));
        writeOut(given.out, body.endsWith("\n") ? body : `${body}\n`);
      }),
    [
      ["issues export > issues.md", "a document that can be imported again"],
      ["issues export --format json --out issues.json", "the same for programs"],
    ],
  );
}

/** To a file, or to the output. */
export function writeOut(file: string | undefined, body: string): void {
  if (file === undefined || file === "-") process.stdout.write(body);
  else {
    try {
      writeFileSync(file, body);
    } catch (error) {
      throw new UsageError(`--out: ${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? "error"})`);
    }
    process.stderr.write(`prunella: wrote ${file}\n`);
  }
}

/** Exactly one of the ways to say until when. */
export function snoozeOf(
  until: string | undefined,
  given: { readonly for?: string; readonly until?: string; readonly occurrences?: string; readonly worse?: boolean },
): Record<string, unknown> {
  const forms: Record<string, unknown>[] = [];
  if (until !== undefined)
    forms.push(duration(until) === null ? { until: timeOf(until, "until") } : { forMs: duration(until) });
  if (given.for !== undefined) {
    const forMs = duration(given.for);
    if (forMs === null) throw new UsageError(`--for: ${given.for} is no duration; write one such as 30m, 2h or 3d`);
    forms.push({ forMs });
  }
  if (given.until !== undefined) forms.push({ until: timeOf(given.until, "--until") });
  if (given.occurrences !== undefined)
    forms.push({ occurrences: wholeNumber(given.occurrences, "--occurrences", 1, 1_000_000) });
  if (given.worse === true) forms.push({ worse: true });
  const [only, ...others] = forms;
  if (only === undefined || others.length > 0)
    throw new UsageError("say until when in one way: a time or duration, --for, --until, --occurrences or --worse");
  return only;
}

export function timeOf(value: string, name: string): string {
  const at = Date.parse(value);
  if (Number.isNaN(at) || !/\d{4}-\d\d-\d\d/.test(value))
    throw new UsageError(`${name}: ${value} is no time; write one such as 2031-01-31T08:00:00Z`);
  return new Date(at).toISOString();
}

async function importFile(cli: Cli, file: string, dryRun: boolean): Promise<void> {
  let body: string;
  try {
    body = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "error"}); name a report`);
  }
  if (body.length > fileCharactersMax)
    throw new UsageError(`${file} holds ${body.length} characters, more than ${fileCharactersMax}; split it`);
  const read = readFile(file, body);
  const claims = read.rows.flatMap((row) => (row.claim === null ? [] : [row.claim]));
  const results = new Map<string, Imported["rows"][number]>();
  if (!dryRun)
    for (let at = 0; at < claims.length; at += importRowsMax) {
      const answer = (await cli.ask("POST", "/api/v1/issues/import", {
        issues: claims.slice(at, at + importRowsMax),
      })) as Imported;
      for (const row of answer.rows) results.set(row.id, row);
    }
  const rows = read.rows.map((row) => {
    const result = row.claim === null ? undefined : results.get(row.id);
    const taken = row.claim === null ? "refused" : dryRun ? "readable" : (result?.taken ?? "refused");
    const why = [...row.notes, ...(result === undefined ? [] : [result.why])];
    return { line: row.line, id: row.id, taken, why };
  });
  const count = rows.filter(({ taken }) => taken !== "refused").length;
  cli.say({ file, mended: read.mended, rows, left: read.left }, () =>
    [
      ...(read.mended > 0
        ? [`${read.mended} places of damaged encoding (UTF-8 read as Windows-1252) were mended`]
        : []),
      ...table(
        rows.map((row) => [
          `line ${row.line}`,
          text(row.id),
          cli.paint(row.taken === "refused" ? "bad" : "good", row.taken),
          text(row.why.join("; ")),
        ]),
      ),
      ...read.left.map((part) => `line ${part.line}: "${text(part.heading)}" left: ${part.why}`),
      `${count} of ${rows.length} rows ${dryRun ? "could be taken" : "are on file as claims"}`,
    ].join("\n"),
  );
  if (rows.length === 0 || count < rows.length) process.exitCode = 1;
}

function readFile(file: string, body: string): ReturnType<typeof readIssues> {
  if (!/^\s*\{/.test(body)) return readIssues(body);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new UsageError(
      `${file} begins like JSON and is none (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  const { issues } = value as { issues?: unknown };
  if (!Array.isArray(issues))
    throw new UsageError(`${file}: has no list "issues"; take a file that issues export made`);
  return {
    mended: 0,
    left: [],
    rows: issues.map((issue: { id?: unknown }, at) => ({
      line: at + 1,
      id: (typeof issue.id === "string" ? issue.id : "").slice(0, 80),
      claim: issue as unknown as NonNullable<ReturnType<typeof readIssues>["rows"][number]["claim"]>,
      notes: [],
    })),
  };
}
