// The composition root of the control plane: the only place that creates real ports and joins the parts. Resources are
// closed in the reverse order in which they were opened.
import { agentSocketPath, linkClient, notifierOf, type LinkClient, type Plan } from "@prunella/adapters";
import {
  defaultDetection,
  defaultSafety,
  engine,
  type Actuator,
  type AlertRules,
  type Engine,
  type Rules,
} from "@prunella/core";
import { realSystem } from "@prunella/resilience";
import { serve, type Server } from "@prunella/server";
import { sqliteStore } from "@prunella/store";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { steadyClock } from "./clock.ts";
import { compilersWhenBusy } from "./compilers.ts";
import { drills, type Drills } from "./drills.ts";
import type { DataFolder } from "./folder.ts";
import { gameDays } from "./game-days.ts";
import { jsonLog } from "./log.ts";
import { logHub } from "./log-hub.ts";
import { outlets, sendersOf } from "./outgoing.ts";
import { ownSample } from "./own-sample.ts";
import { renderer, sourcesOf } from "./sources.ts";
import { version } from "./version.ts";
import { webFolder } from "./web.ts";

export interface Control {
  readonly url: string;
  stop(): Promise<void>;
}

/** Raw signals are pruned this often, ms. */
const pruneEveryMs = 600_000;

/** Starts the control plane on a data folder whose agent has written its plan there. */
export async function control(folder: DataFolder): Promise<Control> {
  const log = jsonLog(process.stdout);
  let plan = JSON.parse(readFileSync(folder.plan, "utf8")) as Plan;
  const clock = steadyClock();
  const store = sqliteStore({
    file: folder.database,
    retention: { signalsMs: plan.retention.signalsMs, bytesMax: plan.retention.bytesMax },
    onWarning: (warning) => log.write("warn", "store", { code: warning.code, message: warning.message }),
  });
  let senders = sendersOf(plan, log);
  let link: LinkClient | null = null;
  const reached = (): LinkClient => {
    if (link === null) throw new Error("the agent is not connected yet");
    return link;
  };
  const actuator: Actuator = {
    perform: async (order) => reached().perform(order),
    outcomeOf: async (key) => reached().outcomeOf(key),
  };
  const instance: Engine = await engine(
    {
      clock,
      system: realSystem,
      store,
      actuator,
      examiner: { examine: async (question) => reached().examine(question) },
      notifier: notifierOf(() => plan.notify, log),
      log,
    },
    { ...rulesOf(plan) },
  );
  const withOwn = ownSample(compilersWhenBusy());
  const guards = new Map<string, readonly unknown[]>();
  const hub = logHub(log);
  hub.onLines((target, lines) => instance.lines(target, lines));
  link = linkClient({
    socketPath: agentSocketPath(folder.path),
    fence: instance.context().fence,
    onPlan: (next) => {
      if (JSON.stringify(next) === JSON.stringify(plan)) return;
      plan = next;
      instance.configure(rulesOf(next));
      senders = sendersOf(next, log);
      outgoing.configure(next);
      log.write("info", "configured", { targets: next.targets.length, remedies: next.remedies.length });
    },
    onSignals: (events, observations) => instance.ingest([...events, ...observations.map(withOwn)]),
    onGuards: (target, snapshots) => void guards.set(target, snapshots),
    onLines: ({ target, stream, at, lines, lost }) =>
      hub.publish(
        target,
        lines.map((text) => ({ at, stream, text })),
        lost,
      ),
    onConnection: (state, reason) => log.write(state === "connected" ? "info" : "warn", "agent", { state, reason }),
  });
  const connected = link;
  const web = webFolder();
  const outgoing = outlets({
    engine: instance,
    clock,
    system: realSystem,
    log,
    agentConnected: () => connected.connected,
  });
  outgoing.configure(plan);
  const drilling: Drills = drills({
    engine: instance,
    clock,
    log,
    schedule: (drill) => days.schedule(drill),
    scheduled: () => plan.drills ?? [],
    data: folder.path,
    tokenFile: () => plan.http.tokenFile,
  });
  const days = gameDays({
    plans: () => plan.drills ?? [],
    drills: () => drilling,
    engine: instance,
    store,
    clock,
    log,
  });
  hub.onLines((target, lines, lost) => outgoing.lines(target, lines, lost));
  const server: Server = await serve({
    ...(web === null ? {} : { web }),
    host: plan.http.host,
    port: plan.http.port,
    tokenFile: plan.http.tokenFile,
    version,
    engine: instance,
    store,
    clock,
    log,
    agent: {
      connected: () => connected.connected,
      logs: (target, lines, containing, anyOf) => connected.logs(target, lines, containing, anyOf),
      tail: (target, listener) =>
        hub.onLines((from, lines, lost) => {
          if (from === target)
            listener(
              lines.map((line) => ({ target, ...line })),
              lost,
            );
        }),
      drive: (target, command) => connected.drive(target, command),
      heartbeat: (slug) => connected.heartbeat(slug),
      guards: (target) => guards.get(target) ?? [],
    },
    configuration: () => plan,
    senders: () => senders,
    outgoing: () => outgoing.state(),
    // Lines from outside are learned from like a service's own; they have a shipper already.
    onLines: (target, lines) =>
      instance.lines(
        target,
        lines.map(({ at, level, text }) => ({
          at,
          text,
          stream: level === "error" || level === "fatal" ? "err" : "out",
        })),
      ),
    sources: sourcesOf(folder, store),
    drills: drilling,
    render: renderer,
  });
  announce(folder, server.url);
  const pruning = setInterval(
    () =>
      void store
        .prune(clock.now())
        .catch((error: unknown) => log.write("error", "prune-failed", { message: String(error) })),
    pruneEveryMs,
  );
  pruning.unref();
  log.write("info", "ready", { url: server.url, pid: process.pid, version });
  return {
    url: server.url,
    async stop() {
      clearInterval(pruning);
      days.stop();
      await drilling.stop();
      rmSync(folder.control, { force: true });
      outgoing.stop();
      await server.close();
      await instance.stop();
      connected.close();
      await store.close();
    },
  };
}

/** What of a plan the core decides by. */
export function rulesOf(plan: Plan): Rules & { readonly alerting: AlertRules } {
  return {
    targets: plan.targets,
    remedies: plan.remedies,
    safety: { ...defaultSafety, ...plan.safety },
    scaling: plan.scaling ?? [],
    tuning: plan.tuning ?? [],
    shares: plan.shares ?? [],
    detection: { ...defaultDetection, ...plan.detect },
    alerting: plan.notify.rules,
  };
}

/** Where the command line finds this control plane; written whole or not at all. */
function announce(folder: DataFolder, url: string): void {
  const draft = `${folder.control}.new`;
  writeFileSync(draft, JSON.stringify({ url, pid: process.pid, version, startedAt: new Date().toISOString() }), {
    mode: 0o600,
  });
  renameSync(draft, folder.control);
}
