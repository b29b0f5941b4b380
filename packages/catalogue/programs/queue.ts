// A producer three times as fast as its consumer, and the queue between them. POST /flood?policy=backpressure|drop-oldest&s=N
// runs it and answers with what was measured: peak size, accounts, how the producer fared, and how it drained.
import { boundedQueue, type BoundedQueue } from "@prunella/resilience";
import { guardsOn, serve, sleep } from "./kit.ts";

const capacity = 1_000;
const batchMs = 5;
const consumedPerBatch = 10;

interface Line {
  put(item: number): Promise<void>;
  take(): number | undefined;
  readonly size: number;
  accounts(): { in: number; out: number; shed: number };
}

/** What one writes without the library: an array that takes everything. */
function unbounded(): Line {
  const items: number[] = [];
  const count = { in: 0, out: 0, shed: 0 };
  return {
    async put(item) {
      count.in += 1;
      items.push(item);
    },
    take() {
      const item = items.shift();
      if (item !== undefined) count.out += 1;
      return item;
    },
    get size() {
      return items.length;
    },
    accounts: () => count,
  };
}

function bounded(policy: "backpressure" | "drop-oldest"): BoundedQueue<number> {
  return boundedQueue<number>({
    name: `orders-${policy}`,
    capacity,
    policy,
    ...(policy === "drop-oldest" ? { drainTo: 0.9 } : {}),
  });
}

function lineOf(queue: BoundedQueue<number>): Line {
  return {
    put: async (item) => void (await queue.put(item)),
    take: () => queue.tryTake(),
    get size() {
      return queue.size;
    },
    accounts: () => queue.accounts,
  };
}

const queues = { backpressure: bounded("backpressure"), "drop-oldest": bounded("drop-oldest") };

serve({
  "/flood": async ({ query }) => {
    const policy = query.get("policy") === "drop-oldest" ? "drop-oldest" : "backpressure";
    const line = guardsOn ? lineOf(queues[policy]) : unbounded();
    const runMs = Number(query.get("s") ?? 3) * 1_000;
    let sizeMax = 0;
    let produced = 0;
    let lateMs = 0;
    let running = true;
    const consumer = (async () => {
      while (running) {
        for (let taken = 0; taken < consumedPerBatch; taken += 1) line.take();
        sizeMax = Math.max(sizeMax, line.size);
        await sleep(batchMs);
      }
    })();
    const since = performance.now();
    while (performance.now() - since < runMs) {
      for (let put = 0; put < 3 * consumedPerBatch; put += 1) {
        const asked = performance.now();
        await line.put((produced += 1));
        lateMs += performance.now() - asked;
        sizeMax = Math.max(sizeMax, line.size);
      }
      await sleep(batchMs);
    }
    // The producer stops; the consumer goes on until less than half is held, at most so long.
    const stopped = performance.now();
    while (line.size >= capacity / 2 && performance.now() - stopped < 8_000) await sleep(10);
    const drainedMs = performance.now() - stopped;
    const heldAfter = line.size;
    running = false;
    await consumer;
    const { in: put, out, shed } = line.accounts();
    return {
      policy,
      capacity,
      produced,
      sizeMax,
      heldAfter,
      heldShare: heldAfter / capacity,
      drainedMs: Math.round(drainedMs),
      producerLateMs: Math.round(lateMs),
      shed,
      /** in - out - shed - held: 0 when every item is accounted for. */
      unaccounted: put - out - shed - line.size,
      slowedOrShed: lateMs > runMs / 4 || shed > 0,
    };
  },
});
