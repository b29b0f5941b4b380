// `kpis`, `coverage`, `report` and `slo`: how well it goes, computed from the records.
import type { Coverage, Kpis, Slo } from "@prunella/contract";
import { Option } from "commander";
import { readFileSync } from "node:fs";
import process from "node:process";
import { table, teach, text, UsageError, withQuery, type Cli } from "../cli.ts";
import { toneOf } from "../colour.ts";
import { duration } from "../config/units.ts";
import { timeOf, writeOut } from "./issues.ts";

const dayMs = 86_400_000;

export function reportCommands(cli: Cli): void {
  const { program, ask, askText, say, paint } = cli;
  teach(
    period(program.command("kpis").description("the KPIs against their targets, with counts"))
      .option("--drills", "those of drills instead of production")
      .action(async (given: Period & { drills?: boolean }) => {
        const kpis = (await ask(
          "GET",
          withQuery("/api/v1/kpis", { ...periodOf(given, dayMs), drills: given.drills }),
        )) as Kpis;
        say(kpis, () =>
          [
            `${kpis.from} to ${kpis.to}`,
            ...table(
              kpis.rows.map((row) => [
                row.name,
                row.value,
                counted(row),
                `target ${row.target}`,
                row.met === null ? paint("soft", "no data") : row.met ? paint("good", "met") : paint("bad", "missed"),
              ]),
            ),
          ].join("\n"),
        );
      }),
    [
      ["kpis", "the last 24 hours"],
      ["kpis --last 30d", "the last 30 days"],
      ["kpis --drills", "drills are counted apart"],
    ],
  );

  teach(
    program
      .command("coverage")
      .description("which failure modes were shown to be detected, prevented, repaired and monitored")
      .option("--all", "every mode, not only those with something missing")
      .action(async (given: { all?: boolean }) => {
        const coverage = (await ask("GET", "/api/v1/coverage")) as Coverage;
        say(coverage, () => coverageLines(coverage, given.all === true, cli).join("\n"));
      }),
    [
      ["coverage", "the four layers, and the modes that lack one"],
      ["coverage --all", "every known failure mode with what proves it"],
    ],
  );

  teach(
    period(
      program
        .command("report")
        .description("the status report: summary, matrix, a section per issue, layers, KPIs, next actions")
        .addOption(
          new Option("--format <format>", "of the output").choices(["markdown", "html", "json"]).default("markdown"),
        )
        .option("--compare", "beside it the period of the same length before")
        .option("--out <file>", "write it there"),
    ).action(async (given: Period & { format: string; compare?: boolean; out?: string }) => {
      const format = cli.options().json === true ? "json" : given.format;
      const body = await askText(
        withQuery("/api/v1/report", { format, ...periodOf(given, dayMs), compare: given.compare }),
      );
      writeOut(
        given.out,
        format === "json" ? `${JSON.stringify(JSON.parse(body), null, 2)}\n` : body.endsWith("\n") ? body : `${body}\n`,
      );
    }),
    [
      ["report", "Markdown, the last 24 hours"],
      ["report --last 7d --compare --format html --out week.html", "one page, to send or print"],
      ["report --from 2031-01-01 --to 2031-02-01 --format json", "a month, for programs"],
    ],
  );

  const slo = program
    .command("slo")
    .description("service level objectives: achieved, error budget left, how fast it goes");
  teach(slo, [
    ["slo", "all objectives"],
    ["slo export > slos.yaml", "as OpenSLO v1"],
    ["slo import slos.yaml", "as lines for prunella.yaml"],
  ]);
  teach(
    slo
      .command("list", { isDefault: true })
      .description("all objectives, or those of one target")
      .option("--target <target>", "of one target")
      .action(async (given: { target?: string }) => {
        const page = (await ask("GET", withQuery("/api/v1/slos", { target: given.target }))) as { items: Slo[] };
        say(page, () =>
          page.items.length === 0
            ? "no objectives: write slo: { availability: 99.9%, errors: 2%, p95: 3s } under a service"
            : table(
                page.items.map((each) => [
                  text(each.target),
                  text(each.text),
                  each.current === null ? "no data" : `${(each.current * 100).toFixed(3)} %`,
                  each.budgetLeft === null ? "" : `budget left ${(each.budgetLeft * 100).toFixed(1)} %`,
                  paint(toneOf(each.state), each.state),
                  each.burnRates
                    .filter(({ rate }) => rate !== null)
                    .map(({ windowMs, rate }) => `${windowMs / 60_000} min ${(rate ?? 0).toFixed(1)}x`)
                    .slice(0, 2)
                    .join(", "),
                ]),
              ).join("\n"),
        );
      }),
    [["slo list --target api", "of one target"]],
  );
  teach(
    slo
      .command("export")
      .description("the objectives in force as OpenSLO v1, YAML")
      .option("--out <file>", "write it there")
      .action(async (given: { out?: string }) => {
        const { openSloText } = await import("../report/openslo.ts");
        const page = (await ask("GET", "/api/v1/slos")) as { items: Slo[] };
        writeOut(given.out, openSloText(page.items));
      }),
    [["slo export --out slos.yaml", "one document per objective"]],
  );
  teach(
    slo
      .command("import <file>")
      .description("read OpenSLO v1 documents and print the slo: lines for prunella.yaml; says what it cannot take")
      .action(async (file: string) => {
        const { readOpenSlo, sloConfiguration } = await import("../report/openslo.ts");
        let body: string;
        try {
          body = readFileSync(file, "utf8");
        } catch (error) {
          throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "error"})`);
        }
        const read = readOpenSlo(body);
        for (const problem of read.problems) process.stderr.write(`prunella: ${file}: ${text(problem)}\n`);
        say(read, () => sloConfiguration(read.slos).trimEnd());
        if (read.problems.length > 0) process.exitCode = 1;
      }),
    [["slo import slos.yaml >> prunella.yaml", "then prunella check"]],
  );
}

interface Period {
  readonly last?: string;
  readonly from?: string;
  readonly to?: string;
}

function period(command: ReturnType<Cli["program"]["command"]>): ReturnType<Cli["program"]["command"]> {
  return command
    .option("--last <duration>", "the time until now: 24h (default), 7d, 30d")
    .option("--from <time>", "RFC 3339, or a day")
    .option("--to <time>", "RFC 3339, or a day; default: now");
}

export function periodOf(given: Period, defaultMs: number, now = Date.now()): { from: string; to: string } {
  if (given.last !== undefined && (given.from !== undefined || given.to !== undefined))
    throw new UsageError("name the period in one way: --last 7d, or --from and --to");
  const to = given.to === undefined ? now : Date.parse(timeOf(given.to, "--to"));
  if (given.from !== undefined) return { from: timeOf(given.from, "--from"), to: new Date(to).toISOString() };
  const lastMs = given.last === undefined ? defaultMs : duration(given.last);
  if (lastMs === null || lastMs < 1_000)
    throw new UsageError(`--last: ${given.last ?? ""} is no duration; write one such as 24h, 7d or 30d`);
  return { from: new Date(to - lastMs).toISOString(), to: new Date(to).toISOString() };
}

function counted(row: Kpis["rows"][number]): string {
  if (row.met === null || row.of <= 1 || row.name === "availability") return "";
  const interval =
    row.low === null || row.high === null ? "" : `, ${(row.low * 100).toFixed(0)}–${(row.high * 100).toFixed(0)} %`;
  return row.count === row.of && interval === "" ? `(${row.of})` : `(${row.count} of ${row.of}${interval})`;
}

function coverageLines(coverage: Coverage, all: boolean, { paint }: Cli): string[] {
  const names = ["detection", "prevention", "repair", "monitoring"] as const;
  const shown = coverage.modes.filter((mode) => all || names.some((name) => !mode.layers[name].proved));
  return [
    ...table(
      coverage.layers.map((layer) => [
        layer.name,
        layer.share === null ? "no data" : `${(layer.share * 100).toFixed(1)} %`,
        `${layer.count} of ${layer.of}${layer.low === null || layer.high === null ? "" : `, 95 % interval ${(layer.low * 100).toFixed(0)}–${(layer.high * 100).toFixed(0)} %`}`,
      ]),
    ),
    ...(shown.length === 0
      ? []
      : [
          "",
          ...table([
            ["", ...names, ""],
            ...shown.map((mode) => [
              text(mode.id),
              ...names.map((name) => {
                const proof = mode.layers[name];
                return proof.proved ? paint("good", text(proof.by)) : paint("soft", "-");
              }),
              text(mode.title),
            ]),
          ]),
        ]),
  ];
}
