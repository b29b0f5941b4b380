// A remedy of the configuration on a real PostgreSQL, with a person's word in its middle: the run waits through a kill -9 of the
// control plane; yes goes on where it stopped, no undoes what was done, last step first.
import { postgresBin, startCluster } from "../../../tools/product/postgres.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { prunella, until, type Prunella } from "./monitoring-harness.ts";

const server = postgresBin();
const skip =
  "missing" in server ? server.missing : existsSync("/usr/bin/psql") ? false : "psql is missing (postgresql-client)";

interface Run {
  readonly id: string;
  readonly remedy: string;
  readonly state: string;
  readonly outcome: string | null;
}

interface World {
  readonly it: Prunella;
  query(statement: string): string;
  newest(): Promise<Run | undefined>;
  /** The run asks; the control plane is killed while it does, and comes back. */
  askedThroughKill(): Promise<Run>;
  say(run: Run, what: "approve" | "refuse"): Promise<unknown>;
}

async function world(t: TestContext): Promise<World> {
  assert.ok("bin" in server);
  const cluster = await startCluster(server.bin);
  t.after(() => cluster.stop());
  const url = `postgres://tester@/postgres?host=${cluster.connection.host}`;
  const query = (statement: string): string =>
    execFileSync("psql", ["-XAtqc", statement, url], { encoding: "utf8" }).trim();
  query("create table jobs (id int, state text)");
  query("create table audit (at serial, what text)");
  query("insert into jobs values (7, 'ready')");
  const sql = (statement: string, values = "[]"): string =>
    `{ database: $JOBS, statement: "${statement}", values: ${values} }`;
  const it = await prunella(
    t,
    `services:
  worker:
    command: node worker.cjs
    probe: off
    startup: 1s
    env: { JOBS: "${url}" }
    check: { command: [psql, -XAtqc, "select 1 / count(*) from jobs where state = 'ready'", "${url}"], every: 2s, timeout: 2s, failures: 2 }
remedies:
  - name: release-job
    when: { kind: unhealthy, target: worker }
    do:
      - sql: ${sql("insert into audit (what) values ($1)", "[began]")}
        undo: { sql: ${sql("insert into audit (what) values ($1)", "[began undone]")} }
      - sql: ${sql("update jobs set state = $1 where id = $2", "[held, 7]")}
        undo: { sql: ${sql("with u as (update jobs set state = 'stuck' where id = 7) insert into audit (what) values ($1)", "[held undone]")} }
      - { approve: release job 7?, timeout: 5m }
      - sql: ${sql("update jobs set state = $1 where id = $2", "[ready, 7]")}
    mode: auto
    budget: 3 per 1h
    verify: 5s
http: { port: 0 }
`,
    {},
    { "worker.cjs": "setInterval(() => {}, 1000)" },
  );
  const newest = async (): Promise<Run | undefined> =>
    (await it.api("/api/v1/repairs")).items.find((run: Run) => run.remedy === "release-job");
  const control = path.join(it.folder, "data/control.json");
  const known = (): { pid: number; url: string } => JSON.parse(readFileSync(control, "utf8"));
  // The control plane takes another port when it comes back.
  const api = (route: string, body?: unknown) => fetchJson(`${known().url}${route}`, body);
  const there: Prunella = { ...it, api };
  return {
    it: there,
    query,
    newest,
    async askedThroughKill() {
      await until(
        "the worker is well",
        () => api("/api/v1/targets"),
        ({ items }) => items[0]?.state === "healthy",
      );
      query("update jobs set state = 'stuck'");
      const asks = await until(
        "it asks",
        () => runOf(api),
        (run) => run?.state === "proposed",
      );
      const { pid } = known();
      process.kill(pid, "SIGKILL");
      await until(
        "the control plane is back",
        async () => known().pid,
        (now) => now !== pid,
      );
      // Long enough for a restarted control plane to have looked at everything anew.
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      const still = await until(
        "it answers",
        () => runOf(api),
        (run) => run !== undefined,
      );
      assert.deepEqual([still?.id, still?.state], [asks?.id, "proposed"], "the same run still asks");
      assert.equal(query("select string_agg(what, ', ' order by at) from audit"), "began", "nothing was done twice");
      return still as Run;
    },
    say: (run, what) => api(`/api/v1/repairs/${run.id}/${what}`, { why: "by the book" }),
  };
  async function runOf(ask: typeof api): Promise<Run | undefined> {
    return (await ask("/api/v1/repairs")).items.find((run: Run) => run.remedy === "release-job");
  }
}

async function fetchJson(url: string, body?: unknown): Promise<any> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(5_000),
    ...(body === undefined
      ? {}
      : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  assert.ok(response.ok, `${url} answered ${response.status}: ${await response.clone().text()}`);
  return response.json();
}

test(
  "a run that asks in its middle survives a kill of the control plane, and yes lets it go on",
  { skip, timeout: 180_000 },
  async (t) => {
    const { it, query, askedThroughKill, say } = await world(t);
    const run = await askedThroughKill();
    await say(run, "approve");
    const incident = await until(
      "the incident is recovered",
      async () => (await it.api("/api/v1/incidents")).items[0],
      (found) => found?.outcome === "recovered",
    );
    assert.equal(incident.remedy, "release-job");
    assert.equal(query("select state from jobs"), "ready");
    assert.equal(query("select string_agg(what, ', ' order by at) from audit"), "began");
  },
);

test(
  "no in the middle of a run undoes what was done, last step first, and a person is called",
  { skip, timeout: 180_000 },
  async (t) => {
    const { it, query, askedThroughKill, say } = await world(t);
    const run = await askedThroughKill();
    await say(run, "refuse");
    await until(
      "a person is called",
      async () => (await it.api("/api/v1/incidents")).items[0],
      (found) => found?.outcome === "escalated",
    );
    assert.equal(query("select string_agg(what, ', ' order by at) from audit"), "began, held undone, began undone");
    assert.equal(query("select state from jobs"), "stuck");
    const { items } = await it.api("/api/v1/repairs");
    const runs = items.filter((each: Run) => each.remedy === "release-job");
    assert.deepEqual(
      runs.map((each: Run) => each.outcome),
      ["refused"],
    );
  },
);
