// The process that must never fall: runs the services of one machine, watches them, performs orders, and keeps the control
// plane running. It decides nothing: whether something is restarted is the control plane's business. Everything it must not
// forget is in its state file, so a successor adopts what runs. This file only wires the parts together.
import { mkdirSync, statSync } from "node:fs";
import path from "node:path";
import {
  agentSocketPath,
  checkScheduler,
  folderHash,
  heartbeats,
  makeSocketFolder,
  probeSocketPath,
  runCheck,
  smallSystem,
  type CheckPlan,
  type CheckResult,
  type Plan,
  type Reply,
  type ServicePlan,
} from "@prunella/adapters";
import type { ObservationSignal, TargetKey } from "@prunella/core";
import type { ProbeCommand } from "@prunella/probe";
import { adoptAll } from "./adoption.ts";
import { controlGroups } from "./control-groups.ts";
import { superviseControl, type Control } from "./control.ts";
import { declaredWatch } from "./declared/watch.ts";
import { signalAll, sleep, sweep } from "./group.ts";
import { linkServer, type LinkServer, type Request } from "./link-server.ts";
import { lockFolder } from "./lock.ts";
import { logBook } from "./log-book.ts";
import { logShip } from "./log-ship.ts";
import { memoryKills } from "./machine.ts";
import { orders } from "./orders.ts";
import { outbox, type NewEvent } from "./outbox.ts";
import { preloadFile, probeEnvironment } from "./preload.ts";
import { probeSignals } from "./probe-signals.ts";
import { probeHub } from "./probes.ts";
import { bootId } from "./proc/read.ts";
import { examine } from "./questions.ts";
import { becomesReady } from "./readiness.ts";
import { Service, type ServiceContext } from "./service.ts";
import { runsAtStart, startGroups, targetsOf } from "./start-order.ts";
import { emptyState, pastMax, readState, stateFileOf, type ServiceRecord } from "./state.ts";
import { lookEveryMs, watch } from "./watch.ts";
import { ownTarget, type LogWrite } from "./words.ts";

export interface AgentOptions {
  readonly plan: Plan;
  /** Absolute path; made if missing, readable by its owner only. Holds state, logs and sockets. */
  readonly dataFolder: string;
  /** Program and arguments of the control plane; empty: none is run (one may still connect). */
  readonly controlCommand: readonly string[];
  /** Makes the plan anew; called when the file it came from changes, and by `reload`. Rejects when it is bad: the plan in force stays. */
  readonly reload?: () => Promise<Plan>;
  /** The agent's own log. */
  readonly onEvent?: LogWrite;
}

export interface Agent {
  /** Identity of this life of the agent. */
  readonly id: string;
  /** Every service of the plan has been started (or failed to, or is waited for no longer). */
  readonly started: Promise<void>;
  /**
   * Resolves after `stop`, whoever asked for it (the control plane may). The caller then ends the process: an order that was
   * under way may still hold a timer.
   */
  readonly stopped: Promise<void>;
  /** Stops the services in reverse order, then the control plane. Calling it again gives the same promise. */
  stop(): Promise<void>;
  /** A ping for a heartbeat check; false when no check expects the slug. */
  heartbeat(slug: string): boolean;
  /** Brings a new plan into force; false when it was bad and the old one stays. */
  reload(): Promise<boolean>;
  /** What runs now. */
  processes(): readonly { readonly target: TargetKey; readonly pid: number | null }[];
}

const controlSilentMsMax = 15_000;
const lastWordsMs = 30;

