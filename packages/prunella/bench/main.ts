// `npm run bench product [-- --recovery] [--idle] [--clone]`: Prunella and PM2 in the same run, on the same small service: how soon a killed and a crashed
// process is found and back, and what agent and control plane take beside PM2's daemon while 1 and 50 services idle.
// PM2 comes from npm into a scratch folder. With --clone also: how long a fresh clone takes to a running, healthy shop.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
} from "../../../tools/product/harness.ts";

const pm2Version = "7.0.4";
const rounds = 3;
/** Before a service is broken, and over which idling is measured, ms. */
const settledMs = 4_000;
const idleMs = 20_000;

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
  const pm2 = installPm2();
  const asked = (part: string): boolean => process.argv.includes(`--${part}`);
  const isAll = !asked("recovery") && !asked("idle");
  try {
    if (isAll || asked("recovery")) {
      await recovery("Prunella", pm2);
      await recovery("PM2", pm2);
    }
    if (isAll || asked("idle"))
      for (const count of [1, 50]) {
        await idlePrunella(count);
        await idlePm2(count, pm2);
      }
    if (asked("clone")) await clone();
  } finally {
    rmSync(pm2.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
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
async function recovery(name: "Prunella" | "PM2", pm2: Pm2): Promise<void> {
  for (const fault of ["kill -9", "crash"] as const) {
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
  }
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

async function idlePrunella(count: number): Promise<void> {
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
    console.log(
      `idle ${String(count).padStart(2)}  Prunella  agent ${megabytes(a.rssBytes)}, ${cpu(a.cpuShare)}; control plane ${megabytes(c.rssBytes)}, ${cpu(c.cpuShare)}; both ${megabytes(a.rssBytes + c.rssBytes)}, ${cpu(a.cpuShare + c.cpuShare)}`,
    );
  } finally {
    await product.stop();
  }
}

async function idlePm2(count: number, pm2: Pm2): Promise<void> {
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
  } finally {
    pm2.run(home, "kill");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function cpu(share: number): string {
  return `${(share * 100).toFixed(1)} % CPU`;
}

/** A clone of what is committed, `npm ci`, and `prunella up` until it says where to look. */
async function clone(): Promise<void> {
  const folder = scratch("clone");
  try {
    let at = performance.now();
    const lap = (): string => {
      const took = shown(performance.now() - at);
      at = performance.now();
      return took;
    };
    execFileSync("git", ["clone", "--quiet", "--depth", "1", `file://${root}`, folder]);
    const cloned = lap();
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" });
    const installed = lap();
    const [port = 0, own = 0] = await freePorts(2);
    writeFileSync(path.join(folder, "service.js"), service(path.join(folder, "starts"), own));
    const child = spawn(
      process.execPath,
      [
        path.join(folder, "packages/prunella/bin/prunella.mjs"),
        "run",
        "--port",
        String(port),
        "--",
        "node",
        "service.js",
      ],
      {
        cwd: folder,
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, PRUNELLA_DATA: path.join(folder, "data") },
      },
    );
    try {
      await new Promise<void>((resolve, reject) => {
        child.stdout.setEncoding("utf8").on("data", (text: string) => void (/look:/.test(text) && resolve()));
        child.once("exit", () => reject(new Error("it ended before it was ready")));
      });
      console.log(`fresh clone  cloned ${cloned}, npm ci ${installed}, first start to ready ${lap()}`);
    } finally {
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

await main();
