// Who holds a port, and freeing it only from what a service of ours left behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { folderHash } from "@prunella/adapters";
import { isRunning, stage, until, type Stage } from "./harness.ts";

function staged(t: TestContext): Stage {
  const made = stage();
  t.after(() => made.end());
  return made;
}

test("a port held by a stranger is named and left alone", async (t) => {
  const s = staged(t);
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await s.agent(s.plan([{}]));
  const link = await s.link();
  const evidence = await link.client.examine({
    target: "api",
    want: "port-owner",
    detail: String(port),
    timeoutMs: 2_000,
  });
  assert.match(evidence?.summary ?? "", new RegExp(`port ${port} is held by process ${process.pid} of user`));
  const outcome = await link.order("api", { type: "free-port", port });
  assert.equal(outcome.kind, "failed");
  assert.ok(outcome.kind === "failed" && outcome.effect === "none");
  assert.match(outcome.kind === "failed" ? outcome.reason : "", new RegExp(`process ${process.pid}`));
});

test("a port held by our own orphan is freed", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link();
  await link.event("started");
  const script =
    "const s=require('net').createServer().listen(0,'127.0.0.1',()=>require('fs').writeFileSync('orphan.port',String(s.address().port)))";
  // Started before the service it claims to belong to was started again: what an earlier run left behind.
  const orphan = spawn(process.execPath, ["-e", script], {
    cwd: s.folder,
    stdio: "ignore",
    detached: true,
    env: { ...process.env, PRUNELLA_SERVICE: `${folderHash(s.folder)}:gone` },
  });
  t.after(() => orphan.kill("SIGKILL"));
  const portFile = path.join(s.folder, "orphan.port");
  const read = (): string => {
    try {
      return readFileSync(portFile, "utf8");
    } catch {
      return "";
    }
  };
  await until(() => read() !== "", "the orphan listens");
  const port = Number(read());
  const evidence = await link.client.examine({
    target: "api",
    want: "port-owner",
    detail: String(port),
    timeoutMs: 2_000,
  });
  assert.match(evidence?.summary ?? "", /left by our service gone/);
  const outcome = await link.order("api", { type: "free-port", port });
  assert.equal(outcome.kind, "succeeded");
  await until(() => !isRunning(orphan.pid ?? 0), "the orphan is gone");
  assert.deepEqual(await link.order("api", { type: "free-port", port }), {
    kind: "succeeded",
    detail: `nobody listens on port ${port}`,
  });
});

test("a port held by a service that runs is not taken from it", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{ name: "api" }, { name: "other" }]));
  const link = await s.link();
  await until(() => s.log("other").includes("listening"), "other listens");
  const port = Number(/listening (\d+)/.exec(s.log("other"))?.[1]);
  const outcome = await link.order("api", { type: "free-port", port });
  assert.ok(outcome.kind === "failed" && outcome.effect === "none");
});
