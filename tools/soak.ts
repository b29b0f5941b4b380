// `npm run soak -- --minutes N`: the example shop under Prunella with random faults and benign disturbances, then the KPIs:
// detection, repair, recovery without a person, false positives. Real processes; exit status 1 when something was not healed.
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { requireNode } from "./node-version.ts";
import {
  chance,
  freePorts,
  median,
  megabytes,
  recordRun,
  rest,
  rssOf,
  scratch,
  shop,
  shown,
  startProduct,
} from "./product/harness.ts";

requireNode();
const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    seed: { type: "string" },
    data: { type: "string" },
    help: { type: "boolean" },
  },
});
const usage = `npm run soak -- [--minutes N] [--seed S] [--data DIR]
  --minutes N   how long (default 10)      --seed S   default 1: which fault hits what, and when
  --data DIR    data folder whose report shows the run (default: examples/shop/.prunella)`;
if (values.help === true) {
  console.log(usage);
  process.exit(0);
}
const minutes = Number(values.minutes ?? 10);
const seed = Number(values.seed ?? 1);
if (!(minutes >= 1 && minutes <= 10_080) || !Number.isInteger(seed)) {
  console.error(`--minutes takes 1 to 10080, --seed a whole number\n${usage}`);
  process.exit(2);
}

/** Copies of the shop's api, so that one target is not broken more often than its budgets allow. */
const copies = 4;
/** A fault must be detected and healed within this time, ms; a benign disturbance may cause no finding for so long. */
const healedMsMax = 150_000;
const benignMs = 15_000;

interface Incident {
  readonly id: string;
  readonly target: string;
  readonly kind: string;
  readonly state: string;
  readonly detectedAt: string;
  readonly recoveredAt: string | null;
  readonly outcome: string | null;
  readonly recoveredBy: string | null;
  readonly rootCause: string | null;
  readonly causedBy: string | null;
}
interface Target {
  readonly key: string;
  readonly pid: number | null;
}
interface Healed {
  readonly fault: string;
  readonly detectionMs: number | null;
  readonly repairMs: number | null;
  readonly alone: boolean;
  readonly rootCause: string | null;
}

const random = chance(seed);
const [webPort = 0, stockPort = 0, workerPort = 0, slowPort = 0, ...apiPorts] = await freePorts(4 + copies);
const folder = scratch("soak");
writeFileSync(
  path.join(folder, "slow.js"),
  `// Takes its time to start, as services with much to load do.
setTimeout(() => require("node:http").createServer((q, r) => r.end("ok")).listen(${slowPort}, "127.0.0.1"), 4000);
process.on("SIGTERM", () => process.exit(0));
`,
);
const product = await startProduct(folder, configuration());
const healed: Healed[] = [];
const falsePositives: string[] = [];
const disturbances: { readonly kind: string; readonly isQuiet: boolean }[] = [];
let serving = true;
let requests = 0;
let failures = 0;
const startedAt = Date.now();
try {
  await product.healthy(90_000);
  console.log(`soak: ${minutes} min, seed ${seed}, ${4 + copies - 1} services; agent ${product.agentPid}`);
  const traffic = serve();
  const firstRss = rssOf(product.agentPid) + rssOf(product.controlPid());
  const until = startedAt + minutes * 60_000;
  while (Date.now() < until) {
    await rest(random.between(2_000, 6_000));
    if (random.next() < 0.35) await disturb();
    else await hurt();
  }
  serving = false;
  await traffic;
  const lastRss = rssOf(product.agentPid) + rssOf(product.controlPid());
  process.exitCode = conclude(firstRss, lastRss, await incidentsOfTheRun());
} finally {
  serving = false;
  await product.stop();
}

function configuration(): string {
  const service = (name: string, file: string, env: string, check: string, more = ""): string =>
    `  ${name}:\n    command: ["node", ${JSON.stringify(path.join(shop, file))}]\n    env: { ${env} }\n${check === "" ? "" : `    check: ${check}\n`}${more}`;
  return [
    "services:",
    service("stock", "stock.js", `PORT: "${stockPort}"`, `tcp://127.0.0.1:${stockPort}`),
    ...apiPorts.map((port, at) =>
      service(
        `api-${at + 1}`,
        "api.js",
        `PORT: "${port}", STOCK_PORT: "${stockPort}"`,
        `http://127.0.0.1:${port}/healthz`,
        "    after: [stock]\n    limits: { memory: 250MB }\n",
      ),
    ),
    service(
      "web",
      "web.js",
      `PORT: "${webPort}", API_PORT: "${apiPorts[0]}"`,
      `http://127.0.0.1:${webPort}/healthz`,
      "    after: [api-1]\n",
    ),
    service(
      "worker",
      "worker.js",
      `PORT: "${workerPort}", STOCK_PORT: "${stockPort}"`,
      "",
      "    heartbeat: 5s\n    after: [stock]\n",
    ),
    `  slow:\n    command: node slow.js\n    check: http://127.0.0.1:${slowPort}/\n    startup: 20s`,
    "http: { port: 0 }",
    "safety: { perHour: 1000, stormTargets: 50 }",
    "",
  ].join("\n");
}

