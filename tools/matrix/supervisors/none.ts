// Nobody: the services run, and what becomes of them is their own affair.
import { spawn, type ChildProcess } from "node:child_process";
import { tryKill, type Stage } from "../stage.ts";
import type { SupervisorMaker } from "./index.ts";
import { descendants } from "./processes.ts";

export const none: SupervisorMaker = {
  name: "none",
  missing: () => null,
  start(stage: Stage) {
    const services: Readonly<
      Record<string, { readonly argv: readonly string[]; readonly env: Record<string, string> }>
    > = {
      subject: { argv: ["current/subject.js"], env: stage.environment() },
      front: { argv: ["front.js"], env: stage.frontEnvironment() },
    };
    const running = new Map<string, ChildProcess>();
    const begin = (name: string): void => {
      const service = services[name];
      if (service === undefined) return;
      const child = spawn(process.execPath, service.argv, {
        cwd: stage.folder,
        env: { ...process.env, ...service.env },
        stdio: "ignore",
      });
      running.set(name, child);
    };
    for (const name of Object.keys(services)) begin(name);
    const pidOf = (child: ChildProcess): number =>
      child.exitCode === null && child.signalCode === null ? (child.pid ?? 0) : 0;
    return Promise.resolve({
      name: "none",
      pids: () => Object.fromEntries([...running].map(([name, child]) => [name, pidOf(child)])),
      family: () => [...running.values()].flatMap((child) => (pidOf(child) === 0 ? [] : descendants(pidOf(child)))),
      async restart(service) {
        const child = running.get(service);
        if (child !== undefined && pidOf(child) !== 0) {
          child.kill("SIGTERM");
          await new Promise((resolve) => child.once("exit", resolve));
        }
        begin(service);
      },
      records: () => Promise.resolve(null),
      ready: () => Promise.resolve(),
      stop() {
        for (const child of running.values()) if (pidOf(child) !== 0) tryKill(pidOf(child), "SIGKILL");
        return Promise.resolve();
      },
    });
  },
};
