// A real Prunella on a configuration of its own, for the long runs and the product bench: scratch folder, free ports, requests,
// what its processes use, and an end that leaves nothing behind.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

export { freePorts } from "@prunella/catalogue";

export const root = path.resolve(import.meta.dirname, "../..");
export const shop = path.join(root, "examples/shop");
const bin = path.join(root, "packages/prunella/bin/prunella.mjs");

export interface Product {
  readonly folder: string;
  readonly agentPid: number;
  controlPid(): number;
  ask<T>(url: string, body?: unknown): Promise<T>;
  /** Waits until every target is healthy; throws after `withinMs`. */
  healthy(withinMs: number): Promise<void>;
  reload(): void;
  stop(): Promise<void>;
}

/** Ports that were free a moment ago, all different. */
export function scratch(name: string): string {
  return mkdtempSync(path.join(tmpdir(), `prunella-${name}-`));
}

/** Starts `prunella up` on a configuration written into `folder`. */
export async function startProduct(folder: string, configuration: string): Promise<Product> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "prunella.yaml"), configuration);
  const child: ChildProcess = spawn(process.execPath, [bin, "up", "-q"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PRUNELLA_DATA: path.join(folder, ".prunella") },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-20_000)));
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const place = path.join(folder, ".prunella", "control.json");
  const control = (): { url: string; pid: number } =>
    JSON.parse(readFileSync(place, "utf8")) as { url: string; pid: number };

  async function ask<T>(url: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(url, control().url), {
      signal: AbortSignal.timeout(15_000),
      ...(body === undefined
        ? {}
        : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async function healthy(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    let last = "nothing answered";
    while (performance.now() < until) {
      if (child.exitCode !== null) throw new Error(`prunella ended with ${child.exitCode}:\n${said}`);
      try {
        const { items } = await ask<{ items: { key: string; kind: string; state: string }[] }>(
          "/api/v1/targets?limit=500",
        );
        const bad = items.filter((target) => target.kind !== "self" && target.state !== "healthy");
        if (bad.length === 0) return;
        last = bad.map((target) => `${target.key} ${target.state}`).join(", ");
      } catch (error) {
        last = String(error);
      }
      await rest(100);
    }
    throw new Error(`not healthy within ${withinMs} ms: ${last}\n${said}`);
  }

  return {
    folder,
    agentPid: child.pid ?? 0,
    controlPid: () => control().pid,
    ask,
    healthy,
    reload: () => void child.kill("SIGHUP"),
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 30_000);
      await ended;
      clearTimeout(late);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

export interface Use {
  readonly rssBytes: number;
  /** Share of one core since the look before. */
  readonly cpuShare: number;
}

/** What a process uses, from /proc; each call looks at the time since the one before. */
export function meter(pid: number): () => Use {
  let ticks = ticksOf(pid);
  let at = performance.now();
  return () => {
    const now = ticksOf(pid);
    const passedMs = Math.max(1, performance.now() - at);
    const cpuShare = ((now - ticks) * 10) / passedMs;
    ticks = now;
    at = performance.now();
    return { rssBytes: rssOf(pid), cpuShare };
  };
}

function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

export function rssOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1_024;
}

export function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length / 2) - 1] ?? null;
}

export function shown(ms: number | null): string {
  return ms === null ? "-" : ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** Leaves the run where reports find it: in the `evidence` folder of a data folder. */
export function recordRun(
  data: string | undefined,
  run: {
    readonly kind: "soak" | "load";
    readonly coveredMs: number;
    readonly passed: boolean;
    readonly summary: string;
    readonly figures: readonly { readonly name: string; readonly value: string }[];
    /** What was counted: the report computes the share and its interval. */
    readonly rates?: readonly { readonly name: string; readonly count: number; readonly of: number }[];
    readonly command: string;
  },
): string {
  const folder = path.resolve(data ?? path.join(shop, ".prunella"), "evidence");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const at = Date.now();
  const file = path.join(folder, `${run.kind}-${at}.json`);
  writeFileSync(file, `${JSON.stringify({ ...run, at }, null, 2)}\n`, { mode: 0o600 });
  return file;
}

/** A seeded source of chance, so that a run can be repeated. */
export function chance(seed: number): {
  readonly next: () => number;
  readonly pick: <T>(of: readonly T[]) => T;
  readonly between: (low: number, high: number) => number;
} {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    pick: <T>(of: readonly T[]): T => {
      const one = of[Math.floor(next() * of.length)];
      if (one === undefined) throw new Error("nothing to pick from");
      return one;
    },
    between: (low, high) => low + next() * (high - low),
  };
}
