// Medians over runs, as a table; and docs/matrix.md, which this file alone writes: the newest results of each fault and
// supervisor, older ones of others kept.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import path from "node:path";
import { faults } from "./faults.ts";
import type { Outcome } from "./run.ts";

const page = path.resolve(import.meta.dirname, "../../docs/matrix.md");
const record = path.resolve(import.meta.dirname, "../../docs/matrix.json");

export interface Row {
  readonly fault: string;
  readonly supervisor: string;
  readonly runs: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly detectMs: number | null;
  readonly repairMs: number | null;
  readonly recoverMs: number | null;
  /** Of each run, in order; a row measured long ago has none. */
  readonly each?: readonly Pick<Outcome, "detectMs" | "repairMs" | "recoverMs">[];
  /** Of how many runs the cause was right, where there was one to name. */
  readonly causesRight: number | null;
  readonly repairs: readonly string[];
  readonly innocentRestarts: number;
}

export function summary(outcomes: readonly Outcome[]): Row[] {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const key = `${outcome.supervisor} ${outcome.fault}`;
    groups.set(key, [...(groups.get(key) ?? []), outcome]);
  }
  return [...groups.values()].flatMap((all) => {
    const [first] = all;
    if (first === undefined) return [];
    const verdicts: Record<string, number> = {};
    for (const { verdict } of all) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    const judged = all.filter((each) => each.causeRight !== null);
    return [
      {
        fault: first.fault,
        supervisor: first.supervisor,
        runs: all.length,
        verdicts,
        detectMs: median(all.map((each) => each.detectMs)),
        repairMs: median(all.map((each) => each.repairMs)),
        recoverMs: median(all.map((each) => each.recoverMs)),
        each: all.map(({ detectMs, repairMs, recoverMs }) => ({ detectMs, repairMs, recoverMs })),
        causesRight: judged.length === 0 ? null : judged.filter((each) => each.causeRight === true).length,
        repairs: [...new Set(all.flatMap((each) => each.repairs))],
        innocentRestarts: all.reduce((sum, each) => sum + each.innocentRestarts, 0),
      },
    ];
  });
}

/** The middle one; a run in which it did not happen counts as the longest. */
function median(values: readonly (number | null)[]): number | null {
  const sorted = values.map((value) => value ?? Infinity).sort((a, b) => a - b);
  const middle = sorted[(sorted.length - 1) >> 1] ?? Infinity;
  return Number.isFinite(middle) ? middle : null;
}

const seconds = (ms: number | null): string => (ms === null ? "-" : (ms / 1000).toFixed(2));

/** Runs that are shown one by one beside their median; of more the median says enough. */
const eachMax = 5;

/** Medians; `isEach`: and the runs behind them. */
export function table(rows: readonly Row[], isEach = false): string {
  const cell = (row: Row, which: "detectMs" | "repairMs" | "recoverMs"): string => {
    const each = isEach && row.runs > 1 && row.runs <= eachMax ? (row.each ?? []) : [];
    return `${seconds(row[which])}${each.length === 0 ? "" : ` (${each.map((run) => seconds(run[which])).join(", ")})`}`;
  };
  const lines = rows.map((row) => [
    row.fault,
    row.supervisor,
    Object.entries(row.verdicts)
      .map(([verdict, count]) => (count === row.runs ? verdict : `${verdict} ${count}/${row.runs}`))
      .join(", "),
    cell(row, "detectMs"),
    cell(row, "repairMs"),
    cell(row, "recoverMs"),
    row.causesRight === null ? "" : `${row.causesRight}/${row.runs}`,
    row.repairs.join(", "),
    row.innocentRestarts === 0 ? "" : String(row.innocentRestarts),
  ]);
  const head = [
    "fault",
    "supervisor",
    "came to",
    "found s",
    "repair s",
    "well s",
    "cause right",
    "repairs",
    "innocent restarts",
  ];
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Writes the page; rows measured before and not now stay. */
export function keep(outcomes: readonly Outcome[]): void {
  const before = existsSync(record) ? (JSON.parse(readFileSync(record, "utf8")) as Row[]) : [];
  const now = summary(outcomes);
  const merged = [
    ...before.filter((row) => !now.some((each) => each.fault === row.fault && each.supervisor === row.supervisor)),
    ...now,
  ];
  const order = (row: Row): number => faults.findIndex((fault) => fault.name === row.fault);
  merged.sort((a, b) => a.supervisor.localeCompare(b.supervisor) || order(a) - order(b));
  writeFileSync(record, `${JSON.stringify(merged, null, 2)}\n`);
  const part = (supervisor: string, benign: boolean): string => {
    const rows = merged.filter(
      (row) =>
        row.supervisor === supervisor &&
        (faults.find((fault) => fault.name === row.fault)?.kind === "benign") === benign,
    );
    return rows.length === 0 ? "" : `\n${table(rows)}\n`;
  };
  const supervisors = [...new Set(["prunella", ...merged.map((row) => row.supervisor)])];
  writeFileSync(
    page,
    `# The fault matrix

Written by \`npm run matrix -- --write\` from real runs on one machine (${cpus().length} cores, ${Math.round(totalmem() / 1e9)} GB, Linux ${release()}),
which other work shared. Times are medians from the injected moment. "found" is the first incident (for supervisors that keep none: the first
process replaced), "well" the start of a stretch of 2.5 s in which the subject did its work, judged by the matrix's own requests. "told" means: nothing a
supervisor may do would help; nothing was restarted, and the cause was named. "harmed" counts restarts of what was sound. What each fault
is: \`tools/matrix/faults.ts\`; what is run: \`tools/matrix/subject\`.
${supervisors
  .map((supervisor) => {
    const faultsPart = part(supervisor, false);
    const benignPart = part(supervisor, true);
    return `${faultsPart === "" ? "" : `\n## ${supervisor}: faults\n${faultsPart}`}${benignPart === "" ? "" : `\n## ${supervisor}: benign disturbances\n${benignPart}`}`;
  })
  .join("")}`,
  );
}
