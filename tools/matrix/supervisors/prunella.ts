// Prunella as a user would configure it for these services: a check each, a heartbeat, limits, and what belongs to the subject.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ask, sleep, tryKill, until, type Stage } from "../stage.ts";
import type { Incident, Repair, SupervisorMaker } from "./index.ts";
import { descendants } from "./processes.ts";

const bin = path.resolve(import.meta.dirname, "../../../packages/prunella/bin/prunella.mjs");

function configuration(stage: Stage): string {
  const { ports } = stage;
  return `
services:
  subject:
    command: [${JSON.stringify(process.execPath)}, current/subject.js]
    env: ${JSON.stringify(stage.environment())}
    check: { http: "http://127.0.0.1:${ports.subject}/healthz", every: 1s, timeout: 1s }
    checks:
      - { name: certificate, expires: run/certificate.pem, every: 2s, before: 14d, role: readiness }
      - { name: token, expires: run/token.jwt, every: 2s, before: 1h, role: readiness }
${stage.subjectChecks}    after: [dependency]
    heartbeat: 3s
    startup: 20s
    limits: { memory: 350MB, descriptors: 400, threads: 30 }
    stop: { timeout: 3s }
    ports: [${ports.subject}]
    files:
      config: [app.json]
      release: current
      locks: [run/jobs.lock]
      folders:
        - { path: logs, use: log, max: 10MB }
        - { path: cache, use: cache, max: 10MB }
        - { path: uploads, use: data, max: 10MB }
      records: [{ from: inbox, to: quarantine }]
${stage.subjectLines}  front:
    command: [${JSON.stringify(process.execPath)}, front.js]
    env: ${JSON.stringify(stage.frontEnvironment())}
    check: { http: "http://127.0.0.1:${ports.front}/", every: 1s }
    after: [subject]
targets:
  dependency: { check: { tcp: "127.0.0.1:${ports.dependency}", every: 1s } }
http: { port: ${ports.control} }
`;
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
const time = (value: unknown): number => (typeof value === "string" ? Date.parse(value) : 0);

export const prunella: SupervisorMaker = {
  name: "prunella",
  missing: () => null,
  async start(stage) {
    const file = stage.at("prunella.yaml");
    writeFileSync(file, configuration(stage));
    const data = stage.at("data");
    const child = spawn(process.execPath, [bin, "up", "-c", file, "--data", data], {
      cwd: stage.folder,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const state = path.join(data, "agent-state.json");
    const api = async (url: string): Promise<{ readonly items?: readonly Record<string, unknown>[] }> => {
      const { status, body } = await ask(stage.ports.control, `/api/v1${url}`, 3_000);
      return status === 200 ? (JSON.parse(body) as { items: Record<string, unknown>[] }) : {};
    };
    const up = await until(async () => ((await api("/targets")).items?.length ?? 0) > 0, 90_000);
    if (!up) throw new Error("Prunella's control plane did not answer within 90 s");
    return {
      name: "prunella",
      pids() {
        try {
          const { services } = JSON.parse(readFileSync(state, "utf8")) as {
            services: Record<string, { pid: number | null }>;
          };
          return Object.fromEntries(Object.entries(services).map(([name, { pid }]) => [name, pid ?? 0]));
        } catch {
          return {};
        }
      },
      family: () => descendants(child.pid ?? 0),
      async restart(service) {
        await fetch(`http://127.0.0.1:${stage.ports.control}/api/v1/targets/${service}/actions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ action: "restart", why: "a deploy" }),
        });
      },
      async records(since) {
        const [incidents, repairs] = await Promise.all([api("/incidents?limit=200"), api("/repairs?limit=200")]);
        return {
          incidents: (incidents.items ?? [])
            .map((each): Incident => ({
              target: text(each["target"]) ?? "",
              kind: text(each["kind"]) ?? "",
              severity: text(each["severity"]) ?? "",
              detectedAt: time(each["detectedAt"]),
              repairStartedAt: each["repairStartedAt"] == null ? null : time(each["repairStartedAt"]),
              rootCause: text(each["rootCause"]),
              outcome: text(each["outcome"]),
            }))
            .filter((each) => each.detectedAt >= since),
          repairs: (repairs.items ?? [])
            .flatMap((each): Repair[] => {
              const remedy = each["remedy"] as { name?: string } | string | undefined;
              const name = typeof remedy === "string" ? remedy : (remedy?.name ?? "");
              return each["startedAt"] == null || name.startsWith("manual-")
                ? []
                : [
                    {
                      target: text(each["target"]) ?? "",
                      remedy: name,
                      startedAt: time(each["startedAt"]),
                      outcome: text(each["outcome"]),
                    },
                  ];
            })
            .filter((each) => each.startedAt >= since),
        };
      },
      async ready() {
        // The configuration and the release are kept as good ones.
        await until(
          () => existsSync(path.join(data, "good")) && readdirSync(path.join(data, "good")).length >= 2,
          20_000,
        );
        await sleep(500);
      },
      async stop() {
        child.kill("SIGTERM");
        const late = setTimeout(() => {
          for (const pid of descendants(child.pid ?? 0).toReversed()) tryKill(pid, "SIGKILL");
        }, 20_000);
        await ended;
        clearTimeout(late);
      },
    };
  },
};
