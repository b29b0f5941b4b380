// `drill`: the catalogue's drills and users' own experiments. A drill needs no control plane: it starts its own. `inject`:
// one fault against a target of one's own, undone at the end of its time or on Ctrl-C.
import type { ControlApi } from "@prunella/catalogue";
import { InvalidInputError, type DrillRun, type Json } from "@prunella/core";
import type { Plan } from "@prunella/adapters";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { table, text, UnreachableError, UsageError, type Cli } from "../cli.ts";

interface Given {
  readonly all?: boolean;
  readonly runs: string;
  readonly withoutHealing?: boolean;
  readonly keep?: boolean;
  readonly journals?: string;
  readonly report?: string;
  readonly id?: string;
}

const entry = path.join(import.meta.dirname, "..", "..", "bin", "prunella.mjs");

export function drillCommands(cli: Cli): void {
  const { program, say, options } = cli;
  const drill = program
    .command("drill")
    .description("break real programs on purpose and watch the healing; without an id: list the drills")
    .argument("[ids...]", "rows of the catalogue, such as CRIT-001")
    .option("--all", "all 21")
    .option("--runs <n>", "how often each", "1")
    .option("--without-healing", "guards and remedies off: every drill must then fail")
    .option("--report <file>", "write a report: .md for people, .json for programs")
    .option("--journals <dir>", "write the journal of each run there, in Chaos Toolkit's format")
    .option("--keep", "keep the scratch folders")
    .option("--id <id>", "id of the run (the control plane gives one)")
    .action(async (ids: string[], given: Given) => {
      const { drillExperiment, failureModes, runDrill } = await import("@prunella/catalogue");
      if (ids.length === 0 && given.all !== true) {
        say(failureModes, () => table(failureModes.map((mode) => [mode.id, mode.severity, mode.title])).join("\n"));
        return;
      }
      const wanted = given.all === true ? failureModes.map((mode) => mode.id) : ids.map((id) => id.toUpperCase());
      for (const id of wanted)
        if (!failureModes.some((mode) => mode.id === id))
          throw new UsageError(`${id}: no drill of the catalogue is called so; prunella drill lists them`);
      const runs = Number(given.runs);
      if (!Number.isInteger(runs) || runs < 1 || runs > 100)
        throw new UsageError(`--runs: must be a whole number from 1 to 100, not ${given.runs}`);
      const signal = interrupted();
      const done: DrillRun[] = [];
      const cache = mkdtempSync(path.join(tmpdir(), "prunella-drill-code-"));
      try {
        for (let round = 0; round < runs; round += 1)
          for (const id of wanted) {
            if (signal.aborted) break;
            const { run, journal } = await runDrill(drillExperiment(id), {
              entry,
              withoutHealing: given.withoutHealing === true,
              keep: given.keep === true,
              cache,
              signal,
              ...(given.id === undefined ? {} : { id: given.id }),
            });
            done.push(run);
            if (given.journals !== undefined && journal !== null) {
              mkdirSync(given.journals, { recursive: true });
              writeFileSync(path.join(given.journals, `${run.drill}-${run.id}.json`), JSON.stringify(journal, null, 2));
            }
            if (options().json !== true) process.stdout.write(`${inWords(run)}\n`);
          }
      } finally {
        rmSync(cache, { recursive: true, force: true });
      }
      await finish(cli, done, given);
    });

  drill
    .command("run <file>")
    .description(
      "run a Chaos Toolkit experiment (JSON) against the running control plane's targets, or in its own world",
    )
    .option("--journal <file>", "where the journal goes", "journal.json")
    .option("--without-healing", "for a drill's experiment only")
    .option("--yes-production", "also break targets labelled production")
    .option("--report <file>", "write a report")
    .option("--id <id>", "id of the run (the control plane gives one)")
    .action(
      async (
        file: string,
        given: Given & { journal: string; yesProduction?: boolean },
        command: { optsWithGlobals(): Given },
      ) => {
        const { experimentFile, readDefinition, runDrill, runAgainst, controlApi } =
          await import("@prunella/catalogue");
        const experiment = usable(() => experimentFile(file));
        const signal = interrupted();
        // Options that the parent knows too are the parent's by commander's rule.
        const all = { ...given, ...command.optsWithGlobals() };
        const shared = { signal, ...(all.id === undefined ? {} : { id: all.id }) };
        const { run, journal } =
          readDefinition(experiment.extensions) === null
            ? await runAgainst(experiment, {
                ...shared,
                api: () => {
                  const { base, headers } = cli.connection();
                  return controlApi(base, headers["authorization"]?.replace(/^Bearer /, "") ?? null);
                },
                addressesOf: (target) => planOf(cli)?.targets.find((each) => each.key === target)?.addresses ?? [],
                foldersOf: (target) => foldersOf(planOf(cli), target),
                yesProduction: given.yesProduction === true,
                onAbort: (why) => process.stderr.write(`prunella: ${text(why)}\n`),
              })
            : await runDrill(experiment, { ...shared, entry, withoutHealing: all.withoutHealing === true });
        if (journal !== null) writeFileSync(given.journal, JSON.stringify(journal, null, 2));
        if (options().json !== true) process.stdout.write(`${inWords(run)}\njournal: ${given.journal}\n`);
        await finish(cli, [run], all);
      },
    );

  injectCommand(cli);
}

