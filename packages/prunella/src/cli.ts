// What every command shares: options, the way to the control plane (or, when none runs, straight to the records), and how
// answers are printed. Text from signals is untrusted and never reaches the terminal as it came.
import { Command, Option } from "commander";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { paintFor, type Paint } from "./colour.ts";
import { dataFolder, type DataFolder } from "./folder.ts";
import type { Offline } from "./offline.ts";
import { version } from "./version.ts";

export interface GlobalOptions {
  readonly data?: string;
  readonly config?: string;
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly color?: "auto" | "always" | "never" | false;
}

export interface Row {
  readonly [key: string]: unknown;
}

export interface Page {
  readonly items: readonly Row[];
  readonly next: string | null;
}

export interface Cli {
  readonly program: Command;
  options(): GlobalOptions;
  /** The configuration in force: the named one, else prunella.yaml here, else null. */
  configuration(): string | null;
  folder(): DataFolder;
  /** Colours, when the output is a terminal that wants them. */
  readonly paint: Paint;
  /**
   * Asks the control plane. What only reads is answered from the data folder when none runs. Throws UnreachableError when
   * neither can answer, Error with its own words when it refuses.
   */
  ask(method: string, url: string, body?: unknown): Promise<unknown>;
  /** The same for an answer that is text. */
  askText(url: string): Promise<string>;
  /** Items of a list, page by page, at most `limit`; `more` when there are further ones. */
  askList(url: string, limit: number): Promise<{ readonly items: readonly Row[]; readonly more: boolean }>;
  /** Address and headers of the control plane, for requests that stay open. Throws UnreachableError when none runs. */
  connection(): { readonly base: string; readonly headers: Readonly<Record<string, string>> };
  /** Orders something and prints what came of it. */
  act(url: string, body: Readonly<Record<string, unknown>>, method?: "POST" | "DELETE"): Promise<void>;
  /** Prints a value: as JSON with --json, else as text. */
  say(value: unknown, asText: () => string): void;
  /** Ends what was opened for reading. */
  close(): Promise<void>;
}

/** Bad usage or configuration: exit status 2. */
export class UsageError extends Error {}
/** No control plane answers: exit status 3. */
export class UnreachableError extends Error {}

/** Longest wait for an answer, ms. */
const answerMsMax = 30_000;

