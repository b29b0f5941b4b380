// Random commits, reopens, prunes and queries against a store and the reference model side by side: after every step
// both must answer the same. The random source is an argument, so a failing run is replayed by its seed.
import type { Issue } from "../issue/index.ts";
import type { Changes, IssueQuery, Store } from "../ports.ts";
import type { Repair } from "../repair/index.ts";
import { memoryDisk, memoryStore } from "../testing.ts";
import {
  sampleIncident,
  sampleIssue,
  sampleDrillRun,
  sampleLearned,
  sampleNotification,
  sampleRepair,
  sampleSeriesPoint,
  sampleSettings,
  sampleSignal,
  sampleStanding,
  sampleTally,
  sampleTransition,
} from "./samples.ts";
import { equal, walk, type StoreUnderTest } from "./support.ts";

const steps = 120;
const hourMs = 3_600_000;

export async function randomWorkload(open: () => Promise<StoreUnderTest>, random: () => number): Promise<void> {
  const place = await open();
  try {
    await compare(place, random);
  } finally {
    await place.close();
  }
}

async function compare(place: StoreUnderTest, random: () => number): Promise<void> {
  const whole = (below: number): number => Math.floor(random() * below);
  const disk = memoryDisk();
  const model = memoryStore(disk);
  let store: Store = place.store;
  let [left, right] = [await store.open(), await model.open()];
  let sequence = 0;
  let now = 0;
  for (let step = 0; step < steps; step += 1) {
    now += whole(12) * hourMs;
    const choice = whole(20);
    if (choice === 0) {
      if (whole(2) === 0) store = await place.reopen();
      [left, right] = [await store.open(), await model.open()];
      equal({ ...left, epoch: 0 }, { ...right, epoch: 0 }, `step ${step}: opened`);
    } else if (choice === 1) {
      equal((await store.prune(now)).deleted, (await model.prune(now)).deleted, `step ${step}: pruned`);
    } else {
      // Several at once, so that a group of commits is compared with the same ones done singly.
      const group = Array.from({ length: 1 + whole(4) }, () => randomChanges(whole, now));
      await Promise.all(
        group.map(async (changes) => {
          sequence += 1;
          const at = sequence;
          await Promise.all([
            store.commit({ epoch: left.epoch, sequence: at }, changes),
            model.commit({ epoch: right.epoch, sequence: at }, changes),
          ]);
        }),
      );
    }
    await sameAnswers(store, model, whole, now, `step ${step}`);
  }
}

async function sameAnswers(
  store: Store,
  model: Store,
  whole: (below: number) => number,
  now: number,
  what: string,
): Promise<void> {
  const both = async (ask: (from: Store) => Promise<unknown>, name: string): Promise<void> =>
    equal(await ask(store), await ask(model), `${what}: ${name}`);
  const range = { from: whole(now + 1), to: whole(now + 1) };
  const maybe = <K extends string, V>(key: K, value: V): { [P in K]?: V } =>
    whole(3) === 0 ? ({ [key]: value } as { [P in K]?: V }) : {};
  const paging = { limit: 1 + whole(9) };
  const issues: IssueQuery = {
    ...maybe("status", ["pending", "fixed"].slice(whole(3)) as Issue["status"][]),
    ...maybe("severity", ["low", "medium"]),
    ...maybe("target", pick(targets, whole)),
    ...maybe("selfHealing", ["none"]),
    ...maybe("needsPerson", whole(2) === 0),
    ...maybe("text", pick(["api", "LOW-1", "time out", "\u{1f33f}"], whole)),
    ...maybe("sort", pick(["lastSeen", "firstSeen", "severity", "occurrences", "id"] as const, whole)),
    ...maybe("descending", whole(2) === 0),
  };
  const target = pick(targets, whole);
  await both(
    (from) => walk((after) => from.issues({ ...issues, ...paging, after })),
    `issues ${JSON.stringify(issues)}`,
  );
  const incidents = { ...maybe("state", ["open"] as const), ...maybe("target", target), ...maybe("from", range.from) };
  await both((from) => walk((after) => from.incidents({ ...incidents, ...paging, after })), "incidents");
  const repairs = { ...maybe("state", ["ended"] as const), ...maybe("target", target), ...maybe("from", range.from) };
  await both((from) => walk((after) => from.repairs({ ...repairs, ...paging, after })), "repairs");
  const between = { ...maybe("target", target), ...maybe("from", range.from), ...maybe("to", range.to) };
  await both((from) => walk((after) => from.transitions({ ...between, ...paging, after })), "transitions");
  await both((from) => walk((after) => from.signals({ ...between, ...paging, after })), "signals");
  await both((from) => from.series({ target, ...range }), "series");
  await both((from) => from.tallies(range), "tallies");
  await both((from) => from.learned(), "learned");
  const runs = { ...maybe("drill", pick(["A", "B"], whole)), ...maybe("from", range.from) };
  await both((from) => walk((after) => from.drillRuns({ ...runs, ...paging, after })), "drill runs");
  const number = whole(30);
  await both((from) => from.issue(`LOW-${number}`), "issue");
  await both((from) => from.issueByFingerprint(`f${number % 5}`), "by fingerprint");
  await both(async (from) => (await from.stats()).rows, "rows");
}

