// Where the probes inside Node services report: takes their measurements in, turns them into samples and signals, asks them
// questions. One target may have several probes (a process and its Node children); their numbers are combined.
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { messageReader } from "@prunella/adapters";
import type { ErrorFacts } from "@prunella/core";
import { settledWithin } from "./group.ts";
import type { ErrorDescription, ProbeCommand, ProbeMessage, Result, Stats } from "@prunella/probe";

export interface ProbeHubOptions {
  readonly socketPath: string;
  /** Short name of the data folder; probes of other folders are turned away. */
  readonly folder: string;
  /** Everything but hello, stats and results. */
  readonly onMessage: (target: string, pid: number, message: ProbeMessage) => void;
  readonly onStats: (target: string, stats: Stats) => void;
  /** The connection ended: a first hint that the process did. */
  readonly onGone: (target: string, pid: number) => void;
}

export interface ProbeHub {
  /** Asks the probe of a target's process. Rejects when there is none, or it does not answer in time. */
  ask(target: string, pid: number | null, command: Command, timeoutMs: number): Promise<Result>;
  has(target: string): boolean;
  /** The newest statistics of each of a target's probes, none older than 10 s. */
  statsOf(target: string): readonly Stats[];
  /** The exception this process died of, waiting at most `waitMs` for its last words. */
  lastError(target: string, pid: number, waitMs: number): Promise<ErrorFacts | null>;
  close(): void;
}

type Command = ProbeCommand extends infer C ? (C extends ProbeCommand ? Omit<C, "id"> : never) : never;

/** Probes connected at once; the next one is turned away. */
const probesMax = 1_000;
const lineBytesMax = 256_000;
const statsMsMax = 10_000;

interface Probe {
  readonly socket: Socket;
  readonly target: string;
  readonly pid: number;
  stats: Stats | null;
  statsAt: number;
  fatal: ErrorFacts | null;
  readonly waiting: Map<number, (result: Result) => void>;
  readonly closed: Promise<void>;
}

export async function probeHub(options: ProbeHubOptions): Promise<ProbeHub> {
  const probes = new Map<Socket, Probe>();
  // The last words of probes that are gone, by pid; at most 100.
  const lastWords = new Map<number, ErrorFacts>();
  let lastId = 0;
  let connections = 0;

  function accept(socket: Socket): void {
    connections += 1;
    socket.on("error", () => {});
    socket.on("close", () => (connections -= 1));
    if (connections > probesMax) {
      socket.destroy();
      return;
    }
    const closed = new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
    });
    const read = messageReader(
      (value) => take(socket, value as ProbeMessage, closed),
      () => socket.destroy(),
      lineBytesMax,
    );
    socket.on("data", read);
  }

  function take(socket: Socket, message: ProbeMessage, closed: Promise<void>): void {
    const probe = probes.get(socket);
    if (probe === undefined) {
      if (typeof message !== "object" || message?.type !== "hello" || message.version !== 1) socket.destroy();
      else greet(socket, message.service ?? "", message.pid, closed);
      return;
    }
    try {
      dispatch(probe, message);
    } catch {
      // A probe that sends something of another form is not worth falling over.
      socket.destroy();
    }
  }

  function greet(socket: Socket, service: string, pid: number, closed: Promise<void>): void {
    if (!service.startsWith(`${options.folder}:`)) {
      socket.destroy();
      return;
    }
    const target = service.slice(options.folder.length + 1);
    const probe: Probe = { socket, target, pid, stats: null, statsAt: 0, fatal: null, waiting: new Map(), closed };
    probes.set(socket, probe);
    void closed.then(() => {
      probes.delete(socket);
      for (const answer of probe.waiting.values())
        answer({ type: "result", id: 0, ok: false, error: "the process ended before its probe answered" });
      if (probe.fatal !== null) {
        lastWords.set(pid, probe.fatal);
        for (const oldest of lastWords.keys()) {
          if (lastWords.size <= 100) break;
          lastWords.delete(oldest);
        }
      }
      options.onGone(target, pid);
    });
  }

  function dispatch(probe: Probe, message: ProbeMessage): void {
    switch (message.type) {
      case "stats":
        probe.stats = message;
        probe.statsAt = performance.now();
        options.onStats(probe.target, message);
        return;
      case "result": {
        const answer = probe.waiting.get(Number(message.id));
        probe.waiting.delete(Number(message.id));
        answer?.(message);
        return;
      }
      case "error":
        if (message.fatal) probe.fatal = factsOf(message.error);
        break;
      default:
        break;
    }
    options.onMessage(probe.target, probe.pid, message);
  }

  const of = (target: string): Probe[] => [...probes.values()].filter((probe) => probe.target === target);

  rmSync(options.socketPath, { force: true });
  const server = createServer(accept);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // Nobody else may connect, not even in the moment before its mode is set.
    const mask = process.umask(0o177);
    server.listen(options.socketPath, () => resolve());
    process.umask(mask);
  });
  server.on("error", () => {});

  return {
    has: (target) => of(target).length > 0,
    statsOf: (target) =>
      of(target).flatMap((probe) =>
        probe.stats !== null && performance.now() - probe.statsAt < statsMsMax ? [probe.stats] : [],
      ),
    ask(target, pid, command, timeoutMs) {
      const candidates = of(target);
      const probe = candidates.find((each) => each.pid === pid) ?? candidates[0];
      if (probe === undefined) return Promise.reject(new Error(`no probe of ${target} is connected`));
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          probe.waiting.delete(id);
          reject(new Error(`the probe of ${target} did not answer within ${timeoutMs} ms`));
        }, timeoutMs);
        probe.waiting.set(id, (result) => {
          clearTimeout(timer);
          resolve(result);
        });
        probe.socket.write(`${JSON.stringify({ ...command, id })}\n`);
      });
    },
    async lastError(target, pid, waitMs) {
      const probe = of(target).find((each) => each.pid === pid);
      if (probe !== undefined) {
        await settledWithin(probe.closed, waitMs);
        if (probe.fatal !== null) return probe.fatal;
      }
      return lastWords.get(pid) ?? null;
    },
    close() {
      server.close();
      for (const socket of probes.keys()) socket.destroy();
    },
  };
}

/** An error as signals carry it; the messages of its causes are told in its stack. */
export function factsOf(error: ErrorDescription): ErrorFacts {
  const causes = error.causes
    .map((cause) => `\nCaused by: ${cause.stack ?? `${cause.name}: ${cause.message}`}`)
    .join("");
  const stack = error.stack === null && causes === "" ? null : `${error.stack ?? ""}${causes}`.slice(0, 16_000);
  return {
    name: error.name,
    message: error.message,
    code: error.code,
    stack,
    ...(error.context === undefined ? {} : { fields: error.context }),
  };
}
