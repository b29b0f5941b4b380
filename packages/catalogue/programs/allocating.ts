// Works with objects that are needed for a moment. It begins with a new one each time; with guards it can be told to use a pool
// (action "use-object-pool"). POST /busy works all the time; GET /compare measures a million cycles of each.
import { objectPool } from "@prunella/resilience";
import { PerformanceObserver } from "node:perf_hooks";
import { guardsOn, registerAction, serve, sleep } from "./kit.ts";

interface Message {
  readonly values: Float64Array;
  readonly parts: number[];
  length: number;
}
const create = (): Message => ({ values: new Float64Array(64), parts: Array.from({ length: 64 }, () => 0), length: 0 });
const pool = objectPool<Message>({ name: "messages", create, reset: (message) => void (message.length = 0), max: 100 });

let pauses = 0;
let pauseMs = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    pauses += 1;
    pauseMs += entry.duration;
  }
}).observe({ entryTypes: ["gc"] });

function use(message: Message, seed: number): number {
  message.length = 8;
  for (let at = 0; at < 8; at += 1) message.parts[at] = seed + at;
  message.values[0] = seed;
  return message.parts[7] ?? 0;
}
/** Some of what is allocated lives on for a while, as requests in flight do. */
const inFlight: Message[] = Array.from({ length: 2_000 }, create);
let turn = 0;
let sink = 0;

function withoutPool(): void {
  const message = create();
  sink += use(message, turn);
  inFlight[(turn += 1) % inFlight.length] = message;
}
function withPool(): void {
  const message = pool.borrow();
  sink += use(message, (turn += 1));
  pool.giveBack(message);
}
let cycle = withoutPool;

registerAction("use-object-pool", () => {
  if (!guardsOn) throw new Error("guards are off");
  cycle = withPool;
  return "pooled";
});

async function measure(
  work: () => void,
  cycles: number,
): Promise<{ pauses: number; pauseMs: number; bytesPerCycle: number }> {
  const { gc } = globalThis as { gc?: () => void };
  for (let n = 0; n < 20_000; n += 1) work();
  gc?.();
  await sleep(20);
  const before = { pauses, pauseMs, heap: process.memoryUsage().heapUsed, external: process.memoryUsage().external };
  let bytes = 0;
  for (let n = 0; n < cycles; n += 1) work();
  bytes = process.memoryUsage().heapUsed - before.heap + process.memoryUsage().external - before.external;
  await sleep(50);
  return {
    pauses: pauses - before.pauses,
    pauseMs: Math.round((pauseMs - before.pauseMs) * 10) / 10,
    bytesPerCycle: Math.round((Math.max(0, bytes) / cycles) * 1_000) / 1_000,
  };
}

let busy = false;
serve({
  "/busy": () => {
    if (!busy)
      setInterval(() => {
        // Most of a core, in slices, so that the service goes on answering.
        const until = performance.now() + 30;
        while (performance.now() < until) for (let n = 0; n < 200; n += 1) cycle();
      }, 40);
    busy = true;
    return "busy";
  },
  "/compare": async () => {
    const cycles = 1_000_000;
    const allocated = await measure(withoutPool, cycles);
    const pooled = await measure(guardsOn ? withPool : withoutPool, cycles);
    return {
      cycles,
      allocated,
      pooled,
      timesFewerPauses: Math.round((allocated.pauses / Math.max(1, pooled.pauses)) * 10) / 10,
      sink: sink > 0,
    };
  },
});
