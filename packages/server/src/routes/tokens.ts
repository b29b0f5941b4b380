// Named tokens: who may come in, how far, and until when. A secret is in one answer only, that to its creation.
import { Access, Done, Scope, Token } from "@prunella/contract";
import { tokenState, type Token as TokenRecord } from "@prunella/core";
import type * as Contract from "@prunella/contract";
import { Type } from "typebox";
import { actorOf, checkedName } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { newSecret } from "../identity.ts";
import { RequestError } from "../problem.ts";
import { time, timeOrNull } from "../translate/index.ts";
import { answers, closed, doneAnswer, idParams, optional } from "./shared.ts";

const admin = { scope: "admin" } as const;

export function tokenRoutes(app: App, options: ServerOptions): void {
  const { engine, clock } = options;
  app.get(
    "/access",
    {
      schema: answers("tokens", "Whether a token is demanded, what yours allows, and who you are recorded as", Access),
    },
    async (request) => ({
      tokenNeeded: options.tokenFile !== null,
      by: actorOf(request),
      scope: request.identity?.scope ?? "read",
      token: request.identity?.token?.id ?? null,
      endsAt: timeOrNull(request.identity?.token?.endsAt ?? null),
    }),
  );
  app.get(
    "/tokens",
    {
      config: admin,
      schema: answers(
        "tokens",
        "Tokens that hold, and those that ended within a day, newest first",
        Type.Object({ items: Type.Array(Token), next: Type.Null() }),
      ),
    },
    async () => ({
      items: [...engine.world.tokens.values()].toReversed().map((token) => tokenJson(token, clock.now())),
      next: null,
    }),
  );
  app.post(
    "/tokens",
    {
      config: admin,
      schema: {
        ...answers(
          "tokens",
          "Make a token; its secret is in this answer and nowhere else",
          Type.Object({ ...Done.properties, secret: Type.String() }),
        ),
        body: closed({
          name: Type.String({ maxLength: 63, description: "Whose it is; what is done with it is recorded so" }),
          scope: Scope,
          endsAt: optional(Type.String({ format: "date-time", description: "Default: until it is revoked" })),
        }),
      },
    },
    async (request, reply) => {
      if (options.tokenFile === null)
        throw new RequestError(
          409,
          "no token is demanded here, so a token would keep nobody out; set http.token in the configuration first",
        );
      const { name, scope, endsAt } = request.body;
      const { secret, digest } = newSecret();
      const done = await engine.command({
        type: "create-token",
        by: actorOf(request),
        name: checkedName(name, "name"),
        scope,
        digest,
        endsAt: endsAt === undefined ? null : Date.parse(endsAt),
      });
      reply.header("cache-control", "no-store");
      return { ...done, secret };
    },
  );
  app.delete(
    "/tokens/:id",
    {
      config: admin,
      schema: {
        ...doneAnswer("tokens", "Revoke a token, by its id or name; it opens nothing any more"),
        params: idParams,
      },
    },
    async (request) => engine.command({ type: "revoke-token", by: actorOf(request), token: request.params.id }),
  );
}

function tokenJson(token: TokenRecord, now: number): Contract.Token {
  return {
    id: token.id,
    name: token.name,
    scope: token.scope,
    state: tokenState(token, now),
    createdAt: time(token.createdAt),
    createdBy: token.createdBy,
    endsAt: timeOrNull(token.endsAt),
    revokedBy: token.revokedBy,
    usedAt: timeOrNull(token.usedAt),
  };
}
