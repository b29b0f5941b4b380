// The control plane as a supervised child: killed, hung, hopeless; signals wait meanwhile.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { fixture, isRunning, sleep, stage, until, type Stage } from "./harness.ts";

function staged(t: TestContext): Stage {
  const made = stage();
  t.after(() => made.end());
  return made;
}
const pids = (file: string): number[] => {
  try {
    return readFileSync(file, "utf8").trim().split("\n").map(Number);
  } catch {
    return [];
  }
};

test("kill -9 of the control plane: it is back at once and the services do not notice", async (t) => {
  const s = staged(t);
  const file = path.join(s.folder, "control.pids");
  const agent = await s.agent(s.plan([{}]), [process.execPath, fixture("fake-control.ts"), file]);
  await until(() => pids(file).length === 1, "the control plane is up");
  await until(() => s.log("api").includes("listening"), "the service is up");
  const [first] = pids(file);
  assert.ok(first !== undefined);
  const killedAt = performance.now();
  process.kill(first, "SIGKILL");
  await until(() => pids(file).length === 2, "it is started again");
  t.diagnostic(`control plane back after ${(performance.now() - killedAt).toFixed(0)} ms`);
  assert.equal(
    s
      .log("api")
      .split("\n")
      .filter((line) => line.startsWith("listening")).length,
    1,
  );
  const [, second] = pids(file);
  await agent.kill("SIGTERM");
  assert.equal(isRunning(second ?? 0), false, "it ends with the agent");
  assert.match(readFileSync(path.join(s.folder, "logs", "control.log"), "utf8"), /control up/);
});

test("a control plane that cannot stay up is tried again with growing waits", async (t) => {
  const s = staged(t);
  const file = path.join(s.folder, "tries");
  await s.agent(s.plan([]), ["/bin/sh", "-c", `date +%s%N >> ${file}; exit 1`]);
  await until(() => pids(file).length >= 4, "four tries");
  const at = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => Number(BigInt(line) / 1_000_000n));
  const waits = at.slice(1, 4).map((time, index) => time - (at[index] ?? 0));
  assert.ok((waits[0] ?? 0) < 100, `first at once, was ${waits[0]} ms`);
  assert.ok((waits[1] ?? 0) >= 100, `then after 100 ms, was ${waits[1]} ms`);
  assert.ok((waits[2] ?? 0) >= 200, `then after 200 ms, was ${waits[2]} ms`);
});

test("an agent that takes over replaces the control plane of the one that died", async (t) => {
  const s = staged(t);
  const file = path.join(s.folder, "control.pids");
  const command = [process.execPath, fixture("fake-control.ts"), file];
  const agent = await s.agent(s.plan([]), command);
  await until(() => pids(file).length === 1, "up");
  await agent.kill("SIGKILL");
  assert.ok(isRunning(pids(file)[0] ?? 0));
  await s.agent(s.plan([]), command);
  await until(() => pids(file).length === 2, "a new one");
  assert.equal(isRunning(pids(file)[0] ?? 0), false);
});

test("events wait while no control plane is there, and are sent again until they are acknowledged", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  await until(() => s.log("api").includes("listening"), "up");
  const first = await s.link(1, true);
  await sleep(300);
  assert.deepEqual(first.events, []);
  first.client.close();
  const second = await s.link(2);
  const started = await second.event("started");
  await sleep(100);
  second.client.close();
  const third = await s.link(3);
  await third.observation("process", (signal) => signal.running && signal.pid === started.pid);
  await sleep(200);
  assert.deepEqual(third.events, [], "what was acknowledged does not come again");
});

test("a new configuration comes into force: services appear, change, and go", async (t) => {
  const s = staged(t);
  const loop = (word: string): string[] => ["/bin/sh", "-c", `echo ${word}; while :; do sleep 0.05; done`];
  const agent = await s.agent(
    s.plan([
      { name: "same", command: loop("a") },
      { name: "old", command: loop("b") },
      { name: "changed", command: loop("c") },
    ]),
  );
  const link = await s.link();
  const before = new Map<string, number>();
  for (const target of ["same", "old", "changed"])
    before.set(target, (await link.event("started", (event) => event.target === target)).pid);
  const plan = s.plan([
    { name: "same", command: loop("a") },
    { name: "changed", command: loop("d") },
    { name: "fresh", command: loop("e") },
  ]);
  writeFileSync(
    path.join(s.folder, "test-agent.json"),
    JSON.stringify({ plan, dataFolder: s.folder, controlCommand: [] }),
  );
  agent.child.kill("SIGHUP");
  await link.event("started", (event) => event.target === "fresh");
  await link.event("started", (event) => event.target === "changed" && event.pid !== before.get("changed"));
  await link.event("exited", (event) => event.target === "old" && event.expected);
  await link.event("change", (event) => event.what === "config");
  assert.ok(isRunning(before.get("same") ?? 0));
  writeFileSync(path.join(s.folder, "test-agent.json"), "{ broken");
  agent.child.kill("SIGHUP");
  await sleep(200);
  assert.ok(isRunning(before.get("same") ?? 0), "a bad configuration changes nothing");
});