function injectCommand(cli: Cli): void {
  const { program, say } = cli;
  program
    .command("inject")
    .description("make one fault on a target of the running control plane, and undo it; inject list names the faults")
    .argument("<kind>", "kind of fault, or list")
    .argument("[target]", "one target of the configuration")
    .option("--for <duration>", "how long it lasts at most", "30s")
    .option("--set <name=value...>", "arguments of the fault; values are JSON or text")
    .option("--yes-production", "also on a target labelled production")
    .action(
      async (
        kind: string,
        target: string | undefined,
        given: { for: string; set?: string[]; yesProduction?: boolean },
      ) => {
        const { controlApi, injectors, injectorsFor } = await import("@prunella/catalogue");
        if (kind === "list") {
          const all = injectors.map(({ inject: _, ...rest }) => rest);
          say(all, () =>
            injectors
              .map((each) =>
                [
                  `${each.kind}: ${each.what}`,
                  ...Object.entries(each.takes).map(([name, what]) => `    ${name}: ${what}`),
                  `    reaches: ${each.blastRadius}`,
                  `    given up when: ${each.abortsWhen}`,
                  `    undone: ${each.undoes}`,
                ].join("\n"),
              )
              .join("\n"),
          );
          return;
        }
        if (target === undefined) throw new UsageError("inject: name one target; a fault never hits all of them");
        const { duration } = await import("../config/units.ts");
        const forMs = duration(given.for);
        if (forMs === null) throw new UsageError(`--for: cannot be read (${given.for}); write a duration such as 30s`);
        const { base, headers } = cli.connection();
        const api = controlApi(base, headers["authorization"]?.replace(/^Bearer /, "") ?? null);
        const plan = planOf(cli);
        const abort = new AbortController();
        let end: (failed: Error | null) => void = () => undefined;
        const over = new Promise<Error | null>((resolve) => (end = resolve));
        const injection = injectorsFor({
          api,
          within: tmpdir(),
          addressesOf: (key) => plan?.targets.find((each) => each.key === key)?.addresses ?? [],
          foldersOf: (key) => foldersOf(plan, key),
          yesProduction: given.yesProduction === true,
          onAbort: (why) => abort.abort(new Error(why)),
          onUndone: (said, isUndone) => {
            say({ undone: said }, () => text(said));
            end(isUndone ? null : new Error(said));
          },
        });
        const signal = AbortSignal.any([interrupted(), abort.signal]);
        const args = { target, forS: forMs / 1_000, arguments: argumentsOf(given.set ?? []) };
        await injection.mayInject(kind, args);
        const before = await api.target(target);
        const announced = (ms: number): Promise<unknown> =>
          api.post("/api/v1/drills/announce", { target, drill: `inject ${kind}`, forMs: ms });
        await announced(Math.max(1_000, forMs));
        const made = await injection.inject(kind, args, signal).catch(async (error: unknown) => {
          // Nothing was made: what goes bad from now on is nobody's doing. A tenth of a second is the shortest that can be said.
          await announced(100).catch(() => undefined);
          throw error;
        });
        say(made, () => `${text((made as { summary?: string }).summary)}; undone in ${given.for}, or on Ctrl-C`);
        const early = (): void => void injection.undoAll();
        if (signal.aborted) early();
        else signal.addEventListener("abort", early);
        const failed = await over;
        if (failed !== null) throw failed;
        await isWell(cli, api, before);
        if (abort.signal.aborted) throw new Error(String((abort.signal.reason as Error).message));
      },
    );
}

/** How long a target may take to be well again once the fault is undone, ms; what heals it acts within. */
const wellMsMax = 60_000;

