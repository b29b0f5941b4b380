// Works with objects that are needed for a moment. It begins with a new one each time; with guards it can be told to use a pool
// (action "use-object-pool"). POST /busy works all the time; GET /compare measures a million cycles of each.
import { objectPool } from "@prunella/resilience";
import { PerformanceObserver } from "node:perf_hooks";
import { guardsOn, registerAction, serve, sleep } from "./kit.ts";

interface Message {
  readonly parts: { value: number }[];
  length: number;
}
const create = (): Message => ({ parts: Array.from({ length: 32 }, () => ({ value: 0 })), length: 0 });
const pool = objectPool<Message>({ name: "messages", create, reset: (message) => void (message.length = 0), max: 100 });

/** Pauses for garbage collection, newest last, at most so many. */
const pauses: { readonly at: number; readonly ms: number }[] = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) pauses.push({ at: entry.startTime, ms: entry.duration });
  pauses.splice(0, pauses.length - 10_000);
}).observe({ entryTypes: ["gc"] });

function use(message: Message, seed: number): number {
  message.length = 8;
  for (const part of message.parts) part.value = seed & 1_023;
  return message.parts[7]?.value ?? 0;
}
/** Some of what is allocated lives on for a while, as requests in flight do: too long for one collection, not for the next. */
const inFlight: Message[] = Array.from({ length: 500 }, create);
let turn = 0;
/** Kept a small whole number: a larger one would be an object itself. */
let sink = 0;
/** Held, so that the compiler cannot do without the object. */
let last: Message | undefined;

function withoutPool(): void {
  const message = create();
  sink = (sink + use(message, turn)) | 0;
  inFlight[(turn += 1) % inFlight.length] = message;
}
/** Allocated, used and dropped at once: what a pool is compared with. */
function allocated(): void {
  last = create();
  sink = (sink + use(last, (turn += 1))) | 0;
}
function withPool(): void {
  const message = pool.borrow();
  sink = (sink + use(message, (turn += 1))) | 0;
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
  const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
  const before = memory();
  const from = performance.now();
  for (let n = 0; n < cycles; n += 1) work();
  const to = performance.now();
  const bytes = memory() - before;
  // Pauses are told later, in a turn of their own.
  await sleep(100);
  const own = pauses.filter((pause) => pause.at >= from && pause.at <= to);
  return {
    pauses: own.length,
    pauseMs: Math.round(own.reduce((sum, pause) => sum + pause.ms, 0) * 10) / 10,
    bytesPerCycle: Math.round((Math.max(0, bytes) / cycles) * 1_000) / 1_000,
  };
}

let busy = false;
serve({
  "/busy": () => {
    if (!busy)
      setInterval(() => {
        // Most of the time, whatever the machine's speed, in slices, so that the service goes on answering.
        for (const until = performance.now() + 36; performance.now() < until;) for (let n = 0; n < 200; n += 1) cycle();
      }, 40);
    busy = true;
    return "busy";
  },
  "/compare": async () => {
    const cycles = 1_000_000;
    const bare = await measure(allocated, cycles);
    const pooled = await measure(guardsOn ? withPool : allocated, cycles);
    return {
      cycles,
      allocated: bare,
      pooled,
      timesFewerPauses: Math.round((bare.pauses / Math.max(1, pooled.pauses)) * 10) / 10,
      sink: Number.isInteger(sink),
    };
  },
});
