// `npm run bench ingest`: error events through the whole of Prunella, counted by the strict rule: an event counts when it is
// grouped, stored and can be queried over the API, draining included. Real processes (agent, control plane, SQLite on disk),
// Sentry envelopes over HTTP from another process, no shortcut. Options: events (default 20000), size in bytes, connections.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus, tmpdir, totalmem } from "node:os";
import path from "node:path";
import process from "node:process";

const root = path.resolve(import.meta.dirname, "../../..");
const events = Number(process.env["EVENTS"] ?? 20_000);
const connections = Number(process.env["CONNECTIONS"] ?? 32);
const groups = 50;
const key = "0123456789abcdef0123456789abcdef";

const folder = mkdtempSync(path.join(tmpdir(), "prunella-bench-"));
const yaml = `
targets: { api: { check: "tcp://127.0.0.1:9" } }
sources: { sentry: [{ project: 1, key: ${key}, target: api }] }
http: { port: 0 }
`;
writeFileSync(path.join(folder, "prunella.yaml"), yaml);
const data = path.join(folder, "data");
const args = [path.join(root, "packages/prunella/src/main.ts"), "--data", data, "-c", "prunella.yaml", "up"];
const server = spawn(process.execPath, args, {
  cwd: folder,
  stdio: "ignore",
  env: { ...process.env, NODE_NO_WARNINGS: "1" },
});
const ended = new Promise((resolve) => server.once("exit", resolve));

try {
  const { url, pid } = await eventually(
    () => JSON.parse(readFileSync(path.join(data, "control.json"), "utf8")) as { url: string; pid: number },
  );
  await eventually(async () => {
    if ((await fetch(`${url}/readyz`)).status !== 200) throw new Error("not ready");
  });
  console.log(
    `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 1e9)} GB, Node ${process.version}`,
  );
  let expected = 0;
  for (const size of [2_000, 10_000, 50_000]) {
    const count = Math.max(500, Math.round(events / Math.max(1, size / 4_000)));
    expected += count;
    await round(url, pid, size, count, expected);
  }
} finally {
  server.kill("SIGTERM");
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

async function round(url: string, pid: number, size: number, count: number, expected: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  let [sent, turnedAway] = [0, 0];
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (sent < count) {
      const body = envelope((sent += 1), size);
      for (;;) {
        const at = performance.now();
        const { status, retryAfter } = await post(`${url}/api/1/envelope/?sentry_key=${key}`, body, agent);
        if (status === 200) {
          latencies.push(performance.now() - at);
          break;
        }
        if (status !== 429) throw new Error(`answered ${status}`);
        turnedAway += 1;
        await new Promise((resolve) => setTimeout(resolve, Math.min(1_000, retryAfter * 1000)));
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const answeredAt = performance.now();
  await eventually(async () => {
    const { items } = (await (await fetch(`${url}/api/v1/issues?kind=error&limit=500`)).json()) as {
      items: { occurrences: number }[];
    };
    const counted = items.reduce((sum, issue) => sum + issue.occurrences, 0);
    if (counted < expected) throw new Error(`${counted} of ${expected}`);
  });
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): string =>
    `${(latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0).toFixed(1)} ms`;
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  console.log(
    `${String(size).padStart(6)} B: ${(count / seconds).toFixed(0).padStart(5)} events/s grouped, stored and queryable (${count} events, ${connections} connections); ` +
      `answer p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, max ${at(1)}; drained ${((performance.now() - answeredAt) / 1000).toFixed(1)} s after the last answer; ` +
      `429: ${turnedAway}; control plane ${rss.toFixed(0)} MB`,
  );
  agent.destroy();
}

function envelope(number: number, size: number): Buffer {
  const id =
    number.toString(16).padStart(8, "0") +
    Math.floor(performance.now() * 1e6)
      .toString(16)
      .padStart(24, "0")
      .slice(-24);
  const group = number % groups;
  const frames = Array.from({ length: 12 }, (_, at) => ({
    filename: `app/module${at === 11 ? group : at}.js`,
    function: at === 11 ? `handler${group}` : `step${at}`,
    lineno: 10 + at,
    in_app: true,
  }));
  const event = {
    event_id: id,
    timestamp: Date.now() / 1000,
    platform: "node",
    level: "error",
    exception: { values: [{ type: `Error${group}`, value: `order ${number} failed`, stacktrace: { frames } }] },
    extra: { padding: "" },
  };
  event.extra.padding = "x".repeat(Math.max(0, size - JSON.stringify(event).length - 120));
  const payload = JSON.stringify(event);
  return Buffer.from(`{"event_id":"${id}"}\n{"type":"event","length":${Buffer.byteLength(payload)}}\n${payload}\n`);
}

function post(url: string, body: Buffer, agent: Agent): Promise<{ status: number; retryAfter: number }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/x-sentry-envelope", "content-length": body.length };
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      response.resume();
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: Number(response.headers["retry-after"] ?? 1) }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function eventually<T>(ask: () => T | Promise<T>, seconds = 120): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
