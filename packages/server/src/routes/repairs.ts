// Repairs and the remedies they come from: what was done, what waits for a decision, and the decision.
import { pageOf as pageSchema, Remedy, Repair } from "@prunella/contract";
import { NotFoundError } from "@prunella/core";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { pageOf, remedyJson, repairJson } from "../translate/index.ts";
import {
  answers,
  closed,
  doneAnswer,
  idParams,
  listOf,
  optional,
  optionalBody,
  paging,
  present,
  text,
  why,
} from "./shared.ts";

const states = ["proposed", "scheduled", "acting", "verifying", "undoing", "ended"] as const;
const query = closed({
  ...paging,
  issue: optional(text(80)),
  incident: optional(text(80)),
  target: optional(text(128)),
  remedy: optional(text(128)),
  state: listOf(Type.Union(states.map((state) => Type.Literal(state)))),
  from: optional(Type.String({ format: "date-time" })),
});
const nameParams = closed({ name: text(200) });

export function repairRoutes(app: App, options: ServerOptions): void {
  const { engine, store, clock } = options;
  app.get(
    "/repairs",
    { schema: { ...answers("repairs", "Repairs, newest first", pageSchema(Repair)), querystring: query } },
    async ({ query: { from, state, ...rest } }) =>
      pageOf(
        await store.repairs(
          present({
            ...rest,
            from: from === undefined ? undefined : Date.parse(from),
            state:
              state === undefined ? undefined : states.filter((each) => (state as readonly string[]).includes(each)),
          }),
        ),
        repairJson,
      ),
  );
  app.get(
    "/repairs/:id",
    { schema: { ...answers("repairs", "One repair", Repair), params: idParams } },
    async (request) => {
      const { id } = request.params;
      const repair = engine.world.repairs.get(id) ?? (await store.repair(id));
      if (repair === null || repair === undefined) throw new NotFoundError("repair", id);
      return repairJson(repair);
    },
  );
  for (const type of ["approve", "refuse", "cancel"] as const)
    app.post(
      `/repairs/:id/${type}`,
      { schema: { ...doneAnswer("repairs", `${type} it`), params: idParams, body: optionalBody(closed({ why })) } },
      async (request) => {
        const { id } = request.params;
        // Repairs that ended long ago are in the store only; what they answer is the same: too late.
        if (!engine.world.repairs.has(id)) {
          const ended = await store.repair(id);
          if (ended !== null)
            return { id, changed: false, message: `${id} has ended; there is nothing left to ${type}` };
        }
        return engine.command({ type, by: actorOf(request), repair: id, ...present({ why: request.body?.why }) });
      },
    );

  app.get(
    "/remedies",
    {
      schema: answers(
        "remedies",
        "What may be done about what",
        Type.Object({ items: Type.Array(Remedy), next: Type.Null() }),
      ),
    },
    async () => {
      const now = clock.now();
      return { items: engine.context().remedies.map((remedy) => remedyJson(engine, remedy, now)), next: null };
    },
  );
  const remedyOf = (name: string) => {
    const remedy = engine.context().remedies.find((each) => each.name === name);
    if (remedy === undefined) throw new NotFoundError("remedy", name);
    return remedy;
  };
  app.get(
    "/remedies/:name",
    { schema: { ...answers("remedies", "One remedy", Remedy), params: nameParams } },
    async (request) => remedyJson(engine, remedyOf(request.params.name), clock.now()),
  );
  app.post(
    "/remedies/:name/promote",
    {
      config: { scope: "admin" },
      schema: {
        ...doneAnswer("remedies", "Let its configured mode hold again, after it was demoted"),
        params: nameParams,
        body: optionalBody(closed({})),
      },
    },
    async (request) =>
      engine.command({ type: "promote", by: actorOf(request), remedy: remedyOf(request.params.name).name }),
  );
}
