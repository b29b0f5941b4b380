// `npm run soak-benign -- --minutes N`: the example shop under Prunella, disturbed as any fleet is and harmed by nothing:
// load that comes and goes in spikes, deploys (told as changes, then restarts), slow starts, pauses as of garbage collection.
// Exit status 0: no critical issue was filed. Prints every issue that was, so that the price of false alarms is seen.
// --minutes N (default 60)   --seed S (default: the time; printed)   --learn 2m: learning time of detection (default as shipped)
// --data DIR: data folder whose report shows the run (default: examples/shop/.prunella)
import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { freePorts } from "@prunella/catalogue";
import { recordRun } from "./product/harness.ts";

const root = path.resolve(import.meta.dirname, "..");

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Of detection, as written in a configuration; null: as shipped. */
  readonly learn: string | null;
  readonly say: (line: string) => void;
}

export interface SoakResult {
  readonly issues: readonly SoakIssue[];
  /** Incidents on record; each is one for nothing. */
  readonly incidents: number;
  /** Repairs that policy alone began: there was nothing to repair. */
  readonly repairs: number;
  readonly requests: number;
  readonly failed: number;
  readonly disturbances: Readonly<Record<string, number>>;
  /** What the control plane learned from: series, values judged, log lines, templates. */
  readonly learned: { readonly templates: number; readonly series: number };
}

export interface SoakIssue {
  readonly id: string;
  readonly severity: string;
  readonly kind: string;
  readonly target: string;
  readonly title: string;
  readonly occurrences: number;
}

/** A service as any other: it takes a moment to start, and now and then stands still to collect its garbage. */
const starter = `// Starts one of the shop's services the way real ones start: after a while, and pausing now and then.
const [, , entry] = process.argv;
const seconds = (from, to) => 1_000 * (from + Math.random() * (to - from));
await new Promise((resolve) => setTimeout(resolve, Math.random() < 0.3 ? seconds(1, 4) : 50));
await import(entry);
console.log("started in", Math.round(performance.now()), "ms");
setTimeout(function pause() {
  // At most 400 of 80 kB are held. What V8 keeps for them is some 340 MB: garbage is no fault, so the limit lies well above.
  const kept = [];
  let made = 0;
  const until = performance.now() + 100 + Math.random() * 700;
  while (performance.now() < until) kept[made++ % 400] = new Array(10_000).fill(Math.random());
  console.log("collected", made, "generations");
  setTimeout(pause, seconds(20, 90)).unref();
}, seconds(10, 60)).unref();
`;

export async function soak({ minutes, seed, learn, say }: SoakOptions): Promise<SoakResult> {
  const random = randomOf(seed);
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-soak-"));
  cpSync(path.join(root, "examples/shop"), folder, { recursive: true });
  writeFileSync(path.join(folder, "start.mjs"), starter);
  const [web, api, worker, stock, http] = await freePorts(5);
  writeFileSync(
    path.join(folder, "prunella.yaml"),
    [
      `http: { port: ${http} }`,
      ...(learn === null ? [] : [`detect: { learn: ${learn} }`]),
      "services:",
      service("stock", { PORT: stock }, `check: "tcp://127.0.0.1:${stock}"`),
      service(
        "api",
        { PORT: api, STOCK_PORT: stock },
        `check: "http://127.0.0.1:${api}/healthz", after: [stock], limits: { memory: 1GB }`,
      ),
      service("web", { PORT: web, API_PORT: api }, `check: "http://127.0.0.1:${web}/healthz", after: [api]`),
      service("worker", { PORT: worker, STOCK_PORT: stock }, "heartbeat: 5s, after: [stock]"),
    ].join("\n"),
  );
  const up = spawn(
    process.execPath,
    [path.join(root, "packages/prunella/src/main.ts"), "up", "-q", "-c", path.join(folder, "prunella.yaml")],
    { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, NODE_NO_WARNINGS: "1" } },
  );
  const counts = { requests: 0, failed: 0 };
  const disturbances: Record<string, number> = { spikes: 0, deploys: 0 };
  const ask = asker(`http://127.0.0.1:${http}/api/v1`);
  try {
    await waitFor(() => existsSync(path.join(folder, ".prunella", "control.json")), 30_000, "the control plane");
    await waitFor(
      async () => (await ask("/targets")).items.every((one: { state: string }) => one.state === "healthy"),
      60_000,
      "a healthy fleet",
    );
    say(`soak: ${minutes} min, seed ${seed}`);
    const endsAt = performance.now() + minutes * 60_000;
    let spikeUntil = 0;
    // Spread so that even a short run has one of each.
    const step = Math.min(180_000, minutes * 60_000 * 0.3);
    let nextSpike = performance.now() + step * (0.3 + 0.4 * random());
    let nextDeploy = performance.now() + step * (0.8 + 0.4 * random());
    while (performance.now() < endsAt) {
      const now = performance.now();
      if (now >= nextSpike) {
        disturbances["spikes"] = (disturbances["spikes"] ?? 0) + 1;
        spikeUntil = now + Math.min(20_000, step / 2);
        nextSpike = now + step * (0.7 + 0.6 * random());
      }
      if (now >= nextDeploy) {
        disturbances["deploys"] = (disturbances["deploys"] ?? 0) + 1;
        nextDeploy = now + step * (0.8 + 0.8 * random());
        const target = ["api", "web", "worker", "stock"][Math.floor(random() * 4)]!;
        await ask("/changes", { target, summary: `release ${Math.floor(random() * 65_536).toString(16)}` });
        await ask(`/targets/${target}/actions`, { action: "restart", why: "deploy" }).catch((error: unknown) =>
          say(String(error)),
        );
      }
      // About ten requests a second, sixty in a spike, with the unevenness of people.
      const perSecond = (now < spikeUntil ? 60 : 10) * (0.5 + random());
      const started = Array.from({ length: Math.max(1, Math.round(perSecond / 4)) }, () => request(web!, counts));
      await Promise.all([...started, rest(250)]);
    }
    // Until what was open at the end has been seen through.
    await rest(Math.min(15_000, minutes * 10_000));
    const issues = (await ask("/issues?limit=500")).items as SoakIssue[];
    const incidents = (await ask("/incidents?limit=500")).items.filter(
      (each: { target: string; causedBy: string | null }) => each.target !== "prunella" && each.causedBy === null,
    );
    const repairs = (await ask("/repairs?limit=500")).items.filter(
      (each: { approvedBy: string | null; startedAt: string | null }) =>
        each.approvedBy === "policy" && each.startedAt !== null,
    );
    const templates = await Promise.all(
      ["api", "web", "worker", "stock"].map(
        async (key) => (await ask(`/targets/${key}/log-templates`)).items.length as number,
      ),
    );
    const series = await Promise.all(
      ["api", "web", "worker", "stock"].map(
        async (key) => (await ask(`/targets/${key}/series?resolution=raw`)).items.length as number,
      ),
    );
    return {
      issues,
      incidents: incidents.length,
      repairs: repairs.length,
      ...counts,
      disturbances,
      learned: { templates: sum(templates), series: sum(series) },
    };
  } finally {
    await end(up);
    rmSync(folder, { recursive: true, force: true });
  }
}

