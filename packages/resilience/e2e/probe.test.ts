// The hand-over to a supervising process: the probe, preloaded into an application that uses this library, reports every
// guard, every trip, and drives them, though neither package imports the other.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { probeFile, type ProbeMessage, type Result } from "@prunella/probe";
import type { GuardEvent, GuardSnapshot } from "@prunella/resilience";

const folder = mkdtempSync(path.join(os.tmpdir(), "prunella-guards-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the application under a probe, and gives what it takes to ask it. */
async function supervised(...args: string[]) {
  const socketPath = path.join(folder, `${args.length}.sock`);
  const messages: ProbeMessage[] = [];
  let wake = (): void => {};
  const server = net.createServer().listen(socketPath);
  const connected = once(server, "connection") as Promise<[net.Socket]>;
  const fixture = path.resolve(import.meta.dirname, "fixtures/supervised.ts");
  const child = spawn(process.execPath, ["--require", probeFile(path.join(folder, "probe")), fixture, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      NODE_NO_WARNINGS: "1",
      PRUNELLA_PROBE_SOCKET: socketPath,
      PRUNELLA_PROBE_INTERVAL_MS: "200",
    },
  });
  const [socket] = await connected;
  let rest = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    messages.push(...lines.map((line) => JSON.parse(line) as ProbeMessage));
    wake();
  });
  socket.on("error", () => {});
  async function until<Found>(find: () => Found | undefined): Promise<Found> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  let commands = 0;
  return {
    until,
    /** The newest snapshot of a guard that fits. */
    guard: (kind: string, name: string, fits: (snapshot: GuardSnapshot) => boolean) =>
      until(() => {
        const line = messages.findLast((each) => each.type === "guards");
        const snapshots = (line?.type === "guards" ? line.snapshots : []) as GuardSnapshot[];
        return snapshots.find((each) => each.guard === kind && each.name === name && fits(each));
      }),
    event: (name: string) =>
      until(() =>
        messages
          .flatMap((each) => (each.type === "guard" ? [each.event as GuardEvent] : []))
          .find(({ event }) => event === name),
      ),
    ask(command: object): Promise<Result> {
      commands += 1;
      const id = commands;
      socket.write(`${JSON.stringify({ id, ...command })}\n`);
      return until(() => messages.find((each): each is Result => each.type === "result" && each.id === id));
    },
    async stop(): Promise<void> {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      socket.destroy();
      server.close();
    },
  };
}

for (const args of [["--with-action"], []]) {
  const what = args.length > 0 ? "a whole registry" : "nothing but primitives with a name";
  test(`an application with ${what} is seen and driven`, { timeout: 60_000 }, async () => {
    const application = await supervised(...args);
    try {
      await application.guard("breaker", "payments", ({ state }) => state === "closed");
      assert.ok((await application.ask({ command: "guard", name: "payments", control: "isolate" })).ok);
      const isolated = await application.event("isolated");
      assert.deepEqual([isolated.guard, isolated.name, isolated.level], ["breaker", "payments", "trip"]);
      const seen = await application.guard("breaker", "payments", ({ state }) => state === "isolated");
      assert.equal(seen.counts["trips"], 1);
      assert.ok((await application.ask({ command: "guard", name: "payments", control: "close" })).ok);
      await application.guard("breaker", "payments", ({ state }) => state === "closed");

      const slots = {
        command: "guard",
        guard: "bulkhead",
        name: "payments",
        control: "set-concurrent-max",
        argument: 2,
      };
      assert.ok((await application.ask(slots)).ok);
      await application.guard("bulkhead", "payments", ({ values }) => values["concurrentMax"] === 2);
      assert.ok((await application.ask({ command: "guard", name: "calls", control: "set-scale", argument: 0.5 })).ok);
      await application.guard("rate-limiter", "calls", ({ values }) => values["scale"] === 0.5);
      const lower = { command: "guard", name: "shop", control: "set-level", argument: "read-only" };
      assert.ok((await application.ask(lower)).ok);
      await application.guard("degrade", "shop", ({ state }) => state === "read-only");
      const wrong = await application.ask({ command: "guard", name: "shop", control: "set-level", argument: "off" });
      assert.ok(
        !wrong.ok && /level is "off", but must be one of full, read-only/.test(wrong.error),
        JSON.stringify(wrong),
      );

      const refill = await application.ask({ command: "action", name: "refill", arguments: 3 });
      if (args.length === 0) assert.ok(!refill.ok && /no action "refill"/.test(refill.error));
      else {
        assert.deepEqual(refill, { type: "result", id: refill.id, ok: true, value: 3 });
        await application.guard("queue", "jobs", ({ values }) => values["size"] === 3);
        assert.ok((await application.ask({ command: "guard", name: "jobs", control: "drain" })).ok);
        await application.guard("queue", "jobs", ({ values }) => values["size"] === 0);
      }
    } finally {
      await application.stop();
    }
  });
}
