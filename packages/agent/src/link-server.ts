// The agent's end of the link: listens on its socket, takes one control plane at a time (the one with the highest fence),
// sends it the level of everything, then events until they are acknowledged, and answers its requests. Observations that a
// slow reader cannot take are dropped (they repeat); events wait in the outbox.
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { decodeToAgent, encodeMessage, messageReader, type Plan, type Reply, type ToAgent } from "@prunella/adapters";
import type { ObservationSignal, TargetKey, TimeMs } from "@prunella/core";
import type { LogBatch } from "./log-ship.ts";
import type { Outbox } from "./outbox.ts";
import type { LogWrite } from "./words.ts";

export interface LinkServerOptions {
  readonly socketPath: string;
  readonly agent: string;
  readonly startedAt: TimeMs;
  readonly now: () => TimeMs;
  readonly outbox: Outbox;
  readonly plan: () => Plan;
  readonly fence: () => number;
  /** A control plane with this fence has said hello; it is at least as high as the one before. */
  readonly onFence: (fence: number, pid: number) => void;
  /** What holds now, of every target. */
  readonly level: () => readonly ObservationSignal[];
  readonly onAcknowledge: (through: number) => void;
  readonly answer: (request: Request) => Promise<Reply>;
  readonly onHeartbeat: (slug: string) => void;
  readonly onStopAll: () => void;
  readonly log: LogWrite;
}

export type Request = Extract<ToAgent, { readonly id: number }>;

export interface LinkServer {
  observe(signals: readonly ObservationSignal[]): void;
  guards(target: TargetKey, snapshots: readonly unknown[]): void;
  lines(batch: LogBatch): void;
  /** Somebody reads, and not too slowly for lines of logs (which can wait in their files). */
  readonly takesLines: boolean;
  planChanged(): void;
  /** Sends events that were added; call after adding. */
  pump(): void;
  /** Process id of the control plane that is connected, and how long nothing was heard of it. */
  readonly control: { readonly pid: number; readonly silentMs: number } | null;
  /** Observation messages dropped because the control plane read too slowly. */
  readonly dropped: number;
  close(): void;
}

/** Unread bytes after which events wait and observations are dropped. */
const unreadBytesMax = 1_000_000;
const helloMsMax = 5_000;
const connectionsMax = 16;
const requestsMax = 256;
const signalsPerMessage = 200;

interface Session {
  readonly socket: Socket;
  readonly pid: number;
  readonly fence: number;
  /** Number of the last event sent on this connection. */
  sent: number;
  heardAt: number;
  requests: number;
}