/** Twenty requests a second, as customers would. */
async function serve(): Promise<void> {
  while (serving) {
    await Promise.all([rest(500), ...Array.from({ length: 10 }, buy)]);
  }
}
async function buy(): Promise<void> {
  requests += 1;
  await fetch(`http://127.0.0.1:${webPort}/`, { signal: AbortSignal.timeout(3_000) }).then(
    async (response) => {
      await response.arrayBuffer();
      if (response.status >= 500) failures += 1;
    },
    () => (failures += 1),
  );
}

async function targetOf(key: string): Promise<Target> {
  return product.ask<Target>(`/api/v1/targets/${encodeURIComponent(key)}`);
}

async function incidentsSince(at: number): Promise<readonly Incident[]> {
  const from = new Date(at).toISOString();
  return (await product.ask<{ items: Incident[] }>(`/api/v1/incidents?limit=100&from=${from}`)).items;
}

/** One fault, followed until it is healed. */
async function hurt(): Promise<void> {
  const at = Math.floor(random.next() * copies);
  const port = apiPorts[at] ?? 0;
  const api = `api-${at + 1}`;
  const faults: readonly (readonly [fault: string, target: string, run: () => Promise<unknown>])[] = [
    ["kill -9", api, async () => process.kill((await targetOf(api)).pid ?? 0, "SIGKILL")],
    ["crash", api, () => breakIt(port, "crash")],
    ["exit", api, () => breakIt(port, "exit")],
    ["event loop spins", api, () => breakIt(port, "hang")],
    ["event loop waits", api, () => breakIt(port, "freeze")],
    ["memory leak", api, () => breakIt(port, "leak")],
    ["answers errors", api, () => breakIt(port, "errors")],
    ["worker mute", "worker", () => breakIt(workerPort, "mute")],
    ["kill -9", "stock", async () => process.kill((await targetOf("stock")).pid ?? 0, "SIGKILL")],
    ["kill -9", "web", async () => process.kill((await targetOf("web")).pid ?? 0, "SIGKILL")],
  ];
  const [fault, target, run] = random.pick(faults);
  const began = Date.now();
  await run();
  let incident: Incident | undefined;
  while (Date.now() - began < healedMsMax) {
    await rest(200);
    const own = await incidentsSince(began - 50).catch(() => []);
    incident = own
      .filter((each) => each.target === target && each.causedBy === null)
      .sort((a, b) => a.detectedAt.localeCompare(b.detectedAt))[0];
    if (incident !== undefined && incident.state !== "open" && own.every((each) => each.state !== "open")) break;
  }
  const detectionMs = incident === undefined ? null : Math.max(0, Date.parse(incident.detectedAt) - began);
  const repairMs =
    incident?.recoveredAt == null
      ? null
      : Math.max(0, Date.parse(incident.recoveredAt) - Date.parse(incident.detectedAt));
  const alone = incident?.outcome === "recovered" && incident.recoveredBy === "repair";
  healed.push({ fault, detectionMs, repairMs, alone, rootCause: incident?.rootCause ?? null });
  console.log(
    `  ${String(Math.round((began - startedAt) / 1_000)).padStart(5)} s  ${fault} on ${target}: ${
      incident === undefined
        ? "NOT DETECTED"
        : `detected after ${shown(detectionMs)}, ${alone ? `repaired after ${shown(repairMs)}` : (incident.outcome ?? incident.state).toUpperCase()}; ${incident.rootCause ?? "no root cause"}`
    }`,
  );
  await product.healthy(60_000).catch(() => undefined);
}

function breakIt(port: number, kind: string): Promise<unknown> {
  return fetch(`http://127.0.0.1:${port}/break/${kind}`, { method: "POST", signal: AbortSignal.timeout(2_000) }).catch(
    () => null,
  );
}

