// What the agent gets for a diagnosis: stalls seen from outside the loop, the stack that blocks it, who allocates, who
// computes; and that the probe goes away when told.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { CpuValue, HeapValue, StackValue } from "@prunella/probe";
import { Host, TestAgent } from "./agent.ts";
import { nodesUnderTest } from "./nodes.ts";

for (const node of nodesUnderTest()) {
  describe(`evidence under ${node.name}`, { skip: node.skip, timeout: 60_000 }, () => {
    let agent: TestAgent;
    let host: Host;
    let base: string;
    beforeEach(async () => {
      agent = await TestAgent.listen();
      host = new Host(node.file, "service.cjs", [], agent.socketPath);
      base = `http://127.0.0.1:${await host.firstLine()}`;
      await agent.first("stats");
    });
    afterEach(async () => {
      await host.kill();
      await agent.close();
    });

    test("a spinning loop is reported and its function named while it spins", async () => {
      const askedAt = Date.now();
      await fetch(`${base}/spin?ms=4000`);
      const stall = await agent.first("stall");
      const answer = await agent.command({ command: "stack" });
      assert.ok(answer.ok);
      const stack = answer.value as StackValue;
      assert.equal(stack.state, "blocked");
      assert.ok(stack.state === "blocked");
      assert.equal(stack.frames[0]?.function, "spinLoop");
      assert.match(stack.frames[0].url, /^\/.*service\.cjs$/);
      assert.ok(stack.frames[0].line >= 5 && stack.frames[0].line <= 10);
      // 1.1 s on an idle machine.
      assert.ok(Date.now() - askedAt < 3_000, `took ${Date.now() - askedAt} ms`);
      assert.ok(stall.blockedMs >= 1_000);
      assert.ok(stall.cpu > 0.1, `a spin uses CPU, said ${stall.cpu}`);
      assert.equal(stall.phase, "running");

      const profile = await agent.command({ command: "cpu", seconds: 1 });
      assert.ok(profile.ok);
      const { functions } = profile.value as CpuValue;
      assert.match(functions[0]?.url ?? "", /service\.cjs$/);
      const heap = await agent.command({ command: "heap", seconds: 1 });
      assert.ok(!heap.ok, "a blocked loop has no heap profile");
      const end = await agent.first("stall-end");
      assert.ok(end.blockedMs >= 3_000 && end.blockedMs < 6_000);
      assert.ok(agent.all("stall").length >= 3, "repeated while it lasts");
    });

    test("a regular expression that backtracks is named", async () => {
      await fetch(`${base}/regex`);
      await agent.first("stall");
      const answer = await agent.command({ command: "stack" });
      assert.ok(answer.ok);
      const stack = answer.value as StackValue;
      assert.ok(stack.state === "blocked");
      assert.deepEqual(
        stack.frames.slice(0, 2).map((frame) => frame.function),
        ["RegExp.test", "backtrack"],
      );
    });

    test("a wait outside JavaScript is told from a spin, and ends as if nobody had looked", async () => {
      await fetch(`${base}/native?s=3`);
      const stall = await agent.first("stall");
      assert.ok(stall.cpu < 0.1, `a wait uses no CPU, said ${stall.cpu}`);
      const answer = await agent.command({ command: "stack" });
      assert.ok(answer.ok);
      const stack = answer.value as StackValue;
      assert.ok(stack.state === "native");
      assert.match(stack.status["State"] ?? "", /sleeping/);
      await agent.first("stall-end");
      assert.equal(await (await fetch(`${base}/ok`)).text(), "ok");
    });

    test("a loop that turns has no stack to blame and is not interrupted", async () => {
      assert.deepEqual((await agent.command({ command: "stack" })) satisfies object, {
        type: "result",
        id: 1,
        ok: true,
        value: { state: "turning" },
      });
    });

    test("a leak's allocator is named first", async () => {
      await fetch(`${base}/leak`);
      const answer = await agent.command({ command: "heap", seconds: 2, collect: true });
      assert.ok(answer.ok);
      const { allocators, sampledBytes } = answer.value as HeapValue;
      assert.equal(allocators[0]?.function, "leakRecords");
      assert.match(allocators[0].url, /^\/.*service\.cjs$/);
      assert.ok(allocators[0].bytes > sampledBytes / 2);
      assert.ok(allocators.length <= 20);
    });

    test("one profile at a time, and unknown commands, are refused with a reason", async () => {
      const [first, second] = await Promise.all([
        agent.command({ command: "cpu", seconds: 1 }),
        agent.command({ command: "heap", seconds: 1 }),
      ]);
      assert.ok(first.ok);
      assert.ok(!second.ok);
      assert.match(second.error, /already/);
      const unknown = await agent.command({ command: "nonsense" } as never);
      assert.ok(!unknown.ok);
      assert.match(unknown.error, /unknown command/);
    });

    test("a process that exits during a profile exits silently and at once", async () => {
      const other = new Host(node.file, "endings.cjs", ["exit-in-the-middle", "2500"], agent.socketPath);
      await agent.until(() => agent.all("hello").length === 2, "second hello");
      void agent.command({ command: "heap", seconds: 30 }).catch(() => {});
      const { code, stderr } = await other.ended;
      assert.deepEqual({ code, stderr }, { code: 3, stderr: "" });
    });

    test("off: the probe leaves, the service stays", async () => {
      const before = agent.connections;
      assert.equal(before, 1);
      assert.ok((await agent.command({ command: "off" })).ok);
      while (agent.connections > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      const stats = agent.all("stats").length;
      assert.equal(await (await fetch(`${base}/ok`)).text(), "ok");
      const { code, signal, stderr } = await host.kill("SIGTERM");
      assert.deepEqual({ code, signal, stderr }, { code: null, signal: "SIGTERM", stderr: "" });
      assert.equal(agent.all("stats").length, stats);
    });

    test("a process that is stopped as a whole is not taken for a blocked loop", async () => {
      host.process.kill("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      host.process.kill("SIGCONT");
      const seen = agent.all("stats").length;
      await agent.until(() => agent.all("stats").length > seen + 1, "two more stats");
      assert.deepEqual(agent.all("stall"), []);
    });
  });
}
