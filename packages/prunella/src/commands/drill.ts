// `drill`: the catalogue's drills and users' own experiments. A drill needs no control plane: it starts its own.
import type { DrillRun } from "@prunella/core";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import path from "node:path";
import { table, text, UsageError, type Cli } from "../cli.ts";

export function drillCommands(cli: Cli): void {
  const { program, say, options } = cli;
  program
    .command("drill")
    .description("break real programs on purpose and watch the healing; without an id: list the drills")
    .argument("[ids...]", "rows of the catalogue, such as CRIT-001")
    .option("--all", "all 21")
    .option("--runs <n>", "how often each", "1")
    .option("--without-healing", "guards and remedies off: every drill must then fail")
    .option("--keep", "keep the scratch folders")
    .option("--journals <dir>", "write the journal of each run there, in Chaos Toolkit's format")
    .action(
      async (
        ids: string[],
        given: { all?: boolean; runs: string; withoutHealing?: boolean; keep?: boolean; journals?: string },
      ) => {
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
          throw new UsageError("--runs: must be a whole number from 1 to 100");
        const abort = new AbortController();
        const stop = (): void => abort.abort(new Error("interrupted"));
        process.once("SIGINT", stop);
        process.once("SIGTERM", stop);
        const done: DrillRun[] = [];
        const cache = mkdtempSync(path.join(tmpdir(), "prunella-drill-code-"));
        for (let round = 0; round < runs; round += 1)
          for (const id of wanted) {
            if (abort.signal.aborted) break;
            const { run, journal } = await runDrill(drillExperiment(id), {
              entry: path.join(import.meta.dirname, "..", "..", "bin", "prunella.mjs"),
              withoutHealing: given.withoutHealing === true,
              keep: given.keep === true,
              cache,
              signal: abort.signal,
            });
            done.push(run);
            if (given.journals !== undefined && journal !== null) {
              mkdirSync(given.journals, { recursive: true });
              writeFileSync(path.join(given.journals, `${run.drill}-${run.id}.json`), JSON.stringify(journal, null, 2));
            }
            if (options().json !== true) process.stdout.write(`${inWords(run)}\n`);
          }
        rmSync(cache, { recursive: true, force: true });
        if (options().json === true) say({ runs: done }, () => "");
        if (done.some((run) => run.state !== "passed")) process.exitCode = 1;
      },
    );
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
