// Drills: a fault made on purpose is announced here before it is made, so that its incident carries the very moment and is
// kept out of the figures of production.
import { InvalidInputError } from "@prunella/core";
import { randomUUID } from "node:crypto";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { time } from "../translate/index.ts";
import { answers, closed, optional, text } from "./shared.ts";

/** Longest time that an announcement holds, ms. */
const announcedMsMax = 3_600_000;

export function drillRoutes(app: App, options: ServerOptions): void {
  const { engine, clock } = options;
  app.post(
    "/drills/announce",
    {
      schema: {
        ...answers(
          "drills",
          "Say that a fault is about to be made on a target: what goes bad from now on is the drill's doing",
          Type.Object({ beganAt: Type.String(), untilAt: Type.String() }),
        ),
        body: closed({
          target: text(200),
          drill: text(100),
          forMs: optional(
            Type.Integer({ minimum: 100, maximum: announcedMsMax, description: "How long it holds; default 60,000" }),
          ),
        }),
      },
    },
    async ({ body }) => {
      if (!engine.world.targets.has(body.target))
        throw new InvalidInputError(
          "body.target",
          `${JSON.stringify(body.target)} is not in the configuration`,
          "name a target of /api/v1/targets; a drill never reaches what nobody configured",
        );
      const beganAt = clock.now();
      const untilAt = beganAt + (body.forMs ?? 60_000);
      await engine.ingest([
        {
          id: `drill:${randomUUID()}`,
          type: "drill",
          target: body.target,
          at: beganAt,
          drill: body.drill,
          beganAt,
          untilAt,
        },
      ]);
      return { beganAt: time(beganAt), untilAt: time(untilAt) };
    },
  );
}
