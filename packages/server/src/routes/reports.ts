// KPIs, the status report, coverage and service level objectives, computed from the records of a period.
import { Coverage, Kpis, Report, Slo } from "@prunella/contract";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import {
  coverageJson,
  coverageOf,
  kpisFrom,
  recordsOf,
  reportJson,
  reportOf,
  sloJson,
  slosOf,
} from "../translate/index.ts";
import { answers, closed, optional, periodOf, periodQuery, text } from "./shared.ts";

const mediaTypes = { markdown: "text/markdown; charset=utf-8", html: "text/html; charset=utf-8" } as const;
/** A report page runs nothing and loads nothing; its own style sheet is the only exception. */
const reportPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

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
  app.get(
    "/report",
    {
      schema: {
        ...answers("reports", "The status report; the last 24 hours by default, as JSON, Markdown or HTML", Report),
        querystring: closed({
          ...periodQuery,
          format: optional(Type.Union([Type.Literal("json"), Type.Literal("markdown"), Type.Literal("html")])),
          compare: optional(Type.Boolean({ description: "Beside it the period of the same length before" })),
        }),
      },
    },
    async ({ query }, reply) => {
      const { from, to } = periodOf(query, clock.now());
      const report = reportJson(await reportOf(options, { from, to, compare: query.compare ?? false }));
      const { format = "json" } = query;
      if (format === "json") return report;
      if (options.render === undefined)
        throw new RequestError(501, `format: ${format} is not made here; ask for json`, { field: "format" });
      reply.header("content-type", mediaTypes[format]).header("content-security-policy", reportPolicy);
      return reply.serializer((value) => String(value)).send(options.render.report(report, format));
    },
  );
  app.get(
    "/coverage",
    { schema: answers("reports", "Share of known failure modes whose drill or incident showed each layer", Coverage) },
    async () => coverageJson(await coverageOf(options)),
  );
  app.get(
    "/slos",
    {
      schema: {
        ...answers(
          "reports",
          "Service level objectives, what is left of their error budgets, and how fast it goes",
          Type.Object({ items: Type.Array(Slo), next: Type.Null() }),
        ),
        querystring: closed({ target: optional(text(200)) }),
      },
    },
    async ({ query }) => ({
      items: (await slosOf(options))
        .filter((slo) => query.target === undefined || slo.target === query.target)
        .map(sloJson),
      next: null,
    }),
  );
}
