// One policy at a time and composed, beside the peers. Peers at their kindest settings, named where they differ.
import { Semaphore } from "async-mutex";
import Bottleneck from "bottleneck";
import * as cockatiel from "cockatiel";
import * as mollitia from "mollitia";
import CircuitBreaker from "opossum";
import pLimit from "p-limit";
import PQueue from "p-queue";
import pRetry from "p-retry";
import pTimeout from "p-timeout";
import { breaker, bulkhead, fallback, hedge, pipeline, retry, timeout } from "@prunella/resilience";
import type { Case } from "../harness.ts";

const work = async (): Promise<number> => 1;
const error = new Error("failure");
/** Rejects one microtask after the call, as real work does. */
const failing = async (): Promise<number> => {
  await Promise.resolve();
  throw error;
};
const swallowed = (call: () => Promise<unknown>) => async (): Promise<void> => {
  try {
    await call();
  } catch {
    // Only the price of the failure matters.
  }
};
const many = 1_000_000_000;

const floors: Case[] = [
  {
    name: "fn().then(ok, bad)",
    group: "floor",
    run: () =>
      work().then(
        (value) => value,
        (thrown: unknown) => {
          throw thrown;
        },
      ),
  },
  {
    name: "new Promise with fn().then inside",
    group: "floor",
    run: () => new Promise((yes, no) => void work().then(yes, no)),
  },
  { name: "a failing call, caught", group: "floor", run: swallowed(failing) },
];

const ourBreaker = breaker();
const measuredBreaker = breaker();
const theirBreaker = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: 300_000,
  breaker: new cockatiel.ConsecutiveBreaker(5),
});
const opossum = new CircuitBreaker(work, { timeout: false, rollingPercentilesEnabled: false });
const breakers: Case[] = [
  { name: "breaker", group: "breaker", run: () => ourBreaker.execute(work), gate: 2.3, stretch: 1.9, bytesGate: 130 },
  {
    name: "breaker, permits, nothing awaited",
    group: "breaker",
    sync: true,
    run: () => measuredBreaker.recordSuccess(measuredBreaker.tryAcquire()),
  },
  { name: "cockatiel ConsecutiveBreaker", group: "breaker", run: () => theirBreaker.execute(work) },
  { name: "opossum", group: "breaker", run: () => opossum.fire() },
  {
    name: "mollitia, count window 10",
    group: "breaker",
    run: circuit(() => [new mollitia.SlidingCountBreaker({ slidingWindowSize: 10 })]),
  },
];

const ourRetry = retry();
const theirRetry = cockatiel.retry(cockatiel.handleAll, {
  maxAttempts: 3,
  backoff: new cockatiel.ExponentialBackoff(),
});
const retries: Case[] = [
  { name: "retry", group: "retry", run: () => ourRetry.execute(work), gate: 2.3, stretch: 1.9 },
  { name: "cockatiel retry", group: "retry", run: () => theirRetry.execute(work) },
  { name: "mollitia retry", group: "retry", run: circuit(() => [new mollitia.Retry({ attempts: 3 })]) },
  { name: "p-retry", group: "retry", run: () => pRetry(work, { retries: 3 }) },
];

const ourBulkhead = bulkhead({ concurrentMax: 100, queueMax: 100 });
const theirBulkhead = cockatiel.bulkhead(100, 100);
const limit = pLimit(100);
const queue = new PQueue({ concurrency: 100 });
const semaphore = new Semaphore(100);
const bottleneck = new Bottleneck({ maxConcurrent: 100 });
const bulkheads: Case[] = [
  { name: "bulkhead", group: "bulkhead", run: () => ourBulkhead.execute(work), gate: 2.3, stretch: 1.9 },
  { name: "cockatiel bulkhead", group: "bulkhead", run: () => theirBulkhead.execute(work) },
  { name: "p-limit", group: "bulkhead", run: () => limit(work) },
  { name: "p-queue", group: "bulkhead", run: () => queue.add(work) },
  { name: "async-mutex Semaphore", group: "bulkhead", run: () => semaphore.runExclusive(work) },
  { name: "bottleneck", group: "bulkhead", run: () => bottleneck.schedule(work), slow: true },
];

