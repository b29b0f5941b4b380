// Lines, templates and series over HTTP: what is asked of the agent, what is judged here, and what comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api } from "./harness.ts";
import { output, withOutput, type Asked } from "./output.ts";

/** Asks with a query and compares the texts that come back. */
async function check(query: string, expected: readonly string[]): Promise<Asked> {
  const { on, asked } = await withOutput(output);
  const { status, json, text } = await on.ask(`/api/v1/targets/api/logs${query}`);
  assert.equal(status, 200, text);
  assert.deepEqual(
    json.items.map((line: { text: string }) => line.text),
    expected,
  );
  await on.close();
  return asked[0]!;
}

test("the newest lines come oldest first, as many as asked for", async () => {
  await check("?lines=2", output.slice(-2));
});

test("lines are filtered by text, at the agent", async () => {
  const asked = await check("?containing=orders/9", ["request GET /orders/99 200 in 8 ms"]);
  assert.deepEqual(asked, { lines: 100, containing: "orders/9", anyOf: null });
});

test("a level means that and worse; a line without one counts as an error when it reports a failure", async () => {
  await check("?level=warn", [output[1]!, output[3]!, output[5]!]);
  const asked = await check("?level=error", [output[3]!, output[5]!]);
  assert.ok(asked.anyOf?.includes("err"), "the agent leaves out what cannot be an error");
});

test("lines of one template are found by its id, whatever their parameters", async () => {
  const { on } = await withOutput(output);
  const { json } = await on.ask("/api/v1/targets/api/log-templates");
  const requests = json.items.find((each: { template: string }) => each.template.startsWith("request GET"));
  assert.deepEqual(
    [requests.count, requests.isErrorLike, requests.perMinute >= 3],
    [3, false, true],
    JSON.stringify(json),
  );
  const lines = await on.ask(`/api/v1/targets/api/logs?template=${requests.id}`);
  assert.equal(lines.json.items.length, 3);
  assert.equal((await on.ask("/api/v1/targets/api/logs?template=nosuch")).status, 404);
  await on.close();
});

test("what is not run by Prunella has no output, and what does not exist is not found", async () => {
  const { on } = await withOutput([]);
  for (const path of ["logs", "logs/stream", "log-templates"]) {
    assert.equal((await on.ask(`/api/v1/targets/db/${path}`)).status, 409, path);
    assert.equal((await on.ask(`/api/v1/targets/nobody/${path}`)).status, 404, path);
  }
  assert.equal((await on.ask("/api/v1/targets/api/logs?level=loud")).status, 400);
  assert.equal((await on.ask("/api/v1/targets/api/logs?lines=5001")).status, 400);
  await on.close();
});

test("series come by metric: minutes from the store, the last ten minutes as they came", async () => {
  const on = await api();
  for (let second = 0; second < 150; second += 1) {
    void on.engine.ingest([
      { type: "sample", target: "api", at: on.now(), values: { cpuShare: second / 100, rssBytes: 5 } },
    ]);
    await on.advance(1_000);
  }
  const minutes = await on.ask("/api/v1/targets/api/series?metric=cpuShare");
  assert.deepEqual(
    minutes.json.items.map((each: { metric: string }) => each.metric),
    ["cpuShare"],
  );
  assert.ok(minutes.json.items[0].points.length >= 1);
  assert.deepEqual(Object.keys(minutes.json.items[0].points[0]).sort(), ["at", "count", "last", "max", "mean", "min"]);
  const raw = await on.ask("/api/v1/targets/api/series?resolution=raw");
  assert.deepEqual(raw.json.items.map((each: { metric: string }) => each.metric).sort(), ["cpuShare", "rssBytes"]);
  const cpu = raw.json.items.find((each: { metric: string }) => each.metric === "cpuShare");
  assert.equal(cpu.points.length, 150);
  assert.equal(cpu.points.at(-1).last, 1.49);
  assert.equal((await on.ask("/api/v1/targets/nobody/series")).status, 404);
  await on.close();
});

test("an issue of an error says what it was grouped by", async () => {
  const on = await api();
  void on.engine.ingest([
    {
      id: "e1",
      type: "error",
      target: "api",
      at: on.now(),
      origin: "sdk",
      error: {
        name: "TypeError",
        message: "x",
        code: null,
        stack: "TypeError: x\n    at priceOf (/srv/prices.js:1:2)",
      },
    },
  ]);
  await on.advance(2_000);
  const { json } = await on.ask("/api/v1/issues?kind=error");
  assert.equal(json.items[0].grouping.basis, "stack");
  assert.ok(json.items[0].grouping.why.length > 0);
  await on.close();
});

test("a change is told over HTTP and kept with its target; one of an unknown target or another day is refused", async () => {
  const on = await api();
  assert.equal((await on.ask("/api/v1/changes", { target: "api", summary: "1f3a" })).status, 200);
  await on.advance(1_500);
  assert.deepEqual(
    on.engine.views.get("api")?.changes.map(({ what, summary }) => `${what} ${summary}`),
    ["deploy 1f3a"],
  );
  assert.equal((await on.ask("/api/v1/changes", { target: "nobody", summary: "x" })).status, 400);
  const old = new Date(on.now() - 3 * 86_400_000).toISOString();
  assert.equal((await on.ask("/api/v1/changes", { target: "api", summary: "x", at: old })).status, 400);
  await on.close();
});
