// Incidents: each occurrence of an issue, and a person's verdict whether it was real.
import { Incident, pageOf as pageSchema } from "@prunella/contract";
import { NotFoundError } from "@prunella/core";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { incidentJson, pageOf } from "../translate/index.ts";
import {
  answers,
  closed,
  doneAnswer,
  idParams,
  listOf,
  optional,
  paging,
  periodQuery,
  present,
  text,
} from "./shared.ts";

const query = closed({
  ...paging,
  ...periodQuery,
  issue: optional(text(80)),
  target: optional(text(128)),
  state: listOf(Type.Union([Type.Literal("open"), Type.Literal("handed-over"), Type.Literal("ended")])),
});

export function incidentRoutes(app: App, options: ServerOptions): void {
  const { engine, store } = options;
  app.get(
    "/incidents",
    { schema: { ...answers("incidents", "Incidents, newest first", pageSchema(Incident)), querystring: query } },
    async ({ query: { from, to, ...rest } }) =>
      pageOf(
        await store.incidents(
          present({
            ...rest,
            from: from === undefined ? undefined : Date.parse(from),
            to: to === undefined ? undefined : Date.parse(to),
          }),
        ),
        incidentJson,
      ),
  );
  app.get(
    "/incidents/:id",
    { schema: { ...answers("incidents", "One incident", Incident), params: idParams } },
    async (request) => {
      const { id } = request.params;
      const incident = engine.world.incidents.get(id) ?? (await store.incident(id));
      if (incident === null || incident === undefined) throw new NotFoundError("incident", id);
      return incidentJson(incident);
    },
  );
  app.post(
    "/incidents/:id/verdict",
    {
      schema: {
        ...doneAnswer("incidents", "Say whether it was real; null takes a verdict back"),
        params: idParams,
        body: closed({ verdict: Type.Union([Type.Literal("real"), Type.Literal("noise"), Type.Null()]) }),
      },
    },
    async (request) =>
      engine.command({
        type: "verdict",
        by: actorOf(request),
        incident: request.params.id,
        verdict: request.body.verdict,
      }),
  );
}
