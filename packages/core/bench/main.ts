// What learned detection costs: values per second through everything that learns from metrics, memory per series, lines per
// second through the log path, and one iteration of the detection loop with 10,000 series at one value a second.
// Run: npm run bench core
import { defaultDetection, newLearner, newView, type LogLine, type TargetSpec } from "@prunella/core";

const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});
const start = 1_700_000_000_000;
const random = mulberry(1);

function spec(key: string): TargetSpec {
  return { key, kind: "external", group: key, dependsOn: [], addresses: [], checks: [], startupMs: 0, labels: {} };
}

function metrics(targets: number, each: number, seconds: number): void {
  const specs = Array.from({ length: targets }, (_, at) => spec(`t${at}`));
  const learner = newLearner([]);
  learner.configure(defaultDetection, specs);
  const views = specs.map((one) => newView(one));
  const names = Array.from({ length: each }, (_, at) => `metric${at}`);
  gc();
  const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const ticks: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const at = start + second * 1_000;
    const values = views.map(() =>
      Object.fromEntries(names.map((name, metric) => [name, 100 + metric + 10 * (random() + random() - 1)])),
    );
    const began = process.cpuUsage();
    for (const [index, view] of views.entries())
      learner.observe({ type: "sample", target: view.spec.key, at, values: values[index]! }, view);
    learner.advance(at);
    for (const view of views) learner.findings(view, at);
    learner.taken();
    const used = process.cpuUsage(began);
    ticks.push((used.user + used.system) / 1_000);
  }
  gc();
  const bytes = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - before;
  const late = ticks.slice(ticks.length >> 1).toSorted((a, b) => a - b);
  const sum = late.reduce((total, ms) => total + ms, 0);
  const series = targets * each;
  console.log(
    `${series} series at 1 value/s, ${seconds} s: an iteration costs ${(sum / late.length).toFixed(1)} ms of processor time (worst ${late.at(-1)?.toFixed(1)} ms), ` +
      `${Math.round((series * late.length) / (sum / 1_000))} values/s, ${Math.round(bytes / series)} bytes per series`,
  );
  const saving = process.cpuUsage();
  const rows = learner.save(start, 400_000);
  const used = process.cpuUsage(saving);
  const characters = rows.reduce((total, row) => total + JSON.stringify(row.state).length, 0);
  console.log(
    `  saving: ${rows.length} series of ${Math.round(characters / Math.max(1, rows.length))} characters in ${((used.user + used.system) / 1_000).toFixed(1)} ms a turn`,
  );
}

function lines(count: number): void {
  const learner = newLearner([]);
  learner.configure(defaultDetection, [spec("api")]);
  const all = Array.from({ length: count }, (_, at): LogLine => {
    const text = [
      `{"level":30,"time":${start + at},"msg":"order ${at} of customer ${Math.floor(random() * 1e6)} took ${Math.floor(random() * 900)} ms"}`,
      `2026-01-01T00:00:${String(at % 60).padStart(2, "0")}.000Z INFO request GET /articles/${Math.floor(random() * 1e5)} 200 in ${Math.floor(random() * 90)} ms`,
      `level=warn msg="cache miss" key=user:${Math.floor(random() * 1e6)} shard=${at % 7}`,
      `connection from 10.0.${at % 256}.${Math.floor(random() * 256)}:${1_024 + Math.floor(random() * 60_000)} closed`,
    ][at % 4]!;
    return { at: start + at, stream: "out", text };
  });
  const began = process.cpuUsage();
  for (let at = 0; at < all.length; at += 1_000) {
    learner.lines("api", all.slice(at, at + 1_000));
    learner.advance(start + at);
  }
  const used = process.cpuUsage(began);
  const seconds = (used.user + used.system) / 1e6;
  console.log(
    `log lines: ${Math.round(count / seconds)} lines/s through joining, reading, mining and watching; ${learner.read.counters()["templates"]} templates`,
  );
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

metrics(5, 30, 900);
metrics(200, 50, 700);
lines(200_000);
