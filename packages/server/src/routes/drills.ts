// Drills: the catalogue's rows with what proves them, their runs, and runs begun from here. A fault made on purpose is
// announced here before it is made, so that its incident carries the very moment and stays out of production's figures.
import { Drill, DrillRun, pageOf as pageSchema } from "@prunella/contract";
import { InvalidInputError, NotFoundError } from "@prunella/core";
import { randomUUID } from "node:crypto";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { DrillFace, ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import { drillJson, drillRunFrom, drillRunJson, pageOf, time } from "../translate/index.ts";
import { answers, closed, doneAnswer, idParams, optional, optionalBody, paging, present, text } from "./shared.ts";

/** Longest time that an announcement holds, ms. */
const announcedMsMax = 3_600_000;
/** Runs looked at for each row. */
const runsLooked = 50;

export function drillRoutes(app: App, options: ServerOptions): void {
  const { engine, clock, store } = options;
  const modes = options.drills?.modes ?? [];

  function face(): DrillFace {
    if (options.drills !== undefined) return options.drills;
    throw new RequestError(503, "no control plane runs that could run a drill; use prunella drill ID");
  }
  const rowOf = async (mode: (typeof modes)[number]) =>
    drillJson(
      mode,
      (await store.drillRuns({ drill: mode.id, limit: runsLooked })).items,
      options.drills?.schedule(mode.id) ?? null,
      clock.now(),
    );
  function modeOf(id: string): (typeof modes)[number] {
    const mode = modes.find((each) => each.id === id);
    if (mode === undefined) throw new NotFoundError("drill", id);
    return mode;
  }

  app.get(
    "/drills",
    { schema: answers("drills", "The failure modes that are known, with what proves them", pageSchema(Drill)) },
    async () => ({ items: await Promise.all(modes.map(rowOf)), next: null }),
  );
  app.get(
    "/drills/:id",
    { schema: { ...answers("drills", "One failure mode", Drill), params: idParams } },
    async (request) => rowOf(modeOf(request.params.id)),
  );
  app.post(
    "/drills/:id/runs",
    {
      schema: {
        ...doneAnswer("drills", "Run it now, in a world of its own beside this one; one at a time"),
        params: idParams,
        body: optionalBody(
          closed({
            withoutHealing: optional(Type.Boolean({ description: "Guards and remedies off: it must then fail" })),
          }),
        ),
      },
    },
    async (request) => {
      const { id } = modeOf(request.params.id);
      const run = await face().start(id, request.body?.withoutHealing === true);
      return { id: run, changed: true, message: `${id} runs as ${run}` };
    },
  );
  app.get(
    "/drill-runs",
    {
      schema: {
        ...answers("drills", "Runs of drills, newest first", pageSchema(DrillRun)),
        querystring: closed({ ...paging, drill: optional(text(200)) }),
      },
    },
    async ({ query }) => pageOf(await store.drillRuns(present({ ...query })), drillRunJson),
  );
  app.get(
    "/drill-runs/:id",
    { schema: { ...answers("drills", "One run", DrillRun), params: idParams } },
    async (request) => {
      const run = await store.drillRun(request.params.id);
      if (run === null) throw new NotFoundError("drill run", request.params.id);
      return drillRunJson(run);
    },
  );
  app.post(
    "/drill-runs",
    { schema: { ...doneAnswer("drills", "Keep a run that was made elsewhere as evidence"), body: DrillRun } },
    async (request) => {
      if (request.body.state === "running")
        throw new InvalidInputError("body.state", "is running", "send it when it has ended");
      return engine.command({ type: "record-drill", by: actorOf(request), run: drillRunFrom(request.body) });
    },
  );
  app.post(
    "/drill-runs/:id/abort",
    { schema: { ...doneAnswer("drills", "End a run; what it has broken is undone first"), params: idParams } },
    async (request) => {
      const { id } = request.params;
      const ended = face().abort(id);
      return { id, changed: ended, message: ended ? `${id} ends` : `${id} is not running` };
    },
  );
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
