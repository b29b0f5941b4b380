// Toxiproxy's HTTP API over proxies in this process, so that its clients and Chaos Toolkit's http provider can drive them.
// Listens on the loopback address only. Upstreams may be restricted: a fault then cannot reach what nobody named.
import { InvalidInputError } from "@prunella/core";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { proxy, type Proxy } from "./proxy.ts";
import type { Toxic } from "./toxics.ts";

export const proxiesMax = 100;
export const toxicsMax = 100;
const bodyMax = 100_000;

export interface ToxiproxyOptions {
  /** Default 127.0.0.1; port 0 (default): any free one. */
  readonly port?: number;
  /** Addresses that proxies may lead to; null (default): any. */
  readonly upstreams?: readonly string[] | null;
  readonly random?: () => number;
}

export interface Toxiproxy {
  readonly url: string;
  readonly proxies: ReadonlyMap<string, Proxy>;
  create(given: { readonly name: string; readonly listen?: string; readonly upstream: string }): Promise<Proxy>;
  close(): Promise<void>;
}

export async function toxiproxy(options: ToxiproxyOptions = {}): Promise<Toxiproxy> {
  const proxies = new Map<string, Proxy>();
  const allowed = options.upstreams ?? null;

  async function create(given: {
    readonly name: string;
    readonly listen?: string;
    readonly upstream: string;
    readonly enabled?: boolean;
  }): Promise<Proxy> {
    if (proxies.has(given.name)) throw new Refusal(409, "proxy already exists");
    if (proxies.size >= proxiesMax) throw new Refusal(429, `more than ${proxiesMax} proxies`);
    if (allowed !== null && !allowed.includes(given.upstream))
      throw new Refusal(
        403,
        `upstream ${given.upstream} is not named in the configuration; allowed: ${allowed.join(", ")}`,
      );
    const made = await proxy({
      name: given.name,
      listen: given.listen === undefined || given.listen === "" ? "127.0.0.1:0" : given.listen,
      upstream: given.upstream,
      ...(options.random === undefined ? {} : { random: options.random }),
    });
    if (given.enabled === false) await made.setEnabled(false);
    proxies.set(given.name, made);
    return made;
  }

  async function answer(request: IncomingMessage): Promise<readonly [status: number, body: unknown]> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const path = url.pathname
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    const method = request.method === "PATCH" ? "POST" : (request.method ?? "GET");
    const body = method === "POST" ? await read(request) : {};
    const route = `${method} ${path[0] ?? ""}${path.length > 1 ? "/:p" : ""}${path.length > 2 ? `/${path[2] ?? ""}` : ""}${path.length > 3 ? "/:t" : ""}`;
    const named = (): Proxy => proxies.get(path[1] ?? "") ?? refuse(404, "proxy not found");
    switch (route) {
      case "GET version":
        return [200, { version: "2.9.0-prunella" }];
      case "GET metrics":
        return [200, metrics(proxies)];
      case "GET proxies":
        return [200, Object.fromEntries([...proxies].map(([name, each]) => [name, proxyJson(each)]))];
      case "POST proxies":
        return [201, proxyJson(await create(readProxy(body)))];
      case "POST populate": {
        const made: Proxy[] = [];
        for (const each of Array.isArray(body)
          ? (body as unknown[])
          : refuse(400, "bad request body: expected a list")) {
          const given = readProxy(each);
          await proxies.get(given.name)?.close();
          proxies.delete(given.name);
          made.push(await create(given));
        }
        return [201, { proxies: made.map(proxyJson) }];
      }
      case "POST reset":
        for (const each of proxies.values()) await each.reset();
        return [204, null];
      case "GET proxies/:p":
        return [200, proxyJson(named())];
      case "POST proxies/:p": {
        const { enabled, upstream } = body as { enabled?: unknown; upstream?: unknown };
        const found = named();
        if (typeof upstream === "string" && upstream !== found.upstream) {
          if (allowed !== null && !allowed.includes(upstream))
            refuse(403, `upstream ${upstream} is not named in the configuration`);
          found.setUpstream(upstream);
        }
        if (typeof enabled === "boolean") await found.setEnabled(enabled);
        return [200, proxyJson(found)];
      }
      case "DELETE proxies/:p":
        await named().close();
        proxies.delete(path[1] ?? "");
        return [204, null];
      case "GET proxies/:p/toxics":
        return [200, named().toxics];
      case "POST proxies/:p/toxics": {
        const found = named();
        if (found.toxics.length >= toxicsMax) refuse(429, `more than ${toxicsMax} toxics`);
        const { name } = body as { name?: unknown };
        const { type, stream } = body as Partial<Toxic>;
        const own = typeof name === "string" ? name : `${String(type)}_${stream ?? "downstream"}`;
        if (found.toxics.some((toxic) => toxic.name === own)) refuse(409, "toxic already exists");
        return [200, found.add(body)];
      }
      case "GET proxies/:p/toxics/:t":
        return [200, named().toxics.find((toxic) => toxic.name === path[3]) ?? refuse(404, "toxic not found")];
      case "POST proxies/:p/toxics/:t":
        return [200, named().change(path[3] ?? "", body) ?? refuse(404, "toxic not found")];
      case "DELETE proxies/:p/toxics/:t":
        return named().remove(path[3] ?? "") ? [204, null] : refuse(404, "toxic not found");
      default:
        return refuse(404, `nothing answers ${method} ${url.pathname}`);
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      ([status, body]) => send(response, status, body),
      (error: unknown) => {
        const status =
          error instanceof Refusal
            ? error.status
            : error instanceof InvalidInputError || error instanceof TypeError
              ? 400
              : 500;
        send(response, status, { error: error instanceof Error ? error.message : String(error), status });
      },
    );
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", () => resolve());
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    proxies,
    create,
    async close() {
      for (const each of proxies.values()) await each.close();
      proxies.clear();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
function refuse(status: number, message: string): never {
  throw new Refusal(status, message);
}

function readProxy(value: unknown): { name: string; listen: string; upstream: string; enabled?: boolean } {
  const { name, listen, upstream, enabled } = (value ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || !/^[\w.-]{1,100}$/.test(name)) refuse(400, "missing required field: name");
  if (typeof upstream !== "string") refuse(400, "missing required field: upstream");
  return {
    name: String(name),
    listen: typeof listen === "string" ? listen : "",
    upstream: String(upstream),
    ...(typeof enabled === "boolean" ? { enabled } : {}),
  };
}

function proxyJson(of: Proxy): Record<string, unknown> {
  return { name: of.name, listen: of.listen, upstream: of.upstream, enabled: of.enabled, toxics: of.toxics };
}

function metrics(proxies: ReadonlyMap<string, Proxy>): string {
  const lines = [
    "# HELP toxiproxy_proxy_sent_bytes_total Bytes given on, by direction.",
    "# TYPE toxiproxy_proxy_sent_bytes_total counter",
  ];
  for (const each of proxies.values())
    for (const direction of ["upstream", "downstream"] as const)
      lines.push(
        `toxiproxy_proxy_sent_bytes_total{direction="${direction}",proxy="${each.name}",listener="${each.listen}",upstream="${each.upstream}"} ${each.bytes[direction]}`,
      );
  return `${lines.join("\n")}\n`;
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length > bodyMax) refuse(413, "the body is too large");
  }
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return refuse(400, "bad request body: not JSON");
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const isText = typeof body === "string";
  response.writeHead(status, {
    "content-type": isText ? "text/plain; version=0.0.4; charset=utf-8" : "application/json",
  });
  response.end(body === null ? undefined : isText ? body : JSON.stringify(body));
}
