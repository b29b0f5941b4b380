// Counts against traffic that is known, the application's half, clusters, and an agent that goes away and comes back.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, test } from "node:test";
import { latencyBoundsMs, type OutgoingStats, type RouteStats } from "@prunella/probe";
import { Host, preloadFile, TestAgent, workFolder } from "./agent.ts";
import { nodesUnderTest } from "./nodes.ts";

function routes(
  agent: TestAgent,
): Map<string, { count: number; errors: number; clientErrors: number; aborted: number }> {
  const sums = new Map<string, { count: number; errors: number; clientErrors: number; aborted: number }>();
  for (const each of agent.all("stats").flatMap((stats): readonly RouteStats[] => stats.http.routes)) {
    const sum = sums.get(each.route) ?? { count: 0, errors: 0, clientErrors: 0, aborted: 0 };
    sum.count += each.count;
    sum.errors += each.errors;
    sum.clientErrors += each.clientErrors;
    sum.aborted += each.aborted;
    sums.set(each.route, sum);
    const inBuckets = each.latency.counts.reduce((total, count) => total + count, 0);
    assert.equal(inBuckets, each.count);
    assert.ok(each.latency.counts.length <= latencyBoundsMs.length);
  }
  return sums;
}

function destination(agent: TestAgent, port: number): OutgoingStats[] {
  return agent.all("stats").flatMap((stats) => stats.outgoing.filter((each) => each.port === port));
}

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

