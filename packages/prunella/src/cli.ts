// What every command shares: options, the way to the control plane, and how answers are printed. Text from signals is
// untrusted and never reaches the terminal as it came.
import { Command } from "commander";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { dataFolder, type DataFolder } from "./folder.ts";
import { version } from "./version.ts";

export interface GlobalOptions {
  readonly data?: string;
  readonly config?: string;
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

export interface Row {
  readonly [key: string]: unknown;
}

export interface Cli {
  readonly program: Command;
  options(): GlobalOptions;
  /** The configuration in force: the named one, else prunella.yaml here, else null. */
  configuration(): string | null;
  folder(): DataFolder;
  /** A command that lists what `url` answers, one row an item. */
  list(name: string, description: string, url: string, columns: (row: Row) => readonly unknown[]): Command;
  /** Asks the control plane; throws UnreachableError when there is none, Error with its own words when it refuses. */
  ask(method: string, url: string, body?: unknown): Promise<unknown>;
  /** Orders something and prints what came of it. */
  act(url: string, body: Readonly<Record<string, unknown>>): Promise<void>;
  /** Prints a value: as JSON with --json, else as text. */
  say(value: unknown, asText: () => string): void;
}

/** Bad usage or configuration: exit status 2. */
export class UsageError extends Error {}
/** No control plane answers: exit status 3. */
export class UnreachableError extends Error {}

export function newCli(): Cli {
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

  return { program, options, configuration, folder, list, ask, act, say };
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

export function table(rows: readonly (readonly string[])[]): string[] {
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
