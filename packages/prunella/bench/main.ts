// `npm run bench product [-- --recovery] [--idle] [--faults] [--clone [--test]]`: Prunella and PM2 in the same run, on the same small
// service. --recovery: how soon a killed and a crashed process is found and back. --idle: what agent and control plane take beside
// PM2's daemon while 1 and 50 services idle. Without an option: both. --faults: everything that heals by itself, three runs each,
// PM2 beside it on crash and kill (half an hour; tools/matrix runs it). --clone: how long a fresh clone takes from nothing to a
// healthy shop, on the Node that is installed, and whether it ends without a trace; --test runs its gate too. PM2 comes from npm
// into a scratch folder.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import {
  freePorts,
  median,
  megabytes,
  meter,
  rest,
  root,
  scratch,
  shown,
  startProduct,
  type Use,
} from "../../../tools/product/harness.ts";

const pm2Version = "7.0.4";
const rounds = 3;
/** Before a service is broken, and over which idling is measured, ms. */
const settledMs = 4_000;
const idleMs = 60_000;
/** What heals by itself on one machine, as tools/matrix calls it. */
const faults = [
  "crash",
  "kill",
  "crash-for-ever",
  "spin",
  "stalled-worker",
  "leak",
  "failing-check",
  "port-orphan",
  "port-foreign",
  "dependency-down",
];
/** What PM2 can be compared on: it watches exits alone. */
const faultsOfPm2 = ["crash", "kill"];

/** Says when it starts; ends as it is told. Each start is a line of `starts`. */
const service = (starts: string, port: number): string => `
const { appendFileSync } = require("node:fs");
require("node:http").createServer((request, response) => {
  response.end("ok");
  if (request.url === "/crash") setImmediate(() => { throw new Error("told to crash"); });
}).listen(${port}, "127.0.0.1", () => appendFileSync(${JSON.stringify(starts)}, Date.now() + " " + process.pid + "\\n"));
`;

interface Manager {
  readonly name: string;
  /** When it says that it found the fault of `since`; null: it does not say. */
  detectedAt(since: number): Promise<number | null>;
  stop(): Promise<void>;
}

async function main(): Promise<void> {
  console.log(
    `${os.cpus()[0]?.model ?? "?"} x ${os.cpus().length}, load ${os
      .loadavg()
      .map((each) => each.toFixed(1))
      .join(" ")}, ${process.version}`,
  );
  const asked = (part: string): boolean => process.argv.includes(`--${part}`);
  const isPlain = !["recovery", "idle", "faults", "clone"].some(asked);
  if (isPlain || asked("recovery") || asked("idle")) {
    const pm2 = installPm2();
    try {
      if (isPlain || asked("recovery")) await recovery(pm2);
      if (isPlain || asked("idle")) for (const count of [1, 50]) await idle(count, pm2);
    } finally {
      rmSync(pm2.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }
  if (asked("faults")) {
    matrix("prunella", faults);
    matrix("pm2", faultsOfPm2);
  }
  if (asked("clone")) await clone(asked("test"));
}

function matrix(supervisor: string, names: readonly string[]): void {
  const file = path.join(root, "tools/matrix/main.ts");
  const words = ["--fault", names.join(","), "--runs", String(rounds), "--supervisor", supervisor];
  if (spawnSync(process.execPath, [file, ...words], { stdio: "inherit", cwd: root }).status !== 0) process.exitCode = 1;
}

interface Pm2 {
  readonly folder: string;
  run(home: string, ...words: string[]): string;
}

function installPm2(): Pm2 {
  const folder = scratch("pm2");
  writeFileSync(path.join(folder, "package.json"), "{}");
  const startedAt = performance.now();
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", `pm2@${pm2Version}`], {
    cwd: folder,
    stdio: "ignore",
  });
  console.log(`pm2 ${pm2Version} installed in ${shown(performance.now() - startedAt)}`);
  const bin = path.join(folder, "node_modules/pm2/bin/pm2");
  return {
    folder,
    run: (home, ...words) =>
      execFileSync(process.execPath, [bin, ...words], {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, PM2_HOME: home, HOME: home },
        stdio: ["ignore", "pipe", "ignore"],
      }),
  };
}

/** Kill and crash, `rounds` times each. */
async function recovery(pm2: Pm2): Promise<void> {
  for (const fault of ["kill -9", "crash"] as const) {
    const ours = await recoveryOf("Prunella", fault, pm2);
    const theirs = await recoveryOf("PM2", fault, pm2);
    console.log(`${fault.padEnd(8)} Prunella / PM2: answers again after ${ratio(ours, theirs)} of the time`);
  }
}

