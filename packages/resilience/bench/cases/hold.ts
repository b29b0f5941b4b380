// The primitives that hold things: rate limits, caches, queues, pools, loaders, beside the peers.
import DataLoader from "dataloader";
import Denque from "denque";
import genericPool from "generic-pool";
import { LRUCache } from "lru-cache";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { Pool as TarnPool } from "tarn";
import { boundedQueue, cache, loader, pool, rateLimiter } from "@prunella/resilience";
import { Ring } from "../../src/hold/ring.ts";
import type { Case } from "../harness.ts";

const many = 1_000_000_000;
const depth = 60_000;
let turn = 0;
const keys = Array.from({ length: 10_000 }, (_, index) => `tenant-${index}`);
const nextKey = (): string => keys[(turn = (turn + 1) % keys.length)] ?? "";

/** Its keys are in use all the time: with a quota that refills at once each would be forgotten before its next call. */
const limiter = rateLimiter({ limit: 1_000_000, periodMs: many, burst: many });
const theirLimiter = new RateLimiterMemory({ points: many, duration: 1 });
const limits: Case[] = [
  // The floor: a decision takes one reading of the clock, whose price is the machine's.
  { name: "performance.now()", group: "rate limit", sync: true, run: () => performance.now() },
  {
    name: "rateLimiter, one key",
    group: "rate limit",
    sync: true,
    run: () => limiter.tryTake("one"),
    gate: 1.5,
    stretch: 1.1,
  },
  {
    name: "rateLimiter, 10,000 keys",
    group: "rate limit",
    sync: true,
    run: () => limiter.tryTake(nextKey()),
    gate: 2.8,
    stretch: 2,
  },
  { name: "rate-limiter-flexible, one key", group: "rate limit", run: () => theirLimiter.consume("one") },
  {
    name: "rate-limiter-flexible, 10,000 keys",
    group: "rate limit",
    run: () => theirLimiter.consume(nextKey()),
  },
];

const ours = cache<string, number>({ entriesMax: 20_000 });
const lru = new LRUCache<string, number>({ max: 20_000 });
const map = new Map<string, number>();
for (const key of keys) {
  ours.set(key, 1);
  lru.set(key, 1);
  map.set(key, 1);
}
const caches: Case[] = [
  {
    name: "cache get, hit",
    group: "cache",
    sync: true,
    run: () => ours.get(nextKey()),
    against: "lru-cache get",
    gate: 1,
    stretch: 0.65,
  },
  { name: "lru-cache get", group: "cache", sync: true, run: () => lru.get(nextKey()) },
  { name: "Map get", group: "cache", sync: true, run: () => map.get(nextKey()) },
];

const queue = boundedQueue<number>({ capacity: depth * 2 });
const ring = new Ring<number>();
const denque = new Denque<number>();
const array: number[] = [];
for (let index = 0; index < depth; index += 1) {
  queue.offer(index);
  ring.push(index);
  denque.push(index);
  array.push(index);
}
const queues: Case[] = [
  {
    name: "boundedQueue push+take at 60,000",
    group: "queue",
    sync: true,
    run: () => (queue.offer(1), queue.tryTake()),
  },
  {
    name: "the ring inside push+shift at 60,000",
    group: "queue",
    sync: true,
    run: () => (ring.push(1), ring.shift()),
    against: "denque push+shift at 60,000",
    gate: 1.2,
    stretch: 0.9,
  },
  {
    name: "denque push+shift at 60,000",
    group: "queue",
    sync: true,
    run: () => (denque.push(1), denque.shift()),
  },
  {
    name: "Array push+shift at 60,000",
    group: "queue",
    sync: true,
    run: () => (array.push(1), array.shift()),
  },
];

const create = async (): Promise<{ id: number }> => ({ id: (turn += 1) });
const connections = pool({ create, leakMs: Infinity });
const generic = genericPool.createPool({ create, destroy: async () => {} }, { max: 10 });
const tarn = new TarnPool({ create, destroy: () => {}, min: 0, max: 10 });
const pools: Case[] = [
  {
    name: "pool acquire+release",
    group: "pool",
    run: async () => (await connections.acquire()).release(),
  },
  { name: "generic-pool", group: "pool", run: async () => generic.release(await generic.acquire()) },
  { name: "tarn", group: "pool", run: async () => tarn.release(await tarn.acquire().promise) },
];

const batch = keys.slice(0, 100);
const dataloader = new DataLoader<string, number>(async (wanted) => wanted.map(() => 1), { cache: false });
const ourLoader = loader<string, number>({ load: async (wanted) => wanted.map(() => 1) });
const loaders: Case[] = [
  {
    name: "loader, batch of 100, per key",
    group: "loader",
    operations: 100,
    run: () => Promise.all(batch.map((key) => ourLoader.load(key))),
  },
  {
    name: "dataloader, batch of 100, per key",
    group: "loader",
    operations: 100,
    run: () => dataloader.loadMany(batch),
  },
];

export const holdCases: readonly Case[] = [...limits, ...caches, ...queues, ...pools, ...loaders];

export async function closeHoldCases(): Promise<void> {
  await connections.close(0);
  await generic.clear();
  await tarn.destroy();
}

/** Keys of a rate limiter, for the heap they keep. */
export function limiterKeys(): {
  readonly name: string;
  readonly make: (index: number) => unknown;
  readonly gate: number;
} {
  const held = rateLimiter({ limit: 1, periodMs: 86_400_000 });
  const names = Array.from({ length: 20_000 }, (_, index) => `key-${index}`);
  return { name: "rate-limit key", make: (index) => held.tryTake(names[Math.max(0, index)] ?? ""), gate: 80 };
}
