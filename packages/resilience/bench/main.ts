// npm run bench resilience: measures the primitives beside their peers, prints the table and puts it into
// docs/resilience/benchmark.md under the Node version that ran. By hand (node packages/resilience/bench/main.ts, old-node.ts
// --bench): --rounds=31, --only=GROUP (prints only), --check fails when one of ours is above its gate.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { callCases, closeCallCases, composedPeers, idlePolicies } from "./cases/call.ts";
import { closeHoldCases, holdCases, limiterKeys } from "./cases/hold.ts";
import { heapPerObject, measure } from "./harness.ts";
import type { Result } from "./harness.ts";

const flags = process.argv.slice(2);
const option = (name: string): string | undefined => flags.find((flag) => flag.startsWith(`--${name}=`))?.split("=")[1];

if (!process.execArgv.some((flag) => flag.startsWith("--max-semi-space-size"))) {
  // The collector must be callable and work in nobody else's time, and a young generation must hold a whole round for bytes
  // per call to be exact.
  const again = [
    ...process.execArgv.filter((flag) => flag !== "--expose-gc"),
    "--expose-gc",
    "--max-semi-space-size=64",
    "--single-threaded-gc",
    ...process.argv.slice(1),
  ];
  process.exit(spawnSync(process.execPath, again, { stdio: "inherit" }).status ?? 1);
}

const major = process.versions.node.split(".")[0] ?? "";
const rounds = Number(option("rounds") ?? 15);
const only = option("only");
const cases = [...callCases, ...holdCases].filter((each) => only === undefined || each.group.includes(only));
const results = await measure(cases, rounds);
const heap = [...idlePolicies, limiterKeys()].map(({ name, make, gate }) => ({
  name,
  gate,
  bytes: heapPerObject(make),
}));
closeCallCases();
await closeHoldCases();

const bare = results[0] as Result;
const table = render();
console.log(table);
if (only === undefined) write(table);
const failures = [
  ...results
    .map((result) => ({ each: result.each, ratio: relative(result) }))
    .filter(({ each, ratio }) => each.gate !== undefined && ratio > each.gate)
    .map(({ each, ratio }) => `${each.name}: ${ratio.toFixed(2)} x ${each.against ?? "bare"}, gate ${each.gate}`),
  ...results
    .filter(({ each, bytes = 0 }) => each.bytesGate !== undefined && bytes - (bare.bytes ?? 0) > each.bytesGate)
    .map(({ each, bytes = 0 }) => `${each.name}: ${bytes.toFixed(0)} bytes a call, bare and ${each.bytesGate}`),
  ...[lead()]
    .filter((ahead) => ahead !== undefined && ahead.times < ahead.gate)
    .map((ahead) => `pipeline of four: 1/${ahead?.times.toFixed(1)} of ${ahead?.peer}, gate 1/${ahead?.gate}`),
  ...heap
    .filter(({ gate, bytes = 0 }) => gate !== undefined && bytes > gate)
    .map(({ name, gate, bytes = 0 }) => `${name}: ${bytes.toFixed(0)} bytes kept, gate ${gate}`),
];
for (const failure of failures) console.error(`above its gate: ${failure}`);
process.exit(flags.includes("--check") && failures.length > 0 ? 1 : 0);

function render(): string {
  const lines = [
    `## Node ${process.versions.node} (V8 ${process.versions.v8})`,
    "",
    `${os.cpus().length} x ${os.cpus()[0]?.model.trim() ?? "unknown processor"}, ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.platform()} ${os.arch()}, load ${os.loadavg()[0]?.toFixed(1)}; ${rounds} interleaved rounds, medians of CPU time.`,
    "",
  ];
  for (const group of new Set(results.map(({ each }) => each.group))) {
    lines.push(
      `### ${group}`,
      "",
      "| case | x bare | CPU ns | bytes | gate | stretch |",
      "| --- | ---: | ---: | ---: | ---: | ---: |",
    );
    lines.push(...results.filter(({ each }) => each.group === group).map(row), "");
  }
  lines.push(...summary(), "### heap kept by an idle policy", "", "| what | bytes | gate |", "| --- | ---: | ---: |");
  for (const { name, gate, bytes } of heap) lines.push(`| ${name} | ${bytes?.toFixed(0) ?? "-"} | ${gate ?? ""} |`);
  lines.push("");
  return lines.join("\n");
}

