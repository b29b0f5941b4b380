// A host ends exactly as it does without the probe, whatever way it ends, and what killed it still gets out.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Host, newSocketPath, TestAgent, type Outcome } from "./agent.ts";
import { nodesUnderTest } from "./nodes.ts";

const comparable = ({ code, signal, stdout, stderr }: Outcome): unknown => ({
  code,
  signal,
  stdout,
  // The process id; addresses in the native stack that abort() prints.
  stderr: stderr
    .replace(/\(node:\d+\)/g, "(node)")
    .replace(/0x[0-9a-f]+|\b\d{4,}\b/g, "N")
    .replace(/port: N|:N\b/g, ""),
});

/** How each host ends, and the error report that must come before it does: origin, fatal, message. */
const endings: Record<string, readonly [string, boolean, string] | undefined> = {
  normal: undefined,
  instant: undefined,
  "exit-code": undefined,
  "throw-now": ["uncaughtException", true, "thrown at once"],
  "throw-later": ["uncaughtException", true, "thrown later"],
  "throw-nothing": ["uncaughtException", true, "undefined"],
  "reject-now": ["unhandledRejection", true, "rejected at once"],
  "reject-later": ["unhandledRejection", true, "rejected later"],
  "reject-handled": ["unhandledRejection", false, "handled by the host"],
  "throw-handled": ["uncaughtException", false, "handled by the host"],
  "exit-in-the-middle": undefined,
  "exit-in-a-handler": ["uncaughtException", false, "last words"],
  warning: ["warning", false, "careful"],
  "port-taken": ["uncaughtException", true, "listen EADDRINUSE"],
  "server-closes": undefined,
  "top-level-worker": undefined,
};

for (const node of nodesUnderTest()) {
  describe(`endings under ${node.name}`, { skip: node.skip }, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.listen();
    });
    after(() => agent.close());

    for (const [how, expected] of Object.entries(endings)) {
      test(`${how}: the same exit code, stdout and stderr`, { timeout: 30_000 }, async () => {
        const bare = await new Host(node.file, "endings.cjs", [how], undefined).ended;
        const probed = await new Host(node.file, "endings.cjs", [how], agent.socketPath).ended;
        assert.deepEqual(comparable(probed), comparable(bare), "with an agent");
        const alone = await new Host(node.file, "endings.cjs", [how], newSocketPath()).ended;
        assert.deepEqual(comparable(alone), comparable(bare), "with no agent listening");
        if (expected === undefined) return;
        const [origin, fatal, message] = expected;
        const { error } = await agent.first(
          "error",
          (report) => report.origin === origin && report.fatal === fatal && report.error.message.startsWith(message),
          2_000,
        );
        if (how === "throw-later") {
          assert.equal(error.code, "E_LATER");
          assert.equal(error.causes[0]?.message, "the cause");
          assert.match(error.stack ?? "", /endings\.cjs/);
        }
      });
    }

    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "SIGUSR2"] as const) {
      for (const how of ["waits", "waits-handled"]) {
        test(`${signal} ends a host that ${how} as ever`, { timeout: 30_000 }, async () => {
          const end = async (socketPath: string | undefined): Promise<unknown> => {
            const host = new Host(node.file, "endings.cjs", [how], socketPath);
            await host.firstLine();
            while (!host.output.includes("ready")) await host.more();
            return comparable(await host.kill(signal));
          };
          assert.deepEqual(await end(agent.socketPath), await end(undefined));
        });
      }
    }
  });
}
