// Changes that people and pipelines tell of (a deploy, a setting), so that what follows can be explained by them.
import { InvalidInputError, type EventSignal } from "@prunella/core";
import { randomUUID } from "node:crypto";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { answers, closed, optional, text } from "./shared.ts";

/** How far back a change may be dated, ms: it explains nothing older. */
const backMsMax = 86_400_000;

export function changeRoutes(app: App, options: ServerOptions): void {
  const { engine, clock } = options;
  app.post(
    "/changes",
    {
      schema: {
        ...answers("ingest", "Tell of a change: a deploy, a setting", Type.Object({ id: Type.String() })),
        body: closed({
          target: text(128),
          what: optional(Type.Union(["deploy", "config", "restart", "environment"].map((what) => Type.Literal(what)))),
          summary: Type.String({ minLength: 1, maxLength: 500, description: "Such as the version: 1f3a" }),
          at: optional(Type.String({ format: "date-time", description: "When it was made; default: now" })),
        }),
      },
    },
    async ({ body }) => {
      if (!engine.world.targets.has(body.target))
        throw new InvalidInputError(
          "body.target",
          `${JSON.stringify(body.target)} is not in the configuration`,
          "name a target of /api/v1/targets",
        );
      const now = clock.now();
      const at = body.at === undefined ? now : Date.parse(body.at);
      if (at > now + 60_000 || at < now - backMsMax)
        throw new InvalidInputError("body.at", "lies in the future or more than a day back", "leave it out for now");
      const id = `change:${randomUUID()}`;
      const change: EventSignal = {
        id,
        type: "change",
        target: body.target,
        at: Math.min(at, now),
        what: (body.what ?? "deploy") as "deploy",
        summary: body.summary,
      };
      await engine.ingest([change]);
      return { id };
    },
  );
}
