// Measures cases in interleaved rounds, by CPU time, as multiples of a bare await in the same run: the only figures
// that survive a shared machine. What a case does once per call is `run`; a promise that it gives is awaited.
import process from "node:process";

export interface Case {
  readonly name: string;
  readonly group: string;
  /** Does one call. */
  readonly run: () => unknown;
  /** Fail above this multiple of a bare await, or of the case named by `against` (only our own cases have one). */
  readonly gate?: number;
  /** The case that the gate and the figure to aim at are multiples of, where it is not the bare await. */
  readonly against?: string;
  /** Fail above this many bytes per call more than a bare await allocates. */
  readonly bytesGate?: number;
  /** The figure to aim at. */
  readonly stretch?: number;
  /** Too slow for its bytes to be told from what happens beside it. */
  readonly slow?: boolean;
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

/** There with --expose-gc. */
const collect = (globalThis as { gc?: (how?: { readonly type: "minor" }) => void }).gc;

/** CPU time that one round of a case takes, in ms: long enough that a collection or a compilation is spread thin. */
const roundMs = 15;

const bare: Case = { name: "await fn()", group: "floor", run: async () => 1 };

export async function measure(cases: readonly Case[], rounds: number): Promise<Result[]> {
  const all = [bare, ...cases];
  const times = new Map<Case, number[]>(all.map((each) => [each, []]));
  const ratios = new Map<Case, number[]>(all.map((each) => [each, []]));
  const calls = new Map<Case, number>();
  for (const each of all) calls.set(each, await callsPerRound(each));
  const cost = (each: Case): Promise<number> => cpuPerCall(each, calls.get(each) ?? 1);
  for (let round = 0; round < rounds; round += 1) {
    for (const each of shuffled(all, round)) {
      // Between two of the bare await: a machine that is slow for a while is slow for both.
      const before = await cost(bare);
      const ns = await cost(each);
      times.get(each)?.push(ns);
      ratios.get(each)?.push((2 * ns) / (before + (await cost(bare))));
    }
  }
  const results: Result[] = [];
  for (const each of all) {
    const [ns, ratio] = [median(times.get(each) ?? []), median(ratios.get(each) ?? [])];
    results.push({ each, ns, ratio, bytes: await bytesPerCall(each) });
  }
  return results;
}

/** In another order in each round: what one leaves behind, a collection or timers, must not always meet the same other. */
function shuffled(cases: readonly Case[], round: number): Case[] {
  const left = [...cases];
  let seed = round + 1;
  return cases.map(() => {
    seed = (seed * 48_271) % 2_147_483_647;
    return left.splice(seed % left.length, 1)[0] as Case;
  });
}

/** Warms a case up and finds how many calls fill a round: what the first ones cost tells little of the later ones. */
async function callsPerRound(each: Case): Promise<number> {
  const { inFlight = 1, operations = 1 } = each;
  let calls = 50;
  for (let turn = 0; turn < 6; turn += 1) {
    const fill = (roundMs * 1e6) / ((await cpuPerCall(each, calls)) * operations);
    calls = Math.ceil(Math.min(fill, calls * 20) / inFlight) * inFlight;
  }
  return calls;
}

async function cpuPerCall(each: Case, calls: number): Promise<number> {
  // Nobody pays for the garbage of another. (A full collection would have the engine forget what it has compiled.)
  collect?.({ type: "minor" });
  const before = process.cpuUsage();
  await repeat(each, calls);
  const used = process.cpuUsage(before);
  return ((used.user + used.system) * 1000) / calls / (each.operations ?? 1);
}

/** One loop for all cases of a kind: what is measured must not depend on what the engine knows of a single one. */
async function repeat({ run, sync, inFlight }: Case, calls: number): Promise<void> {
  if (sync === true) callEach(run, calls);
  else if (inFlight === undefined) await awaitEach(run, calls);
  else await awaitAll(run, calls, inFlight);
}

function callEach(run: Case["run"], calls: number): void {
  for (let call = 0; call < calls; call += 1) run();
}

async function awaitEach(run: Case["run"], calls: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) await run();
}

async function awaitAll(run: Case["run"], calls: number, inFlight: number): Promise<void> {
  for (let call = 0; call < calls; call += inFlight) await Promise.all(Array.from({ length: inFlight }, run));
}

/** Heap growth over a run without a collection in between: the least of several, as a collection only hides bytes. */
async function bytesPerCall(each: Case): Promise<number | undefined> {
  if (collect === undefined || each.slow === true) return undefined;
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
  if (collect === undefined) return undefined;
  const kept: unknown[] = Array.from({ length: count });
  make(-1);
  collect();
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
