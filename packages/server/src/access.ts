// Who may talk to the server, and as whom: host header, token and scope, pace of writes, and the headers that keep browsers honest.
// No cross-origin answer is ever given (no CORS headers), so pages of other sites cannot read anything.
import { InvalidInputError, type Scope } from "@prunella/core";
import { readFileSync, statSync } from "node:fs";
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from "fastify";
import { demand } from "./identity.ts";
import { RequestError } from "./problem.ts";

/** Requests a client may make: a burst, refilled at so many a second. Above it: 429 with Retry-After. */
export const pace = {
  writes: { burst: 200, perSecond: 50 },
  /** Signals and heartbeats come from programs. */
  ingest: { burst: 4_000, perSecond: 2_000 },
} as const;
/** Clients whose pace is remembered; above it the longest quiet one is forgotten. */
export const clientsMax = 1_000;

const tokenLengthMin = 16;

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase();
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

/** Refuses to listen where everybody could come in. */
export function checkBinding(host: string, tokenFile: string | null): void {
  if (!isLoopback(host) && tokenFile === null)
    throw new InvalidInputError(
      "http.host",
      `${host} can be reached from other machines, and no token protects it`,
      "set http.tokenFile, or listen on 127.0.0.1",
    );
}

/** Reads the token. Throws when the file can be read by others: they could act as its owner. */
export function readToken(tokenFile: string | null): string | null {
  if (tokenFile === null) return null;
  let mode: number;
  let text: string;
  try {
    mode = statSync(tokenFile).mode & 0o777;
    text = readFileSync(tokenFile, "utf8").trim();
  } catch (error) {
    throw new InvalidInputError(
      "http.tokenFile",
      `${tokenFile} cannot be read (${String((error as NodeJS.ErrnoException).code)})`,
      `make one: (umask 077; openssl rand -hex 32 > ${tokenFile})`,
    );
  }
  if (mode !== 0o600 && mode !== 0o400)
    throw new InvalidInputError(
      "http.tokenFile",
      `${tokenFile} has mode 0${mode.toString(8)}, so others may read it`,
      `chmod 600 ${tokenFile}`,
    );
  if (text.length < tokenLengthMin || /\s/.test(text))
    throw new InvalidInputError(
      "http.tokenFile",
      `${tokenFile} must hold one word of at least ${tokenLengthMin} characters`,
      `make one: (umask 077; openssl rand -hex 32 > ${tokenFile})`,
    );
  return text;
}

/** Alive and ready are asked by machines that carry no token; they tell nothing but yes or no. */
const openPaths = new Set(["/healthz", "/readyz", "/livez", "/-/healthy", "/-/ready"]);

declare module "fastify" {
  interface FastifyContextConfig {
    /** Programs send here: the pace is theirs, and a store that takes nothing is answered with 429. */
    readonly ingest?: boolean;
    /** The route has a key of its own instead of the token, and takes what pages of other sites send. */
    readonly ownAccess?: boolean;
    /** Anybody may read it, token or not. */
    readonly openToAll?: boolean;
  }
}

/** The built UI is the same for everybody and tells nothing; it has to be there to ask for the token. */
export const openToAll = { openToAll: true } as const;

