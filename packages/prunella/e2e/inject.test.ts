// `prunella inject` and `prunella drill run` from the command line against a running `prunella up`: what is refused, the time
// limit, the abort condition, Ctrl-C, the look afterwards, and a user's own Chaos Toolkit experiment.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { freePort, prunella, root, scratch, until, type Prunella } from "./monitoring-harness.ts";

const fixture = path.join(import.meta.dirname, "fixtures/breakable.mjs");
const stateOf = (pid: number): string => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

test("faults from the command line", { timeout: 420_000 }, async (t) => {
  const [api, other, shop] = [await freePort(), await freePort(), await freePort()];
  const sick = path.join(scratch(t), "sick");
  const url = `http://127.0.0.1:${api}`;
  const service = (port: number, more: string): string => `
    command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(fixture)}]
    check: { http: "http://127.0.0.1:${port}/", every: 500ms, failures: 2 }
    env: { PORT: "${port}" ${more}`;
  const it: Prunella = await prunella(
    t,
    `
services:
  api: ${service(api, "}")}
  other: ${service(other, `, SICK: ${JSON.stringify(sick)} }`)}
  shop: ${service(shop, "}\n    labels: { environment: production }")}
http: { port: ${await freePort()} }
`,
  );

  /** Runs a command; `during` is called with each piece of its output and may send it a signal. */
  function command(
    args: readonly string[],
    during?: (said: string, kill: (signal: NodeJS.Signals) => void) => void,
  ): Promise<Ended> {
    return new Promise((resolve) => {
      const child = spawn(
        process.execPath,
        [path.join(root, "packages/prunella/src/main.ts"), "--data", path.join(it.folder, "data"), ...args],
        {
          cwd: it.folder,
          stdio: ["ignore", "pipe", "pipe"],
          env: { ...process.env, NODE_NO_WARNINGS: "1", API_URL: url },
        },
      );
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          during?.(said, (signal) => child.kill(signal));
        });
      child.on("close", (code) => resolve({ code, said }));
    });
  }
  const pidOf = async (target: string): Promise<number> => (await it.api(`/api/v1/targets/${target}`)).pid;
  const healthy = (...targets: string[]): Promise<unknown> =>
    until(
      `${targets.join(", ")} healthy`,
      async () => Promise.all(targets.map(async (target) => (await it.api(`/api/v1/targets/${target}`)).state)),
      (states) => states.every((state) => state === "healthy"),
      90,
    );

  await healthy("api", "other", "shop");

  await t.test(
    "a target that nobody configured, a production-labelled one, a fault that does not exist: refused, and nothing is made",
    async () => {
      const nobody = await command(["inject", "stop", "nobody"]);
      assert.equal(nobody.code, 1);
      assert.match(nobody.said, /target.*"nobody" is not in the configuration/);
      const pid = await pidOf("shop");
      const production = await command(["inject", "stop", "shop", "--for", "5s"]);
      assert.equal(production.code, 1);
      assert.match(production.said, /shop is labelled production; say --yes-production/);
      assert.notEqual(stateOf(pid), "T");
      assert.match((await command(["inject", "meteor", "api"])).said, /kind.*"meteor".*use kill, stop, cpu/);
      assert.equal((await command(["inject", "stop"])).code, 2);
      const outside = await command(["inject", "config", "api", "--set", "file=/etc/hostname"]);
      assert.equal(outside.code, 1);
      assert.match(outside.said, /outside of/);
    },
  );

  await t.test("at the end of its time a fault is undone, and the target is looked at", async () => {
    // Or healing would replace what stands still before its time is over.
    await it.api("/api/v1/pause", { why: "to see the faults undone" });
    const pid = await pidOf("shop");
    let during = "";
    const ended = await command(["inject", "stop", "shop", "--for", "2s", "--yes-production"], (said) => {
      if (during === "" && said.includes("SIGSTOP")) during = stateOf(pid);
    });
    assert.equal(during, "T");
    assert.equal(ended.code, 0, ended.said);
    assert.match(ended.said, /SIGSTOP to pid \d+; undone in 2s, or on Ctrl-C\nSIGCONT to pid \d+\nshop is healthy\n$/);
    assert.notEqual(stateOf(pid), "T");
  });

  await t.test("Ctrl-C undoes it at once, and the target is looked at all the same", async () => {
    const pid = await pidOf("api");
    let sent = false;
    const ended = await command(["inject", "stop", "api", "--for", "5m"], (said, kill) => {
      if (sent || !said.includes("SIGSTOP")) return;
      sent = true;
      kill("SIGINT");
    });
    assert.equal(ended.code, 0, ended.said);
    assert.match(ended.said, /SIGCONT to pid \d+\napi is healthy\n$/);
    assert.notEqual(stateOf(pid), "T");
    await it.api("/api/v1/resume", {});
  });

  await t.test("it is given up when another target that was healthy turns bad", async () => {
    const pid = await pidOf("api");
    let once = true;
    const ended = await command(["inject", "clock", "api", "--for", "5m"], (said) => {
      if (!once || !said.includes("sets the clock")) return;
      once = false;
      writeFileSync(sick, "");
    });
    rmSync(sick, { force: true });
    assert.equal(ended.code, 1, ended.said);
    assert.match(ended.said, /clock undone in pid \d+[^]*clock api was given up: other turned bad/);
    assert.equal(await pidOf("api"), pid);
    await healthy("api", "other");
  });

  await t.test("a kill is healed by Prunella, which the look afterwards shows; its incident is a drill's", async () => {
    const pid = await pidOf("api");
    const ended = await command(["inject", "kill", "api", "--for", "1s"]);
    assert.equal(ended.code, 0, ended.said);
    assert.match(ended.said, /SIGKILL to pid \d+[^]*nothing to undo\napi is healthy\n$/);
    await until(
      "another process",
      () => pidOf("api"),
      (now) => now !== null && now !== pid,
    );
    const incident = await until(
      "its incident",
      async () =>
        (await it.api("/api/v1/incidents?target=api")).items.find((each: any) => /SIGKILL/.test(each.rootCause)),
      (found: any) => found !== undefined,
    );
    assert.equal(incident.drill, true);
    await healthy("api");
  });

  await t.test("a TCP fault stands before the target for its time", async () => {
    let listen = "";
    let ms = 0;
    const ended = await command(
      ["--json", "inject", "tcp", "api", "--for", "5s", "--set", "toxic=latency", 'attributes={"latency":700}'],
      (said) => {
        const found = /"listen": ?"([^"]+)"/.exec(said)?.[1];
        if (listen !== "" || found === undefined) return;
        listen = found;
        const since = performance.now();
        void fetch(`http://${listen}/`).then((response) =>
          response.text().then(() => (ms = performance.now() - since)),
        );
      },
    );
    assert.equal(ended.code, 0, ended.said);
    assert.ok(ms >= 690, `${ms} ms`);
    await assert.rejects(fetch(`http://${listen}/`));
  });

  await t.test(
    "a flood fills the service's queue, its guard says so, and it drains when the flood is over",
    async () => {
      const ended = await command(["inject", "flood", "api", "--for", "8s", "--set", "path=/work", "rate=150"]);
      assert.equal(ended.code, 0, ended.said);
      assert.match(ended.said, /\d+ requests were sent/);
      const incident = await until(
        "an incident of the queue",
        async () =>
          (await it.api("/api/v1/incidents?target=api")).items.find((each: any) =>
            /queue jobs/.test(JSON.stringify(each)),
          ),
        (found: any) => found !== undefined,
      );
      assert.equal(incident.drill, true);
      await until(
        "the queue is empty again",
        async () => JSON.stringify(await it.api("/api/v1/targets/api/guards")),
        (guards) => /"size":0\b/.test(guards) || /"size":[0-9]\b/.test(guards),
      );
    },
  );

  await t.test(
    "a user's experiment with http and process providers runs, is rolled back, and its journal says so",
    async () => {
      await healthy("api");
      const file = path.join(it.folder, "experiment.json");
      const asked = async (): Promise<number> => Number(await (await fetch(`${url}/asked`)).text());
      const provider = { type: "http", url: "${url}/experiment" };
      const kill = `process.kill(Number(process.argv[1]), "SIGKILL")`;
      writeFileSync(
        file,
        JSON.stringify({
          title: "The api survives its end",
          description: "it answers after its process was killed",
          configuration: { url: { type: "env", key: "API_URL" }, pid: String(await pidOf("api")) },
          "steady-state-hypothesis": {
            title: "it answers",
            probes: [
              { type: "probe", name: "answers", tolerance: 200, provider: { ...provider, timeout: 5 } },
              {
                type: "probe",
                name: "says well",
                tolerance: { type: "regex", pattern: "^well", target: "body" },
                provider: { ...provider, timeout: 5 },
              },
            ],
          },
          method: [
            {
              type: "action",
              name: "its process is killed",
              provider: { type: "process", path: process.execPath, arguments: ["-e", kill, "${pid}"] },
              pauses: { after: 8 },
            },
          ],
          rollbacks: [{ type: "action", name: "ask once more", provider }],
        }),
      );
      const ended = await command(["drill", "run", file, "--journal", "journal.json"]);
      assert.equal(ended.code, 0, ended.said);
      const journal = JSON.parse(readFileSync(path.join(it.folder, "journal.json"), "utf8"));
      assert.deepEqual(
        [
          journal.status,
          journal.deviated,
          journal.steady_states.before.steady_state_met,
          journal.steady_states.after.steady_state_met,
        ],
        ["completed", false, true, true],
      );
      assert.equal(journal.run[0].output.status, 0);
      assert.equal(journal.rollbacks[0].status, "succeeded");
      assert.equal(journal.experiment.title, "The api survives its end");
      assert.ok((await asked()) > 0);
    },
  );

  await t.test("an experiment with a provider that cannot be run is refused before anything is begun", async () => {
    await healthy("api");
    const before = Number(await (await fetch(`${url}/asked`)).text());
    const file = path.join(it.folder, "python.json");
    const provider = { type: "http", url: `${url}/experiment` };
    writeFileSync(
      file,
      JSON.stringify({
        title: "Pods die",
        description: "needs Python",
        "steady-state-hypothesis": {
          title: "it answers",
          probes: [{ type: "probe", name: "answers", tolerance: 200, provider }],
        },
        method: [
          { type: "action", name: "ask", provider },
          {
            type: "action",
            name: "kill pods",
            provider: { type: "python", module: "chaosk8s.pod.actions", func: "terminate_pods" },
          },
        ],
      }),
    );
    const ended = await command(["drill", "run", file]);
    assert.equal(ended.code, 2, ended.said);
    assert.match(ended.said, /method\[1\]\.provider.*python/);
    assert.equal(Number(await (await fetch(`${url}/asked`)).text()), before, "not even the hypothesis was looked at");
  });
});