const targets = ["api", "web", "\u{1f33f}\u0000", "\uffff"];

function pick<T>(values: readonly T[], whole: (below: number) => number): T {
  return values[whole(values.length)] as T;
}

function randomChanges(whole: (below: number) => number, now: number): Changes {
  const target = (): string => pick(targets, whole);
  const some = <T>(make: () => T): T[] => Array.from({ length: Math.max(0, whole(5) - 1) }, make);
  const state = (): Repair["state"] =>
    whole(2) === 0
      ? { name: "scheduled", at: now }
      : { name: "ended", at: now - whole(30) * hourMs, outcome: "failed" };
  return {
    at: now - whole(3),
    issues: some(() =>
      sampleIssue(`LOW-${whole(30)}`, {
        fingerprint: `f${whole(5)}`,
        target: target(),
        status: pick(["pending", "in-progress", "fixed", "ignored"], whole),
        severity: pick(["low", "medium", "critical"], whole),
        needsPerson: whole(2) === 0 ? null : "look",
        selfHealing: pick(["none", "active"], whole),
        title: pick(["Time Out", "\u{1f33f}", "ended"], whole),
        occurrences: whole(4),
        firstSeen: whole(6),
        lastSeen: whole(6),
      }),
    ),
    incidents: some(() =>
      sampleIncident(`INC-${whole(30)}`, {
        target: target(),
        detectedAt: now - whole(9),
        state: pick(["open", "ended"], whole),
      }),
    ),
    repairs: some(() =>
      sampleRepair(`REP-${whole(30)}`, { target: target(), createdAt: now - whole(9), state: state() }),
    ),
    transitions: some(() => sampleTransition(`T${whole(900)}`, { at: now - whole(9), target: target() })),
    signals: some(() => sampleSignal(`s${whole(900)}`, { at: now - whole(9) * hourMs, target: target() })),
    series: some(() => sampleSeriesPoint({ target: target(), at: now - whole(60), metric: pick(["a", "b"], whole) })),
    tallies: some(() => sampleTally({ target: target(), hour: now - whole(3) * hourMs, errors: whole(9) })),
    drillRuns: some(() =>
      sampleDrillRun(`DRILL-${whole(30)}`, { startedAt: now - whole(9) * hourMs, drill: pick(["A", "B"], whole) }),
    ),
    learned: some(() => sampleLearned(`metric ${whole(9)}`, { at: now - whole(40) * 24 * hourMs, state: whole(9) })),
    numbers: whole(3) === 0 ? { LOW: whole(99), [pick(["T", "MED"], whole)]: whole(99) } : {},
    standings: some(() => sampleStanding(pick(["restart", "failover"], whole), { failed: whole(9) })),
    notifications: some(() =>
      sampleNotification(`n${whole(20)}`, { dueAt: whole(9), deliveredAt: whole(2) === 0 ? null : now }),
    ),
    ...(whole(5) === 0 ? { settings: { ...sampleSettings, paused: null } } : {}),
  };
}
