// What the agent alone costs: memory and CPU with 1 and 50 idle services, and how late 1,000 checks start on one machine.
// Run: node packages/agent/bench/idle.ts [seconds]
import { readFileSync } from "node:fs";
import { checkScheduler, heartbeats, runCheck } from "@prunella/adapters";
import { realSystem } from "@prunella/resilience";
import { createServer, type AddressInfo } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { parseField, parseStat } from "../src/proc/parse.ts";
import { checkPlan, sleep, stage } from "../e2e/harness.ts";

const seconds = Number(process.argv[2] ?? 20);

async function idle(services: number, command: readonly string[], connected: boolean): Promise<void> {
  const s = stage();
  try {
    const agent = await s.agent(
      s.plan(Array.from({ length: services }, (_, at) => ({ name: `idle-${at}`, command, probe: "auto" as const }))),
    );
    const link = connected ? await s.link() : null;
    await sleep(5_000);
    const before = cpuMs(agent.pid);
    await sleep(seconds * 1_000);
    const share = (cpuMs(agent.pid) - before) / (seconds * 1_000);
    const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
    const memory = ["VmRSS", "RssAnon", "RssFile"].map((name) => `${name} ${parseField(status, name)}`).join(", ");
    console.log(
      `${services} x ${command[0]}${link === null ? "" : ", control plane connected"}: ${memory}, CPU ${(share * 100).toFixed(2)} %`,
    );
  } finally {
    await s.end();
  }
}

function cpuMs(pid: number): number {
  return (parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"))?.cpuTicks ?? 0) * 10;
}

async function thousandChecks(): Promise<void> {
  const tcp = createServer((socket) => socket.on("error", () => {}).destroy()).listen(0, "127.0.0.1");
  const http = createHttpServer((request, response) => {
    if (request.url !== "/stuck") response.end("ok");
  }).listen(0, "127.0.0.1");
  await sleep(100);
  const tcpPort = (tcp.address() as AddressInfo).port;
  const httpPort = (http.address() as AddressInfo).port;
  const plain = { method: "GET", headers: {}, statusMin: 200, statusMax: 399, bodyIncludes: null, latencyMsMax: null };
  const pings = heartbeats(realSystem);
  let results = 0;
  let failed = 0;
  const scheduler = checkScheduler({
    system: realSystem,
    run: (check, timeoutMs) => runCheck(check, timeoutMs, pings),
    onResult: (_, result) => {
      results += 1;
      if (!result.ok) failed += 1;
    },
    uptimeMs: () => Infinity,
  });
  scheduler.update(
    Array.from({ length: 1_000 }, (_, at) => {
      const url = `http://127.0.0.1:${httpPort}/${at % 10 === 0 ? "stuck" : ""}`;
      return checkPlan({
        name: String(at),
        everyMs: 5_000,
        timeoutMs: 5_000,
        how:
          at % 2 === 0
            ? { type: "http", url, certificateDaysMin: null, ...plain }
            : { type: "tcp", host: "127.0.0.1", port: tcpPort },
      });
    }),
  );
  const late: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    await sleep(1_000);
    late.push(scheduler.stats().lateMsMax);
  }
  const stats = scheduler.stats();
  scheduler.stop();
  http.closeAllConnections();
  http.close();
  tcp.close();
  console.log(
    `1,000 checks every 5 s, 100 of them stuck: ${results} results (${failed} failed), ${stats.leftOut} left out, latest start per second: worst ${Math.max(...late).toFixed(0)} ms, median ${late.sort((a, b) => a - b)[late.length >> 1]?.toFixed(0)} ms`,
  );
}

await idle(1, ["/bin/sleep", "1000"], false);
await idle(50, ["/bin/sleep", "1000"], true);
await thousandChecks();