/** Median time until it answers again, ms. */
async function recoveryOf(name: "Prunella" | "PM2", fault: "kill -9" | "crash", pm2: Pm2): Promise<number> {
  const detection: number[] = [];
  const back: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const folder = scratch("bench");
    const starts = path.join(folder, "starts");
    const [port = 0] = await freePorts(1);
    writeFileSync(path.join(folder, "service.js"), service(starts, port));
    const manager = name === "PM2" ? await withPm2(folder, pm2) : await withPrunella(folder, port);
    try {
      await until(() => startsOf(starts).length > 0, 60_000);
      await rest(settledMs);
      const before = startsOf(starts);
      const since = Date.now();
      if (fault === "kill -9") process.kill(before.at(-1)?.pid ?? 0, "SIGKILL");
      else await fetch(`http://127.0.0.1:${port}/crash`).catch(() => null);
      await until(() => startsOf(starts).length > before.length, 60_000);
      back.push((startsOf(starts).at(-1)?.at ?? 0) - since);
      await rest(500);
      const detectedAt = await manager.detectedAt(since);
      if (detectedAt !== null) detection.push(detectedAt - since);
    } finally {
      await manager.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }
  console.log(
    `${fault.padEnd(8)} ${name.padEnd(9)} detected ${detection.length === 0 ? "(does not say)" : shown(median(detection))}, answers again after ${shown(median(back))} (${back.map((each) => shown(each)).join(", ")})`,
  );
  return median(back) ?? Infinity;
}

async function withPrunella(folder: string, port: number): Promise<Manager> {
  const product = await startProduct(
    folder,
    `services:\n  service:\n    command: node service.js\n    check: http://127.0.0.1:${port}/\nhttp: { port: 0 }\n`,
  );
  await product.healthy(60_000);
  return {
    name: "Prunella",
    async detectedAt(since) {
      const from = new Date(since).toISOString();
      const { items } = await product.ask<{ items: { detectedAt: string }[] }>(`/api/v1/incidents?from=${from}`);
      return items.length === 0 ? null : Math.min(...items.map((each) => Date.parse(each.detectedAt)));
    },
    stop: () => product.stop(),
  };
}

async function withPm2(folder: string, pm2: Pm2): Promise<Manager> {
  const home = path.join(folder, "home");
  mkdirSync(home);
  pm2.run(home, "start", path.join(folder, "service.js"), "--name", "service");
  return { name: "PM2", detectedAt: async () => null, stop: async () => void pm2.run(home, "kill") };
}

function startsOf(file: string): { readonly at: number; readonly pid: number }[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [at = "0", pid = "0"] = line.split(" ");
      return { at: Number(at), pid: Number(pid) };
    });
}

async function until(holds: () => boolean, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`did not come about within ${withinMs} ms`);
    await rest(5);
  }
}

const idler = "setInterval(() => {}, 1e6);\n";

async function idle(count: number, pm2: Pm2): Promise<void> {
  const ours = await idlePrunella(count);
  const daemon = await idlePm2(count, pm2);
  const of = (use: Use): string =>
    `${ratio(use.rssBytes, daemon.rssBytes)} of the memory, ${ratio(use.cpuShare, daemon.cpuShare)} of the CPU`;
  console.log(
    `idle ${String(count).padStart(2)}  Prunella / PM2: agent alone ${of(ours.agent)}; both ${of(ours.both)}`,
  );
}

function ratio(ours: number, theirs: number): string {
  return theirs > 0 ? `${(ours / theirs).toFixed(2)} x` : "(theirs is too small to be seen)";
}

async function idlePrunella(count: number): Promise<{ readonly agent: Use; readonly both: Use }> {
  const folder = scratch("bench");
  writeFileSync(path.join(folder, "idle.js"), idler);
  const services = Array.from({ length: count }, (_, at) => `  idle-${at}: { command: node idle.js }`).join("\n");
  const product = await startProduct(folder, `services:\n${services}\nhttp: { port: 0 }\n`);
  try {
    await product.healthy(180_000);
    await rest(settledMs);
    const [agent, control] = [meter(product.agentPid), meter(product.controlPid())];
    await rest(idleMs);
    const [a, c] = [agent(), control()];
    const both = { rssBytes: a.rssBytes + c.rssBytes, cpuShare: a.cpuShare + c.cpuShare };
    const of = (use: Use): string => `${megabytes(use.rssBytes)}, ${cpu(use.cpuShare)}`;
    console.log(
      `idle ${String(count).padStart(2)}  Prunella  agent ${of(a)}; control plane ${of(c)}; both ${of(both)}`,
    );
    return { agent: a, both };
  } finally {
    await product.stop();
  }
}

