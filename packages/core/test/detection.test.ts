// What each detector finds, and what it lets pass. A script says second by second what is seen of a target; the answer is when
// each kind of fault is first found, when it has become ripe for acting, and when it is gone.
import {
  causesOf,
  detect,
  newView,
  observe,
  rootCause,
  type FileFacts,
  type Finding,
  type Incident,
  type Signal,
  type TargetSpec,
} from "@prunella/core";
import assert from "node:assert/strict";
import { test } from "node:test";
import { target } from "./harness.ts";

const start = 1_700_000_000_000;
type Seen = { readonly type: Signal["type"] } & Readonly<Record<string, unknown>>;
type Script = (second: number) => readonly Seen[];

interface Told {
  readonly kind: string;
  readonly found: number;
  readonly ripe: number | null;
  readonly gone: number | null;
  readonly worst: string;
  readonly last: Finding;
}

/** Runs a script of so many seconds; the target runs and is spoken of each second. */
function watch(
  spec: Partial<TargetSpec>,
  seconds: number,
  script: Script,
  startedAt = start - 60_000,
): Map<string, Told> {
  const view = newView(target({ key: "api", ...spec }));
  const told = new Map<string, Told>();
  const isService = (spec.kind ?? "service") === "service";
  for (let second = 0; second <= seconds; second += 1) {
    const at = start + second * 1_000;
    const own: Seen[] = isService ? [{ type: "process", running: true, pid: 7, startedAt }] : [];
    const given = script(second);
    const silent = given.some((signal) => signal["silent"] === true);
    for (const signal of silent ? [] : [...own, ...given])
      observe(view, { target: "api", at, ...signal } as unknown as Signal);
    const holding = new Set<string>();
    for (const finding of detect(view, at)) {
      holding.add(finding.kind);
      const known = told.get(finding.kind);
      told.set(finding.kind, {
        kind: finding.kind,
        found: known?.found ?? second,
        ripe: known?.ripe ?? (finding.ripe ? second : null),
        gone: null,
        worst: finding.severity === "critical" ? "critical" : (known?.worst ?? finding.severity),
        last: finding,
      });
    }
    for (const [kind, known] of told)
      if (!holding.has(kind) && known.gone === null) told.set(kind, { ...known, gone: second });
  }
  return told;
}

/** One line for each kind that was found: "kind found 5 ripe 12 gone 20". */
function lines(told: Map<string, Told>): string[] {
  return [...told.values()].map(
    ({ kind, found, ripe, gone }) =>
      `${kind} found ${found}${ripe === null ? "" : ` ripe ${ripe}`}${gone === null ? "" : ` gone ${gone}`}`,
  );
}

function check(
  spec: Partial<TargetSpec>,
  seconds: number,
  script: Script,
  expected: readonly string[],
): Map<string, Told> {
  const told = watch(spec, seconds, script);
  assert.deepEqual(lines(told), expected);
  return told;
}

function the(told: Map<string, Told>, kind: string): Finding {
  const found = told.get(kind);
  assert.ok(found !== undefined, `${kind} was found`);
  return found.last;
}

/** The root cause in words, and the words of the causes, as an incident with this finding would say them. */
function diagnosis(finding: Finding): { readonly sentence: string; readonly causes: readonly string[] } {
  const incident = { ...finding, evidence: finding.evidence } as unknown as Incident;
  return { sentence: rootCause(incident), causes: causesOf(incident) };
}

const routes = (of: readonly Readonly<Record<string, unknown>>[]): Seen => ({
  type: "routes",
  intervalMs: 1_000,
  routes: of.map((route) => ({
    route: "GET /",
    count: 10,
    errors: 0,
    clientErrors: 0,
    aborted: 0,
    latencyMsP50: 10,
    latencyMsP95: 20,
    latencyMsMax: 30,
    ...route,
  })),
});
const calls = (of: Readonly<Record<string, unknown>>): Seen => ({
  type: "outgoing",
  address: "db:5432",
  count: 10,
  errors: 0,
  lastError: null,
  latencyMsP95: 10,
  ...of,
});
const gauge = (
  guard: string,
  values: Readonly<Record<string, number>>,
  counts: Readonly<Record<string, number>>,
): Seen => ({ type: "gauges", gauges: [{ guard, name: "orders", state: "", values, counts }] });
const sample = (values: Readonly<Record<string, number>>): Seen => ({ type: "sample", values });
const configFile = (of: Partial<FileFacts>): Seen => ({
  type: "files",
  files: [
    {
      path: "/srv/app.json",
      role: "config",
      state: "good",
      changedAt: start,
      syntax: null,
      difference: "",
      restorable: true,
      ...of,
    },
  ],
});

