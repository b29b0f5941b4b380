// Server-sent events: what changed, at most ten times a second, so that a page fetches only what it shows. The last 1,000
// are kept for clients that come back with Last-Event-ID; one that was away longer is told to reset.
import type { ChangeEvent } from "@prunella/contract";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import { time } from "../translate/index.ts";
import { closed, optional } from "./shared.ts";

/** Changes are folded for this long, ms; kept for resuming; clients at once; names in one event before it says "status" only. */
const foldMs = 100;
export const ringMax = 1_000;
export const clientsMax = 64;
const namesMax = 200;
/** A comment this often keeps proxies from closing the line, ms. */
const keepAliveMs = 15_000;
/** Bytes that may wait for a slow client; above it the client is dropped and comes back by itself. */
const waitingBytesMax = 256_000;

export function eventRoutes(app: App, options: ServerOptions): void {
  const { engine, clock } = options;
  const ring: { readonly id: number; readonly text: string }[] = [];
  /** With what says whether each may still listen: its token may have ended meanwhile. */
  const clients = new Map<FastifyReply["raw"], () => boolean>();
  const targets = new Set<string>();
  // Ids rise across restarts, so that an old Last-Event-ID is never taken for a new one.
  let lastId = clock.now() * 1_000;
  const firstId = lastId;
  let timer: NodeJS.Timeout | null = null;

  function fold(): void {
    timer = null;
    const { issues, repairs } = openOn(targets);
    const event: ChangeEvent = {
      id: (lastId += 1),
      at: time(clock.now()),
      targets: [...targets].slice(0, namesMax),
      issues: issues.slice(0, namesMax),
      repairs: repairs.slice(0, namesMax),
      status: true,
    };
    targets.clear();
    const text = `id: ${event.id}\nevent: change\ndata: ${JSON.stringify(event)}\n\n`;
    ring.push({ id: event.id, text });
    if (ring.length > ringMax) ring.shift();
    for (const client of clients.keys()) send(client, text);
  }

  function openOn(keys: ReadonlySet<string>): { issues: string[]; repairs: string[] } {
    const { world } = engine;
    return {
      issues: [...world.incidents.values()].filter((each) => keys.has(each.target)).map((each) => each.issue),
      repairs: [...world.repairs.values()]
        .filter((each) => keys.has(each.target) && each.state.name !== "ended")
        .map((each) => each.id),
    };
  }

  function send(client: FastifyReply["raw"], text: string): void {
    if (client.writableLength > waitingBytesMax) {
      clients.delete(client);
      client.destroy();
      return;
    }
    client.write(text);
  }

  const stopListening = engine.listen((change) => {
    for (const key of change.targets) if (targets.size < namesMax) targets.add(key);
    timer ??= setTimeout(fold, foldMs);
  });
  const keepAlive = setInterval(() => {
    for (const [client, mayStay] of clients) {
      if (mayStay()) send(client, ": still here\n\n");
      else client.end();
    }
  }, keepAliveMs);
  keepAlive.unref();
  app.addHook("preClose", async () => {
    stopListening();
    clearInterval(keepAlive);
    if (timer !== null) clearTimeout(timer);
    for (const client of clients.keys()) client.end();
    clients.clear();
  });

  app.get(
    "/events",
    {
      schema: {
        tags: ["status"],
        summary: "Server-sent events: what changed",
        querystring: closed({ lastEventId: optional(Type.Integer({ minimum: 0 })) }),
      },
    },
    async (request, reply) => {
      if (clients.size >= clientsMax)
        throw new RequestError(503, `${clientsMax} clients are listening already; close one, or poll /api/v1/status`, {
          retryAfterS: 30,
        });
      const since = resumeFrom(request.headers["last-event-id"]) ?? request.query.lastEventId ?? null;
      reply.hijack();
      const client = reply.raw;
      client.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        connection: "keep-alive",
      });
      client.write("retry: 2000\n\n");
      if (since !== null) {
        const isHeld = since <= lastId && since >= (ring[0]?.id ?? lastId + 1) - 1 && since >= firstId;
        if (isHeld) for (const event of ring) if (event.id > since) client.write(event.text);
        if (!isHeld) client.write(`id: ${lastId}\nevent: reset\ndata: {"at":"${time(clock.now())}"}\n\n`);
      }
      clients.set(client, () => app.identify(request) !== null);
      client.on("close", () => clients.delete(client));
      client.on("error", () => clients.delete(client));
    },
  );
}

function resumeFrom(header: string | string[] | undefined): number | null {
  return typeof header === "string" && /^\d{1,16}$/.test(header) ? Number(header) : null;
}
