// A small world for tests of the engine: a plant of services that do what the script says, under manual time, with the real
// engine over a store in memory. `check(script, expected)` compares what the records say happened.
import {
  defaultSafety,
  engine,
  shippedRemedies,
  type AlertRules,
  type Engine,
  type EventSignal,
  type Evidence,
  type Notification,
  type Order,
  type Ports,
  type Question,
  type Remedy,
  type Safety,
  type ScalingRule,
  type ShareRule,
  type Signal,
  type StepOutcome,
  type TargetSpec,
  type Transition,
  type TuningRule,
} from "@prunella/core";
import { memoryDisk, memoryStore, type MemoryDisk, type MemoryStore } from "@prunella/core/testing";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";
import assert from "node:assert/strict";

export const startAt = 1_700_000_000_000;

interface Service {
  readonly spec: TargetSpec;
  running: boolean;
  wanted: boolean;
  healthy: boolean;
  silent: boolean;
  startedAt: number;
  since: number;
  pid: number;
  stalledAt: number | null;
  stallCpu: number;
  rss: number;
  leakPerSecond: number;
  /** Starts, but dies this long after each start. */
  diesAfterMs: number | null;
  startFails: boolean;
  exitCode: number | null;
  exitSignal: string | null;
  lastLines: string[];
  heartbeats: boolean;
  /** Requests per second by the second; null: it reports none. */
  load: ((second: number) => number) | null;
  /** Further metrics it reports, by the second. */
  values: (second: number) => Readonly<Record<string, number>>;
}

export interface WorldOptions {
  readonly targets?: readonly Partial<TargetSpec>[];
  readonly remedies?: readonly Remedy[];
  readonly safety?: Partial<Safety>;
  readonly disk?: MemoryDisk;
  readonly scaling?: readonly ScalingRule[];
  readonly tuning?: readonly TuningRule[];
  readonly shares?: readonly ShareRule[];
  readonly alerting?: AlertRules;
  /** How each service is at first. */
  readonly services?: Partial<Pick<Service, "heartbeats" | "healthy">>;
  /** How the outside answers, where that matters from the first moment. */
  readonly answers?: Partial<TestWorld["answers"]>;
}

export interface TestWorld {
  readonly system: ManualSystem;
  readonly store: MemoryStore;
  readonly disk: MemoryDisk;
  readonly engine: Engine;
  readonly orders: Order[];
  readonly notifications: Notification[];
  readonly services: Map<string, Service>;
  answers: {
    question: (question: Question) => Promise<Evidence | null>;
    perform: ((order: Order) => Promise<StepOutcome>) | null;
    outcomeOf: (key: string) => Promise<StepOutcome | "running" | null>;
  };
  run(script: string): Promise<void>;
  advance(ms: number): Promise<void>;
  transitions(): Transition[];
  /** What happened, one line each: "12.3 incident open api/crash". */
  story(): string[];
  stop(): Promise<void>;
}

export function target(of: Partial<TargetSpec> & { key: string }): TargetSpec {
  return {
    kind: "service",
    group: of.key.split("/")[0] ?? of.key,
    dependsOn: [],
    addresses: [],
    checks: [],
    startupMs: 5_000,
    labels: {},
    ...of,
  };
}

export const httpCheck = { name: "http", role: "liveness", failures: 3, successes: 1, everyMs: 1_000 } as const;

