// The world of one drill: a scratch folder, the programs under a real agent and control plane (`prunella up` as a process of
// its own), and proxies between them. Everything it starts it ends, by pid, whatever became of the drill.
import type { Json } from "@prunella/core";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { toxiproxy, type Toxiproxy } from "../proxy/toxiproxy.ts";
import { isFields } from "../experiment/experiment.ts";
import { substitute } from "../experiment/substitute.ts";
import { controlApi, type ControlApi } from "../api.ts";
import type { DrillDefinition } from "./definition.ts";
import { freePorts } from "./ports.ts";
import { textOf } from "../experiment/text.ts";

/** How long a world may take to be up and healthy, ms. */
const upMsMax = 60_000;
const downMsMax = 20_000;

export interface WorldOptions {
  /** The command line's entry file, run by this Node. */
  readonly entry: string;
  readonly definition: DrillDefinition;
  readonly withoutHealing: boolean;
  /** Keep the scratch folder when the world ends. */
  readonly keep?: boolean;
  /** Folder for compiled code, shared by the worlds of one command so that only the first one compiles. */
  readonly cache?: string;
  readonly signal: AbortSignal;
}

export interface World {
  readonly folder: string;
  readonly api: ControlApi;
  /** For the experiment's `${…}`. */
  readonly configuration: Readonly<Record<string, Json>>;
  readonly toxiproxy: Toxiproxy;
  /** What `prunella up` said, newest last. */
  log(): string;
  end(): Promise<void>;
}

const here = import.meta.dirname;
const ending = path.extname(import.meta.filename);

/** The file of a program of the catalogue, from the sources or as built. */
export function programFile(name: string): string {
  return path.join(here, "..", "..", "programs", `${name}${ending}`);
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const { definition } = options;
  const folder = mkdtempSync(path.join(tmpdir(), `prunella-drill-${definition.drill.toLowerCase()}-`));
  const proxies = await toxiproxy();
  let child: ChildProcess | null = null;
  let said = "";

  async function end(): Promise<void> {
    if (child !== null) await stopped(child);
    await proxies.close();
    if (options.keep !== true) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  try {
    const ports = await freePorts(Object.keys(definition.services).length + 1);
    const values: Record<string, Json> = {
      control_url: `http://127.0.0.1:${ports.at(-1) ?? 0}`,
      toxiproxy: proxies.url,
      node: process.execPath,
      scratch: folder,
      guards: options.withoutHealing ? "off" : "on",
      programs: path.dirname(programFile("kit")),
      ending,
      // How long a probe waits for an incident, s: without healing it would wait in vain.
      entry: options.entry,
      patience: options.withoutHealing ? 10 : 60,
    };
    for (const [at, name] of Object.keys(definition.services).entries()) {
      values[`${name}_port`] = ports[at] ?? 0;
      values[`${name}_url`] = `http://127.0.0.1:${ports[at] ?? 0}`;
    }
    for (const [name, service] of Object.entries(definition.proxies)) {
      const made = await proxies.create({ name, upstream: `127.0.0.1:${textOf(values[`${service}_port`])}` });
      values[`proxy_${name}`] = made.listen;
    }
    const file = path.join(folder, "prunella.yaml");
    // YAML holds JSON; one writer less to trust.
    writeFileSync(file, JSON.stringify(configurationOf(definition, values, ports.at(-1) ?? 0), null, 2));
    const data = path.join(folder, "data");
    child = spawn(process.execPath, [options.entry, "--data", data, "-c", file, "up"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        NODE_NO_WARNINGS: "1",
        ...(options.cache === undefined ? {} : { NODE_COMPILE_CACHE: options.cache }),
      },
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (said = `${said}${text}`.slice(-20_000)));
    const api = controlApi(textOf(values["control_url"]));
    await isUp(
      child,
      path.join(data, "control.json"),
      api,
      Object.keys(definition.services),
      options.signal,
      () => said,
    );
    // Remedies off means off for every drill in the same way: the big red button.
    if (options.withoutHealing) await api.post("/api/v1/pause", { why: "a drill without healing" });
    return { folder, api, configuration: values, toxiproxy: proxies, log: () => said, end };
  } catch (error) {
    await end();
    throw error;
  }
}

function configurationOf(definition: DrillDefinition, values: Record<string, Json>, controlPort: number): Json {
  const services = Object.fromEntries(
    Object.entries(definition.services).map(([name, service]): [string, Json] => {
      const own = substitute(service.yaml, values, `services.${name}`);
      const given = isFields(own) ? own : {};
      const env = isFields(given["env"]) ? given["env"] : {};
      return [
        name,
        {
          check: { http: `${textOf(values[`${name}_url`])}/healthz`, every: "500ms", timeout: "400ms", failures: 3 },
          startup: "5s",
          stop: { timeout: "2s" },
          ...given,
          labels: { "prunella.drill": "true" },
          command: [process.execPath, ...service.nodeArguments, programFile(service.program)],
          cwd: textOf(values["scratch"]),
          probe: "on",
          env: {
            PORT: textOf(values[`${name}_port`]),
            PRUNELLA_DRILL_GUARDS: textOf(values["guards"]),
            NODE_NO_WARNINGS: "1",
            ...Object.fromEntries(Object.entries(env).map(([key, value]) => [key, textOf(value)])),
          },
        },
      ];
    }),
  );
  const rest = substitute(definition.yaml, values, "yaml");
  return { ...(isFields(rest) ? rest : {}), services, http: { host: "127.0.0.1", port: controlPort } };
}

/** Resolves when the control plane answers and every service was seen healthy. */
async function isUp(
  child: ChildProcess,
  announced: string,
  api: ControlApi,
  services: readonly string[],
  signal: AbortSignal,
  said: () => string,
): Promise<void> {
  const since = Date.now();
  while (Date.now() - since < upMsMax) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`prunella up ended with ${child.exitCode}: ${said().slice(-2_000)}`);
    if (existsSync(announced)) {
      const states = await Promise.all(services.map((name) => api.target(name).catch(() => null)));
      if (states.every((target) => target?.state === "healthy")) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the world was not healthy within ${upMsMax / 1_000} s: ${said().slice(-2_000)}`);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), downMsMax);
  await gone;
  clearTimeout(late);
}

/** Reads what a world left in its folder, for evidence. */
export function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
