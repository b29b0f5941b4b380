// One run's world: a scratch folder with the subject, its front and its dependency, ports of its own, traffic, an independent
// judgement of whether the subject does its work, and the hands that bring faults about. Ends everything it started, by pid.
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { get, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePorts } from "@prunella/catalogue";
import type { Supervisor } from "./supervisors/index.ts";

const subjectFolder = path.join(import.meta.dirname, "subject");

export interface Ports {
  readonly subject: number;
  readonly front: number;
  readonly dependency: number;
  readonly control: number;
}

export interface Seen {
  readonly at: number;
  readonly ok: boolean;
}

const open = new Set<Stage>();

/** Ends everything that every stage of this process has started. */
export async function closeAll(): Promise<void> {
  await Promise.allSettled([...open].map((stage) => stage.close()));
}

export class Stage {
  readonly folder: string;
  readonly ports: Ports;
  supervisor: Supervisor | null = null;
  /** Every look at the subject: its work answered in time and its jobs got on. */
  readonly seen: Seen[] = [];
  /** Set by the runner when the supervisor has been seen to act. */
  acted = false;
  /** Lines that a fault adds to the subject's configuration. */
  subjectLines = "";
  readonly #mounts: string[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #pids: Readonly<Record<string, number>>[] = [];
  #dependency: ChildProcess | null = null;
  #timers: NodeJS.Timeout[] = [];
  #jobs = -1;
  #jobsAt = 0;
  #missing = 0;

  private constructor(folder: string, ports: Ports) {
    this.folder = folder;
    this.ports = ports;
  }