/** Something that is no fault: whatever is found within a while is a false positive. */
async function disturb(): Promise<void> {
  const api = `api-${Math.floor(random.next() * copies) + 1}`;
  const kinds: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["deploy", () => product.ask(`/api/v1/targets/${api}/actions`, { action: "restart", why: "deploy" })],
    ["slow start", () => product.ask("/api/v1/targets/slow/actions", { action: "restart", why: "deploy" })],
    ["load spike", () => Promise.all(Array.from({ length: 400 }, buy))],
    ["short pause", () => pauseFor(api, 600)],
    ["configuration read again", async () => product.reload()],
    ["control plane killed", async () => process.kill(product.controlPid(), "SIGKILL")],
  ];
  const [kind, run] = random.pick(kinds);
  const began = Date.now();
  await run().catch((error: unknown) => console.log(`  ${kind} could not be done: ${String(error)}`));
  await rest(benignMs);
  await product.healthy(60_000);
  const found = (await incidentsSince(began)).filter((incident) => incident.target !== "prunella");
  disturbances.push({ kind, isQuiet: found.length === 0 });
  for (const incident of found) falsePositives.push(`${kind}: ${incident.kind} of ${incident.target}`);
  console.log(
    `  ${String(Math.round((began - startedAt) / 1_000)).padStart(5)} s  ${kind}: ${found.length === 0 ? "nothing found" : `FALSE POSITIVE ${found.map((each) => `${each.kind} of ${each.target}`).join(", ")}`}`,
  );
}

async function pauseFor(key: string, ms: number): Promise<void> {
  const pid = (await targetOf(key)).pid ?? 0;
  process.kill(pid, "SIGSTOP");
  await rest(ms);
  process.kill(pid, "SIGCONT");
}

/** Every incident of the run that stands for itself, Prunella's own left out. */
async function incidentsOfTheRun(): Promise<number> {
  let count = 0;
  let after: string | null = null;
  do {
    const page: { items: Incident[]; next: string | null } = await product.ask(
      `/api/v1/incidents?limit=500&from=${new Date(startedAt).toISOString()}${after === null ? "" : `&after=${encodeURIComponent(after)}`}`,
    );
    count += page.items.filter((each) => each.target !== "prunella" && each.causedBy === null).length;
    after = page.next;
  } while (after !== null);
  return count;
}

function conclude(firstRss: number, lastRss: number, incidents: number): number {
  const faults = [...new Set(healed.map((each) => each.fault))].sort();
  const line = (name: string, of: readonly Healed[]): string[] => [
    name,
    String(of.length),
    shown(median(of.flatMap((each) => (each.detectionMs === null ? [] : [each.detectionMs])))),
    shown(median(of.flatMap((each) => (each.repairMs === null ? [] : [each.repairMs])))),
    `${of.filter((each) => each.alone).length} of ${of.length}`,
    `${of.filter((each) => each.rootCause !== null).length} of ${of.length}`,
  ];
  const rows = [
    ["fault", "times", "detection", "repair", "healed alone", "cause named"],
    ...faults.map((fault) =>
      line(
        fault,
        healed.filter((each) => each.fault === fault),
      ),
    ),
    line("all", healed),
  ];
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)));
  console.log(`\n${rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")).join("\n")}`);
  const alone = healed.filter((each) => each.alone).length;
  const all = line("all", healed);
  const passed = healed.length > 0 && alone === healed.length && falsePositives.length === 0;
  const figures = [
    { name: "faults injected", value: String(healed.length) },
    { name: "detection, median", value: all[2] ?? "-" },
    { name: "repair, median", value: all[3] ?? "-" },
    { name: "incidents", value: String(incidents) },
    {
      name: "memory of agent and control plane, first and last",
      value: `${megabytes(firstRss)}, ${megabytes(lastRss)}`,
    },
  ];
  const rates = [
    { name: "detected", count: healed.filter((each) => each.detectionMs !== null).length, of: healed.length },
    { name: "recovered with no person's step", count: alone, of: healed.length },
    { name: "root cause named", count: healed.filter((each) => each.rootCause !== null).length, of: healed.length },
    // As the KPI counts them, and as one who disturbs without harm does.
    {
      name: "false positives among incidents",
      count: falsePositives.length,
      of: Math.max(incidents, falsePositives.length),
    },
    {
      name: "benign disturbances that something was found in",
      count: disturbances.filter((each) => !each.isQuiet).length,
      of: disturbances.length,
    },
    { name: "customers' requests failed", count: failures, of: requests },
  ];
  console.log("");
  for (const { name, count, of } of rates) console.log(`${name}: ${count} of ${of}`);
  for (const { name, value } of figures) console.log(`${name}: ${value}`);
  for (const each of falsePositives) console.log(`  ${each}`);
  const file = recordRun(values.data, {
    kind: "soak",
    coveredMs: Date.now() - startedAt,
    passed,
    summary: `${alone} of ${healed.length} faults healed with no person's step, ${falsePositives.length} false positives in ${disturbances.length} benign disturbances`,
    figures,
    rates,
    command: `npm run soak -- --minutes ${minutes} --seed ${seed}`,
  });
  console.log(`recorded: ${file}`);
  return passed ? 0 : 1;
}