/** The look after a fault: the target is as well as it was before, or the command fails and says what it is. */
async function isWell(
  { say }: Cli,
  api: Pick<ControlApi, "target">,
  before: { readonly key: string; readonly state: string },
): Promise<void> {
  const since = Date.now();
  let state = "";
  // Whoever was not healthy before need not be so now; its state is told.
  do {
    ({ state } = await api.target(before.key));
    if (state === "healthy" || before.state !== "healthy") {
      say({ target: before.key, state }, () => `${text(before.key)} is ${state}`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  } while (Date.now() - since < wellMsMax);
  throw new Error(`${before.key} is ${state} ${wellMsMax / 1_000} s after the fault was undone`);
}

/** What is wrong with a file is bad usage: exit status 2. */
function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof InvalidInputError ? new UsageError(error.message) : error;
  }
}

/** Aborted by Ctrl-C or SIGTERM: what was begun is undone before the process ends. */
function interrupted(): AbortSignal {
  const abort = new AbortController();
  const stop = (): void => abort.abort(new Error("interrupted"));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  return abort.signal;
}

/** The plan in force, from the data folder; null where there is none. */
function planOf(cli: Cli): Plan | null {
  const { plan } = cli.folder();
  return existsSync(plan) ? (JSON.parse(readFileSync(plan, "utf8")) as Plan) : null;
}

function foldersOf(plan: Plan | null, target: string): string[] {
  const service = plan?.services.find((each) => each.name === target.split("/")[0]);
  return service === undefined ? [] : [service.cwd];
}

function argumentsOf(pairs: readonly string[]): Record<string, Json> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new UsageError(`--set: ${pair} is no name=value`);
      const value = pair.slice(at + 1);
      try {
        return [pair.slice(0, at), JSON.parse(value) as Json];
      } catch {
        return [pair.slice(0, at), value];
      }
    }),
  );
}

/** Prints what JSON wants, writes the report, keeps the runs as evidence where a data folder or a control plane was named. */
async function finish(cli: Cli, done: readonly DrillRun[], given: Given): Promise<void> {
  const { options, say } = cli;
  if (given.report !== undefined) {
    const { drillReport } = await import("../report/drills.ts");
    writeFileSync(
      given.report,
      given.report.endsWith(".json") ? JSON.stringify({ runs: done }, null, 2) : drillReport(done),
    );
  }
  if (options().data !== undefined || options().url !== undefined) await keep(cli, done);
  if (options().json === true) say({ runs: done }, () => "");
  if (done.some((run) => run.state !== "passed")) process.exitCode = 1;
}

async function keep(cli: Cli, done: readonly DrillRun[]): Promise<void> {
  const { drillRunJson } = await import("@prunella/server");
  try {
    cli.connection();
    for (const run of done) await cli.ask("POST", "/api/v1/drill-runs", drillRunJson(run));
    return;
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
  }
  const { sqliteStore } = await import("@prunella/store");
  const { makeFolder } = await import("../folder.ts");
  const folder = cli.folder();
  makeFolder(folder);
  const store = sqliteStore({
    file: folder.database,
    onWarning: (warning) => process.stderr.write(`prunella: ${text(warning.message)}\n`),
  });
  try {
    const { epoch, sequence, lastAt } = await store.open();
    await store.commit({ epoch, sequence: sequence + 1 }, { at: Math.max(Date.now(), lastAt), drillRuns: done });
  } finally {
    await store.close();
  }
}

function inWords(run: DrillRun): string {
  const ms = (from: number | null, to: number | null): string =>
    from === null || to === null ? "-" : `${to - from} ms`;
  return [
    `${run.drill} ${run.state}${run.withoutHealing ? " (without healing)" : ""}: detected ${ms(run.beganAt, run.detectedAt)}, repaired ${ms(run.detectedAt, run.repairedAt)}, recovered ${ms(run.detectedAt, run.recoveredAt)}; took ${Math.round(((run.endedAt ?? run.startedAt) - run.startedAt) / 1_000)} s`,
    ...(run.error === null ? [] : [`  error: ${text(run.error)}`]),
    ...(run.rootCause === null ? [] : [`  cause: ${text(run.rootCause).slice(0, 200)}`]),
    ...run.conditions.map(
      (each) =>
        `  ${each.met ? "ok  " : "FAIL"} ${each.name}: ${text(each.measured) || "nothing"} (demanded: ${each.demanded})`,
    ),
  ].join("\n");
}
