// Counts what the process asks of others, per host and port: HTTP calls through the diagnostics channels (node:http and
// undici, thus fetch), every other connection by looking at the arguments of `net.Socket.prototype.connect`: the channel
// that Node has for sockets misses `new net.Socket().connect()`, which database drivers use. Bounded: 50 destinations.
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { HistogramModule } from "./histogram.cts";
import type { ChannelsModule } from "./channels.cts";
import type { OutgoingStats } from "./wire.ts";

const { performance } = require("node:perf_hooks") as typeof import("node:perf_hooks");
const { errorMonitor } = require("node:events") as typeof import("node:events");
const net = require("node:net") as typeof import("node:net");
const part = (name: string): unknown => require(`./${name}.cjs`);
const { latencyBuckets, bucketOf, countsOf } = part("histogram") as HistogramModule;
const { guarded, subscribe } = part("channels") as ChannelsModule;

const destinationsMax = 50;
const originsMax = 200;

interface Destination {
  readonly host: string;
  readonly port: number;
  count: number;
  errors: number;
  lastError: string | null;
  connects: number;
  connecting: number;
  readonly latency: Uint32Array;
}

interface UndiciRequest {
  readonly origin?: string | URL;
}

interface OutgoingWatch {
  /** Counts since the last call. */
  collect(): OutgoingStats[];
  stop(): void;
}

function watchOutgoing(): OutgoingWatch {
  const now = performance.now.bind(performance);
  const destinations = new Map<string, Destination>();
  const origins = new Map<string, { host: string; port: number }>();
  const ofSocket = new WeakMap<object, Destination>();
  const startedAt = new WeakMap<object, number>();
  // One failure passes several observers (socket, then request) as the same object.
  const seenErrors = new WeakSet<object>();

  function destination(host: string, port: number): Destination {
    const key = `${host}:${port}`;
    let found = destinations.get(key);
    if (found === undefined) {
      if (destinations.size >= destinationsMax && key !== "other:0") return destination("other", 0);
      found = newDestination(host, port);
      destinations.set(key, found);
    }
    return found;
  }

  function failed(where: Destination, error: unknown): void {
    if (typeof error === "object" && error !== null) {
      if (seenErrors.has(error)) return;
      seenErrors.add(error);
    }
    where.count += 1;
    where.errors += 1;
    where.lastError = explain(error);
  }

  function answered(where: Destination, request: object, status: number): void {
    const began = startedAt.get(request);
    startedAt.delete(request);
    where.count += 1;
    if (status >= 500) {
      where.errors += 1;
      where.lastError = `HTTP ${status}`;
    }
    if (began === undefined) return;
    const bucket = bucketOf(now() - began);
    where.latency[bucket] = (where.latency[bucket] ?? 0) + 1;
  }

  function connectionBegan(socket: Socket, host: string, port: number): void {
    const where = destination(host, port);
    ofSocket.set(socket, where);
    where.connecting += 1;
    let connecting = true;
    const connected = guarded(() => {
      if (!connecting) return;
      connecting = false;
      where.connecting -= 1;
      where.connects += 1;
    });
    socket.once("connect", connected);
    const emitter: NodeJS.EventEmitter = socket;
    emitter.once(
      errorMonitor,
      guarded((error: unknown) => failed(where, error)),
    );
    socket.once(
      "close",
      guarded((hadError: unknown) => {
        if (!connecting) return;
        connecting = false;
        where.connecting -= 1;
        socket.removeListener("connect", connected);
        if (hadError !== true) failed(where, "closed before it was connected");
      }),
    );
  }

  const stopConnect = wrapConnect((socket, args) => {
    const { host, port } = connectTarget(args);
    connectionBegan(socket, host, port);
  });

  function ofRequest(request: ClientRequest, error?: { address?: unknown; port?: unknown }): Destination {
    const known = request.socket === null ? undefined : ofSocket.get(request.socket);
    if (known !== undefined) return known;
    if (typeof error?.address === "string" && typeof error.port === "number")
      return destination(request.host, error.port);
    return destination(request.host, request.protocol === "https:" ? 443 : 80);
  }

  const stops = [
    subscribe("http.client.request.start", (message) => {
      const { request } = message as { request: ClientRequest };
      startedAt.set(request, now());
      // errorMonitor sees the error and leaves it unhandled if it was.
      request.once(
        errorMonitor,
        guarded((error: unknown) => failed(ofRequest(request, error as { address?: unknown; port?: unknown }), error)),
      );
    }),
    subscribe("http.client.response.finish", (message) => {
      const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
      answered(ofRequest(request), request, response.statusCode ?? 0);
    }),
    subscribe("undici:request:create", (message) => {
      startedAt.set((message as { request: object }).request, now());
    }),
    subscribe("undici:request:headers", (message) => {
      const { request, response } = message as { request: UndiciRequest; response: { statusCode: number } };
      answered(ofOrigin(request), request, response.statusCode);
    }),
    subscribe("undici:request:error", (message) => {
      const { request, error } = message as { request: UndiciRequest; error: unknown };
      failed(ofOrigin(request), error);
    }),
  ];

  function ofOrigin(request: UndiciRequest): Destination {
    const origin = String(request.origin);
    let target = origins.get(origin);
    if (target === undefined) {
      const url = new URL(origin);
      const defaultPort = url.protocol === "https:" ? 443 : 80;
      target = { host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? defaultPort : Number(url.port) };
      if (origins.size >= originsMax) origins.clear();
      origins.set(origin, target);
    }
    return destination(target.host, target.port);
  }

  return {
    collect() {
      const result: OutgoingStats[] = [];
      for (const [key, each] of destinations) {
        const silent = each.count === 0 && each.connects === 0 && each.connecting === 0;
        if (silent) {
          destinations.delete(key);
          continue;
        }
        result.push({ ...each, latency: { counts: countsOf(each.latency) } });
        each.count = 0;
        each.errors = 0;
        each.lastError = null;
        each.connects = 0;
        each.latency.fill(0);
      }
      return result;
    },
    stop() {
      stopConnect();
      for (const stop of stops) stop();
    },
  };
}