for (const node of nodesUnderTest()) {
  describe(`traffic under ${node.name}`, { skip: node.skip, timeout: 60_000 }, () => {
    let agent: TestAgent;
    let host: Host;
    let base: string;
    const start = async (script: string): Promise<void> => {
      host = new Host(node.file, script, [], agent.socketPath);
      base = `http://127.0.0.1:${await host.firstLine()}`;
      await agent.first("stats");
    };
    beforeEach(async () => {
      agent = await TestAgent.listen();
    });
    afterEach(async () => {
      await host.kill();
      await agent.close();
    });

    test("requests are counted by route, outcome and latency", async () => {
      await start("service.cjs");
      const get = async (path: string, times: number): Promise<void> => {
        for (let at = 0; at < times; at += 1) await (await fetch(base + path)).arrayBuffer();
      };
      await get("/ok", 40);
      await get("/fail", 7);
      for (let id = 0; id < 30; id += 1) await get(`/users/${id}`, 1);
      for (let page = 0; page < 150; page += 1) await get(`/admin-${page}.php`, 1);
      const hanging = http.get(`${base}/hang`, { agent: false }).on("error", () => {});
      await agent.first("stats", (stats) => stats.http.inFlight === 1);
      hanging.destroy();
      await agent.until(() => (routes(agent).get("/hang")?.aborted ?? 0) === 1, "the aborted request");
      assert.deepEqual(Object.fromEntries(routes(agent)), {
        "/ok": { count: 40, errors: 0, clientErrors: 0, aborted: 0 },
        "/fail": { count: 7, errors: 7, clientErrors: 0, aborted: 0 },
        "/users/:id": { count: 30, errors: 0, clientErrors: 0, aborted: 0 },
        other: { count: 150, errors: 0, clientErrors: 150, aborted: 0 },
        "/hang": { count: 0, errors: 0, clientErrors: 0, aborted: 1 },
      });
      const hello = await agent.first("hello");
      assert.equal(hello.pid, host.process.pid);
      assert.equal(hello.ppid, process.pid);
      assert.equal(hello.service, "fixture");
      assert.match(hello.argv0, /service\.cjs$/);
      const [stats] = agent.all("stats");
      assert.ok(stats !== undefined && stats.rss > 1e7 && stats.heap.used > 1e6 && stats.heap.limit > stats.heap.used);
      assert.ok(stats.utilization >= 0 && stats.utilization <= 1);
    });

    test("failing calls name host, port and reason, once each, whatever made them", async () => {
      await start("service.cjs");
      for (const [way, expected] of [
        ["call?url=http://127.0.0.1:PORT/", 1],
        ["fetch?url=http://127.0.0.1:PORT/", 1],
        ["tcp?port=PORT", 1],
      ] as const) {
        const port = await closedPort();
        const response = await fetch(`${base}/${way.replace("PORT", String(port))}`);
        assert.equal(await response.text(), "ECONNREFUSED");
        await agent.until(() => destination(agent, port).some((each) => each.errors > 0), `errors of ${way}`);
        const seen = destination(agent, port);
        assert.equal(
          seen.reduce((sum, each) => sum + each.errors, 0),
          expected,
          way,
        );
        assert.equal(seen[0]?.host, "127.0.0.1");
        assert.match(seen.find((each) => each.lastError !== null)?.lastError ?? "", /ECONNREFUSED/);
      }
    });

    test("answered calls are counted with latency, answers 5xx as errors, slow connections as connecting", async () => {
      await start("service.cjs");
      const upstream = http.createServer((request, response) => {
        response.writeHead(request.url === "/bad" ? 500 : 200).end();
      });
      await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
      const { port } = upstream.address() as net.AddressInfo;
      for (const way of ["call", "fetch"])
        for (const path of ["good", "good", "bad"])
          await (await fetch(`${base}/${way}?url=http://127.0.0.1:${port}/${path}`)).text();
      const sum = (key: "count" | "errors" | "connects"): number =>
        destination(agent, port).reduce((total, each) => total + each[key], 0);
      await agent.until(() => sum("count") === 6, "six calls");
      assert.equal(sum("errors"), 2);
      assert.ok(sum("connects") >= 1);
      assert.ok(destination(agent, port).some((each) => each.lastError === "HTTP 500"));
      assert.ok(destination(agent, port).every((each) => each.host === "127.0.0.1"));
      upstream.closeAllConnections();
      upstream.close();
    });

    test("an ES module reports guards and progress, and is driven", async () => {
      await start("service.mjs");
      await agent.first("heartbeat", (line) => line.name === "poller");
      await agent.first("progress", (line) => line.name === "jobs" && line.value > 5);
      await agent.first("progress", (line) => line.name === "offset" && line.value % 10 === 0);
      const closed = await agent.first("guards");
      assert.equal((closed.snapshots[0] as { state: string }).state, "closed");
      assert.ok((await agent.command({ command: "guard", name: "db", control: "open", argument: 5 })).ok);
      await agent.first("guards", (line) => (line.snapshots[0] as { state: string }).state === "open");
      const { event } = await agent.first("guard");
      assert.equal((event as { event: string }).event, "opened");

      const double = await agent.command({ command: "action", name: "double", arguments: 21 });
      assert.deepEqual(double.ok && double.value, 42);
      const reasons: [Parameters<TestAgent["command"]>[0], RegExp][] = [
        [{ command: "action", name: "broken" }, /this repair is broken/],
        [{ command: "action", name: "absent" }, /registered no action "absent"/],
        [{ command: "action", name: "circular" }, /cannot be written as JSON/],
        [{ command: "guard", name: "none", control: "open" }, /no guard is named "none"/],
        [{ command: "guard", name: "db", control: "toString" }, /has no control "toString"; it has open/],
      ];
      for (const [command, reason] of reasons) {
        const result = await agent.command(command);
        assert.ok(!result.ok);
        assert.match(result.error, reason);
      }
    });

    test("cluster workers report for themselves, worker threads do not", async () => {
      await start("cluster.cjs");
      await agent.until(() => agent.all("hello").length >= 3, "three hellos");
      const hellos = agent.all("hello");
      assert.equal(new Set(hellos.map((hello) => hello.pid)).size, 3);
      assert.equal(hellos.filter((hello) => hello.ppid === host.process.pid).length, 2);
      assert.equal(agent.connections, 3);
    });

    test("an agent that goes away and comes back finds the probe again; what was not sent is bounded and counted", async () => {
      await start("service.cjs");
      await agent.close();
      await fetch(`${base}/ok`);
      await new Promise((resolve) => setTimeout(resolve, 600));
      assert.equal(await (await fetch(`${base}/ok`)).text(), "ok");
      agent = await TestAgent.listen(agent.socketPath);
      await agent.first("hello", () => true, 3_000);
      await agent.until(() => routes(agent).get("/ok")?.count === 2, "the requests of the time without agent");
    });
  });
}

test("package managers, and grandchildren, stay without a probe", async () => {
  const agent = await TestAgent.listen();
  const npm = path.join(workFolder, "npm-cli.js");
  writeFileSync(npm, `console.log(typeof globalThis[Symbol.for("prunella.probe")]); setTimeout(() => {}, 500);`);
  const [manager] = nodesUnderTest();
  assert.ok(manager !== undefined);
  assert.equal((await new Host(manager.file, npm, [], agent.socketPath).ended).stdout, "undefined\n");
  const tool = path.join(workFolder, "tool.cjs");
  writeFileSync(tool, `console.log(typeof globalThis[Symbol.for("prunella.probe")]); setTimeout(() => {}, 300);`);
  const parent = (pid: number): object => ({ PRUNELLA_PROBE_PARENT: String(pid) });
  assert.equal((await new Host(manager.file, tool, [], agent.socketPath, parent(1)).ended).stdout, "undefined\n");
  // A child of the service is measured; it ends before it has earned a second thread.
  const child = await new Host(manager.file, tool, [], agent.socketPath, parent(process.pid)).ended;
  assert.equal(child.stdout, "object\n");
  assert.deepEqual(agent.all("hello"), []);
  await agent.close();
});

test("the preload file is made once and named by its content", () => {
  assert.match(preloadFile, /probe-[0-9a-f]{16}\/preload\.cjs$/);
});
