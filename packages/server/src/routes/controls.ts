// What holds repairs back on a person's word: pause, resume, maintenance windows.
import { Status } from "@prunella/contract";
import { InvalidInputError } from "@prunella/core";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { time } from "../translate/index.ts";
import { answers, closed, doneAnswer, idParams, optional, optionalBody, text, why } from "./shared.ts";

const yearMs = 366 * 86_400_000;
const target = optional(Type.Union([text(128), Type.Null()], { description: "A target; absent or null: all of them" }));

export function controlRoutes(app: App, options: ServerOptions): void {
  const { engine, clock } = options;
  app.post(
    "/pause",
    {
      schema: {
        ...doneAnswer("controls", "Start no new repair, anywhere or of one target"),
        body: optionalBody(closed({ target, why, forMs: optional(Type.Integer({ minimum: 1_000, maximum: yearMs })) })),
      },
    },
    async (request) => {
      const body = request.body ?? {};
      if (body.forMs !== undefined && (body.target ?? null) === null)
        throw new InvalidInputError("forMs", "needs a target", "name a target, or leave it out and resume by hand");
      return engine.command({
        type: "pause",
        by: actorOf(request),
        target: body.target ?? null,
        why: body.why ?? "",
        forMs: body.forMs ?? null,
      });
    },
  );
  app.post(
    "/resume",
    { schema: { ...doneAnswer("controls", "Let repairs go on"), body: optionalBody(closed({ target })) } },
    async (request) => engine.command({ type: "resume", by: actorOf(request), target: request.body?.target ?? null }),
  );
  app.get(
    "/maintenance",
    {
      schema: answers(
        "controls",
        "Maintenance windows that are not over",
        Type.Object({ items: Status.properties.maintenance, next: Type.Null() }),
      ),
    },
    async () => ({
      items: engine.world.settings.maintenance
        .filter((window) => window.to > clock.now())
        .map((window) => ({ ...window, from: time(window.from), to: time(window.to) })),
      next: null,
    }),
  );
  app.post(
    "/maintenance",
    {
      schema: {
        ...doneAnswer("controls", "Start no repair in a window of time; faults are still found and filed"),
        body: closed({
          target,
          from: optional(Type.String({ format: "date-time", description: "Default: now" })),
          to: Type.String({ format: "date-time" }),
          why,
        }),
      },
    },
    async (request) => {
      const { from, to, target: key, why: reason } = request.body;
      return engine.command({
        type: "maintenance",
        by: actorOf(request),
        target: key ?? null,
        from: from === undefined ? clock.now() : Date.parse(from),
        to: Date.parse(to),
        why: reason ?? "",
      });
    },
  );
  app.delete(
    "/maintenance/:id",
    { schema: { ...doneAnswer("controls", "End a maintenance window"), params: idParams } },
    async (request) => engine.command({ type: "end-maintenance", by: actorOf(request), id: request.params.id }),
  );
}