export function newCli(): Cli {
  const program = new Command("prunella")
    .description("Watches services, finds faults, files, diagnoses and repairs them, and proves that the repair held.")
    .version(version)
    .option("--data <dir>", "data folder (default: .prunella beside the configuration, else the user's state folder)")
    .option("-c, --config <file>", "configuration (default: prunella.yaml here, if there is one)")
    .option("--url <url>", "address of the control plane (default: the one of the data folder)")
    .option("--token <file>", "file with the API's token")
    .option("--json", "print what the API says, as JSON")
    .addOption(
      new Option("--color <when>", "colours: auto (on a terminal, unless NO_COLOR is set), always, never").choices([
        "auto",
        "always",
        "never",
      ]),
    )
    .option("--no-color", "no colours")
    .exitOverride()
    .showHelpAfterError("(see prunella --help)");
  teach(
    program,
    [
      ["run -- node server.js", "watch and heal one process, no configuration"],
      ["up -c prunella.yaml", "run the whole file"],
      ["status", "is everything all right, what is being healed, what needs me"],
      ["top", "the same, live"],
      ["issues show CRIT-001", "one issue with its incidents"],
      ["remedies explain CRIT-001", "what would run now, and which guard would stop it"],
      ['pause "we are deploying"', "stop all new repairs at once"],
      ["report --last 7d --format html --out week.html", "the status report, computed from the records"],
      ["completion bash >> ~/.bashrc", "complete commands and ids with the Tab key"],
    ],
    `
Exit status:
  0  fine                                  2  bad usage or configuration
  1  it failed, or status says that        3  no control plane answers, and it takes one
     something needs a person

Reading works without a control plane, straight from the data folder. Environment: PRUNELLA_DATA (data folder), NO_COLOR.`,
  );

  const options = (): GlobalOptions => program.opts<GlobalOptions>();
  let offline: Promise<Offline> | null = null;

  function configuration(): string | null {
    const named = options().config;
    if (named !== undefined) return path.resolve(named);
    return existsSync("prunella.yaml") ? path.resolve("prunella.yaml") : null;
  }

  function folder(): DataFolder {
    return dataFolder(options().data ?? null, configuration());
  }

  async function askList(url: string, limit: number): Promise<{ items: readonly Row[]; more: boolean }> {
    const items: Row[] = [];
    let next: string | null = null;
    do {
      const size = Math.min(500, limit - items.length);
      const page = (await ask("GET", withQuery(url, { limit: size, after: next }))) as Page;
      items.push(...page.items);
      next = page.next;
    } while (next !== null && items.length < limit);
    return { items, more: next !== null };
  }

  async function act(
    url: string,
    body: Readonly<Record<string, unknown>>,
    method: "POST" | "DELETE" = "POST",
  ): Promise<void> {
    const done = (await ask(method, url, method === "DELETE" ? undefined : body)) as Row;
    say(done, () => text(done["message"] ?? "done"));
  }

  async function ask(method: string, url: string, body?: unknown): Promise<unknown> {
    const answer = await send(method, url, body, "application/json");
    let value: unknown = null;
    try {
      value = JSON.parse(answer.body);
    } catch {
      // An answer that is no JSON is told by its status.
    }
    if (answer.ok) return value;
    throw refusal(value, answer.status);
  }

  async function askText(url: string): Promise<string> {
    const answer = await send("GET", url, undefined, "*/*");
    if (answer.ok) return answer.body;
    let value: unknown = null;
    try {
      value = JSON.parse(answer.body);
    } catch {
      // As above.
    }
    throw refusal(value, answer.status);
  }

  async function send(
    method: string,
    url: string,
    body: unknown,
    accept: string,
  ): Promise<{ ok: boolean; status: number; body: string }> {
    let reached: ReturnType<typeof connection>;
    try {
      reached = connection();
    } catch (error) {
      if (method !== "GET" || !(error instanceof UnreachableError)) throw error;
      return (await records(error.message)).get(url);
    }
    const headers: Record<string, string> = { ...reached.headers, accept };
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      const response = await fetch(new URL(url, reached.base), {
        method,
        headers,
        signal: AbortSignal.timeout(answerMsMax),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { ok: response.ok, status: response.status, body: await response.text() };
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const why = `the control plane at ${reached.base} does not answer (${cause instanceof Error ? cause.message : String(cause)})`;
      if (method !== "GET" || options().url !== undefined) throw new UnreachableError(why);
      return (await records(why)).get(url);
    }
  }

  /** The records of the data folder; said once, on the error output, so that nobody takes old for new. */
  function records(why: string): Promise<Offline> {
    offline ??= (async () => {
      const place = folder();
      if (!existsSync(place.database)) throw new UnreachableError(why);
      const { openOffline } = await import("./offline.ts");
      const opened = await openOffline(place);
      process.stderr.write(`prunella: no control plane runs; these are the records of ${place.path}\n`);
      return opened;
    })();
    return offline;
  }

  function connection(): { base: string; headers: Record<string, string> } {
    const place = folder();
    const base = options().url ?? found(place);
    const headers: Record<string, string> = { "x-prunella-user": process.env["USER"] ?? "local" };
    const token = options().token ?? (existsSync(place.token) ? place.token : undefined);
    if (token !== undefined) headers["authorization"] = `Bearer ${readFileSync(token, "utf8").trim()}`;
    return { base, headers };
  }

  function found(place: DataFolder): string {
    if (!existsSync(place.control))
      throw new UnreachableError(
        `no control plane runs on ${place.path}; start one with prunella up, or name it with --data DIR or --url URL`,
      );
    return (JSON.parse(readFileSync(place.control, "utf8")) as { url: string }).url;
  }

  function say(value: unknown, asText: () => string): void {
    process.stdout.write(`${options().json === true ? JSON.stringify(value) : asText()}\n`);
  }

  return {
    program,
    options,
    configuration,
    folder,
    paint: paintFor(
      () => options().color,
      () => process.stdout,
    ),
    ask,
    askText,
    askList,
    connection,
    act,
    say,
    async close() {
      await offline?.then(
        (opened) => opened.close(),
        () => undefined,
      );
    },
  };
}

function refusal(answer: unknown, status: number): Error {
  const problem = (answer ?? {}) as { title?: string; detail?: string };
  return new Error(problem.detail ?? problem.title ?? `the control plane answered ${status}`);
}

/** Adds what is given to a URL's query; undefined and null are left out, lists become one entry each. */
export function withQuery(
  url: string,
  query: Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>,
): string {
  const [place = "", known = ""] = url.split("?");
  const parameters = new URLSearchParams(known);
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    for (const each of Array.isArray(value) ? (value as readonly string[]) : [String(value)])
      parameters.append(name, each);
  }
  const search = parameters.toString();
  return search === "" ? place : `${place}?${search}`;
}

/** Examples at the end of a command's help: what to type after "prunella", and what it does. */
export function teach(command: Command, examples: readonly (readonly [string, string])[], more = ""): Command {
  const width = Math.max(...examples.map(([example]) => example.length));
  return command.addHelpText(
    "after",
    `\nExamples:\n${examples.map(([example, what]) => `  prunella ${example.padEnd(width)}  ${what}`).join("\n")}${more === "" ? "" : `\n${more}`}`,
  );
}

/** A number of an option, checked: names the option, the rule and the remedy. */
export function wholeNumber(value: string, name: string, min: number, max: number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw new UsageError(`${name}: ${JSON.stringify(value)} is no whole number from ${min} to ${max}; write one`);
}

/** Text from signals is untrusted: control characters never reach the terminal. */
export function text(value: unknown): string {
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

/** Columns as wide as their widest cell, at most 60; the last one as wide as it is. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.min(60, Math.max(...rows.map((row) => bare(row[column] ?? "").length))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - bare(cell).length)),
      )
      .join("  ")
      .trimEnd(),
  );
}

/** Without the colours that paint put in. */
export function bare(painted: string): string {
  return painted.replaceAll(/\u001b\[[0-9;]*m/g, "");
}
