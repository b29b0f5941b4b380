// The output of targets: its newest lines that fit, the same as a stream, and the templates that were mined from it.
import { LogLine, LogTemplate } from "@prunella/contract";
import { NotFoundError, type TargetSpec } from "@prunella/core";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { LogLine as Line, ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import { time } from "../translate/index.ts";
import { fromAgent } from "./from-agent.ts";
import { answers, closed, optional, text } from "./shared.ts";

export const logLinesMax = 5_000;
/** Streams of lines open at once. */
export const streamsMax = 32;
/** Bytes that may wait for a slow reader; above it the stream is ended, and the reader comes back by itself. */
const waitingBytesMax = 256_000;
const keepAliveMs = 15_000;
const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

const params = closed({ key: text(200) });
const filter = {
  containing: optional(text(200)),
  /** The older name of `containing`. */
  contains: optional(text(200)),
  level: optional(Type.Union(levels.map((level) => Type.Literal(level)))),
  template: optional(text(100)),
};
interface Filter {
  readonly containing?: string | undefined;
  readonly contains?: string | undefined;
  readonly level?: (typeof levels)[number] | undefined;
  readonly template?: string | undefined;
}

/** What a line of level "error" or worse says somewhere (pino's levels are numbers); others are not even fetched. */
const errorWords =
  '"level":5,"level":6,err,fatal,crit,panic,severe,exception,fail,refused,denied,timeout,timed out,cannot,unable,unhandled,uncaught,abort,crash,reject'.split(
    ",",
  );

export function logRoutes(app: App, options: ServerOptions): void {
  const { engine, agent, clock } = options;
  /** With what says whether each may still listen: its token may have ended meanwhile. */
  const clients = new Map<FastifyReply["raw"], () => boolean>();

  function serviceOf(key: string): TargetSpec {
    const spec = engine.world.targets.get(key);
    if (spec === undefined) throw new NotFoundError("target", key);
    if (spec.kind !== "service")
      throw new RequestError(409, `${key} is not run by Prunella, so its output is not kept`);
    return spec;
  }

  function levelOf(key: string, line: string): string | null {
    return engine.learned?.line(key, line).level ?? null;
  }

  /** Throws when the template is not known (any more). */
  function fits(key: string, query: Filter): (line: string) => boolean {
    const least = query.level === undefined ? -1 : levels.indexOf(query.level);
    const wanted = query.containing ?? query.contains ?? null;
    const pattern = query.template === undefined ? null : patternOf(templateOf(key, query.template));
    return (line) =>
      (wanted === null || line.includes(wanted)) &&
      (least <= 0 || levels.indexOf((levelOf(key, line) ?? "info") as (typeof levels)[number]) >= least) &&
      (pattern === null || pattern.test(engine.learned?.line(key, line).message ?? line));
  }

  function templateOf(key: string, id: string): string {
    const template = engine.learned?.templateText(key, id) ?? null;
    if (template === null)
      throw new RequestError(404, `template: ${id} is not known of ${key}; see its log-templates`, {
        field: "template",
      });
    return template;
  }

  const json = (key: string, line: Line): LogLine => ({
    target: line.target,
    stream: line.stream,
    at: time(line.at),
    text: line.text,
    level: levelOf(key, line.text),
  });

  app.get(
    "/targets/:key/logs",
    {
      schema: {
        ...answers(
          "targets",
          "Newest lines of its output that fit, oldest first, back through rotated files (32 MB of each stream)",
          Type.Object({ items: Type.Array(LogLine), next: Type.Null() }),
        ),
        params,
        querystring: closed({ lines: optional(Type.Integer({ minimum: 1, maximum: logLinesMax })), ...filter }),
      },
    },
    async ({ params: { key }, query }) => {
      serviceOf(key);
      const wanted = query.lines ?? 100;
      const fit = fits(key, query);
      const word = query.template === undefined ? null : constantOf(templateOf(key, query.template));
      const containing = query.containing ?? query.contains ?? word;
      const anyOf = query.level === "error" || query.level === "fatal" ? errorWords : null;
      // What the agent cannot judge is fetched in plenty and judged here.
      const judged = query.level !== undefined || query.template !== undefined;
      const lines = await fromAgent(agent.logs(key, judged ? logLinesMax : wanted, containing, anyOf));
      return {
        items: lines
          .filter((line) => fit(line.text))
          .slice(-wanted)
          .map((line) => json(key, line)),
        next: null,
      };
    },
  );
  app.get(
    "/targets/:key/log-templates",
    {
      schema: {
        ...answers(
          "targets",
          "What its output is made of: templates, the most frequent first",
          Type.Object({ items: Type.Array(LogTemplate), next: Type.Null() }),
        ),
        params,
        querystring: closed({ limit: optional(Type.Integer({ minimum: 1, maximum: 1_000 })) }),
      },
    },
    async ({ params: { key }, query }) => {
      serviceOf(key);
      const templates = engine.learned?.templates(key, clock.now()) ?? [];
      return {
        items: templates.slice(0, query.limit ?? 200).map((each): LogTemplate => ({
          ...each,
          firstSeen: time(each.firstSeen),
          lastSeen: time(each.lastSeen),
        })),
        next: null,
      };
    },
  );
  app.get(
    "/targets/:key/logs/stream",
    {
      schema: {
        tags: ["targets"],
        summary: "Server-sent events: lines of its output as they come (event `line`; `lost` when some were left out)",
        params,
        querystring: closed(filter),
      },
    },
    async (request, reply) => {
      const {
        params: { key },
        query,
      } = request;
      serviceOf(key);
      const fit = fits(key, query);
      const tail = agent.tail;
      if (tail === undefined) throw new RequestError(503, "no agent is connected; ask for /logs instead");
      if (clients.size >= streamsMax)
        throw new RequestError(503, `${streamsMax} streams of lines are open already; close one`, { retryAfterS: 30 });
      reply.hijack();
      const client = reply.raw;
      clients.set(client, () => app.identify(request) !== null);
      client.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        connection: "keep-alive",
      });
      client.write("retry: 2000\n\n");
      const send = (event: string, data: unknown): void => {
        if (client.writableLength > waitingBytesMax) client.destroy();
        else client.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      };
      const stop = tail(key, (lines, lost) => {
        for (const line of lines) if (fit(line.text)) send("line", json(key, line));
        if (lost > 0) send("lost", { at: time(clock.now()), count: lost });
      });
      const done = (): void => {
        stop();
        clients.delete(client);
      };
      client.on("close", done);
      client.on("error", done);
    },
  );

  const keepAlive = setInterval(() => {
    for (const [client, mayStay] of clients) {
      if (mayStay()) client.write(": still here\n\n");
      else client.end();
    }
  }, keepAliveMs);
  keepAlive.unref();
  app.addHook("preClose", async () => {
    clearInterval(keepAlive);
    for (const client of clients.keys()) client.end();
    clients.clear();
  });
}

/** The longest stretch of a template that does not vary: what its lines surely hold. */
function constantOf(template: string): string | null {
  const parts = template.split(/<\*>|\s+/).filter((part) => part.length >= 3);
  return parts.sort((a, b) => b.length - a.length)[0] ?? null;
}

/** What a message of the template looks like. */
function patternOf(template: string): RegExp {
  const parts = template.split("<*>").map((part) =>
    part
      .trim()
      .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
      .replaceAll(/\s+/g, "\\s+"),
  );
  return new RegExp(`^\\s*${parts.join("\\s*.*?\\s*")}\\s*$`, "s");
}
