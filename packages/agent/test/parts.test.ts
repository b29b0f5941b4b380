import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { ServicePlan } from "@prunella/adapters";
import { latencyBoundsMs, type Stats } from "@prunella/probe";
import { reasonIn, restartWaitMs } from "../src/control.ts";
import { logTimes } from "../src/log-times.ts";
import { eventsMax, outbox } from "../src/outbox.ts";
import { boundsMs, probeValues, quantile } from "../src/probe-values.ts";
import { startGroups, targetsOf } from "../src/start-order.ts";
import { emptyState, ordersMax, rememberOrder } from "../src/state.ts";

const service = (name: string, after: string[] = [], instances = 1): ServicePlan => ({
  name,
  after,
  instances,
  command: ["x"],
  cwd: "/",
  env: {},
  user: null,
  stop: { signal: "SIGTERM", timeoutMs: 1 },
  readyTimeoutMs: 1,
  logs: { bytesMax: 1, files: 1 },
  probe: "off",
  ports: [],
});

test("services start after what they need; targets that Prunella does not run hold nobody back here", () => {
  const groups = startGroups([
    service("web", ["api", "cdn"]),
    service("api", ["db/1"]),
    service("db", [], 2),
    service("log"),
  ]);
  assert.deepEqual(groups, [["db", "log"], ["api"], ["web"]]);
  assert.deepEqual(targetsOf(service("db", [], 2)), ["db/0", "db/1"]);
  assert.deepEqual(targetsOf(service("db")), ["db"]);
});

test("every service is in exactly one group, in an order that respects what it needs, and cycles end", () => {
  const names = ["a", "b", "c", "d", "e"];
  fc.assert(
    fc.property(fc.array(fc.subarray(names), { minLength: 5, maxLength: 5 }), (afters) => {
      const services = names.map((name, at) => service(name, afters[at] ?? []));
      const groups = startGroups(services);
      assert.deepEqual(groups.flat().sort(), names);
    }),
  );
});

test("the control plane's waits grow from none to five seconds", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 50].map(restartWaitMs),
    [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000],
  );
});

test("events wait in order until they are acknowledged, and are given again from any number", () => {
  const box = outbox("a", () => {});
  for (let at = 0; at < 5; at += 1)
    box.add({ type: "start-failed", target: "api", reason: String(at), lastLines: [] }, at);
  const numbers = (after: number, count = 10): number[] => box.after(after, count).map((event) => event.number);
  assert.deepEqual(numbers(0), [1, 2, 3, 4, 5]);
  assert.deepEqual(numbers(3), [4, 5]);
  assert.deepEqual(numbers(1, 2), [2, 3]);
  box.acknowledge(2);
  assert.deepEqual(numbers(0), [3, 4, 5]);
  box.acknowledge(99);
  assert.deepEqual(numbers(0), []);
  const sent = JSON.parse(outboxLine()) as { signal: { id: string; at: number } };
  assert.deepEqual([sent.signal.id, sent.signal.at], ["b-1", 7]);
  function outboxLine(): string {
    const other = outbox("b", () => {});
    other.add({ type: "start-failed", target: "api", reason: "", lastLines: [] }, 7);
    return other.after(0, 1)[0]?.line ?? "";
  }
});

test("beyond the bound the oldest events go, and the loss is itself an event, counted exactly", () => {
  const box = outbox("a", () => {});
  for (let at = 0; at < eventsMax + 25; at += 1)
    box.add({ type: "start-failed", target: "api", reason: "", lastLines: [] }, at);
  assert.equal(box.waiting, eventsMax);
  assert.equal(box.after(0, 1)[0]?.number, 26);
  box.countLost(5, "for a test");
  box.reportLoss(1);
  const last = box.after(eventsMax + 25, 1)[0];
  const told = JSON.parse(last?.line ?? "") as { signal: { type: string; count: number } };
  assert.deepEqual([told.signal.type, told.signal.count], ["lost", 30]);
});