// ---- requests

test("a rising share of errors is found within five seconds and ripe when it lasts", () => {
  const told = check({}, 30, (s) => [routes([{ errors: s >= 10 ? 8 : 0 }])], ["error-rate found 12 ripe 21"]);
  assert.match(the(told, "error-rate").summary, /80 % of the requests to api fail/);
});

test("errors that stop are no fault any more two seconds later", () => {
  check({}, 30, (s) => [routes([{ errors: s >= 10 && s < 18 ? 8 : 0 }])], ["error-rate found 12 gone 19"]);
});

test("a storm of client errors is nobody's fault", () => {
  check({}, 40, () => [routes([{ count: 200, clientErrors: 190 }])], []);
});

test("one failing route among good ones is named", () => {
  const told = watch({ slos: [{ objective: "errors", goal: 0.98, limit: null, windowMs: 86_400_000 }] }, 30, (s) => [
    routes([{ count: 90 }, { route: "POST /pay", errors: s >= 10 ? 10 : 0 }]),
  ]);
  assert.match(the(told, "error-rate").summary, /all of them to POST \/pay/);
});

test("a promise of 2 % is kept to", () => {
  check(
    { slos: [{ objective: "errors", goal: 0.98, limit: null, windowMs: 86_400_000 }] },
    25,
    (s) => [routes([{ count: 100, errors: s >= 10 ? 5 : 1 }])],
    ["error-rate found 12 ripe 21"],
  );
});

