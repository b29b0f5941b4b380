// What the end-to-end tests share: a data folder of their own, plans with every default, an agent as a process that can be
// killed, a control plane's end of the link that collects what it is told, and a clean-up of everything by pid.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  agentSocketPath,
  folderHash,
  linkClient,
  type CheckPlan,
  type LinkClient,
  type Plan,
  type ServicePlan,
  type ToControl,
} from "@prunella/adapters";
import { alertRulesFor, type Action, type EventSignal, type ObservationSignal, type Order } from "@prunella/core";
import { settledWithin } from "../src/group.ts";
import { markedProcesses } from "../src/proc/read.ts";

export const fixture = (name: string): string => path.join(import.meta.dirname, "fixtures", name);

export interface Stage {
  readonly folder: string;
  plan(services: readonly Partial<ServicePlan>[], more?: Partial<Plan>): Plan;
  /** Starts an agent as a process of its own. */
  agent(
    plan: Plan,
    controlCommand?: readonly string[],
    more?: { readonly descriptors?: number },
  ): Promise<AgentProcess>;
  /** @param refuse see TestLink.refuse: from the first signal on. */
  link(fence?: number, refuse?: boolean): Promise<TestLink>;
  log(target: string, stream?: "out" | "err"): string;
  end(): Promise<void>;
}

export interface AgentProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface TestLink {
  readonly client: LinkClient;
  readonly events: EventSignal[];
  readonly observations: ObservationSignal[];
  readonly batches: Extract<ToControl, { type: "lines" }>[];
  /** The first event that fits, now or later. */
  event<T extends EventSignal["type"]>(
    type: T,
    fits?: (event: Extract<EventSignal, { type: T }>) => boolean,
  ): Promise<Extract<EventSignal, { type: T }>>;
  observation<T extends ObservationSignal["type"]>(
    type: T,
    fits?: (signal: Extract<ObservationSignal, { type: T }>) => boolean,
  ): Promise<Extract<ObservationSignal, { type: T }>>;
  order(target: string, action: Action, more?: Partial<Order>): ReturnType<LinkClient["perform"]>;
  /** While true, signals are taken but never stored, so nothing is acknowledged. */
  refuse: boolean;
}

