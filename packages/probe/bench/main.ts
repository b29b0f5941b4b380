// What the probe costs: throughput of a bare HTTP server with and without it in interleaved rounds, memory, time to
// start. `node packages/probe/bench/main.ts [rounds] [node]`; prints one line of JSON at the end.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { probeFile } from "@prunella/probe";

const rounds = Number(process.argv[2] ?? 10);
const node = process.argv[3] ?? process.execPath;
const requestsPerRound = 20_000;
const connections = 16;
const startsPerKind = 15;

const folder = mkdtempSync(path.join(os.tmpdir(), "probe-bench-"));
const server = path.join(folder, "server.cjs");
writeFileSync(
  server,
  `require("node:http").createServer((request, response) => response.end("ok"))
    .listen(0, "127.0.0.1", function () { console.log(this.address().port); });`,
);
const socketPath = path.join(folder, "agent.sock");
const agent = net.createServer((connection) => connection.resume().on("error", () => {}));
await new Promise<void>((resolve) => agent.listen(socketPath, resolve));
const preload = probeFile(folder);

type Kind = "bare" | "probed";
const environment: Record<Kind, NodeJS.ProcessEnv> = {
  bare: {},
  probed: { NODE_OPTIONS: `--require "${preload}"`, PRUNELLA_PROBE_SOCKET: socketPath },
};
const children = new Set<ChildProcess>();

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  readonly startMs: number;
}

function start(kind: Kind): Promise<Server> {
  const startedAt = performance.now();
  const child = spawn(node, [server], { env: environment[kind], stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  return new Promise((resolve) => {
    child.stdout?.once("data", (line: Buffer) =>
      resolve({ child, port: Number(line.toString()), startMs: performance.now() - startedAt }),
    );
  });
}

function stop({ child }: Server): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => {
      children.delete(child);
      resolve();
    });
    child.kill("SIGKILL");
  });
}

/** CPU time of a process so far, from /proc, in ms. */
function cpuMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** CPU time of a process's main thread so far, in ms, to the microsecond. */
function mainThreadMs(pid: number | undefined): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
}

function rssMegabytes(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}

/** Sends requests over kept connections, one after the other on each; returns requests per second. */
async function load({ port }: Server): Promise<number> {
  const request = Buffer.from("GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  let left = requestsPerRound;
  const startedAt = performance.now();
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = net.connect(port, "127.0.0.1");
          const next = (): void => {
            left -= 1;
            if (left >= 0) socket.write(request);
            else socket.destroy();
          };
          socket.setNoDelay(true);
          socket.on("connect", next);
          // Head and body of so small an answer arrive together.
          socket.on("data", next);
          socket.on("error", reject);
          socket.on("close", () => resolve());
        }),
    ),
  );
  return (requestsPerRound / (performance.now() - startedAt)) * 1_000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

try {
  const servers: Record<Kind, Server> = { bare: await start("bare"), probed: await start("probed") };
  for (const kind of ["bare", "probed", "bare", "probed"] as const) await load(servers[kind]);
  const perSecond: Record<Kind, number[]> = { bare: [], probed: [] };
  // CPU per request says more than requests per second on a machine that others use too.
  const cpuMicroseconds: Record<Kind, number[]> = { bare: [], probed: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order: Kind[] = round % 2 === 0 ? ["bare", "probed"] : ["probed", "bare"];
    for (const kind of order) {
      const before = mainThreadMs(servers[kind].child.pid);
      perSecond[kind].push(await load(servers[kind]));
      const used = mainThreadMs(servers[kind].child.pid) - before;
      cpuMicroseconds[kind].push((used * 1_000) / requestsPerRound);
    }
  }
  const rssMb = { bare: rssMegabytes(servers.bare.child.pid), probed: rssMegabytes(servers.probed.child.pid) };
  const idleBefore = { bare: cpuMs(servers.bare.child.pid), probed: cpuMs(servers.probed.child.pid) };
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const idleMsPerSecond = {
    bare: (cpuMs(servers.bare.child.pid) - idleBefore.bare) / 10,
    probed: (cpuMs(servers.probed.child.pid) - idleBefore.probed) / 10,
  };
  await stop(servers.bare);
  await stop(servers.probed);

  const startMs: Record<Kind, number[]> = { bare: [], probed: [] };
  const freshRssMb: Record<Kind, number[]> = { bare: [], probed: [] };
  for (let at = 0; at < startsPerKind; at += 1) {
    for (const kind of ["bare", "probed"] as const) {
      const started = await start(kind);
      startMs[kind].push(started.startMs);
      await new Promise((resolve) => setTimeout(resolve, 300));
      freshRssMb[kind].push(rssMegabytes(started.child.pid));
      await stop(started);
    }
  }
  const pairs = perSecond.probed.map((value, at) => value / (perSecond.bare[at] ?? Number.NaN));
  const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
  const both = (values: Record<Kind, number[]>): Record<Kind, number> => ({
    bare: rounded(median(values.bare)),
    probed: rounded(median(values.probed)),
  });
  console.log(
    JSON.stringify({
      node: path.basename(path.dirname(node)) === "bin" ? node : process.version,
      rounds,
      requestsPerSecond: both(perSecond),
      throughputRatio: {
        median: rounded(median(pairs)),
        min: rounded(Math.min(...pairs)),
        max: rounded(Math.max(...pairs)),
      },
      cpuMicrosecondsPerRequest: both(cpuMicroseconds),
      idleCpuMsPerSecond: idleMsPerSecond,
      rssMbAfterLoad: { bare: rounded(rssMb.bare), probed: rounded(rssMb.probed) },
      rssMbFresh: both(freshRssMb),
      startMs: both(startMs),
    }),
  );
} finally {
  for (const child of children) child.kill("SIGKILL");
  agent.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
