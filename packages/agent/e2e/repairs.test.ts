// The actions that repair more than a process: files, guards inside the application, databases, plugins, instances; and what the
// agent tells of declared files. On real processes, through the link.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { checkPlan, fixture, isRunning, stage, until, type Stage } from "./harness.ts";

function staged(t: TestContext): Stage {
  const made = stage();
  t.after(() => made.end());
  return made;
}
const application = [process.execPath, fixture("application.cjs")];

test("a guard is driven and the application's own repair is called", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{ command: application, probe: "on" }]));
  const link = await s.link();
  await link.observation("gauges", ({ gauges }) =>
    gauges.some((each) => each.name === "db" && each.values["max"] === 4),
  );
  const drive = { type: "guard", name: "shop", control: "set-level", argument: 2 } as const;
  assert.equal((await link.order("api", drive)).kind, "succeeded");
  await link.observation("gauges", ({ gauges }) =>
    gauges.some((each) => each.name === "shop" && each.values["level"] === 2),
  );
  const absent = await link.order("api", { ...drive, name: "nobody" });
  assert.ok(absent.kind === "failed" && absent.effect === "none", JSON.stringify(absent));
  const called = await link.order("api", { type: "call", name: "refill", argument: 7 });
  assert.deepEqual(called, { kind: "succeeded", detail: "refilled with 7" });
  const unknown = await link.order("api", { type: "call", name: "drain", argument: null });
  assert.ok(unknown.kind === "failed" && unknown.effect === "none");
});

test("a statement is executed with its values apart from its text", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link();
  const file = path.join(s.folder, "jobs.db");
  const database = new DatabaseSync(file);
  database.exec("create table jobs (id integer, state text); insert into jobs values (1, 'stuck'), (2, 'stuck')");
  database.close();
  const sql = (statement: string, values: readonly (string | number | null)[]) =>
    link.order("db", { type: "sql", database: "sqlite:jobs.db", statement, values });
  assert.deepEqual(await sql("update jobs set state = ? where id = ?", ["'; drop table jobs; --", 1]), {
    kind: "succeeded",
    detail: "1 rows changed",
  });
  const rows = await sql("select state from jobs where id = ?", [1]);
  assert.ok(rows.kind === "succeeded" && rows.detail.includes("drop table jobs; --"), JSON.stringify(rows));
  const wrong = await sql("update nothing set x = 1", []);
  assert.ok(wrong.kind === "failed" && wrong.effect === "none");
  const absent = await link.order("db", { type: "sql", database: "sqlite:none.db", statement: "select 1", values: [] });
  assert.ok(absent.kind === "failed" && /there is no database/.test(absent.reason));
  const unset = await link.order("db", {
    type: "sql",
    database: "$NO_SUCH_DATABASE",
    statement: "select 1",
    values: [],
  });
  assert.ok(unset.kind === "failed" && unset.effect === "none");
});

test("a plugin's action runs apart from the agent, however it ends", async (t) => {
  const s = staged(t);
  const agent = await s.agent(s.plan([{}], { plugins: [fixture("plugin.mjs")] }));
  const link = await s.link();
  const plugin = (name: string) => link.order("db", { type: "plugin", name, arguments: { name: "you" } });
  assert.deepEqual(await plugin("greet"), { kind: "succeeded", detail: "hello you, this is db" });
  const refused = await plugin("refuse");
  assert.ok(refused.kind === "failed" && refused.effect === "some" && refused.reason === "not today");
  assert.equal((await plugin("die")).kind, "unknown");
  const absent = await plugin("nothing");
  assert.ok(absent.kind === "failed" && absent.effect === "none");
  assert.ok(isRunning(agent.pid));
});

test("instances are scaled within their bounds, the lowest numbers first", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{ command: application, instances: 1, scale: { min: 1, max: 3 } }]));
  const link = await s.link();
  await link.event("started", (event) => event.target === "api/0");
  const more = { type: "scale", to: null, by: 1 } as const;
  assert.deepEqual(await link.order("api/0", more), { kind: "succeeded", detail: "2 instances run (before: 1)" });
  await until(() => s.log("api~1").includes("instance 1"), "the second instance knows its number");
  assert.deepEqual(await link.order("api/0", { type: "scale", to: 9, by: 0 }), {
    kind: "succeeded",
    detail: "3 instances run (before: 2)",
  });
  const beyond = await link.order("api/0", more);
  assert.ok(beyond.kind === "failed" && beyond.effect === "none" && /bounds are 1 to 3/.test(beyond.reason));
  assert.equal((await link.order("api/0", { type: "scale", to: 1, by: 0 })).kind, "succeeded");
  const gone = await link.event("exited", (event) => event.target === "api/2");
  assert.equal(gone.expected, true);
});

