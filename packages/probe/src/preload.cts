// The preloaded file: `NODE_OPTIONS=--require preload.cjs`, switched on by PRUNELLA_PROBE_SOCKET. Measures the main
// thread of a service and of its Node children (cluster workers), reports through a second thread, performs the agent's
// commands. Promises its host: nothing thrown, nothing printed, nothing kept alive, the same exit as without it.
import type { ApplicationModule } from "./application.cts";
import type { ChannelsModule } from "./channels.cts";
import type { ErrorsModule } from "./errors.cts";
import type { HttpServerModule } from "./http-server.cts";
import type { LinkModule } from "./link.cts";
import type { OutgoingModule } from "./outgoing.cts";
import type { ProfilesModule } from "./profiles.cts";
import type { RuntimeModule } from "./runtime.cts";
import type { Hello, ProbeCommand, Result, Stats } from "./wire.ts";

const { isMainThread } = require("node:worker_threads") as typeof import("node:worker_threads");
const part = (name: string): unknown => require(`./${name}.cjs`);

const beatMs = 100;
const intervalMsDefault = 1_000;
const stallMsDefault = 1_000;
/** A child is often a tool that ends at once: its second thread starts when it has lived this long. */
const childDelayMs = 1_000;
/** Errors of our own after which the probe turns itself off. */
const faultsMax = 20;

/** Command lines whose processes are nobody's service. */
const packageManagers = new Set(
  ["npm", "npm-cli", "npx", "npx-cli", "yarn", "yarnpkg", "pnpm", "pnpx", "corepack"].flatMap((name) => [
    name,
    `${name}.js`,
    `${name}.cjs`,
    `${name}.mjs`,
  ]),
);

try {
  const socketPath = process.env["PRUNELLA_PROBE_SOCKET"];
  if (isMainThread && socketPath !== undefined && socketPath !== "" && isService()) activate(socketPath);
} catch {
  // Without worker threads, inspector or permission for them the host runs as if there were no probe.
}

/** True for the service's own process and for its direct Node children; marks the environment for the latter. */
function isService(): boolean {
  const script = (process.argv[1] ?? "").split(/[\\/]/).pop() ?? "";
  if (packageManagers.has(script)) return false;
  // `node --watch` is a supervisor of its own; the service is its child.
  if (process.execArgv.some((argument) => argument.startsWith("--watch")) && !process.env["WATCH_REPORT_DEPENDENCIES"])
    return false;
  const parent = process.env["PRUNELLA_PROBE_PARENT"];
  return parent === undefined || parent === "" || parent === String(process.ppid);
}

function activate(socketPath: string): void {
  const { guarded, faultCount } = part("channels") as ChannelsModule;
  const isChild = (process.env["PRUNELLA_PROBE_PARENT"] ?? "") !== "";
  if (!isChild) process.env["PRUNELLA_PROBE_PARENT"] = String(process.pid);
  const intervalMs = milliseconds("PRUNELLA_PROBE_INTERVAL_MS", intervalMsDefault, beatMs);
  const hello: Hello = {
    type: "hello",
    version: 1,
    pid: process.pid,
    ppid: process.ppid,
    service: process.env["PRUNELLA_SERVICE"] ?? null,
    node: process.versions.node,
    startedAt: Math.round(performance.timeOrigin),
    argv0: process.argv[1] ?? process.argv0,
  };
  const link = (part("link") as LinkModule).openLink(
    {
      socketPath,
      hello: JSON.stringify(hello),
      stallMs: milliseconds("PRUNELLA_PROBE_STALL_MS", stallMsDefault, 200),
    },
    (command) => void perform(command),
  );
  const runtime = (part("runtime") as RuntimeModule).watchRuntime();
  const server = (part("http-server") as HttpServerModule).watchHttpServer();
  const outgoing = (part("outgoing") as OutgoingModule).watchOutgoing();
  const errors = (part("errors") as ErrorsModule).watchErrors((report) => {
    if (report.origin === "warning") link.send(report);
    else link.sendNow(report, report.fatal);
  });
  const application = (part("application") as ApplicationModule).watchApplication((event) => link.send(event));

  const startedAt = Date.now();
  let beats = 0;
  const beating = setInterval(
    guarded(() => {
      if (faultCount() > faultsMax) {
        turnOff();
        link.answer({ type: "result", id: "", ok: false, error: "the probe failed and turned itself off" }, true);
        return;
      }
      link.beat();
      if (isChild && Math.abs(Date.now() - startedAt) >= childDelayMs) link.start();
      for (const line of application.collectProgress()) link.send(line);
      beats += 1;
      if (beats % Math.round(intervalMs / beatMs) === 0) measure();
    }),
    beatMs,
  );
  beating.unref();
  // The loop's first turn: the application's modules are loaded. Starting the thread any earlier would compete with
  // that; a process that dies before is reported all the same (`sendNow`), one that ends before is none of ours.
  setImmediate(
    guarded(() => {
      link.beat();
      if (!isChild) link.start();
    }),
  ).unref();

  function measure(): void {
    errors.collect();
    const stats: Stats = {
      type: "stats",
      at: Date.now(),
      ...runtime.collect(),
      http: server.collect(),
      outgoing: outgoing.collect(),
    };
    link.send(stats);
    const guards = application.collectGuards();
    if (guards !== undefined) link.send(guards);
  }

  function turnOff(): void {
    clearInterval(beating);
    for (const each of [application, errors, outgoing, server, runtime]) each.stop();
  }

  let profiling = false;
  async function perform(command: ProbeCommand): Promise<void> {
    let result: Result;
    try {
      result = { type: "result", id: command.id, ok: true, value: (await valueOf(command)) ?? null };
    } catch (error) {
      result = { type: "result", id: command.id, ok: false, error: error instanceof Error ? error.message : "failed" };
    }
    try {
      link.answer(result, command.command === "off");
    } catch {
      link.answer({ type: "result", id: command.id, ok: false, error: "the value cannot be written as JSON" }, false);
    }
  }

  function valueOf(command: ProbeCommand): unknown {
    switch (command.command) {
      case "heap":
      case "cpu":
        return profile(command);
      case "guard":
        return application.control(command);
      case "action":
        return application.act(command.name, command.arguments);
      case "off":
        return turnOff();
      case "stack":
        throw new Error("the second thread answers this one");
      default:
        throw new Error(`unknown command ${JSON.stringify((command satisfies never as { command: unknown }).command)}`);
    }
  }

  async function profile(command: ProbeCommand & { readonly command: "heap" | "cpu" }): Promise<unknown> {
    if (profiling) throw new Error("a profile is being taken already; try again later");
    const inspector = require("node:inspector") as typeof import("node:inspector");
    const { heapProfile, cpuProfile, secondsWithin } = part("profiles") as ProfilesModule;
    const seconds = secondsWithin(command.seconds, command.command === "heap" ? 10 : 5);
    const wait = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, seconds * 1_000).unref());
    const session = new inspector.Session();
    profiling = true;
    try {
      session.connect();
      return command.command === "heap"
        ? await heapProfile(session, wait, command.collect === true)
        : await cpuProfile(session, wait);
    } finally {
      profiling = false;
      session.disconnect();
    }
  }
}

function milliseconds(name: string, preset: number, least: number): number {
  const value = Number(process.env[name]);
  return Number.isFinite(value) && value > 0 ? Math.max(least, value) : preset;
}
