// Targets: how each is, and its guards; and what a person may order of it. Its metrics: series.ts; its output: logs.ts.
import { Target } from "@prunella/contract";
import { NotFoundError, type TargetSpec } from "@prunella/core";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import { targetJson, targetList } from "../translate/index.ts";
import { answers, closed, doneAnswer, optional, paging, text, why } from "./shared.ts";

const params = closed({ key: text(200) });
const itemsOf = <T extends Parameters<typeof Type.Array>[0]>(of: T) =>
  Type.Object({ items: Type.Array(of), next: Type.Null() });

export function targetRoutes(app: App, options: ServerOptions): void {
  const { engine, clock, agent } = options;

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

function toCursor(key: string): string {
  return Buffer.from(key).toString("base64url");
}
function fromCursor(cursor: string): string {
  return Buffer.from(cursor, "base64url").toString();
}
