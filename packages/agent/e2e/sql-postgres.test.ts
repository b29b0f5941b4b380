// The SQL action against a real PostgreSQL: values stay values, what failed is told from what never began, and a password is in
// no list of processes. The server is started by the test; without one it is skipped.
import { postgresBin, startCluster, type Cluster } from "../../../tools/product/postgres.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, test, type TestContext } from "node:test";
import { stage, type Stage, type TestLink } from "./harness.ts";

const server = postgresBin();
const skip =
  "missing" in server ? server.missing : existsSync("/usr/bin/psql") ? false : "psql is missing (postgresql-client)";
let cluster: Cluster | null = null;
before(async () => {
  if (skip === false && "bin" in server) cluster = await startCluster(server.bin);
});
after(() => cluster?.stop());

const url = (user = "tester"): string => `postgres://${user}@/postgres?host=${cluster?.connection.host}`;
const query = (statement: string): string =>
  execFileSync("psql", ["-XAtqc", statement, url()], { encoding: "utf8" }).trim();

async function staged(t: TestContext): Promise<{ readonly s: Stage; readonly link: TestLink }> {
  const s = stage();
  t.after(() => s.end());
  await s.agent(s.plan([{ env: { JOBS: url() } }]));
  return { s, link: await s.link() };
}

test("values stay values, by whatever quotes they hold, and a null is a null", { skip }, async (t) => {
  const { link } = await staged(t);
  query("create table jobs (id int, state text)");
  query("insert into jobs values (1, 'stuck'), (2, 'stuck'), (3, null)");
  const sql = (statement: string, values: readonly (string | number | null)[], database = "$JOBS") =>
    link.order("api", { type: "sql", database, statement, values });
  const nasty = "'; drop table jobs; -- \\! touch /tmp/x $1 :v1";
  assert.equal((await sql("update jobs set state = $1 where id = $2", [nasty, 1])).kind, "succeeded");
  assert.equal(query("select state from jobs where id = 1"), nasty);
  assert.equal((await sql("update jobs set state = $1 where id = $2", [null, 2])).kind, "succeeded");
  assert.equal(query("select count(*) from jobs where state is null"), "2");
  const rows = await sql("select id from jobs order by id", []);
  assert.deepEqual(rows, { kind: "succeeded", detail: "id\n1\n2\n3" });
});

test("what failed before anything happened is told from what may have left traces", { skip }, async (t) => {
  const { link } = await staged(t);
  query("create table notes (id int primary key)");
  const sql = async (statement: string, database = "$JOBS") => {
    const outcome = await link.order("api", { type: "sql", database, statement, values: [] });
    return outcome.kind === "failed" ? [outcome.kind, outcome.effect] : [outcome.kind];
  };
  assert.deepEqual(await sql("update nothing set x = 1"), ["failed", "none"]);
  assert.deepEqual(await sql("insert into notes values (1); insert into notes values (1)"), ["failed", "some"]);
  assert.equal(query("select count(*) from notes"), "1");
  assert.deepEqual(await sql("select 1", "postgres://tester@/postgres?host=/nonexistent"), ["failed", "none"]);
  assert.deepEqual(await sql("select 1", "$UNSET"), ["failed", "none"]);
});

test(
  "a statement that does not end in its time is unknown, and its password was in no list of processes",
  { skip },
  async (t) => {
    const { link } = await staged(t);
    const database = url("tester:s3cret%21");
    const order = link.order(
      "api",
      { type: "sql", database, statement: "select pg_sleep(30)", values: [] },
      { timeoutMs: 2_000 },
    );
    let seen = "";
    while (!seen.includes("psql")) {
      seen = commandLines();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(!seen.includes("s3cret"), "the password is in a command line");
    assert.equal((await order).kind, "unknown");
  },
);

/** What every process of ours was started with, this test's own left out. */
function commandLines(): string {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .filter((line) => line.startsWith("psql ") || line.includes("/psql "))
    .join("\n");
}
