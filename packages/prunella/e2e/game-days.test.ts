// Game days on the real clock: a schedule fires by itself in a running control plane, what it shows is evidence on the issue,
// a drill that fails takes its remedy's leave to act, an open incident puts the next run off, and a pass gives it back.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import test from "node:test";
import { freePort, prunella, root, scratch, until } from "./monitoring-harness.ts";

/** The schedule is looked at every 20 s; three looks are enough for anything that is due. */
const looksS = 70;

test("game days", { timeout: 600_000 }, async (t) => {
  const place = scratch(t);
  const broken = path.join(place, "broken");
  const port = await freePort();
  const experiment = (title: string, probe: object): string => {
    const file = path.join(place, `${title}.json`);
    writeFileSync(
      file,
      JSON.stringify({
        title: `An experiment called ${title}`,
        description: "asks a live service and runs a process",
        "steady-state-hypothesis": {
          title: "it answers",
          probes: [
            {
              type: "probe",
              name: "api answers",
              tolerance: 200,
              provider: { type: "http", url: `http://127.0.0.1:${port}/`, timeout: 5 },
            },
            probe,
          ],
        },
        // Asks the control plane too: the schedule has to hand the way to it on.
        method: [
          {
            type: "probe",
            name: "the target",
            provider: { type: "prunella", func: "target", arguments: { target: "api" } },
          },
        ],
      }),
    );
    return file;
  };
  const whole = `process.exit(require("node:fs").existsSync(process.argv[1]) ? 1 : 0)`;
  const answers = experiment("answers", {
    type: "probe",
    name: "it is whole",
    tolerance: 0,
    provider: { type: "process", path: process.execPath, arguments: ["-e", whole, broken] },
  });
  const never = experiment("never", {
    type: "probe",
    name: "always",
    tolerance: 0,
    provider: { type: "process", path: process.execPath, arguments: ["-e", ""] },
  });
  const clock = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
  const it = await prunella(
    t,
    `
services:
  api:
    command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(path.join(import.meta.dirname, "fixtures/breakable.mjs"))}]
    check: { http: "http://127.0.0.1:${port}/", every: 500ms }
    env: { PORT: "${port}" }
drills:
  - { experiment: ${JSON.stringify(answers)}, cron: "* * * * * *", window: "${clock(-1)}-${clock(1)}", timezone: UTC, remedies: [restart-down] }
  - { experiment: ${JSON.stringify(never)}, cron: "* * * * * *", window: "${clock(2)}-${clock(3)}", timezone: UTC }
http: { port: ${await freePort()} }
`,
  );
  const command = (...args: string[]): string =>
    execFileSync(
      process.execPath,
      [path.join(root, "packages/prunella/src/main.ts"), "--data", path.join(it.folder, "data"), ...args],
      { encoding: "utf8", env: { ...process.env, NODE_NO_WARNINGS: "1" } },
    );
  const runs = async (drill: string): Promise<any[]> => (await it.api(`/api/v1/drill-runs?drill=${drill}`)).items;
  const ended = async (): Promise<any[]> => (await runs("answers.json")).filter((run) => run.state !== "running");
  const remedy = async (): Promise<any> =>
    (await it.api("/api/v1/remedies")).items.find((each: any) => each.name === "restart-down");
  const crash = async (): Promise<string> => {
    const before = (await it.api("/api/v1/incidents?target=api")).items.length;
    process.kill((await it.api("/api/v1/targets/api")).pid, "SIGKILL");
    const incidents = await until(
      "an incident",
      async () => (await it.api("/api/v1/incidents?target=api")).items,
      (items: any[]) => items.length > before,
    );
    return incidents[0].id;
  };
  const over = (incident: string): Promise<any> =>
    until(
      `${incident} is over`,
      () => it.api(`/api/v1/incidents/${incident}`),
      (now) => now.outcome === "recovered",
      120,
    );
  const logged = (): string =>
    readdirSync(path.join(it.folder, "data"), { recursive: true, encoding: "utf8" })
      .filter((name) => /control\.log/.test(name))
      .map((name) => readFileSync(path.join(it.folder, "data", name), "utf8"))
      .join("");
  let issue = "";

  await t.test("a drill that is due runs by itself and passes; one outside of its window does not run", async () => {
    const [run] = await until("a run has ended", ended, (all) => all.length > 0, looksS);
    assert.deepEqual([run.state, run.error, run.drill], ["passed", null, "answers.json"]);
    assert.deepEqual(await runs("never.json"), []);
    assert.match((await it.api("/api/v1/drills")).items.length.toString(), /^21$/);
  });

  await t.test("its result is evidence, with its age, on an issue whose remedy it proves", async () => {
    const incident = await crash();
    const { issue: id, remedy: name } = await over(incident);
    assert.equal(name, "restart-down");
    issue = id;
    const [drill] = (await it.api(`/api/v1/issues/${issue}/drills`)).items;
    assert.deepEqual(
      [drill.drill, drill.remedies, drill.state, drill.stale],
      ["answers.json", ["restart-down"], "passed", false],
    );
    assert.ok(drill.ageMs >= 0 && drill.ageMs < 300_000);
    assert.equal(Date.parse(drill.at) <= Date.now(), true);
    assert.match(
      command("issues", "show", issue),
      /drills:\n  answers\.json passed .* ago, proves restart-down: all \d+ conditions met\n/,
    );
  });

  await t.test("when the drill fails, its remedy no longer acts by itself, and says so", async () => {
    writeFileSync(broken, "");
    const demoted = await until("it is demoted", remedy, (now) => now.modeInForce === "suggest", 2 * looksS);
    assert.equal(demoted.mode, "auto");
    assert.match(JSON.stringify(demoted), /its drill answers\.json failed/);
    assert.match(command("remedies"), /its drill answers\.json failed/);
    const [drill] = (await it.api(`/api/v1/issues/${issue}/drills`)).items;
    assert.deepEqual([drill.state, drill.stale], ["failed", false]);
    assert.match(drill.summary, /not met: .*it is whole/);
    const [transition] = (await it.api("/api/v1/transitions?limit=50")).items.filter(
      (each: any) => each.by === "drill",
    );
    assert.deepEqual([transition.subjectId, transition.to], ["restart-down", "demoted to suggest"]);
  });

  await t.test(
    "while an incident is open the drill waits; the remedy only suggests what a person then starts",
    async () => {
      const incident = await crash();
      const [repair] = await until(
        "a repair is proposed",
        async () => (await it.api(`/api/v1/repairs?incident=${incident}`)).items,
        (items: any[]) => items.some((each) => each.state === "proposed"),
      );
      // A run may be under way from before; none may begin now.
      await until(
        "none is running",
        async () => (await runs("answers.json"))[0].state,
        (state) => state !== "running",
      );
      const before = (await runs("answers.json")).length;
      await new Promise((resolve) => setTimeout(resolve, 45_000));
      assert.equal((await runs("answers.json")).length, before);
      assert.match(logged(), new RegExp(`drill-skipped.*${incident} is open`));
      await it.api(`/api/v1/repairs/${repair.id}/approve`, {});
      await over(incident);
    },
  );

  await t.test("when it passes again, the remedy has its mode back", async () => {
    rmSync(broken);
    const back = await until("it acts again", remedy, (now) => now.modeInForce === "auto", 2 * looksS);
    assert.equal(back.mode, "auto");
    assert.equal((await ended())[0].state, "passed");
  });
});
