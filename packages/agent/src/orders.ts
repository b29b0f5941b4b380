// Performs orders. The same key never acts twice: an order is on disk as begun before it acts and with its outcome before it
// is answered, so whoever asks after a crash learns what became of it, or that nobody knows. One at a time per target; an
// order of an older control plane (a lower fence) is refused.
import { redact, runCommand, secretValues } from "@prunella/adapters";
import type { Order, StepOutcome, TimeMs } from "@prunella/core";
import { inApplication } from "./actions/application.ts";
import { plugin, sql } from "./actions/apart.ts";
import { onFiles } from "./actions/files.ts";
import { failed, succeeded, unknown } from "./actions/outcome.ts";
import { scale } from "./actions/scale.ts";
import { share } from "./actions/share.ts";
import { waitFor, type WaitOptions } from "./actions/wait-for.ts";
import type { ControlGroups } from "./control-groups.ts";
import type { Declared } from "./declared/watch.ts";
import { settledWithin, sleep, trySignal } from "./group.ts";
import { httpCall } from "./http-call.ts";
import { portFacts, type PortOwner } from "./port-owner.ts";
import { isAlive } from "./proc/read.ts";
import type { ProbeHub } from "./probes.ts";
import type { Service } from "./service.ts";
import { rememberOrder, type AgentState, type OrderRecord } from "./state.ts";

export interface OrdersOptions {
  readonly state: AgentState;
  readonly save: () => Promise<void>;
  readonly now: () => TimeMs;
  readonly service: (target: string) => Service | null;
  readonly services: () => readonly Service[];
  /** Short name of the data folder, the first part of every marker of ours. */
  readonly folder: string;
  /** Folder in which exec runs unless it names another. */
  readonly cwd: () => string;
  readonly declared: Declared;
  readonly groups: ControlGroups;
  readonly probes: ProbeHub;
  readonly waiting: WaitOptions;
  readonly plugins: () => readonly string[];
}

export type Performed =
  { readonly kind: "outcome"; readonly outcome: StepOutcome } | { readonly kind: "refused"; readonly reason: string };

export interface Orders {
  perform(order: Order): Promise<Performed>;
  outcomeOf(key: string): StepOutcome | "running" | null;
  /** Marks what an earlier agent had begun and not finished as unknown. Call once, before anything else. */
  settle(): void;
}

/** Kept of a graceful stop's time for killing and starting again. */
const reserveMs = 2_000;
/** Longest wait for the disk to take a record before the order goes on without. */
const saveMsMax = 2_000;

export function orders(options: OrdersOptions): Orders {
  const running = new Map<string, Promise<StepOutcome>>();
  const busy = new Map<string, string>();

  const recordOf = (key: string): OrderRecord | undefined => options.state.orders.find((order) => order.key === key);

  async function perform(order: Order): Promise<Performed> {
    if (order.fence < options.state.fence)
      return {
        kind: "refused",
        reason: `fence ${order.fence} is behind ${options.state.fence}: another control plane took over`,
      };
    const underWay = running.get(order.key);
    if (underWay !== undefined) return { kind: "outcome", outcome: await underWay };
    const known = recordOf(order.key);
    if (known !== undefined)
      return { kind: "outcome", outcome: known.outcome ?? unknown("it was begun, and its outcome was not recorded") };
    const other = busy.get(order.target);
    if (other !== undefined) return { kind: "refused", reason: `order ${other} on ${order.target} is still under way` };
    options.state.fence = Math.max(options.state.fence, order.fence);
    busy.set(order.target, order.key);
    const work = carryOut(order).finally(() => {
      running.delete(order.key);
    });
    running.set(order.key, work);
    return { kind: "outcome", outcome: await work };
  }

  async function carryOut(order: Order): Promise<StepOutcome> {
    const record: OrderRecord = { key: order.key, at: options.now(), outcome: null };
    rememberOrder(options.state, record);
    // A disk that hangs must not keep a service down.
    await settledWithin(options.save(), saveMsMax);
    const work = act(order, options).catch((error: unknown): StepOutcome =>
      unknown(error instanceof Error ? error.message : String(error)),
    );
    // The target stays busy until the work has really ended, even when its time is up before.
    void work.then(() => busy.delete(order.target));
    record.outcome = await withinTime(work, order.timeoutMs);
    await settledWithin(options.save(), saveMsMax);
    return record.outcome;
  }

  return {
    perform,
    outcomeOf(key) {
      if (running.has(key)) return "running";
      const record = recordOf(key);
      return record === undefined
        ? null
        : (record.outcome ?? unknown("it was begun, and its outcome was not recorded"));
    },
    settle() {
      for (const record of options.state.orders) record.outcome ??= unknown("the agent ended while this was under way");
    },
  };
}