export function stage(): Stage {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-e2e-"));
  const children: ChildProcess[] = [];
  const links: LinkClient[] = [];
  return {
    folder,
    plan: (services, more = {}) => planOf(folder, services, more),
    async agent(plan, controlCommand = [], more = {}) {
      const file = path.join(folder, "test-agent.json");
      writeFileSync(file, JSON.stringify({ plan, dataFolder: folder, controlCommand }));
      const limit = more.descriptors === undefined ? "" : `ulimit -n ${more.descriptors}; `;
      const shell = ["-c", `${limit}exec "$@"`, "sh", process.execPath, fixture("agent-main.ts"), file];
      const child = spawn("/bin/sh", shell, {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, NODE_NO_WARNINGS: "1" },
      });
      children.push(child);
      const ended = new Promise<void>((resolve) => {
        child.once("exit", () => resolve());
      });
      await new Promise<void>((resolve, reject) => {
        child.once("exit", (code) => reject(new Error(`the agent ended with status ${code} before it was up`)));
        child.stdout.on("data", (chunk: Buffer) => {
          if (chunk.includes("up")) resolve();
        });
      });
      return {
        pid: child.pid ?? 0,
        child,
        async kill(signal) {
          child.kill(signal);
          await ended;
        },
      };
    },
    async link(fence = 1, refuse = false) {
      const link = testLink(folder, fence);
      link.refuse = refuse;
      links.push(link.client);
      await until(() => link.client.connected, "the link is up");
      return link;
    },
    log: (target, stream = "out") => readFileSync(path.join(folder, "logs", `${target}.${stream}.log`), "utf8"),
    async end() {
      for (const link of links) link.close();
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill("SIGTERM");
        await settledWithin(new Promise((resolve) => child.once("exit", resolve)), 15_000);
        child.kill("SIGKILL");
      }
      for (const { stat } of markedProcesses(folderHash(folder))) process.kill(stat.pid, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function servicePlan(folder: string, given: Partial<ServicePlan>): ServicePlan {
  return {
    name: "api",
    command: [process.execPath, fixture("server.cjs")],
    cwd: folder,
    env: {},
    user: null,
    after: [],
    instances: 1,
    stop: { signal: "SIGTERM", timeoutMs: 3_000 },
    readyTimeoutMs: 5_000,
    logs: { bytesMax: 10_000_000, files: 5 },
    probe: "off",
    ports: [],
    ...given,
  };
}

export function checkPlan(given: Partial<CheckPlan> & Pick<CheckPlan, "how">): CheckPlan {
  return {
    target: "api",
    name: "check",
    role: "liveness",
    failures: 3,
    successes: 1,
    everyMs: 1_000,
    timeoutMs: 500,
    jitter: 0.1,
    initialDelayMs: 0,
    ...given,
  };
}

function planOf(folder: string, services: readonly Partial<ServicePlan>[], more: Partial<Plan>): Plan {
  return {
    version: 1,
    source: "test",
    folder,
    services: services.map((service) => servicePlan(folder, service)),
    targets: [],
    checks: [],
    remedies: [],
    notify: { receivers: [{ name: "log", type: "log" }], rules: alertRulesFor(["log"]) },
    sources: { sentry: [], services: {}, scrapes: [] },
    monitoring: { deadman: null, loki: null },
    http: { host: "127.0.0.1", port: 0, tokenFile: null },
    retention: { signalsMs: 0, bytesMax: 0 },
    safety: {
      globalPerHour: 10,
      blastRadius: 1,
      stormTargets: 5,
      stormWindowMs: 300_000,
      approvalTimeoutMs: 1_800_000,
    },
    ...more,
  };
}

function testLink(folder: string, fence: number): TestLink {
  const events: EventSignal[] = [];
  const observations: ObservationSignal[] = [];
  const batches: TestLink["batches"] = [];
  let lastKey = 0;
  const link: TestLink = {
    refuse: false,
    events,
    observations,
    batches,
    client: linkClient({
      socketPath: agentSocketPath(folder),
      fence,
      onPlan: () => {},
      onLines: (batch) => void batches.push(batch),
      async onSignals(newEvents, newObservations) {
        if (link.refuse) throw new Error("refused by the test");
        events.push(...newEvents);
        observations.push(...newObservations);
      },
    }),
    event: (type, fits = () => true) =>
      found(
        () =>
          events.find(
            (event): event is Extract<EventSignal, { type: typeof type }> =>
              event.type === type && fits(event as Extract<EventSignal, { type: typeof type }>),
          ),
        `event ${type}`,
      ),
    observation: (type, fits = () => true) =>
      found(
        () =>
          observations.find(
            (signal): signal is Extract<ObservationSignal, { type: typeof type }> =>
              signal.type === type && fits(signal as Extract<ObservationSignal, { type: typeof type }>),
          ),
        `observation ${type}`,
      ),
    order(target, action, more = {}) {
      lastKey += 1;
      return link.client.perform({
        key: `test-${fence}-${lastKey}`,
        fence,
        target,
        action,
        timeoutMs: 10_000,
        ...more,
      });
    },
  };
  return link;
}

async function found<T>(look: () => T | undefined, what: string): Promise<T> {
  let result: T | undefined;
  await until(() => (result = look()) !== undefined, what);
  return result as T;
}

/** Waits, at most 15 s, until something holds. */
export async function until(holds: () => boolean, what: string, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await sleep(5);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export function isRunning(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !"ZX".includes(text.slice(text.lastIndexOf(")") + 2)[0] ?? "");
  } catch {
    return false;
  }
}
