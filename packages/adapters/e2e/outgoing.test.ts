// What is fetched and sent out: scrapes of a real exporter's text, lines to a server that checks them as Loki does, the dead-man
// ping. Under manual time where time matters.
import { manualSystem } from "@prunella/resilience/testing";
import type { Signal } from "@prunella/core";
import { deadman, lokiShipper, parseExposition, scraper, spoolLinesMax } from "@prunella/adapters";
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { gunzipSync } from "node:zlib";

const log = { write: () => {} };
const settle = async (until: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 5_000 && !until(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(until(), "it came to rest");
  // What follows upon it (a timer for the next time) is due in the turns after.
  await new Promise((resolve) => setTimeout(resolve, 5));
};

async function serving(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => answer(request, response, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a scrape makes samples: gauges as they are, counters as rates, histograms as means, a restart is no fall", async (t) => {
  let total = 100;
  const url = await serving(t, (_request, response) =>
    response.end(`# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{code="200"} ${total}
http_requests_total{code="500"} 5
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.5e+07
# TYPE latency_seconds histogram
latency_seconds_bucket{le="+Inf"} ${total}
latency_seconds_sum ${total / 4}
latency_seconds_count ${total}
nothing to see here
broken NaN
`),
  );
  const system = manualSystem();
  const taken: Signal[] = [];
  const it = scraper({
    system,
    now: () => system.now(),
    log,
    take: async (signals) => void taken.push(...signals),
    before: () => ({ descriptors: 9 }),
  });
  t.after(() => it.stop());
  it.configure([{ target: "db", url, everyMs: 10_000, timeoutMs: 5_000, headers: {} }]);
  const values = (): Record<string, number> => {
    const last = taken.at(-1);
    return last?.type === "sample" ? { ...last.values } : {};
  };
  await system.advance(2_000);
  await settle(() => it.counts.succeeded === 1);
  assert.deepEqual(values(), { descriptors: 9, rssBytes: 1.5e7 });
  total = 150;
  await system.advance(10_000);
  await settle(() => it.counts.succeeded === 2);
  assert.equal(values()["latency_seconds.mean"], 0.25);
  assert.ok(Math.abs((values()["http_requests_total.perSecond"] ?? 0) - 5) < 1.1);
  total = 10;
  await system.advance(10_000);
  await settle(() => it.counts.succeeded === 3);
  assert.ok((values()["http_requests_total.perSecond"] ?? -1) >= 0);
});

test("exposition: types, families, escapes; what cannot be read costs its line", () => {
  assert.deepEqual(
    parseExposition('# TYPE a counter\na{x="q\\"}"} 1\na 2 1700000000\nb_count +Inf\n# TYPE h summary\nh_sum 3\n=\n'),
    [
      { name: "a", type: "counter", family: "a", labels: '{x="q\\"}"}', value: 1 },
      { name: "a", type: "counter", family: "a", labels: "", value: 2 },
      { name: "h_sum", type: "summary", family: "h", labels: "", value: 3 },
    ],
  );
});

test("lines go to Loki in order, with few labels; a refusal for now is tried again, one for good is lost and counted", async (t) => {
  const got: { stream: Record<string, string>; values: [string, string][] }[] = [];
  let status = 204;
  let requests = 0;
  const url = await serving(t, (request, response, body) => {
    requests += 1;
    assert.deepEqual(
      [request.url, request.headers["content-type"], request.headers["x-scope-orgid"]],
      ["/loki/api/v1/push", "application/json", "shop"],
    );
    if (status === 204) got.push(...(JSON.parse(gunzipSync(body).toString()) as { streams: typeof got }).streams);
    response.writeHead(status).end();
  });
  const system = manualSystem();
  const it = lokiShipper({ system, log });
  t.after(() => it.stop());
  it.push("api", [{ at: 1, level: "info", text: "nobody listens" }]);
  assert.equal(it.counts.waiting, 0, "without a Loki nothing is kept");
  it.configure({ url: { secret: url }, headers: { "x-scope-orgid": { secret: "shop" } }, labels: { host: "a" } });
  it.push("api", [
    { at: 1_700_000_000_000, level: "info", text: "one" },
    { at: 1_700_000_000_000, level: "info", text: "two" },
    { at: 1_700_000_000_001, level: "error", text: "three" },
  ]);
  await system.advance(1_000);
  await settle(() => it.counts.shipped === 3);
  assert.deepEqual(
    got.map(({ stream, values }) => [stream, values.map(([, text]) => text)]),
    [
      [{ host: "a", service: "api", level: "info" }, ["one", "two"]],
      [{ host: "a", service: "api", level: "error" }, ["three"]],
    ],
  );
  const [first, second] = got[0]?.values ?? [];
  assert.match(first?.[0] ?? "", /^1700000000000\d{6}$/);
  assert.ok((first?.[0] ?? "") < (second?.[0] ?? ""), "the order is kept");
  status = 503;
  it.push("api", [{ at: 2, level: "info", text: "later" }]);
  await system.advance(1_000);
  await settle(() => requests === 2);
  await settle(() => it.counts.waiting === 1);
  status = 204;
  await system.advance(2_000);
  await settle(() => it.counts.shipped === 4);
  status = 400;
  it.push("api", [{ at: 3, level: "info", text: "bad" }]);
  await system.advance(1_000);
  await settle(() => it.counts.lost === 1);
  it.lost(7);
  assert.deepEqual(it.counts, { shipped: 4, lost: 8, waiting: 0 });
});

test("a Loki that is away costs the oldest lines beyond the spool, each counted", () => {
  const it = lokiShipper({ system: manualSystem(), log });
  it.configure({ url: { secret: "http://127.0.0.1:1" }, headers: {}, labels: {} });
  const lines = Array.from({ length: 10_000 }, (_, at) => ({ at, level: "info", text: "x" }));
  for (let times = 0; times < 7; times += 1) it.push("api", lines);
  assert.deepEqual(it.counts, { shipped: 0, lost: 20_000, waiting: spoolLinesMax });
  it.stop();
});

test("a batch of long lines is cut where a Loki would refuse it, and none is lost", async (t) => {
  const sizes: number[] = [];
  const url = await serving(t, (_request, response, body) => {
    sizes.push(gunzipSync(body).length);
    response.writeHead(204).end();
  });
  const system = manualSystem();
  const it = lokiShipper({ system, log });
  t.after(() => it.stop());
  it.configure({ url: { secret: url }, headers: {}, labels: {} });
  it.push(
    "api",
    Array.from({ length: 300 }, (_, at) => ({ at, level: "info", text: "x".repeat(16_000) })),
  );
  for (let times = 0; times < 10 && it.counts.shipped < 300; times += 1) {
    await system.advance(1_000);
    await settle(() => sizes.length > times || it.counts.shipped === 300);
  }
  assert.equal(it.counts.shipped, 300);
  assert.ok(Math.max(...sizes) < 1_100_000, `${Math.max(...sizes)} bytes in one push`);
  assert.equal(sizes.length, 5);
});

test("the dead-man ping is sent at its interval, and not while Prunella ails", async (t) => {
  let pings = 0;
  let status = 200;
  const url = await serving(t, (_request, response) => {
    pings += 1;
    response.writeHead(status).end();
  });
  const system = manualSystem();
  let ailment: string | null = null;
  const said: string[] = [];
  const it = deadman({
    system,
    now: () => system.now(),
    log: { write: (_level, event, fields) => said.push(`${event} ${String(fields["message"] ?? "")}`.trim()) },
    ailment: () => ailment,
  });
  t.after(() => it.stop());
  it.configure({ url: { secret: url }, everyMs: 10_000 });
  await system.advance(2_000);
  await settle(() => it.lastAt === 2_000);
  await system.advance(10_000);
  await settle(() => pings === 2);
  ailment = "the healing loop does not turn";
  await system.advance(30_000);
  assert.equal(pings, 2, "silence is the alarm");
  ailment = null;
  status = 500;
  await system.advance(10_000);
  await settle(() => pings === 3);
  await settle(() => said.includes("deadman-not-sent the receiver answered 500"));
  assert.ok(said.includes("deadman-not-sent the healing loop does not turn"));
});