async function withinTime(work: Promise<StepOutcome>, timeoutMs: number): Promise<StepOutcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<StepOutcome>((resolve) => {
    timer = setTimeout(() => resolve(unknown(`not done within ${timeoutMs} ms`)), timeoutMs);
  });
  const outcome = await Promise.race([work, late]);
  clearTimeout(timer);
  return outcome;
}

async function act(order: Order, options: OrdersOptions): Promise<StepOutcome> {
  const { action } = order;
  const stopMs = (service: Service): number =>
    Math.max(0, Math.min(service.plan.stop.timeoutMs, order.timeoutMs - reserveMs));
  switch (action.type) {
    case "wait":
      await sleep(Math.min(action.forMs, order.timeoutMs));
      return succeeded(`waited ${action.forMs} ms`);
    case "wait-for":
      return waitFor(action.url, order.target, order.timeoutMs, options.waiting);
    case "notify":
      // The control plane has put it into its outbox together with the step.
      return succeeded("told");
    case "approve":
      return failed("a person's approval is no order for an agent", "none");
    case "exec":
      return execute(action.argv, action.cwd ?? options.cwd(), order.timeoutMs);
    case "http":
      return httpCall(action, order.timeoutMs);
    case "sql": {
      const environment = { ...process.env, ...options.service(order.target)?.plan.env };
      return sql(action, options.cwd(), order.timeoutMs, environment);
    }
    case "plugin":
      return plugin(action, { target: order.target, plugins: options.plugins(), cwd: options.cwd() }, order.timeoutMs);
    case "free-port":
      return freePort(order.target, action.port, options);
    case "restart":
    case "start":
    case "stop":
    case "scale":
    case "share":
    case "signal":
    case "rotate":
    case "prune":
    case "restore":
    case "quarantine":
    case "unlock":
    case "guard":
    case "call":
      break;
    default:
      return action satisfies never;
  }
  const service = options.service(order.target);
  if (service === null) return failed(`${order.target} is not a service that Prunella runs`, "none");
  switch (action.type) {
    case "restart":
      return restart(service, action.graceful, stopMs(service));
    case "start":
      return start(service, "started");
    case "scale":
      return scale(
        action,
        service.plan,
        options.services().filter((each) => each.plan.name === service.plan.name),
      );
    case "share":
      return share(
        action,
        service.plan,
        options.services().filter((each) => each.plan.name === service.plan.name),
        options.groups,
      );
    case "rotate":
    case "prune":
    case "restore":
    case "quarantine":
    case "unlock":
      return onFiles(action, service, options.declared, options.now);
    case "guard":
    case "call":
      return inApplication(action, order.target, service.pid, options.probes, order.timeoutMs);
    case "stop": {
      service.record.wanted = false;
      const outcome = await service.stop(true, stopMs(service));
      if (outcome.kind === "stuck") return failed(`processes ${outcome.pids.join(", ")} do not die`, "some");
      return succeeded(outcome.kind === "stopped" ? (outcome.forced ? "killed" : "stopped") : "it did not run");
    }
    case "signal":
      if (!/^SIG[A-Z0-9]+$/.test(action.signal)) return failed(`${action.signal} is not the name of a signal`, "none");
      return service.signal(action.signal as NodeJS.Signals)
        ? succeeded(`sent ${action.signal} to process ${service.pid ?? "gone"}`)
        : failed(`${order.target} does not run, or ${action.signal} does not exist`, "none");
    default:
      return action satisfies never;
  }
}

