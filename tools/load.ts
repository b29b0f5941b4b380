// `npm run load -- --minutes N`: 200 findings a second at a real control plane on loopback. It holds when nothing is shed, the
// loops stay on time and memory is flat. Figures are printed every ten seconds; exit status 1 when it does not hold.
import process from "node:process";
import { parseArgs } from "node:util";
import { requireNode } from "./node-version.ts";
import { median, megabytes, recordRun, rest, rssOf, scratch, startProduct } from "./product/harness.ts";

requireNode();
const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    rate: { type: "string" },
    data: { type: "string" },
    help: { type: "boolean" },
  },
});
const usage = `npm run load -- [--minutes N] [--rate R] [--data DIR]
  --minutes N   how long (default 10)      --rate R   findings a second (default 200)
  --data DIR    data folder whose report shows the run (default: examples/shop/.prunella)`;
if (values.help === true) {
  console.log(usage);
  process.exit(0);
}
const minutes = Number(values.minutes ?? 10);
const rate = Number(values.rate ?? 200);
if (!(minutes > 0 && minutes <= 1_440) || !(rate >= 10 && rate <= 2_000)) {
  console.error(`--minutes takes up to 1440, --rate 10 to 2000\n${usage}`);
  process.exit(2);
}

/** Batches a second, targets and distinct faults that the findings are about. */
const batchesPerSecond = 10;
const targets = 20;
const distinct = 400;
/** A loop is late when it has not turned for this long, ms. */
const lateMs = 5_000;
const growthShareMax = 0.15;

interface Status {
  readonly itself: {
    readonly detectionAgeMs: number;
    readonly healingAgeMs: number;
    readonly signalsWaiting: number;
    readonly signalsTaken: number;
    readonly signalsShed: number;
    readonly storeFailures: number;
  };
}

const names = Array.from({ length: targets }, (_, at) => `thing-${at + 1}`);
const product = await startProduct(
  scratch("load"),
  `targets:\n${names.map((name) => `  ${name}: { check: { command: ["true"], every: 30s } }`).join("\n")}\nhttp: { port: 0 }\n`,
);
try {
  await product.healthy(90_000);
  process.exitCode = await run();
} finally {
  await product.stop();
}

async function run(): Promise<number> {
  console.log(`load: ${rate} findings a second for ${minutes} min; control plane ${product.controlPid()}`);
  const startedAt = performance.now();
  const samples: { rss: number; detectionMs: number; healingMs: number; waiting: number; shed: number }[] = [];
  const answers: number[] = [];
  let sent = 0;
  let refused = 0;
  let nextLook = 10_000;
  const pending = new Set<Promise<void>>();
  for (let batch = 0; performance.now() - startedAt < minutes * 60_000; batch += 1) {
    const signals = Array.from({ length: rate / batchesPerSecond }, (_, at) => {
      const number = (batch * (rate / batchesPerSecond) + at) % distinct;
      // Each fault fires for a stretch and clears for a stretch, so that incidents open and end all the time.
      const isFiring = Math.floor(batch / 40) % 2 === 0;
      return {
        target: names[number % targets] ?? "",
        kind: "reported",
        distinguisher: `fault-${number}`,
        state: isFiring ? "firing" : "cleared",
        severity: "low",
        summary: `fault ${number} of the load`,
      };
    });
    const at = performance.now();
    const post = product
      .ask("/api/v1/signals", signals)
      .then(
        () => void (sent += signals.length),
        () => void (refused += signals.length),
      )
      .finally(() => {
        answers.push(performance.now() - at);
        pending.delete(post);
      });
    pending.add(post);
    if (performance.now() - startedAt >= nextLook) {
      nextLook += 10_000;
      await look(startedAt, samples, sent);
    }
    const due = startedAt + ((batch + 1) * 1_000) / batchesPerSecond;
    await rest(Math.max(0, due - performance.now()));
  }
  await Promise.all(pending);
  return conclude(samples, answers, sent, refused);
}

async function look(
  startedAt: number,
  samples: { rss: number; detectionMs: number; healingMs: number; waiting: number; shed: number }[],
  sent: number,
): Promise<void> {
  const { itself } = await product.ask<Status>("/api/v1/status");
  const sample = {
    rss: rssOf(product.controlPid()),
    detectionMs: itself.detectionAgeMs,
    healingMs: itself.healingAgeMs,
    waiting: itself.signalsWaiting,
    shed: itself.signalsShed,
  };
  samples.push(sample);
  console.log(
    `  ${String(Math.round((performance.now() - startedAt) / 1_000)).padStart(5)} s  sent ${sent}  memory ${megabytes(sample.rss)}  detection loop ${sample.detectionMs} ms ago  healing loop ${sample.healingMs} ms ago  waiting ${sample.waiting}  shed ${sample.shed}`,
  );
}

function conclude(
  samples: readonly { rss: number; detectionMs: number; healingMs: number; waiting: number; shed: number }[],
  answers: number[],
  sent: number,
  refused: number,
): number {
  const quarter = (number: number): number => {
    const size = Math.max(1, Math.floor(samples.length / 4));
    return (
      median(samples.slice(number * size, (number + 1) * size).map((sample) => sample.rss)) ?? samples.at(-1)?.rss ?? 0
    );
  };
  const [early, late] = [quarter(1), quarter(3)];
  const isFlat = samples.length < 8 || late <= early * (1 + growthShareMax);
  const worst = Math.max(0, ...samples.flatMap((sample) => [sample.detectionMs, sample.healingMs]));
  const shed = samples.at(-1)?.shed ?? 0;
  const isOnTime = worst < lateMs && shed === 0 && refused === 0;
  answers.sort((a, b) => a - b);
  const at = (share: number): string => `${Math.round(answers[Math.floor(share * (answers.length - 1))] ?? 0)} ms`;
  const figures = [
    { name: "findings sent and stored", value: String(sent) },
    { name: "refused", value: String(refused) },
    { name: "shed", value: String(shed) },
    { name: "answer to a batch, median and 99 %", value: `${at(0.5)}, ${at(0.99)}` },
    { name: "oldest a loop was seen", value: `${worst} ms` },
    { name: "memory, second and last quarter", value: `${megabytes(early)}, ${megabytes(late)}` },
  ];
  const passed = isFlat && isOnTime && sent > 0;
  const summary = `${rate} findings a second: ${isOnTime ? "loops on time, nothing shed" : "NOT on time"}, memory ${samples.length < 8 ? "seen too shortly to judge" : isFlat ? "flat" : "GROWING"}`;
  console.log(`load: ${summary}`);
  for (const { name, value } of figures) console.log(`  ${name}: ${value}`);
  const file = recordRun(values.data, {
    kind: "load",
    coveredMs: minutes * 60_000,
    passed,
    summary,
    figures,
    command: `npm run load -- --minutes ${minutes} --rate ${rate}`,
  });
  console.log(`recorded: ${file}`);
  return passed ? 0 : 1;
}