test("errors are laid at the door of what changed, of what does not answer, of the exception", () => {
  const changed = watch({}, 30, (s) => [
    routes([{ errors: s >= 10 ? 8 : 0 }]),
    configFile(s >= 9 ? { state: "changed", changedAt: start + 9_000, difference: "-page: 20\n+page: 0" } : {}),
  ]);
  assert.deepEqual(diagnosis(the(changed, "error-rate")).causes, ["config-changed"]);
  assert.match(diagnosis(the(changed, "error-rate")).sentence, /app\.json differs .*-page: 20 \+page: 0; shown by/);
  const asked = watch({}, 30, (s) => [
    routes([{ errors: s >= 10 ? 8 : 0 }]),
    calls({ errors: s >= 10 ? 9 : 0, lastError: s >= 10 ? "ECONNREFUSED" : null }),
  ]);
  assert.deepEqual(diagnosis(the(asked, "error-rate")).causes, ["dependency"]);
  const thrown = watch({}, 30, (s) => [
    routes([{ errors: s >= 10 ? 8 : 0 }]),
    ...(s >= 10
      ? [
          {
            type: "error" as const,
            id: `e${s}`,
            origin: "handler",
            error: {
              name: "RangeError",
              message: "no price",
              code: null,
              stack: "RangeError\n    at price (/a.js:3:1)",
            },
          },
        ]
      : []),
  ]);
  assert.match(diagnosis(the(thrown, "error-rate")).sentence, /RangeError: no price \(at price/);
});

test("latency is judged against its own past, and the tail is told apart", () => {
  const all = check({}, 60, (s) => [routes([s >= 40 ? { latencyMsP50: 900, latencyMsP95: 1_200 } : {}])], [
    "high-latency found 42 ripe 51",
  ]);
  assert.match(the(all, "high-latency").summary, /p95 1200 ms \(usually below 270 ms\)$/);
  const tail = watch({}, 60, (s) => [routes([s >= 40 ? { latencyMsP95: 1_200 } : {}])]);
  assert.match(the(tail, "high-latency").summary, /only the tail: the median is 10 ms/);
  assert.deepEqual(diagnosis(the(tail, "high-latency")).causes, ["tail"]);
});

test("one slow second is no latency fault", () => {
  check({}, 60, (s) => [routes([s === 40 ? { latencyMsP50: 4_000, latencyMsP95: 4_000 } : {}])], []);
});

test("requests that are never answered are found although they leave no latency", () => {
  check(
    {},
    40,
    (s) => [sample({ requestsInFlight: s >= 5 ? (s - 5) * 10 : 0, oldestRequestMs: s >= 5 ? (s - 5) * 1_000 : 0 })],
    ["high-latency found 15 ripe 27"],
  );
});

// ---- calls

test("calls that fail point at what is asked, and a blip of eight seconds passes unripe", () => {
  const told = check({}, 40, (s) => [calls({ errors: s >= 10 && s < 18 ? 10 : 0, lastError: "ECONNREFUSED" })], [
    "dependency-failing found 12 gone 20",
  ]);
  assert.equal(told.get("dependency-failing")?.worst, "medium");
});

test("a name that cannot be resolved is a fault of its own", () => {
  const told = watch({}, 40, (s) => [
    calls({ errors: s >= 10 ? 10 : 0, lastError: s >= 10 ? "getaddrinfo ENOTFOUND db" : null }),
  ]);
  assert.match(the(told, "name-resolution").summary, /cannot resolve db:5432: getaddrinfo ENOTFOUND db/);
});

test("whoever suffers from a failing call for half a minute needs a person; whoever has a fallback does not", () => {
  const failing = calls({ errors: 10, lastError: "ECONNREFUSED" });
  const suffers = watch({}, 50, (s) => (s < 5 ? [] : [failing, routes([{ errors: 9 }])]));
  const copes = watch({}, 50, (s) => (s < 5 ? [] : [failing, routes([{}])]));
  assert.equal(suffers.get("dependency-failing")?.worst, "critical");
  assert.equal(copes.get("dependency-failing")?.worst, "medium");
});

test("a dependency that has become slow is named with what it was before", () => {
  const told = watch({}, 60, (s) => [calls({ latencyMsP95: s >= 40 ? 800 : 10 })]);
  assert.match(the(told, "dependency-slow").summary, /db:5432 answers api slowly: p95 800 ms, before 10 ms/);
});

// ---- pools, queues, descriptors, children

test("a pool from which nothing comes back has leaked; one that turns over is busy", () => {
  const out = { max: 8, lent: 8, waiting: 3 };
  const leaked = watch({}, 30, (s) => [
    gauge("pool", s >= 10 ? out : { max: 8, lent: 2, waiting: 0 }, { released: Math.min(s, 9) * 5 }),
  ]);
  assert.deepEqual(lines(leaked), ["pool-exhausted found 13 ripe 18"]);
  assert.deepEqual(diagnosis(the(leaked, "pool-exhausted")).causes, ["not-returned"]);
  const busy = watch({}, 30, (s) => [
    gauge("pool", s >= 10 ? out : { max: 8, lent: 2, waiting: 0 }, { released: s * 5 }),
  ]);
  assert.deepEqual(lines(busy), ["pool-exhausted found 13"]);
  assert.deepEqual(diagnosis(the(busy, "pool-exhausted")).causes, ["saturated"]);
});

test("a queue that grows towards its end is found; a burst that drains is not worth acting on", () => {
  const size = (s: number): number => (s < 10 ? 0 : (s - 10) * 100);
  const grows = watch({}, 40, (s) => [
    gauge("queue", { size: size(s), capacity: 5_000 }, { in: size(s) * 2, out: size(s) }),
  ]);
  assert.ok((grows.get("queue-growth")?.found ?? 99) <= 15, lines(grows).join());
  assert.match(the(grows, "queue-growth").summary, /200\.0 come in and 100\.0 go out a second, full in/);
  const burst = (s: number): number => (s < 10 ? 0 : s < 14 ? (s - 10) * 250 : Math.max(0, 1_000 - (s - 14) * 100));
  const passes = watch({}, 40, (s) => [
    gauge("queue", { size: burst(s), capacity: 4_000 }, { in: burst(s), out: 0 + s * 100 }),
  ]);
  assert.equal(passes.get("queue-growth")?.ripe ?? null, null, lines(passes).join());
});

test("a queue from which nobody takes is found, with whether it outlives a restart", () => {
  const told = watch({}, 30, (s) => [
    gauge("queue", { size: 50 + s * 10, capacity: 10_000, durable: 1 }, { in: 50 + s * 10, out: 0 }),
  ]);
  assert.match(the(told, "queue-growth").summary, /nothing is taken out of the queue orders/);
  assert.deepEqual(diagnosis(the(told, "queue-growth")).causes, ["consumer-stalled", "durable"]);
});

test("a queue that fills because nobody takes is never called saturated, and what was before counts for nothing", () => {
  const stops: Script = (s) => {
    const [before, since] = [Math.min(s, 19), Math.max(0, s - 19)];
    return [
      gauge(
        "queue",
        { size: since * 200, capacity: 20_000, durable: 1 },
        { in: before * 10 + since * 200, out: before * 10 },
      ),
    ];
  };
  const told = watch({}, 30, stops);
  assert.deepEqual(lines(told), ["queue-growth found 22 ripe 25"]);
  assert.match(
    diagnosis(the(told, "queue-growth")).sentence,
    /nothing is taken out of the queue orders .*; 200\.0 come in and 0\.0 go out a second/,
  );
  const causes = (seconds: number) => diagnosis(the(watch({}, seconds, stops), "queue-growth")).causes;
  assert.deepEqual(causes(23), ["durable"]);
  assert.deepEqual(causes(25), ["consumer-stalled", "durable"]);
});

test("descriptors that grow towards the limit are found with their kind; sawtooth is not", () => {
  const told = watch({ descriptorsMax: 400 }, 40, (s) => [
    sample({ descriptors: 20 + 10 * s, descriptorsFile: 10 * s, descriptorsSocket: 5 }),
  ]);
  assert.ok((told.get("descriptor-leak")?.found ?? 99) <= 12, lines(told).join());
  assert.match(diagnosis(the(told, "descriptor-leak")).sentence, /most are of kind file/);
  check({ descriptorsMax: 400 }, 60, (s) => [sample({ descriptors: 20 + 10 * (s % 10) })], []);
});

test("a batch that takes memory and gives it back is no leak; steady growth is", () => {
  const limit = 300e6;
  const batch = (s: number): number => (s < 10 ? 80e6 : s < 14 ? 80e6 + (s - 10) * 30e6 : s < 20 ? 200e6 : 90e6);
  check({ memoryBytesMax: limit }, 40, (s) => [sample({ rssBytes: batch(s) })], []);
  const leak = watch({ memoryBytesMax: limit }, 40, (s) => [sample({ rssBytes: s < 5 ? 80e6 : 80e6 + (s - 5) * 8e6 })]);
  assert.ok((leak.get("memory-leak")?.ripe ?? 99) <= 25, lines(leak).join());
});

test("what a process takes while it starts is no finding; a leak from its first second on is found well before the limit", () => {
  const spec = { memoryBytesMax: 350e6 };
  const grown = (rssBytes: (s: number) => number): Told | undefined =>
    watch(spec, 90, (s) => [sample({ rssBytes: rssBytes(s) })], start).get("memory-leak");
  // Settles at 220 MB within half a minute.
  assert.equal(
    grown((s) => 60e6 + 160e6 * (1 - Math.exp(-s / 10))),
    undefined,
  );
  // Reaches the limit after 70 s.
  const leak = grown((s) => Math.min(345e6, 70e6 + s * 4e6));
  assert.ok(leak !== undefined && leak.found <= 55 && (leak.ripe ?? 99) <= 55, JSON.stringify(leak));
  // Begins when the process has been up for half a minute: found as soon as ever.
  const late = grown((s) => 70e6 + Math.max(0, s - 30) * 6e6);
  assert.ok(late !== undefined && late.found <= 42, JSON.stringify(late));
});

test("children that nobody reaps and threads beyond the bound are found when they stay", () => {
  check({ threadsMax: 40 }, 20, (s) => [sample({ zombies: s >= 5 ? 8 : 0, threads: s >= 5 ? 60 : 12 })], [
    "zombie-children found 7 ripe 7",
    "too-many-threads found 10 ripe 10",
  ]);
  check({ threadsMax: 40 }, 20, (s) => [sample({ zombies: s % 3 === 0 ? 8 : 0, threads: 12 })], []);
});

test("what a pool of threads takes while it is filled is no leak to restart for; what goes on for a minute is", () => {
  const spec = { threadsMax: 30, memoryBytesMax: 350e6, descriptorsMax: 400 };
  const started = (s: number, most: number): number => Math.min(most, Math.max(0, s - 5) * 3);
  const pool = (most: number, threads: (s: number) => number) =>
    watch(spec, 100, (s) => {
      const more = started(s, most);
      return [sample({ threads: 12 + threads(more), rssBytes: 70e6 + more * 6e6, descriptors: 30 + more * 5 })];
    });
  const filled = pool(45, (more) => more);
  assert.equal(filled.get("memory-leak")?.ripe ?? null, null, lines(filled).join());
  assert.equal(filled.get("descriptor-leak")?.ripe ?? null, null, lines(filled).join());
  assert.match(diagnosis(the(filled, "descriptor-leak")).sentence, /they came with \d+ new threads/);
  assert.match(the(filled, "too-many-threads").summary, /57 threads, more than 30/);
  // The same growth without the threads, or for as long as a leak of threads lasts.
  for (const told of [pool(45, () => 0), pool(45, (more) => more / 15)])
    assert.notEqual(told.get("descriptor-leak")?.ripe ?? null, null, lines(told).join());
  const leak = watch({ descriptorsMax: 400 }, 120, (s) => [sample({ threads: 12 + s / 2, descriptors: 30 + s * 2.5 })]);
  assert.ok((leak.get("descriptor-leak")?.ripe ?? 0) >= 60, lines(leak).join());
});

// ---- files, locks, folders

test("a changed configuration explains what looks like a dependency that is down", () => {
  const told = watch({}, 30, (s) => [
    configFile(s >= 10 ? { state: "changed", changedAt: start + 10_000, difference: "-port: 5432\n+port: 9" } : {}),
    calls({ errors: s >= 10 ? 10 : 0, lastError: s >= 10 ? "ECONNREFUSED 127.0.0.1:9" : null }),
  ]);
  assert.ok((told.get("config-bad")?.found ?? 99) <= 13, lines(told).join());
  assert.match(diagnosis(the(told, "config-bad")).sentence, /app\.json differs .*-port: 5432 \+port: 9/);
});

test("a changed configuration under which all is well is no fault; nor is one from after the fault", () => {
  check({}, 30, (s) => [configFile(s >= 10 ? { state: "changed", changedAt: start + 10_000 } : {}), routes([{}])], []);
  const later = watch({}, 30, (s) => [
    configFile(s >= 20 ? { state: "changed", changedAt: start + 20_000 } : {}),
    calls({ errors: s >= 5 ? 10 : 0, lastError: "ECONNREFUSED" }),
  ]);
  assert.equal(later.has("config-bad"), false);
});

test("bad syntax is told at once, and not acted on while all is well", () => {
  const told = check(
    {},
    20,
    (s) => [configFile(s >= 10 ? { state: "changed", changedAt: start + 10_000, syntax: "it is not JSON" } : {})],
    ["config-bad found 10"],
  );
  assert.equal(told.get("config-bad")?.worst, "low");
});

test("a lock whose owner is dead is stale after two seconds; one whose owner lives is not", () => {
  const lock = (ownerAlive: boolean | null) => (s: number) => [
    { type: "locks" as const, locks: s < 5 ? [] : [{ path: "/run/a.lock", pid: 9, ownerAlive, since: start + 5_000 }] },
  ];
  check({}, 20, lock(false), ["stale-lock found 5 ripe 7"]);
  check({}, 20, lock(true), []);
  check({}, 20, lock(null), []);
});

test("a folder that fills is found with what grows in it; data is only watched", () => {
  const folder = (use: string) => (s: number) => [
    {
      type: "folders" as const,
      folders: [
        {
          path: "/srv/x",
          use,
          bytes: 1e6 + s * 5e5,
          files: 9,
          bytesMax: 1e7,
          freeBytes: 1e11,
          totalBytes: 2e11,
          freeInodes: 1e6,
          totalInodes: 2e6,
          growing: "app.log",
        },
      ],
    },
  ];
  const told = watch({}, 25, folder("log"));
  assert.ok((told.get("disk-filling")?.found ?? 99) <= 8, lines(told).join());
  assert.match(diagnosis(the(told, "disk-full")).sentence, /what grows is app\.log/);
  assert.deepEqual(diagnosis(the(told, "disk-full")).causes, ["log"]);
  assert.deepEqual(diagnosis(the(watch({}, 25, folder("data")), "disk-full")).causes, ["data"]);
  // Nobody but a person may make room among data, and people take longer than a remedy: that is urgent before it is full.
  assert.deepEqual([told.get("disk-filling")?.worst, told.get("disk-filling")?.ripe !== null], ["medium", true]);
  const data = watch({}, 17, folder("data"));
  assert.equal(data.get("disk-filling")?.worst, "critical");
  assert.equal(data.get("disk-full"), undefined);
  assert.match(the(data, "disk-filling").summary, /data of api.*full in \d/);
});

test("a disk without inodes is full although it has room", () => {
  const told = watch({}, 3, () => [
    {
      type: "folders",
      folders: [
        {
          path: "/srv/x",
          use: "cache",
          bytes: 1,
          files: 9,
          bytesMax: null,
          freeBytes: 1e11,
          totalBytes: 2e11,
          freeInodes: 10,
          totalInodes: 2e6,
          growing: null,
        },
      ],
    },
  ]);
  assert.match(the(told, "inodes-exhausted").summary, /10 inodes left/);
});

// ---- time

test("what ends at a known time is told before, and is urgent at the end", () => {
  const ends = (inMs: number) => () => [
    {
      type: "check" as const,
      check: "tls",
      ok: true,
      latencyMs: 1,
      message: "",
      facts: { certificateEndsAt: start + inMs },
    },
  ];
  const checks = [{ name: "tls", role: "readiness", failures: 3, successes: 1, everyMs: 1_000 }] as const;
  assert.equal(watch({ checks }, 3, ends(30 * 86_400_000)).size, 0);
  assert.equal(watch({ checks }, 3, ends(10 * 86_400_000)).get("certificate-expiring")?.worst, "low");
  assert.equal(watch({ checks }, 3, ends(3_600_000)).get("certificate-expiring")?.worst, "critical");
});

test("a clock a minute ahead is found, a second is not", () => {
  const skew = (clockSkewMs: number) => () => [
    { type: "check" as const, check: "http", ok: true, latencyMs: 1, message: "", facts: { clockSkewMs } },
  ];
  assert.match(the(watch({}, 2, skew(60_000)), "clock-skew").summary, /clock of api is 60 s ahead/);
  assert.equal(watch({}, 2, skew(1_000)).size, 0);
});

test("silence of the agent is no silence of the application's heartbeat", () => {
  const beats = (s: number): readonly Seen[] =>
    s >= 10 && s < 40 ? [{ type: "sample", silent: true }] : [{ type: "heartbeat", name: "jobs" }];
  check({ heartbeatMs: 5_000 }, 60, beats, []);
});

test("an unripe dependency is no critical matter; a person is called when it stays away", () => {
  const checks = [{ name: "tcp", role: "liveness", failures: 3, successes: 1, everyMs: 1_000 }] as const;
  const answers = (from: number, to: number) => (s: number) => [
    { type: "check" as const, check: "tcp", ok: s < from || s >= to, latencyMs: 1, message: "ECONNREFUSED" },
  ];
  const blip = check({ kind: "external", checks }, 40, answers(10, 18), ["dependency-down found 12 gone 18"]);
  assert.equal(blip.get("dependency-down")?.worst, "medium");
  const away = check({ kind: "external", checks }, 60, answers(10, 99), ["dependency-down found 12 ripe 40"]);
  assert.equal(away.get("dependency-down")?.worst, "critical");
});

// ---- ends of a process

const exited = (of: Readonly<Record<string, unknown>>): Seen => ({
  type: "exited",
  pid: 7,
  exit: { code: 1, signal: null, outOfMemory: false },
  uptimeMs: 500,
  expected: false,
  lastLines: [],
  ...of,
});

/** A process that starts and ends again and again, a second apart. */
function ends(
  spec: Partial<TargetSpec>,
  times: number,
  of: (time: number) => Readonly<Record<string, unknown>>,
  more: readonly Seen[] = [],
): Finding {
  const view = newView(target({ key: "api", ...spec }));
  let last: Finding | undefined;
  for (let time = 1; time <= times; time += 1) {
    const at = start + time * 1_000;
    const signals: Seen[] = [
      { type: "started", id: `s${time}`, pid: time, adopted: false },
      ...more,
      exited({ pid: time, id: `x${time}`, ...of(time) }),
    ];
    for (const signal of signals) observe(view, { target: "api", at, ...signal } as unknown as Signal);
    last = detect(view, at)[0];
  }
  assert.ok(last !== undefined);
  return last;
}

test("the same record in one end after the other is what it cannot digest", () => {
  const spec = { recordFolders: ["/srv/inbox"] };
  const says = (file: string) => ({ lastLines: [`Error: cannot digest /srv/inbox/${file}: bad`] });
  const poison = ends(spec, 3, () => says("order-7.json"));
  assert.deepEqual(diagnosis(poison).causes, ["poison-record", "crash-loop"]);
  assert.match(diagnosis(poison).sentence, /record \/srv\/inbox\/order-7\.json/);
  assert.deepEqual(diagnosis(ends(spec, 3, (time) => says(`order-${time}.json`))).causes, ["crash-loop"]);
  assert.deepEqual(diagnosis(ends(spec, 1, () => says("order-7.json"))).causes, []);
  // A way out of the folder is no record.
  assert.deepEqual(diagnosis(ends(spec, 3, () => ({ lastLines: ["bad /srv/inbox/../../etc/passwd"] }))).causes, [
    "crash-loop",
  ]);
});

test("a crash says which cause its own words and its files name", () => {
  const words: readonly (readonly [string, string])[] = [
    ["Error: connect ECONNREFUSED 127.0.0.1:5432", "dependency"],
    ["getaddrinfo ENOTFOUND db", "name-resolution"],
    ["EMFILE: too many open files", "descriptors"],
    ["ENOSPC: no space left on device, write", "disk-full"],
    ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "memory"],
    ["EACCES: permission denied, open '/x'", "permission"],
    ["certificate has expired", "certificate"],
  ];
  for (const [line, cause] of words)
    assert.deepEqual(diagnosis(ends({}, 1, () => ({ lastLines: [line] }))).causes, [cause], line);
  const file = configFile({ state: "changed", changedAt: start, syntax: "it is not JSON" });
  assert.deepEqual(diagnosis(ends({}, 2, () => ({}), [file])).causes, ["config-syntax", "crash-loop"]);
});