function service(name: string, env: Readonly<Record<string, number | undefined>>, more: string): string {
  const pairs = Object.entries(env).map(([key, value]) => `${key}: "${value}"`);
  return `  ${name}: { command: node start.mjs ./${name}.js, env: { ${pairs.join(", ")} }, ${more} }`;
}

function request(port: number, counts: { requests: number; failed: number }): Promise<void> {
  return new Promise((resolve) => {
    counts.requests += 1;
    const asked = get({ host: "127.0.0.1", port, path: "/", timeout: 3_000, agent: false }, (answer) => {
      if ((answer.statusCode ?? 500) >= 500) counts.failed += 1;
      answer.resume().on("end", resolve).on("error", resolve);
    });
    asked.on("timeout", () => asked.destroy(new Error("timeout")));
    asked.on("error", () => {
      counts.failed += 1;
      resolve();
    });
  });
}

// The API's answers, of which only a few fields are read.
type Answer = any;

function asker(base: string): (url: string, body?: unknown) => Promise<Answer> {
  return async (url, body) => {
    const response = await fetch(base + url, {
      ...(body === undefined
        ? {}
        : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<Answer>;
  };
}

async function waitFor(holds: () => boolean | Promise<boolean>, timeoutMs: number, what: string): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      if (await holds()) return;
    } catch {
      // Not there yet.
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs / 1_000} s in vain for ${what}`);
    await rest(200);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await Promise.race([gone, rest(20_000)]);
  child.kill("SIGKILL");
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string" },
      seed: { type: "string" },
      learn: { type: "string" },
      data: { type: "string" },
    },
  });
  const minutes = Number(values.minutes ?? 60);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  if (!(minutes > 0) || !Number.isInteger(seed)) {
    console.error("npm run soak-benign -- [--minutes N] [--seed S] [--learn 2m] [--data DIR]");
    process.exit(2);
  }
  const result = await soak({ minutes, seed, learn: values.learn ?? null, say: (line) => console.log(line) });
  const critical = result.issues.filter((issue) => issue.severity === "critical");
  for (const { id, severity, kind, target, title, occurrences } of result.issues)
    console.log(`  ${id} ${severity} ${kind} ${target} x${occurrences}: ${title}`);
  console.log(
    `soak: ${result.requests} requests (${result.failed} failed), ${Object.entries(result.disturbances)
      .map(([what, count]) => `${count} ${what}`)
      .join(", ")}; learned from ${result.learned.series} series and ${result.learned.templates} templates; ` +
      `${result.issues.length} issues, ${critical.length} of them critical`,
  );
  const disturbed = sum(Object.values(result.disturbances));
  const passed = critical.length === 0 && result.repairs === 0;
  const file = recordRun(values.data, {
    kind: "soak",
    coveredMs: minutes * 60_000,
    passed,
    summary: `nothing was harmed: ${result.issues.length} issues, ${critical.length} of them critical, and ${result.repairs} repairs in ${disturbed} spikes and deploys`,
    figures: [
      ...Object.entries(result.disturbances).map(([name, count]) => ({ name, value: String(count) })),
      { name: "incidents for nothing", value: String(result.incidents) },
      { name: "series and templates learned from", value: `${result.learned.series}, ${result.learned.templates}` },
    ],
    // An incident may have come in no disturbance, and a disturbance may have caused two: each counts against one case.
    rates: [
      {
        name: "benign disturbances answered with an incident",
        count: Math.min(disturbed, result.incidents),
        of: disturbed,
      },
      { name: "benign disturbances answered with a repair", count: Math.min(disturbed, result.repairs), of: disturbed },
      { name: "customers' requests failed", count: result.failed, of: result.requests },
    ],
    command: `npm run soak-benign -- --minutes ${minutes} --seed ${seed}${values.learn === undefined ? "" : ` --learn ${values.learn}`}`,
  });
  console.log(`recorded: ${file}`);
  process.exit(passed ? 0 : 1);
}
