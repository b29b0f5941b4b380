// Numbers that follow what is measured, on real services: instances of a worker by the length of its queue, out and back in; the
// size of a real pool by the latency of real requests, kept where it is better and taken back where it is worse.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { test, type TestContext } from "node:test";
import { freePort, prunella, root, until, type Prunella } from "./monitoring-harness.ts";

interface Run {
  readonly remedy: string;
  readonly outcome: string | null;
  readonly why: string;
}
const node = JSON.stringify(process.execPath);
const runsOf = async (it: Prunella, remedy: string): Promise<readonly Run[]> =>
  (await it.api("/api/v1/repairs?limit=100")).items.filter((run: Run) => run.remedy === remedy);
const untilOver = (t: TestContext, work: () => void, everyMs: number): (() => void) => {
  const timer = setInterval(work, everyMs);
  const stop = (): void => clearInterval(timer);
  t.after(stop);
  return stop;
};

/** Takes the oldest file of a shared folder every 100 ms, and says how many wait. */
const worker = `const { readdirSync, rmSync } = require("node:fs");
const probe = globalThis[Symbol.for("prunella.probe")];
let done = 0;
setInterval(() => {
  const waiting = readdirSync("queue");
  for (const name of waiting.slice(0, 4)) {
    try { rmSync("queue/" + name); done += 1; break; } catch { /* another instance took it */ }
  }
  probe?.gauge("queue", "jobs", { size: waiting.length, capacity: 100000, durable: 1 }, { out: done });
}, 100);`;

test("instances of a worker follow the length of its queue, out and back in", { timeout: 240_000 }, async (t) => {
  const it = await prunella(
    t,
    `services:
  worker:
    command: [${node}, worker.cjs]
    probe: on
    startup: 2s
    scale: { min: 1, max: 3, by: queue jobs, target: 30, up: 3s, down: 4s, coolDown: 1s }
http: { port: 0 }
`,
    {},
    { "worker.cjs": worker },
    ["queue"],
  );
  const queue = path.join(it.folder, "queue");
  let made = 0;
  // More than one can take, less than three can; a little always waits, so that there is something to measure.
  const stop = untilOver(
    t,
    () => {
      for (let waiting = readdirSync(queue).length; waiting < 150; waiting += 1)
        writeFileSync(path.join(queue, String((made += 1)).padStart(8, "0")), "");
    },
    100,
  );
  const running = async (): Promise<number> =>
    (await it.api("/api/v1/targets?limit=100")).items.filter((each: { pid: number | null }) => each.pid !== null)
      .length;
  await until("three instances run", running, (count) => count === 3, 100);
  stop();
  await until("one instance runs again", running, (count) => count === 1, 100);
  assert.ok(readdirSync(queue).length < 30, "what waited was done");
  const runs = await until(
    "every run has ended",
    () => runsOf(it, "scale worker"),
    (all) => all.every((run) => run.outcome !== null),
  );
  const whys = runs.map((run) => run.outcome).join();
  assert.ok(runs.length >= 3 && runs.filter((run) => run.outcome === "verified").length >= 3, whys);
});

/** Work on a pool of connections: 100 ms each, and far longer when more than six are at it. */
const api = `import { createServer } from "node:http";
import { pool } from ${JSON.stringify(pathToFileURL(path.join(root, "packages/resilience/src/index.ts")).href)};
let active = 0;
const db = pool({ name: "db", create: () => ({}), max: 4, idleMs: 60000 });
createServer((request, response) => {
  if (request.url === "/size") return void response.end(String(db.max));
  db.use(async () => {
    active += 1;
    await new Promise((done) => setTimeout(done, active > 6 ? 100 + 150 * (active - 6) : 100));
    active -= 1;
  }).then(() => response.end("done"), (error) => response.writeHead(500).end(error.message));
}).listen(Number(process.env.PORT), "127.0.0.1");`;

test(
  "a pool is enlarged while that makes requests faster, and set back when it makes them slower",
  { timeout: 300_000 },
  async (t) => {
    const port = await freePort();
    const it = await prunella(
      t,
      `services:
  api:
    command: [${node}, api.mjs]
    env: { PORT: "${port}" }
    startup: 2s
    tune:
      pool: { guard: db, control: set-max, min: 2, max: 12, step: 2, start: 4, metric: latencyMsP95, window: 12s }
http: { port: 0 }
`,
      {},
      { "api.mjs": api },
    );
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    let over = false;
    t.after(() => (over = true));
    const ask = (url: string): Promise<string> =>
      new Promise((resolve) => {
        const request = get({ host: "127.0.0.1", port, path: url, agent }, (answer) => {
          let body = "";
          answer.on("data", (chunk: Buffer) => (body += chunk.toString()));
          answer.on("end", () => resolve(body));
        });
        request.on("error", () => setTimeout(() => resolve(""), 200));
      });
    // Twelve clients, each with one request at a time.
    for (let client = 0; client < 12; client += 1)
      void (async () => {
        while (!over) await ask("/work");
      })();
    const trials = (): Promise<readonly Run[]> => runsOf(it, "tune api pool");
    const size = (): Promise<string> => ask("/size");
    await until(
      "the pool was enlarged to 6, and that was kept",
      async () => [await size(), (await trials()).at(-1)?.outcome],
      ([now, outcome]) => now === "6" && outcome === "verified",
      120,
    );
    await until("the pool is tried at 8", size, (now) => now === "8", 100);
    await until("and set back to 6", size, (now) => now === "6", 100);
    const outcomes = (await trials()).map((run) => run.outcome).toReversed();
    assert.deepEqual(outcomes.slice(0, 2), ["verified", "failed"]);
  },
);
