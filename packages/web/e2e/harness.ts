// A real `prunella up` on a copy of the example shop, on free ports in a scratch folder, and a real Chromium to look at it.
// Nothing is simulated: what a test sees is what an operator would see.
import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { freePorts } from "@prunella/catalogue";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

const root = path.resolve(import.meta.dirname, "../../..");
export const screenshots = path.join(root, "packages/web/screenshots");

/** Where Debian and others put Chromium; null: there is none. */
export function chromiumFile(): string | null {
  const named = process.env["CHROMIUM"];
  const places = [named, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return places.find((place) => place !== undefined && existsSync(place)) ?? null;
}

/**
 * Why the browser tests cannot run here, or false. On a person's machine without Chromium they are skipped and say so; in
 * CI they are never skipped: there a missing browser is a failure.
 */
export function skipReason(): string | false {
  if (chromiumFile() !== null || process.env["CI"]) return false;
  return "no Chromium here: apt-get install chromium, or name one in CHROMIUM";
}

export async function browser(): Promise<Browser> {
  const executablePath = chromiumFile();
  if (executablePath === null) throw new Error("no Chromium: apt-get install chromium, or name one in CHROMIUM");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
}

export const widths = {
  narrow: { width: 360, height: 760 },
  middle: { width: 1024, height: 768 },
  wide: { width: 1440, height: 900 },
} as const;

/** A page that fails the test when the page logs an error, breaks the Content-Security-Policy or asks another origin. */
export async function openPage(
  of: Browser,
  url: string,
  options: {
    readonly scheme?: "light" | "dark";
    readonly size?: { readonly width: number; readonly height: number };
    readonly reducedMotion?: boolean;
  } = {},
): Promise<{ readonly page: Page; readonly context: BrowserContext; readonly faults: string[] }> {
  const context = await of.newContext({
    colorScheme: options.scheme ?? "light",
    viewport: options.size ?? widths.wide,
    reducedMotion: options.reducedMotion === true ? "reduce" : "no-preference",
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    const asked = message.location().url;
    // A server that is being restarted refuses connections, and a part that is not in this build answers 404; both are states of their own.
    const isAway = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|\b503\b/.test(
      text,
    );
    const isMissing = /\b404\b/.test(text) && /\/(drills|drill-runs|log-templates|issues\/CRIT-999)/.test(asked);
    const isUnknown = /\b400\b/.test(text) && /resolution=raw|dreadful/.test(asked);
    if (message.type() === "error" && !isAway && !isMissing && !isUnknown) faults.push(`console: ${text} ${asked}`);
  });
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (asked.protocol.startsWith("http") && asked.origin !== new URL(url).origin) faults.push(`asked ${asked.origin}`);
  });
  return { page, context, faults };
}

export interface Shop {
  readonly url: string;
  readonly folder: string;
  readonly ports: { readonly web: number; readonly api: number; readonly worker: number; readonly stock: number };
  /** Breaks a service through its own handle (see examples/shop). */
  break(service: "web" | "api" | "worker", kind: string): Promise<void>;
  /** Process id of a service, from the API. */
  pidOf(service: string): Promise<number>;
  ask<T>(path: string, body?: unknown): Promise<T>;
  /** Kills the control plane; resolves when its successor, on the same port, is ready. */
  restartControl(): Promise<void>;
  /** Output of `prunella up` so far. */
  output(): string;
  stop(): Promise<void>;
}

export interface ShopOptions {
  /** Appended to the shop's prunella.yaml. */
  readonly more?: string;
  /** Further services, as lines below `services:`. */
  readonly services?: string;
  /** Further files of the folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Called with the data folder before anything starts. */
  readonly prepare?: (dataFolder: string) => Promise<void>;
  /** Sent with every request of `ask`. */
  readonly token?: string;
}

let built: Promise<void> | null = null;
/** Builds the UI once per test file, so that no build replaces it under an open page. */
function uiBuilt(): Promise<void> {
  built ??= new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(root, "packages/web/build.ts")], { stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`the UI does not build (exit ${String(code)})`)),
    );
  });
  return built;
}

/** Starts the shop. */
export async function shop(options: ShopOptions = {}): Promise<Shop> {
  await uiBuilt();
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-web-"));
  const [web, api, worker, stock] = (await freePorts(4)) as [number, number, number, number];
  const ports = { web, api, worker, stock };
  cpSync(path.join(root, "examples/shop"), folder, {
    recursive: true,
    filter: (file) => !/node_modules|\.prunella/.test(file),
  });
  const port: Readonly<Record<string, number>> = { "7421": web, "7422": api, "7423": worker, "7424": stock };
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    if (!/\.(js|yaml)$/.test(name)) continue;
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(/742[1-4]/g, (found) => String(port[found])),
    );
  }
  const config = path.join(folder, "prunella.yaml");
  const given = readFileSync(config, "utf8").replace("services:\n", `services:\n${options.services ?? ""}`);
  const http = /^http:/m.test(options.more ?? "") ? "" : "http: { port: 0 }\n";
  writeFileSync(config, `${given}\n${http}${options.more ?? ""}`);
  for (const [name, text] of Object.entries(options.files ?? {}))
    writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  const data = path.join(folder, ".prunella");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  await options.prepare?.(data);
  const child = spawn(process.execPath, [path.join(root, "packages/prunella/bin/prunella.mjs"), "up", "-c", config], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-100_000)));
  const control = path.join(data, "control.json");
  const otherwise = (): string => `prunella up did not start:\n${output}`;
  try {
    await until(() => existsSync(control) || child.exitCode !== null, 60_000, otherwise);
    if (!existsSync(control)) throw new Error(otherwise());
  } catch (error) {
    await end(child);
    throw error;
  }
  const { url } = JSON.parse(readFileSync(control, "utf8")) as { url: string };
  const ask = async <T>(asked: string, body?: unknown): Promise<T> => {
    const authorization: Record<string, string> =
      options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
    const { url } = JSON.parse(readFileSync(control, "utf8")) as { url: string };
    const response = await fetch(
      `${url}/api/v1${asked}`,
      body === undefined
        ? { headers: authorization }
        : {
            method: "POST",
            headers: { "content-type": "application/json", ...authorization },
            body: JSON.stringify(body),
          },
    );
    return (await response.json()) as T;
  };
  return {
    url,
    folder,
    ports,
    ask,
    output: () => output,
    async break(service, kind) {
      await fetch(`http://127.0.0.1:${ports[service]}/break/${kind}`, { method: "POST" }).catch(() => {});
    },
    async pidOf(service) {
      return (await ask<{ pid: number | null }>(`/targets/${service}`)).pid ?? 0;
    },
    async restartControl() {
      const before = JSON.parse(readFileSync(control, "utf8")) as { pid: number };
      process.kill(before.pid, "SIGKILL");
      await until(
        () => existsSync(control) && (JSON.parse(readFileSync(control, "utf8")) as { pid: number }).pid !== before.pid,
        30_000,
        () => "the control plane did not come back",
      );
    },
    async stop() {
      await end(child);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await gone;
  clearTimeout(timer);
}

export async function until(
  holds: () => boolean | Promise<boolean>,
  msMax: number,
  otherwise: () => string,
): Promise<void> {
  const since = performance.now();
  while (!(await holds())) {
    if (performance.now() - since > msMax) throw new Error(otherwise());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