  static async open(): Promise<Stage> {
    const folder = mkdtempSync(path.join(tmpdir(), "prunella-matrix-"));
    const [subject = 0, front = 0, dependency = 0, control = 0] = await freePorts(4);
    const stage = new Stage(folder, { subject, front, dependency, control });
    open.add(stage);
    mkdirSync(path.join(folder, "releases", "1"), { recursive: true });
    cpSync(path.join(subjectFolder, "subject.js"), path.join(folder, "releases", "1", "subject.js"));
    writeFileSync(path.join(folder, "releases", "1", "release.json"), '{ "bug": null }');
    writeFileSync(path.join(folder, "releases", "1", "package.json"), '{ "type": "module" }');
    writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
    symlinkSync("releases/1", path.join(folder, "current"));
    for (const name of ["front.js", "dependency.js"]) cpSync(path.join(subjectFolder, name), path.join(folder, name));
    for (const name of ["logs", "cache", "uploads", "inbox", "run"]) mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, "app.json"), JSON.stringify({ dependencyPort: dependency, page: 20 }, null, 2));
    stage.writeToken(30 * 86_400);
    return stage;
  }

  at(name: string): string {
    return path.join(this.folder, name);
  }

  /** Checks that a fault adds to the subject's. */
  subjectChecks = "";
  check(line: string): void {
    this.subjectChecks += `      - ${line}\n`;
  }
  configure(lines: string): void {
    this.subjectLines += `${lines}\n`;
  }

  /** Puts a small file system of its own under one of the subject's folders. */
  mount(name: string, options: readonly string[]): void {
    const where = this.at(name);
    execFileSync("mount", ["-t", "tmpfs", "-o", options.join(), "prunella-matrix", where]);
    this.#mounts.push(where);
  }

  /** What each service is started with, whoever starts it. */
  environment(): Record<string, string> {
    return {
      PORT: String(this.ports.subject),
      HOME_FOLDER: this.folder,
    };
  }
  frontEnvironment(): Record<string, string> {
    return { PORT: String(this.ports.front), SUBJECT_PORT: String(this.ports.subject) };
  }

  async startDependency(): Promise<void> {
    if (this.#dependency !== null) return;
    const child = spawn(process.execPath, [this.at("dependency.js")], {
      env: { ...process.env, PORT: String(this.ports.dependency) },
      stdio: "ignore",
    });
    this.#dependency = child;
    this.#children.push(child);
    await until(() => answers(this.ports.dependency, "/", 500), 5_000);
  }

  async stopDependency(): Promise<void> {
    const child = this.#dependency;
    this.#dependency = null;
    if (child === null) return;
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
  }

  /** Its connections stay open and nobody answers on them; the kernel still takes new ones. */
  freezeDependency(frozen: boolean): void {
    this.#dependency?.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  async slowDependency(ms: number): Promise<void> {
    await answers(this.ports.dependency, `/slow/${ms}`, 2_000);
  }

  /** Ten requests a second to the subject's work, and a look at its jobs. */
  startTraffic(): void {
    let asking = 0;
    this.#timers.push(
      setInterval(() => {
        if (asking > 50) return;
        asking += 1;
        void answers(this.ports.subject, "/work", 3_000).then(() => (asking -= 1));
      }, 100),
      setInterval(() => void this.#look(), 150),
      setInterval(() => {
        for (let each = 0; each < this.#missing / 10; each += 1)
          void answers(this.ports.subject, "/nothing-here", 1_000);
      }, 100),
      setInterval(() => this.#pids.push({ at: Date.now(), ...this.supervisor?.pids() }), 100),
    );
  }
  storm(requestsPerSecond: number): void {
    this.#missing = requestsPerSecond;
  }

  async #look(): Promise<void> {
    const [worked, jobs] = await Promise.all([
      answers(this.ports.subject, "/work", 900),
      text(this.ports.subject, "/progress", 900),
    ]);
    const done = Number(jobs ?? Number.NaN);
    const at = Date.now();
    if (Number.isFinite(done) && done !== this.#jobs) {
      this.#jobs = done;
      this.#jobsAt = at;
    }
    this.seen.push({ at, ok: worked && at - this.#jobsAt < 2_000 });
  }

  isWell(): boolean {
    return this.seen.slice(-5).every((each) => each.ok) && this.seen.length >= 5;
  }

  /** Start of the unbroken good stretch that reaches to now, if it has lasted `ms` already. */
  goodSince(ms: number): number | null {
    let from: number | null = null;
    for (let at = this.seen.length - 1; at >= 0 && this.seen[at]?.ok === true; at -= 1)
      from = this.seen[at]?.at ?? null;
    return from !== null && Date.now() - from >= ms ? from : null;
  }

  repaired(): boolean {
    return this.acted;
  }

  /** Processes that took another's place, by service, since a time. */
  replacements(since: number): Record<string, number> {
    const counts: Record<string, number> = {};
    const last: Record<string, number> = {};
    for (const { at = 0, ...pids } of this.#pids) {
      for (const [name, pid] of Object.entries(pids)) {
        if (pid === 0) continue;
        if (last[name] !== undefined && last[name] !== pid && at >= since) counts[name] = (counts[name] ?? 0) + 1;
        last[name] = pid;
      }
    }
    return counts;
  }
  /** When a service's process was first seen to be another than at `since`; null: it was not. */
  firstReplacement(since: number): number | null {
    const before: Record<string, number> = {};
    for (const { at = 0, ...pids } of this.#pids) {
      for (const [name, pid] of Object.entries(pids)) {
        if (pid === 0) continue;
        if (at >= since && before[name] !== undefined && before[name] !== pid) return at;
        before[name] = pid;
      }
    }
    return null;
  }
  #injectedAt = 0;
  injected(at: number): void {
    this.#injectedAt = at;
  }
  wasReplaced(service: string): boolean {
    return (this.replacements(this.#injectedAt)[service] ?? 0) > 0 && this.isWell();
  }

  async break(name: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const request = httpRequest(
        {
          host: "127.0.0.1",
          port: this.ports.subject,
          path: `/break/${name}`,
          method: "POST",
          timeout: 2_000,
          agent: false,
        },
        (answer) => {
          answer.resume();
          answer.once("close", () => resolve());
        },
      );
      request.once("error", () => resolve());
      request.once("timeout", () => request.destroy());
      request.end();
    });
  }

  pid(service: string): number {
    return this.supervisor?.pids()[service] ?? 0;
  }
  kill(service: string, signal: NodeJS.Signals): void {
    const pid = this.pid(service);
    if (pid > 0) tryKill(pid, signal);
  }
  async restart(service: string): Promise<void> {
    await this.supervisor?.restart(service);
  }

  /** A lock is left by a process that is dead by now. */
  abandonLock(): void {
    const { pid } = spawnDead();
    writeFileSync(this.at("run/jobs.lock"), String(pid));
  }

  async takePort(who: "orphan" | "foreign"): Promise<void> {
    // It waits for the port: the moment the subject dies it has it.
    const program = `const server = require("net").createServer(() => {}).on("error", () => setTimeout(listen, 1));
const listen = () => server.listen(${this.ports.subject}, "127.0.0.1");
listen();`;
    const marker = readEnvironment(this.pid("subject"))?.["PRUNELLA_SERVICE"];
    // Left by a service that was called otherwise before, as after a change of the configuration.
    const orphan = who === "orphan" && marker !== undefined ? { PRUNELLA_SERVICE: `${marker}-old` } : {};
    const taker = spawn(process.execPath, ["-e", program], {
      env: { ...process.env, ...orphan },
      detached: true,
      stdio: "ignore",
    });
    this.#children.push(taker);
    await sleep(500);
    for (let round = 0; round < 20; round += 1) {
      this.kill("subject", "SIGKILL");
      await sleep(200);
      if (owns(taker.pid ?? 0, this.ports.subject)) return;
    }
  }

  writeToken(lastsSeconds: number): void {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const exp = Math.floor(Date.now() / 1000) + lastsSeconds;
    writeFileSync(this.at("run/token.jwt"), `${part({ alg: "none" })}.${part({ exp })}.`);
  }
  writeCertificate(days: number): void {
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=subject",
        "-days",
        String(days),
        "-keyout",
        this.at("run/key.pem"),
        "-out",
        this.at("run/certificate.pem"),
      ],
      { stdio: "ignore" },
    );
  }

  /** Everything the supervisor runs, and itself, stops for a while, as a machine that sleeps. */
  async sleep(ms: number): Promise<void> {
    const pids = this.supervisor?.family() ?? [];
    for (const pid of pids) tryKill(pid, "SIGSTOP");
    await sleep(ms);
    for (const pid of pids.toReversed()) tryKill(pid, "SIGCONT");
  }

  async close(): Promise<void> {
    open.delete(this);
    for (const timer of this.#timers) clearInterval(timer);
    await this.supervisor?.stop();
    for (const child of this.#children) {
      if (child.pid === undefined) continue;
      tryKill(-child.pid, "SIGKILL");
      tryKill(child.pid, "SIGKILL");
    }
    for (const pid of processesOf(this.folder)) tryKill(pid, "SIGKILL");
    for (const where of this.#mounts) execFileSync("umount", ["--lazy", where]);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Processes of this machine whose command line or environment names the scratch folder. */
export function processesOf(folder: string): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const text = readFileSync(`/proc/${pid}/cmdline`, "latin1") + readFileSync(`/proc/${pid}/environ`, "latin1");
      return text.includes(folder) ? [pid] : [];
    } catch {
      return [];
    }
  });
}

function owns(pid: number, port: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const inode = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[1]?.endsWith(`:${hex}`) === true && fields[3] === "0A")?.[9];
  if (inode === undefined) return false;
  return readdirSync(`/proc/${pid}/fd`).some((entry) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${entry}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  });
}

