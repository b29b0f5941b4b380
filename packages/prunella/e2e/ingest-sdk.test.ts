// The real SDKs against a real Prunella: Sentry's for Node, and OpenTelemetry's exporters over JSON and over protobuf.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import { freePort, prunella, until, type Prunella } from "./monitoring-harness.ts";

const run = promisify(execFile);
const fixture = (name: string): string => path.join(import.meta.dirname, "fixtures", name);

async function app(t: TestContext): Promise<Prunella> {
  const dead = await freePort();
  return prunella(
    t,
    `
targets:
  api: { check: "tcp://127.0.0.1:${dead}" }
sources:
  sentry: [{ project: 7, key: "\${SENTRY_KEY}", target: api }]
http: { port: ${await freePort()} }
`,
    { SENTRY_KEY: "0123456789abcdef0123456789abcdef" },
  );
}

const errors = async (it: Prunella): Promise<any[]> => (await it.api("/api/v1/issues?target=api&kind=error")).items;

test(
  "errors of an application with Sentry's SDK are one issue with its occurrences and its stack",
  { timeout: 90_000 },
  async (t) => {
    const it = await app(t);
    const dsn = `http://0123456789abcdef0123456789abcdef@${new URL(it.url).host}/7`;
    await run(process.execPath, [fixture("sentry-app.mjs")], { env: { ...process.env, DSN: dsn }, timeout: 30_000 });
    const issues = await until(
      "the issue is filed",
      () => errors(it),
      (found) => found.some((each) => each.occurrences >= 3),
      20,
    );
    assert.equal(issues.length, 1, JSON.stringify(issues.map((each) => each.title)));
    assert.match(issues[0].title, /^PaymentError: order \d+ could not be charged$/);
    const [incident] = (await it.api(`/api/v1/issues/${issues[0].id}/incidents`)).items;
    assert.match(JSON.stringify(incident.evidence), /charge \(.*sentry-app\.mjs:\d+:\d+\)/);
    const metrics = await (await fetch(`${it.url}/metrics`)).text();
    assert.match(metrics, /prunella_signals_total\{source="sentry",kind="error"\} 3/);
    assert.match(metrics, /prunella_signals_dropped_total\{reason="below-error"\} 1/);
  },
);

for (const protocol of ["json", "protobuf"])
  test(
    `logs, spans and metrics of OpenTelemetry's exporters over ${protocol} arrive, and the exporters are content`,
    { timeout: 90_000 },
    async (t) => {
      const it = await app(t);
      const { stdout } = await run(process.execPath, [fixture("otel-app.mjs")], {
        env: { ...process.env, PROTOCOL: protocol, ENDPOINT: it.url },
        timeout: 40_000,
      });
      assert.deepEqual(JSON.parse(stdout), [], "no exporter was refused");
      const suffix = protocol === "json" ? "http" : "proto";
      const issues = await until(
        "both errors are filed",
        () => errors(it),
        (found) => found.length === 2,
        20,
      );
      assert.deepEqual(issues.map((each) => each.title).toSorted(), [
        `LogError${suffix}: no money`,
        `SpanError${suffix}: out of range`,
      ]);
      const { values } = await until(
        "the samples are in",
        () => it.api("/api/v1/targets/api"),
        ({ values: seen }) => seen["shop.orders.perSecond"] !== undefined,
        20,
      );
      assert.equal(values["shop.queue"], 7);
      assert.equal(values["shop.latency.mean"], 0.25);
      assert.ok(values["shop.orders.perSecond"] > 10 && values["shop.orders.perSecond"] < 200);
    },
  );
