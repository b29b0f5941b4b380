// The metrics as a scraper sees them: every family once with help and type, known labels initialised, labels bounded.
import type { DrillProof } from "@prunella/core";
import assert from "node:assert/strict";
import test from "node:test";
import { api, failures, startAt, target } from "./harness.ts";

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function parse(text: string): Series[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", labels = "", value = ""] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      assert.notEqual(name, "", line);
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = "", of = ""]) => [key, of]);
      return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
    });
}

test("every series is there once, in a family with help and type, and nothing carries an id", async () => {
  const it = await api();
  await it.ask("/api/v1/signals", [{ target: "api", kind: "disk-full", severity: "critical", summary: "97 %" }]);
  await it.advance(10_000);
  const { text, headers } = await it.ask("/metrics");
  assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
  assert.equal(new Set(families).size, families.length);
  const series = parse(text);
  const keys = series.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`);
  assert.equal(new Set(keys).size, keys.length);
  for (const { name, labels } of series) {
    const family = families.find((each) => name === each || name.replace(/_(bucket|sum|count)$/, "") === each);
    assert.ok(family !== undefined && text.includes(`# HELP ${family} `), name);
    for (const value of Object.values(labels)) assert.doesNotMatch(value, /^(CRIT|MED|LOW|INC|REP)-\d/, name);
  }
  const value = (name: string, labels: Record<string, string>): number | undefined =>
    series.find((each) => each.name === name && Object.entries(labels).every(([key, of]) => each.labels[key] === of))
      ?.value;
  assert.equal(value("prunella_target_faults", { target: "api", kind: "disk-full", severity: "critical" }), 1);
  assert.equal(value("prunella_incidents", { state: "handed-over", severity: "critical" }), 1);
  assert.equal(value("prunella_issues", { severity: "low", status: "pending" }), 0);
  assert.equal(value("prunella_alerts", { suppressed: "no" }), 1);
  assert.equal(value("prunella_notifications_total", { receiver: "default", outcome: "delivered" }), 1);
  assert.equal(value("prunella_repairs_total", { playbook: "restart-down", outcome: "verified" }), 0);
  assert.equal(value("prunella_undecided_since_timestamp_seconds", {}), 0);
  assert.equal(value("prunella_guard_state", { target: "api", guard: "breaker", name: "db", state: "open" }), 1);
  assert.equal(value("prunella_guard_value", { target: "api", guard: "breaker", field: "level" }), 3);
  assert.equal(value("prunella_guard_events_total", { target: "api", guard: "breaker", event: "opened" }), 1);
  assert.ok((value("prunella_control_loop_iterations_total", { loop: "detection", outcome: "completed" }) ?? 0) > 0);
  assert.ok((value("prunella_store_rows", { table: "incidents" }) ?? 0) >= 1);
  await it.close();
  assert.deepEqual(failures, []);
});

test("a service that reports a hundred thousand guard fields is cut off, and what it reports twice is there once", async () => {
  const values = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`field${at}`, at]));
  const snapshot = { guard: "pool", name: "db", state: "ok\u001b[31m".repeat(20), values, counts: values };
  const it = await api({
    targets: [target({ key: "api" })],
    server: {
      agent: {
        connected: () => true,
        logs: async () => [],
        drive: async () => null,
        heartbeat: () => true,
        guards: () => [snapshot, snapshot, null, { guard: 1 }, "text"],
      },
    },
  });
  const series = parse((await it.ask("/metrics")).text).filter(({ name }) => name.startsWith("prunella_guard_"));
  assert.equal(series.filter(({ name }) => name === "prunella_guard_value").length, 5_000);
  assert.equal(series.filter(({ name }) => name === "prunella_guard_events_total").length, 5_000);
  assert.equal(series.filter(({ name }) => name === "prunella_guard_state").length, 1);
  await it.close();
});

test("what a guard has counted stays when the guard is gone, and begins anew with the process", async () => {
  let guards: readonly unknown[] = [];
  const it = await api({
    targets: [target({ key: "api" })],
    server: {
      agent: {
        connected: () => true,
        logs: async () => [],
        drive: async () => null,
        heartbeat: () => true,
        guards: () => guards,
      },
    },
  });
  const queue = (refused: number): unknown => ({ guard: "queue", name: "jobs", state: "ok", counts: { refused } });
  const runs = (pid: number): Promise<void> =>
    it.engine.ingest([{ type: "process", target: "api", at: it.now(), running: true, pid, startedAt: it.now() }]);
  const counted = async (...now: readonly unknown[]): Promise<number | undefined> => {
    guards = now;
    await it.advance(1_000);
    const found = parse((await it.ask("/metrics")).text).filter(({ name }) => name === "prunella_guard_events_total");
    assert.ok(found.length <= 1, "one series for one name");
    return found[0]?.value;
  };
  await runs(1);
  assert.equal(await counted(queue(100), queue(1_000)), 1_100, "two of one name are one counter");
  assert.equal(await counted(queue(1_000)), 1_100, "one is gone: no fall, which would be taken for a restart");
  assert.equal(await counted(queue(1_002)), 1_102);
  assert.equal(await counted(), 1_102, "nobody is left: what was counted stands");
  assert.equal(await counted(queue(5)), 1_107, "a new one of the name goes on from there");
  await runs(2);
  assert.equal(await counted(queue(3)), 3, "a new process is a new count");
  await it.close();
});

