// Real servers for the monitoring tests: Prunella with its agent and services, Prometheus and Alertmanager from Debian, each in
// a scratch folder and on free ports, ended by pid.
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import type { TestContext } from "node:test";
import { freePorts } from "@prunella/catalogue";

export const root = path.resolve(import.meta.dirname, "../../..");
export const monitoring = path.join(root, "monitoring");

/** Path of a program, or null after the test was told to skip. In CI a missing one is a failure. */
export function need(t: TestContext, ...programs: readonly string[]): boolean {
  const missing = programs.filter(
    (name) => !["/usr/bin", "/usr/local/bin"].some((folder) => existsSync(path.join(folder, name))),
  );
  if (missing.length === 0) return true;
  const reason = `${missing.join(", ")} not installed; apt-get install prometheus prometheus-alertmanager`;
  if (process.env["CI"]) throw new Error(reason);
  t.skip(reason);
  return false;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

export function scratch(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-monitoring-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a program; it is ended with SIGTERM, then SIGKILL, when the test is over. */
export function start(
  t: TestContext,
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Record<string, string> },
): ChildProcess {
  const child = spawn(command, args, {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_NO_WARNINGS: "1", ...options.env },
  });
  let said = "";
  const hear = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-8_000));
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(late);
    }
    if (process.env["VERBOSE"]) console.log(`--- ${path.basename(command)}\n${said}`);
  });
  return child;
}

/** Asks until the answer satisfies, at most `seconds`; then fails with the last answer. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  fits: (answer: T) => boolean,
  seconds = 60,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      last = answer;
      if (fits(answer)) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(
    `not within ${seconds} s: ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)?.slice(0, 2_000)}`,
  );
}

export async function json(url: string, body?: unknown, headers: Record<string, string> = {}): Promise<any> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined
      ? {}
      : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 500)}`);
  return text === "" ? null : JSON.parse(text);
}

export interface Prunella {
  readonly url: string;
  readonly folder: string;
  api(path: string, body?: unknown): Promise<any>;
}

export async function prunella(
  t: TestContext,
  yaml: string,
  env: Record<string, string> = {},
  files: Readonly<Record<string, string>> = {},
  folders: readonly string[] = [],
): Promise<Prunella> {
  const folder = scratch(t);
  const data = path.join(folder, "data");
  for (const name of folders) mkdirSync(path.join(folder, name));
  for (const [name, text] of Object.entries({ ...files, "prunella.yaml": yaml }))
    writeFileSync(path.join(folder, name), text);
  start(
    t,
    process.execPath,
    [path.join(root, "packages/prunella/src/main.ts"), "--data", data, "-c", "prunella.yaml", "up"],
    { cwd: folder, env },
  );
  const control = path.join(data, "control.json");
  const { url } = await until(
    "the control plane is up",
    async () => JSON.parse(readFileSync(control, "utf8")) as { url: string },
    () => true,
    90,
  );
  const it: Prunella = { url, folder, api: (route, body) => json(`${url}${route}`, body) };
  await until(
    "it is ready",
    async () => (await fetch(`${url}/readyz`)).status,
    (status) => status === 200,
    90,
  );
  return it;
}

export async function alertmanager(t: TestContext, config: string, port: number): Promise<string> {
  const folder = scratch(t);
  writeFileSync(path.join(folder, "alertmanager.yml"), config);
  start(
    t,
    "prometheus-alertmanager",
    [
      "--config.file=alertmanager.yml",
      `--storage.path=${path.join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ],
    { cwd: folder },
  );
  const url = `http://127.0.0.1:${port}`;
  await until(
    "Alertmanager is ready",
    async () => (await fetch(`${url}/-/ready`)).status,
    (status) => status === 200,
    30,
  );
  return url;
}

export async function prometheus(t: TestContext, config: string, rules: string): Promise<string> {
  const folder = scratch(t);
  const port = await freePort();
  mkdirSync(path.join(folder, "rules"));
  writeFileSync(path.join(folder, "prometheus.yml"), config);
  writeFileSync(path.join(folder, "rules/prunella.yml"), rules);
  start(
    t,
    "prometheus",
    [
      "--config.file=prometheus.yml",
      `--storage.tsdb.path=${path.join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { cwd: folder },
  );
  const url = `http://127.0.0.1:${port}`;
  await until(
    "Prometheus is ready",
    async () => (await fetch(`${url}/-/ready`)).status,
    (status) => status === 200,
    30,
  );
  return url;
}

/** Runs promtool or amtool; its output, or an error with it. */
export function tool(program: string, args: readonly string[], input = ""): string {
  return execFileSync(program, args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"], cwd: root });
}

export const read = (file: string): string => readFileSync(path.join(monitoring, file), "utf8");
