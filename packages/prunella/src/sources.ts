// What reports are made of beside the store: long runs recorded as files of the data folder; and how reports become text.
import { failureModes } from "@prunella/catalogue";
import { layersShown, type DrillProof, type DrillRun, type LongRun, type Store } from "@prunella/core";
import type { Render, ReportSources } from "@prunella/server";
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { DataFolder } from "./folder.ts";
import { issuesMarkdown, reportHtml, reportMarkdown } from "./report/index.ts";

/** Recorded runs that are read, newest first, and bytes of one of them at most; a larger file is no record of ours. */
export const longRunsMax = 50;
export const longRunBytesMax = 64_000;

export const renderer: Render = {
  report: (report, format) => (format === "markdown" ? reportMarkdown(report) : reportHtml(report)),
  issues: (issues) => issuesMarkdown(issues),
};

/** Runs of drills that reports look at: enough for weeks of game days. */
const drillRunsLooked = 500;

export function sourcesOf(folder: DataFolder, store: Pick<Store, "drillRuns">): ReportSources {
  return {
    longRuns: () => longRunsOf(path.join(folder.path, "evidence")),
    catalogue: () =>
      failureModes.map(({ id, severity, title, rootCause, guard, remedy }) => ({
        id,
        severity,
        title,
        rootCause,
        solution: `${guard}; ${remedy}`,
      })),
    drills: async () => (await store.drillRuns({ limit: drillRunsLooked })).items.flatMap(proofOf),
  };
}

/** A run as reports count it: ended, and with healing, for what is meant to fail proves nothing of the system. */
function proofOf(run: DrillRun): DrillProof[] {
  if (run.endedAt === null || run.withoutHealing || run.state === "aborted") return [];
  const between = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : to - from;
  const unmet = run.conditions.filter((condition) => !condition.met);
  return [
    {
      drill: run.drill,
      run: run.id,
      at: run.endedAt,
      passed: run.state === "passed",
      shows: layersShown(run),
      detectionMs: between(run.beganAt, run.detectedAt),
      repairMs: between(run.detectedAt, run.repairedAt),
      recoveryMs: between(run.detectedAt, run.recoveredAt),
      summary:
        run.error ??
        (unmet.length === 0
          ? `all ${run.conditions.length} conditions met`
          : `${unmet.length} of ${run.conditions.length} conditions not met: ${unmet[0]?.name ?? ""}`),
    },
  ];
}

/** Reads recorded runs; what is no such record is passed over. */
export async function longRunsOf(place: string): Promise<LongRun[]> {
  const names = await readdir(place).catch(() => []);
  const runs: LongRun[] = [];
  for (const name of names
    .filter((each) => each.endsWith(".json"))
    .sort()
    .slice(-500)) {
    const file = path.join(place, name);
    try {
      if ((await stat(file)).size > longRunBytesMax) continue;
      const run = asLongRun(JSON.parse(await readFile(file, "utf8")));
      if (run !== null) runs.push(run);
    } catch {
      // Half written, or somebody else's.
    }
  }
  return runs.sort((a, b) => b.at - a.at).slice(0, longRunsMax);
}

/** A record that was read, checked field by field; null when it is none. */
export function asLongRun(value: unknown): LongRun | null {
  if (typeof value !== "object" || value === null) return null;
  const of = value as Record<string, unknown>;
  const { kind, at, coveredMs, passed, summary, figures, command, rates = [] } = of;
  if (kind !== "stress" && kind !== "soak" && kind !== "load") return null;
  if (typeof at !== "number" || !Number.isFinite(at) || Math.abs(at) > 8.64e15) return null;
  if (typeof coveredMs !== "number" || !Number.isFinite(coveredMs)) return null;
  if (typeof passed !== "boolean" || typeof summary !== "string" || typeof command !== "string") return null;
  if (!Array.isArray(figures) || !Array.isArray(rates)) return null;
  return {
    kind,
    at,
    coveredMs,
    passed,
    summary: summary.slice(0, 500),
    command: command.slice(0, 500),
    figures: figures.slice(0, 100).flatMap((figure: unknown) => {
      const { name, value: shown } = (figure ?? {}) as { name?: unknown; value?: unknown };
      return typeof name === "string" && typeof shown === "string"
        ? [{ name: name.slice(0, 200), value: shown.slice(0, 500) }]
        : [];
    }),
    rates: rates.slice(0, 20).flatMap((rate: unknown) => {
      const { name, count, of: all } = (rate ?? {}) as { name?: unknown; count?: unknown; of?: unknown };
      const isCounted = Number.isSafeInteger(count) && Number.isSafeInteger(all) && Number(count) <= Number(all);
      return typeof name === "string" && isCounted && Number(count) >= 0
        ? [{ name: name.slice(0, 200), count: Number(count), of: Number(all) }]
        : [];
    }),
  };
}