export async function world(options: WorldOptions = {}): Promise<TestWorld> {
  const system = manualSystem();
  const disk = options.disk ?? memoryDisk();
  const store = memoryStore(disk);
  const specs = (options.targets ?? [{ key: "api", checks: [httpCheck] }]).map((each) =>
    target({ key: "api", ...each }),
  );
  let origin0 = startAt;
  const now = (): number => origin0 + system.now();
  const orders: Order[] = [];
  const notifications: Notification[] = [];
  let eventNumber = 0;
  let pid = 100;
  const services = new Map<string, Service>(
    specs.map((spec) => [
      spec.key,
      {
        spec,
        running: true,
        wanted: true,
        healthy: true,
        silent: false,
        startedAt: now() - 60_000,
        since: now(),
        pid: pid++,
        stalledAt: null,
        stallCpu: 1,
        rss: 5e7,
        leakPerSecond: 0,
        diesAfterMs: null,
        startFails: false,
        exitCode: 1,
        exitSignal: null,
        lastLines: [],
        heartbeats: true,
        load: null,
        values: () => ({}),
        ...options.services,
      },
    ]),
  );
  const answers: TestWorld["answers"] = {
    question: () => Promise.resolve(null),
    perform: null,
    outcomeOf: () => Promise.resolve(null),
    ...options.answers,
  };

  const event = (signal: { readonly target: string } & Record<string, unknown>): void => {
    void instance.ingest([{ id: `e${eventNumber++}`, at: now(), ...signal } as unknown as EventSignal]).catch(() => {});
  };
  const die = (service: Service, code: number | null, signal: string | null): void => {
    if (!service.running) return;
    service.running = false;
    service.since = now();
    service.stalledAt = null;
    event({
      type: "exited",
      target: service.spec.key,
      pid: service.pid,
      exit: { code, signal, outOfMemory: false },
      uptimeMs: now() - service.startedAt,
      expected: false,
      lastLines: service.lastLines,
    });
  };
  const launch = (service: Service): StepOutcome => {
    if (service.startFails) {
      event({ type: "start-failed", target: service.spec.key, reason: "ENOENT", lastLines: [] });
      return { kind: "failed", reason: "ENOENT", effect: "none" };
    }
    Object.assign(service, {
      running: true,
      wanted: true,
      startedAt: now(),
      since: now(),
      pid: pid++,
      stalledAt: null,
      rss: 5e7,
    });
    event({ type: "started", target: service.spec.key, pid: service.pid, adopted: false });
    if (service.diesAfterMs !== null)
      system.setTimer(() => die(service, service.exitCode, service.exitSignal), service.diesAfterMs);
    return { kind: "succeeded", detail: `pid ${service.pid}` };
  };

  const ports: Ports = {
    clock: { now, notBefore: (at) => (origin0 = Math.max(origin0, at - system.now())) },
    system,
    store,
    actuator: {
      perform: (order) => {
        orders.push(order);
        if (answers.perform !== null) return answers.perform(order);
        const service = services.get(order.target);
        assert.ok(service !== undefined);
        return new Promise((resolve) =>
          system.setTimer(() => {
            switch (order.action.type) {
              case "restart":
              case "start":
                service.running = false;
                resolve(launch(service));
                return;
              case "stop":
                Object.assign(service, { running: false, wanted: false, since: now() });
                resolve({ kind: "succeeded", detail: "stopped" });
                return;
              default:
                resolve({ kind: "succeeded", detail: "done" });
            }
          }, 50),
        );
      },
      outcomeOf: (key) => answers.outcomeOf(key),
    },
    examiner: { examine: (question) => answers.question(question) },
    notifier: { send: async (_first, together) => void notifications.push(...together) },
    log: { write: () => {} },
  };
  const instance: Engine = await engine(ports, {
    targets: specs,
    remedies: options.remedies ?? shippedRemedies,
    safety: { ...defaultSafety, ...options.safety },
    scaling: options.scaling ?? [],
    tuning: options.tuning ?? [],
    shares: options.shares ?? [],
    ...(options.alerting === undefined ? {} : { alerting: options.alerting }),
  });

  function observeAll(): void {
    const signals: Signal[] = [];
    for (const service of services.values()) {
      if (service.silent) continue;
      const common = { target: service.spec.key, at: now() };
      if (service.spec.kind === "service") {
        signals.push(
          service.running
            ? { ...common, type: "process", running: true, pid: service.pid, startedAt: service.startedAt }
            : { ...common, type: "process", running: false, since: service.since, wanted: service.wanted, exit: null },
        );
      }
      const alive = service.running && service.healthy && service.stalledAt === null;
      for (const check of service.spec.checks)
        signals.push({
          ...common,
          type: "check",
          check: check.name,
          ok: alive,
          latencyMs: 1,
          message: alive ? "200" : "refused",
        });
      if (service.stalledAt !== null)
        signals.push({ ...common, type: "stall", blockedMs: now() - service.stalledAt, cpuShare: service.stallCpu });
      service.rss += service.leakPerSecond;
      if (service.running)
        signals.push({
          ...common,
          type: "sample",
          values: {
            rssBytes: service.rss,
            cpuShare: 0.1,
            ...service.values(Math.floor((now() - startAt) / 1_000)),
            ...(service.load === null
              ? {}
              : { requestsPerSecond: service.load(Math.floor((now() - startAt) / 1_000)) }),
          },
        });
      if (service.running && service.heartbeats && service.spec.heartbeatMs !== undefined)
        signals.push({ ...common, type: "heartbeat", name: "main" });
    }
    void instance.ingest(signals).catch(() => {});
    system.setTimer(observeAll, 1_000);
  }
  observeAll();
  await system.advance(2_000);
  const origin = now();

  const acts: Readonly<Record<string, (service: Service, argument: string) => void>> = {
    crash: (service) => die(service, 1, null),
    kill: (service) => die(service, null, "SIGKILL"),
    hang: (service, cpu) => Object.assign(service, { stalledAt: now(), stallCpu: Number(cpu || 1) }),
    resume: (service) => {
      service.stalledAt = null;
      void instance.ingest([{ type: "stall", target: service.spec.key, at: now(), blockedMs: 0, cpuShare: 0 }]);
    },
    sick: (service) => (service.healthy = false),
    well: (service) => (service.healthy = true),
    silent: (service) => (service.silent = true),
    loud: (service) => (service.silent = false),
    leak: (service, megabytes) => (service.leakPerSecond = Number(megabytes) * 1e6),
    loops: (service, ms) => (service.diesAfterMs = ms === "never" ? null : Number(ms)),
    unstartable: (service) => (service.startFails = true),
    startable: (service) => (service.startFails = false),
    mute: (service) => (service.heartbeats = false),
    says: (service, line) => (service.lastLines = [line]),
  };

  const transitions = (): Transition[] => [...disk.transitions.values()];
  return {
    system,
    store,
    disk,
    engine: instance,
    orders,
    notifications,
    services,
    answers,
    async run(script) {
      for (const line of script.split("|").map((each) => each.trim())) {
        const [, seconds = "0", verb = "", key = "", argument = ""] =
          /^([\d.]+)s(?: (\w+) (\S+)(?: (.*))?)?$/.exec(line) ?? [];
        await system.advance(Math.max(0, origin + Number(seconds) * 1000 - now()));
        if (verb === "") continue;
        const service = services.get(key);
        assert.ok(service !== undefined && acts[verb] !== undefined, `script: ${line}`);
        acts[verb](service, argument);
        await system.advance(1);
      }
    },
    advance: (ms) => system.advance(ms),
    transitions,
    story: () =>
      transitions()
        .sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)))
        .map(
          (each) =>
            `${((each.at - origin) / 1000).toFixed(1)} ${each.subject} ${each.to} ${each.subject === "repair" || each.subject === "system" ? each.subjectId : `${each.target}`}${each.subject === "incident" || each.subject === "issue" ? ` ${disk.issues.get(each.issue ?? "")?.kind ?? ""}` : ""}`,
        ),
    stop: () => instance.stop(),
  };
}

