// The metrics of a target for charts: whole minutes from the store, or the last ten minutes as they came, from memory.
import { Series } from "@prunella/contract";
import { NotFoundError } from "@prunella/core";
import { Type, type Static } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import { time } from "../translate/index.ts";
import { answers, closed, optional, periodOf, periodQuery, present, text } from "./shared.ts";

/** Minutes in one answer at most; a longer period is refused. */
const seriesMinutesMax = 20_000;
const rawMs = 600_000;

export function seriesRoutes(app: App, options: ServerOptions): void {
  const { engine, store, clock } = options;
  app.get(
    "/targets/:key/series",
    {
      schema: {
        ...answers(
          "targets",
          "Its metrics: minutes of the last hour unless it says otherwise; with resolution=raw the last ten minutes as they came",
          Type.Object({ items: Type.Array(Series), next: Type.Null() }),
        ),
        params: closed({ key: text(200) }),
        querystring: closed({
          metric: optional(text(64)),
          resolution: optional(Type.Union([Type.Literal("minute"), Type.Literal("raw")])),
          ...periodQuery,
        }),
      },
    },
    async ({ params: { key }, query }) => {
      if (!engine.world.targets.has(key)) throw new NotFoundError("target", key);
      const raw = query.resolution === "raw";
      const { from, to } = periodOf(query, clock.now() + 1, raw ? rawMs : 3_600_000);
      if (raw) {
        const metrics = query.metric === undefined ? (engine.learned?.metrics(key) ?? []) : [query.metric];
        return {
          items: metrics.map((metric): Static<typeof Series> => ({
            metric,
            points: (engine.learned?.raw(key, metric, from, to) ?? []).map(({ at, value }) => ({
              at: time(at),
              min: value,
              mean: value,
              max: value,
              last: value,
              count: 1,
            })),
          })),
          next: null,
        };
      }
      if ((to - from) / 60_000 > seriesMinutesMax)
        throw new RequestError(400, `from: the period is longer than ${seriesMinutesMax} minutes; ask for less`, {
          field: "from",
        });
      const items = new Map<string, Static<typeof Series>["points"]>();
      for (const { target: _target, metric, at, ...point } of await store.series(
        present({ target: key, metric: query.metric, from, to }),
      )) {
        const points = items.get(metric) ?? [];
        items.set(metric, points);
        points.push({ at: time(at), ...point });
      }
      return { items: Array.from(items, ([metric, points]) => ({ metric, points })), next: null };
    },
  );
}