export async function linkServer(options: LinkServerOptions): Promise<LinkServer> {
  const sockets = new Set<Socket>();
  let session: Session | null = null;
  let dropped = 0;

  function accept(socket: Socket): void {
    if (sockets.size >= connectionsMax) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    let mine: Session | null = null;
    const timer = setTimeout(() => socket.destroy(), helloMsMax);
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      sockets.delete(socket);
      if (session !== null && session === mine) session = null;
    });
    socket.on("drain", pump);
    const reject = (reason: string): void => {
      options.log("warn", "link-refused", { reason });
      socket.destroy();
    };
    const read = messageReader((value) => {
      const message = decodeToAgent(value);
      if (message === null) reject("a message of an unknown form");
      else if (mine === null) {
        clearTimeout(timer);
        if (message.type !== "hello") reject(`the first message is ${message.type}, not hello`);
        else if (message.fence < options.fence()) reject(`fence ${message.fence} is behind ${options.fence()}`);
        else mine = greet(socket, message.fence, message.pid);
      } else receive(mine, message);
    }, reject);
    socket.on("data", read);
  }

  function greet(socket: Socket, fence: number, pid: number): Session {
    const next: Session = { socket, pid, fence, sent: 0, heardAt: performance.now(), requests: 0 };
    const before = session;
    session = next;
    before?.socket.destroy();
    options.onFence(fence, pid);
    const { agent, startedAt } = options;
    write(encodeMessage({ type: "hello", version: 1, agent, pid: process.pid, startedAt, plan: options.plan() }));
    observe(options.level());
    options.outbox.reportLoss(options.now());
    pump();
    return next;
  }

  function receive(from: Session, message: ToAgent): void {
    from.heardAt = performance.now();
    switch (message.type) {
      case "hello":
      case "alive":
        return;
      case "acknowledge":
        options.onAcknowledge(message.through);
        return;
      case "heartbeat":
        options.onHeartbeat(message.slug);
        return;
      case "stop-all":
        options.onStopAll();
        return;
      default:
        void answer(from, message);
    }
  }

  async function answer(to: Session, request: Request): Promise<void> {
    let reply: Reply;
    if (to.requests >= requestsMax) reply = { kind: "refused", reason: `${requestsMax} requests are under way` };
    else {
      to.requests += 1;
      try {
        reply = await options.answer(request);
      } catch (error) {
        reply = { kind: "refused", reason: error instanceof Error ? error.message : String(error) };
      }
      to.requests -= 1;
    }
    if (to.socket.destroyed) return;
    let line: string;
    try {
      line = encodeMessage({ type: "reply", id: request.id, reply });
    } catch {
      line = encodeMessage({
        type: "reply",
        id: request.id,
        reply: { kind: "refused", reason: "the answer is too long" },
      });
    }
    to.socket.write(line);
  }

  function write(line: string): void {
    session?.socket.write(line);
  }

  function pump(): void {
    if (session === null) return;
    while (session.socket.writableLength < unreadBytesMax) {
      const batch = options.outbox.after(session.sent, 100);
      if (batch.length === 0) return;
      for (const event of batch) {
        session.socket.write(event.line);
        session.sent = event.number;
      }
    }
  }

  function observe(signals: readonly ObservationSignal[]): void {
    if (session === null || signals.length === 0) return;
    if (session.socket.writableLength > unreadBytesMax) {
      dropped += 1;
      return;
    }
    for (let at = 0; at < signals.length; at += signalsPerMessage)
      write(encodeMessage({ type: "observations", signals: signals.slice(at, at + signalsPerMessage) }));
  }

  rmSync(options.socketPath, { force: true });
  const server = createServer(accept);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // Nobody else may connect, not even in the moment before its mode is set.
    const mask = process.umask(0o177);
    server.listen(options.socketPath, () => resolve());
    process.umask(mask);
  });
  // Accepting may fail when descriptors run out; the listener stays, the next connection is tried again.
  server.on("error", (error) => options.log("error", "link-failing", { reason: error.message }));

  return {
    observe,
    pump,
    guards(target, snapshots) {
      if (session !== null && session.socket.writableLength <= unreadBytesMax)
        write(encodeMessage({ type: "guards", target, snapshots }));
    },
    lines(batch) {
      // A batch is at most 500 lines of 2,000 characters: it may have to go in pieces.
      let rest = batch.lines;
      let lost = batch.lost;
      do {
        const some = fitting(rest);
        write(encodeMessage({ type: "lines", ...batch, lines: rest.slice(0, some), lost }));
        rest = rest.slice(some);
        lost = 0;
      } while (rest.length > 0);
    },
    get takesLines() {
      return session !== null && session.socket.writableLength <= unreadBytesMax / 4;
    },
    planChanged: () => write(encodeMessage({ type: "plan", plan: options.plan() })),
    get control() {
      return session === null ? null : { pid: session.pid, silentMs: performance.now() - session.heardAt };
    },
    get dropped() {
      return dropped;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Lines whose JSON surely fits into one message: an escaped character takes at most six bytes. */
function fitting(lines: readonly string[]): number {
  let room = 900_000;
  let count = 0;
  while (count < lines.length && (room -= 6 * lines[count]!.length + 3) >= 0) count += 1;
  return Math.max(1, count);
}
