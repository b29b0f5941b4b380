// The proxy against real sockets: what each toxic does to the bytes, and the HTTP API that drives it.
import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { parsed, type Proxy } from "../src/proxy/proxy.ts";
import { toxiproxy, type Toxiproxy } from "../src/proxy/toxiproxy.ts";

let server: Server;
let upstream = "";
let toxics: Toxiproxy;
let subject: Proxy;

before(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => socket.write(data));
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  upstream = `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  toxics = await toxiproxy({ upstreams: [upstream], random: () => 0.5 });
  subject = await toxics.create({ name: "echo", upstream });
});
after(async () => {
  await toxics.close();
  server.close();
});

async function open(): Promise<Socket> {
  const { host, port } = parsed(subject.listen);
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Sends, reads until the same number of bytes is back or the other side ends; says what came and how long it took. */
async function echo(text: string, waitMs = 2_000): Promise<{ back: string; ms: number; ended: string }> {
  const socket = await open();
  const since = performance.now();
  let back = "";
  return new Promise((resolve) => {
    const done = (ended: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ back, ms: performance.now() - since, ended });
    };
    const timer = setTimeout(() => done("late"), waitMs);
    socket.on("data", (data) => {
      back += data.toString();
      if (back.length >= text.length) done("whole");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? "error"));
    socket.on("close", () => done("closed"));
    socket.write(text);
  });
}

async function api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${toxics.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json().catch(() => null) };
}

async function with_(toxic: object, look: () => Promise<void>): Promise<void> {
  assert.equal((await api("POST", "/proxies/echo/toxics", { name: "t", ...toxic })).status, 200);
  try {
    await look();
  } finally {
    assert.equal((await api("DELETE", "/proxies/echo/toxics/t")).status, 204);
  }
}

test("without a toxic everything passes as it is", async () => {
  assert.deepEqual((await echo("hello")).back, "hello");
});

test("latency delays each direction that it is put on, and is gone when it is removed", async () => {
  await with_({ type: "latency", attributes: { latency: 300 } }, async () => {
    assert.ok((await echo("hello")).ms >= 295);
  });
  assert.ok((await echo("hello")).ms < 250);
});

test("a bandwidth is a rate: 20 kB at 100 kB/s take at least 0.15 s and arrive whole", async () => {
  await with_({ type: "bandwidth", attributes: { rate: 100 } }, async () => {
    const { back, ms } = await echo("x".repeat(20_000));
    assert.equal(back.length, 20_000);
    assert.ok(ms >= 150, `${ms} ms`);
  });
});

test("a timeout lets nothing pass, and closes after its time", async () => {
  await with_({ type: "timeout", attributes: { timeout: 200 } }, async () => {
    const { back, ended, ms } = await echo("hello");
    assert.equal(back, "");
    assert.equal(ended, "closed");
    assert.ok(ms >= 150);
  });
  await with_({ type: "timeout", attributes: { timeout: 0 } }, async () => {
    assert.equal((await echo("hello", 400)).ended, "late");
  });
});

test("reset_peer resets the connection", async () => {
  await with_({ type: "reset_peer", attributes: { timeout: 50 } }, async () => {
    const socket = await open();
    const ended = await new Promise((resolve) => {
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on("close", () => resolve("closed"));
    });
    assert.equal(ended, "ECONNRESET");
  });
});

test("limit_data closes after so many bytes", async () => {
  await with_({ type: "limit_data", attributes: { bytes: 3 } }, async () => {
    const { back, ended } = await echo("hello");
    assert.equal(back, "hel");
    assert.equal(ended, "closed");
  });
});

test("a slicer cuts the data, and all of it arrives", async () => {
  await with_({ type: "slicer", attributes: { average_size: 2, size_variation: 1, delay: 1_000 } }, async () => {
    assert.equal((await echo("abcdefghij")).back, "abcdefghij");
  });
});

test("slow_close keeps the connection open for its time", async () => {
  await with_({ type: "slow_close", attributes: { delay: 300 } }, async () => {
    const socket = await open();
    const since = performance.now();
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.on("data", () => undefined);
    socket.end("bye");
    await closed;
    assert.ok(performance.now() - since >= 290);
  });
});

test("disabled it refuses connections, and comes back on the same address", async () => {
  const { listen } = subject;
  assert.equal((await api("POST", "/proxies/echo", { enabled: false })).status, 200);
  await assert.rejects(echo("hello"), { code: "ECONNREFUSED" });
  assert.equal((await api("POST", "/proxies/echo", { enabled: true })).status, 200);
  assert.equal(subject.listen, listen);
  assert.equal((await echo("hello")).back, "hello");
});

test("the API answers as Toxiproxy's does, and refuses what it cannot do", async () => {
  assert.equal((await api("GET", "/version")).status, 200);
  assert.equal((await api("POST", "/proxies", { name: "echo", upstream })).status, 409);
  assert.equal((await api("POST", "/proxies", { name: "far", upstream: "10.0.0.1:80" })).status, 403);
  assert.equal((await api("POST", "/proxies/nobody/toxics", { type: "latency" })).status, 404);
  assert.equal((await api("POST", "/proxies/echo/toxics", { type: "loss" })).status, 400);
  assert.equal(
    (await api("POST", "/proxies/echo/toxics", { type: "latency", attributes: { latency: 5 } })).status,
    200,
  );
  assert.equal((await api("POST", "/proxies/echo/toxics", { type: "latency" })).status, 409);
  assert.equal((await api("POST", "/reset")).status, 204);
  assert.deepEqual((await api("GET", "/proxies/echo/toxics")).body, []);
  const metrics = await (await fetch(`${toxics.url}/metrics`)).text();
  assert.match(metrics, /toxiproxy_proxy_sent_bytes_total\{direction="downstream",proxy="echo"/);
});
