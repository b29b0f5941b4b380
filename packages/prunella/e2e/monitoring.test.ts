// Monitoring against the real servers of Debian: a fault in a supervised service fires an alert in Prometheus that comes back
// through Alertmanager as a witness of the same incident; our notifications reach Alertmanager; every query of every dashboard
// has data. The files under monitoring/ are used as they are; only addresses and waits are replaced.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { dashboards, folder as dashboardFolder, grafana } from "../../../tools/dashboards.ts";
import {
  alertmanager,
  freePort,
  json,
  monitoring,
  need,
  prometheus,
  prunella,
  read,
  tool,
  until,
} from "./monitoring-harness.ts";

test("promtool and amtool accept what is shipped, and the rules' cases hold", (t) => {
  if (!need(t, "promtool", "amtool")) return;
  const rules = path.join(monitoring, "prometheus/rules");
  for (const file of readdirSync(rules))
    assert.match(tool("promtool", ["check", "rules", path.join(rules, file)]), /SUCCESS/);
  const cases = path.join(monitoring, "prometheus/test");
  for (const file of readdirSync(cases)) tool("promtool", ["test", "rules", path.join(cases, file)]);
  assert.match(tool("promtool", ["check", "config", path.join(monitoring, "prometheus/prometheus.yml")]), /SUCCESS/);
  tool("amtool", ["check-config", path.join(monitoring, "alertmanager/alertmanager.yml")]);
});

test("the dashboards that are shipped are the ones that are generated", () => {
  for (const dashboard of dashboards) {
    const shipped = JSON.parse(readFileSync(path.join(dashboardFolder, `${dashboard.file}.json`), "utf8"));
    assert.deepEqual(shipped, JSON.parse(JSON.stringify(grafana(dashboard))), "run: node tools/dashboards.ts");
  }
  assert.equal(readdirSync(dashboardFolder).length, dashboards.length);
});

