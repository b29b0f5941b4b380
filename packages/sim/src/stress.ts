// `npm run stress`: 72 simulated hours and 7 simulated days of mixed incidents on the real engine, with crashes of the control
// plane, a store and a network that fail, and a person who looks in every hour. Fails when an invariant broke or memory grew.
// What is older than a day leaves the simulated disk every hour, as an archive would take it: what grows then is the engine.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { noFaults, type FaultRates } from "./faults.ts";
import { plantSpecs, type Breakage, type PlannedBreakage } from "./plant.ts";
import { stream } from "./random.ts";
import { run, type Hour } from "./run.ts";

const hourMs = 3_600_000;
/** Records older than this leave the disk: a little more than the day for which budgets and recurrence look back. */
const keptMs = 26 * hourMs;
/** Breakages of an hour, on average. */
const breakagesPerHour = 4;
/** Memory may grow by this share, or by so many bytes, from the second quarter of a run to the last. */
const growthShareMax = 0.1;
const growthBytesMax = 4_000_000;

const usage = `npm run stress -- [--hours N]... [--seed S] [--data DIR]
  --hours N   simulated hours of a run; may be given more than once (default: 72 and 168)
  --seed S    default 1; the same seed takes the same path
  --data DIR  data folder whose report shows the run (default: examples/shop/.prunella)`;

/** Rare faults of the store, the network and the control plane itself, so that a week holds some hundreds of each. */
const rates: FaultRates = {
  ...noFaults,
  commitRefused: 2_000,
  commitLost: 4_000,
  commitVanished: 4_000,
  slowStore: 2_000,
  orderLostBefore: 40,
  orderLostAfter: 40,
  orderHangs: 60,
  questionFails: 10,
  signalsDropped: 2_000,
  signalsDoubled: 2_000,
  crash: 2_000,
  notifyFails: 10,
};

interface Sample {
  readonly hour: number;
  readonly heapBytes: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      hours: { type: "string", multiple: true },
      seed: { type: "string" },
      data: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const lengths = (values.hours ?? ["72", "168"]).map(Number);
  const seed = Number(values.seed ?? 1);
  if (lengths.some((hours) => !(hours >= 1 && hours <= 10_000)) || !Number.isInteger(seed)) {
    console.error(`--hours takes 1 to 10000, --seed a whole number\n${usage}`);
    return 2;
  }
  if (globalThis.gc === undefined) {
    console.error("run it as npm run stress: memory is only comparable after a collection (node --expose-gc)");
    return 2;
  }
  let sound = true;
  for (const hours of lengths) sound = (await stress(hours, seed, values.data ?? null)) && sound;
  return sound ? 0 : 1;
}

async function stress(hours: number, seed: number, data: string | null): Promise<boolean> {
  const startedAt = performance.now();
  const lengthMs = hours * hourMs;
  const samples: Sample[] = [];
  const archived = { incidents: 0, recovered: 0, escalated: 0, repairs: 0 };
  const breakages = mixed(seed, lengthMs);
  let repairs = 0;
  console.log(`stress: ${hours} simulated hours, seed ${seed}, ${breakages.length} breakages`);

  function hourly(hour: Hour): void {
    archive(hour, archived);
    repairs = archived.repairs + hour.disk.repairs.size;
    lookIn(hour);
    globalThis.gc?.();
    const sample = { hour: Math.round(hour.nowMs / hourMs), heapBytes: process.memoryUsage().heapUsed };
    samples.push(sample);
    if (sample.hour % 6 === 0 || sample.hour === hours)
      console.log(
        `  ${String(sample.hour).padStart(4)} h  heap ${(sample.heapBytes / 1e6).toFixed(1)} MB  incidents ${archived.incidents + hour.disk.incidents.size}  repairs ${repairs}  crashes survived ${hour.crashes}  events ${hour.events}  (${((performance.now() - startedAt) / 1000).toFixed(0)} s)`,
      );
  }

  const result = await run({
    seed,
    lengthMs,
    faults: rates,
    breakages,
    person: true,
    courierMs: 250,
    eventsMax: hours * 400_000,
    hourly,
  });
  const [early, late] = [quarter(samples, 1), quarter(samples, 3)];
  const grewBytes = late - early;
  const isFlat = samples.length < 8 || grewBytes <= Math.max(growthBytesMax, early * growthShareMax);
  const passed = result.failure === null && isFlat;
  const incidents = archived.incidents + result.opened;
  const recovered = archived.recovered + result.recovered;
  const escalated = archived.escalated + result.escalated;
  const summary =
    result.failure !== null
      ? `an invariant broke: ${result.failure}`
      : isFlat
        ? "no invariant broke, memory is flat"
        : `no invariant broke, but memory grew by ${(grewBytes / 1e6).toFixed(1)} MB`;
  const figures = [
    ["incidents", String(incidents)],
    ["recovered", String(recovered)],
    ["handed to a person", String(escalated)],
    ["repairs, up to the last full hour", String(repairs)],
    ["crashes of the control plane survived", String(result.crashes)],
    ["faults of store and network met", String(result.faults.length)],
    ["heap in the second quarter, median", `${(early / 1e6).toFixed(1)} MB`],
    ["heap in the last quarter, median", `${(late / 1e6).toFixed(1)} MB`],
    ["events", String(result.events)],
    ["took", `${((performance.now() - startedAt) / 1000).toFixed(0)} s`],
    ["CPU time", `${((process.cpuUsage().user + process.cpuUsage().system) / 1e6).toFixed(0)} s`],
  ].map(([name = "", value = ""]) => ({ name, value }));
  const command = `npm run stress -- --hours ${hours} --seed ${seed}`;
  const at = Date.now();
  const file = record(data, `stress-${hours}h-${at}.json`, {
    kind: "stress",
    at,
    coveredMs: lengthMs,
    passed,
    summary,
    figures,
    command,
  });
  console.log(`stress: ${hours} h: ${summary}`);
  for (const { name, value } of figures) console.log(`  ${name}: ${value}`);
  if (result.failure !== null)
    console.log(`  replay: ${command}\n  last events:\n${result.trace.slice(-30).join("\n")}`);
  console.log(`  recorded: ${file}`);
  return passed;
}