/** Rejects when another agent runs on this data folder (naming its pid), or the folder or its sockets cannot be made. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const dataFolder = path.resolve(options.dataFolder);
  const logFolder = path.join(dataFolder, "logs");
  const log: LogWrite = options.onEvent ?? (() => {});
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  mkdirSync(logFolder, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(dataFolder);
  try {
    return await run(options, dataFolder, logFolder, log, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function run(
  options: AgentOptions,
  dataFolder: string,
  logFolder: string,
  log: LogWrite,
  unlock: () => void,
): Promise<Agent> {
  // Record time: the wall clock read once, then the monotonic one, so that a change of the former moves nothing.
  const origin = Date.now() - performance.now();
  const now = (): number => Math.round(origin + performance.now());
  const startedAt = now();
  const id = `${startedAt.toString(36)}-${process.pid.toString(36)}`;
  const folder = folderHash(dataFolder);
  let plan = options.plan;
  let stopping: Promise<void> | null = null;
  let declareStopped = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    declareStopped = resolve;
  });

  const boot = bootId();
  const before = await readState(dataFolder);
  if (before.reason !== null) log("error", "state-unreadable", { reason: before.reason });
  const state = before.state ?? emptyState(boot);
  if (state.bootId !== boot) {
    // Pids of another boot mean nothing.
    state.bootId = boot;
    state.control = null;
    state.past = [];
    for (const record of Object.values(state.services)) record.pid = null;
  }
  const lostBefore = state.events.made - state.events.acknowledged;
  state.events = { made: 0, acknowledged: 0 };
  const file = stateFileOf(dataFolder, state, (reason) => {
    if (reason === null) log("info", "state-saved-again", {});
    else log("error", "state-not-saved", { reason });
  });
  const save = (): void => void file.save();

  const services = new Map<TargetKey, Service>();
  const samples = new Map<TargetKey, ObservationSignal>();
  const checkResults = new Map<string, ObservationSignal>();
  const book = logBook(now);
  const pings = heartbeats(smallSystem);
  let link: LinkServer | null = null;
  let control: Control | null = null;

  const box = outbox(id, () => link?.pump());
  const emit = (event: NewEvent): void => {
    box.add(event, now());
    state.events.made = box.made;
  };
  const observe = (signals: readonly ObservationSignal[]): void => link?.observe(signals);
  if (lostBefore > 0) box.countLost(lostBefore, "the agent before ended with events that nobody had acknowledged");

  const shipped = logShip({
    ready: () => link?.takesLines ?? false,
    send: (batch) => link?.lines(batch),
    countLost: box.countLost,
  });
  makeSocketFolder(dataFolder);
  const fromProbes = probeSignals({
    now,
    emit,
    observe,
    guards: (target, snapshots) => link?.guards(target, snapshots),
    countLost: box.countLost,
  });
  const probes = await probeHub({
    socketPath: probeSocketPath(dataFolder),
    folder,
    onMessage: (target, _pid, message) => fromProbes.message(target, message),
    onStats: fromProbes.stats,
    onGone: (target) => services.get(target)?.lookAfter(),
  });
  const preload = await preloadFile(plan, dataFolder, log);

  const groups = controlGroups(folder);
  if (plan.services.some((each) => each.resources !== undefined) && groups.absent !== null)
    log("warn", "shares-absent", { reason: groups.absent });

  const context: ServiceContext = {
    now,
    groups,
    logFolder,
    folder,
    emit,
    observe: (signal) => observe([signal]),
    save,
    log,
    probeEnvironment: (service) => (preload === null ? {} : probeEnvironment(service, preload, dataFolder)),
    lastError: (target, pid) => probes.lastError(target, pid, lastWordsMs),
    memoryKills,
    remember(pid, startTicks, target) {
      state.past.push({ pid, startTicks, target });
      if (state.past.length > pastMax) state.past.shift();
    },
    beforeEnd: (service) => declared.lookAtFiles(service),
  };

  const uptimeMs = (target: TargetKey): number | null => {
    const service = services.get(target);
    return service === undefined ? Infinity : service.uptimeMs;
  };
  const check = (which: CheckPlan, timeoutMs: number): Promise<CheckResult> => runCheck(which, timeoutMs, pings);
  const scheduler = checkScheduler({
    system: smallSystem,
    run: check,
    uptimeMs,
    onResult(which, result) {
      const { target, name } = which;
      const signal: ObservationSignal = { type: "check", target, at: now(), check: name, ...result };
      checkResults.set(`${target}\n${name}`, signal);
      observe([signal]);
    },
  });

  const declared = declaredWatch({
    dataFolder,
    now,
    plan: () => plan,
    targetsOf: (service) => targetsOf(service).filter((target) => services.has(target)),
    startedAt: (target) =>
      services.get(target)?.pid == null ? null : (services.get(target)?.record.startedAt ?? null),
    isWell,
    observe,
    log,
  });

  /** Every liveness check passed when it was last run, and its probe saw neither failed requests nor failed calls. */
  function isWell(target: TargetKey): boolean {
    for (const each of plan.checks) {
      if (each.target !== target || each.role !== "liveness") continue;
      const last = checkResults.get(`${target}\n${each.name}`);
      if (last?.type !== "check" || !last.ok || last.at < (services.get(target)?.record.startedAt ?? 0)) return false;
    }
    return probes
      .statsOf(target)
      .every(
        (stats) =>
          stats.http.routes.every((route) => route.errors === 0) && stats.outgoing.every((calls) => calls.errors === 0),
      );
  }

  const perform = orders({
    state,
    save: () => file.save(),
    now,
    folder,
    service: (target) => services.get(target) ?? null,
    services: () => [...services.values()],
    cwd: () => plan.folder,
    declared,
    groups,
    probes,
    waiting: {
      scheduler,
      runOnce: (how, timeoutMs) => check({ ...oneOff, how, timeoutMs }, timeoutMs),
    },
    plugins: () => plan.plugins ?? [],
  });
  perform.settle();

  async function answer(request: Request): Promise<Reply> {
    switch (request.type) {
      case "order": {
        if (stopping !== null) return { kind: "refused", reason: "the agent is stopping" };
        return perform.perform(request.order);
      }
      case "outcome-of":
        return { kind: "outcome", outcome: perform.outcomeOf(request.key) };
      case "question": {
        const service = (target: string): Service | null => services.get(target) ?? null;
        return {
          kind: "evidence",
          evidence: await examine(request.question, { now, service, probes, scheduler, folder }),
        };
      }
      case "drive": {
        const pid = services.get(request.target)?.pid ?? null;
        const result = await probes.ask(request.target, pid, request.command as unknown as ProbeCommand, 35_000);
        return { kind: "driven", ok: result.ok, value: result.ok ? (result.value ?? null) : result.error };
      }
      case "logs": {
        const service = services.get(request.target);
        if (service === undefined)
          return { kind: "refused", reason: `${request.target} is not a service that Prunella runs: it has no log` };
        const { lines, containing, anyOf = null } = request;
        return { kind: "logs", lines: await book.lines(service, { lines, containing, anyOf }) };
      }
      default:
        return request satisfies never;
    }
  }

  link = await linkServer({
    socketPath: agentSocketPath(dataFolder),
    agent: id,
    startedAt,
    now,
    outbox: box,
    plan: () => plan,
    fence: () => state.fence,
    onFence(fence) {
      if (fence === state.fence) return;
      state.fence = fence;
      save();
    },
    level: () => [
      ...[...services.values()].map((service) => service.observation()),
      ...samples.values(),
      ...checkResults.values(),
      ...declared.level(),
    ],
    onAcknowledge(through) {
      box.acknowledge(through);
      state.events.acknowledged = Math.max(state.events.acknowledged, Math.min(through, box.made));
    },
    answer,
    onHeartbeat: (slug) => void heartbeat(slug),
    onStopAll: () => void stop(),
    log,
  });

  function heartbeat(slug: string): boolean {
    if (!pings.ping(slug)) return false;
    const at = now();
    observe(
      plan.checks
        .filter((each) => each.how.type === "heartbeat" && each.how.slug === slug)
        .map((each) => ({ type: "heartbeat", target: each.target, at, name: slug })),
    );
    return true;
  }

  function add(target: TargetKey, service: ServicePlan): Service {
    const record = (state.services[target] ??= newRecord(now(), runsAtStart(target, service)));
    const made = new Service(target, service, record, context);
    services.set(target, made);
    return made;
  }

  for (const service of plan.services) for (const target of targetsOf(service)) add(target, service);
  for (const stray of adoptAll(services, folder)) void endStray(stray.target, stray.pids);
  for (const target of Object.keys(state.services)) if (!services.has(target)) delete state.services[target];

  /** A process of ours that the plan no longer names. */
  async function endStray(target: string, pids: readonly number[]): Promise<void> {
    log("warn", "stray-ended", { target, processes: pids.length });
    signalAll(pids, "SIGTERM");
    await sleep(2_000);
    await sweep(null, `${folder}:${target}`, 5_000);
  }

  const readiness = {
    checksOf: (target: TargetKey) => plan.checks.filter((each) => each.target === target),
    run: check,
    uptimeMs: (target: TargetKey) => services.get(target)?.uptimeMs ?? null,
    isService: (target: TargetKey) => services.has(target),
    stopped: () => stopping !== null,
  };

  async function startInOrder(which: readonly ServicePlan[]): Promise<void> {
    const limits = new Map(plan.services.map((each) => [each.name, each.readyTimeoutMs]));
    await Promise.all(
      which.map(async (service) => {
        await Promise.all(
          service.after.flatMap((needed) => {
            const named = plan.services.find((each) => each.name === needed);
            const targets = named === undefined ? [needed] : targetsOf(named);
            const limitMs = limits.get(needed.split("/")[0] ?? needed) ?? service.readyTimeoutMs;
            return targets.map(async (target) => {
              const ready = await becomesReady(target, limitMs, readiness);
              if (!ready && stopping === null)
                log("warn", "not-ready", { target, waits: service.name, afterMs: limitMs });
            });
          }),
        );
        for (const target of targetsOf(service)) {
          const one = services.get(target);
          if (stopping === null && one !== undefined && one.record.wanted) await one.start();
        }
      }),
    );
  }

  function inForce(): void {
    pings.expect(plan.checks.flatMap((each) => (each.how.type === "heartbeat" ? [each.how.slug] : [])));
    scheduler.update(plan.checks);
    const keys = new Set(plan.checks.map((each) => `${each.target}\n${each.name}`));
    for (const key of checkResults.keys()) if (!keys.has(key)) checkResults.delete(key);
    for (const target of samples.keys()) if (target !== ownTarget && !services.has(target)) samples.delete(target);
  }

  async function reload(): Promise<boolean> {
    if (options.reload === undefined || stopping !== null) return false;
    let next: Plan;
    try {
      next = await options.reload();
    } catch (error) {
      log("error", "reload-refused", { reason: error instanceof Error ? error.message : String(error) });
      return false;
    }
    const targets = new Map(next.services.flatMap((each) => targetsOf(each).map((target) => [target, each] as const)));
    const restarts: Service[] = [];
    const reshared: Service[] = [];
    for (const [target, service] of services) {
      const changed = targets.get(target);
      if (changed === undefined) {
        services.delete(target);
        book.forget(target);
        shipped.forget(target);
        delete state.services[target];
        void service.stop(true);
      } else {
        if (launchOf(changed) !== launchOf(service.plan)) restarts.push(service);
        if (JSON.stringify(changed.resources) !== JSON.stringify(service.plan.resources)) {
          delete service.record.shares;
          reshared.push(service);
        }
        service.plan = changed;
      }
    }
    for (const service of reshared) service.share();
    plan = next;
    const fresh = new Set<string>();
    for (const [target, service] of targets) {
      if (services.has(target)) continue;
      add(target, service);
      fresh.add(service.name);
    }
    inForce();
    save();
    link?.planChanged();
    emit({
      type: "change",
      target: ownTarget,
      what: "config",
      summary: `a new configuration from ${next.source} is in force`,
    });
    for (const service of restarts) {
      emit({ type: "change", target: service.target, what: "restart", summary: "its configuration changed" });
      void service.stop(true).then(() => (stopping === null ? service.start() : null));
    }
    void startInOrder(next.services.filter((each) => fresh.has(each.name)));
    return true;
  }

  let savedCounts = "";
  let planAt = modifiedAt(plan.source);
  const looking = watch({
    now,
    dataFolder,
    services,
    samples,
    probes,
    groups,
    book,
    observe,
    log,
    counters() {
      const checks = scheduler.stats();
      return {
        eventsWaiting: box.waiting,
        observationsDropped: link?.dropped ?? 0,
        checksRunning: checks.running,
        checksLeftOut: checks.leftOut,
        checksLateMsMax: checks.lateMsMax,
      };
    },
    onRound(at, elapsedMs) {
      fromProbes.tick();
      shipped.round(services.values(), at);
      declared.look();
      saveEventCounts();
      if (link?.control !== null) box.reportLoss(at);
      watchControl(elapsedMs);
      const changedAt = modifiedAt(plan.source);
      if (changedAt === planAt) return;
      planAt = changedAt;
      if (changedAt !== null) void reload();
    },
  });

  /** At most once a second, so that a successor knows how many events died with this agent without a write for each. */
  function saveEventCounts(): void {
    const counts = JSON.stringify(state.events);
    if (counts !== savedCounts) save();
    savedCounts = counts;
  }

  function watchControl(elapsedMs: number): void {
    void control?.rotateIfLarge();
    const connected = link?.control ?? null;
    // After a pause of the agent itself nothing can have been heard: wait another round.
    if (control === null || connected === null || elapsedMs > 3 * lookEveryMs) return;
    if (connected.pid === control.pid && connected.silentMs > controlSilentMsMax)
      control.replace(`did not answer for ${Math.round(connected.silentMs / 1_000)} s and was killed`);
  }

  function stop(): Promise<void> {
    stopping ??= stopAll();
    return stopping;
  }

  async function stopService(service: Service): Promise<void> {
    const outcome = await service
      .stop(true)
      .catch((error: unknown) => ({ kind: "failed", reason: String(error) }) as const);
    if (outcome.kind === "stuck") log("error", "stuck", { target: service.target, pids: outcome.pids.join() });
    if (outcome.kind === "failed") log("error", "stop-failed", { target: service.target, reason: outcome.reason });
  }

  async function stopAll(): Promise<void> {
    log("info", "stopping", {});
    scheduler.stop();
    looking.stopRounds();
    for (const group of startGroups(plan.services).reverse()) {
      const names = new Set(group);
      const mine = [...services.values()].filter((service) => names.has(service.plan.name));
      await Promise.all(mine.map((service) => stopService(service)));
    }
    // Let the control plane store how everything ended.
    for (let waitedMs = 0; waitedMs < 2_000 && box.waiting > 0 && (link?.control ?? null) !== null; waitedMs += 20)
      await sleep(20);
    await control?.stop(5_000);
    looking.stop();
    link?.close();
    probes.close();
    groups.close();
    for (const service of services.values()) service.record.wanted = runsAtStart(service.target, service.plan);
    await file.save();
    unlock();
    log("info", "stopped", {});
    declareStopped();
  }

  inForce();
  save();
  if (options.controlCommand.length > 0)
    control = await superviseControl(
      {
        command: options.controlCommand,
        cwd: dataFolder,
        environment: {
          PRUNELLA_AGENT_SOCKET: agentSocketPath(dataFolder),
          PRUNELLA_AGENT_PID: String(process.pid),
        },
        logFile: path.join(logFolder, "control.log"),
        remember(process) {
          state.control = process;
          save();
        },
        onReplaced: (summary) => emit({ type: "change", target: ownTarget, what: "restart", summary }),
        log,
      },
      state.control,
    );
  const started = startInOrder(plan.services);
  started.catch((error: unknown) => log("error", "start-failed", { reason: String(error) }));

  return {
    id,
    started,
    stopped,
    stop,
    heartbeat,
    reload,
    processes: () => [...services.values()].map(({ target, pid }) => ({ target, pid })),
  };
}

/** What a change of must restart the process for. */
function launchOf(service: ServicePlan): string {
  return JSON.stringify([service.command, service.cwd, service.env, service.user, service.probe]);
}

/** A check that no configuration holds: run once, for a step that waits. */
const oneOff = {
  target: "",
  name: "wait-for",
  role: "readiness",
  failures: 1,
  successes: 1,
  everyMs: 60_000,
  jitter: 0,
  initialDelayMs: 0,
} as const;

function newRecord(now: number, wanted: boolean): ServiceRecord {
  return {
    wanted,
    pid: null,
    startTicks: 0,
    startedAt: 0,
    outFrom: 0,
    errFrom: 0,
    downSince: now,
    lastExit: null,
  };
}

function modifiedAt(source: string): number | null {
  if (!path.isAbsolute(source)) return null;
  return statSync(source, { throwIfNoEntry: false })?.mtimeMs ?? null;
}