function readEnvironment(pid: number): Record<string, string> | null {
  try {
    return Object.fromEntries(
      readFileSync(`/proc/${pid}/environ`, "utf8")
        .split("\0")
        .filter((entry) => entry.includes("="))
        .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
    );
  } catch {
    return null;
  }
}

function spawnDead(): { readonly pid: number } {
  const text = execFileSync("/bin/sh", ["-c", "echo $$"], { encoding: "utf8" });
  return { pid: Number(text.trim()) };
}

export function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export async function until(holds: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    if (await holds()) return true;
    await sleep(50);
  }
  return false;
}

export function answers(port: number, url: string, limitMs: number): Promise<boolean> {
  return ask(port, url, limitMs).then(({ status }) => status === 200);
}
async function text(port: number, url: string, limitMs: number): Promise<string | null> {
  const { status, body } = await ask(port, url, limitMs);
  return status === 200 ? body : null;
}

export function ask(
  port: number,
  url: string,
  limitMs: number,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve) => {
    const nothing = { status: 0, body: "" };
    const timer = setTimeout(() => {
      request.destroy();
      resolve(nothing);
    }, limitMs);
    const request = get({ host: "127.0.0.1", port, path: url, agent: false }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (piece: string) => (body += piece));
      answer.once("end", () => {
        clearTimeout(timer);
        resolve({ status: answer.statusCode ?? 0, body });
      });
    });
    request.once("error", () => {
      clearTimeout(timer);
      resolve(nothing);
    });
  });
}
