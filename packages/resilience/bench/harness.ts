// Measures cases in interleaved rounds, by CPU time, as multiples of a bare await in the same run: the only figures
// that survive a shared machine. What a case does once per call is `run`; a promise that it gives is awaited.
import process from "node:process";

export interface Case {
  readonly name: string;
  readonly group: string;
  /** Does one call. */
  readonly run: () => unknown;
  /** Fail above this multiple of a bare await (resilience targets; only our own cases have one). */
  readonly gate?: number;
  /** The figure to aim at. */
  readonly stretch?: number;
  /** Calls per round (default 20,000; fewer for slow ones). */
  readonly calls?: number;
  /** Called in a plain loop, nothing awaited. */
  readonly sync?: boolean;
  /** Calls started at once and then awaited together (default 1). */
  readonly inFlight?: number;
  /** Counts the operations of one run, when it makes more than one. */
  readonly operations?: number;
}

export interface Result {
  readonly each: Case;
  /** CPU time per call in ns, median of the rounds. */
  readonly ns: number;
  /** The same as a multiple of a bare await. */
  readonly ratio: number;
  /** Bytes allocated per call; undefined when it was not measured. */
  readonly bytes: number | undefined;
}

const bare: Case = { name: "await fn()", group: "floor", run: async () => 1 };

export async function measure(cases: readonly Case[], rounds: number): Promise<Result[]> {
  const all = [bare, ...cases];
  const samples = new Map<Case, number[]>(all.map((each) => [each, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (const each of all) {
      const ns = await cpuPerCall(each, round < 0 ? 0.3 : 1);
      if (round >= 0) samples.get(each)?.push(ns);
    }
  }
  const medians = new Map(all.map((each) => [each, median(samples.get(each) ?? [])]));
  const results: Result[] = [];
  for (const each of all) {
    const ns = medians.get(each) ?? 0;
    results.push({ each, ns, ratio: ns / (medians.get(bare) ?? 1), bytes: await bytesPerCall(each) });
  }
  return results;
}

async function cpuPerCall(each: Case, share: number): Promise<number> {
  const calls = Math.ceil((each.calls ?? 20_000) * share);
  const before = process.cpuUsage();
  await repeat(each, calls);
  const used = process.cpuUsage(before);
  return ((used.user + used.system) * 1000) / calls / (each.operations ?? 1);
}

async function repeat(each: Case, calls: number): Promise<void> {
  const { run, inFlight = 1 } = each;
  if (each.sync === true) {
    for (let call = 0; call < calls; call += 1) run();
  } else if (inFlight > 1) {
    for (let call = 0; call < calls; call += inFlight) await Promise.all(Array.from({ length: inFlight }, run));
  } else {
    for (let call = 0; call < calls; call += 1) await run();
  }
}

/** Heap growth over a run without a collection in between: the least of several, as a collection only hides bytes. */
async function bytesPerCall(each: Case): Promise<number | undefined> {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined || (each.calls ?? 20_000) < 2000) return undefined;
  const calls = 2000;
  const grown: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    collect();
    const before = process.memoryUsage().heapUsed;
    await repeat(each, calls);
    grown.push((process.memoryUsage().heapUsed - before) / calls / (each.operations ?? 1));
  }
  return median(grown);
}

/** Heap that each of many objects keeps, in bytes. */
export function heapPerObject(make: (index: number) => unknown, count = 5000): number | undefined {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return undefined;
  const kept: unknown[] = Array.from({ length: count });
  make(-1);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < count; index += 1) kept[index] = make(index);
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  return kept.length === count ? bytes : undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
