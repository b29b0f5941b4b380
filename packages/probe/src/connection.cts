// Connection to the agent's Unix socket: comes back by itself (after 0.1 s, doubling to 2 s), keeps lines while the agent
// is away or slow (the newest 1,000, 4 MB at most), says how many were lost.
import type { Socket } from "node:net";
import type { Dropped } from "./wire.ts";

const net = require("node:net") as typeof import("node:net");

const linesMax = 1_000;
const bytesMax = 4_000_000;
/** Longest line, either way; same number as in wire.ts. */
const lineBytesMax = 256_000;
/** Bytes handed to the socket and not taken by the agent; above, lines wait here, where they can be dropped. */
const unsentBytesMax = 500_000;
const retryMsMin = 100;
const retryMsMax = 2_000;

interface Connection {
  /** Sends a line. `flushed` is called when the kernel has it, or at once when nobody listens. */
  send(line: string, flushed?: () => void): void;
  /** Ends the connection for good, what was sent before goes out. */
  close(closed: () => void): void;
}

interface Events {
  onLine(line: string): void;
  onState(connected: boolean): void;
}

function openConnection(socketPath: string, hello: string, events: Events): Connection {
  const waiting: { line: string; bytes: number; flushed: (() => void) | undefined }[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let socket: Socket | undefined;
  let connected = false;
  let starting = true;
  let retryMs = retryMsMin;
  let closed = false;

  function connect(): void {
    const opening = net.connect(socketPath);
    socket = opening;
    let text = "";
    opening.setEncoding("utf8");
    opening.on("connect", () => {
      connected = true;
      starting = false;
      retryMs = retryMsMin;
      opening.write(`${hello}\n`);
      if (dropped > 0) {
        opening.write(`${JSON.stringify({ type: "dropped", at: Date.now(), count: dropped } satisfies Dropped)}\n`);
        dropped = 0;
      }
      drain();
      events.onState(true);
    });
    opening.on("data", (chunk: string) => {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      if (text.length > lineBytesMax) opening.destroy();
      for (const line of lines) if (line !== "") events.onLine(line);
    });
    opening.on("drain", drain);
    opening.on("error", () => {});
    opening.on("close", () => {
      connected = false;
      starting = false;
      events.onState(false);
      release();
      if (closed) return;
      setTimeout(connect, retryMs);
      retryMs = Math.min(retryMs * 2, retryMsMax);
    });
  }

  function drain(): void {
    while (connected && socket !== undefined && socket.writableLength < unsentBytesMax) {
      const next = waiting.shift();
      if (next === undefined) return;
      waitingBytes -= next.bytes;
      write(socket, next.line, next.flushed);
    }
  }

  function write(to: Socket, line: string, flushed: (() => void) | undefined): void {
    if (flushed === undefined) to.write(`${line}\n`);
    else to.write(`${line}\n`, () => flushed());
  }

  // Nobody listens: whoever waits for a line to be out need not wait any longer.
  function release(): void {
    for (const each of waiting) {
      each.flushed?.();
      each.flushed = undefined;
    }
  }

  connect();
  return {
    send(line, flushed) {
      const bytes = Buffer.byteLength(line) + 1;
      if (bytes > lineBytesMax) {
        dropped += 1;
        flushed?.();
        return;
      }
      waiting.push({ line, bytes, flushed });
      waitingBytes += bytes;
      while (waiting.length > linesMax || waitingBytes > bytesMax) {
        const oldest = waiting.shift();
        waitingBytes -= oldest?.bytes ?? 0;
        oldest?.flushed?.();
        dropped += 1;
      }
      drain();
      if (!connected && !starting) release();
    },
    close(done) {
      closed = true;
      if (!connected || socket === undefined) {
        done();
        return;
      }
      socket.on("close", done);
      socket.end();
      setTimeout(done, 1_000);
    },
  };
}

export type ConnectionModule = { readonly openConnection: typeof openConnection };
module.exports = { openConnection } satisfies ConnectionModule;
