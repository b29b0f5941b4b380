// Every error that leaves the server is problem+json (RFC 9457): what was wrong, in which field, by which rule, and what to
// do. What goes wrong inside is logged once, with the request's id, and told to the client without its details.
import { ConflictError, InvalidInputError, NotFoundError, StoreError } from "@prunella/core";
import type { Problem } from "@prunella/contract";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { ServerOptions } from "./host.ts";

/** Refused for a reason that is the client's to mend. */
export class RequestError extends Error {
  readonly status: number;
  readonly field: string | undefined;
  readonly retryAfterS: number | undefined;
  readonly scope: string | undefined;
  constructor(
    status: number,
    message: string,
    more: { readonly field?: string; readonly retryAfterS?: number; readonly scope?: string } = {},
  ) {
    super(message);
    this.name = "RequestError";
    this.status = status;
    this.field = more.field;
    this.retryAfterS = more.retryAfterS;
    this.scope = more.scope;
  }
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Token needed",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  406: "No such representation",
  408: "Too slow",
  409: "Not in this state",
  413: "Too large",
  414: "Address too long",
  415: "Unknown kind of content",
  421: "Wrong host",
  422: "Cannot be used",
  429: "Too many requests",
  500: "Fault in Prunella",
  503: "Not available now",
};

/** When the store does not take commits, clients come back after this, s. */
const storeRetryS = 5;

export function sendProblem(
  reply: FastifyReply,
  status: number,
  detail: string,
  more: {
    readonly field?: string | undefined;
    readonly retryAfterS?: number | undefined;
    readonly scope?: string | undefined;
  } = {},
): FastifyReply {
  const title = titles[status] ?? "Refused";
  const problem: Problem = {
    type: `urn:prunella:problem:${title.toLowerCase().replaceAll(" ", "-")}`,
    title,
    status,
    detail,
    ...(more.field === undefined ? {} : { field: more.field }),
    ...(more.scope === undefined ? {} : { scope: more.scope }),
  };
  if (more.retryAfterS !== undefined) reply.header("retry-after", String(Math.max(1, Math.ceil(more.retryAfterS))));
  return reply
    .code(status)
    .header("content-type", "application/problem+json; charset=utf-8")
    .header("cache-control", "no-store")
    .send(JSON.stringify(problem));
}

export function problemHandler(options: Pick<ServerOptions, "log">) {
  return (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof RequestError) return sendProblem(reply, error.status, error.message, error);
    if (error instanceof InvalidInputError)
      return error.field === "engine"
        ? sendProblem(reply, 503, error.message, { retryAfterS: storeRetryS })
        : sendProblem(reply, 400, error.message, error);
    if (error instanceof NotFoundError)
      return sendProblem(reply, 404, `${error.message}; look at the list for what there is`);
    if (error instanceof ConflictError) return sendProblem(reply, 409, error.message);
    if (error instanceof StoreError) {
      // A sender of signals holds them and tries again; anybody else is told that the store is at fault.
      const isIngest = request.routeOptions.config.ingest === true || request.routeOptions.url === "/api/v1/signals";
      return sendProblem(reply, isIngest && error.code !== "fenced" ? 429 : 503, `${error.message}; try again later`, {
        retryAfterS: storeRetryS,
      });
    }
    const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
    if (status < 500) return sendProblem(reply, status, plain(error), fieldOf(error));
    options.log.write("error", "request-failed", {
      request: request.id,
      method: request.method,
      url: request.url,
      message: error.message,
      stack: error.stack ?? null,
    });
    return sendProblem(reply, status, `this is a fault of Prunella; its log has it as request ${request.id}`);
  };
}

/** Fastify's own refusals, in words that say what to do. */
function plain(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  switch (code) {
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return "content-type: is none that this address takes; send application/json";
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return "body: is larger than 1 MB; send less at once";
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return "body: is empty; send a JSON object, {} at least, or no content-type";
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return "content-length: does not fit the body; correct it";
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return `body: is no JSON (${error.message}); correct it`;
    default:
      return error instanceof SyntaxError ? `body: is no JSON (${error.message}); correct it` : error.message;
  }
}

function fieldOf(error: Error): { readonly field?: string } {
  if ("field" in error && typeof error.field === "string") return { field: error.field };
  const match = /^(body|content-type|content-length):/.exec(plain(error));
  return match === null ? {} : { field: match[1] ?? "body" };
}
