// The command line. Commands that start something (run, up) load the agent and little else; all others ask the control
// plane over its HTTP API and print what it says, as text or, with --json, as it came.
// Exit status: 0 fine; 1 failed, or (status) something needs a person; 2 bad usage or configuration; 3 no control plane.
import { Command, CommanderError, Option } from "commander";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { dataFolder, type DataFolder } from "./folder.ts";
import { version } from "./version.ts";

interface GlobalOptions {
  readonly data?: string;
  readonly config?: string;
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

const program = new Command("prunella")
  .description("Watches services, finds faults, files, diagnoses and repairs them, and proves that the repair held.")
  .version(version)
  .option("--data <dir>", "data folder (default: .prunella beside the configuration, else the user's state folder)")
  .option("-c, --config <file>", "configuration (default: prunella.yaml here, if there is one)")
  .option("--url <url>", "address of the control plane (default: the one of the data folder)")
  .option("--token <file>", "file with the API's token")
  .option("--json", "print what the API says, as JSON")
  .exitOverride()
  .showHelpAfterError("(see prunella --help)")
  .addHelpText(
    "after",
    `
Examples:
  prunella run -- node server.js          watch and heal one process, no configuration
  prunella up -c prunella.yaml            run the whole file
  prunella status                         is everything all right, what is being healed, what needs me
  prunella issues show CRIT-001           one issue with its incidents
  prunella remedies explain CRIT-001      what would run now, and which guard would stop it
  prunella pause "we are deploying"       stop all new repairs at once`,
  );

const options = (): GlobalOptions => program.opts<GlobalOptions>();

function configuration(): string | null {
  const named = options().config;
  if (named !== undefined) return path.resolve(named);
  return existsSync("prunella.yaml") ? path.resolve("prunella.yaml") : null;
}

function folder(): DataFolder {
  return dataFolder(options().data ?? null, configuration());
}

program
  .command("run")
  .description("watch and heal one command, with no configuration")
  .option("--name <name>", "name of the service", "service")
  .option("--check <url>", "http or tcp URL that must answer")
  .addOption(new Option("--port <port>", "port of Prunella's API").default("7410"))
  .option("--host <host>", "address of Prunella's API", "127.0.0.1")
  .argument("<command...>", "the command, after --")
  .action(async (command: string[], given: { name: string; check?: string; port: string; host: string }) => {
    const { up } = await import("./up.ts");
    const planArguments = [
      "--name",
      given.name,
      "--host",
      given.host,
      "--port",
      given.port,
      ...(given.check === undefined ? [] : ["--check", given.check]),
      "--",
      ...command,
    ];
    process.exitCode = await up({ folder: dataFolder(options().data ?? null, null), planArguments, quiet: false });
  });

program
  .command("up")
  .description("run what the configuration says, and heal it")
  .option("-q, --quiet", "say only what is wrong")
  .action(async (given: { quiet?: boolean }) => {
    const file = configuration();
    if (file === null)
      throw new UsageError("there is no prunella.yaml here; name one with -c FILE, or use prunella run -- CMD");
    const { up } = await import("./up.ts");
    process.exitCode = await up({
      folder: dataFolder(options().data ?? null, file),
      planArguments: ["--file", file],
      quiet: given.quiet === true,
    });
  });

program
  .command("plan", { hidden: true })
  .option("--file <file>")
  .option("--name <name>", "", "service")
  .option("--check <url>")
  .option("--host <host>", "", "127.0.0.1")
  .option("--port <port>", "", "7410")
  .argument("[command...]")
  .action(
    async (command: string[], given: { file?: string; name: string; check?: string; host: string; port: string }) => {
      const plan = await makePlan(command, given);
      if (plan !== null) process.stdout.write(JSON.stringify(plan));
    },
  );

async function makePlan(
  command: readonly string[],
  given: {
    readonly file?: string;
    readonly name: string;
    readonly check?: string;
    readonly host: string;
    readonly port: string;
  },
): Promise<unknown> {
  const { compile, describeProblems, planOfCommand } = await import("./config/compile.ts");
  const file = given.file ?? "(command line)";
  let compiled;
  if (given.file === undefined) {
    compiled = planOfCommand({
      argv: command,
      name: given.name,
      check: given.check ?? null,
      http: { host: given.host, port: Number(given.port) },
      folder: process.cwd(),
    });
  } else {
    try {
      compiled = compile(readFileSync(given.file, "utf8"), given.file);
    } catch (error) {
      throw new UsageError(
        `${given.file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}); name the configuration with -c FILE`,
      );
    }
  }
  if (compiled.ok) return compiled.plan;
  process.stderr.write(`${describeProblems(compiled.problems, file)}\n`);
  process.exitCode = 2;
  return null;
}

program
  .command("check")
  .description("check the configuration: line, field, rule, remedy")
  .action(async () => {
    const file = configuration();
    if (file === null) throw new UsageError("there is no prunella.yaml here; name one with -c FILE");
    const plan = (await makePlan([], { file, name: "", host: "", port: "0" })) as {
      targets: unknown[];
      remedies: unknown[];
    } | null;
    if (plan !== null)
      say(plan, () => `${file} is fine: ${plan.targets.length} targets, ${plan.remedies.length} remedies`);
  });

program
  .command("down")
  .description("stop the services and Prunella of this data folder, also those a dead agent left behind")
  .action(async () => {
    const { down } = await import("./down.ts");
    process.exitCode = await down(folder());
  });

interface Row {
  readonly [key: string]: unknown;
}

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

list("targets", "what is watched, and how it is", "/api/v1/targets?limit=500", (each) => [
  each["key"],
  each["kind"],
  each["state"],
  each["pid"] ?? "",
]);

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

list("incidents", "occurrences, newest first", "/api/v1/incidents?limit=100", (each) => [
  each["id"],
  each["issue"],
  each["target"],
  each["kind"],
  each["outcome"] ?? each["state"],
  each["detectedAt"],
  each["repairMs"] === null ? "" : `${(Number(each["repairMs"]) / 1000).toFixed(1)} s`,
  each["rootCause"] ?? "",
]);

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

for (const action of ["restart", "start", "stop"] as const) {
  program
    .command(`${action} <target> [why]`)
    .description(`${action} a service by hand; journaled and verified like any repair`)
    .action(async (target: string, why = "by hand") =>
      act(`/api/v1/targets/${encodeURIComponent(target)}/actions`, { action, why }),
    );
}
program
  .command("pause [why]")
  .description("stop all new repairs at once")
  .option("--target <target>", "of one target only")
  .action(async (why = "by hand", given: { target?: string } = {}) =>
    act("/api/v1/pause", { why, target: given.target ?? null }),
  );
program
  .command("resume")
  .description("let repairs go on")
  .option("--target <target>", "of one target only")
  .action(async (given: { target?: string }) => act("/api/v1/resume", { target: given.target ?? null }));

program
  .command("logs <target>")
  .description("last lines of a service's output")
  .option("-n <lines>", "how many", "50")
  .option("--contains <text>", "only lines that contain this")
  .action(async (target: string, given: { n: string; contains?: string }) => {
    const answer = (await ask(
      "GET",
      `/api/v1/targets/${encodeURIComponent(target)}/logs?lines=${encodeURIComponent(given.n)}${given.contains === undefined ? "" : `&contains=${encodeURIComponent(given.contains)}`}`,
    )) as { items?: Row[]; lines?: Row[] };
    say(answer, () => (answer.items ?? answer.lines ?? []).map((each) => text(each["text"])).join("\n"));
  });

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

class UsageError extends Error {}
class UnreachableError extends Error {}

function list(name: string, description: string, url: string, columns: (row: Row) => readonly unknown[]): Command {
  return program
    .command(name)
    .description(description)
    .action(async () => {
      const page = (await ask("GET", url)) as { items: Row[] };
      say(page, () =>
        page.items.length === 0 ? `no ${name}` : table(page.items.map((row) => columns(row).map(text))).join("\n"),
      );
    });
}

async function act(url: string, body: Readonly<Record<string, unknown>>): Promise<void> {
  const done = (await ask("POST", url, body)) as Row;
  say(done, () => text(done["message"] ?? "done"));
}

async function ask(method: string, url: string, body?: unknown): Promise<unknown> {
  const base = options().url ?? found();
  const headers: Record<string, string> = {
    accept: "application/json",
    "x-prunella-user": process.env["USER"] ?? "local",
  };
  const token = options().token ?? (existsSync(folder().token) ? folder().token : undefined);
  if (token !== undefined) headers["authorization"] = `Bearer ${readFileSync(token, "utf8").trim()}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(url, base), {
      method,
      headers,
      signal: AbortSignal.timeout(15_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new UnreachableError(
      `the control plane at ${base} does not answer (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer;
  const problem = (answer ?? {}) as { title?: string; detail?: string };
  throw new Error(problem.detail ?? problem.title ?? `the control plane answered ${response.status}`);
}

function found(): string {
  const place = folder();
  if (!existsSync(place.control))
    throw new UnreachableError(
      `no control plane runs on ${place.path}; start one with prunella up, or name it with --data DIR or --url URL`,
    );
  return (JSON.parse(readFileSync(place.control, "utf8")) as { url: string }).url;
}

function say(value: unknown, asText: () => string): void {
  process.stdout.write(`${options().json === true ? JSON.stringify(value) : asText()}\n`);
}

/** Text from signals is untrusted: control characters never reach the terminal. */
function text(value: unknown): string {
  const plain =
    typeof value === "string"
      ? value
      : value === null || value === undefined
        ? ""
        : typeof value === "object"
          ? JSON.stringify(value)
          : String(value as number | boolean);
  return plain.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.min(60, Math.max(...rows.map((row) => (row[column] ?? "").length))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`prunella: ${text(error instanceof Error ? error.message : String(error))}\n`);
    process.exitCode = error instanceof UsageError ? 2 : error instanceof UnreachableError ? 3 : 1;
  }
}
