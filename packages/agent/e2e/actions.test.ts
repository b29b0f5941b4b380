// The other actions, and what the probe of a Node service tells: stalls, stacks, heaps, errors.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { checkPlan, isRunning, stage, until, type Stage } from "./harness.ts";

function staged(t: TestContext): Stage {
  const made = stage();
  t.after(() => made.end());
  return made;
}
const portOf = (s: Stage): number => Number(/listening (\d+)/.exec(s.log("api"))?.[1]);

test("exec, http and wait say what came of them and whether they had an effect", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link();
  const echo = await link.order("db", { type: "exec", argv: ["/bin/echo", "a; b"], cwd: null });
  assert.deepEqual(echo, { kind: "succeeded", detail: "a; b" });
  const absent = await link.order("db", { type: "exec", argv: ["/no/such"], cwd: null });
  assert.ok(absent.kind === "failed" && absent.effect === "none");
  const fails = await link.order("db", { type: "exec", argv: ["/bin/sh", "-c", "echo no; exit 3"], cwd: null });
  assert.deepEqual(fails, { kind: "failed", reason: "exit status 3\nno", effect: "some" });
  const slow = await link.order(
    "db",
    { type: "exec", argv: ["/bin/sh", "-c", "sleep 60 & sleep 60"], cwd: null },
    { timeoutMs: 500 },
  );
  assert.ok(slow.kind === "failed" && slow.reason.startsWith("killed"));
  const long = await link.order("db", { type: "exec", argv: ["/bin/sh", "-c", "yes | head -c 50000"], cwd: null });
  assert.ok(long.kind === "succeeded" && long.detail.length < 16_100 && long.detail.endsWith("[cut at 16 kB]"));

  const server = createServer((request, response) => {
    response.statusCode = request.url === "/bad" ? 500 : 200;
    if (request.url !== "/slow") response.end(request.method);
  }).listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const http = { type: "http", method: "POST", body: "{}", expectStatus: [200, 299] } as const;
  assert.deepEqual(await link.order("db", { ...http, url: `${base}/` }), {
    kind: "succeeded",
    detail: "answered 200: POST",
  });
  const bad = await link.order("db", { ...http, url: `${base}/bad` });
  assert.ok(bad.kind === "failed" && bad.effect === "some");
  const refused = await link.order("db", { ...http, url: "http://127.0.0.1:1/" });
  assert.ok(refused.kind === "failed" && refused.effect === "none");
  assert.equal((await link.order("db", { ...http, url: `${base}/slow` }, { timeoutMs: 500 })).kind, "unknown");
  assert.equal((await link.order("db", { type: "wait", forMs: 50 })).kind, "succeeded");
  const foreign = await link.order("db", { type: "restart", graceful: true });
  assert.ok(foreign.kind === "failed" && foreign.effect === "none");
});

test("two orders on one target do not act at once", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link();
  const first = link.order("api", { type: "wait", forMs: 600 });
  const second = await link.order("api", { type: "restart", graceful: true });
  assert.ok(second.kind === "failed" && second.effect === "none");
  assert.equal((await first).kind, "succeeded");
});

test("a blocked Node service is seen from its probe, with the function that blocks it, and replaced", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{ probe: "auto" }]));
  const link = await s.link();
  const { pid } = await link.event("started");
  await until(() => s.log("api").includes("listening"), "up");
  await link.observation("sample", (sample) => sample.target === "api" && sample.values["heapUsedBytes"] !== undefined);
  const blockedAt = performance.now();
  await fetch(`http://127.0.0.1:${portOf(s)}/block`);
  const stall = await link.observation("stall");
  t.diagnostic(`stall reported after ${(performance.now() - blockedAt).toFixed(0)} ms`);
  assert.equal(stall.target, "api");
  const stack = await link.client.examine({ target: "api", want: "stack", detail: "", timeoutMs: 5_000 });
  assert.match(stack?.summary ?? "", /blockForEver/);
  const outcome = await link.order("api", { type: "restart", graceful: false });
  assert.equal(outcome.kind, "succeeded");
  assert.equal(isRunning(pid), false);
});

test("an exception that ends the process arrives with its exit", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{ probe: "on" }]));
  const link = await s.link();
  await link.event("started");
  await until(() => s.log("api").includes("listening"), "up");
  await link.observation("sample", (sample) => sample.target === "api" && sample.values["lagMsP99"] !== undefined);
  await fetch(`http://127.0.0.1:${portOf(s)}/throw`).catch(() => {});
  const exited = await link.event("exited");
  assert.equal(exited.exit.code, 1);
  assert.equal(exited.error?.name, "TypeError");
  assert.equal(exited.error?.message, "broken on purpose");
  assert.match(exited.lastLines.join("\n"), /broken on purpose/);
});

test("without a probe the kernel's view stands in for the stack, and the heap is unknown", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link();
  await link.event("started");
  const stack = await link.client.examine({ target: "api", want: "stack", detail: "", timeoutMs: 2_000 });
  assert.match(stack?.summary ?? "", /seen from outside: process \d+ is [RS]/);
  assert.equal(await link.client.examine({ target: "api", want: "heap", detail: "", timeoutMs: 2_000 }), null);
});

test("samples, disk, checks and heartbeats are observed, and checks can be run at once", async (t) => {
  const s = staged(t);
  await s.agent(
    s.plan([{ env: {} }], {
      checks: [
        checkPlan({ name: "alive", how: { type: "process", name: "node" } }),
        checkPlan({ name: "closed", how: { type: "tcp", host: "127.0.0.1", port: 1 } }),
        checkPlan({
          target: "job",
          name: "ping",
          how: { type: "heartbeat", slug: "nightly", periodMs: 60_000, graceMs: 0 },
        }),
      ],
    }),
  );
  const link = await s.link();
  const sample = await link.observation(
    "sample",
    (each) => each.target === "api" && (each.values["rssBytes"] ?? 0) > 1e6,
  );
  for (const metric of ["cpuShare", "threads", "descriptors", "descriptorsSocket", "writtenBytesPerSecond"])
    assert.equal(typeof sample.values[metric], "number", metric);
  assert.ok((sample.values["descriptors"] ?? 0) > 3);
  await link.observation("sample", (each) => each.target === "prunella" && (each.values["diskFreeBytes"] ?? 0) > 0);
  assert.equal((await link.observation("check", (each) => each.check === "alive")).ok, true);
  assert.equal((await link.observation("check", (each) => each.check === "closed")).ok, false);
  const evidence = await link.client.examine({ target: "api", want: "recheck", detail: "", timeoutMs: 2_000 });
  assert.match(evidence?.summary ?? "", /^1 of 2 checks fail: closed/);
  link.client.heartbeat("nightly");
  link.client.heartbeat("unheard-of");
  assert.equal((await link.observation("heartbeat")).name, "nightly");
});
