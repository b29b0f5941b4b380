// Counts what the process's HTTP servers answer, per route, through the diagnostics channels that Node publishes on for
// every request. Costs well under a microsecond a request; bounded: 100 routes an interval, 1,000 remembered URLs.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HistogramModule } from "./histogram.cts";
import type { ChannelsModule } from "./channels.cts";
import type { RouteStats, Stats } from "./wire.ts";

const { performance } = require("node:perf_hooks") as typeof import("node:perf_hooks");
const part = (name: string): unknown => require(`./${name}.cjs`);
const { latencyBuckets, bucketOf, countsOf } = part("histogram") as HistogramModule;
const { subscribe } = part("channels") as ChannelsModule;

const routesMax = 100;
/** Routes kept from one interval to the next; above, the table starts anew so that dead routes do not fill it. */
const routesKept = 50;
const urlsMax = 1_000;
/** Connections looked after for requests in flight and aborted; what is answered on the others counts all the same. */
const connectionsMax = 10_000;
/** Requests that one connection may have sent ahead; those beyond are not counted. */
const pipelinedMax = 100;

interface Connection {
  readonly socket: Socket;
  /** The request that is being answered. */
  response: ServerResponse | undefined;
  startedAt: number;
  readonly pipelined: { readonly response: ServerResponse; readonly startedAt: number }[];
}

interface Route {
  readonly method: string;
  readonly route: string;
  count: number;
  errors: number;
  clientErrors: number;
  aborted: number;
  readonly latency: Uint32Array;
}

/** What frameworks add to a request. */
interface Routed extends IncomingMessage {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly route?: { readonly path?: unknown };
}

interface HttpServerWatch {
  /** Counts since the last call. */
  collect(): Stats["http"];
  stop(): void;
}

function watchHttpServer(): HttpServerWatch {
  const now = performance.now.bind(performance);
  // Per connection, not per request: looking a connection up costs a tenth of adding and removing a request.
  const ofSocket = new WeakMap<object, Connection>();
  const connections = new Set<Connection>();
  let routes = new Map<string, Route>();
  let byUrl = new Map<string, Route>();
  let other: Route | undefined;

  const stopStart = subscribe("http.server.request.start", (message) => {
    const { response, socket } = message as { response: ServerResponse; socket: Socket };
    let connection = ofSocket.get(socket);
    if (connection === undefined) {
      connection = { socket, response: undefined, startedAt: 0, pipelined: [] };
      ofSocket.set(socket, connection);
      if (connections.size < connectionsMax) connections.add(connection);
    }
    if (connection.response === undefined) {
      connection.response = response;
      connection.startedAt = now();
    } else if (connection.pipelined.length < pipelinedMax) connection.pipelined.push({ response, startedAt: now() });
  });
  const stopFinish = subscribe("http.server.response.finish", (message) => {
    const { response, socket } = message as { response: ServerResponse; socket: Socket };
    const connection = ofSocket.get(socket);
    if (connection?.response !== response) return;
    const { startedAt } = connection;
    advance(connection);
    const status = response.statusCode;
    const route = routeOf(response, status);
    route.count += 1;
    if (status >= 500) route.errors += 1;
    else if (status >= 400) route.clientErrors += 1;
    const bucket = bucketOf(now() - startedAt);
    route.latency[bucket] = (route.latency[bucket] ?? 0) + 1;
    if (!response.shouldKeepAlive) connections.delete(connection);
  });

  function advance(connection: Connection): void {
    const next = connection.pipelined.length === 0 ? undefined : connection.pipelined.shift();
    connection.response = next?.response;
    connection.startedAt = next?.startedAt ?? 0;
  }

  function routeOf(response: ServerResponse, status: number): Route {
    const request = response.req as Routed;
    const method = request.method ?? "GET";
    const url = request.originalUrl ?? request.url ?? "/";
    const pattern = request.route?.path;
    // The usual request: GET of a URL seen before. Other methods have their own keys.
    const key = method === "GET" ? url : `${method} ${url}`;
    const known = byUrl.get(key);
    if (known !== undefined) return known;
    const name = typeof pattern === "string" ? `${request.baseUrl ?? ""}${pattern}` : routeName(url);
    const id = `${method} ${name}`;
    let route = routes.get(id);
    if (route === undefined) {
      // A scan for pages that do not exist must not push the real routes out.
      if (status === 404 || routes.size >= routesMax - 1) return (other ??= newRoute("*", "other"));
      route = newRoute(method, name);
      routes.set(id, route);
    }
    if (byUrl.size < urlsMax && url.length <= 256) byUrl.set(key, route);
    return route;
  }

  return {
    collect() {
      let inFlight = 0;
      let oldestAt = now();
      for (const connection of connections) {
        if (connection.socket.destroyed) connections.delete(connection);
        // The connection closed, or the application gave the response up, before it was out.
        while (connection.response?.destroyed === true) {
          routeOf(connection.response, connection.response.statusCode).aborted += 1;
          advance(connection);
        }
        if (connection.response === undefined) continue;
        inFlight += 1 + connection.pipelined.length;
        oldestAt = Math.min(oldestAt, connection.startedAt);
      }
      const seen = [...routes.values(), ...(other === undefined ? [] : [other])].filter(
        (route) => route.count + route.aborted > 0,
      );
      const reported = seen.map(report);
      other = undefined;
      for (const route of seen) reset(route);
      if (routes.size > routesKept || byUrl.size >= urlsMax) {
        routes = new Map();
        byUrl = new Map();
      }
      return { inFlight, oldestMs: Math.round(now() - oldestAt), routes: reported };
    },
    stop() {
      stopStart();
      stopFinish();
      connections.clear();
    },
  };
}

function newRoute(method: string, route: string): Route {
  return { method, route, count: 0, errors: 0, clientErrors: 0, aborted: 0, latency: new Uint32Array(latencyBuckets) };
}

function reset(route: Route): void {
  route.count = 0;
  route.errors = 0;
  route.clientErrors = 0;
  route.aborted = 0;
  route.latency.fill(0);
}

function report(route: Route): RouteStats {
  return { ...route, latency: { counts: countsOf(route.latency) } };
}

/** A URL's path with what looks like an id (numbers, UUIDs, long hexadecimal or mixed tokens) replaced by ":id". */
function routeName(url: string): string {
  const end = url.search(/[?#]/);
  const path = (end === -1 ? url : url.slice(0, end)).slice(0, 256);
  return path
    .split("/")
    .slice(0, 12)
    .map((segment) => (looksLikeId(segment) ? ":id" : segment))
    .join("/");
}

function looksLikeId(segment: string): boolean {
  if (!/\d/.test(segment)) return segment.length > 48;
  return (
    /^\d+$/.test(segment) || /^[0-9a-f-]{8,}$/i.test(segment) || (segment.length >= 16 && /^[\w~=.%-]+$/.test(segment))
  );
}

export type HttpServerModule = {
  readonly watchHttpServer: typeof watchHttpServer;
  readonly routeName: typeof routeName;
};
module.exports = { watchHttpServer, routeName } satisfies HttpServerModule;
