// Faults between a target and those who call it: a TCP proxy with Toxiproxy's toxics, HTTP answers that are errors, a
// dependency that is gone, and a flood of requests. Callers reach the target through the proxy's address while it lasts.
import { createServer, request as httpRequest } from "node:http";
import { proxy } from "../proxy/proxy.ts";
import { toxicTypes } from "../proxy/toxics.ts";
import type { Json } from "@prunella/core";
import { InjectionRefused, number, word, type InjectContext, type Injector } from "./injector.ts";
import { textOf } from "../experiment/text.ts";

const abortsWhen = "another target that was healthy turns bad";

/** Requests of a flood under way at once; one that is due beyond that is left out and told. */
const floodOpenMax = 2_000;
const floodTickMs = 50;

/** The address that the configuration gives the target; with several, the one that was named. */
function upstreamOf(context: InjectContext): string {
  const named = context.arguments["upstream"];
  if (context.addresses.length === 0)
    throw new InjectionRefused(
      `no address of ${context.target.key} is configured; give it a check, ports: or address:`,
    );
  const found = named === undefined ? context.addresses[0] : context.addresses.find((each) => each === named);
  if (found === undefined)
    throw new InjectionRefused(
      `upstream: ${textOf(named)} is no address of ${context.target.key}; it has ${context.addresses.join(", ")}`,
    );
  return found;
}

function listenOf(context: InjectContext): string {
  const given = context.arguments["listen"];
  return typeof given === "string" && given !== "" ? given : "127.0.0.1:0";
}

const proxied = {
  listen: 'where callers connect instead (default "127.0.0.1:0", any free port)',
  upstream: "address of the target, when it has several",
};

export const tcp: Injector = {
  kind: "tcp",
  what: "a proxy before the target with one of Toxiproxy's toxics",
  takes: {
    ...proxied,
    toxic: `${toxicTypes.join(", ")} (default latency)`,
    attributes: "of the toxic, as Toxiproxy has them, such as { latency: 300, jitter: 100 } in ms",
    stream: "downstream (default) or upstream",
    toxicity: "share of the connections, 0 to 1 (default 1)",
  },
  blastRadius: "callers that use the proxy's address; nobody else",
  abortsWhen,
  undoes: "the proxy is closed",
  async inject(context) {
    const toxic = word(context, "toxic", "latency", toxicTypes);
    const made = await proxy({ name: context.target.key, listen: listenOf(context), upstream: upstreamOf(context) });
    try {
      made.add({
        type: toxic,
        stream: context.arguments["stream"] ?? "downstream",
        toxicity: number(context, "toxicity", 1, 0, 1),
        attributes: context.arguments["attributes"] ?? (toxic === "latency" ? { latency: 300 } : {}),
      });
    } catch (error) {
      await made.close();
      throw error;
    }
    return {
      summary: `${toxic} on ${made.listen} before ${made.upstream}`,
      detail: { listen: made.listen, upstream: made.upstream },
      undo: async () => (await made.close(), `closed the proxy on ${made.listen}`),
    };
  },
};

export const down: Injector = {
  kind: "down",
  what: "a proxy before the target that refuses connections, as a dependency that is gone does",
  takes: proxied,
  blastRadius: "callers that use the proxy's address; nobody else",
  abortsWhen,
  undoes: "the proxy lets them through until it is closed a moment later",
  async inject(context) {
    const made = await proxy({ name: context.target.key, listen: listenOf(context), upstream: upstreamOf(context) });
    await made.setEnabled(false);
    return {
      summary: `${made.listen} before ${made.upstream} refuses connections`,
      detail: { listen: made.listen, upstream: made.upstream },
      undo: async () => (await made.close(), `closed the proxy on ${made.listen}`),
    };
  },
};

export const httpErrors: Injector = {
  kind: "http-errors",
  what: "an HTTP proxy before the target that answers a share of the requests with an error",
  takes: { ...proxied, status: "400 to 599 (default 503)", share: "of the requests, 0 to 1 (default 1)" },
  blastRadius: "callers that use the proxy's address; nobody else",
  abortsWhen,
  undoes: "the proxy is closed",
  async inject(context) {
    const upstream = new URL(`http://${upstreamOf(context)}`);
    const status = number(context, "status", 503, 400, 599);
    const share = number(context, "share", 1, 0, 1);
    const [, host = "127.0.0.1", port = "0"] = /^(.*):(\d+)$/.exec(listenOf(context)) ?? [];
    const server = createServer((incoming, answer) => {
      if (Math.random() < share) {
        incoming.resume();
        answer.writeHead(status, { "content-type": "text/plain" }).end("an error made by a drill\n");
        return;
      }
      const passed = httpRequest(
        {
          host: upstream.hostname,
          port: upstream.port,
          method: incoming.method,
          path: incoming.url,
          headers: incoming.headers,
        },
        (response) => {
          answer.writeHead(response.statusCode ?? 502, response.headers);
          response.pipe(answer);
        },
      );
      passed.on("error", () => answer.headersSent || answer.writeHead(502).end());
      incoming.pipe(passed);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(Number(port), host, () => resolve());
    });
    const bound = server.address();
    const listen = `${host}:${typeof bound === "object" && bound !== null ? bound.port : port}`;
    return {
      summary: `${Math.round(share * 100)} % of the requests to ${listen} are answered with ${status}`,
      detail: { listen, upstream: upstream.host },
      async undo() {
        server.closeAllConnections();
        await new Promise<void>((resolve) => server.close(() => resolve()));
        return `closed the proxy on ${listen}`;
      },
    };
  },
};

export const flood: Injector = {
  kind: "flood",
  what: "a flood of HTTP requests that fill the target's queue",
  takes: {
    path: 'path and query (default "/")',
    method: "GET (default) or POST",
    rate: "requests a second (default 100; 1 to 10,000)",
    body: "of each POST",
    upstream: proxied.upstream,
  },
  blastRadius: "the target, and what it needs to answer",
  abortsWhen,
  undoes: "the flood stops; requests in flight are dropped",
  async inject(context) {
    const address = upstreamOf(context);
    const rate = number(context, "rate", 100, 1, 10_000);
    const method = word(context, "method", "GET", ["GET", "POST"]);
    const given: Json = context.arguments["path"] ?? "/";
    const url = new URL(typeof given === "string" && given.startsWith("/") ? given : "/", `http://${address}`);
    const stop = new AbortController();
    const { body } = context.arguments;
    let [sent, open, leftOut] = [0, 0, 0];
    const since = performance.now();
    const timer = setInterval(() => {
      const due = Math.floor(((performance.now() - since) * rate) / 1_000) - sent - leftOut;
      for (let n = 0; n < due; n += 1) {
        if (open >= floodOpenMax) {
          leftOut += 1;
          continue;
        }
        sent += 1;
        open += 1;
        fetch(url, {
          method,
          ...(method === "POST" && typeof body === "string" ? { body } : {}),
          signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]),
        })
          .then((response) => response.body?.cancel())
          .catch(() => undefined)
          .finally(() => (open -= 1));
      }
    }, floodTickMs);
    return {
      summary: `${rate} requests a second to ${url.href}`,
      detail: { url: url.href },
      async undo() {
        clearInterval(timer);
        stop.abort();
        return `${sent} requests were sent${leftOut === 0 ? "" : `, ${leftOut} left out: ${floodOpenMax} were under way`}`;
      },
    };
  },
};