test("kinds that never end to be new are summed under other", async () => {
  const it = await api();
  for (let batch = 0; batch < 3; batch += 1) {
    const signals = Array.from({ length: 100 }, (_, at) => ({
      target: "api",
      kind: `kind-${batch}-${at}`,
      severity: "low",
      summary: "x",
    }));
    await it.ask("/api/v1/signals", signals);
    await it.advance(2_000);
  }
  const kinds = new Set(
    parse((await it.ask("/metrics")).text)
      .filter(({ name }) => name === "prunella_detections_total" || name === "prunella_target_faults")
      .map(({ labels }) => labels["kind"] ?? labels["detector"]),
  );
  assert.ok(kinds.size <= 201, `${kinds.size} kinds`);
  assert.ok(kinds.has("other"));
  await it.close();
});

test("drills are told by id: outcome, times, when they ran and passed; a run under any other name has no series", async () => {
  const proof = (of: Partial<DrillProof>): DrillProof => ({
    drill: "MED-003",
    run: "DRILL-1",
    at: startAt - 60_000,
    passed: true,
    shows: ["detection", "repair"],
    detectionMs: 250,
    repairMs: 1_500,
    recoveryMs: 2_000,
    summary: "",
    ...of,
  });
  const mode = {
    severity: "medium",
    title: "",
    fault: "",
    rootCause: "",
    detector: "",
    guard: "",
    remedy: "",
    metric: "",
  };
  const modes = ["CRIT-001", "MED-003"].map((id) => ({ ...mode, id, severity: "medium" as const }));
  let asked = 0;
  const it = await api({
    targets: [target({ key: "api" })],
    server: {
      drills: {
        modes,
        schedule: () => null,
        scheduled: () =>
          ["MED-003", "stock-is-gone.json"].map((drill) => ({ drill, remedies: [], staleMs: 86_400_000 })),
        start: async () => "",
        abort: () => false,
      },
      sources: {
        catalogue: () => modes.map(({ id, severity, title }) => ({ id, severity, title, rootCause: "", solution: "" })),
        drills: async () => {
          asked += 1;
          return [
            proof({ run: "DRILL-3", at: startAt, passed: false, repairMs: null, recoveryMs: null }),
            proof({ run: "DRILL-2", drill: "whatever somebody sent" }),
            proof({}),
          ];
        },
      },
    },
  });
  const told = async (): Promise<string[]> =>
    parse((await it.ask("/metrics")).text)
      .filter(
        ({ name, value }) => /^prunella_(drill|coverage)_/.test(name) && !(name.endsWith("outcome") && value === 0),
      )
      .map(
        ({ name, labels, value }) => `${name.slice("prunella_".length)} ${Object.values(labels).join(" ")} ${value}`,
      );
  assert.deepEqual(await told(), [
    "drill_outcome CRIT-001 none 1",
    "drill_outcome MED-003 failed 1",
    "drill_outcome stock-is-gone.json none 1",
    "drill_last_run_timestamp_seconds CRIT-001 0",
    `drill_last_run_timestamp_seconds MED-003 ${startAt / 1000}`,
    "drill_last_run_timestamp_seconds stock-is-gone.json 0",
    "drill_last_pass_timestamp_seconds CRIT-001 0",
    `drill_last_pass_timestamp_seconds MED-003 ${startAt / 1000 - 60}`,
    "drill_last_pass_timestamp_seconds stock-is-gone.json 0",
    "drill_scheduled CRIT-001 0",
    "drill_scheduled MED-003 1",
    "drill_scheduled stock-is-gone.json 1",
    "drill_detection_seconds MED-003 0.25",
    "coverage_modes  2",
    "coverage_proved_modes detection 1",
    "coverage_proved_modes prevention 0",
    "coverage_proved_modes repair 1",
    "coverage_proved_modes monitoring 0",
  ]);
  const before = asked;
  await told();
  assert.equal(asked, before, "a scrape right after another reads nothing anew");
  await it.close();
});
