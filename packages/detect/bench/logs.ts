// Scores and speed of the log miner on the development half of Loghub, with Drain3 in the same run when the environment
// names a checkout: PRUNELLA_DRAIN3=/path/to/Drain3 (needs python3 with cachetools and jsonpickle). `node bench/logs.ts`
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { LogMiner } from "@prunella/detect";
import { judged } from "./data.ts";
import { meanScore, readLogSamples, scoreLines, type LogSample, type LogScore } from "./log-truth.ts";

interface Peer {
  readonly ids: Readonly<Record<string, readonly string[]>>;
  readonly templates: Readonly<Record<string, readonly string[]>>;
  readonly seconds: number;
}

const targets = {
  GA: { floor: 0.87, goal: 0.93 },
  PA: { floor: 0.55, goal: 0.75 },
  FGA: { floor: 0.87, goal: 0.92 },
  FTA: { floor: 0.55, goal: 0.7 },
} as const;
const speedTarget = { floor: 60_000, goal: 200_000 } as const;
const rounds = 50;

const samples = readLogSamples();
if (typeof samples === "string") console.log(`logs: skipped, ${samples}`);
else run(samples);

function run(all: readonly LogSample[]): void {
  const miners = all.map(() => new LogMiner());
  // The very first lines of the process: the engine still compiles.
  const [idsOf, coldSeconds] = timed(() => all.map(({ lines }, at) => lines.map((line) => miners[at]!.add(line))));
  const mined = all.map((sample, at) => {
    const miner = miners[at]!;
    const ids = idsOf[at]!;
    const bytes = Buffer.byteLength(JSON.stringify(miner.snapshot())) / miner.templates().length;
    return { sample, ids, templates: ids.map((id) => miner.template(id) ?? ""), bytes };
  });
  for (const truth of ["original", "corrected"] as const) {
    console.log(`\nlog templates, ${truth} truth`);
    const scores = mined.map(({ sample, ids, templates }) => scoreLines(sample[truth], ids, templates));
    scores.forEach((score, at) => console.log(row(all[at]!.name, score)));
    const mean = meanScore(scores);
    console.log(row("mean", mean));
    if (truth === "corrected")
      for (const key of ["GA", "FGA", "FTA", "PA"] as const) judged(`Loghub ${key}`, mean[key], targets[key]);
  }
  const lines = all.reduce((sum, { lines }) => sum + lines.length, 0);
  console.log(`\nspeed, processor time of one thread, ${String(lines)} lines`);
  judged("lines/s, first pass of the process", lines / coldSeconds, speedTarget);
  const [, warmSeconds] = timed(() => {
    for (let round = 0; round < rounds; round += 1)
      all.forEach((sample, at) => {
        for (const line of sample.lines) miners[at]!.add(line);
      });
  });
  judged("lines/s, sustained", (lines * rounds) / warmSeconds, speedTarget);
  const bytes = mined.reduce((sum, each) => sum + each.bytes, 0) / mined.length;
  console.log(`  bytes per template (snapshot)  ${bytes.toFixed(0)}`);
  console.log(`  bytes per template (heap)      ${heapBytes(all).toFixed(0)}`);
  for (const masks of ["none", "generic"]) runPeer(all, masks);
}

/** The answer, and the processor seconds that this thread took for it: waiting for a busy machine does not count. */
function timed<T>(work: () => T): [T, number] {
  const started = process.threadCpuUsage();
  const answer = work();
  const { user, system } = process.threadCpuUsage(started);
  return [answer, (user + system) / 1e6];
}

function heapBytes(all: readonly LogSample[]): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return Number.NaN;
  collect();
  const before = process.memoryUsage().heapUsed;
  const miners = all.map(({ lines }) => {
    const miner = new LogMiner();
    for (const line of lines) miner.add(line);
    return miner;
  });
  collect();
  const used = process.memoryUsage().heapUsed - before;
  return used / miners.reduce((sum, miner) => sum + miner.templates().length, 0);
}

function runPeer(all: readonly LogSample[], masks: string): void {
  const checkout = process.env["PRUNELLA_DRAIN3"];
  const title = `Drain3, masks: ${masks}`;
  if (checkout === undefined) {
    console.log(`\n${title}: skipped, PRUNELLA_DRAIN3 names no checkout`);
    return;
  }
  const input = JSON.stringify(Object.fromEntries(all.map(({ name, lines }) => [name, lines])));
  const done = spawnSync("python3", [path.join(import.meta.dirname, "drain3_peer.py"), masks], {
    input,
    env: { ...process.env, PYTHONPATH: checkout },
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 600_000,
  });
  if (done.status !== 0) {
    console.log(`\n${title}: skipped, python3 said: ${(done.stderr || String(done.error)).trim().split("\n").at(-1)!}`);
    return;
  }
  const peer = JSON.parse(done.stdout) as Peer;
  console.log(`\n${title}, corrected truth`);
  const scores = all.map(({ name, corrected }) => scoreLines(corrected, peer.ids[name]!, peer.templates[name]!));
  scores.forEach((score, at) => console.log(row(all[at]!.name, score)));
  console.log(row("mean", meanScore(scores)));
  const lines = all.reduce((sum, { lines }) => sum + lines.length, 0);
  console.log(`  lines/s, first pass  ${(lines / peer.seconds).toFixed(0)}`);
}

function row(name: string, score: LogScore): string {
  const cells = (["GA", "FGA", "FTA", "PA"] as const).map((key) => `${key} ${score[key].toFixed(3)}`);
  return `  ${name.padEnd(12)} ${cells.join("  ")}`;
}
