// Services as real processes: started, killed, stopped whole, adopted by the next agent.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { isRunning, sleep, stage, until, type Stage } from "./harness.ts";

function staged(t: TestContext): Stage {
  const made = stage();
  t.after(() => made.end());
  return made;
}

test("a service that is killed is reported at once, with its last lines, and not restarted by the agent", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link();
  const started = await link.event("started");
  await until(() => s.log("api").includes("listening"), "the service listens");
  const killedAt = performance.now();
  process.kill(started.pid, "SIGKILL");
  const exited = await link.event("exited");
  const tookMs = performance.now() - killedAt;
  t.diagnostic(`exit to event: ${tookMs.toFixed(1)} ms`);
  assert.equal(exited.exit.signal, "SIGKILL");
  assert.equal(exited.expected, false);
  assert.match(exited.lastLines.join("\n"), /listening \d+/);
  await link.observation("process", (signal) => !signal.running && signal.wanted);
  await sleep(300);
  assert.equal(link.events.filter((event) => event.type === "started").length, 1);
});

test("an order with the same key acts once, and its outcome survives the agent", async (t) => {
  const s = staged(t);
  const plan = s.plan([{}]);
  const agent = await s.agent(plan);
  const link = await s.link();
  const first = await link.event("started");
  const order = {
    key: "r1",
    fence: 1,
    target: "api",
    action: { type: "restart", graceful: true },
    timeoutMs: 8_000,
  } as const;
  const [one, two] = await Promise.all([link.client.perform(order), link.client.perform(order)]);
  assert.equal(one.kind, "succeeded");
  assert.deepEqual(two, one);
  assert.equal(isRunning(first.pid), false);
  const exit = await link.event("exited");
  assert.equal(exit.expected, true);
  assert.deepEqual(await link.client.outcomeOf("r1"), one);
  assert.equal(await link.client.outcomeOf("never"), null);
  await agent.kill("SIGKILL");
  await s.agent(plan);
  await until(() => link.client.connected, "reconnected");
  assert.deepEqual(await link.client.perform(order), one);
  assert.equal(link.events.filter((event) => event.type === "exited").length, 1);
});

test("an order begun when the agent died is unknown afterwards", async (t) => {
  const s = staged(t);
  const plan = s.plan([{}]);
  const agent = await s.agent(plan);
  const link = await s.link();
  const waiting = link.order("api", { type: "wait", forMs: 5_000 }, { key: "w1" });
  waiting.catch(() => {});
  const stateText = (): string => {
    try {
      return readFileSync(path.join(s.folder, "agent-state.json"), "utf8");
    } catch {
      return "";
    }
  };
  await until(() => stateText().includes("w1"), "intent on disk");
  assert.equal(await link.client.outcomeOf("w1"), "running");
  await agent.kill("SIGKILL");
  await assert.rejects(waiting);
  await s.agent(plan);
  await until(() => link.client.connected, "reconnected");
  const outcome = await link.client.outcomeOf("w1");
  assert.equal(typeof outcome === "object" && outcome?.kind, "unknown");
});

test("orders of an older control plane are refused, and so is its connection", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link(7);
  const stale = await link.order("api", { type: "stop" }, { fence: 6 });
  assert.deepEqual([stale.kind, stale.kind === "failed" && stale.effect], ["failed", "none"]);
  await assert.rejects(Promise.race([s.link(6), sleep(700).then(() => Promise.reject(new Error("never connected")))]));
  assert.equal(link.client.connected, true);
});

test("a second agent on the same data folder is refused and names the first", async (t) => {
  const s = staged(t);
  const plan = s.plan([{}]);
  const first = await s.agent(plan);
  const { startAgent } = await import("../src/index.ts");
  await assert.rejects(
    startAgent({ plan, dataFolder: s.folder, controlCommand: [] }),
    new RegExp(`process ${first.pid}`),
  );
});

test("stopping a service ends its children, one that called setsid included, and nothing else", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{ env: { FAMILY: "1" } }]));
  const link = await s.link();
  const { pid } = await link.event("started");
  await until(() => s.log("api").includes("family"), "the family is up");
  const [, child, stray] = (/family (\d+) (\d+)/.exec(s.log("api")) ?? []).map(Number);
  assert.ok(child !== undefined && stray !== undefined);
  assert.ok(isRunning(child) && isRunning(stray));
  const outcome = await link.order("api", { type: "stop" });
  assert.equal(outcome.kind, "succeeded");
  assert.deepEqual([pid, child, stray].map(isRunning), [false, false, false]);
  assert.match(s.log("api"), /stopping/, "it was asked before it was killed");
  await link.observation("process", (signal) => !signal.running && !signal.wanted);
});

