// What services say, all the way to a Loki: its place is taken by a server that refuses what Loki would refuse. A Loki that is
// away or over its rate costs time, not lines, as long as the spool holds; what it does not hold is counted, line by line.
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import path from "node:path";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { freePort, prunella, until } from "./monitoring-harness.ts";

/** Loki's own limits for one request and one line, bytes. */
const bodyBytesMax = 4 * 1024 * 1024;
const lineBytesMax = 256 * 1024;

interface Line {
  readonly labels: Readonly<Record<string, string>>;
  readonly ns: bigint;
  readonly text: string;
}

/** Checks a push as /loki/api/v1/push does; what is wrong with it, or the lines. */
function readPush(
  request: { readonly url?: string | undefined; readonly headers: Readonly<Record<string, unknown>> },
  body: Buffer,
): Line[] {
  assert.equal(request.url, "/loki/api/v1/push");
  assert.equal(request.headers["content-type"], "application/json");
  assert.equal(request.headers["x-scope-orgid"], "shop");
  const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  assert.ok(text.length <= bodyBytesMax, `${text.length} bytes in one push`);
  const pushed: unknown = JSON.parse(text.toString());
  assert.deepEqual(Object.keys(pushed as object), ["streams"]);
  return (pushed as { streams: unknown[] }).streams.flatMap((each) => {
    const { stream, values } = each as { stream: Record<string, string>; values: unknown[][] };
    assert.deepEqual(Object.keys(each as object).sort(), ["stream", "values"]);
    for (const [name, value] of Object.entries(stream)) {
      assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/);
      assert.equal(typeof value, "string");
    }
    let last = 0n;
    return values.map((entry) => {
      const [ns, line] = entry;
      assert.ok(entry.length === 2 || (entry.length === 3 && typeof entry[2] === "object"));
      assert.ok(typeof ns === "string" && /^\d{19}$/.test(ns), `time ${String(ns)} is no nanoseconds as text`);
      assert.ok(typeof line === "string" && Buffer.byteLength(line) <= lineBytesMax);
      assert.ok(BigInt(ns) > last, "entries of a stream come in order of time");
      last = BigInt(ns);
      return { labels: stream, ns: last, text: line };
    });
  });
}

test("logs reach Loki", { timeout: 300_000 }, async (t) => {
  const got: Line[] = [];
  const wrong: unknown[] = [];
  let pushes = 0;
  /** What the next pushes are answered with; then 204. */
  const answers: number[] = [429, 503];
  const lokiPort = await freePort();
  let loki: Server | null = null;
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      loki = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          pushes += 1;
          try {
            const lines = readPush(request, Buffer.concat(chunks));
            const status = answers.shift() ?? 204;
            if (status === 204) got.push(...lines);
            response.writeHead(status).end();
          } catch (error) {
            wrong.push(error);
            response.writeHead(400).end();
          }
        });
      }).listen(lokiPort, "127.0.0.1", resolve);
    });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      loki?.closeAllConnections();
      if (loki === null) resolve();
      else loki.close(() => resolve());
      loki = null;
    });
  await open();
  t.after(close);

  const port = await freePort();
  const it = await prunella(
    t,
    `
services:
  api:
    command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(path.join(import.meta.dirname, "fixtures/talkative.mjs"))}]
    env: { PORT: "${port}" }
    check: { tcp: "127.0.0.1:${port}", every: 1s }
monitoring:
  loki: { url: "http://127.0.0.1:${lokiPort}", headers: { X-Scope-OrgID: shop }, labels: { host: a } }
http: { port: ${await freePort()} }
`,
  );
  const counts = async (): Promise<{ shipped: number; lost: number; waiting: number }> => {
    const text = await (await fetch(`${it.url}/metrics`)).text();
    const value = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
    return {
      shipped: value('prunella_log_lines_shipped_total\\{outcome="shipped"\\}'),
      lost: value('prunella_log_lines_shipped_total\\{outcome="lost"\\}'),
      waiting: value("prunella_log_lines_waiting"),
    };
  };
  const say = async (lines: number): Promise<void> => {
    await fetch(`http://127.0.0.1:${port}/say?lines=${lines}`);
  };

  await t.test(
    "with level and service as labels, whatever their form; a rate limit and an error are tried again",
    async () => {
      const of = (text: string): Line | undefined => got.find((line) => line.text.includes(text));
      await until(
        "all four lines",
        async () => ["plain words", "pino", "logfmt", "on the error"].every((text) => of(text) !== undefined),
        (all) => all,
      );
      assert.deepEqual(
        ["plain words", "pino", "logfmt", "on the error"].map((text) => of(text)?.labels),
        ["info", "error", "warn", "error"].map((level) => ({ host: "a", service: "api", level })),
      );
      assert.deepEqual(answers, [], "the first pushes were refused");
      assert.ok(pushes >= 3);
      assert.equal(
        got.filter((line) => line.text === "plain words").length,
        1,
        "what was refused was not taken before",
      );
    },
  );

  const numbered = (): number[] =>
    got.flatMap((line) => (/^line (\d+) of many$/.exec(line.text) ?? []).slice(1).map(Number));

  await t.test("a Loki that is away for a while costs no line", async () => {
    await close();
    const before = await counts();
    // Below what the agent sends on of one service within a second.
    for (let times = 1; times <= 6; times += 1) {
      await say(250);
      await until("they wait", counts, ({ waiting }) => waiting >= times * 250);
    }
    await open();
    await until(
      "they are there",
      async () => numbered().length,
      (many) => many >= 1_500,
      90,
    );
    assert.deepEqual(
      numbered(),
      Array.from({ length: 1_500 }, (_, at) => at + 1),
      "each once, in order",
    );
    assert.equal((await counts()).lost, before.lost);
  });

  await t.test(
    "what is more than the agent sends on is counted: shipped and lost add up to what was said",
    async () => {
      const before = await counts();
      await say(20_000);
      const end = await until(
        "all are accounted for",
        counts,
        ({ shipped, lost, waiting }) => waiting === 0 && shipped + lost - before.shipped - before.lost >= 20_000,
      );
      assert.equal(end.shipped + end.lost, before.shipped + before.lost + 20_000);
      assert.ok(end.lost > before.lost && end.shipped > before.shipped);
      assert.equal(got.length, end.shipped);
    },
  );

  assert.deepEqual(wrong, [], "no push was one that Loki refuses");
});
