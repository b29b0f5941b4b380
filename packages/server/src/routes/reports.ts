// KPIs and the status report, computed from the records of a period.
import { Kpis } from "@prunella/contract";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { kpisFrom, recordsOf } from "../translate/index.ts";
import { answers, closed, optional, periodOf, periodQuery } from "./shared.ts";

export function reportRoutes(app: App, options: ServerOptions): void {
  const { engine, store, clock } = options;
  const watched = (): string[] =>
    [...engine.world.targets.values()].filter((spec) => spec.kind !== "self").map((spec) => spec.key);
  app.get(
    "/kpis",
    {
      schema: {
        ...answers("reports", "How well it goes, with counts beside every rate; the last 24 hours by default", Kpis),
        querystring: closed({ ...periodQuery, drills: optional(Type.Boolean()) }),
      },
    },
    async ({ query }) => {
      const { from, to } = periodOf(query, clock.now());
      return kpisFrom(await recordsOf(store, watched(), from, to), query.drills ?? false);
    },
  );
}