/** What a gate judges: the multiple of a bare await, or of the case that it names. */
function relative({ each, ratio }: Result): number {
  const other = results.find(({ each: { name } }) => name === each.against);
  return other === undefined ? ratio : ratio / other.ratio;
}

function row({ each, ns, ratio, bytes }: Result): string {
  const bound = (value: number | undefined): string =>
    value === undefined ? "" : each.against === undefined ? String(value) : `${value} x ${each.against}`;
  const small = each.sync === true || ns < 10;
  const cells = [
    each.name,
    ratio.toFixed(2),
    ns.toFixed(small ? 1 : 0),
    bytes === undefined ? "" : Math.max(0, bytes).toFixed(0),
    bound(each.gate),
    bound(each.stretch),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** How many times dearer the best composed peer is, and how many it has to be; undefined when they were not measured. */
function lead(): { readonly peer: string; readonly times: number; readonly gate: number } | undefined {
  const ratioOf = (name: string): number | undefined => results.find(({ each }) => each.name === name)?.ratio;
  const ours = ratioOf("pipeline of four");
  const [best] = composedPeers
    .map((name) => ({ name, ratio: ratioOf(name) ?? Infinity }))
    .toSorted((a, b) => a.ratio - b.ratio);
  if (ours === undefined || best === undefined) return undefined;
  // What peers make for each call, an AbortController above all, became cheap in Node 22.
  return { peer: best.name, times: best.ratio / ours, gate: Number(major) < 22 ? 30 : 7 };
}

function summary(): string[] {
  const ahead = lead();
  if (ahead === undefined) return [];
  const { peer, times, gate } = ahead;
  return [
    `Composed policy against the best peer of this run (${peer}): **1/${times.toFixed(1)}** (gate 1/${gate}).`,
    "",
  ];
}

/** Replaces the part of the page that belongs to this major version of Node; the others stay. */
function write(part: string): void {
  const root = process.env["PRUNELLA_ROOT"] ?? path.resolve(import.meta.dirname, "../../..");
  const page = path.join(root, "docs/resilience/benchmark.md");
  mkdirSync(path.dirname(page), { recursive: true });
  const require = createRequire(import.meta.url);
  const versions = [
    "cockatiel",
    "opossum",
    "mollitia",
    "p-limit",
    "p-queue",
    "p-retry",
    "p-timeout",
    "bottleneck",
    "rate-limiter-flexible",
    "generic-pool",
    "tarn",
    "async-mutex",
    "lru-cache",
    "dataloader",
    "denque",
  ]
    .map((name) => `${name} ${versionOf(require, name)}`)
    .join(", ");
  const head = `# What the primitives cost

Written by \`npm run bench resilience\`; do not edit. The work is an async function that returns at once, so the figures are overhead and
nothing else. "x bare" is the median over the rounds of CPU time divided by that of \`await fn()\` just before and just after; the cases take turns, in another
order in each round, for 15 ms each. Ratios near 1 carry some 10 % of noise on a shared machine. "bytes" are allocated per call, the bare await's own
included. A gate is the figure above which \`--check\` fails, a stretch the figure to aim at. Peers: ${versions}.
`;
  const mark = (major: string): string => `<!-- node ${major} -->`;
  const parts = new Map<string, string>();
  if (existsSync(page)) {
    const found = readFileSync(page, "utf8").split(/<!-- node (\d+) -->\n/);
    for (let at = 1; at < found.length; at += 2) parts.set(found[at] ?? "", (found[at + 1] ?? "").trim());
  }
  parts.set(major, part.trim());
  const body = [...parts]
    .toSorted(([a], [b]) => Number(b) - Number(a))
    .map(([name, text]) => `${mark(name)}\n\n${text}\n`);
  writeFileSync(page, `${head}\n${body.join("\n")}`);
}

function versionOf(require: NodeJS.Require, name: string): string {
  // Some peers do not export their package.json, so it is looked for above their entry file.
  let folder = path.dirname(require.resolve(name));
  while (
    !existsSync(path.join(folder, "package.json")) ||
    !readFileSync(path.join(folder, "package.json"), "utf8").includes(`"name": "${name}"`)
  ) {
    const above = path.dirname(folder);
    if (above === folder) return "unknown";
    folder = above;
  }
  return (JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as { version: string }).version;
}
