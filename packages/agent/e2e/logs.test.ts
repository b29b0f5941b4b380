// Log rotation under a writer at full speed: every line is there exactly once.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fixture, stage, until } from "./harness.ts";

test("rotation at full speed keeps every numbered line exactly once and in order", async (t) => {
  const s = stage();
  t.after(() => s.end());
  const lines = 6_000_000;
  await s.agent(
    s.plan([
      {
        name: "writer",
        command: [process.execPath, fixture("writer.cjs")],
        env: { LINES: String(lines) },
        logs: { bytesMax: 1_000_000, files: 1_000 },
      },
    ]),
  );
  const begun = performance.now();
  await until(() => existsSync(path.join(s.folder, "writer.done")), "everything is written", 60_000);
  const seconds = (performance.now() - begun) / 1_000;
  await new Promise((resolve) => {
    setTimeout(resolve, 1_500);
  });
  const folder = path.join(s.folder, "logs");
  const files = readdirSync(folder)
    .filter((name) => name.startsWith("writer.out.log"))
    .map((name) => ({ name, at: Number(/\.log\.(\d+)$/.exec(name)?.[1] ?? 0) }))
    .sort((one, other) => other.at - one.at);
  let next = 0;
  let bytes = 0;
  for (const { name } of files) {
    const text = readFileSync(path.join(folder, name), "latin1");
    bytes += text.length;
    assert.ok(text === "" || text.endsWith("\n"), `${name} ends with a whole line`);
    for (const line of text.split("\n").slice(0, -1)) {
      const number = Number(line.slice(5, 14));
      if (number !== next) assert.fail(`${name}: line ${number} where ${next} belongs`);
      next += 1;
    }
  }
  assert.equal(next, lines);
  assert.ok(files.length >= 3, `rotated ${files.length - 1} times`);
  t.diagnostic(`${(bytes / 1e6 / seconds).toFixed(0)} MB/s, ${files.length - 1} rotations`);
});

test("an agent that died in the middle of a rotation: its successor finishes it and the service goes on", async (t) => {
  const s = stage();
  t.after(() => s.end());
  const plan = s.plan([{ name: "slow", command: ["/bin/sh", "-c", "while :; do echo line; sleep 0.02; done"] }]);
  const agent = await s.agent(plan);
  const link = await s.link();
  const { pid } = await link.event("started");
  await agent.kill("SIGKILL");
  const log = path.join(s.folder, "logs", "slow.out.log");
  process.kill(-pid, "SIGSTOP");
  writeFileSync(`${log}.new`, "half a copy");
  const before = readFileSync(log, "utf8").length;
  await s.agent(plan);
  await until(() => readFileSync(log, "utf8").length > before, "the service writes again");
  assert.equal(existsSync(`${log}.new`), false);
});