test("ends of different kinds, or after a long good run, are no crash loop", () => {
  assert.deepEqual(
    diagnosis(ends({}, 3, (time) => ({ exit: { code: time, signal: null, outOfMemory: false } }))).causes,
    [],
  );
  assert.deepEqual(diagnosis(ends({}, 3, () => ({ uptimeMs: 600_000 }))).causes, []);
});

test("a detector that fails blinds itself and no other", () => {
  const view = newView(target({ key: "api" }));
  observe(view, {
    type: "process",
    target: "api",
    at: start,
    running: false,
    since: start - 5_000,
    wanted: true,
    exit: null,
  });
  const broken = (): never => {
    throw new Error("oops");
  };
  assert.deepEqual(
    detect(view, start, [broken]).map(({ kind, distinguisher }) => `${kind} ${distinguisher}`),
    ["crash ", "detector-failing plugin 1"],
  );
});

test("a collection pause of four seconds passes unripe, also for the heartbeat that it held up", () => {
  const told = check(
    { heartbeatMs: 3_000 },
    30,
    (s) => [
      ...(s < 10 || s >= 14 ? [{ type: "heartbeat" as const, name: "jobs" }] : []),
      ...(s >= 11 && s < 14 ? [{ type: "stall" as const, blockedMs: (s - 10) * 1_000, cpuShare: 1 }] : []),
      ...(s === 14 ? [{ type: "stall" as const, blockedMs: 0, cpuShare: 0 }] : []),
    ],
    ["event-loop-blocked found 11 gone 14"],
  );
  assert.equal(told.get("event-loop-blocked")?.worst, "medium");
});

test("a readiness check that fails beside a new release accuses nobody", () => {
  const checks = [{ name: "ready", role: "readiness", failures: 3, successes: 1, everyMs: 1_000 }] as const;
  check(
    { checks, startupMs: 0 },
    30,
    (s) => [
      configFile(s >= 10 ? { state: "changed", role: "release", path: "/srv/current", changedAt: start + 10_000 } : {}),
      { type: "check", check: "ready", ok: s < 12, latencyMs: 1, message: "not yet" },
    ],
    [],
  );
});