test("waiting for an address ends when it answers, and fails in time when it does not", async (t) => {
  const s = staged(t);
  await s.agent(s.plan([{}]));
  const link = await s.link();
  const server = createServer((_request, response) => response.end("here")).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const wait = (url: string, timeoutMs: number) => link.order("db", { type: "wait-for", url }, { timeoutMs });
  assert.equal((await wait(`http://127.0.0.1:${port}/`, 5_000)).kind, "succeeded");
  assert.equal((await wait(`tcp://127.0.0.1:${port}`, 5_000)).kind, "succeeded");
  const late = await wait("tcp://127.0.0.1:9", 1_500);
  assert.ok(late.kind === "failed" && late.effect === "none" && /not within/.test(late.reason), JSON.stringify(late));
});

test("declared files are told of: what differs, whose lock is dead, what grows; and are put right", async (t) => {
  const s = staged(t);
  const at = (name: string): string => path.join(s.folder, name);
  writeFileSync(at("app.json"), '{ "page": 20 }');
  mkdirSync(at("cache"));
  mkdirSync(at("releases"));
  symlinkSync("releases/1", at("current"));
  const declared = {
    configs: [at("app.json")],
    release: at("current"),
    locks: [at("jobs.lock")],
    folders: [{ path: at("cache"), use: "cache", bytesMax: 1_000_000 } as const],
    records: [],
  };
  await s.agent(s.plan([{ declared }]));
  const link = await s.link();
  await link.observation("files", ({ files }) => files.length === 2 && files.every((file) => file.state === "good"));
  writeFileSync(at("app.json"), '{ "page": ');
  const changed = await link.observation("files", ({ files }) => files[0]?.state === "changed");
  assert.match(changed.files[0]?.syntax ?? "", /not JSON/);
  assert.match(changed.files[0]?.difference ?? "", /-\{ "page": 20 \}/);
  assert.equal((await link.order("api", { type: "restore", what: "config", path: null })).kind, "succeeded");
  assert.equal(readFileSync(at("app.json"), "utf8"), '{ "page": 20 }');
  writeFileSync(at("jobs.lock"), String(2 ** 22 - 3));
  await link.observation("locks", ({ locks }) => locks[0]?.ownerAlive === false);
  assert.equal((await link.order("api", { type: "unlock", path: at("jobs.lock") })).kind, "succeeded");
  writeFileSync(at("cache/big"), Buffer.alloc(200_000, 1));
  const folder = await link.observation("folders", ({ folders }) => (folders[0]?.bytes ?? 0) >= 200_000);
  assert.equal(folder.folders[0]?.growing, "big");
});

test("what changed is told before the end of the process that it ended", async (t) => {
  const s = staged(t);
  const file = path.join(s.folder, "app.json");
  writeFileSync(file, "{}");
  const declared = { configs: [file], release: null, locks: [], folders: [], records: [] };
  const command = [
    process.execPath,
    "-e",
    `setInterval(() => JSON.parse(require("fs").readFileSync(${JSON.stringify(file)})), 5)`,
  ];
  await s.agent(s.plan([{ command, declared }]));
  const link = await s.link();
  await link.observation("files", ({ files }) => files[0]?.state === "good");
  const before = link.observations.length;
  writeFileSync(file, "{");
  await link.event("exited");
  assert.ok(
    link.observations.slice(before).some((signal) => signal.type === "files" && signal.files[0]?.state === "changed"),
  );
});

test("certificates, tokens and names are checked, and say when they end", async (t) => {
  const s = staged(t);
  const token = path.join(s.folder, "token");
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1_000) + 600;
  writeFileSync(token, `${part({ alg: "none" })}.${part({ exp })}.`);
  await s.agent(
    s.plan([{}], {
      checks: [
        checkPlan({ name: "token", how: { type: "expiry", path: token, warnMs: 3_600_000 } }),
        checkPlan({ name: "none", how: { type: "expiry", path: path.join(s.folder, "none"), warnMs: 0 } }),
        checkPlan({ name: "local", how: { type: "dns", host: "localhost" } }),
        checkPlan({ name: "absent", how: { type: "dns", host: "absent.invalid" } }),
      ],
    }),
  );
  const link = await s.link();
  const result = (name: string) => link.observation("check", (signal) => signal.check === name);
  const seen = await result("token");
  assert.ok(seen.ok);
  assert.deepEqual(seen.facts, { tokenEndsAt: exp * 1_000, warnMs: 3_600_000 });
  assert.equal((await result("none")).ok, false);
  assert.equal((await result("local")).ok, true);
  assert.equal((await result("absent")).ok, false);
});
