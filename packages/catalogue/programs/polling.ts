// Polls a queue. It begins with a list whose emptiness is found out by walking it; with guards it can be told to use the
// bounded queue, whose take is the check (action "use-bounded-queue"). GET /poll polls as the service does all the time.
import { boundedQueue } from "@prunella/resilience";
import { guardsOn, registerAction, serve } from "./kit.ts";

interface Line {
  put(item: number): void;
  /** Undefined when there is nothing. */
  take(): number | undefined;
}

interface Node {
  readonly item: number;
  next: Node | undefined;
}

/** A list whose length nobody keeps: empty or not is known after a walk to its end. */
function walked(): Line {
  let first: Node | undefined;
  let last: Node | undefined;
  const length = (): number => {
    let count = 0;
    for (let node = first; node !== undefined; node = node.next) count += 1;
    return count;
  };
  return {
    put(item) {
      const node: Node = { item, next: undefined };
      if (last === undefined) first = node;
      else last.next = node;
      last = node;
    },
    take() {
      if (length() === 0) return undefined;
      const taken = first;
      first = taken?.next;
      if (first === undefined) last = undefined;
      return taken?.item;
    },
  };
}

function bounded(): Line {
  const queue = boundedQueue<number>({ name: "jobs", capacity: 1_200_000 });
  return { put: (item) => void queue.offer(item), take: () => queue.tryTake() };
}

let make = walked;
let line = make();
let held = 0;

function fill(items: number): void {
  line = make();
  for (let item = 0; item < items; item += 1) line.put(item);
  held = items;
}

/** Median cost of a take and a put at this size, ns. */
function costNs(items: number, takes: number): number {
  const own = make();
  for (let item = 0; item < items; item += 1) own.put(item);
  const rounds: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    const startedAt = performance.now();
    for (let take = 0; take < takes; take += 1) {
      own.take();
      own.put(take);
    }
    rounds.push(((performance.now() - startedAt) * 1e6) / takes);
  }
  rounds.sort((a, b) => a - b);
  return rounds[1] ?? 0;
}

registerAction("use-bounded-queue", () => {
  if (!guardsOn) throw new Error("guards are off");
  make = bounded;
  fill(held);
  return { held };
});

serve({
  "/fill": ({ query }) => {
    fill(Number(query.get("items") ?? 1_000_000));
    return { held };
  },
  "/poll": () => {
    const startedAt = performance.now();
    for (let polls = 0; polls < 50; polls += 1) {
      const item = line.take();
      if (item !== undefined) line.put(item);
    }
    return { ms: performance.now() - startedAt };
  },
  "/cost": () => {
    const walking = make === walked;
    const sizes = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
    // Warm, so that the first size does not pay for the compiler.
    costNs(1_000, 20_000);
    const costs = sizes.map((size) => costNs(size, walking && size >= 10_000 ? 5 : 200_000));
    const empty = make();
    const startedAt = performance.now();
    for (let poll = 0; poll < 200_000; poll += 1) empty.take();
    return {
      sizes,
      costNs: costs.map((cost) => Math.round(cost * 10) / 10),
      emptyNs: Math.round(((performance.now() - startedAt) * 1e6) / 200_000),
      ratio: Math.round((Math.max(...costs) / Math.min(...costs)) * 100) / 100,
    };
  },
});