const early = timeout(10_000);
const cooperative = timeout({ timeoutMs: 10_000, mode: "cooperative" });
const aggressive = cockatiel.timeout(10_000, { strategy: cockatiel.TimeoutStrategy.Aggressive, abortOnReturn: false });
const kind = cockatiel.timeout(10_000, { strategy: cockatiel.TimeoutStrategy.Cooperative, abortOnReturn: false });
const timeouts: Case[] = [
  { name: "timeout, early", group: "timeout", run: () => early.execute(work), gate: 4.5, stretch: 3.6 },
  { name: "timeout, cooperative", group: "timeout", run: () => cooperative.execute(work), gate: 3.3, stretch: 2.6 },
  {
    name: "timeout, early, signal read",
    group: "timeout",
    run: () => early.execute((c) => (c.signal, work())),
  },
  { name: "cockatiel, aggressive", group: "timeout", run: () => aggressive.execute(work) },
  { name: "cockatiel, cooperative", group: "timeout", run: () => kind.execute(work) },
  { name: "p-timeout", group: "timeout", run: () => pTimeout(work(), { milliseconds: 10_000 }) },
  {
    name: "mollitia timeout",
    group: "timeout",
    run: circuit(() => [new mollitia.Timeout({ delay: 10_000 })]),
  },
];

const parts = { retry: {}, breaker: {}, bulkhead: { concurrentMax: 100, queueMax: 100 } };
const composed = pipeline({ ...parts, timeout: 10_000 });
const composedKind = pipeline({ ...parts, timeout: { timeoutMs: 10_000, mode: "cooperative" } });
const composedMeasured = pipeline({ ...parts, timeout: 10_000, measure: true });
const theirs = cockatiel.wrap(
  theirRetry,
  theirBreaker,
  theirBulkhead,
  cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive),
);
const theirsKind = cockatiel.wrap(theirRetry, theirBreaker, theirBulkhead, kind);
const opossumFull = new CircuitBreaker(work, { timeout: 10_000, capacity: 200, rollingPercentilesEnabled: false });
const pLimited = pLimit(100);
const mollitiaFull = circuit(() => [
  new mollitia.Retry({ attempts: 3 }),
  new mollitia.SlidingCountBreaker({ slidingWindowSize: 10 }),
  new mollitia.Bulkhead({ concurrentSize: 100, queueSize: 100 }),
  new mollitia.Timeout({ delay: 10_000 }),
]);
const nested = (): Promise<number> =>
  ourRetry.execute((a) => ourBreaker.execute((b) => ourBulkhead.execute((c) => early.execute(work, c), b), a));
export const composedPeers = [
  "cockatiel wrap, default",
  "cockatiel wrap, cooperative",
  "opossum + p-retry",
  "p-timeout + p-retry + p-limit",
  "mollitia, 4 modules",
];
const policies: Case[] = [
  {
    name: "pipeline of four",
    group: "composed",
    run: () => composed.execute(work),
    gate: 4.5,
    stretch: 3.4,
    bytesGate: 480,
  },
  { name: "pipeline, cooperative", group: "composed", run: () => composedKind.execute(work) },
  {
    name: "pipeline, latencies measured",
    group: "composed",
    run: () => composedMeasured.execute(work),
    gate: 8,
    stretch: 6,
  },
  {
    name: "pipeline, signal read",
    group: "composed",
    run: () => composed.execute((c) => (c.signal, work())),
  },
  {
    name: "pipeline, 100 in flight",
    group: "composed",
    inFlight: 100,
    run: () => composed.execute(work),
    gate: 5.5,
    stretch: 4.2,
  },
  { name: "four policies nested", group: "composed", run: nested, gate: 9, stretch: 7 },
  { name: "bare, 100 in flight", group: "composed", inFlight: 100, run: work },
  { name: "cockatiel wrap, default", group: "composed", run: () => theirs.execute(work) },
  { name: "cockatiel wrap, cooperative", group: "composed", run: () => theirsKind.execute(work) },
  {
    name: "cockatiel wrap, cooperative, 100 in flight",
    group: "composed",
    inFlight: 100,
    run: () => theirsKind.execute(work),
  },
  {
    name: "opossum + p-retry",
    group: "composed",
    run: () => pRetry(() => opossumFull.fire(), { retries: 3 }),
  },
  {
    name: "p-timeout + p-retry + p-limit",
    group: "composed",
    run: () => pRetry(() => pLimited(() => pTimeout(work(), { milliseconds: 10_000 })), { retries: 3 }),
  },
  { name: "mollitia, 4 modules", group: "composed", run: mollitiaFull },
];