async function restart(service: Service, graceful: boolean, timeoutMs: number): Promise<StepOutcome> {
  const before = service.pid;
  const stopped = await service.stop(graceful, timeoutMs);
  if (stopped.kind === "stuck") return failed(`processes ${stopped.pids.join(", ")} do not die`, "some");
  return start(
    service,
    before === null
      ? "started"
      : `process ${before} ${stopped.kind === "stopped" && stopped.forced ? "killed" : "stopped"}, started`,
  );
}

async function start(service: Service, word: string): Promise<StepOutcome> {
  const outcome = await service.start();
  if (outcome.kind === "failed") return failed(outcome.reason, "some");
  return succeeded(outcome.already ? `process ${outcome.pid} runs already` : `${word} as process ${outcome.pid}`);
}

async function execute(argv: readonly string[], cwd: string, timeoutMs: number): Promise<StepOutcome> {
  const done = await runCommand({ argv, cwd, timeoutMs: Math.max(1, timeoutMs - 200), outputBytesMax: 16_000 });
  const output = `${redact(done.output.trim(), secretValues(process.env))}${done.truncated ? "\n[cut at 16 kB]" : ""}`;
  if (done.startError !== null) return failed(`cannot be started: ${done.startError}`, "none");
  if (done.timedOut) return failed(`killed: not done within ${timeoutMs} ms\n${output}`.trim(), "some");
  if (done.code === 0) return succeeded(output);
  return failed(
    `${done.signal === null ? `exit status ${done.code}` : `ended by ${done.signal}`}\n${output}`.trim(),
    "some",
  );
}

/** Frees a port only from a process that a service of ours left behind; from anyone else it is not ours to take. */
async function freePort(target: string, wanted: number | null, options: OrdersOptions): Promise<StepOutcome> {
  const port = wanted ?? options.service(target)?.plan.ports[0] ?? null;
  if (port === null)
    return failed(`no port is known for ${target}: name it in the remedy or the service's ports`, "none");
  const facts = portFacts(port);
  if (!facts.taken) return succeeded(`nobody listens on port ${port}`);
  const foreign = facts.owners.filter((owner) => !isOrphan(owner, options));
  if (foreign[0] !== undefined) return failed(`port ${port} is held by ${nameOf(foreign[0])}`, "none");
  if (facts.owners.length === 0)
    return failed(`port ${port} is held by a process that may not be looked at (another user's)`, "none");
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (const owner of facts.owners) if (isAlive(owner.pid, owner.startTicks)) trySignal(owner.pid, signal);
    for (let waitedMs = 0; waitedMs < 2_000; waitedMs += 20) {
      if (!portFacts(port).taken)
        return succeeded(`ended our own orphan on port ${port}: ${facts.owners.map(nameOf).join("; ")}`);
      await sleep(20);
    }
  }
  return failed(`port ${port} is still taken after its owner was killed`, "some");
}

/** Ours (marked by us, or of a session we started), and not part of a service that runs: left by an earlier run of it. */
function isOrphan(owner: PortOwner, options: OrdersOptions): boolean {
  const ours =
    owner.marker?.startsWith(`${options.folder}:`) === true ||
    options.state.past.some((past) => past.pid === owner.session && past.startTicks <= owner.startTicks);
  const alive = options
    .services()
    .some(
      (service) =>
        service.pid !== null &&
        (service.pid === owner.session ||
          service.pid === owner.pid ||
          (service.marker === owner.marker && owner.startTicks >= service.record.startTicks)),
    );
  return ours && !alive;
}

function nameOf(owner: PortOwner): string {
  const since = new Date(owner.startedAtMs).toISOString();
  return `process ${owner.pid} of user ${owner.user} since ${since}: ${owner.command}`;
}