/** Runs a script and demands that the expected lines occur in the story, in this order. Times are "about": to the second. */
export async function check(script: string, expected: string, options: WorldOptions = {}): Promise<TestWorld> {
  const test = await world(options);
  await test.run(script);
  const story = test.story();
  let at = 0;
  for (const line of expected.split("|").map((each) => each.trim())) {
    const found = story.findIndex((each, index) => index >= at && matches(each, line));
    assert.ok(found >= 0, `expected "${line}" after line ${at} of\n${story.join("\n")}`);
    at = found + 1;
  }
  await test.stop();
  return test;
}

/** "10s incident open api crash" fits "10.4 incident open api crash"; without a time only the words count. */
function matches(line: string, expected: string): boolean {
  const timed = /^([\d.]+)s (.*)$/.exec(expected);
  const [time = "", ...words] = line.split(" ");
  if (timed === null) return words.join(" ") === expected;
  return words.join(" ") === timed[2] && Math.abs(Number(time) - Number(timed[1])) <= 1;
}

/** A remedy of the configuration's kind: it reaches beyond our own processes, so its record may stop it. */
export function remedy(of: Partial<Remedy> = {}): Remedy {
  return {
    name: "fix",
    when: { kinds: ["unhealthy"], target: "api", labels: {} },
    steps: [{ action: { type: "exec", argv: ["fix"], cwd: null }, timeoutMs: 5_000, undo: null }],
    mode: "auto",
    budgets: [{ scope: "target", runs: 3, windowMs: 3_600_000 }],
    backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
    verify: { windowMs: 5_000, withinMs: 30_000 },
    recurrence: { windowMs: 3_600_000, max: 3, then: "stop" },
    next: null,
    source: "configuration",
    solution: "fixed by the script",
    ...of,
  };
}