const openBreaker = breaker();
openBreaker.open(many);
const theirOpen = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: many,
  breaker: new cockatiel.ConsecutiveBreaker(5),
});
theirOpen.isolate();
const opossumOpen = new CircuitBreaker(work, {
  timeout: false,
  resetTimeout: 1_000_000,
  rollingPercentilesEnabled: false,
});
opossumOpen.open();
const tolerant = breaker({ failures: many });
const theirTolerant = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: 1000,
  breaker: new cockatiel.ConsecutiveBreaker(many),
});
const opossumTolerant = new CircuitBreaker(failing, {
  timeout: false,
  volumeThreshold: many,
  rollingPercentilesEnabled: false,
});
const failingPolicy = pipeline({
  timeout: 10_000,
  retry: { attemptsMax: 1 },
  breaker: { failures: many },
  bulkhead: {},
});
const failures: Case[] = [
  {
    name: "refused by an open breaker",
    group: "refusals and failures",
    run: swallowed(() => openBreaker.execute(work)),
    gate: 25,
    stretch: 15,
  },
  {
    name: "refused, tryExecute, nothing awaited",
    group: "refusals and failures",
    sync: true,
    run: () => openBreaker.tryExecute(work),
    gate: 1.5,
    stretch: 1.1,
  },
  {
    name: "refused, permits, nothing awaited",
    group: "refusals and failures",
    sync: true,
    run: () => openBreaker.tryAcquire(),
    gate: 1.5,
    stretch: 1.1,
  },
  {
    name: "cockatiel, refused",
    group: "refusals and failures",
    run: swallowed(() => theirOpen.execute(work)),
  },
  { name: "opossum, refused", group: "refusals and failures", run: swallowed(() => opossumOpen.fire()) },
  {
    name: "failing call, breaker",
    group: "refusals and failures",
    run: swallowed(() => tolerant.execute(failing)),
    gate: 22,
    stretch: 16,
  },
  {
    name: "failing call, pipeline of four",
    group: "refusals and failures",
    run: swallowed(() => failingPolicy.execute(failing)),
    gate: 20,
    stretch: 15,
  },
  {
    name: "cockatiel, failing call",
    group: "refusals and failures",
    run: swallowed(() => theirTolerant.execute(failing)),
  },
  {
    name: "opossum, failing call",
    group: "refusals and failures",
    run: swallowed(() => opossumTolerant.fire()),
  },
];

const hedged = hedge({ delayMs: 1000 });
const covered = fallback<number>({ chain: [() => 2] });
const rest: Case[] = [
  { name: "fallback, not needed", group: "others", run: () => covered.execute(work) },
  { name: "fallback, used", group: "others", run: () => covered.execute(failing) },
  { name: "hedge, not needed", group: "others", run: () => hedged.execute(work) },
];

function circuit(modules: () => object[]): () => Promise<unknown> {
  const made = new mollitia.Circuit({ func: work, options: { modules: modules() as never[] } });
  return () => made.execute() as Promise<unknown>;
}

export const callCases: readonly Case[] = [
  ...floors,
  ...breakers,
  ...retries,
  ...bulkheads,
  ...timeouts,
  ...policies,
  ...failures,
  ...rest,
];

/** What holds a process or a worker open afterwards. */
export function closeCallCases(): void {
  for (const each of [opossum, opossumFull, opossumOpen, opossumTolerant]) each.shutdown();
  void bottleneck.disconnect();
}

/** Makers of idle policies, for the heap they keep, with the gate in bytes. */
export const idlePolicies: readonly { readonly name: string; readonly make: () => unknown; readonly gate?: number }[] =
  [
    { name: "breaker", make: () => breaker(), gate: 400 },
    { name: "pipeline of four", make: () => pipeline({ ...parts, timeout: 10_000 }), gate: 700 },
    {
      name: "cockatiel breaker",
      make: () =>
        cockatiel.circuitBreaker(cockatiel.handleAll, {
          halfOpenAfter: 1000,
          breaker: new cockatiel.ConsecutiveBreaker(5),
        }),
    },
    {
      name: "cockatiel wrap of four",
      make: () =>
        cockatiel.wrap(
          cockatiel.retry(cockatiel.handleAll, { maxAttempts: 3, backoff: new cockatiel.ExponentialBackoff() }),
          cockatiel.circuitBreaker(cockatiel.handleAll, {
            halfOpenAfter: 1000,
            breaker: new cockatiel.ConsecutiveBreaker(5),
          }),
          cockatiel.bulkhead(100, 100),
          cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive),
        ),
    },
  ];
