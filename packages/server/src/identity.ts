// Who a request comes from and how far it reaches: the machine's owner (by the token file, or by being on this machine when no
// token is demanded), or the holder of a named token. Of a named token only a digest is kept; the secret is told once.
import { includesScope, tokensMax, tokenState, tokenUseEveryMs, type Scope, type Token } from "@prunella/core";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { EngineFace } from "./host.ts";
import { RequestError } from "./problem.ts";

export interface Identity {
  readonly scope: Scope;
  /** The named token that the request carries; null: it is the owner's. */
  readonly token: Token | null;
}

declare module "fastify" {
  interface FastifyInstance {
    /** Null: whoever it is, nobody let them in. Asked again, it says whether a request that stays open may stay. */
    identify(request: FastifyRequest): Identity | null;
  }
  interface FastifyRequest {
    identity: Identity | null;
  }
  interface FastifyContextConfig {
    /** What a token must allow; default: "read" to look, "operate" to change or send something. */
    readonly scope?: Scope;
  }
}

/** A new secret: 256 bits, behind a word by which scanners of leaked secrets know it. */
export function newSecret(): { readonly secret: string; readonly digest: string } {
  const secret = `prunella_${randomBytes(32).toString("base64url")}`;
  return { secret, digest: digestOf(secret).toString("hex") };
}

export function identifyBy(
  app: FastifyInstance,
  {
    engine,
    ownToken,
    now,
  }: { readonly engine: EngineFace; readonly ownToken: string | null; readonly now: () => number },
): void {
  const own = ownToken === null ? null : digestOf(ownToken);
  const owner: Identity = { scope: "admin", token: null };
  app.decorateRequest("identity", null);
  app.decorate("identify", (request: FastifyRequest): Identity | null => {
    const given = digestOf(/^Bearer (\S{1,512})$/i.exec(request.headers.authorization ?? "")?.[1] ?? "");
    // Digests of one length, and all of them: time tells nothing about any token.
    const isOwn = own !== null && timingSafeEqual(given, own);
    let carried: Token | null = null;
    for (const token of engine.world.tokens.values())
      if (timingSafeEqual(given, Buffer.from(token.digest, "hex"))) carried = token;
    if (isOwn) return owner;
    if (carried === null) return own === null ? owner : null;
    return tokenState(carried, now()) === "active" ? { scope: carried.scope, token: carried } : null;
  });

  /** When use of a token was noted last, so that a store that fails is not asked with every request. */
  const noted = new Map<string, number>();
  app.addHook("onRequest", async (request) => {
    request.identity = app.identify(request);
    const token = request.identity?.token ?? null;
    if (token === null) return;
    const at = now();
    if (at - Math.max(token.usedAt ?? -Infinity, noted.get(token.id) ?? -Infinity) < tokenUseEveryMs) return;
    if (noted.size >= tokensMax) noted.clear();
    noted.set(token.id, at);
    // Nobody waits for it: the store's own faults are told elsewhere, and the next use notes it again.
    engine.command({ type: "use-token", by: `person:${token.name}`, token: token.id }).catch(() => undefined);
  });
}

/** Throws 403 with the scope that is missing. */
export function demand(identity: Identity, scope: Scope): void {
  if (includesScope(identity.scope, scope)) return;
  throw new RequestError(
    403,
    `authorization: this takes a token with the scope ${scope}, and the one of ${identity.token?.name ?? "nobody"} has ${identity.scope}; use another, or ask for one (prunella tokens create NAME --scope ${scope})`,
    { field: "authorization", scope },
  );
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