/** Every kind of breakage, at random times over the whole run. Each ends by itself: somebody mends what no repair could. */
function mixed(seed: number, lengthMs: number): PlannedBreakage[] {
  const random = stream(seed, "stress");
  const kinds: readonly Breakage[] = ["crash", "kill", "hang", "freeze", "sick", "leak", "loop", "port"];
  const count = Math.round((lengthMs / hourMs) * breakagesPerHour);
  return Array.from({ length: count }, (): PlannedBreakage => {
    const spec = random.pick(plantSpecs);
    const kind: Breakage =
      spec.kind === "external"
        ? random.pick(["down", "blip"] as const)
        : random.pick(spec.heartbeatMs === undefined ? kinds : [...kinds, "mute" as const]);
    const lastsMs = kind === "blip" ? random.between(500, 2_500) : random.between(5_000, 300_000);
    return { at: random.between(60_000, lengthMs), target: spec.key, kind, lastsMs, curable: !random.oneIn(5) };
  }).sort((a, b) => a.at - b.at);
}

/** Takes what has ended long ago from the disk. */
function archive(
  { disk, plant, nowMs }: Hour,
  into: { incidents: number; recovered: number; escalated: number; repairs: number },
): void {
  const before = disk.lastAt - keptMs;
  for (const incident of disk.incidents.values()) {
    if (incident.state !== "ended" || (incident.endedAt ?? 0) >= before) continue;
    disk.incidents.delete(incident.id);
    into.incidents += 1;
    if (incident.outcome === "recovered") into.recovered += 1;
    if (incident.outcome === "escalated") into.escalated += 1;
  }
  for (const repair of disk.repairs.values()) {
    if (repair.state.name !== "ended" || repair.state.at >= before) continue;
    disk.repairs.delete(repair.id);
    into.repairs += 1;
  }
  for (const [map, at] of [
    [disk.transitions, (row: { at: number }) => row.at],
    [disk.signals, (row: { at: number }) => row.at],
    [disk.comments, (row: { at: number }) => row.at],
    [disk.series, (row: { at: number }) => row.at],
    [
      disk.notifications,
      (row: { at: number; deliveredAt: number | null }) => (row.deliveredAt === null ? Infinity : row.at),
    ],
    [disk.tallies, (row: { hour: number }) => row.hour],
  ] as readonly (readonly [Map<string, unknown>, (row: never) => number])[])
    for (const [key, row] of map) if (at(row as never) < before) map.delete(key);
  const effects = plant.effects.findIndex((effect) => effect.at >= before);
  if (nowMs > keptMs) plant.effects.splice(0, effects < 0 ? plant.effects.length : effects);
}

/** A person who looks in: starts what was handed over and is no longer broken, lifts a storm, promotes what was demoted. */
function lookIn({ disk, plant, engine }: Hour): void {
  if (engine === null) return;
  const by = "person:stress";
  const order = (command: Parameters<typeof engine.command>[0]): void => void engine.command(command).catch(() => {});
  // One member of a group at a time, as a careful person does.
  const groups = new Set<string>();
  for (const incident of disk.incidents.values()) {
    if (incident.state !== "handed-over" || !incident.firing) continue;
    const part = plant.parts.get(incident.target);
    if (part === undefined || part.spec.kind === "external" || part.ailment !== null) continue;
    if (groups.has(part.spec.group)) continue;
    groups.add(part.spec.group);
    order({ type: "act", by, target: incident.target, action: "restart", why: "looked in" });
  }
  if (disk.settings.storm !== null) order({ type: "resume", by, target: null });
  for (const standing of disk.standings.values())
    if (standing.demotedTo !== null) order({ type: "promote", by, remedy: standing.remedy });
}

/** Median heap of a quarter of the run. */
function quarter(samples: readonly Sample[], number: number): number {
  const size = Math.max(1, Math.floor(samples.length / 4));
  const part = samples.slice(number * size, (number + 1) * size).map((sample) => sample.heapBytes);
  return part.sort((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
}

function record(data: string | null, name: string, run: unknown): string {
  const folder = path.resolve(data ?? path.join(import.meta.dirname, "../../../examples/shop/.prunella"), "evidence");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, name);
  writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 });
  return file;
}

process.exitCode = await main();
