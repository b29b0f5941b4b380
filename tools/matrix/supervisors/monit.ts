// Monit in its best reasonable configuration: it starts and watches the processes by pid file, checks the health page each second
// and restarts after three failures, restarts at a memory limit. Its shortest cycle is one second.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { tryKill, until, type Stage } from "../stage.ts";
import type { SupervisorMaker } from "./index.ts";
import { descendants } from "./processes.ts";

const program = "/usr/bin/monit";

export const monit: SupervisorMaker = {
  name: "monit",
  missing: () => (existsSync(program) ? null : "it is not installed (apt-get install monit)"),
  async start(stage: Stage) {
    const service = (name: string, script: string, env: Record<string, string>, url: string, port: number): string => {
      const variables = Object.entries(env)
        .map(([key, value]) => `${key}='${value}'`)
        .join(" ");
      writeFileSync(
        stage.at(`start-${name}.sh`),
        `#!/bin/sh\ncd ${stage.folder}\n${variables} setsid ${process.execPath} ${script} >>${stage.at(`${name}.out`)} 2>&1 &\necho $! > ${stage.at(`${name}.pid`)}\n`,
      );
      writeFileSync(
        stage.at(`stop-${name}.sh`),
        `#!/bin/sh\nkill $(cat ${stage.at(`${name}.pid`)})\nsleep 1\nkill -9 $(cat ${stage.at(`${name}.pid`)})\ntrue\n`,
      );
      for (const verb of ["start", "stop"]) chmodSync(stage.at(`${verb}-${name}.sh`), 0o755);
      return `
check process ${name} with pidfile ${stage.at(`${name}.pid`)}
  start program = "${stage.at(`start-${name}.sh`)}" with timeout 10 seconds
  stop program = "${stage.at(`stop-${name}.sh`)}" with timeout 10 seconds
  if failed host 127.0.0.1 port ${port} protocol http request "${url}" with timeout 1 seconds for 3 cycles then restart
  if totalmem > 350 MB for 2 cycles then restart
`;
    };
    writeFileSync(
      stage.at("monitrc"),
      `set daemon 1\nset pidfile ${stage.at("monit.pid")}\nset statefile ${stage.at("monit.state")}\nset idfile ${stage.at("monit.id")}\nset logfile ${stage.at("monit.log")}\nset httpd unixsocket ${stage.at("monit.sock")} allow root:root\n${service("subject", "current/subject.js", stage.environment(), "/healthz", stage.ports.subject)}${service("front", "front.js", stage.frontEnvironment(), "/", stage.ports.front)}`,
    );
    chmodSync(stage.at("monitrc"), 0o600);
    const child = spawn(program, ["-I", "-c", stage.at("monitrc")], { stdio: "ignore" });
    const pidOf = (name: string): number => {
      try {
        const pid = Number(readFileSync(stage.at(`${name}.pid`), "utf8"));
        return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
          ? pid
          : 0;
      } catch {
        return 0;
      }
    };
    await until(() => pidOf("subject") > 0, 20_000);
    return {
      name: "monit",
      pids: () => ({ subject: pidOf("subject"), front: pidOf("front") }),
      family: () =>
        [child.pid ?? 0, pidOf("subject"), pidOf("front")].filter((pid) => pid > 0).flatMap((pid) => descendants(pid)),
      restart(name) {
        execFileSync(program, ["-c", stage.at("monitrc"), "restart", name], { stdio: "ignore" });
        return Promise.resolve();
      },
      records: () => Promise.resolve(null),
      ready: () => Promise.resolve(),
      async stop() {
        const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
        child.kill("SIGTERM");
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000))]);
        for (const name of ["subject", "front"]) if (pidOf(name) > 0) tryKill(pidOf(name), "SIGKILL");
        child.kill("SIGKILL");
      },
    };
  },
};