async function idlePm2(count: number, pm2: Pm2): Promise<Use> {
  const folder = scratch("bench");
  const home = path.join(folder, "home");
  mkdirSync(home);
  writeFileSync(path.join(folder, "idle.js"), idler);
  const apps = Array.from({ length: count }, (_, at) => ({ name: `idle-${at}`, script: path.join(folder, "idle.js") }));
  writeFileSync(path.join(folder, "all.json"), JSON.stringify({ apps }));
  try {
    pm2.run(home, "start", path.join(folder, "all.json"));
    await rest(settledMs);
    const pid = Number(readFileSync(path.join(home, "pm2.pid"), "utf8"));
    const daemon = meter(pid);
    await rest(idleMs);
    const use = daemon();
    console.log(`idle ${String(count).padStart(2)}  PM2       daemon ${megabytes(use.rssBytes)}, ${cpu(use.cpuShare)}`);
    return use;
  } finally {
    pm2.run(home, "kill");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function cpu(share: number): string {
  return `${(share * 100).toFixed(2)} % CPU`;
}

/** A clone of what is committed, then what the README tells a newcomer, with the Node that is installed. */
async function clone(isTested: boolean): Promise<void> {
  const folder = scratch("clone");
  const own = path.join(root, "node_modules", ".bin");
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: (process.env["PATH"] ?? "")
      .split(path.delimiter)
      .filter((each) => each !== own && !each.includes("node-linux"))
      .join(path.delimiter),
    PRUNELLA_DATA: path.join(folder, ".prunella"),
  };
  // What npm hands down to its scripts would have the clone's npm believe that it is this one.
  for (const name of Object.keys(env)) if (/^(npm_|NODE$|NODE_)/i.test(name)) delete env[name];
  try {
    let at = performance.now();
    const lap = (): string => {
      const took = shown(performance.now() - at);
      at = performance.now();
      return took;
    };
    execFileSync("git", ["clone", "--quiet", "--depth", "1", `file://${root}`, folder]);
    const cloned = lap();
    const node = execFileSync("node", ["--version"], { env, encoding: "utf8" }).trim();
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore", env });
    const installed = lap();
    const child = spawn("npm", ["start"], { cwd: folder, env, detached: true, stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    let said = "";
    let ready = "";
    try {
      await new Promise<void>((resolve, reject) => {
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          if (/look:/.test(said)) resolve();
        });
        child.once("exit", () => reject(new Error(`it ended before it was ready:\n${said}`)));
      });
      ready = lap();
      await shopIsHealthy(said);
    } finally {
      // As Ctrl-C does it: to everybody in the foreground.
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGINT");
      await ended;
    }
    const healthy = lap();
    await rest(500);
    const left = processesOf(folder);
    console.log(
      `fresh clone, ${node}: cloned ${cloned}, npm ci ${installed}, npm start to "look" ${ready}, healthy and stopped ${healthy}; processes left ${left.length}`,
    );
    if (left.length > 0) throw new Error(`still running: ${left.join(", ")}`);
    if (!isTested) return;
    at = performance.now();
    const { status } = spawnSync("npm", ["test"], { cwd: folder, env, stdio: "inherit" });
    console.log(`fresh clone, ${node}: npm test ${status === 0 ? "passed" : `FAILED (exit ${status})`} in ${lap()}`);
    if (status !== 0) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Asks where it says to look. */
async function shopIsHealthy(said: string): Promise<void> {
  const url = /look:\s+(\S+)/.exec(said)?.[1] ?? "";
  for (const end = performance.now() + 60_000; performance.now() < end; await rest(100)) {
    const response = await fetch(new URL("/api/v1/targets?limit=100", url)).catch(() => null);
    if (response?.ok !== true) continue;
    const { items } = (await response.json()) as { items: { kind: string; state: string }[] };
    if (items.every((target) => target.kind === "self" || target.state === "healthy")) return;
  }
  throw new Error("the shop was not healthy within 60 s");
}

/** Processes that work in a folder or were started from it. */
function processesOf(folder: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!(pid > 1) || pid === process.pid) return false;
      try {
        return (
          readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) ||
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder)
        );
      } catch {
        return false;
      }
    });
}

await main();
