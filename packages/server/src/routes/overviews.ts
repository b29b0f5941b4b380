// What lists and charts of the UI need beside the records: how many issues a query finds, how often issues occurred day by
// day, KPIs day by day, the agents. Computed from the records alone, in bounded reads, and kept for a moment.
import { Kpis, issueQueryCharactersMax } from "@prunella/contract";
import { hostname } from "node:os";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { chosen } from "../issue-filter.ts";
import { kpisFrom, recordsOf, time } from "../translate/index.ts";
import { answers, closed, optional } from "./shared.ts";

const dayMs = 86_400_000;
/** A count goes no further than this; a larger one is told as "at least". */
export const countMax = 100_000;
/** Issues whose trend one request may ask for, days of a trend, and incidents read of each issue at most. */
export const trendIssuesMax = 100;
export const trendDays = 14;
const trendIncidentsMax = 500;
/** Days of daily KPIs in one answer at most, and how long one is kept, ms: they change slowly and cost a read of the period. */
const kpiDaysMax = 60;
const kpiDaysKeptMs = 60_000;

export function overviewRoutes(app: App, options: ServerOptions): void {
  const { engine, store, clock } = options;

  app.get(
    "/issue-counts",
    {
      schema: {
        ...answers(
          "issues",
          "How many issues a query finds",
          Type.Object({ total: Type.Integer(), exact: Type.Boolean({ description: "false: at least so many" }) }),
        ),
        querystring: closed({ q: optional(Type.String({ maxLength: issueQueryCharactersMax })) }),
      },
    },
    async ({ query }) => {
      const total = await store.countIssues(chosen(query.q ?? "", {}), countMax + 1);
      return { total: Math.min(total, countMax), exact: total <= countMax };
    },
  );

  app.get(
    "/issue-trends",
    {
      schema: {
        ...answers(
          "issues",
          `Incidents of issues, day by day over the last ${trendDays} days (UTC), oldest first`,
          Type.Object({
            days: Type.Array(Type.String()),
            items: Type.Record(Type.String(), Type.Array(Type.Integer())),
          }),
        ),
        querystring: closed({ ids: Type.Array(Type.String({ maxLength: 80 }), { maxItems: trendIssuesMax }) }),
      },
    },
    async ({ query: { ids } }) => {
      const today = Math.floor(clock.now() / dayMs) * dayMs;
      const from = today - (trendDays - 1) * dayMs;
      const items: Record<string, number[]> = {};
      for (const id of new Set(ids)) {
        const page = await store.incidents({ issue: id, from, limit: trendIncidentsMax });
        const counts = Array.from({ length: trendDays }, () => 0);
        for (const incident of page.items) {
          const day = Math.floor((incident.detectedAt - from) / dayMs);
          if (day >= 0 && day < trendDays) counts[day] = (counts[day] ?? 0) + 1;
        }
        items[id] = counts;
      }
      return {
        days: Array.from({ length: trendDays }, (_, day) => time(from + day * dayMs).slice(0, 10)),
        items,
      };
    },
  );

  const kept = new Map<number, { readonly at: number; readonly answer: Promise<unknown> }>();
  app.get(
    "/kpi-days",
    {
      schema: {
        ...answers(
          "reports",
          "KPIs of each of the last days (UTC), oldest first; days without any record are left out",
          Type.Object({ items: Type.Array(Type.Object({ day: Type.String(), kpis: Kpis })) }),
        ),
        querystring: closed({ days: optional(Type.Integer({ minimum: 1, maximum: kpiDaysMax })) }),
      },
    },
    async ({ query }) => {
      const days = query.days ?? 30;
      const held = kept.get(days);
      const now = clock.now();
      if (held !== undefined && now - held.at < kpiDaysKeptMs) return held.answer;
      const answer = kpiDays(days, now);
      if (kept.size >= kpiDaysMax) kept.clear();
      kept.set(days, { at: now, answer });
      answer.catch(() => kept.delete(days));
      return answer;
    },
  );

  async function kpiDays(days: number, now: number): Promise<{ readonly items: readonly unknown[] }> {
    const watched = [...engine.world.targets.values()].filter((spec) => spec.kind !== "self").map((spec) => spec.key);
    const today = Math.floor(now / dayMs) * dayMs;
    const from = today - (days - 1) * dayMs;
    const all = await recordsOf(store, watched, from, now);
    const items = [];
    for (let at = from; at <= today; at += dayMs) {
      const to = Math.min(now, at + dayMs);
      const within = (time: number): boolean => time >= at && time < to;
      const records = {
        from: at,
        to,
        incidents: all.incidents.filter((incident) => within(incident.detectedAt)),
        tallies: all.tallies.filter((tally) => within(tally.hour)),
        series: all.series.filter((point) => within(point.at)),
      };
      if (records.incidents.length + records.tallies.length + records.series.length > 0)
        items.push({ day: time(at).slice(0, 10), kpis: kpisFrom(records, false) });
    }
    return { items };
  }

  app.get(
    "/agents",
    {
      schema: answers(
        "status",
        "The agents that run and watch the services",
        Type.Object({
          items: Type.Array(
            Type.Object({ machine: Type.String(), connected: Type.Boolean(), targets: Type.Integer() }),
          ),
          next: Type.Null(),
        }),
      ),
    },
    async () => ({
      items: [
        {
          machine: hostname(),
          connected: options.agent.connected(),
          targets: [...engine.world.targets.values()].filter((spec) => spec.kind !== "self").length,
        },
      ],
      next: null,
    }),
  );
}