function newDestination(host: string, port: number): Destination {
  return {
    host,
    port,
    count: 0,
    errors: 0,
    lastError: null,
    connects: 0,
    connecting: 0,
    latency: new Uint32Array(latencyBuckets),
  };
}

/** Shows each call's arguments to `look`, then lets it through unchanged. Undone by what is returned. */
function wrapConnect(look: (socket: Socket, args: readonly unknown[]) => void): () => void {
  const prototype = net.Socket.prototype;
  const original = prototype.connect as (...args: unknown[]) => Socket;
  let on = true;
  const looking = guarded(look);
  const connect = function connect(this: Socket, ...args: unknown[]): Socket {
    if (on) looking(this, args);
    return Reflect.apply(original, this, args);
  };
  prototype.connect = connect as typeof prototype.connect;
  return () => {
    on = false;
    // Somebody else may have wrapped ours meanwhile; then it stays as a pass-through.
    if (prototype.connect === connect) prototype.connect = original as typeof prototype.connect;
  };
}

/** Host and port out of the arguments that `connect` accepts: (options), (port, host), (path), or Node's own array. */
function connectTarget(args: readonly unknown[]): { host: string; port: number } {
  const [first, second]: readonly unknown[] = Array.isArray(args[0]) ? args[0] : args;
  if (typeof first === "object" && first !== null) {
    const { host, port, path } = first as { host?: unknown; port?: unknown; path?: unknown };
    // Clients put a URL's path among the options; it is a socket only where there is no port.
    if (typeof path === "string" && port === undefined) return { host: path, port: 0 };
    return { host: typeof host === "string" ? host : "localhost", port: Number(port) };
  }
  const port = Number(first);
  if (Number.isInteger(port)) return { host: typeof second === "string" ? second : "localhost", port };
  return { host: String(first), port: 0 };
}

function explain(error: unknown): string {
  if (typeof error !== "object" || error === null) return String(error).slice(0, 300);
  const { code, message, errors } = error as { code?: unknown; message?: unknown; errors?: unknown };
  // With several addresses to try, Node throws an AggregateError without a message.
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  const said = message === "" && first instanceof Error ? first.message : message;
  const text = typeof said === "string" ? said : "";
  const prefix = typeof code === "string" && !text.includes(code) ? `${code}: ` : "";
  return `${prefix}${text}`.slice(0, 300);
}

export type OutgoingModule = { readonly watchOutgoing: typeof watchOutgoing };
module.exports = { watchOutgoing } satisfies OutgoingModule;
