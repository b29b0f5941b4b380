// The checks against real servers, files and programs; the webhook against a real receiver.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { realSystem } from "@prunella/resilience";
import { heartbeats, runCheck, runCommand, type CheckHow, type CheckPlan, type CheckResult } from "@prunella/adapters";

function check(how: CheckHow, timeoutMs = 1_000): Promise<CheckResult> {
  const plan: CheckPlan = {
    target: "api",
    name: "check",
    role: "liveness",
    failures: 1,
    successes: 1,
    everyMs: 10_000,
    timeoutMs,
    jitter: 0,
    initialDelayMs: 0,
    how,
  };
  return runCheck(plan, timeoutMs, heartbeats(realSystem));
}

function get(
  url: string,
  more: Partial<Extract<CheckHow, { type: "http" }>> = {},
): Extract<CheckHow, { type: "http" }> {
  return {
    type: "http",
    url,
    method: "GET",
    headers: {},
    statusMin: 200,
    statusMax: 399,
    bodyIncludes: null,
    latencyMsMax: null,
    certificateDaysMin: null,
    ...more,
  };
}

async function listening<S extends Server>(t: TestContext, server: S): Promise<number> {
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

async function serving(
  t: TestContext,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(handle);
  t.after(() => server.closeAllConnections());
  return `http://127.0.0.1:${await listening(t, server)}`;
}

test("http: status, body and latency are judged, redirects are not followed", async (t) => {
  let agents = "";
  const base = await serving(t, (request, response) => {
    agents = String(request.headers["user-agent"]);
    if (request.url === "/moved") response.writeHead(302, { location: "/broken" }).end();
    else if (request.url === "/broken") response.writeHead(500).end("oops");
    else if (request.url === "/slow") setTimeout(() => response.end("late"), 60);
    else if (request.url === "/endless") {
      response.write("start ");
      const timer = setInterval(() => response.write(Buffer.alloc(65_536, "x")), 1);
      response.on("close", () => clearInterval(timer));
    } else response.end("all is well");
  });
  assert.equal((await check(get(base))).ok, true);
  assert.match(agents, /^prunella-probe\//);
  assert.equal((await check(get(`${base}/moved`))).ok, true);
  assert.match((await check(get(`${base}/broken`))).message, /answered 500, expected 200 to 399/);
  assert.equal((await check(get(base, { bodyIncludes: "well" }))).ok, true);
  assert.match(
    (await check(get(base, { bodyIncludes: "bad" }))).message,
    /answered 200, and the body does not contain "bad": "/,
  );
  assert.match((await check(get(`${base}/slow`, { latencyMsMax: 20 }))).message, /at most 20 ms/);
  assert.equal((await check(get(`${base}/endless`, { bodyIncludes: "start" }))).ok, true);
});

test("http: a server that never answers fails at the limit, one that is not there at once", async (t) => {
  const base = await serving(t, () => {});
  const slow = await check(get(base), 100);
  assert.equal(slow.ok, false);
  assert.match(slow.message, /no answer within \d+ ms/);
  assert.match((await check(get("http://127.0.0.1:1/"))).message, /ECONNREFUSED/);
  assert.equal((await check(get("nonsense:"))).ok, false);
});

test("http: a kept connection that the server closed is not taken for a failure", async (t) => {
  const server = createServer((_, response) => response.end("ok"));
  server.keepAliveTimeout = 1;
  const base = `http://127.0.0.1:${await listening(t, server)}`;
  for (let round = 0; round < 200; round += 1) {
    const result = await check(get(base));
    assert.equal(result.ok, true, result.message);
  }
});

test("tcp: open is good, closed is not", async (t) => {
  const port = await listening(t, createTcpServer());
  assert.equal((await check({ type: "tcp", host: "127.0.0.1", port })).ok, true);
  assert.equal((await check({ type: "tcp", host: "localhost", port: 1 })).ok, false);
});

test("command: exit status, output, limit, absence", async () => {
  const run = (script: string, timeoutMs = 2_000) =>
    check({ type: "command", argv: ["/bin/sh", "-c", script], cwd: "/" }, timeoutMs);
  assert.deepEqual([(await run("exit 0")).ok, (await run("exit 1")).ok], [true, false]);
  assert.match((await run("echo it is so >&2; exit 4")).message, /^exit status 4: it is so$/);
  assert.match((await run("sleep 10", 100)).message, /not done within 100 ms, killed/);
  assert.match((await check({ type: "command", argv: ["/no/such"], cwd: "/" })).message, /cannot be started: .*ENOENT/);
});

test("a command's output is bounded and nothing of its group outlives it", async () => {
  const done = await runCommand({
    argv: ["/bin/sh", "-c", "sleep 100 & echo $!; yes | head -c 100000"],
    cwd: "/",
    timeoutMs: 5_000,
    outputBytesMax: 1_000,
  });
  assert.equal(done.code, 0);
  assert.equal(done.output.length, 1_000);
  assert.equal(done.truncated, true);
  const left = Number(done.output.split("\n")[0]);
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  assert.match(stateOf(left), /^[ZX]?$/);
});

/** The letter of a process's state, "" when there is none. Whoever adopts an orphan may be slow to reap it. */
function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.charAt(text.lastIndexOf(")") + 2);
  } catch {
    return "";
  }
}

test("process: by name", async () => {
  assert.equal((await check({ type: "process", name: "node" })).ok, true);
  assert.match((await check({ type: "process", name: "no-such-program" })).message, /no process is called/);
});

test("file age: fresh, old, absent", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-check-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "backup");
  const how = { type: "file-age", path: file, ageMsMax: 60_000 } as const;
  assert.match((await check(how)).message, /ENOENT/);
  writeFileSync(file, "");
  assert.equal((await check(how)).ok, true);
  utimesSync(file, new Date(), new Date(Date.now() - 120_000));
  assert.match((await check(how)).message, /written 120 s ago/);
});
