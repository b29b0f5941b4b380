// The fault matrix: real processes, real faults, real supervisors.
//   npm run matrix -- --list
//   npm run matrix -- --fault NAME[,NAME…]|faults|benign|all --runs N --supervisor prunella|pm2|monit|supervisor|none [--parallel N] [--json] [--write]
// --write puts the results into docs/matrix.md, beside those of earlier runs. Exit status 1: a run of Prunella came out badly.
import process from "node:process";
import { parseArgs } from "node:util";
import { faultNamed, faults, type Fault } from "./faults.ts";
import { keep, summary, table } from "./results.ts";
import { runOnce, type Outcome } from "./run.ts";
import { closeAll } from "./stage.ts";
import type { SupervisorMaker } from "./supervisors/index.ts";
import { monit } from "./supervisors/monit.ts";
import { none } from "./supervisors/none.ts";
import { pm2 } from "./supervisors/pm2.ts";
import { prunella } from "./supervisors/prunella.ts";
import { supervisor } from "./supervisors/supervisord.ts";

const makers: readonly SupervisorMaker[] = [prunella, pm2, monit, supervisor, none];
const runsMax = 100;

const { values } = parseArgs({
  options: {
    fault: { type: "string", default: "all" },
    runs: { type: "string", default: "3" },
    parallel: { type: "string", default: "1" },
    supervisor: { type: "string", default: "prunella" },
    list: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});

if (values.list) {
  for (const { name, kind, title, ends } of faults)
    console.log(`${name.padEnd(22)}${kind.padEnd(8)}${ends.padEnd(8)}${title}`);
  console.log(
    `\nsupervisors: ${makers.map((maker) => `${maker.name}${maker.missing() === null ? "" : ` (${maker.missing()})`}`).join(", ")}`,
  );
  process.exit(0);
}

const wanted = chosen(values.fault);
const runs = Number(values.runs);
if (!(Number.isInteger(runs) && runs >= 1 && runs <= runsMax))
  fail(`--runs must be a whole number from 1 to ${runsMax}`);
const using = values.supervisor.split(",").map((name) => {
  const maker = makers.find((each) => each.name === name);
  return maker ?? fail(`no supervisor is called ${name}; known: ${makers.map((each) => each.name).join(", ")}`);
});

const parallel = Number(values.parallel);
if (!(Number.isInteger(parallel) && parallel >= 1 && parallel <= 8))
  fail("--parallel must be a whole number from 1 to 8");

const outcomes: Outcome[] = [];
const waiting: { readonly fault: Fault; readonly maker: SupervisorMaker }[] = [];
for (const maker of using) {
  const missing = maker.missing();
  if (missing !== null) {
    console.error(`${maker.name}: skipped, ${missing}`);
    continue;
  }
  for (const fault of wanted) {
    const cannot = fault.needs?.() ?? null;
    if (cannot !== null) console.error(`${fault.name}: skipped, ${cannot}`);
    else for (let run = 1; run <= runs; run += 1) waiting.push({ fault, maker });
  }
}
// Ended from outside: nothing new begins, and what runs is cleared away by its stage.
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    waiting.length = 0;
    void closeAll().then(() => process.exit(130));
  });
await Promise.all(
  Array.from({ length: parallel }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await attempt(next.fault, next.maker);
      if (outcome === null) continue;
      outcomes.push(outcome);
      if (!values.json) console.log(line(outcome));
      // As it goes: whoever ends it early has what was measured so far.
      if (values.write) keep(outcomes);
    }
  }),
);
if (values.json) console.log(JSON.stringify(outcomes, null, 2));
else console.log(`\n${table(summary(outcomes), true)}`);
const bad = outcomes.filter(
  (each) => each.supervisor === "prunella" && !["healed", "told", "untouched"].includes(each.verdict),
);
process.exit(bad.length > 0 ? 1 : 0);

async function attempt(fault: Fault, maker: SupervisorMaker): Promise<Outcome | null> {
  try {
    return await runOnce(fault, maker);
  } catch (error) {
    console.error(
      `${fault.name} under ${maker.name}: the run itself failed: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = 1;
    return null;
  }
}

function line(of: Outcome): string {
  const seconds = (ms: number | null): string => (ms === null ? "-" : `${(ms / 1000).toFixed(1)} s`).padStart(7);
  return [
    of.supervisor.padEnd(10),
    of.fault.padEnd(22),
    of.verdict.padEnd(11),
    `found ${seconds(of.detectMs)}  repair ${seconds(of.repairMs)}  well ${seconds(of.recoverMs)}`,
    `  ${of.causeRight === null ? "" : of.causeRight ? "cause right" : "CAUSE WRONG"}`,
    of.repairs.length === 0 ? "" : ` [${of.repairs.join(", ")}]`,
    of.innocentRestarts === 0 ? "" : ` INNOCENT RESTARTS: ${of.innocentRestarts}`,
    of.criticalIssues > 0 && faultNamed(of.fault)?.kind === "benign" ? ` CRITICAL: ${of.criticalIssues}` : "",
    `\n           ${of.note}${of.cause === null ? "" : `\n           ${of.cause.slice(0, 220)}`}`,
  ].join(" ");
}

function chosen(text: string): Fault[] {
  if (text === "all") return [...faults];
  if (text === "faults" || text === "benign")
    return faults.filter((fault) => (fault.kind === "benign") === (text === "benign"));
  return text.split(",").map((name) => faultNamed(name) ?? fail(`no fault is called ${name}; see --list`));
}

function fail(message: string): never {
  console.error(`matrix: ${message}`);
  process.exit(2);
}