test("many large events are bounded by their size", () => {
  const box = outbox("a", () => {});
  for (let at = 0; at < 200; at += 1)
    box.add({ type: "start-failed", target: "api", reason: "", lastLines: ["x".repeat(100_000)] }, at);
  assert.ok(box.waiting < 80 && box.waiting > 70, String(box.waiting));
});

test("orders are remembered up to the bound, finished ones forgotten first", () => {
  const state = emptyState("boot");
  rememberOrder(state, { key: "under way", at: 0, outcome: null });
  for (let at = 0; at < ordersMax + 10; at += 1)
    rememberOrder(state, { key: String(at), at, outcome: { kind: "succeeded", detail: "" } });
  assert.equal(state.orders.length, ordersMax);
  assert.equal(state.orders[0]?.key, "under way");
  assert.equal(state.orders[1]?.key, "11");
});

test("a line's time is that of the first look that saw it, across a rotation", () => {
  const times = logTimes(() => 99);
  assert.equal(times.at(0, false), 99);
  times.note(100, 1);
  times.note(100, 2);
  times.note(250, 3);
  assert.deepEqual(
    [0, 99, 100, 249, 250].map((offset) => times.at(offset, false)),
    [1, 1, 3, 3, 3],
  );
  times.note(40, 4);
  assert.equal(times.at(10, false), 4);
  assert.equal(times.at(120, true), 3);
});

test("the bounds of the probe's histogram are known here as well", () => {
  assert.deepEqual(boundsMs, latencyBoundsMs);
});

test("quantiles are the upper bound of their bucket, and of the last bucket its lower bound", () => {
  assert.equal(quantile([0, 0, 10], 0.95), boundsMs[2]);
  assert.equal(quantile([95, 5], 0.95), boundsMs[0]);
  assert.equal(quantile([94, 6], 0.95), boundsMs[1]);
  const last = Array.from({ length: 74 }, (_, at) => (at === 73 ? 1 : 0));
  assert.equal(quantile(last, 0.5), boundsMs[72]);
});

test("several probes of a target: rates add up, the worst lag and the fullest heap count", () => {
  const stats = (given: Partial<Stats>): Stats => ({
    type: "stats",
    at: 0,
    intervalMs: 2_000,
    lagMs: { p50: 1, p99: 2, max: 3 },
    utilization: 0.1,
    heap: { used: 10, total: 20, limit: 100 },
    rss: 0,
    external: 1,
    gc: { count: 0, totalMs: 20, maxMs: 5 },
    handles: 0,
    cpuMs: 0,
    http: { inFlight: 1, oldestMs: 0, routes: [] },
    outgoing: [],
    ...given,
  });
  const route = {
    method: "GET",
    route: "/",
    count: 20,
    errors: 4,
    clientErrors: 0,
    aborted: 0,
    latency: { counts: [0, 20] },
  };
  const values = probeValues([
    stats({ http: { inFlight: 2, oldestMs: 9, routes: [route] } }),
    stats({ lagMs: { p50: 1, p99: 50, max: 60 }, heap: { used: 90, total: 95, limit: 100 } }),
  ]);
  assert.deepEqual(
    [values["requestsPerSecond"], values["errorsPerSecond"], values["requestsInFlight"], values["lagMsP99"]],
    [10, 2, 3, 50],
  );
  assert.deepEqual([values["heapUsedBytes"], values["latencyMsP95"], values["gcShare"]], [90, boundsMs[1], 0.01]);
  assert.equal(probeValues([stats({})])["latencyMsP95"], undefined);
  assert.deepEqual(probeValues([]), {});
});

test("why a control plane ended is its own last word, or else the error that it died of", () => {
  assert.equal(reasonIn("ready\nprunella: http.port: 1 is taken\nTypeError: late\n"), "http.port: 1 is taken");
  assert.equal(reasonIn("node:net:1\n\nTypeError: no\n    at here\n"), "TypeError: no");
  assert.equal(reasonIn("ready\n"), "");
});
