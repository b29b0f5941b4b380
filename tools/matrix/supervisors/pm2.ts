// PM2 in its best reasonable configuration: restart on exit with growing delay, restart at a memory limit. It has no health check,
// no heartbeat and no dependencies. Its npm package is fetched into the user's npm cache by npx, never into this repository.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { sleep, until, type Stage } from "../stage.ts";
import type { SupervisorMaker } from "./index.ts";
import { descendants } from "./processes.ts";

const home = path.join(tmpdir(), "prunella-matrix-pm2");
const version = "6.0.8";
const program = path.join(home, "node_modules", "pm2", "bin", "pm2");

function install(): string | null {
  if (existsSync(program)) return null;
  try {
    mkdirSync(home, { recursive: true });
    execFileSync("npm", ["install", "--prefix", home, "--no-save", "--ignore-scripts", `pm2@${version}`], {
      stdio: "ignore",
      timeout: 180_000,
    });
    return existsSync(program) ? null : `pm2@${version} could not be installed`;
  } catch {
    return `pm2@${version} cannot be fetched from npm`;
  }
}

export const pm2: SupervisorMaker = {
  name: "pm2",
  missing: install,
  async start(stage: Stage) {
    const environment = { ...process.env, PM2_HOME: stage.at("pm2"), PM2_DISABLE_VERSION_CHECK: "true" };
    const run = (...args: string[]): string =>
      execFileSync(process.execPath, [program, ...args], { cwd: stage.folder, env: environment, encoding: "utf8" });
    const app = (name: string, script: string, env: Record<string, string>): Record<string, unknown> => ({
      name,
      script,
      cwd: stage.folder,
      env,
      interpreter: process.execPath,
      max_memory_restart: "350M",
      exp_backoff_restart_delay: 100,
      kill_timeout: 3_000,
    });
    writeFileSync(
      stage.at("ecosystem.json"),
      JSON.stringify({
        apps: [
          app("subject", "current/subject.js", stage.environment()),
          app("front", "front.js", stage.frontEnvironment()),
        ],
      }),
    );
    run("start", "ecosystem.json");
    const list = (): { name: string; pid: number }[] => {
      try {
        return JSON.parse(run("jlist")) as { name: string; pid: number }[];
      } catch {
        return [];
      }
    };
    // Asking PM2 starts a process each time; once a second is enough, and its pid files tell the rest.
    let known: Record<string, number> = {};
    const refresh = (): void => {
      known = Object.fromEntries(list().map(({ name, pid }) => [name, pid]));
    };
    refresh();
    const timer = setInterval(refresh, 1_000);
    await until(() => (known["subject"] ?? 0) > 0, 10_000);
    return {
      name: "pm2",
      pids: () => known,
      family: () => Object.values(known).flatMap((pid) => descendants(pid)),
      restart(service) {
        run("restart", service);
        refresh();
        return Promise.resolve();
      },
      records: () => Promise.resolve(null),
      ready: () => sleep(1_000),
      stop() {
        clearInterval(timer);
        run("kill");
        return Promise.resolve();
      },
    };
  },
};
