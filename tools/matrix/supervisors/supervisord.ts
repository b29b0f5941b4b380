// Supervisor in its best reasonable configuration: restart whatever ends, as often as it takes. It has no health check.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { until, type Stage } from "../stage.ts";
import type { SupervisorMaker } from "./index.ts";
import { descendants } from "./processes.ts";

const program = "/usr/bin/supervisord";

export const supervisor: SupervisorMaker = {
  name: "supervisor",
  missing: () => (existsSync(program) ? null : "it is not installed (apt-get install supervisor)"),
  async start(stage: Stage) {
    const section = (name: string, script: string, env: Record<string, string>): string => `
[program:${name}]
command=${process.execPath} ${script}
directory=${stage.folder}
environment=${Object.entries(env)
      .map(([key, value]) => `${key}="${value}"`)
      .join(",")}
autorestart=true
startsecs=1
startretries=1000
stopwaitsecs=3
stdout_logfile=${stage.at(`${name}.out`)}
redirect_stderr=true
`;
    writeFileSync(
      stage.at("supervisord.conf"),
      `[supervisord]\nnodaemon=true\nlogfile=${stage.at("supervisord.log")}\npidfile=${stage.at("supervisord.pid")}\n[unix_http_server]\nfile=${stage.at("s.sock")}\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n[supervisorctl]\nserverurl=unix://${stage.at("s.sock")}\n${section("subject", "current/subject.js", stage.environment())}${section("front", "front.js", stage.frontEnvironment())}`,
    );
    const child = spawn(program, ["-c", stage.at("supervisord.conf")], { stdio: "ignore" });
    const control = (...args: string[]): string => {
      try {
        return execFileSync("/usr/bin/supervisorctl", ["-c", stage.at("supervisord.conf"), ...args], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
      } catch (error) {
        // It ends with the status of the programs; what it says is still an answer.
        const { stdout } = error as { stdout?: unknown };
        return typeof stdout === "string" ? stdout : "";
      }
    };
    // The children of the daemon, told apart by what they run: asking supervisorctl each time would cost a Python start.
    const pids = (): Record<string, number> => {
      const found: Record<string, number> = { subject: 0, front: 0 };
      for (const pid of descendants(child.pid ?? 0).slice(1)) {
        const line = commandLine(pid);
        if (line.includes("subject.js")) found["subject"] = pid;
        if (line.includes("front.js")) found["front"] = pid;
      }
      return found;
    };
    await until(() => (pids()["subject"] ?? 0) > 0, 15_000);
    return {
      name: "supervisor",
      pids,
      family: () => descendants(child.pid ?? 0),
      restart(name) {
        control("restart", name);
        return Promise.resolve();
      },
      records: () => Promise.resolve(null),
      ready: () => Promise.resolve(),
      async stop() {
        const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
        child.kill("SIGTERM");
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 8_000))]);
        child.kill("SIGKILL");
      },
    };
  },
};

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}