test("kill -9 of the agent: the next one adopts the running service and its log goes on", async (t) => {
  const s = staged(t);
  const plan = s.plan([
    { name: "api", command: ["/bin/sh", "-c", "i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.02; done"] },
  ]);
  const agent = await s.agent(plan);
  const link = await s.link();
  const { pid } = await link.event("started");
  await until(() => s.log("api").includes("tick 5\n"), "it writes");
  await agent.kill("SIGKILL");
  assert.equal(isRunning(pid), true);
  await sleep(100);
  await s.agent(plan);
  const adopted = await link.event("started", (event) => event.adopted);
  assert.equal(adopted.pid, pid);
  const ticks = s.log("api").trimEnd().split("\n");
  assert.deepEqual(
    ticks.slice(0, -1),
    ticks.slice(0, -1).map((_, at) => `tick ${at}`),
  );
  const lines = await link.client.logs("api", 3);
  assert.equal(lines.length, 3);
  assert.match(lines[2]?.text ?? "", /^tick \d+$/);
  const killedAt = performance.now();
  process.kill(pid, "SIGKILL");
  const exited = await link.event("exited");
  t.diagnostic(`exit of an adopted process to event: ${(performance.now() - killedAt).toFixed(1)} ms`);
  assert.deepEqual(exited.exit, { code: null, signal: null, outOfMemory: false });
  assert.match(exited.lastLines.at(-1) ?? "", /^tick/);
  const again = await link.order("api", { type: "start" });
  assert.equal(again.kind, "succeeded");
});

test("a service that died while no agent ran is reported and started", async (t) => {
  const s = staged(t);
  const plan = s.plan([{}]);
  const agent = await s.agent(plan);
  const link = await s.link();
  const { pid } = await link.event("started");
  await until(() => s.log("api").includes("listening"), "up");
  await agent.kill("SIGKILL");
  process.kill(pid, "SIGKILL");
  await until(() => !isRunning(pid), "dead");
  await s.agent(plan);
  const exited = await link.event("exited");
  assert.equal(exited.pid, pid);
  const next = await link.event("started", (event) => event.pid !== pid);
  assert.equal(next.adopted, false);
});

test("a service that cannot be started says why", async (t) => {
  const s = staged(t);
  writeFileSync(path.join(s.folder, "plain.txt"), "no program", { mode: 0o644 });
  await s.agent(
    s.plan([
      { name: "missing", command: ["/no/such/program"] },
      { name: "plain", command: [path.join(s.folder, "plain.txt")] },
      { name: "nowhere", cwd: "/no/such/folder" },
      { name: "nobody", user: "no-such-user" },
    ]),
  );
  const link = await s.link();
  const reason = async (target: string): Promise<string> =>
    (await link.event("start-failed", (event) => event.target === target)).reason;
  assert.match(await reason("missing"), /not found \(ENOENT\)/);
  assert.match(await reason("plain"), /may not be executed \(EACCES\)/);
  assert.match(await reason("nowhere"), /working folder \/no\/such\/folder does not exist/);
  assert.match(await reason("nobody"), /no user no-such-user/);
});

test("SIGTERM stops every service in reverse order and leaves nothing behind", async (t) => {
  const s = staged(t);
  const script = (name: string): string =>
    `trap 'date +%s%N > ${name}.end; exit 0' TERM; date +%s%N > ${name}.begin; while :; do sleep 0.02; done`;
  const agent = await s.agent(
    s.plan([
      { name: "web", command: ["/bin/sh", "-c", script("web")], after: ["db"] },
      { name: "db", command: ["/bin/sh", "-c", script("db")] },
    ]),
  );
  const link = await s.link();
  const web = await link.event("started", (event) => event.target === "web");
  const db = await link.event("started", (event) => event.target === "db");
  const time = (name: string): bigint => BigInt(readFileSync(path.join(s.folder, name), "utf8").trim());
  await until(() => isRunning(web.pid), "web runs");
  await sleep(100);
  assert.ok(time("web.begin") - time("db.begin") >= 900_000_000n, "web waited until db had run for a second");
  await agent.kill("SIGTERM");
  assert.ok(time("db.end") > time("web.end"), "db stopped after web");
  assert.deepEqual([web.pid, db.pid].map(isRunning), [false, false]);
});

test("an unresponsive service is killed at its deadline", async (t) => {
  const s = staged(t);
  await s.agent(
    s.plan([
      {
        command: ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"],
        stop: { signal: "SIGTERM", timeoutMs: 300 },
      },
    ]),
  );
  const link = await s.link();
  const { pid } = await link.event("started");
  const outcome = await link.order("api", { type: "stop" });
  assert.deepEqual(outcome, { kind: "succeeded", detail: "killed" });
  assert.equal(isRunning(pid), false);
});

test("an agent without a free descriptor says so, stays up, and does not take the living for dead", async (t) => {
  const s = staged(t);
  const loop = ["/bin/sh", "-c", "while :; do sleep 1; done"];
  const plan = s.plan(Array.from({ length: 8 }, (_, at) => ({ name: `many-${at}`, command: loop })));
  const agent = await s.agent(plan);
  const link = await s.link();
  await until(() => link.events.filter((event) => event.type === "started").length === 8, "all are up");
  await agent.kill("SIGKILL");
  // The successor adopts them and soon has no descriptor left for what it wants to read.
  const poor = await s.agent(plan, [], { descriptors: 32 });
  await until(
    () => link.events.filter((event) => event.type === "started" && event.adopted).length === 8,
    "all adopted",
  );
  await sleep(3_000);
  assert.equal(isRunning(poor.pid), true);
  assert.deepEqual(
    link.events.filter((event) => event.type === "exited"),
    [],
  );
  const { pid } = link.events.find((event) => event.type === "started") as { pid: number };
  process.kill(pid, "SIGKILL");
  assert.equal((await link.event("exited")).pid, pid);
});
