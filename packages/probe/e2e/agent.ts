// The agent's side for tests: listens on a Unix socket, keeps what probes say, gives commands, starts hosts.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { probeFile, type ProbeCommand, type ProbeMessage } from "@prunella/probe";

export type Of<Type extends ProbeMessage["type"]> = Extract<ProbeMessage, { type: Type }>;
type CommandBody = ProbeCommand extends infer Each ? (Each extends ProbeCommand ? Omit<Each, "id"> : never) : never;

/** Removed when the tests end. */
export const workFolder = mkdtempSync(path.join(os.tmpdir(), "probe-e2e-"));
process.on("exit", () => rmSync(workFolder, { recursive: true, force: true }));

export const preloadFile = probeFile(path.join(workFolder, "cache"));

let sockets = 0;
export function newSocketPath(): string {
  sockets += 1;
  return path.join(workFolder, `${sockets}.sock`);
}

export class TestAgent {
  readonly socketPath: string;
  readonly messages: ProbeMessage[] = [];
  readonly #server: net.Server;
  readonly #connections = new Set<net.Socket>();
  readonly #watchers = new Set<() => void>();
  #commands = 0;

  private constructor(socketPath: string) {
    this.socketPath = socketPath;
    this.#server = net.createServer((connection) => {
      this.#connections.add(connection);
      let text = "";
      connection.setEncoding("utf8");
      connection.on("data", (chunk: string) => {
        const lines = (text + chunk).split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) this.messages.push(JSON.parse(line) as ProbeMessage);
        for (const watcher of this.#watchers) watcher();
      });
      connection.on("error", () => {});
      connection.on("close", () => this.#connections.delete(connection));
    });
  }

  static async listen(socketPath = newSocketPath()): Promise<TestAgent> {
    const agent = new TestAgent(socketPath);
    await new Promise<void>((resolve) => agent.#server.listen(socketPath, resolve));
    return agent;
  }

  get connections(): number {
    return this.#connections.size;
  }

  all<Type extends ProbeMessage["type"]>(type: Type): Of<Type>[] {
    return this.messages.filter((message): message is Of<Type> => message.type === type);
  }

  /** The first message of that kind, already here or still to come; rejects after `withinMs`. */
  async first<Type extends ProbeMessage["type"]>(
    type: Type,
    accepts: (message: Of<Type>) => boolean = () => true,
    withinMs = 10_000,
  ): Promise<Of<Type>> {
    const find = (): Of<Type> | undefined => this.all(type).find(accepts);
    await this.until(() => find() !== undefined, `a ${type} message`, withinMs);
    return find() as Of<Type>;
  }

  until(holds: () => boolean, what: string, withinMs = 10_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(look);
        const seen = [...new Set(this.messages.map((message) => message.type))].join(", ");
        reject(new Error(`no ${what} within ${withinMs} ms; came: ${seen || "nothing"}`));
      }, withinMs);
      this.#watchers.add(look);
      look();
    });
  }

  /** Asks all connected probes; resolves with the first result. */
  async command(body: CommandBody, withinMs = 10_000): Promise<Of<"result">> {
    this.#commands += 1;
    const id = this.#commands;
    for (const connection of this.#connections) connection.write(`${JSON.stringify({ id, ...body })}\n`);
    return this.first("result", (message) => message.id === id, withinMs);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export class Host {
  readonly process: ChildProcess;
  readonly ended: Promise<Outcome>;
  #stdout = "";

  /** Starts a script of `fixtures/`, with the probe when there is a socket for it. */
  constructor(node: string, script: string, args: readonly string[], socketPath: string | undefined, env = {}) {
    const startedAt = performance.now();
    let stderr = "";
    const file = path.isAbsolute(script) ? script : path.join(import.meta.dirname, "fixtures", script);
    this.process = spawn(node, [file, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: {
        PATH: process.env["PATH"],
        ...(socketPath === undefined
          ? {}
          : {
              NODE_OPTIONS: `--require "${preloadFile}"`,
              PRUNELLA_PROBE_SOCKET: socketPath,
              PRUNELLA_SERVICE: "fixture",
              PRUNELLA_PROBE_INTERVAL_MS: "200",
            }),
        ...env,
      },
    });
    // The channel is there for hosts that want it and must not keep those alive that do not.
    this.process.channel?.unref();
    this.process.stdout?.on("data", (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.process.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    this.ended = new Promise((resolve) =>
      this.process.on("close", (code, signal) =>
        resolve({ code, signal, stdout: this.#stdout, stderr, ms: performance.now() - startedAt }),
      ),
    );
  }

  /** Text of the first line that the script prints: fixtures print their port. */
  async firstLine(): Promise<string> {
    while (!this.#stdout.includes("\n")) await this.more();
    return this.#stdout.split("\n")[0] ?? "";
  }

  get output(): string {
    return this.#stdout;
  }

  /** Resolves when the host prints something more. */
  more(): Promise<void> {
    return new Promise((resolve) => this.process.stdout?.once("data", () => resolve()));
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Outcome> {
    this.process.kill(signal);
    return this.ended;
  }
}