test("a fault, its alert, its repair, and what the dashboards show of it", { timeout: 240_000 }, async (t) => {
  if (!need(t, "prometheus", "prometheus-alertmanager", "promtool")) return;
  const [apiPort, deadPort, alertmanagerPort, ownPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const it = await prunella(
    t,
    `
services:
  api:
    command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(path.join(import.meta.dirname, "fixtures/monitored.mjs"))}]
    env: { PORT: "${apiPort}" }
    check: { http: "http://127.0.0.1:${apiPort}/", every: 500ms }
    limits: { memory: 500MB }
    slo: { availability: 50%, errors: 50%, p95: 30s, memory: 490MB }
targets:
  db: { check: "tcp://127.0.0.1:${deadPort}" }
notify:
  receivers:
    am: { alertmanager: "http://127.0.0.1:\${AM_PORT}" }
  route: { receiver: am, wait: 0s }
http: { port: ${ownPort} }
`,
    { AM_PORT: String(alertmanagerPort) },
  );
  const am = await alertmanager(
    t,
    read("alertmanager/alertmanager.yml")
      .replace("http://127.0.0.1:7410", it.url)
      .replace("group_wait: 10s", "group_wait: 1s")
      .replace("group_interval: 1m", "group_interval: 2s"),
    alertmanagerPort,
  );
  const prom = await prometheus(
    t,
    read("prometheus/prometheus.yml")
      .replaceAll("15s", "1s")
      .replace("127.0.0.1:7410", new URL(it.url).host)
      .replace("127.0.0.1:9093", new URL(am).host),
    // The waits of production, which leave healing its time, are a second here.
    read("prometheus/rules/prunella.yml").replaceAll(/for: \d+[smh]/g, "for: 1s"),
  );
  const query = async (expr: string): Promise<any[]> =>
    (await json(`${prom}/api/v1/query?query=${encodeURIComponent(expr)}`)).data.result;

  let crash = "";
  /** Incidents and issues of api that an alert from outside opened: there must be none. */
  const fromAlerts = async (): Promise<any[]> => {
    const incidents = (await it.api("/api/v1/incidents?target=api")).items;
    const issues = (await it.api("/api/v1/issues?target=api")).items;
    return [
      ...[...incidents, ...issues].filter((each: any) => each.kind.startsWith("alert-")),
      ...incidents.filter((each: any) => each.kind === "crash" && each.id !== crash),
    ];
  };

  await t.test("promtool finds nothing to say about the metrics", async () => {
    const text = await (await fetch(`${it.url}/metrics`)).text();
    assert.equal(tool("promtool", ["check", "metrics"], text), "");
  });

  await t.test("a fault fires a real alert, which is a witness of the same incident and no second one", async () => {
    await until(
      "api is healthy",
      () => query('prunella_target_healthy{target="api"}'),
      ([series]) => series?.value[1] === "1",
    );
    // Healing would be faster than the alert, so it has to wait.
    await it.api("/api/v1/pause", { why: "to see the alert" });
    await fetch(`http://127.0.0.1:${apiPort}/die`).catch(() => undefined);
    const [incident] = await until(
      "an incident of api",
      async () => (await it.api("/api/v1/incidents?target=api")).items,
      (items: any[]) => items.some((each) => each.kind === "crash"),
    ).then((items) => items.filter((each: any) => each.kind === "crash"));
    crash = incident.id;
    await until(
      "the alert fires in Prometheus",
      () => query('ALERTS{alertname="PrunellaTargetDown",alertstate="firing",target="api"}'),
      (found) => found.length === 1,
    );
    await until(
      "Alertmanager has it",
      () => json(`${am}/api/v2/alerts?filter=alertname%3D%22PrunellaTargetDown%22`),
      (alerts: any[]) => alerts.length === 1,
    );
    const seen = await until(
      "it comes back as evidence",
      async () => it.api(`/api/v1/incidents/${incident.id}`),
      (now: any) => now.evidence.some((each: any) => each.summary.startsWith("alertmanager: PrunellaTargetDown")),
    );
    assert.equal(seen.state, "open");
    const transitions = (await it.api(`/api/v1/transitions?incident=${incident.id}`)).items;
    assert.ok(transitions.some((each: any) => each.to === "seen by alertmanager"));
    assert.deepEqual(await fromAlerts(), [], "no second incident and no second issue");
  });

  await t.test("healed, the alert ends everywhere, and it was one incident from first to last", async () => {
    await it.api("/api/v1/resume", {});
    await until(
      "the incident is over",
      async () => it.api(`/api/v1/incidents/${crash}`),
      (incident: any) => incident.outcome === "recovered" && incident.recoveredBy === "repair",
      90,
    );
    await until(
      "the alert is resolved",
      () => query('ALERTS{alertname="PrunellaTargetDown",alertstate="firing"}'),
      (found) => found.length === 0,
    );
    await until(
      "its end came back",
      async () => (await it.api("/api/v1/transitions?target=api&limit=200")).items,
      (items: any[]) =>
        items.some((each) => each.to === "resolved" && each.from === "alertmanager: alert-prunella-target-down"),
      60,
    );
    assert.deepEqual(await fromAlerts(), []);
  });

  await t.test("what needs a person is told to the real Alertmanager, and its end too", async () => {
    const [told] = await until(
      "Alertmanager has our notification",
      () => json(`${am}/api/v2/alerts?filter=prunella%3D%22notification%22&filter=target%3D%22db%22`),
      (alerts: any[]) => alerts.length === 1,
      90,
    );
    assert.deepEqual(
      [told.labels.alertname, told.labels.target, told.status.state],
      ["PrunellaDependencyDown", "db", "active"],
    );
    const { createServer } = await import("node:net");
    const server = createServer((socket) => socket.end()).listen(deadPort, "127.0.0.1");
    t.after(() => server.close());
    await until(
      "its end arrives",
      () => json(`${am}/api/v2/alerts?filter=prunella%3D%22notification%22&filter=target%3D%22db%22`),
      (alerts: any[]) => alerts.length === 0,
      60,
    );
    const sent = (await it.api("/api/v1/notifications")).items.filter((each: any) => each.target === "db");
    assert.deepEqual(
      sent.map((each: any) => [each.receiver, each.status, each.state]),
      [
        ["am", "resolved", "delivered"],
        ["am", "firing", "delivered"],
      ],
    );
  });

  await t.test("every query of every dashboard returns data", async () => {
    for (let times = 0; times < 30; times += 1) await fetch(`http://127.0.0.1:${apiPort}/store`).catch(() => undefined);
    await it.api("/api/v1/drill-runs", drillRun);
    const queries = dashboards.flatMap((dashboard) => [
      ...dashboard.panels.flatMap((panel) =>
        panel.queries.map(([expr]) => ({ where: `${dashboard.file}: ${panel.title}`, expr })),
      ),
      ...dashboard.variables.map(([name, of]) => ({
        where: `${dashboard.file}: $${name}`,
        expr: /label_values\((\w+),/.exec(of)?.[1] ?? "",
      })),
    ]);
    let empty: string[] = [];
    const ask = async (): Promise<string[]> => {
      empty = [];
      for (const { where, expr } of queries) {
        const result = await query(expr.replaceAll("$service", ".*"));
        const hasNumber = result.some((series) => Number.isFinite(Number(series.value[1])));
        if (!hasNumber) empty.push(`${where}: ${expr}`);
      }
      return empty;
    };
    await until("all have data", ask, (without) => without.length === 0, 60).catch((error: unknown) => {
      assert.deepEqual(empty, [], String(error));
    });
    console.log(`${queries.length} queries of ${dashboards.length} dashboards have data`);
  });
});

/** A run as the command line sends it in: passed, with every time. */
const drillRun = {
  id: "DRILL-1",
  drill: "MED-003",
  state: "passed",
  withoutHealing: false,
  ...Object.fromEntries(
    ["startedAt", "beganAt", "detectedAt", "repairedAt", "recoveredAt", "endedAt"].map((name, at) => [
      name,
      new Date(Date.now() - 60_000 + at * 1_000).toISOString(),
    ]),
  ),
  detectionMs: 1_000,
  repairMs: 1_000,
  rootCause: "queue",
  conditions: [{ name: "found", demanded: "true", measured: true, met: true, layer: "detection" }],
  evidence: [],
  incident: null,
  error: null,
};