export function guardAccess(
  app: FastifyInstance,
  options: { readonly host: string; readonly nowMs: () => number },
): void {
  const waitOf = { writes: paced(pace.writes, options.nowMs), ingest: paced(pace.ingest, options.nowMs) };
  const onLoopback = isLoopback(options.host);
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(safeHeaders);
    // A page that had its name pointed at 127.0.0.1 (DNS rebinding) still sends its own name as host.
    if (onLoopback && !isLoopback(request.hostname))
      throw new RequestError(421, "host: is none of this machine's own names; use 127.0.0.1 or localhost", {
        field: "host",
      });
    const { config } = request.routeOptions;
    const { ownAccess, openToAll: isForAll } = config;
    const isOpen = openPaths.has(request.routeOptions.url ?? "") || ownAccess === true || isForAll === true;
    if (!isOpen) {
      if (request.identity === null) {
        reply.header("www-authenticate", 'Bearer realm="prunella"');
        throw new RequestError(
          401,
          "authorization: the token is missing, wrong or over; send `Authorization: Bearer TOKEN`",
          { field: "authorization" },
        );
      }
      demand(request.identity, neededScope(request.method, request.url, config));
    }
    if (isWrite(request.method)) {
      if (ownAccess !== true) refuseForeignPages(request);
      const kind = isIngest(request.url, config) ? "ingest" : "writes";
      const waitMs = waitOf[kind](request.ip);
      if (waitMs > 0)
        throw new RequestError(
          429,
          `more than ${pace[kind].perSecond} ${kind} a second; come back in ${Math.ceil(waitMs)} ms`,
          { retryAfterS: waitMs / 1000 },
        );
    }
  });
}

const safeHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
} as const;

/** What a token must allow for a route: to send is to operate, by whatever method. */
export function neededScope(method: string, url: string, config: FastifyContextConfig = {}): Scope {
  return config.scope ?? (isIngest(url, config) || isWrite(method) ? "operate" : "read");
}

function isIngest(url: string, { ingest }: FastifyContextConfig): boolean {
  return ingest === true || /^\/api\/v1\/(signals|ping\/)/.test(url);
}

function isWrite(method: string): boolean {
  return !["GET", "HEAD", "OPTIONS"].includes(method);
}

/** A form on another site can post here without asking; the browser says so in Sec-Fetch-Site or Origin. */
function refuseForeignPages(request: FastifyRequest): void {
  const site = request.headers["sec-fetch-site"];
  const origin = request.headers.origin;
  const isForeign =
    (site !== undefined && site !== "same-origin" && site !== "none") ||
    (origin !== undefined && URL.parse(origin)?.host !== request.headers.host);
  if (isForeign)
    throw new RequestError(403, "origin: a page of another site may not change anything here; use the UI or the API", {
      field: "origin",
    });
}

/** The one place where requests are paced: a token bucket per client; answers how long to wait, ms. */
function paced(
  limit: { readonly burst: number; readonly perSecond: number },
  nowMs: () => number,
): (client: string) => number {
  const buckets = new Map<string, { level: number; at: number }>();
  return (client) => {
    const now = nowMs();
    const known = buckets.get(client) ?? { level: limit.burst, at: now };
    buckets.delete(client);
    buckets.set(client, known);
    if (buckets.size > clientsMax) buckets.delete(buckets.keys().next().value ?? "");
    known.level = Math.min(limit.burst, known.level + (Math.max(0, now - known.at) / 1000) * limit.perSecond);
    known.at = now;
    if (known.level < 1) return ((1 - known.level) / limit.perSecond) * 1000;
    known.level -= 1;
    return 0;
  };
}

/** Names of people, in headers and of tokens. */
export function checkedName(name: string, field: string): string {
  if (/^[\p{L}\p{N}][\p{L}\p{N}._@ -]{0,62}$/u.test(name)) return name;
  throw new RequestError(
    400,
    `${field}: must be 1 to 63 letters, digits, spaces or any of . _ @ -, beginning with a letter or digit; correct it`,
    { field },
  );
}

/**
 * Who acts, for the record. A named token says it, whatever else the request claims. Else it is the name that the client
 * gives, which is not proved: the owner's token is what let it in.
 */
export function actorOf(request: FastifyRequest, claimed?: string): string {
  const holder = request.identity?.token?.name;
  if (holder !== undefined) return `person:${holder}`;
  if (claimed !== undefined) return claimed;
  const given = request.headers["x-prunella-user"];
  if (given === undefined) return "person:local";
  const name = Array.isArray(given) ? (given[0] ?? "") : given;
  return `person:${checkedName(name, "x-prunella-user")}`;
}
