// Targets: how each is, its metrics, its output and its guards; and what a person may order of it.
import { Target } from "@prunella/contract";
import { NotFoundError, type TargetSpec } from "@prunella/core";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import { targetJson, targetList, time } from "../translate/index.ts";
import { answers, closed, doneAnswer, optional, paging, periodOf, periodQuery, present, text, why } from "./shared.ts";

/** Minutes in one answer of a series at most; a longer period is refused. */
const seriesMinutesMax = 20_000;
export const logLinesMax = 5_000;
/** How long the agent may take to answer, ms. */
const agentMsMax = 10_000;

const params = closed({ key: text(200) });
const Point = Type.Object({
  metric: Type.String(),
  at: Type.String(),
  min: Type.Number(),
  mean: Type.Number(),
  max: Type.Number(),
  last: Type.Number(),
  count: Type.Integer(),
});
const Line = Type.Object({ target: Type.String(), stream: Type.String(), at: Type.String(), text: Type.String() });
const itemsOf = <T extends Parameters<typeof Type.Array>[0]>(of: T) =>
  Type.Object({ items: Type.Array(of), next: Type.Null() });

export function targetRoutes(app: App, options: ServerOptions): void {
  const { engine, store, clock, agent } = options;

  function specOf(key: string): TargetSpec {
    const spec = engine.world.targets.get(key);
    if (spec === undefined) throw new NotFoundError("target", key);
    return spec;
  }

  app.get(
    "/targets",
    {
      schema: {
        ...answers(
          "targets",
          "All targets, by name",
          Type.Object({ items: Type.Array(Target), next: Type.Union([Type.String(), Type.Null()]) }),
        ),
        querystring: closed({ ...paging, state: optional(text(20)), group: optional(text(128)) }),
      },
    },
    async ({ query }) => {
      const now = clock.now();
      const all = targetList(engine).filter((spec) => query.group === undefined || spec.group === query.group);
      const start =
        query.after === undefined ? 0 : all.findIndex((spec) => spec.key === fromCursor(query.after ?? "")) + 1;
      if (query.after !== undefined && start === 0)
        throw new RequestError(400, "after: is not a cursor of this list; pass on `next` of the page before", {
          field: "after",
        });
      const limit = query.limit ?? 500;
      const page = all.slice(start, start + limit);
      const last = page.at(-1);
      return {
        items: page
          .map((spec) => targetJson(engine, spec, now))
          .filter((target) => query.state === undefined || target.state === query.state),
        next: start + limit < all.length && last !== undefined ? toCursor(last.key) : null,
      };
    },
  );
  app.get("/targets/:key", { schema: { ...answers("targets", "One target", Target), params } }, async (request) =>
    targetJson(engine, specOf(request.params.key), clock.now()),
  );
  app.get(
    "/targets/:key/series",
    {
      schema: {
        ...answers("targets", "Minutes of its metrics", itemsOf(Point)),
        params,
        querystring: closed({ metric: optional(text(64)), ...periodQuery }),
      },
    },
    async ({ params: { key }, query }) => {
      specOf(key);
      const { from, to } = periodOf(query, clock.now(), 3_600_000);
      if ((to - from) / 60_000 > seriesMinutesMax)
        throw new RequestError(400, `from: the period is longer than ${seriesMinutesMax} minutes; ask for less`, {
          field: "from",
        });
      const points = await store.series(present({ target: key, metric: query.metric, from, to }));
      return { items: points.map(({ target: _target, at, ...point }) => ({ ...point, at: time(at) })), next: null };
    },
  );
  app.get(
    "/targets/:key/logs",
    {
      schema: {
        ...answers("targets", "Newest lines of its output, oldest first", itemsOf(Line)),
        params,
        querystring: closed({
          lines: optional(Type.Integer({ minimum: 1, maximum: logLinesMax })),
          contains: optional(text(200)),
        }),
      },
    },
    async ({ params: { key }, query }) => {
      const spec = specOf(key);
      if (spec.kind !== "service")
        throw new RequestError(409, `${key} is not run by Prunella, so its output is not kept`);
      const lines = await fromAgent(agent.logs(key, query.lines ?? 100, query.contains ?? null));
      return { items: lines.map((line) => ({ ...line, at: time(line.at) })), next: null };
    },
  );
  app.get(
    "/targets/:key/guards",
    { schema: { ...answers("targets", "The guards inside it, as last reported", itemsOf(Type.Unknown())), params } },
    async ({ params: { key } }) => {
      specOf(key);
      return { items: agent.guards(key), next: null };
    },
  );
  app.post(
    "/targets/:key/actions",
    {
      schema: {
        ...doneAnswer("targets", "Restart, start or stop it"),
        params,
        body: closed({
          action: Type.Union([Type.Literal("restart"), Type.Literal("start"), Type.Literal("stop")]),
          why,
        }),
      },
    },
    async (request) => {
      specOf(request.params.key);
      const { action, why: reason } = request.body;
      const by = actorOf(request);
      return engine.command({
        type: "act",
        by,
        target: request.params.key,
        action,
        why: reason ?? `asked for by ${by}`,
      });
    },
  );
}

/** The agent is another process: it may be away or slow, which is not the client's fault. */
async function fromAgent<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${agentMsMax / 1000} s`)), agentMsMax);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    throw new RequestError(
      503,
      `the agent does not answer (${error instanceof Error ? error.message : String(error)}); try again`,
      {
        retryAfterS: 2,
      },
    );
  } finally {
    clearTimeout(timer);
  }
}

function toCursor(key: string): string {
  return Buffer.from(key).toString("base64url");
}
function fromCursor(cursor: string): string {
  return Buffer.from(cursor, "base64url").toString();
}
