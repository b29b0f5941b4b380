// A report of drills as Markdown: one line a row with its times, then every condition with the measured value beside the
// demanded one. All of it is read from the runs.
import type { DrillRun } from "@prunella/core";

export function drillReport(runs: readonly DrillRun[]): string {
  const passed = runs.filter((run) => run.state === "passed").length;
  const detection = runs.flatMap((run) => between(run.beganAt, run.detectedAt));
  const repair = runs.flatMap((run) => between(run.detectedAt, run.repairedAt));
  const recovery = runs.flatMap((run) => between(run.detectedAt, run.recoveredAt));
  return [
    "# Drills",
    "",
    `${passed} of ${runs.length} runs passed. Median detection ${inSeconds(median(detection))}, repair ${inSeconds(median(repair))}, recovery ${inSeconds(median(recovery))} (${detection.length}, ${repair.length} and ${recovery.length} measured).`,
    "",
    "| drill | result | detected | repaired | recovered | root cause |",
    "| --- | --- | --- | --- | --- | --- |",
    ...runs.map((run) =>
      row([
        run.drill,
        `${run.state}${run.withoutHealing ? ", without healing" : ""}`,
        inSeconds(between(run.beganAt, run.detectedAt)[0]),
        inSeconds(between(run.detectedAt, run.repairedAt)[0]),
        inSeconds(between(run.detectedAt, run.recoveredAt)[0]),
        run.rootCause ?? run.error ?? "-",
      ]),
    ),
    ...runs.flatMap((run) => [
      "",
      `## ${run.drill} (${run.id}, ${new Date(run.startedAt).toISOString()})`,
      "",
      "| condition | demanded | measured | met |",
      "| --- | --- | --- | --- |",
      ...run.conditions.map((each) =>
        row([each.name, each.demanded, shown(each.measured), each.met ? "yes" : "**no**"]),
      ),
    ]),
    "",
  ].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll(/[\r\n|]+/g, " ").slice(0, 300)).join(" | ")} |`;
}

function shown(value: unknown): string {
  return value === null || value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value);
}

function between(from: number | null, to: number | null): number[] {
  return from === null || to === null ? [] : [to - from];
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function inSeconds(ms: number | undefined): string {
  return ms === undefined ? "-" : `${(ms / 1_000).toFixed(2)} s`;
}
